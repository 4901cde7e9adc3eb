"""Fusion: tail probabilities with known answers, folds, reasons, and members that fail."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cagewatch import params
from cagewatch.detectors import (
    DETECTORS,
    TrainingSet,
    fit_detector,
    footage_of,
    fusion,
    usual,
)
from cagewatch.detectors.looks import measures
from cagewatch.detectors.looks.tails import fit_tail, surprise
from cagewatch.errors import InputError
from cagewatch.recordings import Recording
from cagewatch.store import preprocessing_of


@pytest.fixture
def stub(monkeypatch):
    """A function that puts a member of one's own in place of a detector of the registry."""

    def put(name, fit, score):
        module = ModuleType(f"stub_{name}")
        module.fit, module.score = fit, score
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(DETECTORS, name, module.__name__)

    return put


@pytest.fixture
def training(small_cage, tmp_path):
    """A function that gives the training set of a fusion of `members` on some recordings."""

    def make(members, recordings=None, **given):
        one = small_cage.recordings[0]
        recordings = recordings or [one]
        stores = {each.name: small_cage.stores[one.name] for each in recordings}
        own = {"model": "recommended", "members": members, "member_weights": [1.0] * len(members)}
        given = small_cage.given | own | given
        return TrainingSet(recordings, stores, params.resolve(given), tmp_path)

    return make


def named(recording, name):
    return Recording(**{**vars(recording), "name": name})


@pytest.mark.parametrize("seed", range(3))
def test_surprise_is_the_known_tail_of_a_known_distribution(seed):
    for law, reach in ((stats.expon(), 0.35), (stats.genpareto(0.4), 0.5)):
        tail = fit_tail(law.rvs(50_000, random_state=seed))
        for share, within in ((0.5, 0.02), (0.05, 0.02), (1e-2, 0.1), (1e-4, reach)):
            found = surprise(np.array([law.isf(share)]), tail)[0]
            assert found == pytest.approx(-np.log10(share), abs=within)


def test_scores_above_all_that_were_seen_keep_their_order():
    generator = np.random.default_rng(0)
    for normal in (generator.normal(size=5000), generator.uniform(size=300)):
        tail = fit_tail(normal)
        rising = surprise(np.linspace(normal.min() - 1, normal.max() + 50, 2000), tail)
        assert (np.diff(rising) >= 0).all() and np.isfinite(rising).all()
        beyond = surprise(normal.max() + np.arange(1.0, 50), tail)
        assert (np.diff(beyond) > 0).all()


def test_any_rising_function_of_the_score_leaves_the_counted_part_as_it_is():
    normal = np.random.default_rng(1).gamma(2, size=4000)
    inside = np.quantile(normal, [0.1, 0.5, 0.9])
    plain = surprise(inside, fit_tail(normal))
    np.testing.assert_allclose(plain, surprise(np.exp(inside), fit_tail(np.exp(normal))), atol=0.01)
    for few in (np.repeat([1.0, 2.0], 50), np.r_[np.zeros(99), 1.0]):
        assert (np.diff(surprise(np.arange(2.0, 9), fit_tail(few))) > 0).all()
    with pytest.raises(InputError, match="the same score"):
        fit_tail(np.ones(100))


def test_a_fusion_adds_its_members_surprise_and_keeps_each(training, stub, monkeypatch):
    law = np.random.default_rng(2)
    monkeypatch.setattr(fusion, "SMOOTHING", 0.0)
    draws = {"pca_frames": law.normal(size=300), "mean_flow": law.normal(10, 100, size=300)}
    for name, values in draws.items():
        stub(
            name, lambda _: {"learnt": np.zeros(1)}, lambda s, f, p, v=values: {"score": v[f.kept]}
        )
    one = training([*draws], member_weights=[1.0, 2.0])
    with pytest.warns(UserWarning, match="one normal recording only"):
        detector = fit_detector(one)
    scores = detector.score(one.footage[0])
    assert scores.keys() == {"score", "score_pca_frames", "score_mean_flow"}
    np.testing.assert_allclose(
        scores["score"], scores["score_pca_frames"] + scores["score_mean_flow"]
    )
    kept = one.footage[0].kept
    for name, values in draws.items():  # the unit of a member's score is of no account
        own = scores[f"score_{name}"] / (2 if name == "mean_flow" else 1)
        assert stats.spearmanr(values[kept], own).statistic > 0.999
        assert (own > 1).mean() == pytest.approx(0.1, abs=0.05)
    worst = np.argmax(scores["score_mean_flow"])
    assert fusion.find_reasons(pd.DataFrame(scores))[worst] == "speed"
    with pytest.raises(InputError, match="as many member_weights"):
        fusion.fit(training([*draws], member_weights=[1.0]))


