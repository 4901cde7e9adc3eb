"""Writing a run's folder: aside first, then file by file into place, the provenance last.

A run that fails leaves a finished one of the same name as it was. Everything downstream reads only
these files, so a run made on another machine can be copied in.
"""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from cagewatch.detectors import Detector
from cagewatch.errors import InputError
from cagewatch.files import checksum, lock_file, whole_file, write_json
from cagewatch.names import safe_name
from cagewatch.params import Parameters, project_root
from cagewatch.recordings import Recording
from cagewatch.runs.code import digest_run
from cagewatch.store import Store

FORMAT = 2
# In the order in which they are moved into place.
FILES = ("params.yaml", "detector.npz", "history.csv", "curve.csv", "scores.csv.gz", "metrics.json")
PROVENANCE = "provenance.json"
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)


@dataclass
class OpenRun:
    """A run that is being made.

    Attributes
    ----------
    folder : where it will be, ``results_dir/dataset/target/model/seed-<n>``.
    aside : where its files are written until it is finished; a killed run goes on from these.
    started : ``time.time()`` at its start.
    lock : held until the run is finished or its process ends.
    code : digest of the code that computes it, as it was at the start.
    """

    folder: Path
    aside: Path
    started: float
    lock: TextIO
    code: str


def run_folder(parameters: Parameters) -> Path:
    """``results_dir/dataset/target/model/seed-n``, relative to the project's root.

    Parameters
    ----------
    parameters : Parameters
        Of the run.

    Returns
    -------
    folder : Path
    """
    names = (parameters.dataset, parameters.target, parameters.model)
    root = project_root() / Path(parameters.results_dir).expanduser()
    return root.joinpath(*map(safe_name, names), f"seed-{parameters.seed}")


def start_run(parameters: Parameters) -> OpenRun:
    """Open the run's folder for writing, once its recordings are known to be there.

    Parameters
    ----------
    parameters : Parameters
        Of the run.

    Raises
    ------
    InputError
        If the folder cannot be written, is a link, or another process is writing this run.
    """
    folder = run_folder(parameters)
    root = project_root() / Path(parameters.results_dir).expanduser()
    aside = folder / "unfinished"
    refuse_links(aside, root)
    lock = lock_file(
        aside / "lock",
        f"Another process is writing {folder}; wait for it, or choose another seed or results_dir.",
    )
    return OpenRun(folder, aside, time.time(), lock, digest_run(parameters.model))


def refuse_links(folder: Path, root: Path) -> None:
    """Raise InputError if `folder`, or one between it and `root`, is a link to elsewhere.

    Parameters
    ----------
    folder : Path
    root : Path
        Above it.
    """
    for place in [folder, *folder.parents][: len(folder.relative_to(root).parts)]:
        if place.is_symlink():
            raise InputError(f"{place} is a link, and results follow none; remove it.")


def save_scores(frames: pd.DataFrame, folder: Path) -> None:
    """Write ``scores.csv.gz`` with bytes that depend on nothing but the table."""
    with (
        whole_file(folder / "scores.csv.gz") as partial,
        open(partial, "wb") as file,
        # Without a name and a time, which gzip would otherwise write into the file.
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
    ):
        frames.to_csv(packed, index=False, float_format="%.9g", lineterminator="\n")


def describe_reference(detector: Detector) -> dict[str, Any]:
    """Mean, standard deviation and quantiles of the detector's scores of normal training frames.

    By column of ``scores.csv.gz``, for metrics.json.
    """
    return {
        name: {
            "mean": float(value.mean()),
            "std": float(value.std()),
            "quantiles": {str(q): float(np.quantile(value, q)) for q in QUANTILES},
        }
        for name, value in detector.reference.items()
    }


def describe_training(detector: Detector) -> dict[str, Any] | None:
    """Epochs and steps a network was trained for, and whether it stopped early; None for others.

    Parameters
    ----------
    detector : Detector

    Returns
    -------
    trained : dict or None
        epochs, steps and whether it stopped early.
    """
    if "epochs" not in detector.state:
        return None
    epochs = int(detector.state["epochs"])
    return {
        "epochs": epochs,
        "steps": int(detector.state["steps"]),
        "stopped_early": epochs < detector.parameters.epochs,
    }


def finish_run(
    run: OpenRun,
    detector: Detector,
    frames: pd.DataFrame,
    metrics: Mapping[str, Any],
    description: Mapping[str, Any],
    stores: Mapping[str, Store],
    recordings: Sequence[Recording] = (),
) -> None:
    """Write the run's files aside, then move them into place; ``provenance.json`` comes last.

    Parameters
    ----------
    run, detector, frames
        What was fitted, and the table of frame scores.
    metrics : mapping
        Of `cagewatch.metrics.compute_metrics`.
    description : mapping
        Software and machine, from `cagewatch.runtime.describe`.
    stores : mapping of str to Store
        Whose sources the run was made from.
    recordings : sequence of Recording
        Whose labels it was made from.
    """
    detector.save(run.aside)
    save_scores(frames, run.aside)
    trained = describe_training(detector)
    about = {"trained": trained, "reference_scores": describe_reference(detector)}
    write_json(run.aside / "metrics.json", {"format": FORMAT, **metrics, **about})
    made = [name for name in FILES if (run.aside / name).is_file()]
    provenance = {
        "format": FORMAT,
        **description,
        "code": run.code,
        "data": {name: store.source_digest for name, store in sorted(stores.items())},
        "labels": {one.name: one.labels_digest for one in recordings},
        "wall_time_s": round(time.time() - run.started, 1),
        "files": {name: describe_file(run.aside / name) for name in made},
    }
    (run.folder / PROVENANCE).unlink(missing_ok=True)
    for name in FILES:
        if name in made:
            os.replace(run.aside / name, run.folder / name)
        else:
            (run.folder / name).unlink(missing_ok=True)
    write_json(run.folder / PROVENANCE, provenance)
    shutil.rmtree(run.aside, ignore_errors=True)
    run.lock.close()


def describe_file(path: Path) -> dict[str, int]:
    """Size and CRC-32 of a file, by which damage and changes are found."""
    return {"bytes": path.stat().st_size, "crc32": checksum(path)}
