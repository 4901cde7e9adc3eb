"""Train a network: one line per epoch, a history, and a checkpoint after every epoch.

A run that was killed or interrupted goes on from its last whole epoch and ends with the very same
weights as one that was not, because everything an epoch depends on is either in the checkpoint
(weights, optimiser, dropout's random state) or follows from (seed, epoch) (order and flips).
"Same" means bit for bit on the same backend, device and number of cores; sums over another number
of threads round differently.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cagewatch.clips.batches import ClipBatches, as_keras_reads
from cagewatch.detectors.networks import compile_model
from cagewatch.detectors.training.checkpoint import (
    assign_arrays,
    identify,
    load_state,
    read_arrays,
    save_state,
)
from cagewatch.detectors.training.resident import ResidentTraining, find_obstacle
from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.params import Parameters


def train(
    model: keras.Model,
    parameters: Parameters,
    train_batches: ClipBatches,
    validation_batches: ClipBatches,
    run_dir: Path,
    after_epoch: Callable[[keras.Model, dict[str, float]], bool | None] | None = None,
) -> pd.DataFrame:
    """Train `model` in place, going on from the checkpoint in `run_dir` if it is of the same run.

    `epochs` is capped by `max_epochs`; `weights` keeps the last epoch's or those with the lowest
    validation loss. ``run_dir`` gets ``history.csv`` and ``checkpoint/``. `after_epoch` is called
    with the model and the history's row; training ends where it gives True.

    The history has one row per epoch: epoch (1-based), loss and val_loss (the weighted sums; NaN
    without validation clips), ``<stream>_loss`` and ``val_<stream>_loss`` (unweighted, where there
    are several), seconds. InputError if there is nothing to train on, the loss stops being a
    number, or `run_dir` cannot be written.
    """
    epochs = min(parameters.epochs, parameters.max_epochs or parameters.epochs)
    check_trainable(parameters, train_batches, validation_batches)
    if not model.compiled:
        compile_model(model, parameters)
    class_weights = weigh_classes(parameters, train_batches) if "target" in model.output else None
    state_file = run_dir / "checkpoint" / "state.npz"
    fingerprint = identify(model, parameters, train_batches)
    rows, best = load_state(model, state_file, fingerprint, epochs)
    if not rows:
        # Also before the first epoch: an interrupted one leaves half-trained weights behind.
        save_state(model, state_file, fingerprint, rows, best)
    work = (model, parameters, train_batches, validation_batches, class_weights)
    run_epoch = stream_epochs(*work)
    if len(rows) < epochs and (obstacle := find_obstacle(parameters, train_batches)) != "":
        if obstacle:
            print(obstacle, flush=True)
        else:
            run_epoch = ResidentTraining(*work).run_epoch
    for epoch in range(len(rows), epochs):
        started = time.perf_counter()
        train_batches.set_epoch(epoch)
        row = describe_losses(epoch, run_epoch(), time.perf_counter() - started)
        check_loss(row, parameters)
        if parameters.weights == "best" and row["val_loss"] <= lowest(rows):
            best = read_arrays(model.variables)
        rows.append(row)
        save_state(model, state_file, fingerprint, rows, best)
        write_history(rows, run_dir)
        print(describe_epoch(row, epochs), flush=True)
        if after_epoch is not None and after_epoch(model, row):
            break
    if best:
        assign_arrays(model.variables, best)
    return write_history(rows, run_dir)


class WeightedBatches(keras.utils.PyDataset):
    """Batches of a classifier with one weight per clip, by its class."""

    def __init__(self, batches: ClipBatches, class_weights: np.ndarray) -> None:
        super().__init__()
        self.batches = batches
        self.class_weights = class_weights

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[dict, dict, dict[str, np.ndarray]]:
        inputs, targets = self.batches[number]
        weights = self.class_weights[targets["target"].astype(int).ravel()]
        return inputs, targets, {"target": weights}


def check_trainable(
    parameters: Parameters, train_batches: ClipBatches, validation_batches: ClipBatches
) -> None:
    """Raise InputError if there are too few clips for what `parameters` ask."""
    if not len(train_batches):
        raise InputError(
            f"No training clips are left for target {parameters.target!r}: use more recordings or "
            f"a smaller clip_length, frame_stride or validation_fraction."
        )
    if parameters.weights == "best" and not len(validation_batches):
        raise InputError(
            "weights 'best' needs validation clips and there are none: raise validation_fraction "
            "or use weights 'last'."
        )


def weigh_classes(parameters: Parameters, batches: ClipBatches) -> np.ndarray:
    """(n_classes,) float32 weights that make every class present count equally; their mean is 1.

    InputError if there are clips of one class only, or clips without labels.
    """
    binary, index = parameters.supervised_loss == "binary", batches.index
    if (index.behaviour < 0).any():
        name = index.names[index.recording[np.argmax(index.behaviour < 0)]]
        raise InputError(
            f"The training recording {name!r} has no labels, and a classifier learns from them:"
            " label it or leave it out of train_recordings."
        )
    classes = index.target if binary else index.behaviour
    # Of every class: what is validated on may hold one that the training lacks.
    number = 2 if binary else max(2, len(index.behaviours))
    counts = np.bincount(np.asarray(classes, int), minlength=number)
    present = counts > 0
    if present.sum() < 2:
        raise InputError(
            f"The training clips of target {parameters.target!r} are all of one class, so a "
            f"classifier has nothing to learn: add recordings that show the others."
        )
    balanced = counts.sum() / (present.sum() * np.maximum(counts, 1))
    return np.where(present, balanced, 0).astype(np.float32)


def stream_epochs(
    model: keras.Model,
    parameters: Parameters,
    train_batches: ClipBatches,
    validation_batches: ClipBatches,
    class_weights: np.ndarray | None,
) -> Callable[[], dict[str, float]]:
    """A function that trains for one epoch and validates, on batches read from disk as they come.

    It returns the mean losses by name, as Keras names them.
    """
    batches, held_out = (
        as_keras_reads(given if class_weights is None else WeightedBatches(given, class_weights))
        for given in (train_batches, validation_batches)
    )

    def run_epoch() -> dict[str, float]:
        # One call per epoch: within a call Keras may read ahead, before the next epoch's order is
        # set. It would also shuffle the batches with the global random state.
        fitted = model.fit(
            batches, validation_data=held_out if len(held_out) else None, shuffle=False, verbose=0
        )
        return {"val_loss": math.nan} | {k: float(v[0]) for k, v in fitted.history.items()}

    return run_epoch


def describe_losses(epoch: int, logs: dict[str, float], seconds: float) -> dict[str, float]:
    """A row of the history from an epoch's mean losses by name."""
    row = {"epoch": epoch + 1, "loss": logs["loss"], "val_loss": logs["val_loss"]}
    row |= {name: logs[name] for name in sorted(logs) if name not in row}
    return row | {"seconds": round(seconds, 3)}


