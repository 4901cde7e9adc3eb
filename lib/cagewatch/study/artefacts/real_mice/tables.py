"""Real mice: the tables of the protocol, and what they come to in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cagewatch.detectors import DETECTORS
from cagewatch.metrics import compute_auc, format_auc, scale_per_recording, verdict
from cagewatch.metrics.uncertainty.within import percentile_interval, resample_within, within_auc
from cagewatch.params import resolve
from cagewatch.plots import name_model
from cagewatch.recordings.labels.frame_labels import far_from_edges
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.artefacts.real_mice.halves import (
    CLAIMED,
    FIRST,
    INFERRED,
    RARE,
    SECOND,
    Scored,
    count_found,
    describe_bouts,
)

PAIRS = tuple(
    (a, b) for a in ("cae", "density") for b in ("pca_frames", "mean_image", "flow_magnitude")
)
LINEAR = ("pca_frames", "pca_clips", "mean_image")
UNTAUGHT = ("flow_magnitude", "mean_flow", "frame_difference", "frame_index")
COLUMNS = (
    *("Detector", "AUC", f"Tested on the {SECOND}", f"Tested on the {FIRST}"),
    *("Scaled and pooled", "Edges left out", "Bouts found", "Seeds", "Epochs kept"),
)


def tabulate_target(given: Given, target: str, scored: dict[str, Scored]) -> pd.DataFrame:
    """The table of one target: every detector of the registry, the highest AUC first.

    Writes ``real_mice_<target>`` and returns it. What was not run says so.
    """
    rows = [describe_row(one) for one in scored.values()]
    rows.sort(key=lambda row: -row["sorted_by"])
    rows += [
        {"Detector": name_model(model), "AUC": "not run"}
        for model in DETECTORS
        if model not in scored
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"Seeds": "Int64"})
    one = next(iter(scored.values()), None)
    what = describe_bouts(one) if one else "not run"
    caption = f"Real mice, target {target}: {what}. {INFERRED}"
    given.write(table, f"real_mice_{target}", caption, describe_protocol(target))
    return table


def describe_row(one: Scored) -> dict[str, object]:
    """One row of the table."""
    pairs = one.pairs()
    value = one.auc
    interval = percentile_interval(resample_within(pairs)) if one.target in CLAIMED else ()
    scaled = [compute_auc(scale_per_recording(row, one.half), one.flags) for row in one.scores]
    away = [far_from_edges(one.flags[one.half == half], edge_margin()) for half in (FIRST, SECOND)]
    row: dict[str, object] = {
        "sorted_by": value,
        "Detector": name_model(one.model),
        "AUC": format_auc(value, *interval),
    }
    for half in (SECOND, FIRST):
        row[f"Tested on the {half}"] = float(within_auc(one.pairs(one.half == half)).mean())
    return row | {
        "Scaled and pooled": float(np.mean(scaled)),
        "Edges left out": float(within_auc(one.pairs(np.concatenate(away))).mean()),
        "Bouts found": f"{count_found(one).sum(axis=1).mean():.3g} of {len(one.bouts)}",
        "Seeds": len(one.scores),
        "Epochs kept": describe_epochs(one),
    }


def edge_margin() -> int:
    """Frames beside an edge that are left out, as the dataset's layer says."""
    return resolve({"dataset": "mit_sample"}).edge_margin


def describe_epochs(one: Scored) -> str | None:
    """Which epochs were kept, for instance ``9 to 16 of 16, some the last``; None without any."""
    if not one.kept:
        return None
    low, high = min(one.kept), max(one.kept)
    text = f"{low} of {one.epochs}" if low == high else f"{low} to {high} of {one.epochs}"
    at_end = sum(epoch == one.epochs for epoch in one.kept)
    return text + (f", the last in {at_end} of {len(one.kept)} runs" if at_end else "")


def describe_protocol(target: str) -> str:
    """The protocol under a target's table, without the full stop."""
    interval = (
        "95% interval, 1000 resamples of bouts within each half (and of seeds): it says how these "
        "bouts differ, not how another mouse would score"
        if target in CLAIMED
        else "two bouts allow no interval, and no claim is made"
    )
    return (
        "each half scored by the detector fitted on the other, the target's frames left out; AUC "
        f"over pairs of frames of the same half; {interval}; edges left out: {edge_margin()} "
        "frames on both sides of an edge of a bout are not counted; bouts found: half of their "
        f"frames above all but {RARE:.0%} of the half's other frames; epochs kept: the lowest loss "
        "on the last fifth of the training clips"
    )


