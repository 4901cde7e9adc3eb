"""Table 2: a public benchmark, every detector beside the published rows."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.artefacts.roc import draw_panel, read_curves
from cagewatch.study.artefacts.rows import write_rows
from cagewatch.study.tables import collect_results, describe_protocols

TARGET = "anomaly"
LARGE = "_large"  # suffix of a benchmark's layer with a larger input size
TEST_VIDEOS = {"avenue": 21, "ped2": 12, "ped1": 36}  # in the whole benchmark
PAPERS_BENCHMARK = "avenue"
# What the paper claims of its networks.
CLAIMS = (("cae", "rae"), ("rae", "cae_image"), ("cae", "cae_image"))


def sizes_of(given: Given) -> list[str]:
    """The dataset's layers by input size, smaller first, the given one always among them."""
    name = given.dataset.removesuffix(LARGE)
    found = given.runs(TARGET, every_dataset=True)["dataset"].unique()
    return [one for one in (name, name + LARGE) if one in found or one == given.dataset]


def collect_benchmark(given: Given) -> pd.DataFrame:
    """Rows of every detector at every input size that was run, and the published ones.

    InputError if the dataset is no benchmark, or has no finished run.
    """
    if not given.is_benchmark:
        raise InputError(
            f"{given.dataset} is no benchmark: get one, run 'make study DATASET=ped2 DATA=<folder>'"
            " and set dataset to ped2."
        )
    sizes = sizes_of(given)
    if not given.runs(TARGET, every_dataset=True)["dataset"].isin(sizes).any():
        raise given.refuse("any detector")
    rows = collect_results(given.results_dir, sizes, TARGET, values=given.values)
    # What reads the source frames is the same at every input size.
    again = (rows["input"] == "source") & rows.duplicated(["source", "model"])
    return rows[~again].reset_index(drop=True)


def write_benchmark(given: Given, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Write the three tables; AUCs, comparisons and the words they earn, see `write_rows`."""
    # `rows` has what reads the source frames once, at whichever input size came first.
    source = (rows["input"] == "source") & rows["model"].isin(given.runs(TARGET)["model"])
    here = rows[source | (rows["dataset"] == given.dataset)].assign(dataset=given.dataset)
    captions = (
        f"Table 2 on {head_of('every detector, and published values', given, rows)}",
        head_of("is the first better than the second?", given, rows),
        head_of("bouts caught at a budget of false alarms", given, rows),
    )
    names = ("table_2", "table_2_pairs", "table_2_events")
    return write_rows(given, rows, names, captions, CLAIMS, here)


def head_of(what: str, given: Given, rows: pd.DataFrame) -> str:
    """A table's caption: the benchmark, what is shown and, where videos are missing, a warning."""
    stop = "" if what.endswith("?") else "."
    warning = partial_warning(rows).rstrip(".")
    return f"{given.dataset.removesuffix(LARGE)}: {what}" + (f"{stop} {warning}" if warning else "")


def partial_warning(rows: pd.DataFrame) -> str:
    """A sentence if fewer test videos are there than the benchmark has; '' if all are."""
    for row in rows[rows["source"] != "published"].itertuples():
        whole = TEST_VIDEOS.get(row.dataset.removesuffix(LARGE), 0)
        if row.recordings < whole:
            return (
                f"Only {row.recordings:.0f} of the {whole} test videos are there, so our AUCs are "
                "not comparable with the published ones."
            )
    return ""


def show_benchmark(given: Given, rows: pd.DataFrame) -> Figure:
    """The ROC of every detector, one panel an input size; written as ``roc``.

    Networks and ours are drawn with bands, linear and trivial detectors as thin lines.
    """
    sizes = sizes_of(given)
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(8.4 * len(sizes), 6.4), layout="constrained", squeeze=False
    )
    for ax, dataset in zip(axes[0], sizes, strict=True):
        draw_panel(ax, read_curves(given, TARGET, dataset=dataset), f"{dataset} was not run")
        ax.set_title(dataset)
    caption = f"ROC on {given.dataset.removesuffix(LARGE)}. {describe_protocols(rows)}"
    if warning := partial_warning(rows):
        caption += f". {warning}"
    return given.save(figure, "roc", caption)


def describe_benchmark(rows: pd.DataFrame) -> str:
    """Markdown: every row, in words, and what warns of them."""
    ours = rows[(rows["source"] == "ours") & rows["pooled"].notna()]
    lines = [
        f"- {row.method}: {row.pooled:.3f} pooled, {row.per_video_scaled:.3f} if each video's "
        f"scores are scaled first{'; ' + row.trained if row.trained else ''}."
        for row in ours.itertuples()
    ]
    if warning := partial_warning(rows):
        lines.append(f"\n**{warning}**")
    return "\n".join([*lines, f"\nProtocol: {describe_protocols(rows)}."])
