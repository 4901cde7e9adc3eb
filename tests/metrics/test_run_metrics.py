"""Metrics of a whole run: from its score table to metrics.json, and published scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from cagewatch import metrics
from cagewatch.errors import InputError
from cagewatch.params import resolve
from cagewatch.recordings.labels.frame_labels import far_from_edges


def make_frames(n: int = 600, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    label = np.repeat(generator.choice(["hang", "rest", "walk"], n // 10), 10)
    anomalous = label == "hang"
    image = np.abs(generator.normal(size=n) + anomalous)
    return pd.DataFrame(
        {
            "recording": np.repeat(["a", "b"], n // 2),
            "frame": np.tile(np.arange(n // 2), 2),
            "time_s": np.tile(np.arange(n // 2) / 30, 2),
            "label": label,
            "anomalous": anomalous,
            "score_image": image,
            "score_flow": np.nan,
            "score": image,
        }
    )


@pytest.fixture(scope="module")
def parameters():
    given = {"dataset": "mit", "target": "hang", "model": "cae", "scale": "smoke"}
    return resolve(given)


def test_metrics_of_a_run_are_json_and_agree_with_the_parts(parameters) -> None:
    frames = make_frames()
    result = metrics.compute_metrics(frames, parameters)
    json.dumps(result, allow_nan=False)
    assert result["auc"] == pytest.approx(
        reference.roc_auc_score(frames["anomalous"], frames["score"])
    )
    assert result["auc_low"] < result["auc"] < result["auc_high"]
    assert result["auc"] == result["protocols"]["pooled"]["auc"] == result["streams"]["image"]
    assert "flow" not in result["streams"]
    assert result["frames"] == 600 and result["anomalous_frames"] == frames["anomalous"].sum()
    assert result["events_at_eer"]["threshold"] == result["eer_threshold"]
    assert [row["budget"] for row in result["recall_at_budgets"]] == [1, 6, 60]


@pytest.mark.parametrize("clip_label", ["half", "any"])
def test_the_headline_by_clips_is_that_of_means_over_successive_windows(
    parameters, clip_label
) -> None:
    frames = make_frames()
    length = 6  # bouts of 10 frames: clips of one kind and of two
    chosen = {"roc_unit": "clip", "clip_length": length, "clip_label": clip_label}
    result = metrics.compute_metrics(frames, parameters.model_copy(update=chosen))
    score = frames["score"].to_numpy().reshape(-1, length).mean(axis=1)
    share = frames["anomalous"].to_numpy().reshape(-1, length).mean(axis=1)
    flags = share >= 0.5 if clip_label == "half" else share > 0
    assert result["auc"] == pytest.approx(reference.roc_auc_score(flags, score))
    assert result["auc"] != result["protocols"]["pooled"]["auc"]
    assert "clip AUC" in result["protocol"]


def test_no_clip_spans_two_recordings_or_a_gap() -> None:
    frames = make_frames(60).drop(index=[8, 40])  # runs of 8, 21, 10 and 19 frames
    clips = metrics.cut_clips(frames, 5, "half")
    assert clips["recording"].tolist() == ["a"] * 5 + ["b"] * 5
    starts = [0, 9, 14, 19, 24, 30, 35, 41, 46, 51]
    score = make_frames(60)["score"].to_numpy()
    assert clips["score"].tolist() == [pytest.approx(score[s : s + 5].mean()) for s in starts]


def test_frames_near_an_edge_of_a_bout_are_not_ranked(parameters) -> None:
    frames = make_frames()
    # A detector that is right but for the 3 frames around each edge, where it is upside down.
    flags = frames["anomalous"].to_numpy()
    near = np.concatenate([~far_from_edges(one, 3) for one in flags.reshape(2, -1)])
    frames["score"] = frames["score_image"] = np.where(near, ~flags, flags) + np.linspace(
        0, 0.1, len(frames)
    )
    plain = metrics.compute_metrics(frames, parameters)
    result = metrics.compute_metrics(frames, parameters.model_copy(update={"edge_margin": 3}))
    assert plain["auc"] < 0.9 and result["auc"] == 1 == result["streams"]["image"]
    assert (result["edge_frames"], plain["edge_frames"]) == (near.sum(), 0)
    assert result["frames"] + near.sum() == plain["frames"] == len(frames)
    # Alarms are judged by whole bouts.
    assert [row["bouts"] for row in result["recall_at_budgets"]] == [
        row["bouts"] for row in plain["recall_at_budgets"]
    ]


def test_metrics_survive_the_csv_and_unlabelled_frames(parameters, tmp_path: Path) -> None:
    frames = make_frames()
    expected = metrics.compute_metrics(frames, parameters)
    extra = frames[:50].assign(recording="unlabelled", label="", anomalous=None)
    both = pd.concat([frames.astype({"anomalous": object}), extra], ignore_index=True)
    both["anomalous"] = both["anomalous"].astype("boolean")
    both.to_csv(tmp_path / "scores.csv.gz", index=False)
    read = pd.read_csv(tmp_path / "scores.csv.gz")
    result = metrics.compute_metrics(read, parameters)
    assert result.pop("unlabelled_frames") == 50 and expected.pop("unlabelled_frames") == 0
    assert result == expected


def test_metrics_without_any_label_or_one_class_only(parameters) -> None:
    for flag in (None, False, True):
        flags = pd.array([flag] * 600, dtype="boolean")
        result = metrics.compute_metrics(make_frames().assign(anomalous=flags), parameters)
        json.dumps(result, allow_nan=False)
        assert result["auc"] is None and result["reason"] and result["events_at_eer"] is None
    with pytest.raises(InputError, match="'score_flow'"):
        metrics.compute_metrics(make_frames().drop(columns="score_flow"), parameters)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_metrics_do_not_depend_on_the_scale_of_scores(seed: int) -> None:
    frames = make_frames(60, seed)
    score, anomalous = frames["score"].to_numpy(), frames["anomalous"].to_numpy()
    assume(0 < anomalous.sum() < 60)
    for protocol in metrics.PROTOCOLS:
        first, second = (
            metrics.frame_auc(values, anomalous, frames["recording"], protocol)
            for values in (score, 4 * score)
        )
        np.testing.assert_equal(first, second)


def test_published_memae_scores_on_ped2(data_dir: Path) -> None:
    table = pd.read_csv(data_dir / "published_scores" / "memae_ped2.csv")
    score, anomalous, recording = (
        table[name].to_numpy() for name in ("reconstruction_error", "anomalous", "clip")
    )
    scaled = metrics.frame_auc(score, anomalous, recording, "per_video_scaled")
    pooled = metrics.frame_auc(score, anomalous, recording, "pooled")
    assert round(scaled.value, 4) == 0.9341
    assert round(pooled.value, 4) == 0.6958
    interval = metrics.auc_interval(score, anomalous, recording, protocol="per_video_scaled")
    assert interval.unit == "recordings" and interval.low < 0.9341 < interval.high
