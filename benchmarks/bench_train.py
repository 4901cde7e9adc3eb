"""A training step of each network: against the wrapped form, and the machine's own arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Row, compare, interleave, rates
from cagewatch import runtime
from cagewatch.params import resolve

MODELS = ("cae", "cae_image", "rae", "supervised")
SIDE = 2048  # of the matrices whose product gives the machine's rate
CLIPS = 16  # in a step: rates are those of the full batch, in less time


def stepper(model: Any, n_clips: int) -> Callable[[], object]:
    """A training step of a compiled model on noise."""
    random = np.random.default_rng(0)
    inputs = {
        name: random.random((n_clips, *tensor.shape[1:]), dtype=np.float32)
        for name, tensor in model.input.items()
    }
    targets = {name: inputs.get(name, np.zeros((n_clips, 1), np.float32)) for name in model.output}
    return lambda: model.train_on_batch(inputs, targets)


def multiply() -> Callable[[], object]:
    """A product of two square float32 matrices on the backend."""
    import keras

    a = keras.ops.convert_to_tensor(np.random.default_rng(0).random((SIDE, SIDE), np.float32))
    return lambda: keras.ops.convert_to_numpy(keras.ops.matmul(a, a))


def measure_model(name: str) -> list[Row]:
    """Rows of one network."""
    from benchmarks.references import build_wrapped, count_operations
    from cagewatch.detectors.networks import build_model, compile_model
    from cagewatch.detectors.networks.build import input_shapes

    parameters = resolve({"dataset": "simulated", "model": name, "scale": "paper"})
    n_clips = CLIPS
    models = {"ours": build_model(parameters)}
    automatic = build_model(parameters.model_copy(update={"precision": "auto"}))
    chosen = automatic.get_layer(index=-1).dtype_policy.name, automatic.layers[3].dtype_policy.name
    models["auto"] = automatic
    for model in models.values():
        compile_model(model, parameters)
    if name != "rae":  # its convolutions are 3-D: there is nothing to wrap
        wrapped = build_wrapped(input_shapes(parameters, 1), name == "supervised")
        loss = "binary_crossentropy" if name == "supervised" else "mean_squared_error"
        wrapped.compile(type(models["ours"].optimizer)(parameters.learning_rate), loss)
        models["wrapped"] = wrapped
    works = {kind: stepper(model, n_clips) for kind, model in models.items()}
    seconds = interleave({**works, "multiply": multiply()})
    clips = {kind: rates(seconds[kind], n_clips) for kind in models}
    operations = n_clips * count_operations(models["ours"])
    speed = {kind: rates(seconds[kind], operations / 1e9) for kind in models}
    machine = rates(seconds["multiply"], 2 * SIDE**3 / 1e9)
    rows = [compare(f"{name}: training step / float32 matrix product", speed["ours"], machine,
                    "GFLOP/s", ">= 0.5")]  # fmt: skip
    if "wrapped" in models:
        goal = ">= 4" if name == "cae" else ""
        rows.append(compare(f"{name}: training / TimeDistributed form as Keras compiles it",
                            clips["ours"], clips["wrapped"], "clips/s", goal))  # fmt: skip
    rows.append(compare(f"{name}: precision auto ({chosen[1]}) / float32", clips["auto"],
                        clips["ours"], "clips/s"))  # fmt: skip
    return rows


def measure(folder: Path) -> list[Row]:
    """Rows of every network on all cores, two at most."""
    runtime.configure("tensorflow", min(2, runtime.available_cores()))
    runtime.load_backend()
    return [row for name in MODELS for row in measure_model(name)]
