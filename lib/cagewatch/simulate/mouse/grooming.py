"""Grooming: chains from the nose to the tail that are often broken off, in no fixed rhythm.

After K. C. Berridge, J. C. Fentress and H. Parr, "Natural syntax rules control action sequence of
rats", Behavioural Brain Research 23:59-68, 1987, and A. V. Kalueff et al., "Neurobiology of rodent
self-grooming and its value for translational neuroscience", Nature Reviews Neuroscience 17:45-59,
2016. The syntactic chain has four phases: (1) five to nine rapid elliptical strokes of both paws
about the nose, at 6 to 7 a second; (2) a few short strokes of one paw, or of unequal size; (3)
large strokes of both paws over the head; (4) the head turns and licks the flank. Chains are the
smaller part of grooming and not all are completed; the rest are the same elements in loose order,
licking of belly and tail, a scratch with a hind foot, and pauses.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from cagewatch.simulate.mouse.body import Part
from cagewatch.simulate.mouse.postures import Site, any_heading, strokes, take_posture, wait, wander


class Element(NamedTuple):
    """One piece of grooming.

    Attributes
    ----------
    seconds : typical length.
    hertz : slowest and fastest pace of strokes.
    run, gap : strokes in a run and seconds between runs (`postures.strokes`).
    paws : height of a paw's stroke, pixels.
    uneven : from 0, both paws alike, to 1, one paw alone.
    nod, trunk : radians by which head and trunk go along with a stroke.
    """

    seconds: float
    hertz: tuple[float, float]
    run: float
    gap: float
    paws: float
    uneven: float
    nod: float
    trunk: float


ELEMENTS = {
    "nose": Element(1.0, (5.5, 7.0), 7, 0.25, 3.0, 0.1, 0.12, 0.05),
    "one paw": Element(0.6, (4.0, 6.5), 3, 0.25, 3.5, 0.9, 0.10, 0.05),
    "both paws": Element(1.8, (3.0, 5.5), 5, 0.35, 6.0, 0.25, 0.20, 0.09),
    "flank": Element(3.0, (2.5, 4.5), 6, 0.4, 1.0, 0.3, 0.22, 0.08),
    "belly": Element(2.5, (2.5, 4.5), 6, 0.4, 1.0, 0.3, 0.22, 0.08),
    "tail": Element(1.5, (2.5, 4.0), 5, 0.4, 1.5, 0.2, 0.20, 0.08),
    "scratch": Element(0.6, (8.0, 12.0), 8, 0.3, 0.0, 0.0, 0.08, 0.05),
    "pause": Element(0.7, (1.0, 2.0), 1, 1.0, 0.0, 0.0, 0.04, 0.01),
}
CHAIN = ("nose", "one paw", "both paws", "flank")
CHAIN_STARTS = 0.3  # chance that what comes next is a chain from its beginning
BREAKS_OFF = 0.2  # chance, after each phase, that a chain goes no further
LOOSE = {
    "nose": 0.17, "one paw": 0.13, "both paws": 0.22, "flank": 0.22, "belly": 0.08, "tail": 0.04,
    "scratch": 0.03, "pause": 0.11,
}  # fmt: skip
FACE = {"nose": (-0.75, -0.45), "one paw": (-0.6, -0.3), "both paws": (-0.9, -0.5)}


def order_elements(rng: Generator) -> Iterator[str]:
    """Yield the names of grooming elements, without end: whole and broken chains among others."""
    names, shares = list(LOOSE), np.array(list(LOOSE.values()))
    while True:
        if rng.random() < CHAIN_STARTS:
            for name in CHAIN:
                yield name
                if rng.random() < BREAKS_OFF:
                    break
        else:
            yield names[rng.choice(len(names), p=shares)]


def groom(goal: np.ndarray, wobble: np.ndarray, site: Site, rng: Generator) -> Iterator[None]:
    """Seated: strokes over nose and face, then licking of the body, pauses and shifts between."""
    yaw, sit = any_heading(site, rng), rng.uniform(0.75, 1.05)
    side = rng.choice([-1, 1])
    elements, change = order_elements(rng), 0
    lean, roam = wander(rng, 1.2), wander(rng, 0.8)
    for t in count():
        if t >= change:
            name = next(elements)
            element = ELEMENTS[name]
            change = t + wait(rng, element.seconds, 0.5)
            if rng.random() < 0.3:  # shifts its seat
                yaw += rng.normal(0, 0.3)
                sit = np.clip(sit + rng.normal(0, 0.15), 0.65, 1.15)
                site_x = site.x + rng.normal(0, 2.5)
            elif t == 0:
                site_x = site.x
            if name in ("flank", "tail", "scratch") and rng.random() < 0.4:
                side = -side
            if name != "pause" or t == 0:
                _take_seat(goal, site, name, yaw, sit, side, rng)
            elif rng.random() < 0.5:  # looks up
                goal[Part.HEAD_PITCH] = rng.uniform(-0.2, 0.3)
                goal[Part.HEAD_TURN] *= 0.4
            goal[Part.X] = site_x
            beat = strokes(
                rng, rng.uniform(*element.hertz) * site.build.tempo, element.run, element.gap
            )
            one = rng.choice([-1, 1])
        swing, push = next(beat)
        drift, course = next(lean), next(roam)
        body = name in ("flank", "belly", "tail")
        wobble[Part.HEAD_PITCH] = element.nod * swing + (0.14 if body else 0.08) * course
        wobble[Part.HEAD_TURN] = (0.2 if body else 0.06) * drift
        wobble[Part.FORE_Y] = element.paws * (1 - element.uneven / 2) * swing
        wobble[Part.FORE_X] = -0.8 * element.paws * push
        wobble[Part.FORE_SPLIT] = one * element.uneven * element.paws / 2 * swing
        wobble[Part.PITCH] = element.trunk * swing + 0.03 * drift
        wobble[Part.LENGTH] = 14 * element.trunk * push
        wobble[Part.HIND_SPLIT] = 3.0 * swing if name == "scratch" else 0.0
        yield


def _take_seat(
    goal: np.ndarray, site: Site, name: str, yaw: float, sit: float, side: int, rng: Generator
) -> None:
    """Set the goal to the posture of a grooming element."""
    tail = {"tail_side": rng.normal(0, 1.0), "tail_curl": 0.1}
    seat = {"girth": 1.07, "lift": 13.0, "fore_down": 0.0} | tail
    if name in FACE or name == "pause":
        head = rng.uniform(*FACE.get(name, (-0.4, 0.0)))
        take_posture(
            goal, site, yaw, pitch=sit, bend=rng.uniform(1.0, 1.5), length=rng.uniform(22, 27),
            head_pitch=head, fore_x=13, fore_y=-3, **seat,
        )  # fmt: skip
        return
    turn, head = {
        "flank": (rng.uniform(1.3, 2.1), rng.uniform(-0.8, -0.3)),
        "belly": (rng.uniform(0.0, 0.5), rng.uniform(-1.5, -1.1)),
        "tail": (rng.uniform(0.5, 1.2), rng.uniform(-1.6, -1.3)),
        "scratch": (rng.uniform(0.4, 0.9), rng.uniform(-0.5, -0.1)),
    }[name]
    take_posture(
        goal, site, yaw + 0.25 * side * turn, pitch=sit - rng.uniform(0.1, 0.4),
        bend=rng.uniform(1.2, 1.8), length=rng.uniform(23, 28), head_pitch=head,
        head_turn=side * turn, fore_x=7, fore_y=-8, **seat,
    )  # fmt: skip
    if name == "scratch":
        goal[Part.HIND_X], goal[Part.HIND_Y], goal[Part.HIND_DOWN] = 12.0, 4.0, 0.3
