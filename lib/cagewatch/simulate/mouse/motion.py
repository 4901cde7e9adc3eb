"""From bouts to body poses: plans where each bout takes place and moves the body there smoothly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import cos

import numpy as np
from numpy.random import Generator

from cagewatch.simulate.cage import FLOOR, HOPPER, SPOUT, WALLS
from cagewatch.simulate.ethogram import Bout
from cagewatch.simulate.mouse.behaviours import ACTIONS
from cagewatch.simulate.mouse.body import Build, Part
from cagewatch.simulate.mouse.postures import STANDING, Site, turned_to

BLOCK = 256  # poses handed on at a time
LEAD = 5  # frames by which the body starts toward the next posture before the label changes
LATE = 3.0  # standard deviation of that over bouts: nobody labels to the frame
REACHING = {"drink": 9, "hang": 8}  # the same where a bout is labelled from the first touch on
RAMP = 6  # frames over which a quick movement swells and fades
STIFFNESS = 0.36  # of the critically damped spring that pulls the body to its goal, per frame
FASTEST = {Part.X: 5.0, Part.LIFT: 6.0, Part.FLOOR: 0.7}  # pixels a frame; other lengths: 3
TURNS = {Part.YAW: 0.3, Part.HEAD_PITCH: 0.25, Part.HEAD_TURN: 0.25}  # radians a frame
TURNS |= {part: 0.2 for part in (Part.PITCH, Part.BEND, Part.TAIL_LIFT, Part.TAIL_SIDE)}
# No living body is quite still: amplitude and cycles per second of a slow sway, whose phase drifts.
SWAY = {Part.X: (0.5, 0.31), Part.PITCH: (0.02, 0.43), Part.HEAD_PITCH: (0.03, 0.77)}
SWAY |= {Part.LENGTH: (0.4, 0.57), Part.YAW: (0.03, 0.23), Part.GIRTH: (0.006, 2.6)}
DRIFT = 0.12  # radians a frame by which that phase strays
CALM = 0.15  # share of the sway left in a resting mouse
SHUFFLE = 3.0  # fastest sideways drift, pixels a frame, of a mouse that is not walking
REACH = 3.6  # pixels a frame that a walk is counted on to cover
CLOSE = 12.0  # pixels from its place at which a mouse takes up the posture for it
CYCLE = 26.0  # pixels travelled in one cycle of steps


def plan_places(bouts: Sequence[Bout], rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Choose the screen column and ground row of every bout, (n_bouts,) float64 each.

    A mouse changes place by walking, so all bouts between two walks share one place, chosen for
    the most demanding of them: the spout, the bars beside the hopper, the nest, a wall. The places
    are chosen from the last to the first, so that each walk can reach what follows it in its time.
    """
    x, floor = np.zeros(len(bouts)), np.zeros(len(bouts))
    nest = rng.choice([WALLS[0] + 38, WALLS[1] - 38])
    walks = [i for i, bout in enumerate(bouts) if bout.behaviour == "walk"]
    bounds = list(pairwise([0, *(i + 1 for i in walks), len(bouts)]))
    following, reach = None, 0.0
    for start, stop in reversed(bounds):
        last = bouts[stop - 1] if stop > start else None
        if last is not None and last.behaviour == "walk" and following is not None:
            reach = REACH * (last.stop - last.start)
            x[stop - 1], floor[stop - 1] = following
            stop -= 1
        here = {bout.behaviour for bout in bouts[start:stop]}
        place, fixed = _choose_place(here, nest, rng, following)
        if following is not None and not fixed:
            place = float(np.clip(place, following[0] - reach, following[0] + reach))
        following = (place, rng.uniform(*FLOOR))
        x[start:stop], floor[start:stop] = following
    return x, floor


def _choose_place(
    here: set[str], nest: float, rng: Generator, following: tuple[float, float] | None
) -> tuple[float, bool]:
    """Column for a set of behaviours, and whether they allow of no other."""
    if "drink" in here:
        return SPOUT[0] - 22 + rng.normal(0, 3), True
    if "hang" in here:
        left, right = rng.uniform(42, 78), rng.uniform(242, 276)
        near = following is not None and abs(following[0] - left) < abs(following[0] - right)
        return (left if rng.random() < (0.75 if near else 0.25) else right), True
    if "rest" in here and rng.random() < 0.7:
        return nest + rng.normal(0, 8), False
    if "rear" in here and rng.random() < 0.55:
        inset = rng.uniform(20, 32)
        return (WALLS[0] + inset if rng.random() < 0.5 else WALLS[1] - inset), False
    if "eat" in here and rng.random() < 0.5:
        return HOPPER[2][0] + rng.choice([-1, 1]) * rng.uniform(15, 50), False
    return rng.uniform(WALLS[0] + 25, WALLS[1] - 25), False


