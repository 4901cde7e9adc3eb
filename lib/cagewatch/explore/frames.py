"""What a moment looks like: its frame, and what the detector makes of it.

A detector that rebuilds clips shows what it saw, what it gave back and the error. Any other shows
its reason: where the picture moved most and how fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from cagewatch.cages.cage import CAGE_FILE
from cagewatch.cages.table import RECORDINGS_FILE, read_recordings_table
from cagewatch.detectors.fusion import find_reasons
from cagewatch.errors import InputError
from cagewatch.explore.reasons import describe_motion, describe_parts, draw_motion, motions_of
from cagewatch.names import safe_name
from cagewatch.params import project_root, read_layer, validate
from cagewatch.plots import picture_of
from cagewatch.recordings import Recording, load_recordings
from cagewatch.runs import FinishedRun, open_detector
from cagewatch.store import Store, open_store, store_folder
from cagewatch.store.preprocess import preprocessing_of
from cagewatch.video.seek import read_frames_at, stamps_between

HEIGHT, SMALL = 330, 150  # rows of the recording's picture and of a stream's
LARGEST_ERROR = 0.3  # of the range of gray or flow; brighter on no error map of any run
GAP = 6  # pixels between pictures
MOST_FRAMES = 64  # fetched together at most


class Reconstruction(NamedTuple):
    """What a detector saw and gave back: (n, rows, columns, channels) float32 by stream name."""

    seen: dict[str, np.ndarray]
    given: dict[str, np.ndarray]


class Moments(NamedTuple):
    """Successive moments of a recording.

    Attributes
    ----------
    pictures : JPEG, one a frame; empty if neither video nor store is there.
    captions : what is to be said of each picture.
    problems : sentences on what could not be shown.
    """

    pictures: list[bytes]
    captions: list[str]
    problems: list[str]


def find_store(run: FinishedRun, name: str) -> Store:
    """Store of one of the run's recordings; InputError if it is not on this machine."""
    parameters = run.parameters
    folder = store_folder(
        project_root() / Path(parameters.results_dir).expanduser(),
        parameters.dataset,
        preprocessing_of(parameters),
    )
    if not (folder / name / "manifest.json").is_file():
        raise InputError(
            f"The store of {name} is not in {folder}; run the notebook experiment here to make it."
        )
    return open_store(folder / name)


def find_source(run: FinishedRun, name: str) -> Path:
    """Where one of the run's recordings lies; InputError if nothing says so.

    A cage's is that of its recordings.csv, or the copy at another rate that was trained on; any
    other run's parameters say how its recordings are read.
    """
    folder = run.folder.parents[3]
    if not (folder / CAGE_FILE).is_file():
        for recording in _recordings(run.folder, run.digest):
            if recording.name == name:
                return recording.source
        raise InputError(f"The recording {name!r} is no longer in {run.parameters.data_dir}.")
    copy = folder / "stores" / "resampled" / f"{name}.mkv"
    if copy.is_file():
        return copy
    files = read_recordings_table(folder).set_index("recording")["file"]
    # Training names a recording in a subfolder with a dash.
    found = {recording.replace("/", "-"): file for recording, file in files.items()}
    if file := found.get(safe_name(name)):
        return Path(file)
    raise InputError(f"{folder / RECORDINGS_FILE} has no file for the recording {name!r}; add it.")


@lru_cache(maxsize=4)
def _recordings(folder: Path, digest: int) -> list[Recording]:
    return load_recordings(validate(read_layer(folder / "params.yaml")))


def reconstruct(run: FinishedRun, store: Store, first: int, last: int) -> Reconstruction:
    """Let the run's detector rebuild frames `first` to `last` (exclusive) of a store.

    The frames are cut into clips laid end to end; the last clip ends with the last frame.
    InputError if the detector rebuilds nothing, or the recording is shorter than a clip.
    """
    length = run.parameters.clip_length
    detector = open_detector(run.folder)
    if not detector.rebuilds:
        raise InputError(f"{run.parameters.model} gives a score and rebuilds no picture.")
    if len(store) < length:
        raise InputError(f"{store.name} is shorter than a clip of {length} frames.")
    last = min(max(last, length), len(store))
    begin = max(0, min(first, last - length))
    starts = [*range(begin, last - length + 1, length)]
    starts += [last - length] if starts[-1] != last - length else []
    clips = [slice(start, start + length) for start in starts]
    rebuilt = [detector.rebuild_clip(store.gray[part], store.flow[part]) for part in clips]
    order = np.concatenate([np.arange(start, start + length) for start in starts])
    keep = np.unique(order, return_index=True)[1][first - begin :]
    return Reconstruction(
        *(
            {name: np.concatenate([one[side][name] for one in rebuilt])[keep] for name in streams}
            for side, streams in enumerate(rebuilt[0])
        )
    )


