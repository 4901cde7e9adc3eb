"""Pictures of the simulated behaviours: a contact sheet and a moving strip, both so labelled."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from cagewatch.files import whole_file
from cagewatch.simulate.cage import WIDTH
from cagewatch.simulate.ethogram import BEHAVIOURS, Bout
from cagewatch.simulate.motion import LEAD
from cagewatch.simulate.mouse import Part
from cagewatch.simulate.render import recording_poses, render_frames

ROWS = slice(94, 224)  # the tub, from the rim down
GREYS = 24  # grey levels in the files: enough to look at, and small
EVERY = 3  # frames from one picture to the next: a tenth of a second


def show_behaviours(name: str, seed: int, n_pictures: int, columns: int) -> dict[str, np.ndarray]:
    """Render each behaviour in turn, as one recording with walks between the places.

    Returns
    -------
    dict of behaviour to (n_pictures, 130, columns) uint8 luminance, every third frame, in a
    window that stays where the mouse is on average.
    """
    lead = dict.fromkeys(BEHAVIOURS, 40) | {"walk": 30, "rear": 10, "drink": 12}
    bouts, taken, frame = [], {}, 0
    for behaviour in (b for b in BEHAVIOURS if b != "walk"):
        for kind in ("walk", behaviour):
            length = lead[kind] + n_pictures * EVERY + LEAD
            taken[kind] = range(frame + lead[kind], frame + length - LEAD, EVERY)
            bouts.append(Bout(kind, frame, frame + length))
            frame += length
    hip = np.concatenate([block[:, Part.X] for block in recording_poses(name, seed, bouts)])
    rendered, done, shown = render_frames(name, seed, bouts), 0, {}
    for behaviour, wanted in sorted(taken.items(), key=lambda item: item[1].start):
        frames = np.stack(list(islice(rendered, wanted.start - done, wanted.stop - done, EVERY)))
        done = wanted.stop
        left = int(np.clip(hip[wanted].mean() - columns / 2, 0, WIDTH - columns))
        shown[behaviour] = frames[:, ROWS, left : left + columns]
    return {behaviour: shown[behaviour] for behaviour in BEHAVIOURS}


def contact_sheet(path: Path, *, name: str = "simulated_day_01", seed: int = 0) -> None:
    """Write a PNG of one row per behaviour, eight pictures a tenth of a second apart."""
    rows = []
    for behaviour, frames in show_behaviours(name, seed, n_pictures=8, columns=124).items():
        strip = np.hstack([np.pad(picture, ((0, 0), (0, 2))) for picture in frames])
        rows += [_caption(f"{behaviour} - simulated, 0.1 s apart", strip.shape[1]), strip]
    with whole_file(Path(path)) as partial:
        cv2.imwrite(str(partial), _few_greys(np.vstack(rows)))


def moving_strip(path: Path, *, name: str = "simulated_day_01", seed: int = 0) -> None:
    """Write a GIF of all behaviours side by side at true speed, three seconds of each."""
    panels = []
    for behaviour, frames in show_behaviours(name, seed, n_pictures=30, columns=180).items():
        small = [cv2.resize(f, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA) for f in frames]
        caption = _caption(behaviour, small[0].shape[1])
        panels.append(np.stack([np.vstack([caption, picture]) for picture in small]))
    half = len(panels) // 2
    grid = np.concatenate(
        [np.concatenate(panels[:half], axis=2), np.concatenate(panels[half:], axis=2)], axis=1
    )
    title = _caption("simulated", grid.shape[2])
    pictures = [_few_greys(np.vstack([title, picture])) for picture in _still(grid)]
    with whole_file(Path(path)) as partial:
        _write_gif(partial, pictures)


def _still(frames: np.ndarray, threshold: int = 14) -> np.ndarray:
    """Repeat a pixel until it changes by more than the noise, which keeps the file small."""
    stilled = [frames[0]]
    for frame in frames[1:]:
        before = stilled[-1].astype(np.int16)
        change = cv2.blur(np.abs(frame - before).astype(np.float32), (3, 3)) > threshold / 2
        stilled.append(np.where(change, frame, before).astype(np.uint8))
    return np.stack(stilled)


def _write_gif(path: Path, pictures: list[np.ndarray]) -> None:
    height, width = pictures[0].shape
    with av.open(path, "w", format="gif") as container:
        stream = container.add_stream("gif", rate=Fraction(30000, 1001) / EVERY)
        stream.width, stream.height, stream.pix_fmt = width, height, "gray"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())


def _few_greys(picture: np.ndarray) -> np.ndarray:
    smooth = cv2.bilateralFilter(picture, 5, 18, 2)
    step = 255 / (GREYS - 1)
    return np.rint(np.rint(smooth / step) * step).astype(np.uint8)


def _caption(text: str, width: int) -> np.ndarray:
    bar = np.full((16, width), 255, np.uint8)
    return cv2.putText(bar, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
