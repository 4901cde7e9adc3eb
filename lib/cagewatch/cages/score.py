"""One's own recording and a trained run: scores, flagged bouts, a timeline and highlights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict, Field

from cagewatch import plots, runtime
from cagewatch.cages.highlights import Moment, choose_moments, clock, write_highlights
from cagewatch.detectors.inference.engines import Engine, Precision
from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.metrics import Scored, apply_rule, bout_seconds, default_rule, find_bouts
from cagewatch.names import plain_cells
from cagewatch.params import NaturalInt, PositiveFloat, PositiveInt, project_root
from cagewatch.recordings.annotations import (
    labels_from_bouts,
    nearest_name,
)
from cagewatch.recordings.base import Recording
from cagewatch.recordings.boris import MAX_FPS
from cagewatch.recordings.boris_export import write_boris_bouts
from cagewatch.recordings.folder import (
    find_label_file,
    list_sources,
    read_label_file,
    recording_name,
)
from cagewatch.recordings.frame_labels import check_label_length
from cagewatch.runs.read import FinishedRun
from cagewatch.runs.thresholds import read_threshold, select_scores
from cagewatch.scoring.source import score_source
from cagewatch.video import probe
from cagewatch.video.frame_rate import FrameRates
from cagewatch.video.seek import read_frames_at

FLAGGED = "anomaly"


class ScoreParameters(BaseModel):
    """Parameters of the notebook score_recording."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True
    )

    recording: str = Field(description="a video, a folder of images, or a folder of videos")
    run: str = Field(description="folder of a finished run")
    threshold: float | str | None = Field(description="a number or a file saved by the explorer")
    rule: str | None = Field(description="how to choose the threshold if none is given")
    score: Literal["both", "image", "flow"] = Field(description="which score")
    smoothing: PositiveInt = Field(description="frames averaged around each frame")
    labels: str | None = Field(description="label file; None: the one beside the video, if any")
    behaviour: str | None = Field(description="label that is anomalous; None: the run's target")
    label_tolerance: NaturalInt = Field(description="frames labels and video may differ by")
    frame_rates: FrameRates = Field(description="refuse another frame rate, or resample")
    highlights: NaturalInt = Field(description="moments in the highlights video; 0: no video")
    highlight_seconds: PositiveFloat = Field(description="length of each moment")
    output_dir: str | None = Field(description="folder for the results; None: in the run's folder")
    backend: Literal["tensorflow", "jax", "torch"] = Field(description="Keras backend")
    cores: NaturalInt = Field(description="processor cores to use; 0: all")
    engine: Engine = Field(description="what computes the network: auto, openvino or keras")
    precision: Precision = Field(description="arithmetic of openvino: auto, float32 or bfloat16")


class Threshold(NamedTuple):
    """A threshold, the score and smoothing it belongs to, and how it was chosen, in words."""

    value: float
    score: str
    smoothing: int
    words: str


class Result(NamedTuple):
    """One scored recording: its table of frames, the score the threshold is for, flagged bouts."""

    source: Path
    frames: pd.DataFrame
    scored: Scored
    bouts: pd.DataFrame


def find_sources(path: str) -> list[Path]:
    """The recordings at `path`: itself, or the videos and image folders in it."""
    place = project_root() / Path(path).expanduser()
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise InputError(f"recording {place} does not exist; give a video or a folder of videos.")
    sources = list_sources(place)
    if not sources:
        raise InputError(f"{place} holds no videos or images; give a video or a folder of them.")
    return sources


def decide_threshold(run: FinishedRun, parameters: ScoreParameters) -> Threshold:
    """The threshold that the parameters ask for: a number, a saved file, or by a rule on the run.

    InputError for a rule that needs labels the run lacks, or a file of other scores.
    """
    given = parameters.threshold
    if isinstance(given, str):
        try:
            given = float(given)
        except ValueError:
            path = project_root() / Path(given).expanduser()
            value, score, smoothing = read_threshold(path, run)
            return Threshold(value, score, smoothing, f"saved in {path.name}")
    if given is not None:
        return Threshold(float(given), parameters.score, parameters.smoothing, "given as a number")
    scored = select_scores(run, parameters.score, parameters.smoothing)
    rule = parameters.rule or default_rule(scored)
    words = f"by the rule {rule} on the run's own scores"
    return Threshold(apply_rule(scored, rule), parameters.score, parameters.smoothing, words)