def test_no_member_is_calibrated_on_what_it_was_fitted_on(training, small_cage, stub):
    fitted, scored = [], []

    def fit(part):
        fitted.append({one.name for one in part.recordings})
        return {"names": np.array([one.name for one in part.recordings])}

    def score(state, footage, parameters):
        scored.append((set(state["names"].tolist()), footage.name))
        return {"score": np.random.default_rng(len(scored)).normal(size=len(footage))}

    stub("mean_flow", fit, score)
    names = [f"recording_{number}" for number in range(5)]
    one = training(["mean_flow"], [named(small_cage.recordings[0], name) for name in names])
    fusion.fit(one)
    held = [footage for names, footage in scored if footage not in names]
    assert sorted(held) == names and len(scored) == len(names)
    assert fitted[-1] == set(names) and all(len(part) in (3, 4) for part in fitted[:-1])


def test_halves_of_a_single_recording_share_no_frame(training):
    one = training(["mean_flow"])
    with pytest.warns(UserWarning, match="one normal recording only"):
        folds = fusion.hold_out(one)
    (first, held), (second, again) = folds
    parts = [held[0].kept, again[0].kept]
    assert not (parts[0] & parts[1]).any()
    np.testing.assert_array_equal(parts[0] | parts[1], one.footage[0].kept)
    np.testing.assert_array_equal(first.footage[0].kept, parts[1])
    np.testing.assert_array_equal(second.footage[0].kept, parts[0])


@pytest.mark.filterwarnings("ignore:There is one normal recording")
def test_a_member_that_fails_is_named_and_left_out_only_if_asked(training, stub):
    def fail(_):
        raise ValueError("singular")

    stub("speed", fail, None)
    with pytest.raises(InputError, match="'speed' of 'recommended' failed: singular. Leave it out"):
        fusion.fit(training(["mean_flow", "speed"]))
    with pytest.warns(UserWarning, match="'speed'.*left out"):
        state = fusion.fit(training(["mean_flow", "speed"], members_may_fail=True))
    assert state["members"].tolist() == ["mean_flow"]
    with (
        pytest.raises(InputError, match="No member"),
        pytest.warns(UserWarning, match="left out"),
    ):
        fusion.fit(training(["speed"], members_may_fail=True))
    with pytest.raises(InputError, match="choose one of"):
        fusion.fit(training(["sped"]))
    with pytest.raises(InputError, match="member of itself"):
        fusion.fit(training(["recommended"]))


@pytest.mark.filterwarnings("ignore:There is one normal recording")
def test_members_read_what_the_fusion_says_of_their_own_parameters(training):
    one = training(["mean_flow", "place"], animals="many", seed=7)
    part = fusion._for_member("place", one, "all")
    assert (part.parameters.animals, part.parameters.seed) == ("many", 7)
    assert part.parameters.model == "place" and part.footage[0] is one.footage[0]
    assert preprocessing_of(part.parameters) == preprocessing_of(one.parameters)
    assert footage_of(one.recordings[0], preprocessing_of(part.parameters)).memo == {}


@pytest.mark.filterwarnings("ignore:There is one normal recording")
def test_parts_are_averaged_over_a_second_of_a_run_and_not_across_a_gap(training, stub):
    jump = np.zeros(300)
    jump[120:] = np.linspace(1, 2, 180)
    law = np.random.default_rng(0).normal(size=300)
    fitted = {"score": law}
    stub(
        "mean_flow",
        lambda _: {"learnt": np.zeros(1)},
        lambda s, f, p: {"score": fitted["score"][f.kept]},
    )
    one = training(["mean_flow"])
    detector = fit_detector(one)
    fitted["score"] = jump
    footage = one.footage[0]
    kept = np.ones(300, bool)
    kept[90:120] = False
    found = detector.score(footage.part(kept))["score"]
    runs = np.flatnonzero(footage.kept & kept) < 90
    assert np.ptp(found[runs]) < 1e-9 < found[~runs].min() - found[runs].max()


@pytest.mark.filterwarnings("ignore:There is one normal recording")
def test_a_long_recording_is_scored_in_pieces_as_in_one(training, monkeypatch):
    one = training(["place", "dynamics", "speed", "rhythm"])
    detector = fit_detector(one)
    footage = one.footage[0].part(np.arange(300) % 140 > 10)  # pieces and runs end elsewhere
    whole = detector.score(footage)
    monkeypatch.setattr(measures, "PIECE", 3.6)
    monkeypatch.setattr(usual, "AROUND", 3.0)
    pieces = list(measures.cut_pieces(footage, 3.0, one=True))
    assert len(pieces) == 3 and max(len(piece) for piece, _ in pieces) <= 9.8 * footage.fps
    for name, found in detector.score(footage).items():
        # A rhythm is measured every few frames from where a run, or what is seen of it, begins.
        loose = 0.3 if name in ("score", "score_rhythm") else 1e-6
        np.testing.assert_allclose(found, whole[name], atol=loose)
        assert np.median(np.abs(found - whole[name])) < 1e-6


def test_a_member_that_looks_at_everything_is_a_reason_only_where_no_other_is():
    table = {"score_habits": [9.0, 9.0, 0.3], "score_place": [1.5, 0.2, 0.9], "score": [0.0] * 3}
    assert fusion.find_reasons(pd.DataFrame(table)).tolist() == ["place", "combination", "place"]
    assert fusion.find_reasons(pd.DataFrame({"score": [1.0]})).tolist() == [""]
