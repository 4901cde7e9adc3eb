"""Which module makes which detector. By name, so that a list of names imports no backend."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from cagewatch.errors import InputError

NETWORKS = (
    *("rae", "cae", "cae_image", "cae_flow", "supervised", "memory"),
    *("hasan", "conv3d", "stae_image", "stae_flow", "cae_bottleneck"),
)
DETECTORS = {
    **dict.fromkeys(NETWORKS, "cagewatch.detectors.network"),
    "cae_bottleneck": "cagewatch.detectors.bottleneck",
    "density": "cagewatch.detectors.density",
    "sparse": "cagewatch.detectors.sparse",
    **dict.fromkeys(("mean_image", "pca_frames", "pca_clips"), "cagewatch.detectors.linear"),
    **dict.fromkeys(
        (
            *("habits", "gaussian_mixture", "isolation_forest", "ecod"),
            *("place", "dynamics", "speed", "stillness", "rhythm"),
        ),
        "cagewatch.detectors.usual",
    ),
    "recommended": "cagewatch.detectors.fusion",
    **dict.fromkeys(
        ("frame_index", "frame_difference", "flow_magnitude", "mean_flow"),
        "cagewatch.detectors.trivial",
    ),
}


def is_network(name: str) -> bool:
    """Whether the detector of this name is a network, trained in epochs.

    Parameters
    ----------
    name : str
        Of a layer of ``params/model``.

    Returns
    -------
    found : bool
    """
    return name in NETWORKS


def find_module(name: str) -> ModuleType:
    """The module of the detector of this name; InputError for an unknown name."""
    if name not in DETECTORS:
        raise InputError(f"Unknown detector {name!r}: choose one of {', '.join(DETECTORS)}.")
    return import_module(DETECTORS[name])
