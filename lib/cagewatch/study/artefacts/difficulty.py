"""Beyond the paper: how hard each behaviour is, for a glance at the picture and for models."""

from __future__ import annotations

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.clips import labels_of, tested_frames
from cagewatch.metrics import compute_auc
from cagewatch.params import Parameters
from cagewatch.plots import name_model, plot_heatmap, save_figure
from cagewatch.recordings import Recording, load_recordings
from cagewatch.store import Store, stores_of
from cagewatch.study.artefacts.parameters import (
    Given,
    figures_folder,
    is_simulated,
    runs_of,
    settings_of,
)
from cagewatch.study.tables import (
    EVENTS_PROTOCOL,
    choose_pairs,
    collect_results,
    compare_detectors,
    describe_paired,
    describe_pairs,
    describe_protocols,
    kind_of,
    present_events,
    present_pairs,
    present_results,
    write_table,
)
from cagewatch.video import read_frames

LOOKS = ("brightness", "height of the dark blob")


def measure_looks(recording: Recording) -> dict[str, np.ndarray]:
    """Two looks at every frame of a recording that no detector of the study has.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_frames,)
        The mean gray level, and how high the darkest twentieth of the pixels lies on average, rows
        above the lower edge at half resolution.
    """
    brightness, height = [], []
    for _, frame in read_frames(recording.source):
        size = (frame.shape[1] // 2, frame.shape[0] // 2)
        half = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        rows = np.nonzero(half <= np.percentile(half, 5))[0]
        brightness.append(half.mean())
        height.append(size[1] - rows.mean())
    values = (brightness, height)
    return {name: np.asarray(value, float) for name, value in zip(LOOKS, values, strict=True)}


def measure_difficulty(given: Given, rows: pd.DataFrame) -> pd.DataFrame:
    """Frame AUC, pooled over the test recordings, of each behaviour by each look and model.

    Parameters
    ----------
    rows : of `collect_models`.

    Returns
    -------
    One row per behaviour; a column per look, and one per model that has finished runs (mean over
    seeds; NaN where the behaviour was not a target).
    """
    settings = settings_of(given)
    tested = [item for item in load_recordings(settings) if item.split == "test"]
    stores = stores_of(tested, settings, max(1, given.cores))
    parts = [_tested_looks(recording, stores[recording.name], settings) for recording in tested]
    frames = pd.concat(parts, ignore_index=True)
    table = pd.DataFrame(
        {
            look: {
                behaviour: compute_auc(frames[look].to_numpy(), frames["label"] == behaviour)
                for behaviour in sorted(frames["label"].unique())
            }
            for look in LOOKS
        }
    )
    if len(rows):
        table = table.join(_by_behaviour(rows, "pooled"))
    return table.rename_axis("behaviour")


def _by_behaviour(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column of `collect_models` as behaviour x detector, detectors in their order."""
    wide = rows.pivot(index="target", columns="model", values=column)
    return wide[list(dict.fromkeys(rows["model"]))].rename(columns=name_model)


def collect_models(given: Given) -> pd.DataFrame:
    """Rows of `cagewatch.study.tables.collect_results`: every detector and behaviour that was run.

    Empty before any run.
    """
    runs = runs_of(given)
    if not (runs["dataset"] == given.dataset).any():
        return pd.DataFrame(columns=["source", "dataset", "target", "model"])
    return collect_results(given.results_dir, given.dataset, published=[])


def _tested_looks(recording: Recording, store: Store, settings: Parameters) -> pd.DataFrame:
    frames = tested_frames(recording, store, settings)
    labelled = labels_of(recording, len(store), settings)
    looks = measure_looks(recording)
    names = np.array(labelled.behaviours)[labelled.labels[frames]]
    return pd.DataFrame({name: value[frames] for name, value in looks.items()} | {"label": names})


def write_difficulty(given: Given, table: pd.DataFrame) -> pd.DataFrame:
    """Write the table and return it."""
    write_table(
        table,
        figures_folder(given),
        "difficulty",
        f"How hard each behaviour is, {given.dataset}",
        "frame AUC, pooled raw scores; higher looks count as more anomalous, so that an AUC far"
        " below 0.5 separates as well as one far above; models: mean over seeds",
        simulated=is_simulated(given),
    )
    return table


def write_models(given: Given, rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Write what the heat map leaves out: intervals, comparisons and events.

    Returns
    -------
    pairs, words : DataFrame, str
        The comparisons and what they come to; empty before any run, when nothing is written.
    """
    if not len(rows):
        return pd.DataFrame(), "Nothing was run."
    folder, simulated = figures_folder(given), is_simulated(given)
    protocol = describe_protocols(rows)
    pairs = compare_detectors(given.results_dir, given.dataset, rows)
    shown, below = present_pairs(pairs, choose_pairs(rows)), describe_paired(rows, pairs)
    events = present_events(rows)
    for name, table, words, under in (
        ("models", present_results(rows), "every behaviour and detector", protocol),
        ("pairs", shown, "is the highest row better than the others?", below),
        ("events", events, "bouts caught at a budget of false alarms", EVENTS_PROTOCOL),
    ):
        caption = f"{given.dataset}: {words}"
        write_table(table, folder, f"difficulty_{name}", caption, under, simulated)
    return shown, describe_pairs(pairs)


def show_difficulty(given: Given, table: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """Draw the table as a heat map, behaviours side by side, and save it.

    Of several seeds of a model, half their range is written behind their mean. White lines part the
    looks and the kinds of detectors.
    """
    half, seeds = pd.DataFrame(index=table.index), pd.Series(dtype=float)
    if len(rows):
        half = (_by_behaviour(rows, "pooled_max") - _by_behaviour(rows, "pooled_min")) / 2
        half = half.where(_by_behaviour(rows, "seeds") > 1)
        seeds = _by_behaviour(rows, "seeds").max()
    half = half.reindex(index=table.index, columns=table.columns)
    texts = np.vectorize(_mean_and_half_range, otypes=[object])(table.T, half.T)
    _, ax = plt.subplots(
        figsize=(2.9 + 0.95 * len(table), 0.8 + 0.4 * len(table.columns)), layout="constrained"
    )
    plot_heatmap(table.T, texts=texts, ax=ax)
    names = [
        f"{name}, {seeds[name]:.0f} {'seeds' if seeds[name] > 1 else 'seed'}"
        if name in seeds
        else name
        for name in table.columns
    ]
    ax.set_yticks(range(len(names)), names)
    kinds = [kind_of(model) for model in dict.fromkeys(rows["model"])] if len(rows) else []
    starts = [len(LOOKS) + kinds.index(kind) for kind in dict.fromkeys(kinds)]
    ax.hlines([start - 0.5 for start in starts], -0.5, len(table) - 0.5, color="white", linewidth=5)
    ax.set_xlim(-0.5, len(table) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("")
    save_figure(ax.figure, figures_folder(given), "difficulty", simulated=is_simulated(given))
    return ax.figure


def _mean_and_half_range(mean: float, half: float) -> str:
    return f"{mean:.2f}" + (f" ± {half:.2f}" if np.isfinite(half) else "")


def describe_difficulty(table: pd.DataFrame) -> str:
    """Markdown: which behaviours a single look separates, and whether one look does it for all."""
    strength = (table[list(LOOKS)] - 0.5).abs() + 0.5
    solved = strength >= 0.9
    lines = [
        f"- **{look}** separates {solved[look].sum()} of {len(table)} behaviours at 0.9 or beyond."
        for look in LOOKS
    ]
    hardest = strength.max(axis=1).idxmin()
    lines.append(
        f"- Hardest for every look: **{hardest}**, at best {strength.max(axis=1).min():.3f}."
    )
    if "groom" in table.index:
        best = strength.loc["groom"]
        lines.append(f"- groom, at best: {best.idxmax()}, {best.max():.3f}.")
    return "\n".join(lines)
