"""A trained network as one function of arrays, computed by OpenVINO or by Keras itself.

OpenVINO (the extra `fast`) is several times as fast on a processor: it folds batch normalisation
into the convolutions, computes in bfloat16 where the processor can, and answers several threads at
once. Keras is there always, and on a GPU.
"""

from __future__ import annotations

import importlib.util
import queue
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from cagewatch import runtime
from cagewatch.errors import InputError

if TYPE_CHECKING:
    import keras

Engine = Literal["auto", "openvino", "keras"]
Precision = Literal["auto", "float32", "bfloat16"]
Arrays = dict[str, np.ndarray]

ROUNDS = 4
WORTH = 1.1  # how much faster bfloat16 has to be to be worth its rounding


class Inference(NamedTuple):
    """A network that is ready to be called.

    Attributes
    ----------
    run : from {stream: (batch, ...) float32} of always the same batch to {output: (batch, ...)}.
    callers : threads that may call `run` at once.
    words : what computes, for instance 'OpenVINO, bfloat16'.
    """

    run: Callable[[Arrays], Arrays]
    callers: int
    words: str


def open_inference(
    model: keras.Model, batch: int, engine: Engine, precision: Precision, cores: int
) -> Inference:
    """Make `model` ready for batches of `batch` on `cores` cores.

    Engine 'auto' is OpenVINO where it is installed, the model computes on a processor and OpenVINO
    can express it, else Keras, which computes as the model was trained. Precision 'auto' is
    bfloat16 if the processor has it and a short timing finds it at least 1.1 times as fast.
    InputError if OpenVINO is asked for and not installed, or cannot express the model.
    """
    installed = importlib.util.find_spec("openvino") is not None
    if engine == "openvino" and not installed:
        raise InputError(
            "engine is 'openvino', which is not installed: run 'pip install openvino' or set"
            " engine to 'auto'."
        )
    if engine == "openvino" or (engine == "auto" and installed and runtime.running_on_cpu()):
        try:
            return _open_openvino(model, batch, precision, cores)
        except InputError:
            if engine == "openvino":
                raise
    return Inference(lambda inputs: _as_arrays(model.predict_on_batch(inputs)), 1, "Keras")


def _as_arrays(outputs: dict[str, Any]) -> Arrays:
    return {name: np.asarray(value) for name, value in outputs.items()}


def _open_openvino(model: keras.Model, batch: int, precision: Precision, cores: int) -> Inference:
    # The converter reports each use to its makers unless this package is missing.
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    core = openvino.Core()
    # Read before its folder goes.
    core.set_property({"ENABLE_MMAP": False})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        try:
            model.export(str(path), format="openvino", verbose=False)
            network = core.read_model(path)
            network.reshape(
                {name: [batch, *tensor.shape[1:]] for name, tensor in model.input.items()}
            )
        except Exception as error:  # Keras, the backend and OpenVINO raise whatever they trip over
            raise InputError(
                f"OpenVINO cannot express the model {model.name!r}; set engine to 'keras'."
            ) from error
    names = sorted(model.output)  # the order in which Keras exports a dict
    can_halve = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    wanted = ["float32", "bfloat16"] if precision == "auto" and can_halve else [precision]
    found = {
        kind: _compile(core, network, names, kind, cores)
        for kind in (["float32"] if wanted == ["auto"] else wanted)
    }
    chosen = _fastest(found, model, batch) if len(found) > 1 else next(iter(found))
    return Inference(found[chosen], cores, f"OpenVINO, {chosen}")


def _compile(
    core: Any, network: Any, names: list[str], precision: str, cores: int
) -> Callable[[Arrays], Arrays]:
    """One stream of one thread per core, each with a request of its own."""
    compiled = core.compile_model(
        network,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "INFERENCE_NUM_THREADS": cores,
            "NUM_STREAMS": cores,
            # Two programs that pin their threads would meet on the same cores.
            "ENABLE_CPU_PINNING": False,
        },
    )
    idle: queue.SimpleQueue = queue.SimpleQueue()
    for _ in range(cores):
        idle.put(compiled.create_infer_request())

    def run(inputs: Arrays) -> Arrays:
        request = idle.get()
        try:
            found = request.infer(inputs, share_inputs=True)
            return {name: np.array(found[index]) for index, name in enumerate(names)}
        finally:
            idle.put(request)

    return run


def _fastest(found: dict[str, Callable[[Arrays], Arrays]], model: keras.Model, batch: int) -> str:
    """'bfloat16' if it is worth it, else 'float32': a short timing, in turn, on noise."""
    random = np.random.default_rng(0)
    inputs = {
        name: random.random((batch, *tensor.shape[1:]), dtype=np.float32)
        for name, tensor in model.input.items()
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in found}
    for _ in range(1 + ROUNDS):
        for kind, run in found.items():
            started = time.perf_counter()
            run(inputs)
            seconds[kind].append(time.perf_counter() - started)
    best = {kind: min(values[1:]) for kind, values in seconds.items()}
    return "bfloat16" if best["float32"] > WORTH * best["bfloat16"] else "float32"
