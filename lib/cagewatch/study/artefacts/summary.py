"""The summary: one line per claim of the paper, what came out here, and whether the two agree."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cagewatch.metrics import format_auc, judge_pair
from cagewatch.plots import name_model
from cagewatch.study.artefacts.benchmark import PAPERS_BENCHMARK, partial_warning
from cagewatch.study.artefacts.parameters import (
    Given,
    figures_folder,
    is_benchmark,
    is_simulated,
    runs_of,
    settings_of,
)
from cagewatch.study.tables import (
    collect_results,
    compare_detectors,
    read_published,
    write_table,
)
from cagewatch.study.tables.compare import turn_pair

AGREES, DIFFERS, UNSHOWN, NOT_RUN = "agrees", "does not", "no difference shown", "not run"
PROTOCOL = "frame AUC, pooled raw scores"
ORDERS = {  # what the paper says of two networks: the first has the higher AUC
    "mit": [
        (target, first, second)
        for target in ("hang", "groom")
        for first, second in (
            ("cae_image", "cae"),
            ("cae_image", "rae"),
            ("supervised", "cae_image"),
        )
    ],
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


def summarise(given: Given) -> pd.DataFrame:
    """One row per claim of the paper, judged by the runs that are there.

    A published AUC agrees if it lies in our interval, published bounds if ours lies in them. Of an
    order of two networks more is asked: see `cagewatch.metrics.judge_pair`.
    """
    rows = collect_claimed(given)
    lines = []
    for paper, orders in ORDERS.items():
        here = rows if (paper == PAPERS_BENCHMARK) == is_benchmark(given) else rows[:0]
        published = read_published(paper)
        own = published[published["model"].notna() & (published["source"] == "paper")]
        lines += [judge_number(given, paper, claim, here) for claim in own.itertuples()]
        pairs = compare_detectors(given.results_dir, given.dataset, here) if len(here) else here
        lines += [judge_order(given, paper, order, here, pairs) for order in orders]
    lines += [judge_counts(given), judge_hyperparameters(given)]
    table = pd.DataFrame(lines)
    return table.rename(columns=lambda name: "To run it" if name == "how" else name.capitalize())


def collect_claimed(given: Given) -> pd.DataFrame:
    """Rows of the detectors and targets that the paper makes claims of; empty before any run."""
    claimed = pd.concat([read_published(paper) for paper in ORDERS])
    runs = runs_of(given)
    runs = runs[(runs["dataset"] == given.dataset) & runs["target"].isin(claimed["target"])]
    models = [name for name in dict.fromkeys(claimed["model"]) if name in set(runs["model"])]
    parts = [
        collect_results(given.results_dir, given.dataset, target, models, published=[])
        for target in dict.fromkeys(runs["target"])
        if models
    ]
    parts = [part for part in parts if len(part)]
    return pd.concat(parts) if parts else pd.DataFrame(columns=["source", "target", "model"])


def judge_number(given: Given, paper: str, claim: Any, rows: pd.DataFrame) -> Line:
    """Compare one published AUC with ours."""
    line = Line(f"AUC of the {name_model(claim.model)} on {claim.target}", claim.text)
    found = rows[(rows["target"] == claim.target) & (rows["model"] == claim.model)]
    if not len(found):
        return line._replace(how=command_for(given, paper, claim.target, [claim.model]))
    row = found.iloc[0]
    return line._replace(
        ours=format_auc(row["pooled"], row["pooled_low"], row["pooled_high"]),
        verdict=AGREES if agrees(row, claim) else DIFFERS,
        **describe_rows(given, paper, found),
    )


def judge_order(
    given: Given, paper: str, order: tuple[str, str, str], rows: pd.DataFrame, pairs: pd.DataFrame
) -> Line:
    """Whether one network is ahead of another here, as the paper says."""
    target, first, second = order
    line = Line(f"{name_model(first)} above {name_model(second)} on {target}", "above")
    found = rows[(rows["target"] == target) & rows["model"].isin([first, second])]
    if len(found) < 2:
        return line._replace(how=command_for(given, paper, target, [first, second]))
    table = pairs[pairs["target"] == target]
    said = judge_pair(table, first, second)
    difference = turn_pair(table[table["protocol"] == "pooled"], first, second)
    return line._replace(
        ours=format_auc(*difference[:3]),
        verdict={"better": AGREES, "worse": DIFFERS}.get(said, UNSHOWN),
        **describe_rows(given, paper, found)
        | {"protocol": "difference of AUCs, pooled; judged pooled and scaled, Holm"},
    )


def describe_rows(given: Given, paper: str, rows: pd.DataFrame) -> dict[str, str]:
    """Protocol, training, seeds and data of a line, as they follow from the rows it rests on."""
    data = given.dataset
    if is_simulated(given):
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


def agrees(ours: pd.Series, published: Any) -> bool:
    """True if a published AUC lies in our interval, or our AUC in published bounds."""
    if np.isfinite(published.auc):
        return bool(ours["pooled_low"] <= published.auc <= ours["pooled_high"])
    return bool(published.above < ours["pooled"] < published.below)


def command_for(given: Given, paper: str, target: str, models: list[str]) -> str:
    """What to type to run what a claim is about; on this dataset if it is of the right kind."""
    same_kind = (paper == PAPERS_BENCHMARK) == is_benchmark(given)
    dataset = given.dataset if same_kind else paper
    data = "" if same_kind and is_simulated(given) else " DATA=<folder>"
    return (
        f'make study DATASET={dataset} SCALE=paper TARGETS={target} MODELS="{" ".join(models)}"'
        + data
    )


def judge_counts(given: Given) -> Line:
    """Compare the numbers of clips with the paper's."""
    line = Line("Numbers of clips (section 2.3)", "as printed")
    path = figures_folder(given) / "section_2_3_clips.csv"
    if is_benchmark(given) or is_simulated(given) or not path.is_file():
        return line._replace(how="make study DATASET=mit SCALE=paper DATA=<folder>")
    table = pd.read_csv(path)
    ours = "; ".join(f"{row.Target} {row.Clips} {row.Ours}" for row in table.itertuples())
    same = (table["Ours"] == table["Paper"]).all()
    return line._replace(ours=ours, data=given.dataset, verdict=AGREES if same else DIFFERS)