def move_mouse(bouts: Sequence[Bout], build: Build, rng: Generator) -> Iterator[np.ndarray]:
    """Yield the poses of all frames in blocks of (up to `BLOCK`, len(Part)) float64.

    The body follows its goal like a critically damped spring with limited speed, so there is no
    jump whatever the ethogram asks for; quick movements come on top and fade between bouts.
    """
    x, floor = plan_places(bouts, rng)
    top = np.full(len(Part), 3.0)
    for part, limit in (FASTEST | TURNS).items():
        top[part] = limit
    goal, wobble = np.zeros(len(Part)), np.zeros(len(Part))
    pose, speed = np.zeros(len(Part)), np.zeros(len(Part))
    for part, value in STANDING.items():
        pose[part] = value
    pose[Part.X], pose[Part.FLOOR], pose[Part.YAW] = x[0], floor[0], rng.uniform(0, 2 * np.pi)
    early = rng.normal(0, LATE, len(bouts))
    starts = [
        bout.start - _lead(bout, bout.start - before.start, offset) if i else 0
        for i, (before, bout, offset) in enumerate(
            zip([bouts[0], *bouts], bouts, early, strict=False)
        )
    ]
    stops = [*starts[1:], bouts[-1].stop]
    sway, rate = np.zeros(len(Part)), np.zeros(len(Part))
    for part, (amplitude, hertz) in SWAY.items():
        sway[part], rate[part] = amplitude, 2 * np.pi * hertz * rng.uniform(0.8, 1.25) / 30
    phase = rng.uniform(0, 2 * np.pi, len(Part))
    block, gait, lively = [], 0.0, 1.0
    stray = rng.normal(size=(BLOCK, len(Part)))
    for i, (bout, start, stop) in enumerate(zip(bouts, starts, stops, strict=True)):
        site = Site(x[i], floor[i], pose[Part.X], pose[Part.YAW], stop - start, build)
        wobble[:] = 0
        action = ACTIONS[bout.behaviour](goal, wobble, site, rng)
        top[Part.X] = FASTEST[Part.X] if bout.behaviour == "walk" else SHUFFLE
        arrived = bout.behaviour == "walk"
        for frame in range(start, stop):
            next(action)
            keep_inside(goal, build)
            aim = goal
            if not arrived:
                aim = approach(goal, pose, build)
                arrived = abs(aim[Part.X] - pose[Part.X]) < CLOSE
            speed += STIFFNESS**2 * (aim - pose) - 2 * STIFFNESS * speed
            np.clip(speed, -top, top, out=speed)
            pose += speed
            keep_inside(pose, build)
            lively += 0.1 * ((CALM if bout.behaviour == "rest" else 1.0) - lively)
            gait += abs(speed[Part.X]) * 2 * np.pi / CYCLE
            shown = pose + wobble * min(1, (frame - start + 1) / RAMP, (stop - frame) / RAMP)
            phase += rate + DRIFT * stray[len(block)]
            shown += lively * sway * np.sin(phase)
            shown[Part.GAIT] = gait
            shown[Part.STRIDE] = pose[Part.STRIDE] * min(1.0, abs(speed[Part.X]))
            block.append(shown)
            if len(block) == BLOCK:
                yield np.array(block)
                block.clear()
                stray = rng.normal(size=(BLOCK, len(Part)))
    if block:
        yield np.array(block)


def _lead(bout: Bout, room: int, offset: float) -> int:
    """Frames by which the body starts before the label, `room` being the bout before it."""
    lead = round(REACHING.get(bout.behaviour, LEAD) + offset)
    return min(max(lead, 0), room // 3)


def approach(goal: np.ndarray, pose: np.ndarray, build: Build) -> np.ndarray:
    """The goal of a mouse still on the way to its place: on all fours, heading there."""
    aim = goal.copy()
    for part, value in STANDING.items():
        aim[part] = value
    aim[Part.YAW] = turned_to(0.0 if goal[Part.X] > pose[Part.X] else np.pi, pose[Part.YAW])
    aim[Part.HEAD_TURN] = aim[Part.PELLET] = 0.0
    keep_inside(aim, build)
    return aim


def keep_inside(pose: np.ndarray, build: Build) -> None:
    """Shift a pose's hip so that nose and rump stay between the side walls."""
    heading = cos(pose[Part.YAW])
    reach = pose[Part.LENGTH] * cos(pose[Part.PITCH])
    reach += 23 * cos(pose[Part.HEAD_PITCH]) * cos(pose[Part.HEAD_TURN])
    ahead = build.size * heading * max(reach, 8.0)
    low = WALLS[0] + max(17.0 * build.size, -ahead)
    high = WALLS[1] - max(17.0 * build.size, ahead)
    pose[Part.X] = min(max(pose[Part.X], low), high)
