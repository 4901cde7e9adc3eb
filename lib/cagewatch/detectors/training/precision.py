"""Which arithmetic trains a network faster on this machine: a short timing."""

from __future__ import annotations

import time
from collections.abc import Callable

import keras
import numpy as np

CLIPS = 16
ROUNDS = 3
# bfloat16 rounds more, so it has to be worth it; the margin also keeps the choice from wavering.
WORTH = 1.2


def fastest_precision(
    build: Callable[[str], keras.Model], compile_model: Callable[[keras.Model], None]
) -> str:
    """Time a few training steps in float32 and in mixed_bfloat16 and name the faster.

    `build` gives a fresh model for a precision. 'mixed_bfloat16' if its step takes less than 1 /
    1.2 of the time, else 'float32'.
    """
    steps = {}
    for precision in ("float32", "mixed_bfloat16"):
        model = build(precision)
        compile_model(model)
        steps[precision] = training_step(model)
    seconds = {precision: [] for precision in steps}
    for _ in range(ROUNDS):  # in turn, so that whatever else the machine does meets both
        for precision, step in steps.items():
            started = time.perf_counter()
            step()
            seconds[precision].append(time.perf_counter() - started)
    faster = min(seconds["float32"]) / min(seconds["mixed_bfloat16"])
    return "mixed_bfloat16" if faster > WORTH else "float32"


def training_step(model: keras.Model) -> Callable[[], object]:
    """A training step of `model` on noise, traced and compiled already."""
    random = np.random.default_rng(0)
    inputs = {
        name: random.random((CLIPS, *tensor.shape[1:]), dtype=np.float32)
        for name, tensor in model.input.items()
    }
    targets = {
        name: inputs[name] if name in inputs else np.zeros((CLIPS, 1), np.float32)
        for name in model.output
    }

    def step() -> object:
        return model.train_on_batch(inputs, targets)

    step()
    return step
