"""The content of a run's metrics.json, computed from its scores.csv.gz alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from cagewatch.errors import InputError
from cagewatch.files import json_ready
from cagewatch.metrics.budgets import recall_at_budgets
from cagewatch.metrics.events import event_metrics
from cagewatch.metrics.roc import (
    PROTOCOLS,
    Protocol,
    average_precision,
    compute_auc,
    equal_error_rate,
    frame_auc,
    why_undefined,
)
from cagewatch.metrics.uncertainty.intervals import auc_interval, describe_interval
from cagewatch.params import Parameters
from cagewatch.recordings.labels.frame_labels import far_from_edges

SCORE_COLUMNS = (
    *("recording", "frame", "time_s", "label", "anomalous"),
    *("score_image", "score_flow", "score"),
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
    ready = given.dtype == bool or given.dtype == "boolean"
    flags = given if ready else given.astype("string").str.lower().map(known)
    if np.any(flags.isna() & given.notna()):
        raise InputError("The column 'anomalous' of the scores must hold true, false or nothing.")
    kept = frames[flags.notna()].reset_index(drop=True)
    return kept.assign(anomalous=flags.dropna().to_numpy(bool))


def scored_frames(frames: pd.DataFrame, edge_margin: int) -> pd.DataFrame:
    """Keep the labelled frames that are not within `edge_margin` frames of an edge of a bout.

    `frames` are those of scores.csv.gz; see `far_from_edges`.
    """
    kept = labelled_frames(frames)
    runs = kept.groupby(_without_gaps(kept), sort=False)["anomalous"]
    far = [far_from_edges(flags.to_numpy(), edge_margin) for _, flags in runs]
    return kept[np.concatenate([np.zeros(0, bool), *far])].reset_index(drop=True)


def _without_gaps(frames: pd.DataFrame) -> np.ndarray:
    """Number the runs of successive frames of one recording."""
    recording, frame = frames["recording"], frames["frame"]
    return ((recording != recording.shift()) | (frame.diff() != 1)).cumsum().to_numpy()


def cut_clips(frames: pd.DataFrame, clip_length: int, clip_label: str) -> pd.DataFrame:
    """Cut the frames of each recording into successive clips, from their scores alone.

    Parameters
    ----------
    frames : DataFrame
        Labelled frames. A clip spans no gap, and a rest shorter than a clip is left out.
    clip_length : int
        Frames of a clip.
    clip_label : {'half', 'any'}
        A clip is anomalous if half of its frames are, or any.

    Returns
    -------
    DataFrame
        With recording, score (the mean over the clip's frames) and anomalous; one row per clip.
    """
    run = _without_gaps(frames)
    within = np.arange(len(frames)) - np.searchsorted(run, run)
    clips = frames.groupby([run, within // clip_length], sort=False)
    table = clips.agg(
        recording=("recording", "first"), score=("score", "mean"), share=("anomalous", "mean")
    )
    table = table[clips.size() == clip_length].reset_index(drop=True)
    share = table.pop("share").to_numpy(float)
    return table.assign(anomalous=share > 0 if clip_label == "any" else share >= 0.5)


def compute_metrics(frames: pd.DataFrame, parameters: Parameters) -> dict[str, Any]:
    """Compute everything metrics.json holds.

    Parameters
    ----------
    frames : DataFrame
        The columns of scores.csv.gz, all frames of a recording together and in order. Frames whose
        `anomalous` is empty are unlabelled and left out, and counted.
    parameters : Parameters
        `score_scaling` and `roc_unit` choose the headline, `interval` the coverage of the
        intervals; frames within `edge_margin` of an edge of a bout are left out wherever frames or
        clips are ranked, and counted. Alarms are judged by whole bouts, and so on all frames.

    Returns
    -------
    dict
        JSON-ready; what is undefined is None and its ``reason`` says why. ``auc``, ``auc_low``,
        ``auc_high`` and ``protocol`` are the headline; ``protocols`` holds all three frame
        protocols side by side, ``clip`` the same of `cut_clips`; ``recall_at_budgets`` one row per
        budget.
    """
    labelled = labelled_frames(frames)
    kept = scored_frames(frames, parameters.edge_margin)
    clips = cut_clips(kept, parameters.clip_length, parameters.clip_label)
    score, anomalous = kept["score"].to_numpy(float), kept["anomalous"].to_numpy()
    label = kept["label"].fillna("").to_numpy()
    protocols = {protocol: _auc_entry(kept, label, protocol, parameters) for protocol in PROTOCOLS}
    scaling: Protocol = "per_video_scaled" if parameters.score_scaling == "per_video" else "pooled"
    by_clip = _auc_entry(clips, None, scaling, parameters, unit="clip")
    headline = by_clip if parameters.roc_unit == "clip" else protocols[scaling]
    error = equal_error_rate(score, anomalous)
    streams = {
        stream: compute_auc(kept[f"score_{stream}"].to_numpy(float), anomalous)
        for stream in ("image", "flow")
        if len(kept) and kept[f"score_{stream}"].notna().all()
    }
    return json_ready(
        {
            **headline,
            "protocols": protocols,
            "clip": by_clip,
            "streams": streams,
            "average_precision": average_precision(score, anomalous),
            "eer": error.rate,
            "eer_threshold": error.threshold,
            **_alarm_entries(labelled, error.threshold),
            "frames": len(kept),
            "anomalous_frames": int(anomalous.sum()),
            "unlabelled_frames": len(frames) - len(labelled),
            "edge_frames": len(labelled) - len(kept),
            "recordings": headline["recordings"],
        }
    )


def _alarm_entries(labelled: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """What metrics.json says of alarms; None where the labels or times do not allow it."""
    score, times = labelled["score"].to_numpy(float), labelled["time_s"].to_numpy(float)
    anomalous, recording = labelled["anomalous"].to_numpy(), labelled["recording"].to_numpy()
    events = budgets = None
    if math.isfinite(threshold):
        events = event_metrics(score, anomalous, recording, threshold, times)._asdict()
    if why_undefined(anomalous) is None and np.isfinite(times).all():
        budgets = recall_at_budgets(score, anomalous, times, recording).to_dict("records")
    return {"events_at_eer": events, "recall_at_budgets": budgets}


def _auc_entry(
    table: pd.DataFrame,
    label: np.ndarray | None,
    protocol: Protocol,
    parameters: Parameters,
    unit: str = "frame",
) -> dict[str, Any]:
    """One AUC of a table of frames or clips as metrics.json holds it; `unit` is their name."""
    score, recording = table["score"].to_numpy(float), table["recording"].to_numpy()
    anomalous = table["anomalous"].to_numpy(bool)
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
