"""Table 2: a public benchmark, every detector beside the published rows."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.plots import save_figure
from cagewatch.study.artefacts.parameters import (
    LARGE,
    Given,
    command,
    figures_folder,
    is_benchmark,
    runs_of,
    sizes_of,
)
from cagewatch.study.artefacts.roc import draw_panel, read_curves
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
    write_table,
)
from cagewatch.study.tables.collect import published_rows

TARGET = "anomaly"
TEST_VIDEOS = {"avenue": 21, "ped2": 12, "ped1": 36}  # in the whole benchmark
PAPERS_BENCHMARK = "avenue"
# What the paper claims of its networks.
CLAIMS = (("cae", "rae"), ("rae", "cae_image"), ("cae", "cae_image"))


def collect_benchmark(given: Given) -> pd.DataFrame:
    """Rows of every detector at every input size that was run, and the published ones.

    A home cage has no row here: there are then only the paper's own, of Avenue.

    Raises
    ------
    InputError
        If the dataset is a benchmark and has no finished run.
    """
    if not is_benchmark(given):
        return pd.DataFrame(published_rows([PAPERS_BENCHMARK], TARGET))
    sizes = sizes_of(given)
    runs = runs_of(given, TARGET)
    if not runs["dataset"].isin(sizes).any():
        raise InputError(f"There is no finished run on {given.dataset}: run {command(given)}.")
    rows = collect_results(given.results_dir, sizes, TARGET)
    # What reads the source frames is the same at every input size.
    again = (rows["input"] == "source") & rows.duplicated(["source", "model"])
    return rows[~again].reset_index(drop=True)


def write_benchmark(given: Given, rows: pd.DataFrame) -> pd.DataFrame:
    """Write the table and that of events (a benchmark only); return the first as people read it."""
    table = present_results(rows)
    if is_benchmark(given):
        folder = figures_folder(given)
        caption = head_of("every detector, and published values", given, rows)
        write_table(table, folder, "table_2", f"Table 2 on {caption}", describe_protocols(rows))
        caption = head_of("bouts caught at a budget of false alarms", given, rows)
        write_table(present_events(rows), folder, "table_2_events", caption, EVENTS_PROTOCOL)
    return table


def compare_benchmark(given: Given, rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The comparisons on the same videos, and the words they earn; writes ``table_2_pairs``.

    Both are empty, and nothing is written, where there is no benchmark.
    """
    if not is_benchmark(given):
        return pd.DataFrame(), ""
    # `rows` has what reads the source frames once, at whichever input size came first.
    runs = runs_of(given, TARGET)
    again = runs.loc[runs["dataset"] == given.dataset, "model"]
    source = (rows["input"] == "source") & rows["model"].isin(again)
    here = rows[source | (rows["dataset"] == given.dataset)].assign(dataset=given.dataset)
    pairs = compare_detectors(given.results_dir, given.dataset, here)
    table = present_pairs(pairs, choose_pairs(here, CLAIMS))
    caption = head_of("is the first better than the second?", given, rows)
    below = describe_paired(rows, pairs)
    write_table(table, figures_folder(given), "table_2_pairs", caption, below)
    return table, describe_pairs(pairs, CLAIMS)


def head_of(what: str, given: Given, rows: pd.DataFrame) -> str:
    """A table's caption: the benchmark, what is shown and, where videos are missing, a warning."""
    stop = "" if what.endswith("?") else "."
    warning = partial_warning(rows).rstrip(".")
    return f"{given.dataset.removesuffix(LARGE)}: {what}" + (f"{stop} {warning}" if warning else "")


def partial_warning(rows: pd.DataFrame) -> str:
    """A sentence if fewer test videos are there than the benchmark has; '' if all are."""
    for row in rows[rows["source"] != "published"].itertuples():
        whole = TEST_VIDEOS.get(row.dataset.removesuffix(LARGE))
        if whole is not None and row.recordings < whole:
            return (
                f"Only {row.recordings:.0f} of the {whole} test videos are there, so our AUCs are "
                "not comparable with the published ones."
            )
    return ""


def show_benchmark(given: Given, rows: pd.DataFrame) -> Figure | None:
    """The ROC of every detector, one panel an input size; None where there is no benchmark to show.

    Networks and ours are drawn with bands, linear and trivial detectors as thin lines. Writes
    ``roc.svg`` and ``.png`` into the dataset's folder of figures.
    """
    if not is_benchmark(given):
        return None
    sizes = sizes_of(given)
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(8.4 * len(sizes), 6.4), layout="constrained", squeeze=False
    )
    for ax, dataset in zip(axes[0], sizes, strict=True):
        curves = read_curves(given, TARGET, dataset=dataset)
        draw_panel(ax, curves, f"{dataset} was not run")
        ax.set_title(dataset)
    caption = f"ROC on {given.dataset.removesuffix(LARGE)}. {describe_protocols(rows)}"
    if warning := partial_warning(rows):
        caption += f". {warning}"
    save_figure(figure, figures_folder(given), "roc", caption=caption)
    return figure


def describe_benchmark(given: Given, rows: pd.DataFrame) -> str:
    """Markdown: every row, in words, and what warns of them."""
    if not is_benchmark(given):
        return (
            f"**{given.dataset} is no benchmark**, so there is no row of ours here, only the "
            "published ones. Get one and run `make study DATASET=ped2 DATA=<folder>` or "
            "`make study DATASET=avenue DATA=<folder>`."
        )
    ours = rows[(rows["source"] == "ours") & rows["pooled"].notna()]
    lines = [
        f"- {row.method}: {row.pooled:.3f} pooled, {row.per_video_scaled:.3f} if each video's "
        f"scores are scaled first{'; ' + row.trained if row.trained else ''}."
        for row in ours.itertuples()
    ]
    if warning := partial_warning(rows):
        lines.append(f"\n**{warning}**")
    return "\n".join([*lines, f"\nProtocol: {describe_protocols(rows)}."])
