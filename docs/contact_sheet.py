"""Make the picture of the simulated behaviours, labelled as simulated: `make screenshots`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from cagewatch.files import whole_file
from cagewatch.simulate.cage import WIDTH
from cagewatch.simulate.ethogram import BEHAVIOURS, Bout
from cagewatch.simulate.mouse.body import Part
from cagewatch.simulate.mouse.motion import LEAD
from cagewatch.simulate.render import recording_poses, render_frames

PLACE = Path(__file__).resolve().parents[1] / "figures" / "simulated" / "contact_sheet.png"
SHOWN = ("simulated_day_01", 0)  # recording and seed
ROWS = slice(94, 224)  # the tub, from the rim down
COLUMNS = 124
PICTURES = 8  # of each behaviour
EVERY = 3  # frames from one picture to the next: a tenth of a second
GREYS = 24  # grey levels in the file: enough to look at, and small


def contact_sheet(path: Path) -> None:
    """Write a PNG of one row per behaviour, eight pictures a tenth of a second apart."""
    lead = dict.fromkeys(BEHAVIOURS, 40) | {"walk": 30, "rear": 10, "drink": 12}
    bouts, taken, frame = [], {}, 0
    for behaviour in (b for b in BEHAVIOURS if b != "walk"):
        for kind in ("walk", behaviour):  # walks lead between the places
            length = lead[kind] + PICTURES * EVERY + LEAD
            taken[kind] = range(frame + lead[kind], frame + length - LEAD, EVERY)
            bouts.append(Bout(kind, frame, frame + length))
            frame += length
    hip = np.concatenate([block[:, Part.X] for block in recording_poses(*SHOWN, bouts)])
    rendered, done, shown = render_frames(*SHOWN, bouts), 0, {}
    for behaviour, wanted in sorted(taken.items(), key=lambda item: item[1].start):
        frames = islice(rendered, wanted.start - done, wanted.stop - done, EVERY)
        left = int(np.clip(hip[wanted].mean() - COLUMNS / 2, 0, WIDTH - COLUMNS))
        row = [np.pad(one[ROWS, left : left + COLUMNS], ((0, 0), (0, 2))) for one in frames]
        bar = np.full((16, len(row) * (COLUMNS + 2)), 255, np.uint8)
        words = (f"{behaviour} - simulated, 0.1 s apart", (4, 12))
        cv2.putText(bar, *words, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
        shown[behaviour] = [bar, np.hstack(row)]
        done = wanted.stop
    sheet = np.vstack([part for behaviour in BEHAVIOURS for part in shown[behaviour]])
    step = 255 / (GREYS - 1)
    sheet = np.rint(np.rint(cv2.bilateralFilter(sheet, 5, 18, 2) / step) * step)
    with whole_file(path) as partial:
        cv2.imwrite(str(partial), sheet.astype(np.uint8))


if __name__ == "__main__":
    contact_sheet(PLACE)
