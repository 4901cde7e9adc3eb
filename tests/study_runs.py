"""Finished runs with scores of a chosen strength, for tests of tables and artefacts."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from cagewatch import metrics, runs
from cagewatch.detectors import Detector, is_network
from cagewatch.params import resolve
from cagewatch.study.artefacts.parameters import Given


def make_run(
    results: Path,
    dataset: str,
    target: str,
    model: str,
    strength: float,
    seed: int = 0,
    recordings: int | None = None,
    **given: object,
) -> Path:
    """A finished run whose scores separate the target by `strength`, on 24 bouts of 10 frames.

    A network was trained for 2 epochs of 10 steps. The same run is made once and copied then.
    """
    own = tuple(given.items())
    root, made = _make_run(dataset, target, model, strength, seed, recordings or 12, own)
    folder = results / made.relative_to(root)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder


MADE = tempfile.TemporaryDirectory()


@cache
def _make_run(
    dataset: str,
    target: str,
    model: str,
    strength: float,
    seed: int,
    recordings: int,
    given: tuple[tuple[str, object], ...],
) -> tuple[Path, Path]:
    """Folder of results and of the run."""
    results = Path(tempfile.mkdtemp(dir=MADE.name))
    chosen = {"dataset": dataset, "target": target, "model": model, "seed": seed, "scale": "smoke"}
    values = resolve(chosen | {"results_dir": str(results)} | dict(given))
    anomalous = np.repeat(np.arange(24) % 3 == 1, 10)
    generator = np.random.default_rng([seed, *model.encode()])
    score = generator.normal(size=240) + strength * anomalous
    frames = pd.DataFrame(
        {
            "recording": np.repeat([f"Test{n:03d}" for n in range(recordings)], 240 // recordings),
            "frame": np.tile(np.arange(240 // recordings), recordings),
            "time_s": np.tile(np.arange(240 // recordings) / 10, recordings),
            "label": np.where(anomalous, target, "normal"),
            "anomalous": pd.array(anomalous, dtype="boolean"),
            "score_image": score,
            "score_flow": np.nan,
            "score": score,
        }
    )
    state = {"reference_score": np.arange(10.0)}
    if is_network(model):
        state |= {"epochs": np.array(2), "steps": np.array(20)}
    run = runs.start_run(values)
    if is_network(model):
        history = pd.DataFrame({"loss": [0.2, 0.1], "val_loss": [0.3, 0.25]})
        history.to_csv(run.aside / "history.csv", index=False)
    found = metrics.compute_metrics(frames, values)
    runs.finish_run(run, Detector(values, state), frames, found, {}, {})
    return results, run.folder


def given_for(folder: Path, dataset: str) -> Given:
    """What the notebook of an artefact is told, of runs in ``folder/results``."""
    return Given(dataset=dataset, results_dir=str(folder / "results"))


def texts(figure: plt.Figure) -> str:
    """Everything written in a figure."""
    return "\n".join(text.get_text() for text in figure.findobj(plt.Text))
