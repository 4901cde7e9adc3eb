"""How much a mouse's pixels change, real and simulated: ``python -m benchmarks.cage_statistics``.

``--real FOLDER`` holds the real footage (``mit_sample`` and ``mit_mouse/footage``). The measure is
the absolute difference of successive frames, smoothed by one pixel and brought to the same wall
tone, less 8 grey levels for noise, summed over the tub and divided by 1,500 pixels, about the area
of a mouse. No detector has a part in it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cagewatch.simulate import BEHAVIOURS, Bout, recording_bouts
from cagewatch.simulate.writer import write_recording
from cagewatch.video import read_frames

NOISE = 8.0  # grey levels that noise and compression may change a pixel by
WALL = 110.0  # tone of the wall behind the cage that all are brought to
AREA = 1500.0  # pixels
STILL = 0.15  # change below which a frame counts as still
EDGE = 8  # frames left out at either end of a bout, at most a quarter of it
SHORTEST = 16  # frames of a bout that is measured
TUB = (slice(105, 222), slice(15, 305))  # rows and columns at 320x240
BARE_WALL = (slice(115, 150), slice(230, 280))
LAG = 6  # frames by which events follow their labels in the real sample (best correlation)
# By eye: seated, face then flank. The label "groom" nearby (1776 to 1865) begins with a walk.
GROOMING = Bout("groom (by eye)", 1830, 1895)


def measure_change(frames: Iterable[np.ndarray]) -> np.ndarray:
    """Change from each frame to the next, (n - 1,) float64, grey levels per pixel of the mouse."""
    small = (cv2.resize(f, (320, 240), interpolation=cv2.INTER_AREA) for f in frames)
    smooth = (cv2.GaussianBlur(f, (0, 0), 1).astype(np.float32) for f in small)
    changes = []
    for before, after in pairwise(smooth):
        gain = WALL / np.median(after[BARE_WALL])
        step = np.abs(after[TUB] - before[TUB]) * gain - NOISE
        changes.append(np.maximum(step, 0).sum() / AREA)
    return np.array(changes)


def cut_bouts(change: np.ndarray, bouts: Iterable[Bout], lag: int = 0) -> Iterator[tuple]:
    """Yield behaviour and changes inside each bout that is long enough, without its edges."""
    for name, start, stop in bouts:
        start, stop = start + lag, min(stop + lag, len(change))
        edge = min(EDGE, (stop - start) // 4)
        if stop - start >= SHORTEST:
            yield name, change[start + edge : stop - edge]


def summarise(pieces: Iterable[tuple[str, np.ndarray]]) -> pd.DataFrame:
    """One row per behaviour: bouts, frames, median, 10 and 90 %, still frames, spread in a bout."""
    found: dict[str, list[np.ndarray]] = {}
    for name, change in pieces:
        found.setdefault(name, []).append(change)
    rows = {}
    for name in sorted(found):
        every = np.concatenate(found[name])
        low, median, high = np.percentile(every, [10, 50, 90])
        spread = np.mean([x.std() / max(x.mean(), 1e-6) for x in found[name]])
        rows[name] = {
            "bouts": len(found[name]),
            "frames": len(every),
            "median": round(float(median), 2),
            "10 to 90 %": f"{low:.2f} to {high:.2f}",
            "still": round(float((every < STILL).mean()), 2),
            "SD / mean": round(float(spread), 1),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def read_sample(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Changes in the labelled sample and in the two clips of drinking."""
    change = measure_change(f for _, f in read_frames(folder / "mit_sample/predicted_new.avi"))
    bouts = []
    for line in (folder / "mit_sample/mice2.txt").read_text().splitlines():
        _, frames, name = line.split()
        first, last = map(int, frames.split("-"))
        bouts.append(Bout(name, first - 1, last))
    yield from cut_bouts(change, (bout for bout in bouts if bout.behaviour != "groom"), LAG)
    yield from cut_bouts(change, [GROOMING])
    for clip in sorted((folder / "mit_mouse/footage").glob("clip_drink*.mat")):
        change = measure_change(frame for _, frame in read_frames(clip))
        yield "drink", change


def simulate_days(n_recordings: int, n_frames: int, rare: float) -> Iterator[tuple]:
    """Changes in simulated recordings by day, as encoded."""
    for number in range(1, n_recordings + 1):
        name = f"simulated_day_{number:02d}"
        with tempfile.TemporaryDirectory() as folder:
            write_recording(Path(folder), name, 0, n_frames, rare)
            change = measure_change(f for _, f in read_frames(Path(folder) / f"{name}.mpg"))
        yield from cut_bouts(change, recording_bouts(name, 0, n_frames, rare))


def main() -> None:
    """Print a table for the simulated cage and, where it is at hand, one for real footage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cage_statistics")
    parser.add_argument("--real", type=Path, help="folder of the real footage")
    parser.add_argument("--recordings", type=int, default=8)
    parser.add_argument("--frames", type=int, default=6000)
    parser.add_argument("--rare", type=float, default=20.0)
    given = parser.parse_args()
    if given.real:
        print("Real\n", summarise(read_sample(given.real)).to_markdown(), "\n", sep="")
    simulated = summarise(simulate_days(given.recordings, given.frames, given.rare))
    print("Simulated\n", simulated.reindex(BEHAVIOURS).dropna().to_markdown(), sep="")


if __name__ == "__main__":
    main()
