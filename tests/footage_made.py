"""Footage made of arrays, and what a detector that is no network is fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from cagewatch import params
from cagewatch.detectors import Footage
from cagewatch.store import preprocessing_of

SETTINGS = preprocessing_of(params.resolve({"dataset": "ped2"}))


def make_footage(read: Callable[[], Iterator[np.ndarray]], n_frames: int, fps: float) -> Footage:
    """Footage of the frames that `read` gives."""
    timed = lambda: ((number / fps, frame) for number, frame in enumerate(read()))  # noqa: E731
    return Footage("made", SETTINGS, fps, timed, np.ones(n_frames, bool))


def make_training(footage: Sequence[Footage], parameters: Any) -> Any:
    """What `fit` reads of a training set."""
    return SimpleNamespace(footage=list(footage), parameters=parameters)
