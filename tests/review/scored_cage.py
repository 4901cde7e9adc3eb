"""A scored cage made by hand, without a detector that was trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from cagewatch.cages import Cage
from cagewatch.cages.batch import join_results
from cagewatch.cages.cage import CageSettings
from cagewatch.cages.results import write_table
from cagewatch.files import write_json
from cagewatch.metrics import AlarmShape
from cagewatch.runs import PROVENANCE, read_provenance
from cagewatch.runs.write import FORMAT


def write_scored(
    folder: Path,
    recordings: Mapping[str, tuple[Path, np.ndarray, list]],
    rows: Any = None,
    **columns: str,
) -> Cage:
    """Write what scoring leaves of each recording: its source, frame times and alarms.

    `columns` are further ones of alarms.csv, with the same value in every row.
    """
    if not (folder / "run" / PROVENANCE).is_file():
        train_again(folder, 0)
    of = {"threshold": 2.5, "shape": AlarmShape().model_dump(), "detector": detector_of(folder)}
    for name, (_, times, alarms) in recordings.items():
        place = folder / "scored" / name
        score = np.zeros(len(times))
        table = pd.DataFrame(alarms, columns=["start_s", "stop_s", "peak_score"])
        table["start_frame"] = np.searchsorted(times, table["start_s"])
        table["stop_frame"] = np.searchsorted(times, table["stop_s"]) - 1
        table["peak_s"], table["behaviour"] = table["start_s"], "anomaly"
        table = table.assign(peak_frame=table["start_frame"], **columns)
        for start, stop, peak in alarms:
            inside = (times >= start) & (times < stop)
            score[inside] = np.maximum(score[inside], peak)
        frames = {"frame": np.arange(len(times)), "time_s": times, "score": score, "smooth": score}
        write_table(pd.DataFrame(frames), place / "scores.csv")
        write_table(table, place / "alarms.csv")
        minutes = float(len(times) * (times[1] - times[0]) / 60)
        write_json(place / "scored.json", {"of": of, "held_back": None, "minutes": minutes})
    table = pd.DataFrame({"recording": list(recordings)} if rows is None else rows)
    table["file"] = [str(source) for source, *_ in recordings.values()]
    write_table(table, folder / "recordings.csv")
    parameters = SimpleNamespace(
        model="pca_frames", image_fps=25.0, seed=0, frame_stride=5, resize_width=32,
        resize_height=32,
    )  # fmt: skip
    held_out = pd.DataFrame({"time_s": np.arange(900) / 25, "score": np.arange(900) % 7.0})
    held_out = held_out.assign(recording="held", anomalous=False)
    run = SimpleNamespace(folder=folder / "run", parameters=parameters, frames=held_out)
    cage = Cage(folder, run, CageSettings(run="."))
    write_table(join_results(cage), folder / "alarms.csv")
    return cage


def train_again(folder: Path, number: int) -> None:
    """Give a cage's run another detector, as far as its digest tells."""
    written = {"format": FORMAT, "files": {"detector.npz": {"bytes": number}}}
    write_json(folder / "run" / PROVENANCE, written)


def detector_of(folder: Path) -> dict[str, int]:
    """Digest of the detector that a cage has."""
    return read_provenance(folder / "run")["files"]["detector.npz"]
