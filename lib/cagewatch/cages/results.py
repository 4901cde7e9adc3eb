"""What is written about a scored recording: its scores, bouts, a timeline, a summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch import plots
from cagewatch.cages.cage import Cage
from cagewatch.cages.scoring import Result, ScoreParameters
from cagewatch.files import whole_file
from cagewatch.names import escape_math, plain_cells
from cagewatch.params import project_root
from cagewatch.recordings.boris import MAX_FPS
from cagewatch.recordings.boris_export import write_boris_bouts
from cagewatch.recordings.folder import recording_name
from cagewatch.runs import refuse_links
from cagewatch.video import probe


def write_results(folder: Path, result: Result, image_fps: float) -> list[Path]:
    """Write scores.csv, bouts.csv and, up to 500 frames per second, bouts_boris.csv and .xlsx.

    BORIS imports events from a spreadsheet alone; the csv is the same table for everything else.
    """
    source, bouts = result.source, result.bouts
    fps = probe(source, image_fps).fps
    paths = [folder / "scores.csv", folder / "bouts.csv"]
    for path, table in zip(paths, (result.frames, bouts), strict=True):
        with whole_file(path) as partial:
            plain = plain_cells(table)
            plain.to_csv(partial, index=False, float_format="%.9g", lineterminator="\n")
    if fps <= MAX_FPS:
        rows = bouts[["start_s", "stop_s", "behaviour"]]
        for suffix in (".csv", ".xlsx"):
            paths.append(folder / f"bouts_boris{suffix}")
            write_boris_bouts(paths[-1], rows.itertuples(index=False), fps, source.name)
    return paths


def output_folder(parameters: ScoreParameters, cage: Cage, source: Path) -> Path:
    """Folder for one recording's results; InputError if a link would lead elsewhere."""
    given = parameters.output_dir
    root = project_root() / Path(given).expanduser() if given else cage.folder
    folder = (root if given else root / "scored") / recording_name(source)
    refuse_links(folder, root)
    return folder


def summarise(results: Sequence[Result], threshold: float) -> pd.DataFrame:
    """One row a recording: frames, length, highest score, flagged share and bouts."""
    return pd.DataFrame(
        {
            "recording": source.name,
            "frames": len(frames),
            "minutes": scored.seconds / 60,
            "highest score": scored.score.max(),
            "flagged": f"{np.mean(scored.score >= threshold):.2%}",
            "flagged bouts": len(bouts),
        }
        for source, frames, scored, bouts in results
    )


def join_bouts(results: Sequence[Result]) -> pd.DataFrame:
    """The flagged bouts of all recordings in one table."""
    return pd.concat([bouts.assign(recording=source.name) for source, _, _, bouts in results])


def plot_timeline(result: Result, threshold: float) -> Figure:
    """The recording's score over time with threshold, alarms and, if labelled, true bouts."""
    scored = result.scored
    ax = plots.plot_score_timeline(scored.time_s, scored.score, scored.anomalous, threshold)
    ax.set_title(escape_math(result.source.name), pad=16)
    plots.mark_simulated(ax.figure, [result.source.name])
    return ax.figure
