"""Detectors that are no Keras network, by name, and how they are fitted and score a video.

A detector is a module of this folder with two functions:

- ``fit(videos, parameters) -> state``, from a sequence of `Video`s of normal frames to a dict of
  numpy arrays (numbers or strings, no objects), all that scoring needs;
- ``score(state, video, parameters) -> (n_frames,) float64``, one score for each frame that the
  video yields, higher is more anomalous.

Both read frames as a stream, so that memory does not depend on a recording's length; `fit` keeps a
bounded sample. A further detector is one entry in `DETECTORS` and a layer ``params/model/<name>``.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from cagewatch.errors import InputError

# By name, not imported: the batch reads the names, and needs none of what detectors compute with.
DETECTORS: dict[str, str] = {
    "density": "cagewatch.detectors.density",
    "sparse": "cagewatch.detectors.sparse",
}


def load_detector(name: str) -> ModuleType:
    """The module of the detector of this name; InputError for an unknown name."""
    if name not in DETECTORS:
        raise InputError(
            f"The model {name!r} is no detector: choose one of {', '.join(DETECTORS)}, or run the"
            " notebook experiment, which trains networks."
        )
    return import_module(DETECTORS[name])
