"""Eating and drinking: bites and licks in runs of uneven pace, with pauses and shifts between.

Mice lick in clusters at 7 to 10 a second (J. D. Boughter et al., "C57BL/6J and DBA/2J mice vary in
lick rate and ingestive microstructure", Genes, Brain and Behavior 6:619-627, 2007) and chew at 4 to
7 a second (after M. Kobayashi et al., "Electrophysiological analysis of rhythmic jaw movements in
the freely moving mouse", Physiology and Behavior 75:377-385, 2002). At 320x240 a lick is hardly
seen: in real footage the pixels of a drinking mouse change about as little as those of a still one,
but for shifts of body and paws.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.random import Generator

from cagewatch.simulate.cage import HOPPER, SPOUT
from cagewatch.simulate.mouse.body import Part
from cagewatch.simulate.mouse.postures import (
    Site,
    any_heading,
    put_nose,
    strokes,
    take_posture,
    turned_to,
    wait,
    wander,
)


def drink(goal: np.ndarray, wobble: np.ndarray, site: Site, rng: Generator) -> Iterator[None]:
    """Upright at the spout, nose on its tip, licking in clusters."""
    yaw = turned_to(rng.normal(0, 0.25), site.yaw)
    take_posture(
        goal, site, yaw, lift=15, pitch=rng.uniform(1.15, 1.4), bend=rng.uniform(0.3, 0.7),
        length=rng.uniform(31, 37), girth=1.02, head_pitch=rng.uniform(0.25, 0.6),
        fore_x=8, fore_y=rng.uniform(-6, 0), fore_down=0, tail_side=rng.normal(0, 0.8),
    )  # fmt: skip
    put_nose(goal, site.build, SPOUT[0] - 1, SPOUT[1] + 1)
    licks = strokes(
        rng, rng.uniform(7, 10) * site.build.tempo, run=rng.uniform(8, 25), gap=0.4, spread=0.08
    )
    lean, shift = wander(rng, 0.8), wait(rng, 1.2)
    for t in count():
        swing, push = next(licks)
        sway = next(lean)
        wobble[Part.HEAD_PITCH] = 0.035 * swing + 0.02 * sway
        wobble[Part.X] = 0.4 * push
        wobble[Part.PITCH] = 0.012 * sway
        if t == shift:  # moves a paw or its weight
            goal[Part.FORE_Y] = rng.uniform(-6, 2)
            goal[Part.FORE_SPLIT] = rng.normal(0, 1.5)
            goal[Part.PITCH] += rng.normal(0, 0.02)
            shift = t + wait(rng, 1.2)
        yield


def eat(goal: np.ndarray, wobble: np.ndarray, site: Site, rng: Generator) -> Iterator[None]:
    """Gnawing at the hopper from below, or seated with a pellet held in both fore-paws."""
    at_hopper = rng.random() < 0.4 and abs(site.x - HOPPER[2][0]) < 70
    if at_hopper:
        _reach_hopper(goal, site, rng)
        bites = strokes(rng, rng.uniform(3.0, 6.0) * site.build.tempo, 6, 0.5, 0.25)
    else:
        _sit_with_pellet(goal, site, any_heading(site, rng), rng)
        bites = strokes(rng, rng.uniform(4.0, 7.0) * site.build.tempo, 9, 0.4, 0.2)
    bite, lean = (0.11 if at_hopper else 0.07), wander(rng, 1.0)
    head, paws = goal[Part.HEAD_PITCH], goal[Part.FORE_Y]
    change, busy = wait(rng, 1.5), True
    for t in count():
        swing, push = next(bites)
        sway = next(lean)
        drive = 1.0 if busy else 0.15
        wobble[Part.HEAD_PITCH] = drive * bite * swing + 0.04 * sway
        wobble[Part.FORE_Y] = 0.0 if at_hopper else drive * 1.2 * push
        wobble[Part.FORE_SPLIT] = drive * 0.6 * swing
        wobble[Part.PITCH] = 0.02 * sway + 0.015 * drive * swing
        if t == change:
            busy = not busy or rng.random() < 0.35
            change = t + wait(rng, 1.8 if busy else 0.8)
            if busy:  # back to the food, which it turns in its paws
                goal[Part.HEAD_PITCH] = head + rng.normal(0, 0.12)
                goal[Part.FORE_Y] = paws + rng.uniform(-1.5, 1.5)
                goal[Part.HEAD_TURN] = rng.normal(0, 0.1)
            else:  # chews with the head up, or looks about
                goal[Part.HEAD_PITCH] = head + rng.uniform(0.0, 0.5)
                goal[Part.HEAD_TURN] = rng.normal(0, 0.35)
                goal[Part.FORE_Y] = paws - rng.uniform(0, 3)
            if rng.random() < 0.3:  # shifts its seat
                goal[Part.YAW] += rng.normal(0, 0.15 if at_hopper else 0.3)
                goal[Part.PITCH] = np.clip(goal[Part.PITCH] + rng.normal(0, 0.1), 0.1, 1.2)
                goal[Part.X] += rng.normal(0, 1.0 if at_hopper else 2.0)
                goal[Part.TAIL_SIDE] = rng.normal(0, 0.8)
        yield


def _reach_hopper(goal: np.ndarray, site: Site, rng: Generator) -> None:
    """Set the goal to the nose at the hopper's slope."""
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


def _sit_with_pellet(goal: np.ndarray, site: Site, yaw: float, rng: Generator) -> None:
    """Set the goal to sitting up with a pellet before the mouth."""
    take_posture(
        goal, site, yaw, pitch=rng.uniform(0.8, 1.1), lift=13, bend=rng.uniform(0.9, 1.3),
        length=rng.uniform(23, 28), girth=1.06, head_pitch=rng.uniform(-0.6, -0.3),
        fore_x=12, fore_y=-5, fore_down=0, pellet=1, tail_side=rng.normal(0, 1.0), tail_curl=0.1,
    )  # fmt: skip