def judge_hyperparameters(given: Given) -> Line:
    """Compare every hyperparameter that the paper states with the one used."""
    line = Line("Hyperparameters of Table 1", "as printed")
    path = figures_folder(given) / "table_1.csv"
    if not path.is_file():
        return line._replace(how=f"make study DATASET={given.dataset}")
    table = pd.read_csv(path, dtype=str)
    differing = set()
    for column in table.columns:
        if f"{column}, paper" in table:
            stated = table[f"{column}, paper"]
            other = (stated != "–") & (stated != table[column])
            differing |= set(table.loc[other, "Hyperparameter"])
    if not differing:
        return line._replace(ours="every stated value", verdict=AGREES, data=given.dataset)
    scale = settings_of(given).scale
    ours = f"other: {', '.join(sorted(differing))} (scale {scale})"
    how = f"make study DATASET={given.dataset} SCALE=paper" if differing == {"Epochs"} else ""
    return line._replace(ours=ours, verdict=DIFFERS, data=given.dataset, how=how)


def write_summary(given: Given) -> pd.DataFrame:
    """Write the summary's table into the dataset's folder of figures and return it."""
    table = summarise(given)
    caption = f"Summary: the paper's claims, and the study of {given.dataset}"
    write_table(table, figures_folder(given), "summary", caption, simulated=is_simulated(given))
    return table


def describe_summary(given: Given, table: pd.DataFrame) -> str:
    """Markdown: how many claims have which verdict, and what that says where nothing is real."""
    counts = table["Verdict"].value_counts()
    words = ", ".join(f"{counts[name]} {name!r}" for name in counts.index)
    lines = [f"Of {len(table)} claims: {words}."]
    if is_simulated(given):
        lines.append(
            "The recordings here are simulated, and the paper's claims are about real mice: a "
            "line that agrees shows that the method does so on this simulation, and no more."
        )
    return "\n\n".join(lines)
