"""The mouse: a small 3-D skeleton of spheres and bars, seen from the side.

A pose is a row of numbers (`Part` names them). `skeleton` turns a block of poses into screen
points all at once; `paint.draw` paints one frame of them. The mouse's own frame has `forward` along
its heading, `up`, and `side` to its left or right; `yaw` turns the heading about the vertical, so
that 0 faces the right of the picture, pi the left and pi/2 the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.random import Generator

from cagewatch.simulate.cage import WALLS


class Part(IntEnum):
    """Columns of a pose: lengths in pixels at 320x240, angles in radians."""

    X = 0  # hip, screen column
    FLOOR = 1  # ground under the mouse, screen row
    LIFT = 2  # hip above the ground
    YAW = 3  # heading
    PITCH = 4  # trunk above the horizontal, in the middle
    BEND = 5  # how far the spine curls down from hip to shoulder
    LENGTH = 6  # hip to shoulder along the spine
    GIRTH = 7  # body thickness, 1 is normal
    HEAD_PITCH = 8  # head above the horizontal
    HEAD_TURN = 9  # head to the side, relative to the heading
    FORE_X = 10  # fore-paws before the shoulder
    FORE_Y = 11  # fore-paws above the shoulder
    FORE_DOWN = 12  # 1: fore-paws on the ground instead
    HIND_X = 13  # hind paws before the hip
    HIND_Y = 14  # hind paws above the hip
    HIND_DOWN = 15  # 1: hind paws on the ground instead
    TAIL_LIFT = 16  # angle of the tail above the horizontal at its base
    TAIL_CURL = 17  # how much that angle changes along the tail
    TAIL_SIDE = 18  # how far the tail sweeps round to the side
    PELLET = 19  # 1: holds a food pellet
    GAIT = 20  # phase of the step cycle
    STRIDE = 21  # half-length of a step
    FORE_SPLIT = 22  # up-and-down difference between the fore-paws
    HIND_SPLIT = 23  # the same of the hind paws


@dataclass(frozen=True)
class Build:
    """What one mouse is like; luminances are 0 to 255 under full light, a tempo of 1 is usual."""

    size: float
    stout: float
    ear: float
    tail: float
    back: int
    belly: int
    sheen: int
    skin: int
    tempo: float


def draw_build(rng: Generator, agouti: bool) -> Build:
    """Draw one mouse: a black coat, or an agouti one, which is paler with a light belly."""
    back = int(rng.integers(52, 70) if agouti else rng.integers(14, 26))
    return Build(
        size=rng.uniform(0.92, 1.12),
        stout=rng.uniform(0.94, 1.1),
        ear=rng.uniform(3.8, 4.8),
        tail=rng.uniform(46, 60),
        back=back,
        belly=back + (12 if agouti else 3),
        sheen=back + int(rng.integers(3, 8)),
        skin=back + int(rng.integers(22, 34)),
        tempo=rng.uniform(0.85, 1.15),
    )


SPINE_RADII = np.array([13.0, 15.2, 15.6, 14.6, 13.0, 11.2, 9.4])
HEAD_STEPS = np.array([-6.0, 0.0, 4.5, 8.0, 11.0, 13.0])
HEAD_RADII = np.array([8.8, 8.2, 7.0, 5.5, 4.0, 2.9])
NECK = 9.0  # shoulder to the middle of the head
TAIL_POINTS = 9


@dataclass(frozen=True)
class Skeleton:
    """Screen points of a block of n frames, (n, points, 2) float64 columns and rows.

    Attributes
    ----------
    spine, head, ears, tail : from hip to shoulder, neck to nose, left and right, base to tip.
    fore, hind : (n, 2, 4, 2), per side the joint at the body, elbow or knee, paw and toes.
    girth : (n,) thickness of the body; 1 is normal.
    pellet : (n,) 1 where a pellet is held between the fore-paws.
    toward : (n,) sine of the yaw: 1 when the mouse faces the camera.
    shadow : (n, 4) on the ground: column, row, half-width in pixels and strength, 0 to 1.
    near : (n,) int, which side (0 or 1) is nearer to the camera.
    """

    spine: np.ndarray
    head: np.ndarray
    ears: np.ndarray
    tail: np.ndarray
    fore: np.ndarray
    hind: np.ndarray
    girth: np.ndarray
    pellet: np.ndarray
    toward: np.ndarray
    shadow: np.ndarray
    near: np.ndarray


def skeleton(poses: np.ndarray, build: Build) -> Skeleton:
    """Turn (n, len(Part)) poses into screen points."""
    p = np.asarray(poses, float).T[..., None]  # (parts, n, 1): broadcasts over points
    scale, cos, sin = build.size, np.cos(p[Part.YAW]), np.sin(p[Part.YAW])

    def on_screen(forward: np.ndarray, up: np.ndarray, side: np.ndarray) -> np.ndarray:
        column = p[Part.X] + scale * (forward * cos - side * sin)
        # The camera looks down a little: what is nearer is lower in the picture.
        row = p[Part.FLOOR] - scale * up + 0.12 * scale * (forward * sin + side * cos)
        return np.stack(np.broadcast_arrays(column, row), axis=-1)

    lift = p[Part.LIFT]
    along = np.linspace(0, 1, len(SPINE_RADII))
    angle = p[Part.PITCH] + p[Part.BEND] * (0.5 - along)
    step = p[Part.LENGTH] / (len(along) - 1)
    forward = np.cumsum(np.cos(angle) * step, axis=1) - np.cos(angle[:, :1]) * step
    up = lift + np.cumsum(np.sin(angle) * step, axis=1) - np.sin(angle[:, :1]) * step
    spine = on_screen(forward, up, 0.0)
    shoulder = forward[:, -1:], up[:, -1:]

    lean, turn = p[Part.HEAD_PITCH], p[Part.HEAD_TURN]
    ahead = np.cos(lean) * np.cos(turn), np.sin(lean), np.cos(lean) * np.sin(turn)
    crown = -np.sin(lean) * np.cos(turn), np.cos(lean), -np.sin(lean) * np.sin(turn)
    across = -np.sin(turn), np.zeros_like(turn), np.cos(turn)
    middle = (shoulder[0] + NECK * ahead[0], shoulder[1] + NECK * ahead[1], NECK * ahead[2])
    head = on_screen(*(m + a * HEAD_STEPS for m, a in zip(middle, ahead, strict=True)))
    sides = np.array([-1.0, 1.0])
    ears = on_screen(
        *(
            m - 3.0 * a + 7.0 * c + 5.5 * s * sides
            for m, a, c, s in zip(middle, ahead, crown, across, strict=True)
        )
    )

    gait, stride = p[Part.GAIT] + np.array([0.0, np.pi]), p[Part.STRIDE]
    fore = _limb(
        on_screen,
        joint=(shoulder[0] - 1.0, shoulder[1] - 4.0, 4.5 * sides),
        free=(p[Part.FORE_X], p[Part.FORE_Y] + p[Part.FORE_SPLIT] * sides),
        grounded=p[Part.FORE_DOWN],
        stand=shoulder[0] + 4.0,
        step=(stride * np.cos(gait), np.maximum(0, np.sin(gait)) * 0.45 * stride),
        elbow=-3.0,
    )
    hind = _limb(
        on_screen,
        joint=(forward[:, :1] + 1.0, up[:, :1] - 5.0, 8.0 * sides),
        free=(p[Part.HIND_X], p[Part.HIND_Y] + p[Part.HIND_SPLIT] * sides),
        grounded=p[Part.HIND_DOWN],
        stand=forward[:, :1] + 4.0,
        step=(-stride * np.cos(gait), np.maximum(0, -np.sin(gait)) * 0.45 * stride),
        elbow=4.0,
    )

    out = np.linspace(0, 1, TAIL_POINTS)
    wave = 0.3 * np.sin(7.0 * out + 0.5 * p[Part.GAIT])
    slope = p[Part.TAIL_LIFT] + p[Part.TAIL_CURL] * out + wave
    sweep = p[Part.TAIL_SIDE] * out
    link = build.tail / (TAIL_POINTS - 1)
    base = -9.0 * np.cos(angle[:, :1]), lift - 9.0 * np.sin(angle[:, :1])
    tail = on_screen(
        base[0] - np.cumsum(np.cos(slope) * np.cos(sweep), axis=1) * link,
        np.maximum(base[1] + np.cumsum(np.sin(slope), axis=1) * link, 1.0),
        np.cumsum(np.cos(slope) * np.sin(sweep), axis=1) * link,
    )
    tail[..., 0] = np.clip(tail[..., 0], *WALLS)  # it bends along a wall
    ground = on_screen(forward[:, 3:4], 0.0, 0.0)[:, 0]
    wide = 0.5 * np.ptp(spine[..., 0], axis=1) + 12 * scale
    strength = np.clip(1.4 - up[:, 0] / 40, 0, 1)
    shadow = np.column_stack([ground, wide, strength])
    flat = (
        p[Part.GIRTH][:, 0],
        p[Part.PELLET][:, 0],
        sin[:, 0],
        shadow,
        (cos[:, 0] >= 0).astype(int),
    )
    return Skeleton(spine, head, ears, tail, fore, hind, *flat)


def _limb(
    on_screen,  # noqa: ANN001
    joint: tuple,
    free: tuple,
    grounded: np.ndarray,
    stand: np.ndarray,
    step: tuple,
    elbow: float,
) -> np.ndarray:
    """Screen points (n, 2 sides, 4, 2) of a pair of limbs, on the ground or held freely."""
    paw_forward = grounded * (stand + step[0]) + (1 - grounded) * (joint[0] + free[0])
    paw_up = grounded * (1.5 + step[1]) + (1 - grounded) * (joint[1] + free[1])
    middle = (joint[0] + paw_forward) / 2 + elbow, (joint[1] + paw_up) / 2
    # Toes point forward on the ground and hang down in the air.
    toe = paw_forward + 5.0 * grounded, paw_up - 3.0 * (1 - grounded)
    points = [joint, (*middle, joint[2]), (paw_forward, paw_up, joint[2]), (*toe, joint[2])]
    return np.stack([on_screen(*point) for point in points], axis=-2)