def compare_pairs(given: Given, scored: dict[str, dict[str, Scored]]) -> pd.DataFrame:
    """The comparisons that the protocol names, on the same resamples; writes ``real_mice_pairs``.

    `scored` is by target and detector.
    """
    rows = [
        (target, name_model(a), name_model(b), *compare(scored[target][a], scored[target][b]))
        for target in CLAIMED
        for a, b in PAIRS
        if {a, b} <= scored[target].keys()
    ]
    columns = ["Target", "Detector", "Against", "Difference", "Low", "High", "Verdict"]
    table = pd.DataFrame(rows, columns=columns)
    given.write(
        table,
        "real_mice_pairs",
        "Real mice: differences of AUC, the comparisons that the protocol names",
        "AUC over pairs of frames of the same half; 95% interval over the same 1000 resamples of "
        "bouts for both; it says how these bouts differ, not how another mouse would score",
    )
    return table


def compare(a: Scored, b: Scored) -> tuple[float, float, float, str]:
    """Difference of two detectors' AUCs, its interval and what it means for the first."""
    first, second = a.pairs(), b.pairs()
    low, high = percentile_interval(resample_within(first) - resample_within(second))
    return a.auc - b.auc, low, high, verdict(low, high)


def describe_target(target: str, scored: dict[str, Scored], pairs: pd.DataFrame) -> str:
    """Markdown: one paragraph on what works and what does not, from the numbers."""
    if not scored:
        return f"**{target}**: not run."
    values = {model: item.auc for model, item in scored.items()}
    parts = [f"**{target}**: {describe_bouts(next(iter(scored.values())))}."]
    parts += [*describe_kinds(values), *describe_halves(scored), *describe_misses(scored, values)]
    compared = pairs[pairs["Target"] == target]
    for row in compared[compared["Verdict"].isin(["better", "worse"])].itertuples():
        parts.append(
            f"On these bouts {row.Detector} is {row.Verdict} than {row.Against} "
            f"({row.Difference:+.3f} [{row.Low:+.3f}, {row.High:+.3f}])."
        )
    open_ones = int((compared["Verdict"] == "no difference shown").sum())
    if open_ones:
        parts.append(f"{open_ones} of {len(compared)} planned comparisons show no difference.")
    if target not in CLAIMED:
        parts.append("Two bouts: an example, no result.")
    return " ".join(parts)


def describe_kinds(values: dict[str, float]) -> Iterator[str]:
    """The highest AUC of each kind of detector, and who is below a coin."""
    others = tuple(name for name in DETECTORS if name not in LINEAR + UNTAUGHT)
    kinds = {
        "the linear detectors": LINEAR,
        "those that learn nothing": UNTAUGHT,
        "the networks and models of objects": others,
    }
    best = []
    for kind, names in kinds.items():
        run = [name for name in names if name in values]
        if run:
            top = max(run, key=lambda name: values[name])
            best.append(f"{name_model(top)} ({values[top]:.3f}) of {kind}")
    yield f"The highest AUCs: {', '.join(best)}."
    below = [name_model(name) for name, value in values.items() if value < 0.5]
    if below:
        yield f"Below a coin's 0.5: {', '.join(below)}."


def describe_halves(scored: dict[str, Scored]) -> Iterator[str]:
    """How the detectors that were fitted fare on each half, and what they flag there instead."""
    fitted = [one for model, one in scored.items() if model not in UNTAUGHT]
    if not fitted:
        return
    words = []
    for half in (SECOND, FIRST):
        values = [within_auc(one.pairs(one.half == half)).mean() for one in fitted]
        shares = pd.concat([flagged_labels(one, half) for one in fitted], axis=1).fillna(0)
        mean = shares.mean(axis=1)
        words.append(
            f"{np.median(values):.3f} on the {half}, where {mean.max():.0%} of what they flag "
            f"beside {fitted[0].target} is {mean.idxmax()}"
        )
    yield f"The median of the {len(fitted)} fitted detectors is {'; '.join(words)}."


def describe_misses(scored: dict[str, Scored], values: dict[str, float]) -> Iterator[str]:
    """How many bouts are found by any detector, and by the one with the highest AUC."""
    found = np.any([count_found(one).any(axis=0) for one in scored.values()], axis=0)
    top = scored[max(values, key=lambda name: values[name])]
    own, name = count_found(top).mean(axis=0) >= 0.5, name_model(top.model)
    yield (
        f"{name[0].upper()}{name[1:]} finds {own.sum()} of {len(own)} bouts, and "
        f"{np.sum(~found)} are found by no detector."
    )


def flagged_labels(one: Scored, half: str) -> pd.Series:
    """Shares of the labels among the `RARE` highest-scored other frames of a half."""
    others = np.flatnonzero((one.half == half) & ~one.flags)
    score = one.scores[0, others]
    high = others[score > np.quantile(score, 1 - RARE)]
    return one.frames["label"].iloc[high].value_counts(normalize=True)
