"""What is trained on: which of a folder's recordings teach the detector, which are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import av
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pydantic import BaseModel, ConfigDict, Field

from cagewatch.cages.cage import CAGE_FILE, default_folder, read_settings
from cagewatch.cages.sources import gather_sources, mark_unusual, read_videos
from cagewatch.cages.table import compile_pattern
from cagewatch.detectors import is_network
from cagewatch.errors import InputError
from cagewatch.names import escape_math
from cagewatch.params import (
    Names,
    NaturalInt,
    Parameters,
    PositiveFloat,
    PositiveInt,
    Region,
    name_path,
    project_root,
    resolve,
)
from cagewatch.plots import mark_simulated
from cagewatch.recordings import Recording, split_recordings
from cagewatch.recordings.rates import match_rates
from cagewatch.runs.read import MAX_FRAMES
from cagewatch.store.preprocess import gamma_table, preprocessing_of, shrink_frame
from cagewatch.video import FALLBACK_FPS, FrameRates, probe, read_frames
from cagewatch.video.decode import Header

HELD_OUT = 0.25  # share of the recordings, or of the only one, that is not trained on
SHOWN = 4  # recordings whose region is drawn
MOST_EPOCHS = 1000  # of a network, which the time given ends before


class TrainParameters(BaseModel):
    """Parameters of the notebook train_on_your_cage and of ``cagewatch train``."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True
    )

    videos: Names = Field(description="videos or folders of them, labels beside them if any")
    detector: str = Field(default="pca_frames", description="a layer of params/model")
    into: str | None = Field(default=None, description="the cage's folder")
    target: str | None = Field(default=None, description="label that is left out of training")
    held_out: Names | None = Field(default=None, description="recordings not trained on")
    minutes: PositiveFloat = Field(default=30, description="time to train a network in")
    budget: PositiveFloat | None = Field(
        default=None, description="false alarms an hour; None: the cage's, or 6"
    )
    pattern: str | None = Field(default=None, description="how file names are made, see `table`")
    seed: NaturalInt = Field(default=0, description="seeds weights and batch order")
    region: Region | None = Field(default=None, description="[left, top, width, height]")
    rotate: Literal[0, 90, 180, 270] = Field(default=0, description="clockwise, degrees")
    frame_rates: FrameRates = Field(default="refuse", description="refuse or resample")
    image_fps: PositiveFloat | None = Field(
        default=None, description="frames per second of recordings that carry no time"
    )
    frame_stride: PositiveInt | None = Field(default=None, description="every n-th frame")
    score_stride: PositiveInt | None = Field(
        default=None, description="a network scores every n-th frame; None: each"
    )
    label_tolerance: NaturalInt = Field(default=0, description="frames labels may be off by")
    backend: Literal["tensorflow", "jax", "torch"] = Field(default="tensorflow")
    cores: NaturalInt = Field(default=0, description="processor cores to use; 0: all")


class Plan(NamedTuple):
    """Which recordings are trained on and which are held out, and with which parameters.

    Attributes
    ----------
    folder : the cage's.
    parameters : of the run.
    train, held_out : a single recording is in both; `parameters` then say which part is which.
    sources : all videos by the names that they are scored under.
    given : what was asked for.
    words : how the recordings were chosen, one sentence.
    """

    folder: Path
    parameters: Parameters
    train: list[Recording]
    held_out: list[Recording]
    sources: dict[str, Path]
    given: TrainParameters
    words: str


def plan_training(
    given: TrainParameters, unusual: Mapping[Path, Sequence[tuple[int, int]]] | None = None
) -> Plan:
    """Read the folder and decide what is trained on and what is held out; writes no result.

    Held out are the recordings named, those in the folder ``test`` where the videos lie in
    ``train`` and ``test``, or a quarter of them, evenly spread; of a single recording its last
    quarter. What is held out says how the detector scores normal video that it has not seen.

    Stretches that are `unusual`, of `cagewatch.cages.sources.mark_unusual`, are not trained on.

    Parameters
    ----------
    given : TrainParameters
        What is trained on, and how.
    unusual : mapping of Path to sequence of (int, int), optional
        By video, first and last frame of stretches that are not trained on; of
        `cagewatch.cages.sources.mark_unusual`.

    Raises
    ------
    InputError
        If the folder, a name, a label file or the settings of a cage that is there are wrong, frame
        rates differ and are refused, a recording carries no time and `image_fps` is not given, or
        too much is held out.
    """
    if given.pattern is not None:
        compile_pattern(given.pattern)
    videos = [project_root() / Path(place).expanduser() for place in given.videos]
    into = (
        Path(given.into).expanduser() if given.into else default_folder(videos[0], project_root())
    )
    folder = project_root() / into
    if (folder / CAGE_FILE).is_file():
        read_settings(folder)  # what is wrong in them is said now, not after training
    recordings = read_videos(videos, given.image_fps or FALLBACK_FPS, without=folder)
    sources = gather_sources(videos, without=folder)
    names = [recording.name for recording in recordings]
    held_out, parts = given.held_out, {}
    if held_out is None and not any(recording.split for recording in recordings):
        held_out = spread_evenly(names)
        if len(names) == 1:
            parts = {"train_stop": 1 - HELD_OUT, "test_start": 1 - HELD_OUT}
    train = None if held_out is None else [name for name in names if name not in held_out]
    if parts:
        train = held_out
    untimed = [one.name for one in recordings if not probe(one.source).timed]
    if untimed and given.image_fps is None:
        raise InputError(
            f"{untimed[0]} carries no time stamps and states no frame rate; say how many frames it"
            " has in a second: --image-fps (image_fps in a notebook)."
        )
    parameters = resolve_cage(given, folder, parts)
    if unusual:
        recordings = mark_unusual(recordings, unusual, parameters.target)
    chosen = split_recordings(recordings, train, held_out, parts_apart=bool(parts))
    trained = [recording for recording in chosen if recording.split == "train"]
    tested = [recording for recording in chosen if recording.split == "test"]
    words = f"Trained on {_names(trained)}; held out: {_names(tested)}."
    if parts:
        words = f"Trained on the first three quarters of {names[0]}; held out: the last quarter."
    if not trained or not tested:
        lacking = "to train on" if not trained else "to hold out"
        raise InputError(f"No recording of {videos[0]} is left {lacking}; change held_out.")
    plan = Plan(folder, parameters, trained, tested, sources, given, words)
    if given.frame_rates == "refuse":
        match_plan(plan)
    refuse_too_many(tested, parameters)
    return plan