def picture_moments(run: FinishedRun, name: str, rows: pd.DataFrame) -> Moments:
    """Pictures of successive frames of one recording, with what the detector makes of them.

    `rows` are those of the run's table of frames.
    """
    numbers, times = rows["frame"].to_numpy(), rows["time_s"].to_numpy(float)
    first, last = int(numbers[0]), int(numbers[-1]) + 1
    times = stamps_between(numbers, times)
    problems: list[str] = []
    frames, blocks, captions = [], [], [""] * (last - first)
    try:
        frames = read_frames_at(find_source(run, name), first, times)
    except InputError as error:
        problems.append(str(error))
    try:
        if open_detector(run.folder).rebuilds:
            blocks = _picture_streams(reconstruct(run, find_store(run, name), first, last))
    except InputError as error:
        problems.append(str(error))
    reference = run.metrics.get("reference_scores", {})
    parts = [describe_parts(row, reference) for _, row in rows.iterrows()]
    reasons = [reason and f"reason: {reason}" for reason in find_reasons(rows)]
    pictures: list[np.ndarray] = []
    if frames and not blocks:
        pictures, captions = picture_motion(frames, times, run)
    elif blocks:
        pictures = blocks
        if frames:
            large = [_resize(frame, HEIGHT) for frame in frames]
            pictures = [join_pictures(pair) for pair in zip(large, blocks, strict=True)]
    chosen = numbers - first
    captions = [
        "; ".join(filter(None, (reason, captions[index], part)))
        for index, part, reason in zip(chosen, parts, reasons, strict=True)
    ]
    encoded = [encode(pictures[index]) for index in chosen] if pictures else []
    return Moments(encoded, captions, problems)


def picture_motion(
    frames: Sequence[np.ndarray], times: np.ndarray, run: FinishedRun
) -> tuple[list[np.ndarray], list[str]]:
    """Mark in each of successive gray frames where it moved most, and say how fast: BGR, words."""
    motions = motions_of(frames, times, preprocessing_of(run.parameters))
    pictures = [draw_motion(*pair) for pair in zip(frames, motions, strict=True)]
    captions = [describe_motion(motion) for motion in motions]
    return [_resize(picture, HEIGHT) for picture in pictures], captions


def join_pictures(pictures: Sequence[np.ndarray], down: bool = False) -> np.ndarray:
    """Pictures side by side, or one below the other, the smaller ones padded with white: BGR."""
    pictures = [_colour(picture) for picture in pictures]
    heights, widths = zip(*(picture.shape[:2] for picture in pictures), strict=True)
    gaps = GAP * (len(pictures) - 1)
    size = (sum(heights) + gaps, max(widths)) if down else (max(heights), sum(widths) + gaps)
    sheet = np.full((*size, 3), 255, np.uint8)
    place = 0
    for picture, height, width in zip(pictures, heights, widths, strict=True):
        top, left = (place, 0) if down else (0, place)
        sheet[top : top + height, left : left + width] = picture
        place += (height if down else width) + GAP
    return sheet


def _picture_streams(shown: Reconstruction) -> list[np.ndarray]:
    """For each frame one picture of all streams: seen, given back and error, under their names."""
    streams = []
    for stream, seen in shown.seen.items():
        given = shown.given[stream]
        error = np.abs(seen - given).mean(axis=-1) / LARGEST_ERROR
        rows = zip(picture_of(stream, seen), picture_of(stream, given), error, strict=True)
        streams.append(
            [
                join_pictures(
                    [
                        _named(f"{stream} seen", _bytes(one)),
                        _named("given back", _bytes(two)),
                        _named("error", cv2.applyColorMap(_bytes(three), cv2.COLORMAP_INFERNO)),
                    ]
                )
                for one, two, three in rows
            ]
        )
    return [join_pictures(pair, down=True) for pair in zip(*streams, strict=True)]


def _bytes(picture: np.ndarray) -> np.ndarray:
    """A gray or RGB picture in [0, 1] as uint8, RGB turned into BGR."""
    values = np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    return values[..., ::-1] if values.ndim == 3 else values


def _colour(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture


def _resize(picture: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    how = cv2.INTER_NEAREST if picture.shape[0] < height / 3 else cv2.INTER_AREA
    return cv2.resize(picture, (width, height), interpolation=how)


def _named(name: str, picture: np.ndarray) -> np.ndarray:
    tile = _resize(_colour(np.ascontiguousarray(picture)), SMALL - 15)
    tile = cv2.copyMakeBorder(tile, 15, 0, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(tile, name, (1, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def encode(picture: np.ndarray) -> bytes:
    """A picture as JPEG."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
