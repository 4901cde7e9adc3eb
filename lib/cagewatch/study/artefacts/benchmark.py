"""Table 2: a public benchmark, ours beside the published rows and the trivial baselines."""

from __future__ import annotations

from itertools import product

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.metrics import format_auc
from cagewatch.plots import save_figure
from cagewatch.study.artefacts.alternates import compare_claims, describe_paired, present_pairs
from cagewatch.study.artefacts.contents import BEST, OURS_ON_BENCHMARKS, PEERS
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
    collect_results,
    describe_protocols,
    present_events,
    present_results,
    write_table,
)
from cagewatch.study.tables.collect import BASELINES, published_rows

TARGET = "anomaly"
TEST_VIDEOS = {"avenue": 21, "ped2": 12, "ped1": 36}  # in the whole benchmark
PAPERS_BENCHMARK = "avenue"
PAIRS = (
    *((BEST, other) for other in ("flow_magnitude", "rae", "cae", "memory")),
    *((model, "flow_magnitude") for model in (*OURS_ON_BENCHMARKS, *PEERS) if model != BEST),
    *(("rae", other) for other in ("cae", "conv3d")),
    *(("cae", other) for other in ("cae_image", "cae_flow")),
)


def collect_benchmark(given: Given) -> pd.DataFrame:
    """Rows of every model and baseline at every input size that was run, and the published ones.

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
    rows = collect_results(
        given.results_dir, sizes, TARGET, [*OURS_ON_BENCHMARKS, *PEERS, *BASELINES]
    )
    # What reads the source frames is the same at every input size.
    again = (rows["input"] == "source") & rows.duplicated(["source", "model"])
    return rows[~again].reset_index(drop=True)


def write_benchmark(given: Given, rows: pd.DataFrame) -> pd.DataFrame:
    """Write the table and that of events (a benchmark only); return the first as people read it."""
    table = present_results(rows)
    if is_benchmark(given):
        folder = figures_folder(given)
        caption = head_of("ours, trivial baselines and published values", given, rows)
        write_table(table, folder, "table_2", f"Table 2 on {caption}", describe_protocols(rows))
        caption = head_of("bouts caught at a budget of false alarms", given, rows)
        write_table(present_events(rows), folder, "table_2_events", caption, EVENTS_PROTOCOL)
    return table


def compare_benchmark(given: Given, rows: pd.DataFrame) -> pd.DataFrame:
    """`PAIRS` on the same resampled videos, as people read them; also the table ``table_2_pairs``.

    Empty, and not written, where there is no benchmark.
    """
    if not is_benchmark(given):
        return pd.DataFrame()
    runs = runs_of(given, TARGET)  # `rows` has what reads the source frames at one input size only
    here = runs[runs["dataset"] == given.dataset].assign(source="ours")
    table = present_pairs(compare_claims(given, here, PAIRS))
    caption = head_of("is the first better than the second?", given, rows)
    write_table(table, figures_folder(given), "table_2_pairs", caption, describe_paired(rows))
    return table


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
    """The ROC of every model, one panel an input size; None where there is no benchmark to show.

    Where the rivals of Table 2 were run too, they have a second row of panels. Writes ``roc.svg``
    and ``.png`` into the dataset's folder of figures.
    """
    if not is_benchmark(given):
        return None
    sizes = sizes_of(given)
    groups = [OURS_ON_BENCHMARKS, PEERS]
    groups = [group for group in groups if set(group) & set(rows["model"])] or groups[:1]
    shape = (len(groups), len(sizes))
    figure, axes = plt.subplots(
        *shape, figsize=(4.6 * shape[1], 6.8 * shape[0]), layout="constrained", squeeze=False
    )
    for ax, (models, dataset) in zip(axes.flat, product(groups, sizes), strict=True):
        curves = read_curves(given, TARGET, models, dataset)
        baselines = read_curves(given, TARGET, BASELINES, dataset)
        draw_panel(ax, curves, baselines, f"{dataset} was not run")
        ax.set_title(f"{dataset}, {curves[0].input}" if curves else dataset)
    caption = f"ROC on {given.dataset.removesuffix(LARGE)}. {describe_protocols(rows)}"
    if warning := partial_warning(rows):
        caption += f". {warning}"
    save_figure(figure, figures_folder(given), "roc", caption=caption)
    return figure


def describe_benchmark(given: Given, rows: pd.DataFrame) -> str:
    """Markdown: the best of all that was run beside the best trivial baseline, and every row."""
    if not is_benchmark(given):
        return (
            f"**{given.dataset} is no benchmark**, so there is no row of ours here, only the "
            "published ones. Get one and run `make study DATASET=ped2 DATA=<folder>` or "
            "`make study DATASET=avenue DATA=<folder>`."
        )
    lines = []
    for source, name in (("ours", "Best of what was run"), ("baseline", "Best trivial baseline")):
        found = rows[(rows["source"] == source) & rows["pooled"].notna()]
        if len(found):
            best = found.loc[found["pooled"].idxmax()]
            auc = format_auc(best["pooled"], best["pooled_low"], best["pooled_high"])
            size = f" at {best['input']}" if source == "ours" else ""
            lines.append(f"- {name} by this test, pooled: {best['method']}{size}, {auc}.")
    ours = rows[(rows["source"] == "ours") & rows["pooled"].notna()]
    lines += [
        f"- {row.method} at {row.input}: {row.pooled:.3f} pooled, {row.per_video_scaled:.3f} if "
        "each video's scores are scaled first."
        for row in ours.itertuples()
    ]
    if warning := partial_warning(rows):
        lines.append(f"\n**{warning}**")
    return "\n".join([*lines, f"\nProtocol: {describe_protocols(rows)}."])
