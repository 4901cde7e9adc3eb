"""Postures and their timing: what the body strives for at a place, and when it moves.

No animal moves like a sine. What repeats in grooming, eating, drinking, sniffing and breathing
does so at a rate that drifts, with cycles of uneven length and size, in runs broken by pauses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, exp, pi, sin

import numpy as np
from numpy.random import Generator

from cagewatch.simulate.mouse.body import Build, Part, skeleton

FPS = 30.0  # frames per second, near enough to the video's 29.97
STILL = (0.0, 0.0)


def strokes(
    rng: Generator, hertz: float, run: float, gap: float, spread: float = 0.15
) -> Iterator[tuple[float, float]]:
    """Yield an irregular to-and-fro movement, frame by frame and without end.

    `hertz` is the typical number of strokes a second, `run` the mean number in a run (geometric),
    `gap` the median of the seconds between two runs (log-normal), `spread` the standard deviation
    of the logarithm of a stroke's duration inside a run, and again of the run's own pace. Yields
    swing, about -1 to 1, and push, about 0 to 1, a quarter of a cycle later: together an ellipse.
    Both are 0 between runs.
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


def wait(rng: Generator, seconds: float, spread: float = 0.7) -> int:
    """Frames to wait: log-normal around `seconds`, at least one; long waits are not rare."""
    return max(1, round(FPS * seconds * exp(rng.normal(0, spread))))


def wander(rng: Generator, seconds: float) -> Iterator[float]:
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


@dataclass(frozen=True)
class Site:
    """Where a bout takes place.

    Attributes
    ----------
    x, floor : screen column of the hip and row of the ground.
    start_x : column where the mouse is when the bout begins.
    yaw : heading when the bout begins.
    n_frames : length of the bout.
    build : the mouse.
    """

    x: float
    floor: float
    start_x: float
    yaw: float
    n_frames: int
    build: Build


STANDING = {
    Part.LIFT: 15.0,
    Part.PITCH: 0.05,
    Part.BEND: 0.45,
    Part.LENGTH: 31.0,
    Part.GIRTH: 1.0,
    Part.HEAD_PITCH: -0.15,
    Part.FORE_X: 5.0,
    Part.FORE_Y: -8.0,
    Part.FORE_DOWN: 1.0,
    Part.HIND_DOWN: 1.0,
    Part.TAIL_LIFT: -0.15,
    Part.TAIL_CURL: 0.25,
    Part.STRIDE: 8.0,
}


def take_posture(goal: np.ndarray, site: Site, yaw: float, **parts: float) -> None:
    """Set `goal` to standing at the site with the named parts changed."""
    goal[:] = 0
    for part, value in STANDING.items():
        goal[part] = value
    goal[Part.X], goal[Part.FLOOR], goal[Part.YAW] = site.x, site.floor, yaw
    for name, value in parts.items():
        goal[Part[name.upper()]] = value


def turned_to(angle: float, near: float) -> float:
    """`angle` plus the full turns that bring it nearest to `near`."""
    return angle + 2 * np.pi * round((near - angle) / (2 * np.pi))


def any_heading(site: Site, rng: Generator) -> float:
    """Mostly the heading the mouse has, sometimes a new one; all headings occur."""
    return site.yaw + rng.normal(0, 0.35 if rng.random() < 0.6 else 1.3)


def put_nose(goal: np.ndarray, build: Build, column: float, row: float) -> None:
    """Move the goal's hip, and stretch or hunch its trunk, so that the nose is at a place."""
    for _ in range(2):  # the trunk's length moves the nose sideways too
        nose = skeleton(goal[None], build).head[0, -1]
        goal[Part.X] += column - nose[0]
        height = goal[Part.LIFT] + (nose[1] - row) / build.size
        goal[Part.LIFT] = np.clip(height, 12, 17)
        stretch = (height - goal[Part.LIFT]) / max(np.sin(goal[Part.PITCH]), 0.3)
        goal[Part.LENGTH] = np.clip(goal[Part.LENGTH] + stretch, 22, 40)
