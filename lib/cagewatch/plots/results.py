"""The figures of one run, as its notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.metrics import (
    Protocol,
    compute_roc,
    format_auc,
    labelled_frames,
    roc_band,
    scale_per_recording,
    scored_frames,
)
from cagewatch.names import escape_math
from cagewatch.params import Parameters
from cagewatch.plots.curves import plot_history, plot_roc, plot_score_histograms
from cagewatch.plots.pictures import plot_reconstructions
from cagewatch.plots.style import mark_simulated, name_model
from cagewatch.plots.timeline import plot_score_timeline

if TYPE_CHECKING:
    from cagewatch.detectors import Detector
    from cagewatch.store import Store

MAX_RECORDINGS = 6  # timelines in one figure


def show_result(frames: pd.DataFrame, results: Mapping[str, Any], parameters: Parameters) -> Figure:
    """Show the ROC with its interval and equal-error point, and the histograms of scores.

    Parameters
    ----------
    frames : the columns of scores.csv.gz.
    results : what `cagewatch.metrics.compute_metrics` gave for them.
    parameters : Parameters
        Of the run.

    Returns
    -------
    figure : with labels, ROC (of frames, by the headline's scaling) and histograms; without any,
        the histogram alone and a sentence saying why.
    """
    kept = scored_frames(frames, parameters.edge_margin)
    labelled = len(kept) > 0
    figure, axes = plt.subplots(
        1, 1 + labelled, figsize=(9 if labelled else 5, 4.3), squeeze=False, layout="constrained"
    )
    name = f"{name_model(parameters.model)}, {parameters.target}"
    if labelled:
        scaled = parameters.score_scaling == "per_video"
        kept = kept.assign(label=kept["label"].fillna(""))
        columns = ("score", "anomalous", "recording", "label")
        score, anomalous, recording, label = (kept[column].to_numpy() for column in columns)
        protocol: Protocol = "per_video_scaled" if scaled else "pooled"
        shown = scale_per_recording(score, recording) if scaled else np.asarray(score, float)
        band = roc_band(score, anomalous, recording, label, protocol, parameters.interval)
        entry = results["protocols"][protocol]
        roc = compute_roc(shown, anomalous)
        # The threshold stored with the run is on raw scores; here the point is where rates cross.
        crossing = int(np.argmin(np.abs(roc.false_positive_rate + roc.true_positive_rate - 1)))
        rates = roc.false_positive_rate[crossing], roc.true_positive_rate[crossing]
        points = {"equal error": rates} if np.isfinite(rates).all() else None
        text = "AUC " + format_auc(entry["auc"], entry["auc_low"], entry["auc_high"])
        plot_roc(roc, text, band=band, points=points, ax=axes[0, 0])
        axes[0, 0].set_title(escape_math(name))
        threshold = None if scaled else results["eer_threshold"]
        plot_score_histograms(shown, anomalous, threshold, ax=axes[0, 1])
        axes[0, 1].set_title(
            f"threshold at equal error: {threshold:.4g}" if threshold else "scores"
        )
        figure.supxlabel(f"{entry['protocol']}; {entry['interval']}", fontsize=8)
    else:
        plot_score_histograms(frames["score"].to_numpy(float), ax=axes[0, 0])
        axes[0, 0].set_title(escape_math(name))
        figure.supxlabel(f"No ROC: {results['reason']}", fontsize=8)
    mark_simulated(figure, frames["recording"].unique())
    return figure


def show_timeline(
    frames: pd.DataFrame, results: Mapping[str, Any], parameters: Parameters
) -> Figure:
    """Show the score against time, one row per recording, at the equal-error threshold.

    At most six recordings are shown, evenly spread; the title says how many there are.

    Parameters
    ----------
    frames, results, parameters
        The columns of scores.csv.gz, what `cagewatch.metrics.compute_metrics` gave for them, and
        the run's.
    """
    names = list(dict.fromkeys(frames["recording"]))
    spread = np.linspace(0, len(names) - 1, min(len(names), MAX_RECORDINGS)).round().astype(int)
    chosen = [names[index] for index in np.unique(spread)]
    figure, axes = plt.subplots(
        len(chosen),
        1,
        figsize=(9, 0.7 + 1.7 * len(chosen)),
        squeeze=False,
        layout="constrained",
        sharey=True,
    )
    labelled = labelled_frames(frames)
    for row, (ax, name) in enumerate(zip(axes[:, 0], chosen, strict=True)):
        mine = frames[frames["recording"] == name]
        flags = labelled.loc[labelled["recording"] == name, "anomalous"].to_numpy()
        plot_score_timeline(
            mine["time_s"].to_numpy(float),
            mine["score"].to_numpy(float),
            flags if len(flags) == len(mine) else None,
            results["eer_threshold"],
            legend=row == 0,
            ax=ax,
        )
        ax.set_title(escape_math(name), loc="left", fontsize=9)
        if row < len(chosen) - 1:
            ax.set_xlabel("")
    if len(chosen) < len(names):
        figure.suptitle(f"{len(chosen)} of {len(names)} recordings", fontsize=10)
    mark_simulated(figure, names)
    return figure


def show_reconstructions(
    detector: Detector, frames: pd.DataFrame, stores: Mapping[str, Store]
) -> list[Figure]:
    """Show two test clips as rebuilt: the one with the highest score, and a typical one.

    Parameters
    ----------
    detector : Detector
        One that rebuilds clips.
    frames : DataFrame
        The columns of scores.csv.gz, with the test recordings' scores.
    stores : mapping of str to Store

    Returns
    -------
    figures : list of Figure
        One a clip.
    """
    length = detector.parameters.clip_length
    order = np.argsort(frames["score"].to_numpy(), kind="stable")
    figures = []
    for text, row in (("highest score", order[-1]), ("median score", order[len(order) // 2])):
        name, frame, score = frames.loc[row, ["recording", "frame", "score"]]
        store = stores[name]
        first = min(max(int(frame) - length // 2, 0), len(store) - length)
        part = slice(first, first + length)
        inputs, outputs = detector.rebuild_clip(store.gray[part], store.flow[part])
        title = f"{text}: {score:.3f}, {name}, from frame {first}"
        figure = plot_reconstructions(inputs, outputs, title)
        mark_simulated(figure, [name])
        figures.append(figure)
    return figures


def show_history(folder: Path, stores: Mapping[str, Store]) -> Figure | None:
    """Show the losses of a network that has just been trained; nothing for other detectors.

    Parameters
    ----------
    folder : Path
        Of the run.
    stores : mapping of str to Store
        By name of the recording.
    """
    path = folder / "history.csv"
    if not path.is_file():
        return None
    figure = plot_history(pd.read_csv(path)).figure
    mark_simulated(figure, stores)
    return figure
