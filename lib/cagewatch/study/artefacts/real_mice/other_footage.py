"""Footage that nobody labelled, scored by detectors that were fitted on other cameras.

``python -m cagewatch.study.artefacts.real_mice.other_footage <footage> <tables> <run folder> ...``

Every video and every ``.mat`` file (variable ``I``, time last) in the folder is scored by each
run's detector. There is no right or wrong without labels; the table says how far the scores lie
from those of the detector's own normal training frames.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy.io import loadmat

from cagewatch.detectors import Computing, Detector, Footage
from cagewatch.errors import InputError
from cagewatch.plots import name_model
from cagewatch.runs.read import open_detector
from cagewatch.store import preprocessing_of
from cagewatch.study.tables import write_table
from cagewatch.video import VIDEO_SUFFIXES, probe, read_frames, thin_frames

RATE = 30.0  # frames per second that footage is thinned to, where it has more
WIDEST = 360  # pixels; wider frames are shrunk to it, as detectors saw no larger ones
RARE = 0.999  # quantile of the training scores whose excess is counted
# Rows and columns with another program's caption left out: [left, top, width, height].
REGIONS = {"MIT_result.gif": (0, 0, 320, 205)}


def read_footage(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Yield time in s and luminance, (height, width) uint8; thinned to `RATE`, at most `WIDEST`."""
    if path.suffix.lower() == ".mat":
        frames = np.moveaxis(loadmat(path)["I"], -1, 0)
        if frames.ndim == 4:
            frames = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in frames]
        timed = ((number / RATE, one) for number, one in enumerate(frames))
    else:
        fps = probe(path, RATE).fps
        timed = read_frames(path, fps=fps)
        if fps > RATE:
            timed = ((time, one) for _, time, one in thin_frames(timed, RATE))
    for time, frame in timed:
        height, width = frame.shape
        if width > WIDEST:
            size = (WIDEST, round(height * WIDEST / width))
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        yield time, np.ascontiguousarray(frame)


def score_footage(detector: Detector, path: Path) -> np.ndarray:
    """Score every frame of a file: (n_frames,) float64. The whole frame but a caption is used."""
    parameters = detector.parameters.model_copy(update={"region": None, "rotate": 0})
    settings = replace(preprocessing_of(parameters), region=REGIONS.get(path.name))
    footage = Footage(path.name, settings, RATE, partial(read_footage, path))
    return detector.score(footage)["score"]


def tabulate_footage(footage: Sequence[Path], runs: Sequence[Path], folder: Path) -> pd.DataFrame:
    """One row a file and detector; writes ``real_mice_other`` and returns it."""
    rows = []
    for run in runs:
        detector = open_detector(run, Computing(cores=1))
        normal = detector.reference["score"]
        for path in footage:
            scores = score_footage(detector, path)
            rows.append(
                {
                    "Detector": name_model(detector.parameters.model),
                    "Fitted on": detector.parameters.dataset,
                    "Footage": path.name,
                    "Frames": len(scores),
                    "Shift": float((np.median(scores) - normal.mean()) / max(normal.std(), 1e-12)),
                    "Above 1 in 1000": float(np.mean(scores > np.quantile(normal, RARE))),
                }
            )
    table = pd.DataFrame(rows)
    write_table(
        table,
        folder,
        "real_mice_other",
        "Real footage without labels, scored by detectors fitted on other footage",
        "shift: median score less the mean of the training scores, in their standard deviations; "
        "above 1 in 1000: share of frames above the score that 1 in 1,000 training frames exceeds; "
        f"thinned to {RATE:g} frames per second and shrunk to {WIDEST} pixels across",
    )
    return table


def find_footage(folder: Path) -> list[Path]:
    """Videos and ``.mat`` files in a folder and below; InputError if there are none."""
    suffixes = {*VIDEO_SUFFIXES, ".gif", ".mat"}
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    if not found:
        raise InputError(f"There is no video or .mat file in {folder}; name another folder.")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("footage", type=Path, nargs=1)
    parser.add_argument("folder", type=Path, help="where the table goes")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs")
    given = parser.parse_args()
    try:
        files = find_footage(*given.footage)
        print(tabulate_footage(files, given.runs, given.folder).round(3).to_string())
    except InputError as error:
        sys.exit(f"cagewatch: {error}")
