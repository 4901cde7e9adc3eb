"""One's own recording and a cage's detector: a score for each frame, and alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from cagewatch import runtime
from cagewatch.cages.alarms import Level, smooth, tabulate_alarms
from cagewatch.cages.cage import Cage
from cagewatch.detectors import Computing
from cagewatch.errors import InputError, nearest_name
from cagewatch.params import Names, NaturalInt, PositiveFloat, project_root
from cagewatch.recordings import Recording, check_label_length
from cagewatch.recordings.annotations import labels_from_bouts
from cagewatch.recordings.folder import find_label_file, read_label_file, recording_name
from cagewatch.scoring import score_source
from cagewatch.video import FrameRates


class ScoreParameters(BaseModel):
    """Parameters of the notebook score_recording and of ``cagewatch score``."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True
    )

    recording: Names = Field(description="videos, folders of images, or folders of these")
    cage: str = Field(description="a cage's folder, or a finished run's")
    budget: PositiveFloat | None = Field(
        default=None, description="false alarms an hour; None: the cage's"
    )
    threshold: float | str | None = Field(
        default=None, description="a number or a file saved by the explorer; None: by the budget"
    )
    score: Literal["both", "image", "flow"] = Field(default="both", description="which score")
    start: float = Field(default=0, ge=0, description="seconds left out at the beginning")
    stop: PositiveFloat | None = Field(default=None, description="second to stop at; None: none")
    labels: str | None = Field(default=None, description="label file; None: the one beside it")
    behaviour: str | None = Field(default=None, description="anomalous label; None: the target")
    label_tolerance: NaturalInt = Field(default=0, description="frames labels may be off by")
    frame_rates: FrameRates = Field(default="refuse", description="refuse or resample")
    highlights: NaturalInt = Field(default=0, description="moments in a film; 0: no film")
    highlight_seconds: PositiveFloat = Field(default=3.0, description="length of each moment")
    clips: bool = Field(default=False, description="a film of each alarm too")
    anyway: bool = Field(default=False, description="alarms though the cage's check failed")
    pattern: str | None = Field(default=None, description="how file names are made, see `table`")
    backend: Literal["tensorflow", "jax", "torch"] | None = Field(
        default=None, description="None: the cage's"
    )
    cores: NaturalInt = Field(default=0, description="processor cores to use; 0: all")
    engine: Literal["auto", "openvino", "keras"] = Field(default="auto")
    precision: Literal["auto", "float32", "bfloat16"] = Field(default="float32")


class Result(NamedTuple):
    """One scored recording.

    Attributes
    ----------
    source : Path
    frames : DataFrame
        One row a frame, as `score` gives it.
    alarms : DataFrame
        Of `cagewatch.cages.alarms.tabulate_alarms`.
    """

    source: Path
    frames: pd.DataFrame
    alarms: pd.DataFrame


def score(
    cage: Cage,
    source: str | Path,
    frame_rates: FrameRates = "refuse",
    start: float = 0,
    stop: float | None = None,
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
    start, stop : float
        Seconds of the recording that are scored; by default all.
    progress : bool
        Show a progress bar.
    computing : Computing, optional
        What computes a network's scores.

    Returns
    -------
    DataFrame
        One row a frame: recording, frame, time_s (seconds), score (higher is more anomalous), the
        other columns of ``scores.csv.gz``, and `smooth`, the score averaged over the moment as
        alarms see it.

    Raises
    ------
    InputError
        If the source is missing, damaged, shorter than a clip, or of another frame rate.
    """
    place = Path(source).expanduser().absolute()
    frames = score_source(
        cage.open_detector(computing), place, cage.fps, frame_rates, progress, start, stop
    )
    return frames.assign(smooth=smooth(frames, cage.settings))


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
    cage: Cage, source: Path, level: Level, parameters: ScoreParameters, progress: bool = True
) -> Result:
    """Score a recording, add labels where there are some, and find its alarms."""
    computing = Computing(parameters.engine, parameters.precision, runtime.cores_in_use())
    part = parameters.start, parameters.stop
    frames = score(cage, source, parameters.frame_rates, *part, progress, computing)
    frames = add_labels(frames, source, cage, parameters)
    frames = frames.assign(smooth=smooth(frames, level.shape, level.stream))
    return Result(source, frames, tabulate_alarms(frames, level))
