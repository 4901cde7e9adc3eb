"""Section 3.4: the single-stream and the supervised model against the two-stream ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.metrics import correct_for_number, describe_lead, format_auc, format_p, judge_pair
from cagewatch.plots import name_model, plot_heatmap, save_figure
from cagewatch.study.artefacts.parameters import (
    Given,
    command,
    figures_folder,
    is_simulated,
    runs_of,
)
from cagewatch.study.tables import (
    EVENTS_PROTOCOL,
    collect_results,
    compare_models,
    describe_protocols,
    present_events,
    present_results,
    read_published,
    write_table,
)
from cagewatch.study.tables.collect import BASELINES

TARGETS = ("hang", "groom")
MODELS = ("rae", "cae", "cae_image", "supervised")
# The paper's claim: the first of each pair has the higher AUC, on both behaviours.
CLAIMS = (
    ("cae_image", "cae"),
    ("cae_image", "rae"),
    ("supervised", "cae"),
    ("supervised", "rae"),
)


def collect_alternates(given: Given) -> pd.DataFrame:
    """Rows of every model and trivial baseline on hang and groom, and the paper's.

    Raises
    ------
    InputError
        If none of the models has a finished run on either behaviour.
    """
    runs = runs_of(given)
    runs = runs[runs["dataset"] == given.dataset]
    there = [target for target in TARGETS if (runs["target"] == target).any()]
    if not there:
        raise InputError(
            f"There is no finished run on {given.dataset}, hang or groom: run {command(given)}."
        )
    rows = [
        collect_results(
            given.results_dir, given.dataset, target, [*MODELS, *BASELINES], published=["mit"]
        )
        for target in there
    ]
    return pd.concat(rows, ignore_index=True)


def compare_claims(
    given: Given, rows: pd.DataFrame, claims: Sequence[tuple[str, str]] = CLAIMS
) -> pd.DataFrame:
    """Compare claims (better, worse), the paper's by default, on every target.

    Rows of `tables.compare_models`; p corrected over all of them. Pairs that were not run miss.
    """
    parts = []
    for target, group in rows[rows["source"] != "published"].groupby("target", sort=False):
        pairs = [pair for pair in claims if set(pair) <= set(group["model"])]
        if pairs:
            parts.append(compare_models(given.results_dir, given.dataset, target, pairs))
    if not parts:
        return pd.DataFrame(columns=["target", "first", "second", "protocol", "p"])
    return correct_for_number(pd.concat(parts, ignore_index=True))


def list_pairs(pairs: pd.DataFrame) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """The comparisons of `compare_claims` one by one: target, first, second, rows by protocol."""
    for key, rows in pairs.groupby(["target", "first", "second"], sort=False):
        yield *key, rows


def write_alternates(given: Given, rows: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Write the three tables (AUCs, comparisons, events) and return the first as people read it."""
    folder, simulated = figures_folder(given), is_simulated(given)
    table = present_results(rows)
    where = f"Section 3.4 on {given.dataset}"
    protocol = describe_protocols(rows)
    write_table(
        table,
        folder,
        "section_3_4",
        f"{where}: alternate networks, published values for the MIT home cage",
        protocol,
        simulated,
    )
    shown = present_pairs(pairs)
    caption = f"{where}: is the first model better than the second?"
    write_table(shown, folder, "section_3_4_pairs", caption, protocol, simulated)
    caption = f"{where}: bouts caught at a budget of false alarms"
    events = present_events(rows)
    write_table(events, folder, "section_3_4_events", caption, EVENTS_PROTOCOL, simulated)
    return table


def present_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Comparisons as people read them: pooled and scaled, p corrected, and what both say."""
    table = []
    for target, first, second, rows in list_pairs(pairs):
        row = {
            "Target": target,
            "Claimed better": name_model(first),
            "Than": name_model(second),
        }
        for name, protocol in (("pooled", "pooled"), ("scaled", "per_video_scaled")):
            one = rows[rows["protocol"] == protocol].iloc[0]
            row[f"Difference of AUCs, {name}"] = format_auc(one.difference, one.low, one.high)
            row[f"p (Holm), {name}"] = format_p(one.p_holm)
        table.append(row | {"Verdict": judge_pair(rows, first, second)})
    return pd.DataFrame(table)


def describe_paired(rows: pd.DataFrame) -> str:
    """The sentence under a table of `present_pairs`."""
    return (
        "differences on the same frames, jackknife over the same recordings; p after Holm's "
        "correction for all comparisons of this table; better or worse only where pooled and "
        f"scaled scores both say so; {describe_protocols(rows)}"
    )


def show_alternates(given: Given, rows: pd.DataFrame) -> Figure:
    """The AUC of every model on both behaviours, the paper's value beneath; written as a figure."""
    ours = rows[rows["source"] == "ours"]
    values = ours.pivot(index="target", columns="model", values="pooled")
    values = values.reindex(index=list(TARGETS), columns=list(MODELS))
    published = read_published("mit").set_index(["target", "model"])["text"]
    texts = [
        [f"{values.loc[t, m]:.3f}\npaper {published.get((t, m), '–')}" for m in MODELS]
        for t in TARGETS
    ]
    texts = [[text.replace(" and ", "\nand ") for text in row] for row in texts]
    values.columns = [name_model(model).replace(" ", "\n", 1) for model in MODELS]
    figure, ax = plt.subplots(figsize=(7.6, 3.4), layout="constrained")
    plot_heatmap(values, texts=texts, ax=ax)
    ax.set_xticks(range(len(MODELS)), values.columns, rotation=0, ha="center")
    scales = ", ".join(sorted(set(ours["scale"])))
    save_figure(
        figure,
        figures_folder(given),
        "section_3_4_auc",
        is_simulated(given),
        f"Section 3.4: frame AUC, pooled raw scores, {given.dataset}, scale {scales}; beneath, "
        "what the paper states for the MIT home cage",
    )
    return figure


def describe_alternates(given: Given, pairs: pd.DataFrame) -> str:
    """Markdown: each of the paper's claims and whether it holds here."""
    lines = [
        f"- {target}: {describe_lead(rows, first, [second], name_model)}"
        for target, first, second, rows in list_pairs(pairs)
    ]
    if not lines:
        lines = ["No pair of models was run, so nothing can be compared."]
    if is_simulated(given):
        lines.append("\nThe data is simulated: these numbers say nothing about mice.")
    return "\n".join(lines)
