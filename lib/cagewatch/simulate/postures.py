"""Postures: what the body strives for at the place of a bout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cagewatch.simulate.mouse import Build, Part, skeleton


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


def any_heading(site: Site, rng: np.random.Generator) -> float:
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
