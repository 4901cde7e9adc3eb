"""The state of a training run on disk: one file, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from cagewatch.errors import InputError
from cagewatch.files import DAMAGED, whole_file
from cagewatch.params import Parameters

if TYPE_CHECKING:
    from cagewatch.clips.batches import ClipBatches

KINDS = ("weight", "optimiser", "best")
# Parameters a checkpoint does not depend on: they act after training, or only on its length.
AFTER_TRAINING = set(
    "epochs max_epochs curve_epochs scale cores results_dir test_recordings test_start test_stop"
    " test_clip_step clip_score stream_average score_stride clip_alignment score_scaling clip_label"
    " roc_unit edge_margin interval".split()
)


def identify(model: keras.Model, parameters: Parameters, batches: ClipBatches) -> str:
    """SHA-256 of all that the trained weights depend on: parameters, network, clips, software."""
    index = batches.index
    clips = [np.ascontiguousarray(part).tobytes() for part in (index.recording, index.frames)]
    if "target" in model.output:  # what a classifier is told of each clip
        clips += [np.ascontiguousarray(part).tobytes() for part in (index.target, index.behaviour)]
    facts = {
        "parameters": parameters.model_dump(mode="json", exclude=AFTER_TRAINING),
        "network": [(list(v.shape), v.dtype) for v in model.variables],
        "precision": sorted({layer.dtype_policy.name for layer in model.layers}),
        "clips": [hashlib.sha256(part).hexdigest() for part in clips],
        "sources": [store.source_digest for store in batches.stores],
        "flow_scale": float(batches.flow_scale),
        "software": [keras.config.backend(), keras.__version__],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def load_state(
    model: keras.Model, state_file: Path, fingerprint: str, epochs: int
) -> tuple[list[dict[str, float]], list[np.ndarray]]:
    """Load a checkpoint into `model` if it is of this very run.

    Gives the history's rows so far and the best weights so far, both empty for a fresh start.
    InputError if there is no checkpoint to start from but `model` was trained already.
    """
    model.optimizer.build(model.trainable_variables)
    saved = read_state(state_file)
    if saved is not None:
        about, weights, optimiser, best = saved
        if about["fingerprint"] == fingerprint and len(about["history"]) <= epochs:
            assign_arrays(model.variables, weights)
            assign_arrays(model.optimizer.variables, optimiser)
            if about["history"]:
                print(f"going on after epoch {len(about['history'])}", flush=True)
            return about["history"], best
        print("starting anew: the checkpoint is of other parameters, clips or epochs", flush=True)
    if int(model.optimizer.iterations):
        raise InputError(
            "The model was trained before and there is no checkpoint to go on from: build it anew "
            "with build_model."
        )
    return [], []


def read_state(state_file: Path) -> tuple[dict[str, Any], *tuple[list[np.ndarray], ...]] | None:
    """What `save_state` wrote: (about, weights, optimiser, best); None if missing or damaged."""
    if not state_file.is_file():
        return None
    try:
        with np.load(state_file, allow_pickle=False) as saved:
            about = json.loads(str(saved["about"]))
            about["fingerprint"], about["history"]
            return about, *(numbered(saved, kind) for kind in KINDS)
    except DAMAGED:
        print("starting anew: the checkpoint is damaged", flush=True)
        return None


def save_state(
    model: keras.Model,
    state_file: Path,
    fingerprint: str,
    rows: Sequence[dict[str, float]],
    best: Sequence[np.ndarray],
) -> None:
    """Write weights, dropout's random state, optimiser and history to one file, whole or not."""
    arrays: dict[str, Any] = {}
    weights, optimiser = read_arrays(model.variables), read_arrays(model.optimizer.variables)
    for kind, values in zip(KINDS, (weights, optimiser, best), strict=True):
        arrays |= {f"{kind}_{number:04d}": value for number, value in enumerate(values)}
    about = json.dumps({"fingerprint": fingerprint, "history": list(rows)})
    with whole_file(state_file) as partial, open(partial, "wb") as file:
        np.savez(file, about=np.array(about), **arrays)


def numbered(saved: Any, kind: str) -> list[np.ndarray]:
    """The arrays of one kind in a checkpoint, in order."""
    return [saved[name] for name in sorted(saved.files) if name.startswith(f"{kind}_")]


def read_arrays(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Copies of the variables' values."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign_arrays(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Set variables to values; ValueError if they do not match in number or shape."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
