"""Figures of the study of real mice: curves, 100 seconds of scores, and what scored highest."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from scipy.stats import rankdata

from cagewatch.detectors import DETECTORS
from cagewatch.metrics import Roc, compute_roc
from cagewatch.plots import name_model, plot_roc
from cagewatch.plots.style import ANOMALOUS, BOUT, NORMAL
from cagewatch.plots.timeline import spans_of
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.artefacts.real_mice.halves import (
    CLAIMED,
    FIRST,
    INFERRED,
    SECOND,
    Scored,
    describe_bouts,
)
from cagewatch.study.artefacts.roc import average_roc

SHOWN = ("density", "cae", "pca_frames", "mean_image", "flow_magnitude")
STILLS = 4  # of each half
APART = 30  # frames, at least, between two stills
THINNED = 3  # every third frame is drawn over 100 s


def draw_curves(given: Given, scored: dict[str, dict[str, Scored]]) -> Figure:
    """ROC curves of rear and walk, networks above the others; writes ``real_mice_roc``."""
    figure = plt.figure(figsize=(9.2, 11.4), layout="constrained")
    drawn = {target: scored[target] for target in CLAIMED}
    fitted = {model for found in drawn.values() for model, one in found.items() if one.kept}
    networks = [model for model in DETECTORS if model in fitted]
    others = [model for model in SHOWN if model not in fitted]
    for part, models in zip(figure.subfigures(2, 1), (networks, others), strict=True):
        draw_kind(part, drawn, models)
    caption = (
        "Real mice: networks above, other detectors below, with the area under each curve; grey: "
        "chance. Each half is scored by the detector fitted on the other; curves of both halves "
        f"and of all seeds averaged, each half by its pairs of frames. {INFERRED}"
    )
    return given.save(figure, "real_mice_roc", caption)


def draw_kind(part: SubFigure, drawn: dict[str, dict[str, Scored]], models: Sequence[str]) -> None:
    """The curves of some detectors, a panel for each target, and one legend below them."""
    lines = {}
    for ax, (target, found) in zip(part.subplots(1, len(drawn)), drawn.items(), strict=True):
        for index, model in enumerate(models):
            if model in found:
                plot_roc(roc_within(found[model]), index=index, ax=ax)
                lines[model] = ax.lines[-1]
        what = describe_bouts(next(iter(found.values()))) if found else "not run"
        ax.set_title(f"{target}: {what}", fontsize=9)
        if ax.get_legend():
            ax.get_legend().remove()
    areas = {
        model: ", ".join(f"{name} {of[model].auc:.3f}" for name, of in drawn.items() if model in of)
        for model in lines
    }
    names = [f"{name_model(model)}: {areas[model]}" for model in lines]
    part.legend(lines.values(), names, loc="outside lower center", ncols=2, frameon=False)


def roc_within(one: Scored) -> Roc:
    """The halves' curves averaged, each by its pairs, and over seeds.

    The area under it is the AUC over pairs of the same half.
    """
    curves, weights = [], []
    for half in (FIRST, SECOND):
        of = one.half == half
        flags = one.flags[of]
        if weight := float(flags.sum()) * float((~flags).sum()):
            curves.append(average_roc([compute_roc(row, flags) for row in one.scores[:, of]]))
            weights.append(weight)
    return average_roc(curves, weights)


def rank_within(one: Scored) -> np.ndarray:
    """Each frame's rank among its half's, (n_frames,) float64 in (0, 1]: the mean over seeds."""
    rank = np.empty(one.scores.shape)
    for half in (FIRST, SECOND):
        of = one.half == half
        rank[:, of] = rankdata(one.scores[:, of], axis=1) / of.sum()
    return rank.mean(axis=0)


def draw_timelines(given: Given, scored: dict[str, dict[str, Scored]]) -> Figure:
    """The 100 seconds, a strip for each target and detector; writes ``real_mice_timeline``."""
    strips = [(target, model) for target in scored for model in SHOWN if model in scored[target]]
    figure, axes = plt.subplots(
        len(strips), 1, figsize=(8.5, 0.55 * len(strips) + 0.6), sharex=True, squeeze=False
    )
    for ax, (target, model) in zip(axes[:, 0], strips, strict=True):
        draw_strip(ax, scored[target][model])
        words = f"{target}\n{name_model(model)}"
        ax.set_ylabel(words, rotation=0, ha="right", va="center", fontsize=9)
    axes[-1, 0].set_xlabel("Time (s)")
    caption = (
        "Real mice: rank of each frame's score within its half, 0 to 1. Shaded: bouts of the "
        "held-out behaviour by the human labels, which come 4 to 8 frames early. Dashed: where the "
        f"halves meet. {INFERRED}"
    )
    return given.save(figure, "real_mice_timeline", caption)


def draw_strip(ax: Axes, one: Scored) -> None:
    """One detector's ranks over the 100 seconds, bouts shaded."""
    times = one.frames["time_s"].to_numpy()
    for begin, width in spans_of(one.flags, times):
        ax.axvspan(begin, begin + width, color=BOUT, linewidth=0.3)
    drawn = slice(None, None, THINNED)
    ax.plot(times[drawn], rank_within(one)[drawn], linewidth=0.6, color=NORMAL)
    ax.axvline(times[np.argmax(one.half == SECOND)], color="0.3", linestyle="--", linewidth=0.8)
    ax.set(ylim=(0, 1.02), yticks=[], xlim=(times[0], times[-1]))


def draw_stills(given: Given, scored: dict[str, dict[str, Scored]]) -> Figure:
    """What scored highest for rear and walk, as networks see it; writes ``real_mice_stills``.

    The highest-ranked frames of each half, at least a second apart, in order of time.
    """
    rows = [(target, model) for target in CLAIMED for model in SHOWN if model in scored[target]]
    (store,) = given.prepare(given.settings("rear"))[1].values()
    figure, axes = plt.subplots(
        len(rows), 2 * STILLS, figsize=(1.15 * 2 * STILLS, 1.3 * len(rows)), squeeze=False
    )
    for line, (target, model) in zip(axes, rows, strict=True):
        one = scored[target][model]
        for ax, position in zip(line, find_highest(one), strict=False):
            frame = one.frames.iloc[position]
            ax.imshow(store.gray[int(frame["frame"])], cmap="gray", vmin=0, vmax=255)
            colour = ANOMALOUS if frame["anomalous"] else "0.3"
            words = f"{frame['time_s']:.1f} s\n{frame['label']}"
            ax.set_title(words, fontsize=9, color=colour, pad=2)
        for ax in line:
            ax.set(xticks=[], yticks=[])
        line[0].set_ylabel(f"{target}\n{name_model(model)}", fontsize=9)
    caption = (
        f"Real mice: the {STILLS} highest-scored moments of each half, at least {APART} frames "
        "apart, as the networks see them (24x32), with the human label of that frame; in colour "
        f"where it is the held-out behaviour. {INFERRED}"
    )
    return given.save(figure, "real_mice_stills", caption)


def find_highest(one: Scored) -> list[int]:
    """Positions of the highest-ranked frames of each half, `APART` from each other, in order."""
    rank, chosen = rank_within(one), []
    for half in (FIRST, SECOND):
        own: list[int] = []
        for position in np.argsort(-np.where(one.half == half, rank, -1), kind="stable"):
            if len(own) < STILLS and all(abs(position - other) >= APART for other in own):
                own.append(int(position))
        chosen += sorted(own)
    return chosen
