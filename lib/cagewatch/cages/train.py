"""Training a cage's detector: fit, score what was held out, and keep both in the cage's folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cagewatch import metrics, runs, runtime
from cagewatch.cages.cage import (
    CAGE_FILE,
    Cage,
    CageSettings,
    default_folder,
    open_cage,
    read_settings,
    write_settings,
    write_verdict,
)
from cagewatch.cages.plan import Plan, TrainParameters, match_plan, plan_training
from cagewatch.cages.table import settle_names, update_recordings
from cagewatch.cages.verdict import judge_detector
from cagewatch.detectors import Computing, TrainingSet, fit_detector
from cagewatch.params import check_values
from cagewatch.scoring import score_recordings
from cagewatch.store import Store, stores_of

PATIENCE = 10  # epochs without a lower validation loss before a network's training ends


def fit(
    videos: str | Path | Sequence[str | Path], detector: str = "pca_frames", **more: Any
) -> Cage:
    """Fit a detector on a folder of videos, all normal but for what their labels say.

    Parameters
    ----------
    videos : str, Path, or sequence of these
        A folder, or several, or videos, from the current folder; labels beside the videos are read
        if there are any.
    detector : str
        A name of ``params/model``.
    more
        Any other field of `TrainParameters`: `into`, `held_out`, `minutes`, `region`, ...

    Returns
    -------
    Cage
        In the folder `into`, by default ``results/cages/<the videos' folder>``.

    Raises
    ------
    InputError
        If the folder holds no videos, one of them is damaged, or there is too little of it.
    """
    given_paths = [videos] if isinstance(videos, str | Path) else list(videos)
    paths = [Path(path).expanduser().absolute() for path in given_paths]
    into = Path(more.pop("into", None) or default_folder(paths[0], Path.cwd())).expanduser()
    values: dict[str, Any] = {"videos": [str(path) for path in paths], "detector": detector}
    values["into"] = str(into.absolute())
    given = check_values(values | more, TrainParameters, "cages.fit")
    runtime.configure(given.backend, given.cores)
    return train_cage(plan_training(given))


def train_cage(plan: Plan) -> Cage:
    """Prepare the recordings, fit the detector, score what was held out, and keep it all.

    A cage of the same folder and detector stays as it is until the new one is finished.

    Parameters
    ----------
    plan : Plan
        Of `plan_training`.
    """
    cores = runtime.cores_in_use()
    plan, parameters = match_plan(plan), plan.parameters
    stores = prepare(plan, cores)
    run = runs.start_run(parameters)
    training = TrainingSet(
        plan.train, stores, parameters, run.aside, stop_training(plan.given.minutes, run.started)
    )
    detector = fit_detector(training, Computing(cores=cores))
    history = run.aside / "history.csv"
    losses = pd.read_csv(history) if history.is_file() else None
    frames = score_recordings(detector, plan.held_out, stores)
    verdict = judge_detector(detector, training, plan, frames, losses)
    results = metrics.compute_metrics(frames, parameters)
    runs.finish_run(run, detector, frames, results, runtime.describe(), stores)
    write_verdict(plan.folder, verdict, run.folder)
    place = run.folder.relative_to(plan.folder)
    there = (plan.folder / CAGE_FILE).is_file()
    kept = read_settings(plan.folder) if there else CageSettings(run="")
    changed = {"run": place.as_posix()}
    if plan.given.budget is not None:
        changed["budget"] = plan.given.budget
    write_settings(plan.folder, kept.model_copy(update=changed))
    sources = settle_names(plan.folder, plan.sources)
    update_recordings(plan.folder, sources, plan.given.pattern)
    return open_cage(plan.folder)


def prepare(plan: Plan, cores: int) -> dict[str, Store]:
    """Gray and flow of the plan's recordings by name, one recording after the other.

    All cores work inside a recording: processes for several would start a user's script again.
    """
    stores: dict[str, Store] = {}
    for recording in {item.name: item for item in [*plan.train, *plan.held_out]}.values():
        stores |= stores_of([recording], plan.parameters, cores)
    return stores


def stop_training(minutes: float, started: float) -> Callable[[Any, dict[str, float]], bool]:
    """A function that tells a network's training, after each epoch, whether to end.

    It ends when the next epoch would pass the time, or when the validation loss has not fallen for
    PATIENCE epochs; the weights with the lowest are kept.
    """
    losses: list[float] = []

    def ends(_: Any, row: dict[str, float]) -> bool:
        losses.append(row["val_loss"])
        late = time.time() - started + row["seconds"] > 60 * minutes
        return late or len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE

    return ends
