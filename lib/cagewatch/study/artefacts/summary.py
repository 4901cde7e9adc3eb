"""The summary: one line per claim of the paper, what came out here, and whether the two agree."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cagewatch.metrics import format_auc
from cagewatch.plots import name_model
from cagewatch.study.artefacts.benchmark import PAPERS_BENCHMARK, partial_warning
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.tables import (
    collect_results,
    compare_detectors,
    judge_detectors,
    read_published,
    turn_pair,
)

AGREES, DIFFERS, UNSHOWN, NOT_RUN = "agrees", "does not", "no difference shown", "not run"
UNDECIDED = "too wide to say"  # of an interval that holds what is claimed and what is not
PROTOCOL = "frame AUC, pooled raw scores"
# What the paper says of two networks: the first has the higher AUC.
OF_CAGE = (("cae_image", "cae"), ("cae_image", "rae"), ("supervised", "cae_image"))
ORDERS = {
    "mit": [(target, *pair) for target in ("hang", "groom") for pair in OF_CAGE],
    PAPERS_BENCHMARK: [("anomaly", "cae", "rae"), ("anomaly", "cae", "cae_image")],
}


class Line(NamedTuple):
    """One line of the summary, by column."""

    claim: str
    paper: str
    ours: str = ""
    protocol: str = ""
    trained: str = ""
    seeds: str = ""
    data: str = ""
    verdict: str = NOT_RUN
    how: str = ""


def write_summary(given: Given) -> pd.DataFrame:
    """Write one row per claim of the paper, judged by the runs that are there.

    Numbers are judged by `judge_auc`, orders of two networks by `judge_detectors`.
    """
    rows = collect_claimed(given)
    lines = []
    for paper, orders in ORDERS.items():
        here = rows if (paper == PAPERS_BENCHMARK) == given.is_benchmark else rows[:0]
        published = read_published(paper)
        own = published[published["model"].notna() & (published["source"] == "paper")]
        lines += [judge_number(given, paper, claim, here) for claim in own.itertuples()]
        pairs = here
        if len(here):
            pairs = compare_detectors(given.results_dir, given.dataset, here, given.values)
        lines += [judge_order(given, paper, order, here, pairs) for order in orders]
    lines += [judge_counts(given), judge_hyperparameters(given)]
    table = pd.DataFrame(lines)
    table = table.rename(columns=lambda name: "To run it" if name == "how" else name.capitalize())
    given.write(table, "summary", f"Summary: the paper's claims, and the study of {given.dataset}")
    return table


def collect_claimed(given: Given) -> pd.DataFrame:
    """Rows of the detectors and targets that the paper makes claims of; empty before any run."""
    claimed = pd.concat([read_published(paper) for paper in ORDERS])
    runs = given.runs()
    models = [name for name in dict.fromkeys(claimed["model"]) if name in set(runs["model"])]
    kept = runs["target"].isin(claimed["target"]) & runs["model"].isin(models)
    parts = [
        collect_results(given.results_dir, given.dataset, target, models, [], given.values)
        for target in dict.fromkeys(runs.loc[kept, "target"])
    ]
    return pd.concat(parts) if parts else pd.DataFrame(columns=["source", "target", "model"])


def judge_number(given: Given, paper: str, claim: Any, rows: pd.DataFrame) -> Line:
    """Compare one published AUC, or its bounds, with ours."""
    line = Line(f"AUC of the {name_model(claim.model)} on {claim.target}", claim.text)
    found = rows[(rows["target"] == claim.target) & (rows["model"] == claim.model)]
    if not len(found):
        return line._replace(how=command_for(given, paper, claim.target, [claim.model]))
    row = found.iloc[0]
    ours = float(row["pooled"]), float(row["pooled_low"]), float(row["pooled_high"])
    return line._replace(
        ours=format_auc(*ours),
        verdict=judge_auc(claim, *ours),
        **describe_rows(given, paper, found),
    )


def judge_auc(claim: Any, auc: float, low: float, high: float) -> str:
    """Whether our interval lies in the published bounds, or holds the published AUC.

    One that reaches into the bounds and out of them decides nothing. Nor does one that holds a
    published AUC and 0.5 as well, which a network has that finds nothing. Without an interval, the
    AUC itself lies in the bounds or not.
    """
    if not np.isfinite(claim.auc):
        least, most = (low, high) if np.isfinite([low, high]).all() else (auc, auc)
        if claim.above < least and most < claim.below:
            return AGREES
        return UNDECIDED if claim.above < most and least < claim.below else DIFFERS
    if not low <= claim.auc <= high:
        return DIFFERS
    return UNDECIDED if low <= 0.5 else AGREES


def judge_order(
    given: Given, paper: str, order: tuple[str, str, str], rows: pd.DataFrame, pairs: pd.DataFrame
) -> Line:
    """Whether one network is ahead of another here, as the paper says."""
    target, first, second = order
    line = Line(f"{name_model(first)} above {name_model(second)} on {target}", "above")
    found = rows[rows["target"] == target].set_index("model", drop=False)
    found = found.loc[[model for model in (first, second) if model in found.index]]
    if len(found) < 2:
        return line._replace(how=command_for(given, paper, target, [first, second]))
    table = pairs[pairs["target"] == target]
    difference = turn_pair(table[table["protocol"] == "pooled"], first, second)[:3]
    word, *seeds = judge_detectors(table, first, second).partition(",")
    judged = {"better": AGREES, "worse": DIFFERS}.get(word, UNSHOWN) + "".join(seeds)
    line = line._replace(ours=format_auc(*difference), **describe_rows(given, paper, found))
    number = int(table["n_comparisons"].iloc[0])
    how = f"difference of AUCs, pooled; judged pooled and scaled, Holm over {number}"
    return line._replace(verdict=judged, protocol=how)


def describe_rows(given: Given, paper: str, rows: pd.DataFrame) -> dict[str, str]:
    """Protocol, training, seeds and data of a line, as they follow from the rows it rests on."""
    data = given.dataset
    if given.is_simulated:
        data += ": simulated; the claim is about real mice"
    elif paper == PAPERS_BENCHMARK and given.dataset != paper:
        data += f": the claim is about {paper.capitalize()}"
    if warning := partial_warning(rows):
        data += f"; {warning.rstrip('.')}"
    return {
        "protocol": PROTOCOL,
        "trained": "; ".join(dict.fromkeys(rows["trained"])),
        "seeds": ", ".join(dict.fromkeys(str(number) for number in rows["seeds"])),
        "data": data,
    }


def command_for(given: Given, paper: str, target: str, models: list[str]) -> str:
    """What to type to run what a claim is about; on this dataset if it is of the right kind."""
    same_kind = (paper == PAPERS_BENCHMARK) == given.is_benchmark
    dataset = given.dataset if same_kind else paper
    data = "" if same_kind and given.is_simulated else " DATA=<folder>"
    return (
        f'make study DATASET={dataset} SCALE=paper TARGETS={target} MODELS="{" ".join(models)}"'
        + data
    )


def judge_counts(given: Given) -> Line:
    """Compare the numbers of clips with the paper's."""
    line = Line("Numbers of clips (section 2.3)", "as printed")
    path = given.figures / "section_2_3_clips.csv"
    if given.is_benchmark or given.is_simulated or not path.is_file():
        return line._replace(how="make study DATASET=mit SCALE=paper DATA=<folder>")
    table = pd.read_csv(path)
    ours = "; ".join(f"{row.Target} {row.Clips} {row.Ours}" for row in table.itertuples())
    same = (table["Ours"] == table["Paper"]).all()
    return line._replace(ours=ours, data=given.dataset, verdict=AGREES if same else DIFFERS)


