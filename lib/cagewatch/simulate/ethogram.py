"""What the simulated mouse does and for how long: a semi-Markov process fitted to a real mouse.

The numbers below are a fit (`fit_ethogram`) to one hour of hand annotation: recording
20080324115556 of the home-cage database of Jhuang et al., "Automated home-cage behavioural
phenotyping of mice", Nature Communications 1:68, 2010 (annotator group 1, 645 bouts, 107,886
frames). Bout lengths are log-normal: on that recording a Kolmogorov-Smirnov test rejects it for
none of the eight behaviours, while the gamma distribution is rejected for two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

BEHAVIOURS = ("drink", "eat", "groom", "hang", "micromovement", "rear", "rest", "walk")


class Bout(NamedTuple):
    """A run of frames of one behaviour: frames `start` to `stop - 1`, counted from 0."""

    behaviour: str
    start: int
    stop: int


@dataclass(frozen=True)
class Ethogram:
    """A fitted semi-Markov process over `BEHAVIOURS`.

    Attributes
    ----------
    log_mean, log_sd : (8,) float64, mean and standard deviation of log(bout length in frames).
    transitions : (8, 8) int64, how often row was followed by column; the diagonal is 0.
    longest : longest bout seen, frames; no drawn bout is longer.
    rarest_interval : frames from one start of the rarest behaviour to the next, on average.
    """

    log_mean: np.ndarray
    log_sd: np.ndarray
    transitions: np.ndarray
    longest: int
    rarest_interval: float


FITTED = Ethogram(
    log_mean=np.array([2.7249, 3.9366, 4.8399, 4.7312, 4.3608, 3.2959, 6.8454, 3.5189]),
    log_sd=np.array([0.6560, 1.1748, 1.5297, 1.2122, 1.2620, 0.9064, 1.4046, 0.8902]),
    transitions=np.array(
        [
            [0, 10, 0, 0, 0, 7, 0, 0],
            [8, 0, 1, 1, 6, 29, 0, 11],
            [0, 2, 0, 0, 65, 12, 0, 10],
            [0, 3, 0, 0, 2, 1, 0, 1],
            [0, 4, 64, 0, 0, 24, 8, 104],
            [8, 27, 7, 6, 23, 0, 0, 33],
            [0, 0, 0, 0, 8, 0, 0, 0],
            [1, 10, 17, 0, 99, 31, 1, 0],
        ]
    ),
    longest=4923,
    rarest_interval=15412.3,
)


def fit_ethogram(bouts: Sequence[Bout]) -> Ethogram:
    """Fit the semi-Markov process to annotated bouts in order; each behaviour must occur."""
    kind = np.array([BEHAVIOURS.index(bout.behaviour) for bout in bouts])
    length = np.array([bout.stop - bout.start for bout in bouts])
    counts = np.bincount(kind, minlength=len(BEHAVIOURS))
    transitions = np.zeros((len(BEHAVIOURS), len(BEHAVIOURS)), int)
    np.add.at(transitions, (kind[:-1], kind[1:]), 1)
    logs = [np.log(length[kind == k]) for k in range(len(BEHAVIOURS))]
    return Ethogram(
        log_mean=np.array([log.mean() for log in logs]),
        log_sd=np.array([log.std() for log in logs]),
        transitions=transitions,
        longest=int(length.max()),
        rarest_interval=float(length.sum() / counts.min()),
    )


def draw_bouts(
    rng: Generator, n_frames: int, rare: float = 1.0, ethogram: Ethogram = FITTED
) -> list[Bout]:
    """Draw the bouts of one recording.

    Parameters
    ----------
    n_frames : frames to fill exactly; the last bout is cut off there, as in a real recording.
    rare : 1 draws from the fitted process as it is. Above 1 the process is squeezed into less
        time, so that a short recording holds enough bouts of what is rare: no bout is longer
        than ``longest / rare``, and a behaviour that has not started for
        ``rarest_interval / (rare - 1)`` frames comes next (the one waiting longest first).
        Below 1, bouts are drawn as for 1.
    """
    rare = max(rare, 1.0)
    longest = max(1, round(ethogram.longest / rare))
    patience = ethogram.rarest_interval / (rare - 1) if rare > 1 else np.inf
    chances = ethogram.transitions / ethogram.transitions.sum(axis=1, keepdims=True)
    # Every behaviour starts out somewhere on its way to being overdue, so that none is forced
    # at the same frame of every recording.
    finite = patience if np.isfinite(patience) else 0.0
    last_start = -rng.random(len(BEHAVIOURS)) * finite
    counts = ethogram.transitions.sum(axis=1)
    kind = int(rng.choice(len(BEHAVIOURS), p=counts / counts.sum()))
    bouts, start = [], 0
    while start < n_frames:
        length = rng.lognormal(ethogram.log_mean[kind], ethogram.log_sd[kind])
        stop = min(start + int(np.clip(round(length), 1, longest)), n_frames)
        bouts.append(Bout(BEHAVIOURS[kind], start, stop))
        last_start[kind] = start
        start = stop
        waited = start - last_start
        waited[kind] = 0  # a behaviour does not follow itself
        if waited.max() > patience:
            kind = int(waited.argmax())
        else:
            kind = int(rng.choice(len(BEHAVIOURS), p=chances[kind]))
    return bouts


def describe_bouts(bouts: Sequence[Bout]) -> dict[str, tuple[float, int, float]]:
    """Per behaviour: share of all frames (0 to 1), number of bouts, median bout in frames."""
    total = sum(bout.stop - bout.start for bout in bouts)
    lengths = {
        name: [bout.stop - bout.start for bout in bouts if bout.behaviour == name]
        for name in BEHAVIOURS
    }
    return {
        name: (sum(found) / total, len(found), float(np.median(found)) if found else 0.0)
        for name, found in lengths.items()
    }
