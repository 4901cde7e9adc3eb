"""What the explorer's page is given: a run's scores as arrays, and thresholds worked out before.

The page counts what a threshold does by itself. What takes labels or sorting is computed here: the
thresholds of the rules that can be applied, and that of each number of false alarms.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cagewatch import plots
from cagewatch.cages.table import read_recordings_table
from cagewatch.errors import InputError
from cagewatch.metrics import Scored, apply_rule, count_false_alarms, default_rule, frame_durations
from cagewatch.plots.style import SIMULATED
from cagewatch.review.animals import read_starts
from cagewatch.runs import FinishedRun
from cagewatch.runs.read import KEY
from cagewatch.runs.thresholds import available_scores, select_scores

RULES = {
    "equal error rate": "eer",
    "Youden's index": "youden",
    "90 % of anomalous frames": "recall>=0.9",
    "90 % of bouts": "bouts>=0.9",
}
MOST_LEVELS = 20_000  # thresholds looked at for the budget
MOST_ALLOWED = 2_000  # false alarms up to which a threshold is given


PAGE = Path(__file__).with_name("page")


class Bundle(NamedTuple):
    """A run for the page: `about` is ready for JSON, `arrays` are little-endian."""

    about: dict[str, Any]
    arrays: dict[str, np.ndarray]


def read_script() -> str:
    """Put the page's script together: one module, its layout and style within."""
    layout, style, *scripts = (
        (PAGE / name).read_text(encoding="utf-8")
        for name in ("layout.html", "style.css", "counts.js", "charts.js", "explorer.js")
    )
    parts = [f"const LAYOUT = {json.dumps(layout)};", f"const STYLE = {json.dumps(style)};"]
    return "\n".join([*parts, *scripts])


def bundle_run(
    run: FinishedRun,
    rule: str | None = None,
    score: str = "both",
    smoothing: int = 1,
    second: FinishedRun | None = None,
) -> Bundle:
    """Gather what the page shows of a run, and of a second one on the same frames.

    `rule` is that of the threshold to begin with, by default the equal error rate, or without
    labels a quantile of the training scores; a score that the run lacks gives way to the first it
    has. InputError for a run without a whole score, a rule that cannot be applied, or a second run
    on other frames.
    """
    chosen = choose_score(run, score)
    scored = select_scores(run, chosen, smoothing)
    timed = bool(np.isfinite(scored.seconds))
    step = scored.elapsed_s[-1] - scored.elapsed_s[-2] if len(scored.score) > 1 else 1.0
    budget, hours = budget_thresholds(scored)
    starts = [*np.searchsorted(scored.codes, range(len(scored.names))), len(scored.score)]
    rules = rule_thresholds(scored)
    rule = rule or default_rule(scored)
    threshold = rules["equal error rate"] if rule == "eer" else apply_rule(scored, rule)
    about: dict[str, Any] = {
        "runs": [describe_run(run)],
        "run": 0,
        "others": [],
        "names": list(scored.names),
        "starts": [int(start) for start in starts],
        "timed": timed,
        "seconds": scored.seconds if timed else float(scored.elapsed_s[-1] + step),
        "hours": hours,
        "scores": available_scores(run),
        "chosen": chosen,
        "smoothing": smoothing,
        "clocks": read_clocks(run.folder.parents[3], scored.names),
        "simulated": any(name.startswith(SIMULATED) for name in scored.names),
        "rules": list(rules.items()),
        "tracks": [describe_track(run, threshold, budget)],
    }
    arrays = {
        "score": scored.score.astype("<f8"),
        "elapsed": scored.elapsed_s.astype("<f8"),
        "time": scored.time_s.astype("<f8"),
        "frame": scored.frame.astype("<i4"),
    }
    if scored.anomalous is not None:
        arrays["anomalous"] = scored.anomalous.astype(np.uint8)
    if second is not None:
        other = select_scores(second, choose_score(second, "both"), smoothing)
        same = other.names == scored.names and np.array_equal(other.frame, scored.frame)
        if not same or not np.array_equal(other.codes, scored.codes):
            raise InputError(
                f"{describe_run(second)} scored other frames than {describe_run(run)}; choose a "
                "run on the same recordings to compare with."
            )
        own = apply_rule(other, default_rule(other))
        about["tracks"].append(describe_track(second, own, budget_thresholds(other)[0]))
        arrays["second"] = other.score.astype("<f8")
    return Bundle(about, arrays)


