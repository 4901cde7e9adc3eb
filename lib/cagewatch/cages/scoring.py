"""One's own recording and a cage's detector: a score for each frame, alarms, and what is amiss.

Alarms are held back where the recording's size or light differs from that of the cage's recordings,
where nothing moves in it as it did in the held-out ones, where it is in alarm most of the time, and
where the detector has learnt nothing (`cagewatch.cages.verdict`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from cagewatch import runtime
from cagewatch.cages.alarms import Level, decide_level, frames_in, smooth, tabulate_alarms
from cagewatch.cages.cage import Cage
from cagewatch.cages.verdict import LIGHT, OFTEN
from cagewatch.detectors import Computing, Detector, Footage
from cagewatch.errors import InputError, nearest_name
from cagewatch.params import Names, NaturalInt, PositiveFloat, project_root
from cagewatch.recordings import Recording, check_label_length
from cagewatch.recordings.folder import find_label_file, read_label_file, recording_name
from cagewatch.recordings.labels.annotations import labels_from_bouts
from cagewatch.scoring import score_source
from cagewatch.store.preprocess import gamma_table, preprocessing_of, shrink_frame
from cagewatch.video import FrameRates, probe


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
    """One scored recording: `frames` as `score` gives them, `alarms` of `tabulate_alarms`."""

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
    """Score every frame of a new recording, and warn where no alarm in it could be believed.

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
        alarms see it. ``attrs["gray"]`` is the mean gray of what was scored, 0 to 255.

    Raises
    ------
    InputError
        If the source is missing, damaged, shorter than a clip, or of another frame rate.
    """
    refuse_backwards(start, stop)
    place = Path(source).expanduser().absolute()
    frames = _score_frames(cage, place, frame_rates, progress, start, stop, computing)
    frames = frames.assign(smooth=smooth(frames, cage.settings))
    try:
        alarms = tabulate_alarms(frames, decide_level(cage))
    except InputError:  # a run that no level can be chosen for has no alarms to doubt
        return frames
    if reason := doubt_alarms(cage, place, frames, alarms):
        warnings.warn(f"{place.name}: trust no alarm here: {reason}", stacklevel=2)
    return frames


def refuse_backwards(start: float, stop: float | None) -> None:
    """InputError where a part of a recording stops before it starts."""
    if stop is not None and stop <= start:
        raise InputError(f"stop={stop:g} s is not after start={start:g} s; give a later stop.")


def _score_frames(
    cage: Cage,
    source: Path,
    frame_rates: FrameRates,
    progress: bool,
    start: float,
    stop: float | None,
    computing: Computing | None,
) -> pd.DataFrame:
    """The frames of `score_source`, with their mean gray in ``attrs``."""
    detector = _GrayDetector(cage.open_detector(computing))
    frames = score_source(
        cast(Detector, detector), source, cage.fps, frame_rates, progress, start, stop
    )
    frames.attrs["gray"] = float(np.mean(detector.gray))
    return frames


def label_file(source: Path, parameters: ScoreParameters) -> Path | None:
    """The recording's file of labels: that of the parameters, or one beside it; None without."""
    path = Path(parameters.labels).expanduser() if parameters.labels else find_label_file(source)
    return None if path is None else project_root() / path


def add_labels(
    frames: pd.DataFrame, source: Path, cage: Cage, parameters: ScoreParameters
) -> pd.DataFrame:
    """Fill `label` and `anomalous` from a label file, where there is one.

    A file without the behaviour that is anomalous has no bout of it; a warning says so. InputError
    if the file is wrong or does not fit.
    """
    path = label_file(source, parameters)
    if path is None:
        return frames
    bouts, complete = read_label_file(path, source, cage.run.parameters.image_fps)
    behaviours = tuple(sorted({bout.behaviour for bout in bouts} | {"other"}))
    target = parameters.behaviour or cage.run.parameters.target
    if target not in behaviours:
        warnings.warn(
            f"{path} has no label {target!r}, so nothing in {source.name} is taken as unusual; for"
            f" another label set behaviour: {nearest_name(target, behaviours)}",
            stacklevel=2,
        )
    recording = Recording(
        recording_name(source), source, "test", labels_from_bouts(bouts, behaviours), behaviours,
        path, complete,
    )  # fmt: skip
    number = frames["frame"].to_numpy()
    n_frames = int(number[-1]) + 1
    if parameters.stop is not None or parameters.frame_rates == "resample":
        n_frames = max(n_frames, len(recording.labels))  # the frames after the last were not read
    labels = check_label_length(recording, n_frames, parameters.label_tolerance)
    names = np.array(behaviours)[labels[number]]
    return frames.assign(label=names, anomalous=pd.array(names == target, dtype="boolean"))