def judge_hyperparameters(given: Given) -> Line:
    """Compare every hyperparameter that the paper states with the one used."""
    line = Line("Hyperparameters of Table 1", "as printed")
    path = given.figures / "table_1.csv"
    if not path.is_file():
        return line._replace(how=f"make study DATASET={given.dataset} SCALE=paper")
    table = pd.read_csv(path, dtype=str).set_index("Hyperparameter")
    differing = set()
    for column in table.filter(like=", paper"):
        stated, used = table[column], table[column.removesuffix(", paper")]
        differing |= set(table.index[(stated != "–") & (stated != used)])
    line = line._replace(data=given.dataset)
    if not differing:
        return line._replace(ours="every stated value", verdict=AGREES)
    ours = f"other: {', '.join(sorted(differing))} (scale {given.settings().scale})"
    how = f"make study DATASET={given.dataset} SCALE=paper" if differing == {"Epochs"} else ""
    return line._replace(ours=ours, verdict=DIFFERS, how=how)


def describe_summary(given: Given, table: pd.DataFrame) -> str:
    """Markdown: how many claims have which verdict, and what that says where nothing is real."""
    counts = table["Verdict"].value_counts()
    words = ", ".join(f"{number} {name!r}" for name, number in counts.items())
    text = f"Of {len(table)} claims: {words}."
    if given.is_simulated:
        text += (
            "\n\nThe recordings here are simulated, and the paper's claims are about real mice: a "
            "line that agrees shows that the method does so on this simulation, and no more."
        )
    return text
