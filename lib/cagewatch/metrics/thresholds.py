"""Choosing a threshold by a rule, with labels or without."""

from __future__ import annotations

import re

import numpy as np

from cagewatch.errors import InputError
from cagewatch.metrics.events import count_false_alarms
from cagewatch.metrics.inputs import check_flags, check_score, find_bouts, frame_durations
from cagewatch.metrics.roc import compute_roc, equal_error_rate, why_undefined

RULES = "eer, youden, false_alarms_per_hour<=N, recall>=R, bouts>=R, quantile=Q"
_RULE = re.compile(
    r"(eer|youden)|(false_alarms_per_hour)\s*<=\s*(.+)|(recall|bouts)\s*>=\s*(.+)"
    r"|(quantile)\s*=\s*(.+)"
)


def parse_rule(text: str) -> tuple[str, float | None]:
    """Name and number of a threshold rule, one of `RULES`; InputError for any other."""
    match = _RULE.fullmatch(str(text).strip())
    if not match:
        raise InputError(f"Unknown threshold rule {text!r}: choose one of {RULES}.")
    name, *number = [part for part in match.groups() if part is not None]
    if not number:
        return name, None
    try:
        value = float(number[0])
    except ValueError:
        raise InputError(f"{number[0]!r} in the threshold rule {text!r} is no number.") from None
    top = np.inf if name == "false_alarms_per_hour" else 1
    if not 0 <= value <= top or np.isinf(value):
        raise InputError(
            f"The number in the threshold rule {text!r} must be "
            + ("at least 0." if top > 1 else "between 0 and 1.")
        )
    return name, value


def choose_threshold(
    rule: str,
    score: np.ndarray | None = None,
    anomalous: np.ndarray | None = None,
    recording: np.ndarray | None = None,
    times: np.ndarray | None = None,
    fps: float | None = None,
) -> float:
    """Choose the threshold that a rule asks for; frames scoring at or above it are flagged.

    Parameters
    ----------
    rule : one of

        - ``eer``: false positive rate nearest to the miss rate;
        - ``youden``: largest true minus false positive rate (Youden, Cancer 3, 1950);
        - ``false_alarms_per_hour<=N``: going down from the top score, the last threshold before
          more than N false alarms per hour of normal video (lower down, alarms merge and their
          number falls again, which helps nobody);
        - ``recall>=R``: the highest threshold that flags this share of anomalous frames;
        - ``bouts>=R``: the highest threshold that catches this share of bouts;
        - ``quantile=Q``: this quantile of the scores, which needs no labels.
    score, anomalous, recording : (n,) float, bool, ids of labelled frames.
    times, fps : (n,) seconds or frames per second, for false alarms per hour.

    Raises
    ------
    InputError
        For an unknown rule, or one that needs labels, or both classes, that are not there.
    """
    name, value = parse_rule(rule)
    if name == "quantile":
        if score is None or not len(score):
            raise InputError(f"The rule {rule!r} needs scores, and none were given.")
        return float(np.quantile(check_score(score), value))
    if score is None or anomalous is None:
        raise InputError(f"The rule {rule!r} needs labels; without them use quantile=0.99.")
    score = check_score(score)
    anomalous = check_flags(anomalous, len(score))
    lacking = why_undefined(anomalous)
    needs_anomalies, needs_normal = name != "false_alarms_per_hour", name not in ("recall", "bouts")
    if lacking and (
        not len(score)
        or (needs_anomalies and not anomalous.any())
        or (needs_normal and anomalous.all())
    ):
        raise InputError(
            f"The rule {rule!r} cannot be applied because {lacking}; use quantile=0.99."
        )
    if name == "eer":
        return equal_error_rate(score, anomalous).threshold
    if name == "youden":
        roc = compute_roc(score, anomalous)
        best = 1 + np.argmax((roc.true_positive_rate - roc.false_positive_rate)[1:])
        return float(roc.thresholds[best])
    if name == "recall":
        return _highest_reaching(score[anomalous], value)
    if name == "bouts":
        peaks = [score[start:stop].max() for start, stop in find_bouts(anomalous, recording)]
        return _highest_reaching(np.array(peaks), value)
    hours = np.sum(frame_durations(len(score), recording, times, fps)[~anomalous]) / 3600
    if not hours > 0:
        raise InputError(f"The rule {rule!r} needs time stamps, and they are unknown.")
    levels = np.unique(score)[::-1]
    too_many = count_false_alarms(score, anomalous, recording, levels) > value * hours
    if too_many[0]:
        return float(np.nextafter(levels[0], np.inf))  # just above every score: nothing is flagged
    return float(levels[np.argmax(too_many) - 1] if too_many.any() else levels[-1])


def _highest_reaching(values: np.ndarray, share: float) -> float:
    """Return the highest threshold that at least `share` of the values reach."""
    # Rounding must not ask for one more than is meant: 0.7 * 10 is 7.000000000000001.
    wanted = int(np.ceil(share * len(values) - 1e-9))
    descending = np.sort(values)[::-1]
    return float(descending[wanted - 1] if wanted else np.nextafter(descending[0], np.inf))
