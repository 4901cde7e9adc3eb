"""Operating points: what one threshold does to the scores of one or more recordings."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cagewatch.errors import InputError
from cagewatch.metrics.events import event_metrics
from cagewatch.metrics.inputs import find_bouts
from cagewatch.metrics.roc import why_undefined
from cagewatch.metrics.thresholds import choose_threshold, parse_rule


class Scored(NamedTuple):
    """Frames with one score each, a recording's frames together, in order; arrays are (n_frames,).

    Attributes
    ----------
    score : smoothed; higher is more anomalous.
    anomalous : bool; None if no frame has a label.
    codes : which recording a frame is of, an index into `names`.
    names : the recordings.
    frame : its number in its recording.
    time_s : its time in the recording.
    elapsed_s : its time when all recordings are laid end to end; its position where unknown.
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


def weigh_threshold(scored: Scored, threshold: float) -> dict[str, Any]:
    """Count what flagging at a threshold does; unknown is NaN, or None for `events`.

    Returns
    -------
    consequences : dict
        ``threshold``, ``n_frames``, ``flagged`` (frames), ``n_alarms``, ``hours``,
        ``alarms_per_hour`` and ``events``, the fields of `EventMetrics`.
    """
    flagged = scored.score >= threshold
    n_alarms, hours = len(find_bouts(flagged, scored.codes)), scored.seconds / 3600
    events = None
    if scored.anomalous is not None:
        given = (scored.score, scored.anomalous, scored.codes, threshold, scored.time_s)
        events = event_metrics(*given)._asdict()
    return {
        "threshold": float(threshold),
        "n_frames": len(flagged),
        "flagged": int(flagged.sum()),
        "n_alarms": n_alarms,
        "hours": hours,
        "alarms_per_hour": n_alarms / hours if hours > 0 else math.nan,
        "events": events,
    }


def apply_rule(scored: Scored, rule: str) -> float:
    """Choose the threshold that a rule asks for; see `cagewatch.metrics.choose_threshold`.

    The rule ``quantile=Q`` takes the scores of the training clips, of which a run keeps a few
    quantiles; a run that keeps none (a trivial baseline) lends its own scores.

    Raises
    ------
    InputError
        For an unknown rule, a quantile that was not kept, or labels that are not there.
    """
    name, value = parse_rule(rule)
    if name == "quantile" and scored.training:
        if value not in scored.training:
            kept = ", ".join(f"{q:g}" for q in scored.training)
            raise InputError(f"The run keeps only these quantiles of training scores: {kept}.")
        return scored.training[value]
    return choose_threshold(rule, scored.score, scored.anomalous, scored.codes, scored.time_s)


def default_rule(scored: Scored) -> str:
    """Name the rule used when none is given: EER, or a training quantile where there is no ROC."""
    return "quantile=0.99" if scored.lacking else "eer"
