"""Irregular timing: strokes that come in runs, waits of uneven length, a slow wander.

No animal moves like a sine. What repeats in grooming, eating, drinking, sniffing and breathing
does so at a rate that drifts, with cycles of uneven length and size, in runs broken by pauses.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, exp, pi, sin

import numpy as np

FPS = 30.0  # frames per second, near enough to the video's 29.97
STILL = (0.0, 0.0)


def strokes(
    rng: np.random.Generator, hertz: float, run: float, gap: float, spread: float = 0.15
) -> Iterator[tuple[float, float]]:
    """Yield an irregular to-and-fro movement, frame by frame and without end.

    Parameters
    ----------
    hertz : strokes per second, typical.
    run : strokes in a run, mean of a geometric distribution.
    gap : seconds between two runs, median of a log-normal distribution.
    spread : standard deviation of the logarithm of a stroke's duration inside a run, and again of
        the run's own pace.

    Yields
    ------
    tuple of float
        Swing, about -1 to 1, and push, about 0 to 1, a quarter of a cycle later: together an
        ellipse. Both are 0 between runs.
    """
    phase = 0.0
    while True:
        pace = hertz / FPS * exp(rng.normal(0, spread))
        for _ in range(rng.geometric(1 / max(run, 1.0))):
            step = min(pace * exp(rng.normal(0, spread)), 0.48)
            size, lean = exp(rng.normal(-0.06, 0.35)), rng.uniform(0.35, 0.65)
            while phase < 1:
                half = phase / lean if phase < lean else 1 + (phase - lean) / (1 - lean)
                yield size * sin(pi * half), size * (1 - cos(pi * half)) / 2
                phase += step
            phase -= 1
        for _ in range(wait(rng, gap)):
            yield STILL


def wait(rng: np.random.Generator, seconds: float, spread: float = 0.7) -> int:
    """Frames to wait: log-normal around `seconds`, at least one; long waits are not rare."""
    return max(1, round(FPS * seconds * exp(rng.normal(0, spread))))


def wander(rng: np.random.Generator, seconds: float) -> Iterator[float]:
    """Yield a smooth random course of about unit deviation that forgets itself in `seconds`."""
    keep = exp(-1 / max(FPS * seconds / 2, 1.0))
    # The second of two equal filters in a row has this deviation for an input of 1.
    kick = ((1 - keep**2) ** 3 / (1 + keep**2)) ** 0.5
    inner = course = 0.0
    while True:
        for push in rng.normal(0, kick, 64).tolist():
            inner = keep * inner + push
            course = keep * course + inner
            yield course
