"""Section 3.4: the single-stream and the supervised model against the two-stream ones."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.plots import name_model, plot_dots, save_figure
from cagewatch.study.artefacts.parameters import (
    Given,
    command,
    figures_folder,
    is_simulated,
    runs_of,
)
from cagewatch.study.tables import (
    EVENTS_PROTOCOL,
    choose_pairs,
    collect_results,
    compare_detectors,
    describe_paired,
    describe_pairs,
    describe_protocols,
    present_events,
    present_pairs,
    present_results,
    read_published,
    write_table,
)

TARGETS = ("hang", "groom")
# The paper's claim: the first of each pair has the higher AUC, on both behaviours.
CLAIMS = (
    ("cae_image", "cae"),
    ("cae_image", "rae"),
    ("supervised", "cae"),
    ("supervised", "rae"),
)


def collect_alternates(given: Given) -> pd.DataFrame:
    """Rows of every detector on hang and groom, and the paper's.

    Raises
    ------
    InputError
        If no detector has a finished run on either behaviour.
    """
    runs = runs_of(given)
    runs = runs[runs["dataset"] == given.dataset]
    there = [target for target in TARGETS if (runs["target"] == target).any()]
    if not there:
        raise InputError(
            f"There is no finished run on {given.dataset}, hang or groom: run {command(given)}."
        )
    rows = [
        collect_results(given.results_dir, given.dataset, target, published=["mit"])
        for target in there
    ]
    return pd.concat(rows, ignore_index=True)


def compare_alternates(given: Given, rows: pd.DataFrame) -> pd.DataFrame:
    """Every detector against every other one; see `tables.compare_detectors`."""
    return compare_detectors(given.results_dir, given.dataset, rows)


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
    shown = show_pairs(rows, pairs)
    caption = f"{where}: is the first better than the second?"
    below = describe_paired(rows, pairs)
    write_table(shown, folder, "section_3_4_pairs", caption, below, simulated)
    caption = f"{where}: bouts caught at a budget of false alarms"
    events = present_events(rows)
    write_table(events, folder, "section_3_4_events", caption, EVENTS_PROTOCOL, simulated)
    return table


def show_pairs(rows: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The paper's claims, and the highest row against every other one, as people read them."""
    return present_pairs(pairs, choose_pairs(rows, CLAIMS))


def show_alternates(given: Given, rows: pd.DataFrame) -> Figure:
    """Draw every detector's AUC on both behaviours with its interval, the paper's beside it."""
    ours = rows[rows["source"] == "ours"]
    models = list(dict.fromkeys(ours["model"]))

    def table(column: str) -> pd.DataFrame:
        wide = ours.pivot(index="model", columns="target", values=column)
        wide = wide.reindex(index=models, columns=list(TARGETS)).astype(float)
        return wide.rename(index=name_model)

    rest = read_published("mit")
    published = {
        (name_model(row.model), row.target): row.auc for row in rest.itertuples() if row.auc
    }
    ax = plot_dots(table("pooled"), table("pooled_low"), table("pooled_high"), published)
    figure = ax.figure
    scales = ", ".join(sorted(set(ours["scale"])))
    save_figure(
        figure,
        figures_folder(given),
        "section_3_4_auc",
        is_simulated(given),
        f"Section 3.4: frame AUC, pooled raw scores, {given.dataset}, scale {scales}, with "
        "intervals; crosses: what the paper states for the MIT home cage",
    )
    return figure


def describe_alternates(given: Given, pairs: pd.DataFrame) -> str:
    """Markdown: who is ahead of all others, if anyone, and each of the paper's claims."""
    text = describe_pairs(pairs, CLAIMS)
    if is_simulated(given):
        text += "\n\nThe data is simulated: these numbers say nothing about mice."
    return text
