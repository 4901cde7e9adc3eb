"""Other libraries' outlier detectors behind one adapter: known answers, and what a state gives."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import stats

from cagewatch.detectors.looks.outliers import KINDS, NEIGHBOURS, fit_outliers, open_outliers
from cagewatch.errors import InputError

LAW = np.random.default_rng(0)
NORMAL = LAW.normal(size=(2000, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_far_from_all_that_is_normal_scores_highest(kind):
    moments = np.concatenate([LAW.normal(size=(500, 3)), LAW.normal(6, 1, size=(50, 3))])
    judge = open_outliers(kind, fit_outliers(kind, NORMAL, 0), 0)
    found = judge(moments)
    assert found.shape == (550,) and found.dtype == np.float64
    assert found[500:].min() > np.quantile(found[:500], 0.99)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_and_moments_give_the_same_scores_to_the_last_bit(kind):
    moments = LAW.normal(size=(300, 3))
    given = moments.copy()
    state = fit_outliers(kind, NORMAL, 3)
    first = open_outliers(kind, state, 3)(moments)
    np.testing.assert_array_equal(open_outliers(kind, state, 3)(moments), first)
    np.testing.assert_array_equal(moments, given)
    assert all(value.dtype.kind == "f" for value in state.values())  # arrays, nothing pickled
    if kind == "isolation_forest":
        assert (open_outliers(kind, state, 4)(moments) != first).any()


def test_nearest_neighbours_measure_the_mean_distance():
    line = np.arange(100.0)[:, None]
    judge = open_outliers("nearest_neighbours", fit_outliers("nearest_neighbours", line, 0), 0)
    assert NEIGHBOURS == 5
    np.testing.assert_allclose(np.exp(judge(np.array([[50.0], [109.0]]))), [6 / 5, 12], rtol=1e-4)


def test_a_mixture_of_one_law_has_its_density():
    found = open_outliers("gaussian_mixture", fit_outliers("gaussian_mixture", NORMAL, 0), 0)
    moments = LAW.normal(size=(1000, 3))
    known = -stats.multivariate_normal(np.zeros(3)).logpdf(moments)
    assert stats.spearmanr(found(moments), known).statistic > 0.9


def test_without_pyod_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyod.models.ecod", None)
    with pytest.raises(InputError, match=r"pip install cagewatch\[pyod\]"):
        fit_outliers("ecod", NORMAL, 0)
    with pytest.raises(InputError, match="8 training frames are too few"):
        fit_outliers("ecod", NORMAL[:8], 0)
