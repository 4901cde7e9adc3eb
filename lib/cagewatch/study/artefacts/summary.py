"""The summary: each artefact of the paper, whether it was reproduced here, and if not, why."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cagewatch.metrics import format_auc
from cagewatch.plots import name_model
from cagewatch.study.artefacts.benchmark import PAPERS_BENCHMARK, partial_warning
from cagewatch.study.artefacts.contents import ARTEFACTS, BENCHMARK, CAGE, Artefact
from cagewatch.study.artefacts.parameters import (
    Given,
    command,
    figures_folder,
    is_benchmark,
    is_simulated,
    runs_of,
    settings_of,
)
from cagewatch.study.tables import collect_results, read_published, write_table

REPRODUCED, DIFFERS, NOT_RUN = "reproduced", "not reproduced", "not run"
ELSEWHERE = {
    CAGE: "needs home-cage video: make study DATASET=mit SCALE=paper DATA=<folder>",
    BENCHMARK: "needs a benchmark: make study DATASET=avenue SCALE=paper DATA=<folder>",
}
NO_ARCHIVE = (
    "the MIT videos are not obtainable without their archive; whoever has it runs "
    "make study DATASET=mit SCALE=paper DATA=<folder>"
)


class Verdict(NamedTuple):
    """What came out of one artefact: in words, its status, and why that is its status."""

    here: str
    status: str
    why: str


def summarise(given: Given) -> pd.DataFrame:
    """One row an artefact: what came out here, its status and why; from the files that are there.

    'reproduced' and 'not reproduced' are said of the paper's own data at the paper's scale only,
    where every published number is compared with our interval; anything else is 'not run'.
    """
    rows = []
    for artefact in ARTEFACTS:
        if not artefact.of_paper:
            continue
        verdict = judge(given, artefact)
        rows.append(
            {
                "Artefact": artefact.title,
                "Status": verdict.status,
                "Here": verdict.here,
                "Why": verdict.why,
            }
        )
    return pd.DataFrame(rows)


def judge(given: Given, artefact: Artefact) -> Verdict:
    """The verdict on one artefact."""
    kind = BENCHMARK if is_benchmark(given) else CAGE
    if kind not in artefact.kinds:
        return Verdict("", NOT_RUN, ELSEWHERE[artefact.kinds[0]])
    missing = [name for name in artefact.files() if not (figures_folder(given) / name).is_file()]
    if missing:
        return Verdict("", NOT_RUN, f"{missing[0]} is not there: {command(given)}")
    if artefact.targets:
        return judge_numbers(given, artefact)
    if artefact.notebook == "figure_2_architectures":
        why = "drawn from the models; what the paper leaves open about the layers is inference"
        return Verdict("made", REPRODUCED, why)
    if artefact.notebook == "table_1_hyperparameters":
        return judge_hyperparameters(given)
    if is_simulated(given):
        return Verdict("made, simulated", NOT_RUN, NO_ARCHIVE)
    if artefact.notebook == "section_2_3_clips":
        return judge_counts(given)
    return Verdict("made", REPRODUCED, "frames of the same behaviours")


def judge_numbers(given: Given, artefact: Artefact) -> Verdict:
    """Compare every published number of an artefact with the runs that are there."""
    runs = runs_of(given)
    runs = runs[runs["dataset"] == given.dataset]
    parts, failing, lacking, partial = [], [], [], ""
    scales = set()
    paper = "mit" if CAGE in artefact.kinds else PAPERS_BENCHMARK
    for target in artefact.targets:
        published = read_published(paper, target).set_index("model")
        there = runs.loc[runs["target"] == target, "model"]
        models = [model for model in artefact.models if model in set(there)]
        compared = [model for model in artefact.models if model in published.index]
        lacking += [f"{name_model(one)} on {target}" for one in compared if one not in models]
        if not models:
            continue
        rows = collect_results(given.results_dir, given.dataset, target, models, published=())
        scales |= set(rows["scale"])
        partial = partial or partial_warning(rows)
        for row in rows.itertuples():
            name = f"{name_model(row.model)}, {target}"
            parts.append(f"{name} {format_auc(row.pooled, row.pooled_low, row.pooled_high)}")
            if row.model in published.index and not agrees(row, published.loc[row.model]):
                failing.append(f"{name} (published {published.loc[row.model, 'text']})")
    here = "; ".join(parts)
    if is_simulated(given):
        return Verdict(f"simulated: {here}", NOT_RUN, NO_ARCHIVE)
    if not (paper == "mit" or given.dataset == paper):
        stands = f"stands in for Avenue: make study DATASET={paper} SCALE=paper DATA=<folder>"
        return Verdict(here, NOT_RUN, f"{given.dataset} {stands}")
    if partial:
        return Verdict(here, NOT_RUN, partial.rstrip("."))
    if lacking:
        return Verdict(here, NOT_RUN, f"without {', '.join(lacking)}: {command(given)}")
    if scales != {"paper"}:
        why = f"scale {', '.join(sorted(scales))}: {command(given)} SCALE=paper"
        return Verdict(here, NOT_RUN, why)
    if failing:
        return Verdict(here, DIFFERS, f"outside our interval or its bounds: {'; '.join(failing)}")
    return Verdict(here, REPRODUCED, "published values lie in our intervals, ours in their bounds")


def agrees(ours: Any, published: pd.Series) -> bool:
    """True if a published AUC lies in our interval, or our AUC in published bounds."""
    if np.isfinite(published["auc"]):
        return bool(ours.pooled_low <= published["auc"] <= ours.pooled_high)
    return bool(published["above"] < ours.pooled < published["below"])


def judge_hyperparameters(given: Given) -> Verdict:
    """Compare every value the paper states with the one used; a scale may cap the epochs only."""
    table = pd.read_csv(figures_folder(given) / "table_1.csv", dtype=str)
    differing = set()
    for column in table.columns:
        if f"{column}, paper" in table:
            stated = table[f"{column}, paper"]
            other = (stated != "–") & (stated != table[column])
            differing |= set(table.loc[other, "Hyperparameter"])
    if not differing:
        return Verdict("made", REPRODUCED, "every stated value, checked on the compiled models")
    if differing == {"Epochs"}:
        scale = settings_of(given).scale
        why = f"scale {scale} caps the epochs: {command(given)} SCALE=paper"
        return Verdict("all stated values but the epochs", NOT_RUN, why)
    return Verdict("made", DIFFERS, f"other values were given: {', '.join(sorted(differing))}")


def judge_counts(given: Given) -> Verdict:
    """Compare the numbers of clips with the paper's."""
    table = pd.read_csv(figures_folder(given) / "section_2_3_clips.csv")
    here = "; ".join(f"{row.Target} {row.Clips} {row.Ours}" for row in table.itertuples())
    if (table["Ours"] == table["Paper"]).all():
        return Verdict(here, REPRODUCED, "the same counts")
    return Verdict(here, DIFFERS, "the paper does not say which recordings it used")


def write_summary(given: Given) -> pd.DataFrame:
    """Write the summary's table into the dataset's folder of figures and return it."""
    table = summarise(given)
    scale = settings_of(given).scale
    caption = f"Summary of the study of {given.dataset}, scale {scale}"
    write_table(table, figures_folder(given), "summary", caption, simulated=is_simulated(given))
    return table


def describe_summary(given: Given, table: pd.DataFrame) -> str:
    """Markdown: how many artefacts have which status, then what stands in the way of the rest."""
    counts = table["Status"].value_counts()
    words = ", ".join(
        f"{counts.get(status, 0)} {status}" for status in (REPRODUCED, DIFFERS, NOT_RUN)
    )
    lines = [f"Of {len(table)} artefacts: {words}."]
    if is_simulated(given):
        lines.append(
            "The recordings here are simulated. They show that every step runs and what its result "
            f"looks like; they cannot reproduce a number about mice, since {NO_ARCHIVE}."
        )
    return "\n\n".join(lines)
