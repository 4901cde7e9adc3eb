"""What a threshold does to a run's scores: every number the explorer shows.

All of them come from `cagewatch.metrics`, so that the explorer and the tables cannot disagree.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.metrics import (
    EventMetrics,
    choose_threshold,
    event_metrics,
    find_bouts,
    frame_durations,
    labelled_frames,
    parse_rule,
    smooth_scores,
    why_undefined,
)
from cagewatch.runs.read import FinishedRun

THRESHOLD_FORMAT = 1
COLUMN_OF = {"both": "score", "image": "score_image", "flow": "score_flow"}


class Scored(NamedTuple):
    """Frames with one score each, a recording's frames together and in order.

    Attributes
    ----------
    score : (n,) float64, smoothed; higher is more anomalous.
    anomalous : (n,) bool, or None if no frame has a label.
    codes : (n,) int64, which recording a frame is of, an index into `names`.
    frame : (n,) int64, its number in the recording.
    time_s : (n,) float64, its time in the recording.
    elapsed_s : (n,) float64, its time when all recordings are laid end to end; the frame's position
        where times are unknown.
    seconds : length of all recordings together; NaN where times are unknown.
    training : quantile -> score of the training clips, for thresholds that need no labels.
    """

    score: np.ndarray
    anomalous: np.ndarray | None
    codes: np.ndarray
    names: tuple[str, ...]
    frame: np.ndarray
    time_s: np.ndarray
    elapsed_s: np.ndarray
    seconds: float
    training: dict[float, float]

    @property
    def lacking(self) -> str | None:
        """Why there is no ROC; None if there is one."""
        if self.anomalous is None:
            return "the run has no labels"
        return why_undefined(self.anomalous)


class Alarm(NamedTuple):
    """A run of flagged frames, positions ``start`` to ``stop`` (exclusive) among the scores.

    `caught` says whether it shares a frame with a true bout; None without labels.
    """

    start: int
    stop: int
    peak: int
    caught: bool | None


class Consequences(NamedTuple):
    """What a threshold flags, `events` (None without labels) what of it is right.

    `spans` are the alarms, (n_alarms, 2) int64 positions ``start`` to ``stop`` (exclusive).
    """

    threshold: float
    n_frames: int
    flagged: int
    n_alarms: int
    hours: float
    alarms_per_hour: float
    events: EventMetrics | None
    spans: np.ndarray


def available_scores(run: FinishedRun) -> list[str]:
    """Which of 'both', 'image' and 'flow' the run has a score for in every frame."""
    return [name for name, column in COLUMN_OF.items() if run.frames[column].notna().all()]


def select_scores(run: FinishedRun, score: str = "both", smoothing: int = 1) -> Scored:
    """Take one of the run's scores, smooth it over a centred window, and keep labelled frames.

    If no frame has a label all are kept. InputError for a score the run lacks.
    """
    if score not in available_scores(run):
        raise InputError(
            f"The run {run.folder} has no score {score!r} in every frame; choose one of "
            f"{', '.join(available_scores(run)) or 'none'}."
        )
    frames = run.frames
    values = smooth_scores(
        frames[COLUMN_OF[score]].to_numpy(float), frames["recording"].to_numpy(object), smoothing
    )
    frames = frames.assign(score=values)
    has_labels = bool(frames["anomalous"].notna().any())
    if has_labels:
        frames = labelled_frames(frames)
    recording = frames["recording"].to_numpy(object)
    names, first = np.unique(recording, return_index=True)
    names = tuple(names[np.argsort(first)])
    order = {name: code for code, name in enumerate(names)}
    codes = np.fromiter((order[name] for name in recording), np.int64, len(recording))
    times = frames["time_s"].to_numpy(float)
    known = np.isfinite(times).all()
    duration = frame_durations(len(codes), codes, times) if known else np.ones(len(codes))
    duration = np.where(np.isfinite(duration), duration, 0)
    reference = run.metrics.get("reference_scores", {}).get("score" if score == "both" else score)
    return Scored(
        score=frames["score"].to_numpy(float),
        anomalous=frames["anomalous"].to_numpy(bool) if has_labels else None,
        codes=codes,
        names=names,
        frame=frames["frame"].to_numpy(np.int64),
        time_s=times,
        elapsed_s=np.cumsum(duration) - duration,
        seconds=float(duration.sum()) if known else math.nan,
        training={float(q): v for q, v in (reference or {}).get("quantiles", {}).items()},
    )


def weigh_threshold(scored: Scored, threshold: float) -> Consequences:
    """Count what flagging at `threshold` does; unknown is NaN. Meant for every slider step."""
    flagged = scored.score >= threshold
    spans = find_bouts(flagged, scored.codes)
    hours = scored.seconds / 3600
    events = None
    if scored.anomalous is not None:
        events = event_metrics(
            scored.score, scored.anomalous, scored.codes, threshold, scored.time_s
        )
    return Consequences(
        threshold=float(threshold),
        n_frames=len(flagged),
        flagged=int(flagged.sum()),
        n_alarms=len(spans),
        hours=hours,
        alarms_per_hour=len(spans) / hours if hours > 0 else math.nan,
        events=events,
        spans=spans,
    )


def apply_rule(scored: Scored, rule: str) -> float:
    """The threshold a rule asks for; see `cagewatch.metrics.choose_threshold`.

    The rule ``quantile=Q`` takes the scores of the training clips, of which a run keeps a few
    quantiles; a run that keeps none (a trivial baseline) lends its own scores.
    """
    name, value = parse_rule(rule)
    if name == "quantile" and scored.training:
        if value not in scored.training:
            kept = ", ".join(f"{q:g}" for q in scored.training)
            raise InputError(f"The run keeps only these quantiles of training scores: {kept}.")
        return scored.training[value]
    return choose_threshold(rule, scored.score, scored.anomalous, scored.codes, scored.time_s)


def default_rule(scored: Scored) -> str:
    """EER where there is a ROC, else the 0.99 quantile of the training scores."""
    return "quantile=0.99" if scored.lacking else "eer"


def alarm_at(scored: Scored, span: np.ndarray) -> Alarm:
    """One alarm, from its ``(start, stop)`` in `Consequences.spans`."""
    start, stop = (int(end) for end in span)
    flags = scored.anomalous
    return Alarm(
        start=start,
        stop=stop,
        peak=start + int(np.argmax(scored.score[start:stop])),
        caught=None if flags is None else bool(flags[start:stop].any()),
    )


def save_threshold(
    path: Path, run: FinishedRun, scored: Scored, threshold: float, score: str, smoothing: int
) -> None:
    """Write a threshold and its consequences to a JSON file that `read_threshold` takes."""
    values = weigh_threshold(scored, threshold)
    write_json(
        path,
        {
            "format": THRESHOLD_FORMAT,
            "threshold": float(threshold),
            "score": score,
            "smoothing": smoothing,
            "run": {name: getattr(run.parameters, name) for name in ("dataset", "target")}
            | {name: getattr(run.parameters, name) for name in ("model", "seed")},
            "scores_crc32": run.digest,
            "consequences": _json_ready(
                {name: value for name, value in values._asdict().items() if name != "spans"}
                | {"events": values.events and values.events._asdict()}
            ),
        },
    )


def read_threshold(path: Path, run: FinishedRun) -> tuple[float, str, int]:
    """Threshold, score and smoothing from a file of `save_threshold`.

    InputError if the file is damaged or was chosen on other scores than the run now has.
    """
    saved = read_json(path)
    try:
        values = float(saved["threshold"]), str(saved["score"]), int(saved["smoothing"])
        digest, version = saved["scores_crc32"], saved["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no threshold saved by the explorer; save one anew.") from error
    if version != THRESHOLD_FORMAT or values[1] not in COLUMN_OF or not math.isfinite(values[0]):
        raise InputError(f"{path} is no threshold this version can use; save one anew.")
    if digest != run.digest:
        raise InputError(
            f"{path} was chosen on other scores than {run.folder} has now; choose it again in the "
            "explorer."
        )
    return values


def _json_ready(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_ready(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
