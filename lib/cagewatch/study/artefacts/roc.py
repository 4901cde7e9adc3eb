"""Figures 3 and 4, and the ROC beside Table 2: one panel or more, each with its own curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cagewatch.detectors import DETECTORS
from cagewatch.metrics import (
    Interval,
    Protocol,
    Roc,
    RocBand,
    auc_interval,
    compute_roc,
    describe_interval,
    format_auc,
    roc_band,
    scale_per_recording,
)
from cagewatch.metrics.roc import describe_protocol
from cagewatch.plots import name_model, plot_roc
from cagewatch.plots.curves import MARKERS
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.contents import TWO_STREAM
from cagewatch.study.tables import blocks_of, kind_of, read_published, read_seeds

SIMPLE = ("linear", "trivial")  # kinds of detectors that are drawn as thin lines
GRID_POINTS = 1001  # false positive rates at which the curves of several seeds are averaged
MOST_WITH_BANDS = 6  # curves in one panel
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 1.5, 1, 1.5)))


class Curve(NamedTuple):
    """One detector's ROC, its AUC with interval, and what they rest on, in words."""

    model: str
    roc: Roc
    auc: Interval
    band: RocBand | None
    protocol: str

    @property
    def is_simple(self) -> bool:
        """Whether it is of a linear or trivial detector."""
        return kind_of(self.model) in SIMPLE


def read_curves(
    given: Given, target: str, models: Sequence[str] = tuple(DETECTORS), dataset: str | None = None
) -> list[Curve]:
    """The curves of every detector in `models` that has finished runs, in their order.

    The scores are scaled as the run's `score_scaling` says; the unit is the frame.
    """
    runs = given.runs(target, every_dataset=True)
    runs = runs[runs["dataset"] == (dataset or given.dataset)]
    folders = {model: runs.loc[runs["model"] == model, "folder"].tolist() for model in models}
    return [read_curve(model, own) for model, own in folders.items() if own]


def read_curve(model: str, folders: Sequence[str]) -> Curve:
    """One model's curve from the folders of its seeds."""
    frames, scores, runs = read_seeds(folders)
    parameters, blocks = runs[0].parameters, blocks_of(frames)
    flags, recording, _ = blocks
    scaled = parameters.score_scaling == "per_video"
    protocol: Protocol = "per_video_scaled" if scaled else "pooled"
    how = (protocol, parameters.interval)
    auc = auc_interval(scores, *blocks, *how)
    rows = [scale_per_recording(row, recording) if scaled else row for row in scores]
    simple, number = kind_of(model) in SIMPLE, len(set(recording))
    return Curve(
        model,
        average_roc([compute_roc(row, flags) for row in rows]),
        auc,
        None if simple else roc_band(scores, *blocks, *how),
        f"{describe_protocol(protocol, number, number)}; {describe_interval(auc)}",
    )


def average_roc(rocs: Sequence[Roc], weights: Sequence[float] | None = None) -> Roc:
    """Average curves vertically (Fawcett 2006); one alone stays as it is."""
    if len(rocs) == 1:
        return rocs[0]
    rates = np.linspace(0, 1, GRID_POINTS)
    rows = [np.interp(rates, roc.false_positive_rate, roc.true_positive_rate) for roc in rocs]
    mean = np.average(rows, axis=0, weights=weights)
    # From the origin, though curves may rise at once.
    return Roc(np.r_[0.0, rates], np.r_[0.0, mean], np.full(GRID_POINTS + 1, np.nan))


def equal_error_point(roc: Roc) -> tuple[float, float]:
    """(False, true positive rate) of the curve's point where both kinds of error are as frequent.

    It is the curve's own point nearest to that, so a threshold exists that gives these rates.
    """
    nearest = int(np.argmin(np.abs(roc.false_positive_rate + roc.true_positive_rate - 1)))
    return float(roc.false_positive_rate[nearest]), float(roc.true_positive_rate[nearest])


