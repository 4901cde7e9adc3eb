"""Decisions as labels: a plain table, BORIS and DeepEthogram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cagewatch.cages.alarms import FLAGGED
from cagewatch.cages.cage import Cage
from cagewatch.cages.results import read_times, write_table
from cagewatch.cages.table import read_recordings_table
from cagewatch.errors import InputError
from cagewatch.recordings.labels.annotations import Bout
from cagewatch.recordings.labels.boris import MAX_FPS
from cagewatch.recordings.labels.boris_export import write_boris_bouts, write_boris_project
from cagewatch.recordings.labels.deepethogram import write_deepethogram_labels
from cagewatch.review.decisions import read_decisions
from cagewatch.video import count_frames, probe

REJECTED = "rejected"


def tabulate_labels(cage: Cage) -> pd.DataFrame:
    """Turn a cage's decisions into labels.

    Parameters
    ----------
    cage : Cage

    Returns
    -------
    DataFrame
        recording, file, start_time and stop_time (seconds), label, start_frame and stop_frame
        (0-based, the last). An accepted alarm has its name for a label, or `FLAGGED` without one; a
        rejected one `REJECTED`. Stretches of one label that overlap are one.

    Raises
    ------
    InputError
        If a recording that was decided on is not in ``recordings.csv``, or was not scored then.
    """
    decisions = read_decisions(cage.folder)
    files = read_recordings_table(cage.folder).set_index("recording")["file"].to_dict()
    named = decisions["name"].where(decisions["name"] != "", FLAGGED)
    decisions["label"] = named.where(decisions["verdict"] == "accepted", REJECTED)
    rows = []
    for (recording, label), group in decisions.groupby(["recording", "label"]):
        if recording not in files:
            raise InputError(f"{recording!r} has decisions but is not in recordings.csv; add it.")
        times = read_times(cage, recording)
        seconds = times["time_s"].to_numpy()
        end = seconds[-1] + np.median(np.diff(seconds))
        for start, stop in join_stretches(group["start_s"], group["stop_s"]):
            # Decisions hold milliseconds: the frame meant is the nearest.
            first, after = np.searchsorted(seconds, np.array([start, stop]) - 0.001)
            last = max(int(after) - 1, int(first))
            if last >= len(times) or start < seconds[0] - 0.001 or stop > end + 0.001:
                raise InputError(
                    f"{recording!r} is decided on from {start:g} to {stop:g} s but scored from"
                    f" {seconds[0]:g} to {end:g} s; score all of it again."
                )
            frames = times["frame"].iloc[[first, last]].tolist()
            rows.append([recording, files[recording], start, stop, label, *frames])
    columns = "recording file start_time stop_time label start_frame stop_frame".split()
    return pd.DataFrame(rows, columns=columns).sort_values(["recording", "start_time"])


def confirmed_frames(cage: Cage) -> dict[Path, list[tuple[int, int]]]:
    """First and last frame of each stretch confirmed as unusual, by the video's path."""
    table = tabulate_labels(cage)
    found: dict[Path, list[tuple[int, int]]] = {}
    for row in table[table["label"] != REJECTED].itertuples():
        found.setdefault(Path(row.file), []).append((row.start_frame, row.stop_frame))
    return found


def export_labels(cage: Cage, into: Path) -> list[Path]:
    """Write the labels of a cage's decisions in the formats the field reads.

    Parameters
    ----------
    cage : Cage
    into : Path
        A folder. ``labels.csv`` in it has all of `tabulate_labels`. Each recording with an
        accepted alarm has a folder with ``labels.csv`` (start_time, stop_time, label, as in
        ndx-ethogram), a BORIS project ``<name>.boris`` of a video, ``<name>_boris.csv`` and
        ``.xlsx`` up to 500 frames a second, and ``<name>_labels.csv`` for DeepEthogram, where a
        frame has one label: the later bout's.

    Returns
    -------
    list of Path
        What was written.
    """
    table = tabulate_labels(cage)
    written = [write_table(table, into / "labels.csv")]
    for (recording, file), group in table[table["label"] != REJECTED].groupby(
        ["recording", "file"]
    ):
        source, folder = Path(file), into / recording
        columns = ["start_time", "stop_time", "label"]
        written.append(write_table(group[columns], folder / "labels.csv"))
        spans = list(group[columns].itertuples(index=False, name=None))
        fps = probe(source, cage.run.parameters.image_fps).fps
        if fps <= MAX_FPS:
            for suffix in (".csv", ".xlsx"):
                written.append(folder / f"{source.stem}_boris{suffix}")
                write_boris_bouts(written[-1], spans, fps, source.name)
        if source.is_file():  # BORIS has another kind of observation for folders of images
            written.append(folder / f"{source.stem}.boris")
            write_boris_project(written[-1], spans, fps, source, count_frames(source) / fps)
        frames = group[["start_frame", "stop_frame", "label"]].itertuples(index=False)
        bouts = [Bout(first, last + 1, label, 0) for first, last, label in frames]
        written.append(folder / f"{source.stem}_labels.csv")
        names = set(table["label"]) - {REJECTED}
        write_deepethogram_labels(written[-1], bouts, count_frames(source), sorted(names))
    return written


def join_stretches(start: Sequence[float], stop: Sequence[float]) -> list[tuple[float, float]]:
    """Join stretches that overlap or touch; in order, starts and stops of any unit."""
    joined: list[tuple[float, float]] = []
    for one, other in sorted(zip(start, stop, strict=True)):
        if joined and one <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(other, joined[-1][1]))
        else:
            joined.append((float(one), float(other)))
    return joined
