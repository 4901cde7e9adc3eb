"""What a dataset holds: recordings, behaviours, and how they look to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.names import escape_math
from cagewatch.plots import mark_simulated
from cagewatch.recordings import Recording
from cagewatch.recordings.labels.annotations import bouts_of
from cagewatch.store import Store
from cagewatch.store.seen import represent_flow
from cagewatch.video import read_frames_at

EXAMPLES = 8  # behaviours shown at most
SAMPLED = 500  # frames of a recording that its speeds are measured on
FAST = 99.9  # percentile of those speeds that is drawn at full brightness


def tabulate_recordings(
    recordings: Sequence[Recording], stores: Mapping[str, Store]
) -> pd.DataFrame:
    """One row per recording: split, decoded frames, minutes, frame rate, whether labelled."""
    rows = []
    for recording in recordings:
        times = stores[recording.name].times
        step = float(np.median(np.diff(times))) if len(times) > 1 else np.nan
        rows.append(
            {
                "recording": recording.name,
                "split": recording.split,
                "frames": len(times),
                "minutes": round(len(times) * step / 60, 2),
                "fps": round(1 / step, 2) if step else np.nan,
                "labelled": recording.labels is not None,
            }
        )
    return pd.DataFrame(rows).set_index("recording")


def tabulate_behaviours(recordings: Sequence[Recording]) -> pd.DataFrame:
    """One row per behaviour and split: frames, share, bouts, mean and median bout in frames."""
    bouts = [
        bouts_of(recording.labels, recording.behaviours).assign(split=recording.split)
        for recording in recordings
        if recording.labels is not None
    ]
    if not bouts:
        return pd.DataFrame(columns=["frames", "share", "bouts", "mean_bout", "median_bout"])
    table = pd.concat(bouts)
    table["frames"] = table["stop"] - table["start"]
    grouped = table.groupby(["split", "behaviour"])["frames"]
    summary = grouped.agg(frames="sum", bouts="count", mean_bout="mean", median_bout="median")
    share = summary["frames"] / summary.groupby("split")["frames"].transform("sum")
    summary.insert(1, "share", share.round(4))
    return summary.round({"mean_bout": 1, "median_bout": 1})


def example_frames(recordings: Sequence[Recording]) -> dict[str, tuple[Recording, int]]:
    """For each behaviour, the middle frame of its longest bout: (recording, frame number).

    Empty for unlabelled data.
    """
    longest: dict[str, tuple[int, Recording, int]] = {}
    for recording in recordings:
        if recording.labels is None:
            continue
        for bout in bouts_of(recording.labels, recording.behaviours).itertuples():
            length, middle = bout.stop - bout.start, (bout.start + bout.stop) // 2
            if length > longest.get(bout.behaviour, (0,))[0]:
                longest[bout.behaviour] = (length, recording, middle)
    chosen = {name: (recording, frame) for name, (_, recording, frame) in longest.items()}
    return dict(sorted(chosen.items())[:EXAMPLES])


def measure_speed(store: Store) -> float:
    """Speed in pixels that few places of a recording exceed: the brightest of its flow pictures."""
    frames = np.linspace(0, len(store) - 1, min(len(store), SAMPLED)).astype(int)
    speed = np.linalg.norm(np.asarray(store.flow[frames], np.float32), axis=-1)
    return max(float(np.percentile(speed, FAST)), 1e-6)


def show_examples(recordings: Sequence[Recording], stores: Mapping[str, Store]) -> Figure:
    """One column per behaviour: the frame as recorded, gray and flow as a model sees them.

    All flow of a recording has one scale of speed, so that a still animal is dark.
    """
    examples = example_frames(recordings)
    if not examples:
        first = recordings[0]
        examples = {"frame": (first, len(stores[first.name]) // 2)}
    figure, axes = plt.subplots(
        3, len(examples), figsize=(1.6 * len(examples), 4.2), squeeze=False, layout="constrained"
    )
    for column, (name, (recording, number)) in zip(axes.T, examples.items(), strict=True):
        store = stores[recording.name]
        recorded = read_frames_at(recording.source, number, store.times[number : number + 2])[0]
        column[0].imshow(recorded, cmap="gray", vmin=0, vmax=255)
        column[0].set_title(escape_math(name), fontsize=8)
        column[1].imshow(store.gray[number], cmap="gray", vmin=0, vmax=255)
        flow = np.asarray(store.flow[number], np.float32)
        column[2].imshow(represent_flow(flow, "hsv", "constant", measure_speed(store)))
    for row, label in zip(axes, ("recorded", "gray", "flow"), strict=True):
        row[0].set_ylabel(label, fontsize=8)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    mark_simulated(figure, stores)
    return figure
