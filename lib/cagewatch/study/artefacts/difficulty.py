"""Beyond the paper: how hard each behaviour is, for a glance at the picture and for models."""

from __future__ import annotations

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.clips import labels_of, tested_frames
from cagewatch.metrics import compute_auc
from cagewatch.plots import name_model, plot_heatmap
from cagewatch.recordings import Recording
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.artefacts.rows import write_rows
from cagewatch.study.tables import collect_results, kind_of
from cagewatch.video import read_frames

LOOKS = ("brightness", "height of the dark blob")


def measure_looks(recording: Recording) -> dict[str, np.ndarray]:
    """Two looks at every frame that no detector of the study has: (n_frames,) float64.

    The mean gray level, and how high the darkest twentieth of the pixels lies on average, rows
    above the lower edge at half resolution.
    """
    values = []
    for _, frame in read_frames(recording.source):
        size = (frame.shape[1] // 2, frame.shape[0] // 2)
        half = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        rows = np.nonzero(half <= np.percentile(half, 5))[0]
        values.append((half.mean(), size[1] - rows.mean()))
    return dict(zip(LOOKS, np.array(values, float).T, strict=True))


def collect_models(given: Given) -> pd.DataFrame:
    """Rows of `cagewatch.study.tables.collect_results`: every detector and behaviour that was run.

    Empty before any run.
    """
    if not len(given.runs()):
        return pd.DataFrame(columns=["source", "dataset", "target", "model"])
    return collect_results(given.results_dir, given.dataset, published=[], values=given.values)


def write_difficulty(given: Given, rows: pd.DataFrame) -> pd.DataFrame:
    """Measure and write the frame AUC, pooled, of each behaviour by each look and detector.

    One row per behaviour; a column per look, and one per detector of `rows` (mean over seeds; NaN
    where the behaviour was not a target).
    """
    settings = given.settings()
    recordings, stores = given.prepare(settings)
    parts = []
    for recording in recordings:
        if recording.split == "test":
            store = stores[recording.name]
            frames = tested_frames(recording, store, settings)
            labelled = labels_of(recording, len(store), settings)
            looks = {name: value[frames] for name, value in measure_looks(recording).items()}
            names = np.array(labelled.behaviours)[labelled.labels[frames]]
            parts.append(pd.DataFrame(looks | {"label": names}))
    tested = pd.concat(parts, ignore_index=True)
    table = pd.DataFrame(
        {
            look: {
                behaviour: compute_auc(tested[look].to_numpy(), tested["label"] == behaviour)
                for behaviour in sorted(tested["label"].unique())
            }
            for look in LOOKS
        }
    ).rename_axis("behaviour")
    if len(rows):
        table = table.join(_by_behaviour(rows, "pooled"))
    given.write(
        table.reset_index(),
        "difficulty",
        f"How hard each behaviour is, {given.dataset}",
        "frame AUC, pooled raw scores; higher looks count as more anomalous, so that an AUC far"
        " below 0.5 separates as well as one far above; models: mean over seeds",
    )
    return table


def _by_behaviour(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column of `collect_models` as behaviour x detector, detectors in their order."""
    wide = rows.pivot(index="target", columns="model", values=column)
    return wide[list(dict.fromkeys(rows["model"]))].rename(columns=name_model)


def _count_seeds(seeds: pd.Series) -> str:
    """By how many seeds a detector was trained: behaviours may differ."""
    least, most = seeds.min(), seeds.max()
    span = f"{most:.0f}" if least == most else f"{least:.0f} to {most:.0f}"
    return f", {span} seed{'s' if most > 1 else ''}"


def write_models(given: Given, rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Write what the heat map leaves out: intervals, comparisons and events.

    The comparisons and what they come to; empty before any run, when nothing is written.
    """
    if not len(rows):
        return pd.DataFrame(), "Nothing was run."
    captions = (
        f"{given.dataset}: every behaviour and detector",
        f"{given.dataset}: is the highest row better than the others?",
        f"{given.dataset}: bouts caught at a budget of false alarms",
    )
    names = [f"difficulty_{name}" for name in ("models", "pairs", "events")]
    return write_rows(given, rows, names, captions)[1:]


def show_difficulty(given: Given, table: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """Draw the table as a heat map, behaviours side by side, and save it.

    Below a detector's AUC stands its interval. White lines part the looks and the kinds of
    detectors.
    """
    ranges, trained = pd.DataFrame(index=table.index), pd.Series(dtype=str)
    if len(rows):
        low, high = (_by_behaviour(rows, f"pooled_{end}") for end in ("low", "high"))
        words = "\n[" + low.map("{:.2f}".format) + ", " + high.map("{:.2f}".format) + "]"
        ranges = words.where(low.notna() & high.notna(), "")
        trained = _by_behaviour(rows, "seeds").agg(_count_seeds)
    ranges = ranges.reindex(index=table.index, columns=table.columns, fill_value="")
    texts = (table.map("{:.2f}".format) + ranges).T.to_numpy()
    _, ax = plt.subplots(
        figsize=(2.9 + 1.05 * len(table), 0.8 + 0.46 * len(table.columns)), layout="constrained"
    )
    plot_heatmap(table.T, texts=texts, ax=ax)
    names = [name + trained.get(name, "") for name in table.columns]
    ax.set_yticks(range(len(names)), names)
    kinds = [kind_of(model) for model in dict.fromkeys(rows["model"])]
    starts = [len(LOOKS) + kinds.index(kind) for kind in dict.fromkeys(kinds)]
    ax.hlines([start - 0.5 for start in starts], -0.5, len(table) - 0.5, color="white", linewidth=5)
    ax.set(xlim=(-0.5, len(table) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="")
    return given.save(ax.figure, "difficulty")


def describe_difficulty(table: pd.DataFrame) -> str:
    """Markdown: which behaviours a single look separates, and whether one look does it for all."""
    strength = (table[list(LOOKS)] - 0.5).abs() + 0.5
    lines = [
        f"- **{look}** separates {(strength[look] >= 0.9).sum()} of {len(table)} behaviours at 0.9 "
        "or beyond."
        for look in LOOKS
    ]
    best = strength.max(axis=1)
    lines.append(f"- Hardest for every look: **{best.idxmin()}**, at best {best.min():.3f}.")
    if "groom" in table.index:
        groom = strength.loc["groom"]
        lines.append(f"- groom, at best: {groom.idxmax()}, {groom.max():.3f}.")
    return "\n".join(lines)