def score_one(
    cage: Cage, source: Path, level: Level, parameters: ScoreParameters, progress: bool = True
) -> Result:
    """Score a recording, add labels where there are some, and find its alarms."""
    computing = Computing(parameters.engine, parameters.precision, runtime.cores_in_use())
    frames = _score_frames(
        cage, source, parameters.frame_rates, progress, parameters.start, parameters.stop, computing
    )
    frames = add_labels(frames, source, cage, parameters)
    frames = frames.assign(smooth=smooth(frames, level.shape, level.stream))
    return Result(source, frames, tabulate_alarms(frames, level))


A_SECOND = 2  # frames whose gray is looked at
STILL = 0.05  # share of the held-out scores' spread that a new recording must have


def judge_recording(
    cage: Cage, frames: pd.DataFrame, in_alarm: np.ndarray, size: tuple[int, int], gray: float
) -> str | None:
    """Why the alarms of a new recording cannot be believed, one sentence; None if they can.

    `frames` holds its scores, `in_alarm` (n_frames,) bool; `size` is its width and height in
    pixels, `gray` its mean gray value.
    """
    facts = cage.verdict.facts if cage.verdict else {}
    sizes = [tuple(one) for one in facts.get("sizes", [])]
    if sizes and size not in sizes:
        width, height = sizes[0]
        return (
            f"it has {size[0]}x{size[1]} pixels and the cage's recordings {width}x{height}; train"
            " on recordings of its size."
        )
    known = list(facts.get("gray", {}).values()) or [gray]
    if not min(known) / LIGHT <= gray <= max(known) * LIGHT:
        return (
            f"its light is not that of the cage's recordings (mean gray after brightening"
            f" {gray:.0f}, theirs {min(known):.0f} to {max(known):.0f}); train on recordings in its"
            " light."
        )
    if np.mean(in_alarm) > OFTEN:
        return (
            f"it is in alarm for {np.mean(in_alarm):.0%} of its time: its light, camera or scene is"
            " not that of the cage's recordings, or these are too few; train on more, like it too."
        )
    held_out, score = cage.run.frames["score"], frames["score"]
    still = score.std() < STILL * held_out.std() or score.quantile(0.99) < held_out.median()
    if len(frames) > 100 and still:
        return "nothing happens in it: its scores stay low; is there an animal in the picture?"
    return None


class _GrayDetector:
    """A detector that also notes the mean gray of the frames it scores, as it sees them."""

    def __init__(self, detector: Detector) -> None:
        self.detector, self.parameters = detector, detector.parameters
        self.gray: list[float] = []

    def score(self, footage: Footage) -> dict[str, np.ndarray]:
        settings = footage.settings
        kept = slice(settings.crop_top, settings.resize_height - settings.crop_bottom)
        lighter, every = gamma_table(settings.gamma), max(1, round(footage.fps / A_SECOND))

        def read() -> Iterator[tuple[float, np.ndarray]]:
            self.gray.clear()  # a detector may read more than once
            for number, (time, frame) in enumerate(footage.read()):
                if number % every == 0:
                    self.gray.append(float(lighter[shrink_frame(frame, settings)][kept].mean()))
                yield time, frame

        return self.detector.score(replace(footage, read=read))


def doubt_alarms(
    cage: Cage, source: Path, frames: pd.DataFrame, alarms: pd.DataFrame
) -> str | None:
    """Why a recording's alarms are held back, by `judge_recording` or the cage's verdict."""
    settings = preprocessing_of(cage.run.parameters)
    header = probe(source, settings.image_fps)
    size, inside = (header.width, header.height), frames_in(alarms, frames)
    reason = judge_recording(cage, frames, inside, size, frames.attrs["gray"])
    failed = cage.verdict is not None and not cage.verdict.passed
    return cage.verdict.words if reason is None and failed else reason
