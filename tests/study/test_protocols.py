"""The same scores counted as others count theirs: what leaving out and smoothing does to an AUC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from study_runs import given_for, make_run

from cagewatch import metrics
from cagewatch.study.artefacts import benchmark, protocols
from cagewatch.study.tables.collect import find_runs, read_seeds

RECORDING = np.repeat(["a", "b"], [60, 80])
INNER = np.r_[16:44, 76:124]  # 16 frames off each end of either recording


def auc(prepared: dict, protocol: str, anomalous: np.ndarray) -> float:
    """Mean over seeds."""
    scores, counted = prepared[protocol]
    return np.mean([roc_auc_score(anomalous[counted], row[counted]) for row in scores])


def test_frames_at_the_ends_are_left_out_of_every_recording() -> None:
    np.testing.assert_array_equal(np.flatnonzero(protocols.away_from_ends(RECORDING)), INNER)
    assert not protocols.away_from_ends(np.repeat("short", 32)).any()
    assert protocols.away_from_ends(np.repeat("just", 33)).sum() == 1


def test_smoothing_stays_within_a_recording() -> None:
    score = np.r_[np.zeros(60), np.ones(80)]
    np.testing.assert_allclose(protocols.smooth_gaussian(score, RECORDING, 10), score)
    flat = protocols.smooth_gaussian(score, np.repeat("one", 140), 10)
    assert 0.2 < flat[59] < 0.8  # the same scores without the cut


def test_a_width_is_a_standard_deviation_in_frames() -> None:
    impulse, x = np.zeros(140), np.arange(140) - 100
    impulse[100] = 1.0
    gauss = np.where(RECORDING == "b", np.exp(-(x**2) / (2 * 5.0**2)), 0.0)
    found = protocols.smooth_gaussian(impulse, RECORDING, 5)
    np.testing.assert_allclose(found, gauss / gauss.sum(), atol=1e-4)


def test_a_missed_end_costs_nothing_once_it_is_left_out() -> None:
    anomalous = np.zeros(140, bool)
    anomalous[[*range(30), *range(90, 110)]] = True
    score = anomalous.astype(float)
    score[:16] = 0.0  # the first anomaly is seen too late, but only where nobody looks
    prepared, _ = protocols.count_as_others(score[None], anomalous, RECORDING)
    assert auc(prepared, "scaled", anomalous) < 0.9
    assert auc(prepared, "ends", anomalous) == 1.0


def test_the_width_is_the_best_on_the_labels() -> None:
    anomalous = np.isin(np.arange(140), [*range(25, 40), *range(90, 120)])
    score = anomalous + np.random.default_rng(0).normal(0, 1.5, (2, 140))
    prepared, width = protocols.count_as_others(score, anomalous, RECORDING)
    by_hand = {}
    for one in protocols.WIDTHS:
        rows = [metrics.scale_per_recording(row, RECORDING) for row in score]
        rows = [protocols.smooth_gaussian(row, RECORDING, one)[INNER] for row in rows]
        by_hand[one] = np.mean([roc_auc_score(anomalous[INNER], row) for row in rows])
    assert width == max(by_hand, key=by_hand.get)
    found = auc(prepared, "smoothed", anomalous)
    assert found == pytest.approx(max(by_hand.values()))
    assert found > auc(prepared, "ends", anomalous)  # noise is what smoothing takes away


@settings(max_examples=20)
@drawn(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-5, 5))
def test_only_the_pooled_protocol_sees_a_recordings_level(
    seed: int, factor: float, level: float
) -> None:
    generator = np.random.default_rng(seed)
    anomalous, score = generator.random(140) < 0.4, generator.normal(size=(1, 140))
    shifted = np.where(RECORDING == "b", factor * score + level, score)
    far = np.where(RECORDING == "b", score + 100, score)
    first, width = protocols.count_as_others(score, anomalous, RECORDING)
    second, same = protocols.count_as_others(shifted, anomalous, RECORDING)
    assert width == same
    for protocol in ("scaled", "ends", "smoothed"):
        np.testing.assert_allclose(first[protocol][0], second[protocol][0], atol=1e-9)
    third, _ = protocols.count_as_others(far, anomalous, RECORDING)
    assert not np.array_equal(np.argsort(first["pooled"][0][0]), np.argsort(third["pooled"][0][0]))


def test_the_table_has_every_row_of_ours_under_every_protocol(tmp_path: Path) -> None:
    given = given_for(tmp_path, "ped2")
    for seed in (0, 1):
        make_run(tmp_path / "results", "ped2", "anomaly", "cae", 1.0, seed, recordings=3)
    make_run(tmp_path / "results", "ped2", "anomaly", "frame_index", 0.1, recordings=3)
    rows = benchmark.collect_benchmark(given)
    table = protocols.write_protocols(given, rows)
    assert table["Method"].tolist() == ["two-stream CAE", "frame index"]
    assert table["Seeds"].tolist() == [2, 1]
    shown, _, _ = benchmark.write_benchmark(given, rows)
    for here, there in (("pooled", "AUC, pooled"), ("scaled", "AUC, scaled per recording")):
        assert table[protocols.COLUMNS[here]].tolist() == shown[there].tolist()[:2]
    folders = find_runs(given.results_dir, dataset="ped2", model="cae")["folder"].tolist()
    frames, scores, _ = read_seeds(folders)
    anomalous, recording = (frames[name].to_numpy() for name in ("anomalous", "recording"))
    prepared, width = protocols.count_as_others(scores, anomalous, recording)
    for protocol in protocols.COLUMNS:
        cell = table.loc[0, protocols.COLUMNS[protocol]]
        assert cell[:5] == f"{auc(prepared, protocol, anomalous):.3f}", protocol
    assert table.loc[0, "Width (frames)"] == str(width)
    assert "[" in table.loc[0, protocols.COLUMNS["ends"]]
    assert "[" not in table.loc[0, protocols.COLUMNS["smoothed"]]  # chosen, not measured
    markdown = (given.figures / "table_2_protocols.md").read_text()
    assert "on these very labels" in markdown


def test_recordings_that_are_all_ends_have_no_value(tmp_path: Path) -> None:
    given = given_for(tmp_path, "ped2")
    make_run(tmp_path / "results", "ped2", "anomaly", "cae", 1.0)  # 20 frames each
    table = protocols.write_protocols(given, benchmark.collect_benchmark(given))
    assert set(table.iloc[:, -3:].to_numpy().ravel()) == {"–"}