def check_loss(row: dict[str, float], parameters: Parameters) -> None:
    """Raise InputError if an epoch's loss is not a number."""
    for name in ("loss", "val_loss"):
        missing = name == "val_loss" and math.isnan(row[name]) and math.isfinite(row["loss"])
        if not math.isfinite(row[name]) and not missing:
            raise InputError(
                f"The {name} became {row[name]} in epoch {row['epoch']} at learning_rate "
                f"{parameters.learning_rate:g}: lower learning_rate or use precision float32."
            )


def lowest(rows: Sequence[dict[str, float]]) -> float:
    """The lowest validation loss so far; infinity before the first epoch."""
    return min((row["val_loss"] for row in rows), default=math.inf)


def describe_epoch(row: dict[str, float], epochs: int) -> str:
    """The line printed after an epoch."""
    losses = {name: value for name, value in row.items() if name not in ("epoch", "seconds")}
    words = "  ".join(f"{name} {value:.5f}" for name, value in losses.items())
    left = (epochs - row["epoch"]) * row["seconds"]
    tail = f", about {left / 60:.0f} min left" if left >= 60 else ""
    number = f"{row['epoch']:>{len(str(epochs))}}/{epochs}"
    return f"epoch {number}  {words}  {row['seconds']:.1f} s{tail}"


def write_history(rows: Sequence[dict[str, float]], run_dir: Path) -> pd.DataFrame:
    """Write ``history.csv`` and return it."""
    history = pd.DataFrame(rows)
    with whole_file(run_dir / "history.csv") as partial:
        history.to_csv(partial, index=False, lineterminator="\n")
    return history
