"""The eight behaviours: where the mouse wants its body to be, frame by frame.

Each behaviour is a generator. It is given the pose the mouse should strive for (`goal`), a quick
movement laid on top (`wobble`) and the bout's site, changes both arrays in place and yields once
per frame, for as long as it is asked. `motion.move_mouse` makes the body follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from cagewatch.simulate.mouse import Build, Part, skeleton
from cagewatch.simulate.scene import HOPPER, LID, SPOUT, WALLS


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


def drink(goal, wobble, site: Site, rng) -> Iterator[None]:
    """Upright at the spout, nose on its tip, licking."""
    yaw = turned_to(rng.normal(0, 0.25), site.yaw)
    take_posture(
        goal, site, yaw, lift=15, pitch=rng.uniform(1.15, 1.4), bend=rng.uniform(0.3, 0.7),
        length=rng.uniform(31, 37), girth=1.02, head_pitch=rng.uniform(0.25, 0.6),
        fore_x=8, fore_y=rng.uniform(-6, 0), fore_down=0, tail_side=rng.normal(0, 0.8),
    )  # fmt: skip
    put_nose(goal, site.build, SPOUT[0] - 1, SPOUT[1] + 1)
    rate, phase = rng.uniform(5, 8) / 30, rng.uniform(0, 2 * np.pi)
    for t in count():
        lick = np.sin(2 * np.pi * rate * t + phase)
        wobble[Part.HEAD_PITCH] = 0.05 * lick
        wobble[Part.FORE_SPLIT] = 0.7 * np.sin(0.35 * t + phase)
        yield


def eat(goal, wobble, site: Site, rng) -> Iterator[None]:
    """At the hopper, gnawing from below, or seated with a pellet held in both fore-paws."""
    tempo, phase = rng.uniform(3.5, 6) / 30, rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.4 and abs(site.x - HOPPER[2][0]) < 70:
        bite = HOPPER[2][0] + rng.uniform(0, 34)
        row = HOPPER[2][1] - 0.55 * (bite - HOPPER[2][0]) + 3
        heading = 0.0 if site.x < bite else np.pi
        reach = (site.floor - row) / 52  # 0.5 just above the head, 1 far up
        take_posture(
            goal, site, turned_to(heading + rng.normal(0, 0.3), site.yaw),
            pitch=0.1 + 0.9 * reach, bend=0.3, length=rng.uniform(29, 34), lift=16,
            head_pitch=0.75, fore_x=8, fore_y=3, fore_down=float(reach < 0.62),
            tail_side=rng.normal(0, 0.6),
        )  # fmt: skip
        put_nose(goal, site.build, bite, row)
        gnaw = 0.09
    else:
        take_posture(
            goal, site, any_heading(site, rng), pitch=rng.uniform(0.8, 1.1), lift=13,
            bend=rng.uniform(0.9, 1.3), length=rng.uniform(23, 28), girth=1.06,
            head_pitch=rng.uniform(-0.6, -0.3), fore_x=12, fore_y=-5, fore_down=0, pellet=1,
            tail_side=rng.normal(0, 1.0), tail_curl=0.1,
        )  # fmt: skip
        gnaw = 0.045
    rest_pitch, turn_at = goal[Part.HEAD_PITCH], rng.integers(25, 90)
    for t in count():
        wobble[Part.HEAD_PITCH] = gnaw * np.sin(2 * np.pi * tempo * t + phase)
        wobble[Part.FORE_Y] = 0.8 * np.sin(2 * np.pi * tempo * t + phase + 1)
        if t == turn_at:  # looks up, or turns the pellet
            goal[Part.HEAD_PITCH] = rest_pitch + rng.uniform(-0.1, 0.35)
            goal[Part.YAW] += rng.normal(0, 0.15)
            turn_at = t + rng.integers(25, 90)
        yield


def groom(goal, wobble, site: Site, rng) -> Iterator[None]:
    """Seated: washes the face with both fore-paws, licks a flank or the belly."""
    yaw = any_heading(site, rng)
    change = 0
    for t in count():
        if t == change:
            kind = rng.choice(["face", "flank", "belly"], p=[0.55, 0.3, 0.15])
            change = t + rng.integers(50, 170)
            yaw += rng.normal(0, 0.2)
            rate, phase = rng.uniform(4.5, 6.5) / 30, rng.uniform(0, 2 * np.pi)
            bursts = rng.uniform(0.12, 0.25)
            tail = {"tail_side": rng.normal(0, 1.0), "tail_curl": 0.1}
            if kind == "face":
                take_posture(
                    goal, site, yaw, pitch=rng.uniform(0.75, 1.1), bend=rng.uniform(1.0, 1.5),
                    length=rng.uniform(22, 27), lift=13, girth=1.06,
                    head_pitch=rng.uniform(-0.8, -0.4), fore_x=13, fore_y=-3, fore_down=0, **tail,
                )  # fmt: skip
                head, paws, split = 0.1, 3.5, rng.uniform(0, 1.5)
            else:
                side = rng.choice([-1, 1])
                take_posture(
                    goal, site, yaw, pitch=rng.uniform(0.5, 0.9), bend=rng.uniform(1.2, 1.7),
                    length=rng.uniform(23, 28), lift=13, girth=1.08,
                    head_pitch=-0.55 if kind == "flank" else -1.3,
                    head_turn=side * (rng.uniform(1.5, 2.1) if kind == "flank" else 0.3),
                    fore_x=7, fore_y=-8, fore_down=0, **tail,
                )  # fmt: skip
                head, paws, split = 0.09, 0.6, 0.4
        beat = np.sin(2 * np.pi * rate * t + phase)
        drive = 0.35 + 0.65 * (np.sin(bursts * t + phase) > -0.3)
        wobble[Part.HEAD_PITCH] = drive * head * beat
        wobble[Part.FORE_Y] = drive * paws * np.sin(2 * np.pi * rate * t + phase + 0.6)
        wobble[Part.FORE_X] = -0.5 * drive * paws * beat
        wobble[Part.FORE_SPLIT] = drive * split * beat
        wobble[Part.PITCH] = 0.015 * drive * beat
        yield


def hang(goal, wobble, site: Site, rng) -> Iterator[None]:
    """Under the lid: by the fore-paws with the body hanging down, or by all four paws."""
    size, tempo, phase = site.build.size, rng.uniform(0.6, 1.3) / 30, rng.uniform(0, 2 * np.pi)
    four = rng.random() < 0.4
    yaw = turned_to(rng.choice([0, np.pi]) + rng.normal(0, 0.3 if four else 0.6), site.yaw)
    if four:
        take_posture(
            goal, site, yaw, pitch=rng.uniform(-0.1, 0.35), bend=-0.5, length=rng.uniform(28, 33),
            head_pitch=rng.uniform(-0.2, 0.5), fore_x=3, fore_y=23, fore_down=0,
            hind_x=-2, hind_y=22, hind_down=0, tail_lift=-1.2, tail_curl=-0.2,
        )  # fmt: skip
    else:
        take_posture(
            goal, site, yaw, pitch=rng.uniform(1.2, 1.65), bend=rng.uniform(-0.2, 0.3),
            length=rng.uniform(31, 36), girth=0.95, head_pitch=rng.uniform(0.7, 1.3),
            fore_x=4, fore_y=rng.uniform(20, 25), fore_down=0, hind_x=4, hind_y=-13, hind_down=0,
            tail_lift=-1.35, tail_curl=0.3,
        )  # fmt: skip
    paw = skeleton(goal[None], site.build).fore[0, :, 2, 1].mean()
    goal[Part.LIFT] += (paw - LID) / size
    pull, shuffle_at = 0.0, rng.integers(10, 40)
    for t in count():
        swing = np.sin(2 * np.pi * tempo * t + phase)
        wobble[Part.PITCH] = (0.03 if four else 0.08) * swing
        wobble[Part.TAIL_LIFT] = 0.2 * np.sin(2 * np.pi * tempo * t + phase + 1)
        kick = max(0.0, np.sin(0.08 * t + phase)) * np.sin(2 * np.pi * 3.2 / 30 * t)
        wobble[Part.HIND_SPLIT] = (1.0 if four else 4.0) * kick
        wobble[Part.HEAD_PITCH] = 0.12 * np.sin(0.21 * t + phase)
        if t == shuffle_at:  # hand over hand along the bars, or pulls itself up a little
            goal[Part.X] = np.clip(goal[Part.X] + rng.normal(0, 5), site.x - 9, site.x + 9)
            goal[Part.LIFT] -= pull
            pull = rng.uniform(0, 5)
            goal[Part.LIFT] += pull
            shuffle_at = t + rng.integers(15, 50)
        wobble[Part.FORE_SPLIT] = 1.5 * np.sin(0.3 * t) * (t % 50 < 20)
        yield


def micromovement(goal, wobble, site: Site, rng) -> Iterator[None]:
    """On the spot: looks about, sniffs the air or the bedding, shifts its weight."""
    low = rng.random() < 0.35
    sit = rng.uniform(0.3, 0.7) if rng.random() < 0.25 else rng.normal(0.05, 0.08)
    take_posture(
        goal, site, any_heading(site, rng), pitch=sit, lift=15 - 2.0 * (sit > 0.25),
        bend=rng.uniform(0.4, 0.8) + 0.8 * sit, length=rng.uniform(25, 32), girth=1.03,
        fore_down=float(sit < 0.45), fore_x=9, fore_y=-9, tail_side=rng.normal(0, 0.7),
    )  # fmt: skip
    rest_pitch = -0.75 if low else rng.uniform(-0.35, 0.25)
    rate, depth = rng.uniform(5, 9) / 30, rng.uniform(0.02, 0.07)
    look = shift = 0
    for t in count():
        if t == look:
            goal[Part.HEAD_PITCH] = rest_pitch + rng.normal(0, 0.22)
            goal[Part.HEAD_TURN] = rng.normal(0, 0.5)
            look = t + rng.integers(6, 34)
        if t == shift:
            goal[Part.X] = site.x + rng.normal(0, 3.5)
            goal[Part.LENGTH] = np.clip(goal[Part.LENGTH] + rng.normal(0, 1.5), 24, 34)
            goal[Part.YAW] += rng.normal(0, 0.25)
            shift = t + rng.integers(12, 50)
        wobble[Part.HEAD_PITCH] = depth * np.sin(2 * np.pi * rate * t)
        yield


def rear(goal, wobble, site: Site, rng) -> Iterator[None]:
    """Upright on the hind legs, against a wall or free; long bouts sink and rise again."""
    room = min(site.x - WALLS[0], WALLS[1] - site.x)
    at_wall = room < 34
    if at_wall:
        outward = np.pi if site.x < sum(WALLS) / 2 else 0.0
        yaw = turned_to(outward + rng.normal(0, 0.3), site.yaw)
    else:
        yaw = any_heading(site, rng)
    change = look = 0
    for t in count():
        if t == change:
            high = (
                rng.uniform(0.6, 1.0) if t == 0 or rng.random() < 0.65 else rng.uniform(0.25, 0.5)
            )
            take_posture(
                goal, site, yaw, pitch=0.55 + 0.9 * high + rng.normal(0, 0.06),
                lift=13 + 5 * high, bend=0.7 - 0.6 * high, length=27 + 9 * high,
                girth=1.04 - 0.1 * high, head_pitch=rng.uniform(0.1, 1.1),
                fore_x=11 if at_wall else 7, fore_y=7 * high if at_wall else -6, fore_down=0,
                tail_side=rng.normal(0, 0.7), tail_curl=0.2,
            )  # fmt: skip
            change = t + rng.integers(22, 60)
            look = t + rng.integers(5, 20)
        if t == look:
            goal[Part.HEAD_PITCH] = rng.uniform(0.0, 1.2)
            goal[Part.HEAD_TURN] = rng.normal(0, 0.4)
            goal[Part.YAW] = yaw + rng.normal(0, 0.15)
            look = t + rng.integers(8, 26)
        wobble[Part.FORE_SPLIT] = 2.0 * np.sin(0.45 * t) * at_wall
        wobble[Part.HEAD_PITCH] = 0.04 * np.sin(1.4 * t)
        yield


def rest(goal, wobble, site: Site, rng) -> Iterator[None]:
    """Curled up and breathing; a rare twitch."""
    side = rng.choice([-1, 1])
    take_posture(
        goal, site, any_heading(site, rng), pitch=rng.uniform(-0.05, 0.25),
        bend=rng.uniform(1.2, 1.8), length=rng.uniform(20, 25), lift=12.5, girth=1.1,
        head_pitch=rng.uniform(-0.8, -0.5), head_turn=side * rng.uniform(0.2, 1.2),
        fore_x=4, fore_y=-6, tail_lift=-0.2, tail_curl=0.0, tail_side=side * 2.6,
    )  # fmt: skip
    rate, phase = rng.uniform(1.8, 2.8) / 30, rng.uniform(0, 2 * np.pi)
    twitch = rng.integers(60, 400)
    for t in count():
        breath = np.sin(2 * np.pi * rate * t + phase)
        wobble[Part.GIRTH] = 0.012 * breath
        wobble[Part.LIFT] = 0.12 * breath
        if t == twitch:
            goal[Part.HEAD_PITCH] += rng.normal(0, 0.08)
            goal[Part.YAW] += rng.normal(0, 0.06)
            twitch = t + rng.integers(60, 400)
        yield


def walk(goal, wobble, site: Site, rng) -> Iterator[None]:
    """Goes to the site, by a detour if there is time for one, and turns where it must."""
    n = max(site.n_frames, 1)
    pace = rng.uniform(1.6, 3.4)
    spare = max(pace * n - abs(site.x - site.start_x), 0) / 2
    left, right = WALLS[0] + 45, WALLS[1] - 45  # where the nose is at the wall
    end_x = float(np.clip(site.x, left, right))
    low, high = sorted((site.start_x, end_x))
    ends = max(low - spare, left), min(high + spare, right)
    beyond = low - ends[0], ends[1] - high  # room to go on past start and site, either way
    turn_x = ends[0] if beyond[0] * rng.uniform(0.5, 2) > beyond[1] else ends[1]
    path = np.array([site.start_x, turn_x, end_x])
    legs = np.abs(np.diff(path))
    other_way = rng.random() < 0.5  # turns toward the camera or away from it
    take_posture(goal, site, site.yaw, length=34, lift=15.5, bend=0.3, girth=0.96)
    goal[Part.HEAD_PITCH] = rng.uniform(-0.3, 0.2)
    goal[Part.TAIL_LIFT], goal[Part.TAIL_CURL] = rng.uniform(-0.1, 0.25), rng.uniform(-0.2, 0.4)
    jitter, x = rng.normal(0, 0.22), site.start_x
    total = max(legs.sum(), 1e-9)
    step = min(total / max(n - 4, 1), 5.0)
    going = None
    for t in count():
        done = min(step * (t + 1), total)
        target = np.interp(done, [0, legs[0], total + 1e-9], path)
        direction = float(np.sign(target - x))
        if direction and direction != going:
            heading = turned_to(0.0 if direction > 0 else np.pi, goal[Part.YAW])
            if going is not None and other_way:
                heading -= 2 * np.pi * np.sign(heading - goal[Part.YAW])
            goal[Part.YAW], going = heading + jitter, direction
        x = goal[Part.X] = target
        wobble[Part.HEAD_PITCH] = 0.07 * np.sin(0.6 * t)
        wobble[Part.LIFT] = 0.5 * np.sin(0.5 * t)
        yield


ACTIONS: dict[str, Callable[..., Iterator[None]]] = {
    action.__name__: action for action in (drink, eat, groom, hang, micromovement, rear, rest, walk)
}
