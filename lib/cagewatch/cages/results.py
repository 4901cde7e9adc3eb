"""What is written about a scored recording: its scores, its alarms, a timeline, a summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from cagewatch import plots
from cagewatch.cages.alarms import Level, frames_in, smooth, tabulate_alarms
from cagewatch.cages.cage import Cage
from cagewatch.cages.scoring import Result
from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.metrics import EventMetrics, event_metrics
from cagewatch.names import escape_math, plain_cells
from cagewatch.recordings.labels.boris import MAX_FPS
from cagewatch.recordings.labels.boris_export import write_boris_bouts
from cagewatch.video import probe

SHOWN = 4  # held-out recordings that are drawn


def write_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as csv, whole or not at all; no text in it can become a formula."""
    with whole_file(path) as partial:
        plain = plain_cells(table)
        plain.to_csv(partial, index=False, float_format="%.9g", lineterminator="\n")
    return path


def write_results(
    folder: Path, result: Result, image_fps: float, alarms: bool = True
) -> list[Path]:
    """Write scores.csv, alarms.csv and, up to 500 frames per second, alarms_boris.csv and .xlsx.

    BORIS imports events from a spreadsheet alone; the csv is the same table for everything else.
    Without `alarms` only the scores are written, and alarms that an earlier run left are taken
    away.
    """
    names = ("alarms.csv", "alarms_boris.csv", "alarms_boris.xlsx")
    written = [write_table(result.frames, folder / "scores.csv")]
    if not alarms:
        for name in names:
            (folder / name).unlink(missing_ok=True)
        return written
    written.append(write_table(result.alarms, folder / names[0]))
    fps = probe(result.source, image_fps).fps
    if fps <= MAX_FPS:
        rows = result.alarms[["start_s", "stop_s", "behaviour"]]
        for name in names[1:]:
            written.append(folder / name)
            write_boris_bouts(written[-1], rows.itertuples(index=False), fps, result.source.name)
    return written


def minutes_of(frames: pd.DataFrame) -> float:
    """Length of the scored part of a recording in minutes."""
    times = frames["time_s"].to_numpy(float)
    return float((times[-1] - times[0]) / 60 * len(times) / max(len(times) - 1, 1))


def read_result(folder: Path, source: Path, level: Level) -> Result:
    """Read what `write_results` wrote; alarms that were held back are found again.

    Parameters
    ----------
    folder : Path
        Of the recording's results.
    source : Path
        The recording.
    level : Level
        That it was scored with.
    """
    try:
        frames = pd.read_csv(
            folder / "scores.csv", dtype={"label": "string", "anomalous": "boolean"}
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}/scores.csv is missing or damaged; score it again.") from error
    return Result(source, frames, tabulate_alarms(frames, level))


def read_times(cage: Cage, recording: str) -> pd.DataFrame:
    """Numbers (``frame``) and seconds (``time_s``) of a recording's scored frames."""
    path = cage.folder / "scored" / recording / "scores.csv"
    try:
        return pd.read_csv(path, usecols=["frame", "time_s"])
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); score that video again.") from None


def judge_alarms(result: Result) -> EventMetrics | None:
    """What of a labelled recording's alarms is right; None without labels."""
    kept = result.frames["anomalous"].notna().to_numpy()
    if not kept.any():
        return None
    inside = frames_in(result.alarms, result.frames)[kept].astype(float)
    frames = result.frames[kept]
    times = frames["time_s"].to_numpy(float)
    return event_metrics(inside, frames["anomalous"].to_numpy(bool), None, 0.5, times)


def tabulate_events(results: Mapping[str, Result]) -> pd.DataFrame:
    """What of the alarms is right, one row for each recording with labels; empty without."""
    judged = {name: judge_alarms(one) for name, one in results.items()}
    rows = {
        name: {
            "bouts": events.n_bouts,
            "bouts caught": events.bouts_caught,
            "false alarms": events.false_alarms,
            "false alarms an hour": events.false_alarms_per_hour,
            "precision": events.precision,
            "recall": events.recall,
        }
        for name, events in judged.items()
        if events is not None
    }
    return pd.DataFrame(rows).T


def plot_timeline(result: Result, level: Level) -> Figure:
    """The recording's smoothed score over time with level, alarms and, if labelled, true bouts."""
    frames = result.frames
    labelled = frames["anomalous"].notna().all()
    ax = plots.plot_score_timeline(
        frames["time_s"],
        frames["smooth"],
        frames["anomalous"].to_numpy(bool) if labelled else None,
        level.threshold,
        alarms=frames_in(result.alarms, frames),
    )
    ax.set_title(escape_math(result.source.name), pad=16)
    plots.mark_simulated(ax.figure, [result.source.name])
    return ax.figure


def show_held_out(cage: Cage, level: Level) -> Figure:
    """The smoothed scores of the cage's first held-out recordings over time, with level and alarms.

    Parameters
    ----------
    cage : Cage
    level : Level
        Of `decide_level`.
    """
    frames = cage.run.frames
    names = list(dict.fromkeys(frames["recording"]))[:SHOWN]
    figure, axes = plt.subplots(
        len(names), 1, figsize=(9, 0.7 + 1.8 * len(names)), squeeze=False, layout="constrained"
    )
    for ax, name in zip(axes[:, 0], names, strict=True):
        own = frames[frames["recording"] == name]
        alarms = frames_in(tabulate_alarms(own, level), own)
        plots.plot_score_timeline(
            own["time_s"], smooth(own, level.shape, level.stream), threshold=level.threshold,
            legend=ax is axes[0, 0], ax=ax, alarms=alarms,
        )  # fmt: skip
        ax.set_title(escape_math(name), loc="left", fontsize=9)
    plots.mark_simulated(figure, names)
    return figure
