"""Clips: which frames of which recording make up each clip a model sees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.recordings import Recording
from cagewatch.recordings.labels.frame_labels import check_label_length
from cagewatch.store import Store

FLOW_SAMPLE = 20_000  # frames the flow constant is read from, evenly spread: 61 MB of speeds


@dataclass(frozen=True)
class ClipIndex:
    """Which frames each clip is made of.

    Attributes
    ----------
    recording : (n_clips,) int16 index into `names`.
    frames : (n_clips, clip_length) int32 frame numbers, 0-based.
    target : (n_clips,) bool, whether the clip shows the target (False where unlabelled).
    behaviour : (n_clips,) int16, the commonest label in the clip; -1 where unlabelled.
    names : names of the recordings.
    behaviours : names that `behaviour` indexes.
    """

    recording: np.ndarray
    frames: np.ndarray
    target: np.ndarray
    behaviour: np.ndarray
    names: tuple[str, ...]
    behaviours: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.recording)

    def take(self, chosen: np.ndarray) -> ClipIndex:
        """The clips at positions `chosen` ((n,) int or bool)."""
        return ClipIndex(
            self.recording[chosen],
            self.frames[chosen],
            self.target[chosen],
            self.behaviour[chosen],
            self.names,
            self.behaviours,
        )


def index_training_clips(
    recordings: Sequence[Recording], stores: Mapping[str, Store], parameters: Parameters
) -> ClipIndex:
    """Cut training recordings into clips, the target behaviour's frames removed.

    Every `frame_stride`-th frame is used. With ``clips_across_gaps='never'`` a clip lies within one
    run of kept frames; with 'literal' the kept frames are joined first, as the paper's words say,
    so that a clip may span a cut. A supervised model needs the target, so nothing is removed.

    Parameters
    ----------
    recordings, stores, parameters
        Those of the training, by name of the recording, and of the run.

    Raises
    ------
    InputError
        If no clip is left.
    """
    parts = []
    for recording in recordings:
        kept = trained_frames(recording, len(stores[recording.name]), parameters)
        parts.append(training_windows(kept, parameters))
    index = _join(recordings, stores, parts, parameters)
    if not len(index):
        raise InputError(
            f"No training clip is left: every run of frames without {parameters.target!r} is"
            f" shorter than clip_length={parameters.clip_length} times"
            f" frame_stride={parameters.frame_stride}; lower one of them."
        )
    if parameters.max_train_clips and len(index) > parameters.max_train_clips:
        spread = np.linspace(0, len(index) - 1, parameters.max_train_clips)
        index = index.take(spread.round().astype(int))
    return index


def trained_frames(recording: Recording, n_frames: int, parameters: Parameters) -> np.ndarray:
    """Say which frames of a training recording are trained on.

    Parameters
    ----------
    recording, n_frames, parameters
        With as many frames as were decoded; of the run.

    Returns
    -------
    kept : ndarray of bool, shape (n_frames,)
        True from `train_start` to `train_stop`, but where the target is shown; a supervised model
        needs the target, so there nothing is removed.
    """
    kept = part_of(n_frames, parameters.train_start, parameters.train_stop)
    labelled = labels_of(recording, n_frames, parameters)
    if labelled is not None and parameters.model != "supervised":
        kept &= ~labelled.is_target(parameters.target)
    return kept


def part_of(n_frames: int, start: float, stop: float) -> np.ndarray:
    """Say which frames lie in a part of a recording, `start` and `stop` being shares of it: bool.

    Two parts that touch, such as 0 to 0.5 and 0.5 to 1, share no frame and leave none out.
    """
    inside = np.zeros(n_frames, bool)
    inside[int(round(start * n_frames)) : int(round(stop * n_frames))] = True
    return inside


def training_windows(kept: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Kept frames of one recording as training clips: (n_clips, clip_length) int32."""
    length, stride = parameters.clip_length, parameters.frame_stride
    if parameters.clips_across_gaps == "literal":
        runs = [np.flatnonzero(kept)]
    else:
        edges = np.flatnonzero(np.diff(np.r_[False, kept, False].astype(np.int8)))
        runs = [np.arange(start, stop) for start, stop in edges.reshape(-1, 2)]
    windows = [sliding_windows(run[::stride], length, parameters.clip_step) for run in runs]
    return np.concatenate([np.empty((0, length), np.int32), *windows])


def sliding_windows(frames: np.ndarray, length: int, step: int) -> np.ndarray:
    """Windows over `frames`, `step` apart: (n, length) int32; what is left over is dropped."""
    if len(frames) < length:
        return np.empty((0, length), np.int32)
    return np.lib.stride_tricks.sliding_window_view(frames, length)[::step].astype(np.int32)


