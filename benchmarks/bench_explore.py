"""What a step of the explorer's slider costs, on as many frames as the paper tests on."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Row
from cagewatch import plots, runs
from cagewatch.explore import Explorer
from cagewatch.metrics import compute_metrics
from cagewatch.params import resolve

FRAMES = 56_000  # the paper's test set
STEPS = 60
LIMIT_MS = 100.0


def write_known_run(folder: Path, n_frames: int = FRAMES) -> None:
    """A finished run of two recordings with 80 bouts and smooth random scores."""
    generator = np.random.default_rng(0)
    half = n_frames // 2
    anomalous = np.zeros(n_frames, bool)
    for start in generator.integers(0, n_frames - 300, 80):
        anomalous[start : start + generator.integers(10, 300)] = True
    score = np.convolve(generator.gamma(4, 1, n_frames) + 2 * anomalous, np.ones(8) / 8, "same")
    frames = pd.DataFrame(
        {
            "recording": np.repeat(["r0", "r1"], half),
            "frame": np.tile(np.arange(half), 2),
            "time_s": np.tile(np.arange(half), 2) / 29.97,
            "label": np.where(anomalous, "hang", "walk"),
            "anomalous": anomalous,
            "score_image": score,
            "score_flow": score,
            "score": score,
        }
    )
    given = {"dataset": "mit", "target": "hang", "results_dir": str(folder), "scale": "smoke"}
    parameters = resolve(given)
    place = runs.start_run(parameters)
    runs.save_scores(frames, place)
    runs.finish_run(place, compute_metrics(frames, parameters), {}, {}, time.time())


def measure(folder: Path) -> list[Row]:
    """Milliseconds of the kernel: opening a run, and one slider step (median and 95th percentile).

    A step is all that follows from moving the slider: numbers, four figures and the alarms.
    """
    plots.use_style()
    with tempfile.TemporaryDirectory(dir=folder) as results:
        write_known_run(Path(results))
        began = time.perf_counter()
        explorer = Explorer(results)
        opening = 1000 * (time.perf_counter() - began)
        steps = []
        for position in np.linspace(1, explorer.slider.max, STEPS).astype(int):
            began = time.perf_counter()
            explorer.slider.value = int(position)
            steps.append(1000 * (time.perf_counter() - began))
    name = f"explorer, {FRAMES:,} frames"
    middle, slow = float(np.median(steps)), float(np.quantile(steps, 0.95))
    return [
        {"name": f"{name}: open a run", "ours": opening, "reference": None, "ratio": None,
         "goal": "", "unit": "ms"},
        {"name": f"{name}: a slider step, median / {LIMIT_MS:.0f} ms", "ours": middle,
         "reference": LIMIT_MS, "ratio": middle / LIMIT_MS, "goal": "<= 1", "unit": "ms"},
        {"name": f"{name}: a slider step, 95th percentile / {LIMIT_MS:.0f} ms", "ours": slow,
         "reference": LIMIT_MS, "ratio": slow / LIMIT_MS, "goal": "<= 1", "unit": "ms"},
    ]  # fmt: skip