def draw_panel(ax: Axes, curves: Sequence[Curve], lacking: str = "") -> None:
    """Draw curves with bands and equal-error points; linear and trivial detectors as thin lines.

    The legend stands below the axes, where it hides no curve, or beside them where there are many;
    then bands and equal-error points, which would hide one another, are left out. `lacking` is said
    where there is no curve to draw.
    """
    simple = [one for one in curves if one.is_simple and np.isfinite(one.auc.value)]
    curves = [one for one in curves if not one.is_simple]
    many = len(curves) > MOST_WITH_BANDS
    for index, curve in enumerate(curves):
        band = None if many else curve.band
        plot_roc(curve.roc, name_model(curve.model), curve.auc, band, index=index, ax=ax)
        false, true = equal_error_point(curve.roc)
        if np.isfinite([false, true]).all() and not many:
            look = {"color": ax.lines[-1].get_color(), "markeredgecolor": "white", "markersize": 9}
            label = f"equal error: {1 - true:.0%} missed, {false:.0%} false"
            marker = MARKERS[index % len(MARKERS)]
            ax.plot(false, true, marker, linestyle="none", zorder=5, label=label, **look)
    if not curves:
        plot_roc(Roc(*np.full((3, 1), np.nan)), ax=ax)
        ax.lines[-1].set_label(lacking or None)
    for index, curve in enumerate(simple):
        ax.plot(
            curve.roc.false_positive_rate,
            curve.roc.true_positive_rate,
            color="0.35" if kind_of(curve.model) == "trivial" else "0.6",
            linewidth=0.8,
            linestyle=DASHES[index % len(DASHES)],
            zorder=2,
            label=f"{name_model(curve.model)} {format_auc(curve.auc.value)}",
        )
    handles = [one for one in ax.get_legend_handles_labels()[0] if one.get_label()]
    ax.legend(
        handles=handles,
        loc="center left" if many else "upper center",
        bbox_to_anchor=(1.04, 0.5) if many else (0.5, -0.16),
        fontsize=7.5 if many else None,
        frameon=False,  # its ground would cut the axis label
        borderaxespad=0,
    )


def read_target(given: Given, target: str) -> list[Curve]:
    """The two-stream models' curves on a held-out behaviour, then linear and trivial ones'.

    InputError if neither model has a finished run.
    """
    curves = read_curves(given, target, TWO_STREAM)
    if not curves:
        raise given.refuse(f"rae or cae with target {target}")
    return curves + read_curves(given, target, [one for one in DETECTORS if kind_of(one) in SIMPLE])


def show_target(given: Given, target: str, name: str, curves: Sequence[Curve]) -> Figure:
    """Figure 3 or 4: the two-stream RAE left, the CAE right, on one held-out behaviour; written.

    The caption says what is shown, by which protocol, and what the paper states beside it.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 6.5), layout="constrained", sharey=True)
    for ax, model in zip(axes, TWO_STREAM, strict=True):
        own = [one for one in curves if one.model == model or one.is_simple]
        draw_panel(ax, own, f"{name_model(model)}: not run")
        ax.set_title(f"{name_model(model)}, {target}")
    axes[1].set_ylabel("")
    number = {"groom": "Figure 3", "hang": "Figure 4"}[target]
    stated = ", ".join(f"{name_model(one)} {published_text(target, one)}" for one in TWO_STREAM)
    drawn = {one.protocol: one.model for one in curves if one.model in TWO_STREAM}
    # By how many seeds each was trained is part of its protocol.
    bands = "; ".join(f"{name_model(model)}: {protocol}" for protocol, model in drawn.items())
    if len(drawn) < 2:
        bands = next(iter(drawn), curves[0].protocol)
    caption = (
        f"{number}: two-stream models on {target}, {given.dataset}, scale "
        f"{given.settings(target, curves[0].model).scale}. Bands and brackets: "
        f"{bands}. Thin lines: linear and trivial detectors. Published for the MIT "
        f"home cage: {stated}."
    )
    return given.save(figure, name, caption)


def published_text(target: str, model: str) -> str:
    """What the paper states for one of our models, for instance ``> 0.9 and < 0.959``."""
    rows = read_published("mit", target)
    return " or ".join(rows.loc[rows["model"] == model, "text"]) or "nothing stated"


def describe_target(given: Given, target: str, curves: Sequence[Curve]) -> str:
    """Markdown: what came out beside what the paper states, a line a model, then simple ones."""
    by_model = {curve.model: curve for curve in curves}
    lines = []
    for model in TWO_STREAM:
        came_out = "not run."
        if curve := by_model.get(model):
            false, true = equal_error_point(curve.roc)
            auc = format_auc(curve.auc.value, curve.auc.low, curve.auc.high, curve.auc.n_seeds)
            came_out = (
                f"AUC {auc}; at equal error it flags {true:.0%} of the {target} frames and "
                f"{false:.0%} of the others. The interval {chance_in_words(curve.auc)}."
            )
        stated = published_text(target, model)
        lines.append(f"- {name_model(model)}: {came_out} Published for the home cage: {stated}.")
    for kind in SIMPLE:
        found = [one for one in curves if kind_of(one.model) == kind and one.auc.value >= 0]
        if found:
            best = max(found, key=lambda curve: curve.auc.value)
            lines.append(f"- Best {kind} one: {name_model(best.model)}, {best.auc.value:.3f}.")
    if given.is_simulated:
        lines.append("\nThe data is simulated: these numbers say nothing about mice.")
    return "\n".join(lines)


def chance_in_words(auc: Interval) -> str:
    """Whether an interval lies above 0.5."""
    if not np.isfinite(auc.low):
        return f"is undefined ({auc.reason})"
    if auc.low > 0.5:
        return "lies above 0.5, the AUC of a coin"
    return "lies below 0.5, the AUC of a coin" if auc.high < 0.5 else "holds 0.5, a coin's AUC"