def index_test_clips(
    recordings: Sequence[Recording], stores: Mapping[str, Store], parameters: Parameters
) -> ClipIndex:
    """Cut the tested part of test recordings into clips of successive frames.

    Clips start `test_clip_step` frames apart. If that leaves frames over at the end, one more clip
    ends at the last frame, so that every frame gets a score.

    Parameters
    ----------
    recordings, stores, parameters
        Those of the test, by name of the recording, and of the run.

    Raises
    ------
    InputError
        If a recording's tested part is shorter than a clip, or no labelled frame shows the target.
    """
    parts = []
    shown, labelled = False, False
    for recording in recordings:
        frames = tested_frames(recording, stores[recording.name], parameters)
        if len(frames) < parameters.clip_length:
            raise InputError(
                f"The tested part of {recording.name} has {len(frames)} frames, fewer than"
                f" clip_length={parameters.clip_length}; widen test_start and test_stop."
            )
        windows = sliding_windows(frames, parameters.clip_length, parameters.test_clip_step)
        if windows[-1, -1] != frames[-1]:
            windows = np.concatenate([windows, frames[None, -parameters.clip_length :]])
        parts.append(windows.astype(np.int32))
        labels = labels_of(recording, len(stores[recording.name]), parameters)
        if labels is not None:
            labelled = True
            shown = shown or bool(labels.is_target(parameters.target)[frames].any())
    if labelled and not shown:
        tested = ", ".join(recording.name for recording in recordings)
        raise InputError(
            f"The target {parameters.target!r} is absent from the tested part of {tested}; choose"
            " another target, test_recordings, or wider test_start and test_stop."
        )
    return _join(recordings, stores, parts, parameters)


def tested_frames(recording: Recording, store: Store, parameters: Parameters) -> np.ndarray:
    """Frame numbers from test_start to test_stop of a recording.

    Parameters
    ----------
    recording, store, parameters
        Its store, and of the run.

    Returns
    -------
    frames : ndarray of int64, shape (n,)
        0-based.
    """
    return np.flatnonzero(part_of(len(store), parameters.test_start, parameters.test_stop))


def labels_of(recording: Recording, n_frames: int, parameters: Parameters) -> Recording | None:
    """The recording with exactly one label per decoded frame; None if it is unlabelled.

    Parameters
    ----------
    recording, n_frames, parameters
        With as many frames as were decoded; of the run.
    """
    labels = check_label_length(
        recording, n_frames, parameters.label_tolerance, parameters.labels_end
    )
    return None if labels is None else replace(recording, labels=labels)


def split_clips(index: ClipIndex, parameters: Parameters) -> tuple[ClipIndex, ClipIndex]:
    """Split training clips into those to train on and those to validate on.

    'random' draws the validation share with the run's seed; 'last' takes the final share, in order.
    The share is rounded up, which gives the paper's counts (9577 and 2395 of 11972).

    Parameters
    ----------
    index, parameters
        Of the training clips, and of the run.

    Returns
    -------
    training, validation : ClipIndex
    """
    held_out = math.ceil(parameters.validation_fraction * len(index))
    order = np.arange(len(index))
    if parameters.validation_split == "random":
        order = np.random.default_rng([parameters.seed, 0]).permutation(len(index))
    cut = len(index) - held_out
    if cut == 0:
        raise InputError("validation_fraction leaves no clip to train on; lower it.")
    return index.take(np.sort(order[:cut])), index.take(np.sort(order[cut:]))


def _join(
    recordings: Sequence[Recording],
    stores: Mapping[str, Store],
    parts: list[np.ndarray],
    parameters: Parameters,
) -> ClipIndex:
    enough = 1 if parameters.clip_label == "any" else parameters.clip_length / 2
    targets, behaviours = [], []
    for recording, frames in zip(recordings, parts, strict=True):
        labels = labels_of(recording, len(stores[recording.name]), parameters)
        if labels is None:
            targets.append(np.zeros(len(frames), bool))
            behaviours.append(np.full(len(frames), -1, np.int16))
            continue
        targets.append(labels.is_target(parameters.target)[frames].sum(axis=1) >= enough)
        codes = labels.labels[frames]
        votes = (codes[:, :, None] == np.arange(len(labels.behaviours))).sum(axis=1)
        behaviours.append(votes.argmax(axis=1).astype(np.int16))
    counts = [len(part) for part in parts]
    return ClipIndex(
        np.repeat(np.arange(len(parts), dtype=np.int16), counts),
        np.concatenate(parts) if parts else np.empty((0, parameters.clip_length), np.int32),
        np.concatenate(targets) if parts else np.empty(0, bool),
        np.concatenate(behaviours) if parts else np.empty(0, np.int16),
        tuple(recording.name for recording in recordings),
        next((recording.behaviours for recording in recordings if recording.behaviours), ()),
    )


def measure_flow_scale(
    index: ClipIndex, stores: Mapping[str, Store], parameters: Parameters
) -> float:
    """Speed in pixels that maps to 1: `flow_percentile` of the speeds in the training clips.

    One constant per study keeps speed comparable between frames; it is read from training frames
    only, from at most FLOW_SAMPLE of them spread evenly.

    Parameters
    ----------
    index, stores, parameters
        Of the training clips, by name of the recording, and of the run.

    Returns
    -------
    speed : float
        In pixels a source frame.
    """
    speeds = []
    every = max(1, index.frames.size // FLOW_SAMPLE)
    for number, name in enumerate(index.names):
        frames = np.unique(index.frames[index.recording == number])[::every]
        flow = stores[name].flow[frames].astype(np.float32)
        speeds.append(np.hypot(flow[..., 0], flow[..., 1]).ravel())
    largest = float(np.percentile(np.concatenate(speeds), parameters.flow_percentile))
    return max(largest, 1e-3)  # a still scene has no speed to scale by
