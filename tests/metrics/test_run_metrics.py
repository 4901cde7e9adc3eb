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
    given = {
        "dataset": "mit",
        "target": "hang",
        "model": "cae",
        "scale": "smoke",
    }
    return resolve(given)


def test_metrics_of_a_run_are_json_and_agree_with_the_parts(parameters) -> None:
    frames = make_frames()
    clips = frames[::8][["recording", "score", "anomalous"]]
    result = metrics.compute_metrics(frames, parameters, clips)
    json.dumps(result, allow_nan=False)
    assert result["auc"] == pytest.approx(
        reference.roc_auc_score(frames["anomalous"], frames["score"])
    )
    assert result["auc_low"] < result["auc"] < result["auc_high"]
    assert result["auc"] == result["protocols"]["pooled"]["auc"] == result["streams"]["image"]
    assert "flow" not in result["streams"]
    assert result["clip"]["auc"] == pytest.approx(
        reference.roc_auc_score(clips["anomalous"], clips["score"])
    )
    assert result["frames"] == 600 and result["anomalous_frames"] == frames["anomalous"].sum()
    assert result["events_at_eer"]["threshold"] == result["eer_threshold"]
    assert [row["budget"] for row in result["recall_at_budgets"]] == [1, 6, 60]
    by_clip = parameters.model_copy(update={"roc_unit": "clip", "score_scaling": "per_video"})
    other = metrics.compute_metrics(frames, by_clip, clips)
    assert "clip AUC" in other["protocol"] and "scaled" in other["protocol"]
    with pytest.raises(InputError, match="no clip scores"):
        metrics.compute_metrics(frames, by_clip)


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