def match_plan(plan: Plan) -> Plan:
    """The plan with recordings of one frame rate; copies of faster ones go into its folder."""
    given, copies = plan.given, plan.folder / "stores" / "resampled"
    matched = match_rates(
        [*plan.train, *plan.held_out], given.frame_rates, copies, given.label_tolerance,
        plan.parameters.image_fps,
    )  # fmt: skip
    count = len(plan.train)
    return plan._replace(train=matched[:count], held_out=matched[count:])


def refuse_too_many(held_out: Sequence[Recording], parameters: Parameters) -> None:
    """InputError if headers tell of more held-out frames than a run's scores may have."""
    headers = {one.source: probe(one.source, parameters.image_fps) for one in held_out}
    minutes = np.nansum([length_of(source, header) for source, header in headers.items()])
    rate = min(header.fps for header in headers.values())  # that all are brought to
    frames = 60 * minutes * rate * (parameters.test_stop - parameters.test_start)
    if frames > MAX_FRAMES:
        raise InputError(
            f"About {frames:,.0f} frames are held out, more than the {MAX_FRAMES:,} whose scores a"
            " run keeps; hold out fewer recordings (--held-out, held_out in a notebook)."
        )


def length_of(source: Path, header: Header) -> float:
    """Minutes of a video as its header or its container says; NaN if neither does."""
    if header.frames:
        return header.frames / header.fps / 60
    try:
        with av.open(str(source)) as container:
            return container.duration / av.time_base / 60 if container.duration else np.nan
    except (av.FFmpegError, OSError):
        return np.nan


def resolve_cage(given: TrainParameters, folder: Path, parts: dict[str, float]) -> Parameters:
    """All parameters of the run, from the few that are asked for and the layers."""
    values = {
        "dataset": "folder",
        "data_dir": name_path(project_root() / Path(given.videos[0]).expanduser()),
        "results_dir": name_path(folder),
        "model": given.detector,
        "scale": "paper",  # every clip; a network ends with its time
        **parts,
    }
    same = ("target", "seed", "region", "rotate", "frame_stride", "score_stride", "backend")
    same += ("label_tolerance", "image_fps", "cores")
    values |= {name: getattr(given, name) for name in same}
    if is_network(given.detector):
        # Neighbouring clips are alike: those that validate are the last ones, not random ones.
        values |= {"epochs": MOST_EPOCHS, "weights": "best", "validation_split": "last"}
    return resolve(values)


def spread_evenly(names: Sequence[str], share: float = HELD_OUT) -> list[str]:
    """A share of the names, at least one, evenly spread over all of them."""
    count = max(1, round(share * len(names)))
    places = ((np.arange(count) + 0.5) * len(names) / count).astype(int)
    return [names[place] for place in places]


def show_region(plan: Plan) -> Figure:
    """First frame of each recording with the region used, and what of it a detector sees.

    Parameters
    ----------
    plan : Plan
        Of `plan_training`; at most SHOWN of its recordings.
    """
    settings = preprocessing_of(plan.parameters)
    shown = list({item.name: item for item in [*plan.train, *plan.held_out]}.values())[:SHOWN]
    figure, axes = plt.subplots(
        2, len(shown), figsize=(3.2 * len(shown) + 0.5, 5.4), layout="constrained", squeeze=False
    )
    kept = slice(settings.crop_top, settings.resize_height - settings.crop_bottom)
    for (above, below), recording in zip(axes.T, shown, strict=True):
        _, frame = next(read_frames(recording.source, fps=settings.image_fps))
        above.imshow(frame, cmap="gray", vmin=0, vmax=255)
        left, top, width, height = settings.region or (0, 0, *frame.shape[::-1])
        above.add_patch(
            Rectangle((left - 0.5, top - 0.5), width, height, fill=False, color="#D55E00", lw=2)
        )
        name = escape_math(recording.name)
        above.set(title=f"{name}, {frame.shape[1]}x{frame.shape[0]}", xlabel="pixels")
        seen = gamma_table(settings.gamma)[shrink_frame(frame, settings)][kept]
        below.imshow(np.asarray(seen), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        below.set(title=f"seen: {seen.shape[1]}x{seen.shape[0]}", xticks=[], yticks=[])
    mark_simulated(figure, [recording.name for recording in shown])
    return figure


def _names(recordings: Sequence[Recording], most: int = 6) -> str:
    names = [recording.name for recording in recordings]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more
