"""A run's folder: where it is and what is written into it.

Everything downstream reads only these files, so a run made on another machine can be copied in.
"""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cagewatch.errors import InputError
from cagewatch.files import whole_file, write_json
from cagewatch.params import Parameters, project_root, write_params
from cagewatch.store import Store

if TYPE_CHECKING:
    import keras

FORMAT = 1
FITTED = ("model.keras", "detector.npz")  # what a network and another detector learnt
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)


def run_folder(parameters: Parameters) -> Path:
    """``results_dir/dataset/target/model/seed-n``, relative to the project's root."""
    return (
        project_root()
        / parameters.results_dir
        / parameters.dataset
        / parameters.target
        / parameters.model
        / f"seed-{parameters.seed}"
    )


def start_run(parameters: Parameters) -> Path:
    """Make the run's folder, drop an older run's results and write the resolved parameters.

    A checkpoint of the same run is kept, so that a killed run goes on.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    folder = run_folder(parameters)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("metrics.json", "scores.csv.gz", "provenance.json", *FITTED):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"Cannot write to {folder}: {error.strerror}; choose another results_dir."
        ) from error
    with whole_file(folder / "params.yaml") as partial:
        write_params(parameters, partial)
    return folder


def save_model(model: keras.Model, folder: Path) -> None:
    """Write ``model.keras``, whole or not at all."""
    with whole_file(folder / "model.keras") as partial:
        model.save(partial)


def save_scores(frames: pd.DataFrame, folder: Path) -> None:
    """Write ``scores.csv.gz`` with bytes that depend on nothing but the table."""
    with (
        whole_file(folder / "scores.csv.gz") as partial,
        open(partial, "wb") as file,
        # Without a name and a time, which gzip would otherwise write into the file.
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
    ):
        frames.to_csv(packed, index=False, float_format="%.9g", lineterminator="\n")


def describe_reference(reference: Mapping[str, np.ndarray], score: np.ndarray) -> dict[str, Any]:
    """Mean, standard deviation and quantiles of training scores, for metrics.json.

    `reference` is by stream and empty without streams; `score` is their average, per clip for
    networks and per frame for other detectors. Thresholds for recordings without labels
    are taken from these quantiles.
    """
    return {
        name: {
            "mean": float(value.mean()),
            "std": float(value.std()),
            "quantiles": {str(q): float(np.quantile(value, q)) for q in QUANTILES},
        }
        for name, value in {**reference, "score": score}.items()
    }


def finish_run(
    folder: Path,
    metrics: dict[str, Any],
    description: dict[str, Any],
    stores: Mapping[str, Store],
    started: float,
) -> None:
    """Write ``provenance.json`` and, last of all, ``metrics.json``: a run with one is finished.

    Parameters
    ----------
    description : software and machine, from `cagewatch.runtime.describe`.
    started : ``time.time()`` at the start of the run.
    """
    provenance = {
        "format": FORMAT,
        **description,
        "data": {name: store.source_digest for name, store in sorted(stores.items())},
        "wall_time_s": round(time.time() - started, 1),
    }
    write_json(folder / "provenance.json", provenance)
    write_json(folder / "metrics.json", {"format": FORMAT, **metrics})
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
