"""Learning curves: how long must a network be trained, and for what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.files import read_json
from cagewatch.plots import cycle_style, name_model
from cagewatch.scoring.curve import PROTOCOLS as AUCS
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.tables import kind_of

COLUMNS = ("step", "epoch", "loss", "val_loss", *AUCS)
MARKERS = "osD^v<>PX"  # colours come again after seven networks
DASHES = ((0, (1, 1.5)), (0, (1, 5)), (0, (9, 3)), "-.", (0, (5, 2)))
LINES = ("flow_magnitude", "frame_difference", "mean_flow", "mean_image", "pca_frames")


def collect_curves(given: Given) -> pd.DataFrame:
    """What every network had reached after each epoch, from ``history.csv`` and ``curve.csv``.

    One row per target, model, seed and epoch: these and `COLUMNS`; what was not measured after an
    epoch is NaN. InputError if there is no finished run of a network, or a file is damaged.
    """
    runs = given.runs()
    runs = runs[runs["model"].map(kind_of) == "network"]
    if not len(runs):
        raise given.refuse("a network")
    keys = ["target", "model", "seed"]
    return pd.concat(
        [
            read_curve(run.folder).assign(**{key: getattr(run, key) for key in keys})
            for run in runs.itertuples()
        ],
        ignore_index=True,
    )[[*keys, *COLUMNS]]


def read_curve(folder: Path) -> pd.DataFrame:
    """The curve of one run: a row per epoch with `COLUMNS`.

    Its last row has the AUCs of the finished run. Others have them where the run was told to score
    the test after that epoch; nothing is decided by them.
    """
    metrics = read_json(folder / "metrics.json")
    trained, protocols = metrics["trained"], metrics["protocols"]
    try:
        table = pd.read_csv(folder / "history.csv").reindex(columns=["loss", "val_loss"])
        table["epoch"] = range(1, len(table) + 1)
        table["step"] = table["epoch"] * trained["steps"] / trained["epochs"]
        for name, protocol in AUCS.items():
            table.loc[table.index[-1], name] = protocols[protocol]["auc"]
        if (folder / "curve.csv").is_file():
            measured = pd.read_csv(folder / "curve.csv").set_index("epoch")
            for name in AUCS:
                table[name] = table[name].fillna(table["epoch"].map(measured[name]))
    except (OSError, ValueError) as error:
        raise InputError(f"A curve of {folder} is missing or damaged; run it again.") from error
    return table[list(COLUMNS)]


def collect_lines(given: Given) -> pd.DataFrame:
    """AUCs of the detectors that are not trained in epochs, one row per target and model."""
    runs = given.runs()
    rows = []
    for run in runs[runs["model"].isin(LINES)].itertuples():
        found = read_json(run.folder / "metrics.json")["protocols"]
        aucs = {name: found[protocol]["auc"] for name, protocol in AUCS.items()}
        rows.append({"target": run.target, "model": run.model, **aucs})
    table = pd.DataFrame(rows, columns=["target", "model", *AUCS])
    return table.drop_duplicates(["target", "model"])


def show_curves(given: Given, curves: pd.DataFrame, lines: pd.DataFrame) -> Figure:
    """Draw AUC and losses against optimiser steps, a column a target; saved as a figure."""
    targets, models = curves["target"].unique(), curves["model"].unique()
    size = (1.6 + min(3.6 * len(targets), 18), 7.6)
    figure, axes = plt.subplots(
        3, len(targets), figsize=size, sharex="col", squeeze=False, layout="constrained"
    )
    for column, target in zip(axes.T, targets, strict=True):
        own, level = (table[table["target"] == target] for table in (curves, lines))
        draw_target(column, own, level, models)
        column[0].set_title(target)
    for ax, words in zip(axes[:, 0], ("AUC, pooled", "AUC, scaled", "Loss"), strict=True):
        ax.set_ylabel(words)
    handles = {}
    for ax in axes.flat:
        handles |= {label: one for one, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3, frameon=False)
    caption = (
        f"Learning curves on {given.dataset}: frame AUC and losses against optimiser steps, a "
        "line a seed; dots: measured on the test, by which nothing was decided; horizontal lines: "
        "detectors that are not trained in epochs; dashed: validation loss"
    )
    return given.save(figure, "learning_curves", caption)


def draw_target(
    axes: Sequence[plt.Axes], curves: pd.DataFrame, lines: pd.DataFrame, models: Sequence[str]
) -> None:
    """Draw one target's curves into three axes: AUC pooled, AUC scaled, losses."""
    for index, model in enumerate(models):
        style = {"color": cycle_style(index)["color"], "alpha": 0.8, "linewidth": 1.2}
        mark = {"linestyle": "-", "marker": MARKERS[index % len(MARKERS)], "markersize": 4}
        for _, own in curves[curves["model"] == model].groupby("seed"):
            seen = own.set_index("step")
            for ax, name in zip(axes, AUCS, strict=False):
                ax.plot(seen[name].dropna(), label=name_model(model), **mark, **style)
            axes[2].plot(seen["loss"], linestyle="-", **style)
            axes[2].plot(seen["val_loss"], linestyle="--", **style)
    for line in lines.itertuples():
        # By its name: not every target has the same lines, and all share one legend.
        look = {"color": "0.3", "linewidth": 1, "linestyle": DASHES[LINES.index(line.model)]}
        for ax, name in zip(axes, AUCS, strict=False):
            ax.axhline(getattr(line, name), label=name_model(line.model), **look)
    for linestyle, name in (("-", "loss of training"), ("--", "loss of validation")):
        axes[2].plot([], [], color="0.4", linestyle=linestyle, label=name)
    axes[2].set(xlabel="Optimiser steps", yscale="log")


def write_curves(given: Given, curves: pd.DataFrame) -> pd.DataFrame:
    """Write the table ``learning_curves``: what was measured, mean over seeds, and return it."""
    measured = curves.dropna(subset=list(AUCS))
    grouped = measured.groupby(["target", "model", "epoch", "step"], sort=False)
    table = grouped[["loss", "val_loss", *AUCS]].mean().assign(seeds=grouped.size()).reset_index()
    shown = table.assign(model=table["model"].map(name_model), step=table["step"].astype(int))
    for name in ("loss", "val_loss"):  # of which three digits are three noughts
        shown[name] = shown[name].map("{:.2e}".format)
    protocol = "frame AUC of the test frames, pooled and scaled per recording; mean over seeds"
    given.write(shown, "learning_curves", f"Learning curves on {given.dataset}", protocol)
    return shown


def describe_curves(curves: pd.DataFrame, lines: pd.DataFrame) -> str:
    """Markdown: where each network stands at its last step, and which line is above it there."""
    said = []
    ends = curves.dropna(subset=list(AUCS)).sort_values("step")
    for (target, model), own in ends.groupby(["target", "model"], sort=False):
        last = own[own["step"] == own["step"].max()][list(AUCS)].mean()
        higher = (lines[list(AUCS)] > last).all(axis=1) & (lines["target"] == target)
        above = ", ".join(lines.loc[higher, "model"].map(name_model))
        said.append(
            f"- {target}, {name_model(model)} after {own['step'].max():,.0f} steps: "
            f"{last['auc_pooled']:.3f} pooled, {last['auc_scaled']:.3f} scaled"
            f"{'; higher, pooled and scaled: ' + above if above else ''}."
        )
    return "\n".join(said)
