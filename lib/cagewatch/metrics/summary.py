"""The content of a run's metrics.json, computed from its scores.csv.gz alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from cagewatch.errors import InputError
from cagewatch.metrics.events import event_metrics
from cagewatch.metrics.intervals import auc_interval, describe_interval
from cagewatch.metrics.recall import recall_at_budgets
from cagewatch.metrics.roc import (
    PROTOCOLS,
    Protocol,
    average_precision,
    compute_auc,
    equal_error_rate,
    frame_auc,
    why_undefined,
)
from cagewatch.params import Parameters

SCORE_COLUMNS = (
    "recording",
    "frame",
    "time_s",
    "label",
    "anomalous",
    "score_image",
    "score_flow",
    "score",
)


def labelled_frames(frames: pd.DataFrame) -> pd.DataFrame:
    """Keep the frames that have a label, `anomalous` as bool; the index starts at 0 again.

    Raises
    ------
    InputError
        If a column of scores.csv.gz is missing or `anomalous` holds anything but true, false or
        nothing.
    """
    missing = [name for name in SCORE_COLUMNS if name not in frames]
    if missing:
        raise InputError(f"The scores lack the column {missing[0]!r}; score the run again.")
    known = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    given = frames["anomalous"]
    flags = given if given.dtype == bool else given.astype("string").str.lower().map(known)
    if np.any(flags.isna() & given.notna()):
        raise InputError("The column 'anomalous' of the scores must hold true, false or nothing.")
    kept = frames[flags.notna()].reset_index(drop=True)
    return kept.assign(anomalous=flags.dropna().to_numpy(bool))


def compute_metrics(
    frames: pd.DataFrame, parameters: Parameters, clips: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Compute everything metrics.json holds.

    Parameters
    ----------
    frames : the columns of scores.csv.gz, all frames of a recording together and in order. Frames
        whose `anomalous` is empty are unlabelled and left out, and counted.
    parameters : `score_scaling` and `roc_unit` choose the headline, `interval` the coverage
        of the intervals.
    clips : columns recording, score, anomalous, one row per test clip; needed if `roc_unit` is
        clip.

    Returns
    -------
    metrics : JSON-ready; what is undefined is None and its ``reason`` says why. ``auc``,
        ``auc_low``, ``auc_high`` and ``protocol`` are the headline; ``protocols`` holds all three
        frame protocols side by side; ``recall_at_budgets`` one row per budget.
    """
    kept = labelled_frames(frames)
    score, anomalous = kept["score"].to_numpy(float), kept["anomalous"].to_numpy()
    recording, label = kept["recording"].to_numpy(), kept["label"].fillna("").to_numpy()
    protocols = {
        protocol: _auc_entry(score, anomalous, recording, label, protocol, parameters)
        for protocol in PROTOCOLS
    }
    scaling: Protocol = "per_video_scaled" if parameters.score_scaling == "per_video" else "pooled"
    headline = protocols[scaling]
    clip_entry = None
    if clips is not None:
        clip_entry = _auc_entry(
            clips["score"].to_numpy(float),
            clips["anomalous"].to_numpy(),
            clips["recording"].to_numpy(),
            None,
            scaling,
            parameters,
            unit="clip",
        )
    if parameters.roc_unit == "clip":
        if clip_entry is None:
            raise InputError("roc_unit is 'clip' but no clip scores were given; score the clips.")
        headline = clip_entry
    error = equal_error_rate(score, anomalous)
    streams = {
        stream: compute_auc(kept[f"score_{stream}"].to_numpy(float), anomalous)
        for stream in ("image", "flow")
        if len(kept) and kept[f"score_{stream}"].notna().all()
    }
    events = budgets = None
    times = kept["time_s"].to_numpy(float)
    if math.isfinite(error.threshold):
        events = event_metrics(score, anomalous, recording, error.threshold, times)._asdict()
    if why_undefined(anomalous) is None and np.isfinite(times).all():
        budgets = recall_at_budgets(score, anomalous, times, recording).to_dict("records")
    return _json_ready(
        {
            **headline,
            "protocols": protocols,
            "clip": clip_entry,
            "streams": streams,
            "average_precision": average_precision(score, anomalous),
            "eer": error.rate,
            "eer_threshold": error.threshold,
            "events_at_eer": events,
            "recall_at_budgets": budgets,
            "frames": len(kept),
            "anomalous_frames": int(anomalous.sum()),
            "unlabelled_frames": len(frames) - len(kept),
            "recordings": headline["recordings"],
        }
    )


def _auc_entry(
    score: np.ndarray,
    anomalous: np.ndarray,
    recording: np.ndarray,
    label: np.ndarray | None,
    protocol: Protocol,
    parameters: Parameters,
    unit: str = "frame",
) -> dict[str, Any]:
    """One AUC as metrics.json holds it; `unit` is 'frame' or 'clip'."""
    auc = frame_auc(score, anomalous, recording, protocol)
    interval = auc_interval(score, anomalous, recording, label, protocol, parameters.interval)
    return {
        "auc": auc.value,
        "auc_low": interval.low,
        "auc_high": interval.high,
        "protocol": auc.protocol.replace("frame AUC", f"{unit} AUC"),
        "interval": describe_interval(interval),
        "recordings": auc.n_recordings,
        "recordings_covered": auc.n_covered,
        "reason": auc.reason or interval.reason,
    }


def format_auc(
    value: float | None, low: float | None = None, high: float | None = None, n_seeds: int = 1
) -> str:
    """Write an AUC as the tables and legends show it: ``0.912 [0.880, 0.941] (3 seeds)``.

    Three digits. An undefined value is a dash, and what is missing is left out. More than one seed
    is said, since the value is then a mean.
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.3f}"
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        text += f" [{low:.3f}, {high:.3f}]"
    return text + (f" ({n_seeds} seeds)" if n_seeds > 1 else "")


def _json_ready(value: Any) -> Any:
    """Replace NaN, which JSON lacks, by None, and numpy numbers by plain ones."""
    if isinstance(value, dict):
        return {key: _json_ready(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_ready(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
