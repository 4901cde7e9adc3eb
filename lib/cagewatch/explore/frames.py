"""What an alarm looks like: its frames, what the model saw and gave back, and the error map."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from cagewatch.errors import InputError
from cagewatch.explore.figures import tile_pictures
from cagewatch.params import Parameters, project_root
from cagewatch.recordings import Recording, load_recordings
from cagewatch.runs import FinishedRun, open_detector
from cagewatch.store import Store, open_store, store_folder
from cagewatch.store.preprocess import preprocessing_of
from cagewatch.video.seek import read_frames_at

MARGIN = 12  # frames shown before and after an alarm
MAX_FRAMES = 160  # frames of one alarm shown; a longer alarm is shown around its peak


class Reconstruction(NamedTuple):
    """What a model saw and gave back: (n, rows, columns, channels) float32 by stream name."""

    seen: dict[str, np.ndarray]
    given: dict[str, np.ndarray]


def choose_window(start: int, stop: int, peak: int, n_frames: int) -> tuple[int, int]:
    """First frame and the one after the last to show of an alarm, with a margin around it."""
    first, last = max(0, start - MARGIN), min(n_frames, stop + MARGIN)
    if last - first > MAX_FRAMES:
        first = int(np.clip(peak - MAX_FRAMES // 2, first, last - MAX_FRAMES))
        last = first + MAX_FRAMES
    return first, last


def find_store(run: FinishedRun, name: str) -> Store:
    """Store of one of the run's recordings; InputError if it is not on this machine."""
    parameters = run.parameters
    folder = store_folder(
        project_root() / parameters.results_dir, parameters.dataset, preprocessing_of(parameters)
    )
    if not (folder / name / "manifest.json").is_file():
        raise InputError(
            f"The store of {name} is not in {folder}; run the notebook experiment here to make it."
        )
    return open_store(folder / name)


def find_recording(parameters: Parameters, name: str) -> Recording:
    """One of the run's recordings; InputError if its video is not on this machine."""
    for recording in _recordings(parameters.model_dump_json()):
        if recording.name == name:
            return recording
    raise InputError(f"The recording {name!r} is no longer in {parameters.data_dir}.")


@lru_cache(maxsize=4)
def _recordings(parameters: str) -> list[Recording]:
    return load_recordings(Parameters.model_validate_json(parameters))


def reconstruct(run: FinishedRun, store: Store, first: int, last: int) -> Reconstruction:
    """Let the run's detector rebuild frames `first` to `last` (exclusive) of a store.

    The frames are cut into clips laid end to end; the last clip ends with the last frame.

    Raises
    ------
    InputError
        If the detector rebuilds nothing, or the recording is shorter than a clip.
    """
    length = run.parameters.clip_length
    detector = open_detector(run.folder)
    if not detector.rebuilds:
        raise InputError(f"{run.parameters.model} gives a score and rebuilds no picture.")
    if len(store) < length:
        raise InputError(f"{store.name} is shorter than a clip of {length} frames.")
    first = max(0, min(first, len(store) - length))
    last = max(last, first + length)
    starts = [*range(first, last - length + 1, length)]
    starts += [last - length] if starts[-1] != last - length else []
    clips = [slice(start, start + length) for start in starts]
    rebuilt = [detector.rebuild_clip(store.gray[part], store.flow[part]) for part in clips]
    order = np.concatenate([np.arange(start, start + length) for start in starts])
    keep = np.unique(order, return_index=True)[1]
    return Reconstruction(
        *(
            {name: np.concatenate([one[side][name] for one in rebuilt])[keep] for name in streams}
            for side, streams in enumerate(rebuilt[0])
        )
    )


def picture_alarm(
    run: FinishedRun, name: str, first: int, times: np.ndarray, with_model: bool = True
) -> tuple[list[bytes], list[str]]:
    """Pictures of an alarm, one a frame, and what could not be shown.

    Parameters
    ----------
    name : the recording's.
    first : number of its first frame in the recording.
    times : (n,) float, time stamps of the n frames to show.
    with_model : also show what the model saw, gave back, and the error.

    Returns
    -------
    pictures : JPEG, one per frame; empty if neither video nor store is there.
    problems : sentences about what is missing.
    """
    last = first + len(times)
    problems: list[str] = []
    columns: list[list[tuple[str, np.ndarray]]] = [[] for _ in range(last - first)]
    store = None
    try:
        store = find_store(run, name)
    except InputError as error:
        problems.append(str(error))
    try:
        source = find_recording(run.parameters, name).source
        for column, frame in zip(columns, read_frames_at(source, first, times), strict=True):
            column.append(("recording", frame))
    except InputError as error:
        problems.append(str(error))
    if store is not None and with_model:
        try:
            _add_streams(columns, reconstruct(run, store, first, last))
        except InputError as error:
            problems.append(str(error))
    if not all(columns):
        return [], problems
    pictures = [tile_pictures(column) for column in columns]
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures], problems


def _add_streams(columns: list[list], shown: Reconstruction) -> None:
    for stream, seen in shown.seen.items():
        given = shown.given[stream]
        error = np.abs(seen - given).mean(axis=-1)[-len(columns) :]
        largest = max(float(error.max()), 1e-6)
        maps = np.rint(255 * error / largest).astype(np.uint8)
        inputs, outputs = (
            np.rint(255 * np.clip(value.mean(axis=-1), 0, 1)).astype(np.uint8)[-len(columns) :]
            for value in (seen, given)
        )
        for column, one, two, three in zip(columns, inputs, outputs, maps, strict=True):
            column.append((f"{stream} seen", one))
            column.append(("given back", two))
            column.append(("error", cv2.applyColorMap(three, cv2.COLORMAP_INFERNO)))
