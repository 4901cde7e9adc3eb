"""The paper-scale training grid on a GPU: ``python -m benchmarks.gpu_grid [--tiny]``.

Hang and groom, four models, as many clips, epochs and clips per step as in the paper. A few epochs
of each are timed and multiplied by their number. The clips (noise: their content changes no time)
lie on the device, and each launch runs several steps. KERAS_BACKEND=jax needs no TensorFlow.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Row
from cagewatch import runtime
from cagewatch.files import write_json
from cagewatch.params import Parameters, resolve

CLIPS = {"hang": 9577, "groom": 7312}
MODELS = ("rae", "cae", "cae_image", "supervised")
STEPS = 16  # in one launch
GOAL_MINUTES = 20
OUTPUT = Path("build/bench_gpu.json")


def resident_batches(model: Any, n_clips: int, batch_size: int) -> Any:
    """Batches gathered on the device from clips that lie there."""
    import keras
    import numpy as np

    random = np.random.default_rng(0)
    clips = {
        name: keras.ops.convert_to_tensor(random.random((n_clips, *x.shape[1:]), np.float32))
        for name, x in model.input.items()
    }
    labels = keras.ops.convert_to_tensor(random.integers(0, 2, (n_clips, 1)).astype(np.float32))

    class Resident(keras.utils.PyDataset):
        """One epoch in a random order; a last batch that is not full is left out."""

        def __len__(self) -> int:
            return max(n_clips // batch_size, 1)

        def __getitem__(self, number: int) -> tuple[dict, dict]:
            chosen = random.integers(0, n_clips, batch_size)
            inputs = {name: keras.ops.take(x, chosen, axis=0) for name, x in clips.items()}
            if "target" in model.output:
                return inputs, {"target": keras.ops.take(labels, chosen, axis=0)}
            return inputs, inputs

    return Resident()


def time_epochs(parameters: Parameters, n_clips: int, epochs: int) -> tuple[float, float]:
    """Seconds per epoch of a network, and operations per clip, in a step of training."""
    from benchmarks.references import count_operations
    from cagewatch.detectors.networks import build_model, compile_model

    model = build_model(parameters)
    compile_model(model, parameters)
    model.compile(
        model.optimizer, {name: model.loss[name] for name in model.output},
        steps_per_execution=STEPS, jit_compile=model.jit_compile,
    )  # fmt: skip
    batches = resident_batches(model, n_clips, parameters.batch_size)
    model.fit(batches, epochs=1, verbose=0)  # compiles
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        model.fit(batches, epochs=1, verbose=0)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), count_operations(model)


def matrix_rate(side: int, dtype: str) -> float:
    """Operations per second of a chain of square matrix products on the device."""
    import keras

    a = keras.random.uniform((side, side), dtype=dtype) / side
    fetch = keras.ops.convert_to_numpy
    fetch(keras.ops.matmul(a, a)[0, 0])
    began, product = time.perf_counter(), a
    for _ in range(20):
        product = keras.ops.matmul(product, a)
    fetch(product[0, 0])
    return 20 * 2 * side**3 / (time.perf_counter() - began)


def measure(tiny: bool, precision: str, epochs: int) -> list[Row]:
    """One row per target and model, and the whole grid's minutes."""
    peak = matrix_rate(256 if tiny else 8192, "bfloat16" if "bfloat16" in precision else "float32")
    rows, total = [], 0.0
    for target, n_clips in CLIPS.items():
        for model in MODELS:
            given = {"dataset": "simulated", "target": target, "model": model, "scale": "paper"}
            parameters = resolve(given | {"precision": precision})
            if tiny:
                n_clips, parameters = 16, parameters.model_copy(update={"batch_size": 4})
            seconds, operations = time_epochs(parameters, n_clips, epochs)
            total += seconds * parameters.epochs
            rate = max(n_clips // parameters.batch_size, 1) * parameters.batch_size / seconds
            name = f"{target}, {model}, {precision}"
            rows.append(
                _row(f"{name}: training / matrix product", rate, peak / operations, "clips/s")
            )
            rows.append(_row(f"{name}: an epoch", seconds, None, "s"))
    name = f"the grid, {precision}, from {epochs} epochs of each / {GOAL_MINUTES} minutes"
    rows.append(_row(name, total / 60, float(GOAL_MINUTES), "min") | {"goal": "<= 1"})
    return rows


def _row(name: str, ours: float, reference: float | None, unit: str) -> Row:
    ratio = None if reference is None else ours / reference
    return {"name": name, "ours": ours, "reference": reference, "ratio": ratio, "goal": "",
            "unit": unit}  # fmt: skip


def main() -> None:
    """Time the grid and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_grid", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="16 clips: does it run, on any device?")
    parser.add_argument("--precision", nargs="+", default=["float32", "mixed_bfloat16"])
    parser.add_argument("--epochs", type=int, default=2, help="epochs timed of each")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    runtime.configure(os.environ.get("KERAS_BACKEND", "tensorflow"))
    runtime.load_backend()
    from benchmarks.measure import to_markdown

    device = runtime.describe_device(runtime.running_backend())
    if device == "CPU" and not given.tiny:
        raise SystemExit("cagewatch: no GPU is seen; install a backend with one, or give --tiny.")
    rows = [row for precision in given.precision
            for row in measure(given.tiny, precision, given.epochs)]  # fmt: skip
    about = {"device": device, "backend": runtime.running_backend(), "date": time.strftime("%F")}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(given.output, {"machine": about, "rows": rows})
    print(f"{device}, {about['backend']}, {about['date']}\n\n{to_markdown(rows)}")


if __name__ == "__main__":
    main()
