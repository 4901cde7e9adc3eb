"""One's own recording and a cage's detector: a score for each frame, at a threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from cagewatch import metrics, runtime
from cagewatch.cages.cage import Cage
from cagewatch.detectors import Computing
from cagewatch.errors import InputError
from cagewatch.metrics import Scored, apply_rule, bout_seconds, find_bouts
from cagewatch.params import NaturalInt, PositiveFloat, PositiveInt, project_root
from cagewatch.recordings import Recording, check_label_length
from cagewatch.recordings.annotations import labels_from_bouts, nearest_name
from cagewatch.recordings.folder import (
    find_label_file,
    list_sources,
    read_label_file,
    recording_name,
)
from cagewatch.runs.thresholds import read_threshold, select_scores
from cagewatch.scoring import score_source
from cagewatch.video import FrameRates

FLAGGED = "anomaly"


class ScoreParameters(BaseModel):
    """Parameters of the notebook score_recording."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True
    )

    recording: str = Field(description="a video, a folder of images, or a folder of videos")
    cage: str = Field(description="a cage's folder, or a finished run's")
    threshold: float | str | None = Field(description="a number or a file saved by the explorer")
    rule: str | None = Field(description="how to choose the threshold; None: by the budget")
    budget: PositiveFloat | None = Field(description="false alarms an hour; None: the cage's")
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
    engine: Literal["auto", "openvino", "keras"] = Field(description="what computes a network")
    precision: Literal["auto", "float32", "bfloat16"] = Field(description="of openvino")


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


def score(
    cage: Cage,
    source: str | Path,
    frame_rates: FrameRates = "refuse",
    progress: bool = True,
    computing: Computing | None = None,
) -> pd.DataFrame:
    """Score every frame of a new recording.

    Parameters
    ----------
    cage : Cage
        Of `cagewatch.cages.fit` or `open_cage`.
    source : str or Path
        A video or a folder of images, from the current folder.
    frame_rates : {'refuse', 'resample'}
        What to do if its rate is another than that of the cage's recordings.
    progress : bool
        Show a progress bar.
    computing : Computing, optional
        What computes a network's scores.

    Returns
    -------
    DataFrame
        One row a frame: recording, frame, time_s (seconds), score (higher is more anomalous), and
        the other columns of ``scores.csv.gz``.

    Raises
    ------
    InputError
        If the source is missing, damaged, shorter than a clip, or of another frame rate.
    """
    detector = cage.open_detector(computing)
    return score_source(
        detector, Path(source).expanduser().absolute(), cage.fps, frame_rates, progress
    )


def choose_threshold(
    cage: Cage, budget: float | None = None, stream: str = "both", smoothing: int = 1
) -> float:
    """Choose the threshold that keeps to a budget on the cage's held-out normal recordings.

    Parameters
    ----------
    cage : Cage
    budget : float, optional
        False alarms an hour of normal video; by default the cage's own.
    stream : {'both', 'image', 'flow'}
        Which score.
    smoothing : int
        Frames averaged around each frame.

    Returns
    -------
    float
        Frames that score at or above it are alarms.

    Raises
    ------
    InputError
        If the detector lacks the score, or the held-out recordings have no time stamps.
    """
    scored = select_scores(cage.run, stream, smoothing)
    normal = np.zeros(len(scored.score), bool) if scored.anomalous is None else scored.anomalous
    rule = f"false_alarms_per_hour<={budget or cage.settings.budget:g}"
    return metrics.choose_threshold(rule, scored.score, normal, scored.codes, scored.time_s)


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


def decide_threshold(cage: Cage, parameters: ScoreParameters) -> Threshold:
    """The threshold asked for: a number, a saved file, by a rule on the run, or by the budget.

    InputError for a rule that needs labels the run lacks, or a file of other scores.
    """
    given, stream, smoothing = parameters.threshold, parameters.score, parameters.smoothing
    if isinstance(given, str):
        try:
            given = float(given)
        except ValueError:
            path = project_root() / Path(given).expanduser()
            value, stream, smoothing = read_threshold(path, cage.run)
            return Threshold(value, stream, smoothing, f"saved in {path.name}")
    if given is not None:
        return Threshold(float(given), stream, smoothing, "given as a number")
    if parameters.rule:
        value = apply_rule(select_scores(cage.run, stream, smoothing), parameters.rule)
        words = f"by the rule {parameters.rule} on the run's own scores"
        return Threshold(value, stream, smoothing, words)
    budget = parameters.budget or cage.settings.budget
    value = choose_threshold(cage, budget, stream, smoothing)
    words = f"{budget:g} false alarms an hour on the normal recordings held out"
    return Threshold(value, stream, smoothing, words)


def add_labels(
    frames: pd.DataFrame, source: Path, cage: Cage, parameters: ScoreParameters
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
    target = parameters.behaviour or cage.run.parameters.target
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
    cage: Cage, source: Path, threshold: Threshold, parameters: ScoreParameters
) -> Result:
    """Score a recording, add labels where there are some, and flag bouts at the threshold."""
    computing = Computing(parameters.engine, parameters.precision, runtime.cores_in_use())
    frames = score(cage, source, parameters.frame_rates, computing=computing)
    frames = add_labels(frames, source, cage, parameters)
    scored = select_scores(cage.run._replace(frames=frames), threshold.score, threshold.smoothing)
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
