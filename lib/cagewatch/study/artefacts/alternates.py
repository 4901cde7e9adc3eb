"""Section 3.4: the single-stream and the supervised model against the two-stream ones."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from cagewatch.plots import name_model, plot_dots
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.artefacts.rows import write_rows
from cagewatch.study.tables import collect_results, read_published

TARGETS = ("hang", "groom")
# The paper's claim: the first of each pair has the higher AUC, on both behaviours.
CLAIMS = (("cae_image", "cae"), ("cae_image", "rae"), ("supervised", "cae"), ("supervised", "rae"))
# Networks that learn without labels, each beside a linear model.
BESIDE = tuple((model, "pca_frames") for model in ("rae", "cae", "cae_image"))


def collect_alternates(given: Given) -> pd.DataFrame:
    """Rows of every detector on hang and groom, and the paper's; InputError if none was run."""
    there = [target for target in TARGETS if len(given.runs(target))]
    if not there:
        raise given.refuse("hang or groom")
    rows = [
        collect_results(given.results_dir, given.dataset, one, None, ["mit"], given.values)
        for one in there
    ]
    return pd.concat(rows, ignore_index=True)


def write_alternates(given: Given, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Write the three tables; AUCs, comparisons and the words they earn, see `write_rows`."""
    where = f"Section 3.4 on {given.dataset}"
    captions = (
        f"{where}: alternate networks, published values for the MIT home cage",
        f"{where}: is the first better than the second?",
        f"{where}: bouts caught at a budget of false alarms",
    )
    names = ("section_3_4", "section_3_4_pairs", "section_3_4_events")
    table, pairs, words = write_rows(given, rows, names, captions, CLAIMS + BESIDE)
    if given.is_simulated:
        words += "\n\nThe data is simulated: these numbers say nothing about mice."
    return table, pairs, words


def show_alternates(given: Given, rows: pd.DataFrame) -> Figure:
    """Draw every detector's AUC on both behaviours with its interval, the paper's beside it."""
    ours = rows[rows["source"] == "ours"]
    wide = ours.pivot(index="model", columns="target")
    order = list(dict.fromkeys(ours["model"]))
    there = [target for target in TARGETS if target in set(ours["target"])]
    pooled, low, high = (
        wide[name].reindex(index=order, columns=there).astype(float).rename(name_model)
        for name in ("pooled", "pooled_low", "pooled_high")
    )
    stated = read_published("mit").dropna(subset="auc")
    published = {(name_model(row.model), row.target): row.auc for row in stated.itertuples()}
    ax = plot_dots(pooled, low, high, published)
    caption = (
        f"Section 3.4: frame AUC, pooled raw scores, {given.dataset}, scale "
        f"{', '.join(sorted(set(ours['scale'])))}, with intervals; crosses: what the paper states "
        "for the MIT home cage"
    )
    return given.save(ax.figure, "section_3_4_auc", caption)
