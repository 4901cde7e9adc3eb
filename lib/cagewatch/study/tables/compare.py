"""Comparisons of the detectors of one table, and the words that they earn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

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
from cagewatch.plots import name_model
from cagewatch.study.tables.collect import find_runs, read_seeds
from cagewatch.study.tables.present import describe_protocols

Pair = tuple[str, str]


def compare_detectors(results_dir: str | Path, dataset: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Compare every detector of a table with every other one, target by target.

    Parameters
    ----------
    rows : DataFrame
        Of `collect_results`; those of `dataset` are compared.

    Returns
    -------
    pairs : DataFrame
        `cagewatch.metrics.compare_rows`, pooled and scaled, with a column ``target`` before; p is
        corrected over all comparisons of all targets.

    Raises
    ------
    InputError
        If two detectors were scored on different frames.
    """
    tables = []
    ours = rows[(rows["source"] == "ours") & (rows["dataset"] == dataset)]
    for target, group in ours.groupby("target", sort=False):
        if len(group) < 2:
            continue
        scores, first = {}, None
        for model in group["model"]:
            folders = find_runs(results_dir, dataset, target, model)["folder"].tolist()
            frames, scores[model], runs = read_seeds(folders)
            keys = frames[["recording", "frame", "anomalous"]]
            first = (keys, frames, runs, model) if first is None else first
            if not keys.equals(first[0]):
                raise InputError(
                    f"{first[3]!r} and {model!r} scored different frames of {dataset}; run one"
                    " again."
                )
        _, frames, runs, _ = first
        table = compare_rows(
            scores,
            frames["anomalous"].to_numpy(),
            frames["recording"].to_numpy(),
            frames["label"].fillna("").to_numpy(),
            coverage=runs[0].parameters.interval,
        )
        table.insert(0, "target", target)
        tables.append(table)
    if not tables:
        return pd.DataFrame(columns=["target", "first", "second", "protocol", "p"])
    return correct_for_number(pd.concat(tables, ignore_index=True))


def choose_pairs(rows: pd.DataFrame, claims: Iterable[Pair] = ()) -> dict[str, list[Pair]]:
    """Which comparisons a table shows: the claims, and the highest row against every other one.

    Returns
    -------
    pairs : dict of str to list of (str, str)
        By target; only of detectors that were run. The highest is so by the mean of its pooled and
        its scaled AUC; what is said of it is corrected for all pairs there are.
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
                one = turn_pair(table[table["protocol"] == protocol], first, second)
                row[f"Difference of AUCs, {name}"] = format_auc(*one[:3])
                row[f"p (Holm), {name}"] = format_p(one[3])
            cells.append(row | {"Verdict": judge_pair(table, first, second)})
    return pd.DataFrame(cells)


def turn_pair(table: pd.DataFrame, first: str, second: str) -> tuple[float, float, float, float]:
    """Difference, low, high and corrected p of 'first minus second', whichever way it was made."""
    for a, b, sign in ((first, second, 1), (second, first, -1)):
        rows = table[(table["first"] == a) & (table["second"] == b)]
        if len(rows):
            one = rows.iloc[0]
            low, high = sorted((sign * one["low"], sign * one["high"]))
            return sign * one["difference"], low, high, one["p_holm"]
    return (float("nan"),) * 4


def describe_pairs(pairs: pd.DataFrame, claims: Iterable[Pair] = ()) -> str:
    """Markdown: for each target who is ahead of all others, if anyone; then each claim."""
    lines = []
    claims = list(claims)
    for target, table in pairs.groupby("target", sort=False):
        leader = find_leader(table)
        lead = (
            f"{name_model(leader)} is ahead of every other row"
            if leader
            else ("no row is ahead of all others")
        )
        number = int(table["n_comparisons"].max())
        lines.append(f"- **{target}**: {lead}, pooled and scaled (Holm, {number} comparisons).")
        known = set(table["first"]) | set(table["second"])
        lines += [
            f"- {target}: {describe_lead(table, a, [b], name_model)}"
            for a, b in claims
            if {a, b} <= known
        ]
    return "\n".join(lines) or "Fewer than two detectors were run, so nothing can be compared."


def describe_paired(rows: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """The sentence under a table of `present_pairs`."""
    number = int(pairs["n_comparisons"].max()) if "n_comparisons" in pairs else 0
    return (
        "differences on the same frames, jackknife over the same recordings; p after Holm's "
        f"correction for all {number} comparisons there are, shown or not; better or worse only "
        f"where pooled and scaled scores both say so; {describe_protocols(rows)}"
    )