def read_clocks(folder: Path, names: Sequence[str]) -> list[float | None]:
    """Time of day at which each recording begins, from the ``recordings.csv`` of a cage's folder.

    Seconds since midnight; None where the table or the start time is missing.
    """
    table = read_recordings_table(folder).set_index("recording")
    table = table.reindex(index=list(names), columns=["start_time"])
    start = read_starts(table["start_time"])
    seconds = (start - start.dt.normalize()).dt.total_seconds()
    return [None if np.isnan(one) else float(one) for one in seconds]


def describe_track(run: FinishedRun, threshold: float, budget: list[float]) -> dict[str, Any]:
    """Gather what the page knows of one detector's line besides its scores."""
    short = plots.name_model(run.parameters.model)
    return {"name": describe_run(run), "short": short, "threshold": threshold, "budget": budget}


def choose_score(run: FinishedRun, score: str) -> str:
    """Give `score` where the run has it, or else the first it has."""
    offered = available_scores(run)
    return score if score in offered or not offered else offered[0]


def describe_run(run: FinishedRun) -> str:
    """Say in a line of a list which run it is."""
    return describe_key(tuple(getattr(run.parameters, name) for name in KEY))


def describe_key(key: tuple) -> str:
    """Say in a line which run this dataset, target, model and seed are."""
    dataset, target, model, seed = key
    return f"{dataset} · {target} · {plots.name_model(model)} · seed {seed}"


def rule_thresholds(scored: Scored) -> dict[str, float]:
    """Thresholds by the rules that can be applied to these scores; without labels few can."""
    rules = RULES | {
        f"{100 * q:g} % quantile of training scores": f"quantile={q:g}" for q in scored.training
    }
    found = {}
    for name, rule in rules.items():
        try:
            found[name] = apply_rule(scored, rule)
        except InputError:
            continue
    return found


def budget_thresholds(scored: Scored) -> tuple[list[float], float]:
    """Give the lowest threshold for each number of false alarms allowed in all, and normal hours.

    Without labels every alarm counts, as the footage is then taken as normal. Entry k is what
    ``false_alarms_per_hour<=k/hours`` asks for: going down from the top score, the last threshold
    before there are more than k. There is none, in 0 hours, where times are unknown or no frame is
    normal.
    """
    count = len(scored.score)
    flags = np.zeros(count, bool) if scored.anomalous is None else scored.anomalous
    if not np.isfinite(scored.seconds) or flags.all():
        return [], 0.0
    duration = frame_durations(count, scored.codes, scored.time_s)
    hours = float(duration[~flags].sum()) / 3600
    if not hours > 0:
        return [], 0.0
    levels = np.unique(scored.score)[::-1]
    if len(levels) > MOST_LEVELS:
        levels = levels[np.linspace(0, len(levels) - 1, MOST_LEVELS).round().astype(int)]
    most = np.maximum.accumulate(count_false_alarms(scored.score, flags, scored.codes, levels))
    allowed = np.arange(min(int(most[-1]), MOST_ALLOWED) + 1)
    within = np.searchsorted(most, allowed, side="right") - 1
    above = float(np.nextafter(levels[0], np.inf))
    return [above if index < 0 else float(levels[index]) for index in within], hours


def pack_arrays(arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """Arrays as text for a page: gzip in base64."""
    return {
        name: base64.b64encode(gzip.compress(array.tobytes(), 6, mtime=0)).decode()
        for name, array in arrays.items()
    }
