"""The eight behaviours: where the mouse wants its body to be, frame by frame.

Each behaviour is a generator. It is given the pose the mouse should strive for (`goal`), a quick
movement laid on top (`wobble`) and the bout's site, changes both arrays in place and yields once
per frame, for as long as it is asked. `motion.move_mouse` makes the body follow. Grooming and
feeding have modules of their own; here are the other five and the table of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
from numpy.random import Generator

from cagewatch.simulate.cage import LID, WALLS
from cagewatch.simulate.mouse.body import Part, skeleton
from cagewatch.simulate.mouse.feeding import drink, eat
from cagewatch.simulate.mouse.grooming import groom
from cagewatch.simulate.mouse.postures import (
    Site,
    any_heading,
    strokes,
    take_posture,
    turned_to,
    wait,
    wander,
)


def hang(goal: np.ndarray, wobble: np.ndarray, site: Site, rng: Generator) -> Iterator[None]:
    """Under the lid: by the fore-paws with the body hanging down, or by all four paws."""
    four = rng.random() < 0.4
    _grip_bars(goal, site, four, rng)
    swings, nods, grips = wander(rng, 0.45), wander(rng, 0.7), wander(rng, 0.5)
    kicks = strokes(rng, rng.uniform(2.5, 4.0) * site.build.tempo, run=3, gap=1.5, spread=0.25)
    pull, shuffle_at = 0.0, wait(rng, 0.8)
    for t in count():
        kick, _ = next(kicks)
        swing = next(swings)
        wobble[Part.PITCH] = (0.025 if four else 0.07) * swing
        wobble[Part.TAIL_LIFT] = 0.15 * swing
        wobble[Part.HIND_SPLIT] = (1.0 if four else 4.0) * kick
        wobble[Part.HEAD_PITCH] = 0.1 * next(nods)
        wobble[Part.FORE_SPLIT] = 0.9 * next(grips)
        if t == shuffle_at:  # hand over hand along the bars, or pulls itself up a little
            goal[Part.X] = np.clip(goal[Part.X] + rng.normal(0, 5), site.x - 9, site.x + 9)
            goal[Part.LIFT] -= pull
            pull = rng.uniform(0, 5)
            goal[Part.LIFT] += pull
            shuffle_at = t + wait(rng, 1.0)
        yield


def _grip_bars(goal: np.ndarray, site: Site, four: bool, rng: Generator) -> None:
    """Set the goal to hanging with the fore-paws at the bars."""
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
    goal[Part.LIFT] += (paw - LID) / site.build.size


def micromovement(
    goal: np.ndarray, wobble: np.ndarray, site: Site, rng: Generator
) -> Iterator[None]:
    """On the spot: looks about, sniffs the air or the bedding, shifts its weight, holds still."""
    low = rng.random() < 0.35
    sit = rng.uniform(0.3, 0.7) if rng.random() < 0.25 else rng.normal(0.05, 0.08)
    take_posture(
        goal, site, any_heading(site, rng), pitch=sit, lift=15 - 2.0 * (sit > 0.25),
        bend=rng.uniform(0.4, 0.8) + 0.8 * sit, length=rng.uniform(25, 32), girth=1.03,
        fore_down=float(sit < 0.45), fore_x=9, fore_y=-9, tail_side=rng.normal(0, 0.7),
    )  # fmt: skip
    rest_pitch = -0.75 if low else rng.uniform(-0.35, 0.25)
    # Sniffing: D. W. Wesson et al., Chemical Senses 33:581-596, 2008, has mice at 4 to 12 a second.
    sniffs = strokes(rng, rng.uniform(4, 11) * site.build.tempo, run=8, gap=0.8, spread=0.2)
    depth, lean = rng.uniform(0.03, 0.09), wander(rng, 0.7)
    look = shift = 0
    for t in count():
        if t == look:
            goal[Part.HEAD_PITCH] = rest_pitch + rng.normal(0, 0.25)
            goal[Part.HEAD_TURN] = rng.normal(0, 0.55)
            look = t + wait(rng, 0.45)
        if t == shift:
            wide = 2.0 if rng.random() < 0.2 else 1.0  # now and then a step
            goal[Part.X] = site.x + wide * rng.normal(0, 5.0)
            goal[Part.LENGTH] = np.clip(goal[Part.LENGTH] + rng.normal(0, 2.0), 24, 34)
            goal[Part.YAW] += wide * rng.normal(0, 0.3)
            shift = t + wait(rng, 0.9)
        swing, _ = next(sniffs)
        sway = next(lean)
        wobble[Part.HEAD_PITCH] = depth * swing + 0.05 * sway
        wobble[Part.PITCH] = 0.04 * sway
        yield


def rear(goal: np.ndarray, wobble: np.ndarray, site: Site, rng: Generator) -> Iterator[None]:
    """Upright on the hind legs, against a wall or free; long bouts sink and rise again."""
    room = min(site.x - WALLS[0], WALLS[1] - site.x)
    at_wall = room < 34
    if at_wall:
        outward = np.pi if site.x < sum(WALLS) / 2 else 0.0
        yaw = turned_to(outward + rng.normal(0, 0.3), site.yaw)
    else:
        yaw = any_heading(site, rng)
    sniffs, pats = strokes(rng, 7 * site.build.tempo, 6, 0.8, 0.2), wander(rng, 0.3)
    lean = wander(rng, 0.5)
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
            change = t + wait(rng, 0.9, 0.5)
            look = t + wait(rng, 0.35)
        if t == look:
            goal[Part.HEAD_PITCH] = rng.uniform(0.0, 1.2)
            goal[Part.HEAD_TURN] = rng.normal(0, 0.4)
            goal[Part.YAW] = yaw + rng.normal(0, 0.2)
            goal[Part.X] = site.x + rng.normal(0, 2.0)
            look = t + wait(rng, 0.5)
        sway = next(lean)
        wobble[Part.FORE_SPLIT] = 2.0 * next(pats) * at_wall
        wobble[Part.HEAD_PITCH] = 0.05 * next(sniffs)[0] + 0.08 * sway
        wobble[Part.PITCH] = 0.055 * sway
        wobble[Part.LENGTH] = 1.2 * sway
        yield


def rest(goal: np.ndarray, wobble: np.ndarray, site: Site, rng: Generator) -> Iterator[None]:
    """Curled up and breathing; a rare twitch, a rarer change of position."""
    _curl_up(goal, site, any_heading(site, rng), rng)
    breaths = strokes(rng, rng.uniform(1.8, 2.8), run=200, gap=0.3, spread=0.1)
    twitch, turn = wait(rng, 6), wait(rng, 30)
    for t in count():
        swing, _ = next(breaths)
        wobble[Part.GIRTH] = 0.012 * swing
        wobble[Part.LIFT] = 0.12 * swing
        if t == twitch:
            goal[Part.HEAD_PITCH] += rng.normal(0, 0.08)
            goal[Part.YAW] += rng.normal(0, 0.06)
            twitch = t + wait(rng, 6)
        if t == turn:
            _curl_up(goal, site, goal[Part.YAW] + rng.normal(0, 0.5), rng)
            turn = t + wait(rng, 30)
        yield


def _curl_up(goal: np.ndarray, site: Site, yaw: float, rng: Generator) -> None:
    """Set the goal to a resting posture."""
    side = rng.choice([-1, 1])
    take_posture(
        goal, site, yaw, pitch=rng.uniform(-0.05, 0.25),
        bend=rng.uniform(1.2, 1.8), length=rng.uniform(20, 25), lift=12.5, girth=1.1,
        head_pitch=rng.uniform(-0.8, -0.5), head_turn=side * rng.uniform(0.2, 1.2),
        fore_x=4, fore_y=-6, tail_lift=-0.2, tail_curl=0.0, tail_side=side * 2.6,
    )  # fmt: skip


def walk(goal: np.ndarray, wobble: np.ndarray, site: Site, rng: Generator) -> Iterator[None]:
    """Goes to the site, by a detour if there is time for one, in starts and stops."""
    n = max(site.n_frames, 1)
    pace = rng.uniform(1.0, 3.2) * site.build.tempo
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
    step, done = min(total / max(n - 4, 1), 5.0), 0.0
    speeds, nods, lifts = wander(rng, 0.8), wander(rng, 0.35), wander(rng, 0.3)
    going = None
    for t in count():
        # Uneven, but never so far behind that it would come too late.
        behind = step * (t + 1) - done
        done = min(
            done + step * float(np.clip(1 + 0.6 * next(speeds), 0, 2)) + 0.04 * behind, total
        )
        target = np.interp(done, [0, legs[0], total + 1e-9], path)
        direction = float(np.sign(target - x))
        if direction and direction != going:
            heading = turned_to(0.0 if direction > 0 else np.pi, goal[Part.YAW])
            if going is not None and other_way:
                heading -= 2 * np.pi * np.sign(heading - goal[Part.YAW])
            goal[Part.YAW], going = heading + jitter, direction
        x = goal[Part.X] = target
        wobble[Part.HEAD_PITCH] = 0.06 * next(nods)
        wobble[Part.LIFT] = 0.35 * next(lifts)
        yield


ACTIONS: dict[str, Callable[..., Iterator[None]]] = {
    action.__name__: action for action in (drink, eat, groom, hang, micromovement, rear, rest, walk)
}
