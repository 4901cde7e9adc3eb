"""Trains networks twice with JAX, on batches from disk and on frames that lie on the device.

``python resident_run.py MODEL...``, in a process of its own since the backend is chosen once.
Prints JSON, by model: the largest differences of losses and weights, what they are compared with,
and the number of compilations for two targets of different numbers of clips.
"""

from __future__ import annotations

import json
import sys
import tempfile
import unittest.mock
from pathlib import Path

import numpy as np

from cagewatch import runtime

runtime.configure("jax", 1)

import jax  # noqa: E402
import keras  # noqa: E402

from cagewatch.clips import ClipIndex  # noqa: E402
from cagewatch.clips.batches import ClipBatches  # noqa: E402
from cagewatch.detectors.networks import MODELS, ModelEntry, build_model, streams  # noqa: E402
from cagewatch.detectors.networks.blocks import FusedBatchNormalization  # noqa: E402
from cagewatch.detectors.training import train as training  # noqa: E402
from cagewatch.params import Parameters, resolve  # noqa: E402
from cagewatch.store import Store  # noqa: E402

CLIPS, LENGTH, ROWS, COLUMNS = 23, 4, 8, 8  # a training batch of 8, and one of 7


def build_two(parameters: Parameters, shapes: dict[str, tuple]) -> keras.Model:
    """Two streams that meet, with norm and dropout, in a few weights: XLA compiles it fast."""
    inputs = {stream: keras.Input(shape, name=stream) for stream, shape in shapes.items()}
    x = keras.layers.Concatenate()([*inputs.values()])
    x = FusedBatchNormalization(momentum=0.9)(keras.layers.Dense(4)(x))
    x = keras.layers.Dropout(0.2, seed=parameters.seed)(keras.layers.Activation("relu")(x))
    outputs = {
        stream: keras.layers.Dense(1, activation="sigmoid", name=f"{stream}_out")(x)
        for stream in inputs
    }
    return keras.Model(inputs, outputs)


MODELS["two"] = ModelEntry(build_two, ("image", "flow"))


def batches_of(parameters: Parameters, chosen: slice, shuffle: bool) -> ClipBatches:
    """Noise in two recordings, cut into clips; some of them show the target."""
    random = np.random.default_rng(7)
    stores, parts = {}, []
    for number, name in enumerate("ab"):
        gray = random.integers(0, 256, (60, ROWS, COLUMNS), np.uint8)
        flow = random.normal(size=(*gray.shape, 2)).astype(np.float16)
        stores[name] = Store(name, Path("unused"), gray, flow, np.arange(60) / 25, "0" * 64)
        starts = random.permutation(60 - LENGTH)[: CLIPS // 2 + number]
        parts.append((np.full(len(starts), number, np.int16), starts))
    recording, starts = (np.concatenate(part) for part in zip(*parts, strict=True))
    frames = (starts[:, None] + np.arange(LENGTH)).astype(np.int32)
    target = np.arange(len(frames)) % 4 == 0
    index = ClipIndex(recording, frames, target, target.astype(np.int16), ("a", "b"))
    return ClipBatches(
        index.take(np.arange(len(index))[chosen]), stores, parameters, 3.0,
        streams(parameters.model), shuffle=shuffle, supervised=parameters.model == "supervised",
    )  # fmt: skip


def run(model_name: str, resident: bool, clips: int = 15) -> tuple[list[np.ndarray], np.ndarray]:
    """Weights and losses after two epochs."""
    parameters = resolve(
        {
            **{"dataset": "ped2", "data_dir": "unused", "target": "anomaly", "scale": "paper"},
            **{"clip_length": LENGTH, "resize_height": ROWS, "resize_width": COLUMNS},
            **{"crop_top": 0, "crop_bottom": 0, "batch_size": 8, "epochs": 2},
            "model": "cae" if model_name == "two" else model_name,
        }
    ).model_copy(update={"model": model_name})
    training.find_obstacle = lambda *_: None if resident else ""
    model = build_model(parameters, 1)
    with tempfile.TemporaryDirectory() as folder:
        history = training.train(
            model,
            parameters,
            batches_of(parameters, slice(0, clips), shuffle=True),
            batches_of(parameters, slice(15, None), shuffle=False),
            Path(folder),
        )
    weights = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    return weights, history.drop(columns=["epoch", "seconds"])


def compare(name: str) -> dict[str, object]:
    """Compare, and count compilations."""
    read_from_disk, on_device = run(name, resident=False), run(name, resident=True)
    programs = []
    lower = jax.stages.Lowered.compile
    with unittest.mock.patch.object(
        jax.stages.Lowered, "compile", lambda self: programs.append(self.as_text()) or lower(self)
    ):
        run(name, resident=True)
        run(name, resident=True, clips=11)
    one, other = (
        np.concatenate([array.ravel().astype(np.float64) for array in weights])
        for weights, _ in (read_from_disk, on_device)
    )
    return {
        "columns": [list(read_from_disk[1]), list(on_device[1])],
        "losses": [read_from_disk[1].to_numpy().tolist(), on_device[1].to_numpy().tolist()],
        "weights": float(np.abs(one - other).max()),
        "programs": len(set(programs)),
        "compilations": len(programs),
    }


if __name__ == "__main__":
    print(json.dumps({name: compare(name) for name in sys.argv[1:]}))
