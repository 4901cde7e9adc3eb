"""Outlier detectors of scikit-learn and PyOD on moments, rows of numbers that describe a frame.

- ``gaussian_mixture``: minus the log density of a mixture;
- ``nearest_neighbours``: the logarithm of the mean distance to the nearest normal moments
  (Ramaswamy, Rastogi and Shim 2000);
- ``isolation_forest``: how few random cuts part a moment from the normal ones (Liu, Ting and Zhou
  2008);
- ``ecod``: minus the logarithms of how rare each of its numbers is, added up (Li and others 2022),
  by PyOD. PyOD counts among the normal moments and those scored with them, so that a frame's score
  depends a little on the rest of its recording.

A mixture is saved as its arrays. The others are saved as the normal moments that they are fitted
on, and fitted again with the same seed whenever they score, which takes under a second: nothing is
pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from cagewatch.errors import InputError

GAUSSIANS = 8
NEIGHBOURS = 5
MIXTURE = ("weights", "means", "precisions_cholesky")
KINDS = ("gaussian_mixture", "nearest_neighbours", "isolation_forest", "ecod")


def fit_outliers(kind: str, moments: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Learn what normal moments are like, (n, d) float, a few thousand at most; `kind` is of KINDS.

    A mixture's state is 'weights', 'means' and 'precisions_cholesky'; others keep the moments as
    'normal'. InputError if there are too few moments, or PyOD is needed and not installed.
    """
    if len(moments) <= GAUSSIANS:
        raise InputError(f"{len(moments)} training frames are too few; give longer recordings.")
    if kind == "gaussian_mixture":
        return fit_mixture(moments, GAUSSIANS, seed)
    state = {"normal": moments.astype(np.float32)}
    open_outliers(kind, state, seed)  # what cannot be fitted is to fail now
    return state


def open_outliers(
    kind: str, state: Mapping[str, np.ndarray], seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from (n, d) moments to (n,) float64, how far from normal each is.

    `state` is that of `fit_outliers`, called with the same kind and seed.
    """
    if kind == "gaussian_mixture":
        return open_mixture(state)
    normal = state["normal"]
    if kind == "nearest_neighbours":
        count = min(NEIGHBOURS, len(normal))
        near = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(normal)
        return lambda moments: np.log(
            near.kneighbors(moments.astype(np.float32))[0].mean(axis=1) + 1e-6
        )
    if kind == "isolation_forest":
        forest = IsolationForest(random_state=seed).fit(normal)
        return lambda moments: -forest.score_samples(moments.astype(np.float32))
    try:
        from pyod.models.ecod import ECOD
    except ImportError as error:
        raise InputError(
            "The detector 'ecod' needs PyOD, which is not installed: run 'pip install"
            " cagewatch[pyod]', or choose another detector."
        ) from error
    counted = ECOD().fit(normal)
    return lambda moments: counted.decision_function(moments.astype(np.float32))


def fit_mixture(moments: np.ndarray, count: int, seed: int) -> dict[str, np.ndarray]:
    """The arrays of a mixture of `count` Gaussians, fitted to (n, d) moments."""
    mixture = GaussianMixture(count, reg_covar=1e-2, random_state=seed)
    mixture.fit(moments.astype(np.float64))
    return {part: getattr(mixture, f"{part}_") for part in MIXTURE}


def open_mixture(state: Mapping[str, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """A function from (n, d) moments to minus their log density, (n,) float64."""
    mixture = GaussianMixture(len(state["weights"]))
    for part in MIXTURE:
        setattr(mixture, f"{part}_", state[part])
    return lambda moments: -mixture.score_samples(moments.astype(np.float64, copy=False))