def add_labels(
    frames: pd.DataFrame, source: Path, run: FinishedRun, parameters: ScoreParameters
) -> pd.DataFrame:
    """Fill `label` and `anomalous` from a label file, where there is one.

    InputError if the file is wrong, does not fit, or lacks the behaviour that is anomalous.
    """
    path = Path(parameters.labels).expanduser() if parameters.labels else find_label_file(source)
    if path is None:
        return frames
    path = project_root() / path
    bouts, complete = read_label_file(path, source)
    behaviours = tuple(sorted({bout.behaviour for bout in bouts} | {"other"}))
    target = parameters.behaviour or run.parameters.target
    if target not in behaviours:
        raise InputError(
            f"{path} has no label {target!r}: set behaviour, {nearest_name(target, behaviours)}"
        )
    recording = Recording(
        recording_name(source), source, "test", labels_from_bouts(bouts, behaviours), behaviours,
        path, complete,
    )  # fmt: skip
    number = frames["frame"].to_numpy()
    labels = check_label_length(recording, int(number[-1]) + 1, parameters.label_tolerance)
    names = np.array(behaviours)[labels[number]]
    return frames.assign(label=names, anomalous=pd.array(names == target, dtype="boolean"))


def score_one(
    run: FinishedRun, source: Path, threshold: Threshold, parameters: ScoreParameters
) -> Result:
    """Score a recording, add labels where there are some, and flag bouts at the threshold."""
    frames = score_source(
        run, source, parameters.frame_rates, engine=parameters.engine,
        precision=parameters.precision, cores=runtime.cores_in_use(),
    )  # fmt: skip
    frames = add_labels(frames, source, run, parameters)
    scored = select_scores(run._replace(frames=frames), threshold.score, threshold.smoothing)
    return Result(source, frames, scored, tabulate_bouts(scored, threshold.value))


def tabulate_bouts(scored: Scored, threshold: float) -> pd.DataFrame:
    """Flagged bouts: start_frame, stop_frame (the last), behaviour, start_s, stop_s, peak_score.

    Frames are numbers in the source, 0-based. A bout reaches up to the next frame that was scored,
    and stops at the second at which that is shown.
    """
    spans = find_bouts(scored.score >= threshold, scored.codes)
    seconds = bout_seconds(spans, scored.time_s, scored.codes)
    after = np.append(scored.frame[1:], scored.frame[-1] + 1)
    rows = [
        (
            scored.frame[start],
            after[stop - 1] - 1,
            FLAGGED,
            *bout_s,
            scored.score[start:stop].max(),
        )
        for (start, stop), bout_s in zip(spans, seconds, strict=True)
    ]
    columns = ["start_frame", "stop_frame", "behaviour", "start_s", "stop_s", "peak_score"]
    return pd.DataFrame(rows, columns=columns)


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


def output_folder(parameters: ScoreParameters, run: FinishedRun, source: Path) -> Path:
    """Folder for one recording's results."""
    folder = parameters.output_dir
    root = project_root() / Path(folder).expanduser() if folder else run.folder / "scored"
    return root / recording_name(source)


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
    ax.set_title(result.source.name, pad=16)
    plots.mark_simulated(ax.figure, [result.source.name])
    return ax.figure


def cut_highlights(
    folder: Path, result: Result, threshold: float, parameters: ScoreParameters
) -> list[Moment]:
    """Write highlights.mp4 and moments.csv into `folder`; the moments, highest score first."""
    source, scored = result.source, result.scored
    moments = choose_moments(
        scored.score, scored.time_s, parameters.highlights, parameters.highlight_seconds
    )
    # The mean, as stamps are rounded to the container's clock.
    step = float(np.mean(np.diff(scored.time_s)))
    write_highlights(
        folder / "highlights.mp4", source, scored.frame, scored.time_s, scored.score, moments,
        threshold, 1 / step,
    )  # fmt: skip
    peaks = [moment.peak for moment in moments]
    table = {name: getattr(scored, name)[peaks] for name in ("frame", "time_s", "score")}
    with whole_file(folder / "moments.csv") as partial:
        pd.DataFrame(table).to_csv(partial, index=False, float_format="%.9g")
    return moments


def show_moments(result: Result, moments: Sequence[Moment]) -> Figure:
    """The frame at the peak of each moment, with its time and score."""
    source, scored = result.source, result.scored
    figure, axes = plt.subplots(
        1, len(moments), figsize=(2.7 * len(moments), 2.9), layout="constrained", squeeze=False
    )
    for ax, moment in zip(axes[0], moments, strict=True):
        peak = min(moment.peak, len(scored.score) - 2)
        part = slice(peak, peak + 2)
        # Two neighbours, so that the seek knows how far apart frames are.
        first, last = scored.frame[part]
        stamps = np.interp(np.arange(first, last + 1), scored.frame[part], scored.time_s[part])
        frame = read_frames_at(source, int(first), stamps)[0 if peak == moment.peak else -1]
        ax.imshow(frame, cmap="gray", vmin=0, vmax=255)
        text = f"{clock(scored.time_s[moment.peak])}\nscore {scored.score[moment.peak]:.4g}"
        ax.set(title=text, xticks=[], yticks=[])
    figure.suptitle(source.name)
    plots.mark_simulated(figure, [source.name])
    return figure
