"""Comparisons of the detectors of one table, and the words that they earn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cagewatch.errors import InputError
from cagewatch.metrics import (
    compare_rows,
    correct_for_number,
    describe_lead,
    find_leader,
    format_auc,
    format_p,
    judge_pair,
)
from cagewatch.metrics.uncertainty.claims import rows_between
from cagewatch.plots import name_model
from cagewatch.study.tables.collect import blocks_of, find_runs, read_seeds
from cagewatch.study.tables.present import describe_protocols

Pair = tuple[str, str]


def compare_detectors(
    results_dir: str | Path,
    dataset: str,
    rows: pd.DataFrame,
    values: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Compare every detector of a table with every other one, target by target.

    `cagewatch.metrics.compare_rows` of the rows of `dataset`, pooled and scaled, with a column
    ``target`` before and ``one_seed`` after, True where a row is one training of a network, so that
    nothing is known of another; p is corrected over all comparisons of all targets. InputError if
    two detectors were scored on different frames.
    """
    tables = []
    ours = rows[(rows["source"] == "ours") & (rows["dataset"] == dataset)]
    for target, group in ours.groupby("target", sort=False):
        if len(group) < 2:
            continue
        scores, first = {}, None
        for model in group["model"]:
            found = find_runs(results_dir, values, dataset=dataset, target=target, model=model)
            frames, scores[model], runs = read_seeds(found["folder"].tolist())
            first = (frames, runs) if first is None else first
            keys = ["recording", "frame", "anomalous"]
            if not frames[keys].equals(first[0][keys]):
                raise InputError(
                    f"{next(iter(scores))!r} and {model!r} scored different frames of {dataset}; "
                    "run one again."
                )
        frames, runs = first
        table = compare_rows(scores, *blocks_of(frames), coverage=runs[0].parameters.interval)
        table.insert(0, "target", target)
        once = group.loc[(group["trained"] != "") & (group["seeds"] == 1), "model"]
        table["one_seed"] = table["first"].isin(once) | table["second"].isin(once)
        tables.append(table)
    if not tables:
        return pd.DataFrame(columns=["target", "first", "second", "protocol", "p"])
    return correct_for_number(pd.concat(tables, ignore_index=True))


def choose_pairs(rows: pd.DataFrame, claims: Sequence[Pair] = ()) -> dict[str, list[Pair]]:
    """Which comparisons a table shows: the claims, and the highest row against every other one.

    By target; only of detectors that were run. The highest is so by the mean of its pooled and its
    scaled AUC; what is said of it is corrected for all pairs there are.
    """
    chosen = {}
    for target, group in rows[rows["source"] == "ours"].groupby("target", sort=False):
        mean = group.set_index("model")[["pooled", "per_video_scaled"]].mean(axis=1)
        highest = mean.idxmax() if mean.notna().any() else None
        pairs = [pair for pair in claims if set(pair) <= set(group["model"])]
        pairs += [(highest, one) for one in group["model"] if highest and one != highest]
        chosen[target] = list(dict.fromkeys(pairs))
    return chosen


def present_pairs(pairs: pd.DataFrame, chosen: dict[str, list[Pair]]) -> pd.DataFrame:
    """The chosen comparisons as people read them: pooled and scaled, with p and verdict."""
    cells = []
    for target, wanted in chosen.items():
        table = pairs[pairs["target"] == target]
        for first, second in wanted:
            row = {"Target": target, "Is better": name_model(first), "Than": name_model(second)}
            for name, protocol in (("pooled", "pooled"), ("scaled", "per_video_scaled")):
                *difference, p = turn_pair(table[table["protocol"] == protocol], first, second)
                row[f"Difference of AUCs, {name}"] = format_auc(*difference)
                row[f"p (Holm), {name}"] = format_p(p)
            cells.append(row | {"Verdict": judge_detectors(table, first, second)})
    return pd.DataFrame(cells)


def judge_detectors(table: pd.DataFrame, first: str, second: str) -> str:
    """`cagewatch.metrics.judge_pair`, and whether it rests on a network that was trained once."""
    words = judge_pair(table, first, second)
    once = rows_between(table, first, second)["one_seed"].any()
    return f"{words}, of one seed" if once and words in ("better", "worse") else words


def turn_pair(table: pd.DataFrame, first: str, second: str) -> tuple[float, float, float, float]:
    """Difference, low, high and corrected p of 'first minus second', whichever way it was made."""
    for one in rows_between(table, first, second).itertuples():
        return one.difference, one.low, one.high, one.p_holm
    return (float("nan"),) * 4


def describe_pairs(pairs: pd.DataFrame, claims: Sequence[Pair] = ()) -> str:
    """Markdown: for each target who is ahead of all others, if anyone; then each claim."""
    lines = []
    for target, table in pairs.groupby("target", sort=False):
        leader, number = find_leader(table), int(table["n_comparisons"].max())
        lead = f"{name_model(leader)} is ahead of every other row" if leader else ""
        lead = lead or "no row is ahead of all others"
        lines.append(f"- **{target}**: {lead}, pooled and scaled (Holm, {number} comparisons).")
        known = set(table["first"]) | set(table["second"])
        for a, b in claims:
            if {a, b} <= known:
                lines.append(f"- {target}: {describe_lead(table, a, [b], name_model)}")
    return "\n".join(lines) or "Fewer than two detectors were run, so nothing can be compared."


def describe_paired(rows: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """The sentence under a table of `present_pairs`."""
    number = int(pairs["n_comparisons"].max()) if "n_comparisons" in pairs else 0
    return (
        "differences on the same frames, jackknife over the same recordings; p after Holm's "
        f"correction for all {number} comparisons there are, shown or not; better or worse only "
        "where pooled and scaled scores both say so; of one seed: a network was trained once, and "
        f"how another training would differ is not in the interval; {describe_protocols(rows)}"
    )
