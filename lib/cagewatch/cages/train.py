"""One's own videos as a data set: which recordings are used for what, and what of them is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pydantic import BaseModel, ConfigDict, Field

from cagewatch.clips import ClipIndex
from cagewatch.params import (
    Names,
    NaturalInt,
    Parameters,
    PositiveInt,
    Region,
    Scale,
    project_root,
    resolve,
)
from cagewatch.plots import mark_simulated
from cagewatch.recordings import Recording, split_recordings
from cagewatch.recordings.folder import read_recordings
from cagewatch.recordings.rates import match_rates
from cagewatch.store import Store
from cagewatch.store.preprocess import gamma_table, preprocessing_of, shrink_frame
from cagewatch.video import FrameRates, read_frames


class CageParameters(BaseModel):
    """Parameters of the notebook train_on_your_cage; the layers under params/ say the rest."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True
    )

    data_dir: str = Field(description="folder with your videos, labels beside them if any")
    dataset: str = Field(description="layer of params/dataset; names the run's folder")
    target: str | None = Field(description="label that is anomalous; None: anomaly")
    model: str = Field(description="rae, cae, cae_image, cae_flow")
    seed: NaturalInt = Field(description="seeds split, weights and batch order")
    scale: Scale = Field(description="smoke, quick, medium or paper")
    train_recordings: Names | None = Field(description="names; None: all")
    test_recordings: Names | None = Field(description="names; None: those not trained on")
    region: Region | None = Field(description="[left, top, width, height]; None: all")
    rotate: Literal[0, 90, 180, 270] = Field(description="clockwise rotation, degrees")
    frame_rates: FrameRates = Field(description="refuse or resample differing frame rates")
    frame_stride: PositiveInt | None = Field(description="every n-th frame in training clips")
    max_epochs: PositiveInt | None = Field(description="cap on epochs; None: as the scale says")
    label_tolerance: NaturalInt = Field(description="frames labels and video may differ by")
    results_dir: str = Field(description="folder for runs and stores")
    backend: Literal["tensorflow", "jax", "torch"] = Field(description="Keras backend")
    cores: NaturalInt = Field(description="processor cores to use; 0: all")


def resolve_cage(cage: CageParameters) -> Parameters:
    """All parameters of the run, from the few that the notebook asks for and the layers."""
    given = cage.model_dump()
    given.pop("frame_rates")
    return resolve(given)


def load_own_recordings(
    parameters: Parameters, frame_rates: FrameRates
) -> tuple[list[Recording], list[Recording], str]:
    """Recordings to train on, recordings to score, and one sentence on how they were chosen.

    If neither the folder (``train/`` and ``test/``) nor the parameters say what to train on, all
    recordings are trained on; if none is left to score, the training recordings are scored.

    Raises
    ------
    InputError
        If the folder, a name or a label file is wrong, or frame rates differ and are refused.
    """
    folder = project_root() / parameters.data_dir
    recordings = read_recordings(folder)
    train, test = parameters.train_recordings, parameters.test_recordings
    if not any(recording.split for recording in recordings):
        names = [recording.name for recording in recordings]
        train = train or [name for name in names if name not in (test or ())]
        test = test or [name for name in names if name not in train]
    copies = project_root() / parameters.results_dir / "resampled" / parameters.dataset
    chosen = split_recordings(recordings, train, test)
    chosen = match_rates(chosen, frame_rates, copies, parameters.label_tolerance)
    trained = [recording for recording in chosen if recording.split == "train"]
    tested = [recording for recording in chosen if recording.split == "test"]
    words = f"trained on {_names(trained)}; scored: {_names(tested)}"
    if not tested:
        tested = [replace(recording, split="test") for recording in trained]
        words = (
            f"trained on {_names(trained)}; no recording was set aside, so the scores below are of "
            "the recordings trained on, and lower than those of new recordings will be"
        )
    return trained, tested, words


def describe_clips(index: ClipIndex, stores: Mapping[str, Store], stride: int) -> str:
    """How many training clips there are and how long each is, in words."""
    steps = np.concatenate([np.diff(store.times) for store in stores.values()])
    length = index.frames.shape[1]
    seconds = length * stride * float(np.median(steps))
    return f"{len(index)} training clips of {length} frames, every {stride}., {seconds:.2f} s each"


def show_region(recordings: Sequence[Recording], parameters: Parameters, most: int = 4) -> Figure:
    """First frame of each recording with the region used, and what of it a model sees, rotated."""
    settings = preprocessing_of(parameters)
    shown = recordings[:most]
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
        above.set(title=f"{recording.name}, {frame.shape[1]}x{frame.shape[0]}", xlabel="pixels")
        seen = gamma_table(settings.gamma)[shrink_frame(frame, settings)][kept]
        below.imshow(np.asarray(seen), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        below.set(title=f"seen: {seen.shape[1]}x{seen.shape[0]}", xticks=[], yticks=[])
    mark_simulated(figure, [recording.name for recording in shown])
    return figure


def _names(recordings: Sequence[Recording]) -> str:
    return ", ".join(recording.name for recording in recordings) or "none"
