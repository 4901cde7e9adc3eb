"""Preprocessing, frames to a written store, against a bare OpenCV loop on one core."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from cagewatch.params import resolve
from cagewatch.preprocess import preprocessing_of
from cagewatch.recordings import Recording
from cagewatch.runtime import available_cores
from cagewatch.simulate import write_dataset
from cagewatch.store import build_stores

FRAMES = 3000  # per recording; two recordings, so that two cores have one each
RUNS = 3
GOALS = {"one core": None, "all cores": 3.5}


def loop_bare(video: Path) -> None:
    """What a user would write: decode, gray, resize, Farneback, nothing stored, one thread."""
    cv2.setNumThreads(1)
    capture, previous = cv2.VideoCapture(str(video)), None
    while (read := capture.read())[0]:
        gray = cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY)
        gray = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA)
        if previous is not None:
            cv2.calcOpticalFlowFarneback(previous, gray, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        previous = gray


def rate_of(work: Callable[[], object], n_frames: int) -> float:
    """Frames per second, the median of several runs."""
    rates = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        rates.append(n_frames / (time.perf_counter() - began))
    return statistics.median(rates)


def measure() -> list[dict[str, Any]]:
    """Frame rates of the bare loop and of ours, on one core and on all; the ratio to the loop."""
    settings = preprocessing_of(resolve({"dataset": "simulated"}))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dataset(folder, seed=0, n_recordings=2, n_frames=FRAMES, rare=20, progress=False)
        videos = sorted((folder / "full_database").glob("*.mpg"))
        recordings = [Recording(video.stem, video) for video in videos]

        def build(cores: int) -> None:
            shutil.rmtree(folder / "stores", ignore_errors=True)
            build_stores(recordings, folder / "stores", settings, cores, progress=False)

        total = FRAMES * len(videos)
        bare = rate_of(lambda: [loop_bare(video) for video in videos], total)
        rows = []
        for label, cores in (("one core", 1), ("all cores", available_cores())):
            ours = rate_of(lambda cores=cores: build(cores), total)
            goal = GOALS[label]
            rows.append(
                {
                    "what": f"preprocessing, {label}",
                    "value": round(ours),
                    "unit": "frames/s",
                    "reference": f"bare OpenCV loop, {bare:.0f} frames/s",
                    "ratio": round(ours / bare, 2),
                    "goal": f"at least {goal}" if goal else "",
                }
            )
    return rows
