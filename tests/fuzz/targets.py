"""What each mutated file is given to, and what must hold of whatever comes out.

A target takes the path of a mutated file and the true frame count of the file it was made from. It
returns a word for the outcome, lets `InputError` through, and raises anything else for a defect.
"""

from __future__ import annotations

import os
import shutil
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from cagewatch import params
from cagewatch.cages.cage import CageSettings
from cagewatch.cages.table import read_recordings_table, update_recordings
from cagewatch.errors import InputError
from cagewatch.files import read_json
from cagewatch.params import check_values, read_flat
from cagewatch.recordings import Recording
from cagewatch.recordings.avenue import read_masks
from cagewatch.recordings.extract import extract_archive
from cagewatch.recordings.folder import read_label_file
from cagewatch.recordings.labels.annotations import (
    MAX_FRAMES,
    MIT_BEHAVIOURS,
    OTHER,
    bouts_of,
    labels_from_bouts,
    read_csv_bouts,
    read_labels,
)
from cagewatch.recordings.labels.frame_labels import check_label_length
from cagewatch.recordings.ucsd import read_ranges
from cagewatch.review.decisions import decide, read_decisions, undo
from cagewatch.review.watch import tell_webhook
from cagewatch.simulate.writer import write_annotations
from cagewatch.store import build_stores, open_store, preprocessing_of
from cagewatch.store.manifest import is_current
from cagewatch.video import read_frames

SETTINGS = preprocessing_of(params.resolve({"dataset": "ped2"}))
DETAILS: dict[str, int] = {}  # more to say about the file in hand
BUILD_EVERY = 10  # every n-th video also goes through the store


def read_video(path: Path, true_frames: int) -> str:
    """Decode a video; says whether the count is the true one, and if not, whether it was told."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        count, last, shape = 0, -1.0, None
        for time, frame in read_frames(path):
            assert frame.dtype == np.uint8 and frame.ndim == 2 and frame.size
            assert np.isfinite(time) and time > last
            assert shape in (None, frame.shape)
            count, last, shape = count + 1, time, frame.shape
        if zlib.crc32(str(path).encode()) % BUILD_EVERY == 0:
            _build(path, count)
    if count == true_frames:
        return "same count"
    _assert_labels_refuse(path, count, true_frames)
    DETAILS.update(count=count, true=true_frames)
    return "other count, warned" if told else "other count"


def read_images(path: Path, true_frames: int) -> str:
    """A folder in which one image is mutated."""
    return read_video(path.parent, true_frames)


def _build(source: Path, count: int) -> None:
    folder = Path(f"{source}.stores")
    try:
        store = build_stores([Recording("x", source)], folder, SETTINGS, progress=False)["x"]
        assert len(store) == len(store.flow) == len(store.times) == count
        assert np.isfinite(store.flow).all()
        assert is_current(folder / "x", source, SETTINGS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _assert_labels_refuse(path: Path, count: int, true_frames: int) -> None:
    """A count that is wrong must never be paired with the recording's labels."""
    labels = np.zeros(true_frames, np.int16)
    recording = Recording("x", path, "train", labels, ("walk",), label_source=path)
    try:
        check_label_length(recording, count, tolerance=0)
    except InputError:
        return
    raise AssertionError(f"{count} frames were given the labels of {true_frames}")


def read_mit(path: Path, _: int) -> str:
    """MIT text: whatever is accepted covers every frame and survives a round trip."""
    labels = read_labels(path)
    assert 0 < len(labels) <= MAX_FRAMES and labels.min() >= 0
    if len(labels) < 100_000:
        again = path.with_name("again.txt")
        write_annotations(again, bouts_of(labels, MIT_BEHAVIOURS).itertuples())
        assert np.array_equal(read_labels(again), labels)
    return "read"


def read_table(path: Path, _: int) -> str:
    """A label file of one's own, its format told by its first lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bouts, _ = read_label_file(path, VIDEO_OF_LABELS)
    assert bouts and all(0 <= bout.start < bout.stop <= MAX_FRAMES + 1 for bout in bouts)
    ordered = sorted(bouts)
    assert all(one.stop <= other.start for one, other in zip(ordered, ordered[1:], strict=False))
    names = (*sorted({bout.behaviour for bout in bouts} - {OTHER}), OTHER)
    if bouts[-1].stop < 1_000_000:
        labels = labels_from_bouts(bouts, names)
        assert labels.min() >= 0
        bouts_of(labels, names)
    return "read"


VIDEO_OF_LABELS = Path("seed.mkv")  # set by the worker to a whole video of 25 frames a second


def read_bout_table(path: Path, _: int) -> str:
    """A csv read as a bout table whatever it looks like."""
    read_csv_bouts(path)
    return "read"


def read_m(path: Path, _: int) -> str:
    """The frame ranges of UCSD."""
    assert all(len(ranges) for ranges in read_ranges(path))
    return "read"


def read_layer(path: Path, _: int) -> str:
    """A parameter layer: read, resolved and validated; what is accepted can be written back."""
    resolved = params.resolve(params.read_layer(path))
    again = path.with_name("again.yaml")
    params.write_params(resolved, again)
    assert params.validate(params.read_layer(again)) == resolved
    return "read"


def read_mask_file(path: Path, _: int) -> str:
    """Avenue's masks."""
    masks = read_masks(path)
    assert masks.dtype == bool and masks.ndim == 1 and len(masks)
    return "read"


def read_result(path: Path, _: int) -> str:
    """A run's metrics as JSON."""
    read_json(path)
    return "read"


def read_store(path: Path, _: int) -> str:
    """A manifest in an otherwise whole store: current only if it says what it said before."""
    folder = path.parent
    video = folder.parent / "seed.mkv"
    if not is_current(folder, video, SETTINGS):
        try:
            open_store(folder)
        except InputError:
            return "not current"
        return "not current but open"
    store = open_store(folder)
    assert store.name == "seed" and len(store) == 6
    assert store.source_digest == SOUND_DIGEST[0], "a changed digest was taken for the truth"
    return "current"


SOUND_DIGEST = [""]  # set by the worker from the whole store


def read_archive(path: Path, _: int) -> str:
    """An archive: whatever is unpacked lies inside, and nothing stays behind after a refusal."""
    folder = path.with_name("unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    before = set(os.listdir(path.parent))
    try:
        extract_archive(path, folder, "data")
        assert set(os.listdir(folder)) == {"data"}
        return "unpacked"
    except InputError:
        assert not folder.exists() or not os.listdir(folder)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        assert set(os.listdir(path.parent)) == before


def read_checkpoint(path: Path, _: int) -> str:
    """A checkpoint's file: read or, if damaged, as good as missing."""
    from cagewatch.detectors.training.checkpoint import read_state

    return "read" if read_state(path) else "damaged"


def read_scores(path: Path, _: int) -> str:
    """A run's score table as everything downstream reads it."""
    from cagewatch.runs.read import read_scores as read

    assert len(read(path))
    return "read"


def read_cage_file(path: Path, _: int) -> str:
    """The settings of a cage."""
    check_values(read_flat(path), CageSettings, str(path))
    return "read"


def read_recordings(path: Path, _: int) -> str:
    """A cage's table of recordings; what is read can be added to, and read again."""
    table = read_recordings_table(path.parent)
    added = update_recordings(path.parent, {"new one": path.parent / "new one.mp4"})
    assert set(table["recording"]) | {"new one"} == set(added["recording"])
    assert len(read_recordings_table(path.parent)) == len(added)
    return "read"


def read_review(path: Path, _: int) -> str:
    """The decisions on alarms: what is read can be added to and taken back."""
    before = read_decisions(path.parent, every=True)
    assert set(before["verdict"]) <= {"accepted", "rejected"}
    alarm = {"recording": "x", "start_s": 1.0, "stop_s": 2.0, "detector": "pca_frames"}
    decide(path.parent, alarm, "accepted", "jump")
    assert undo(path.parent)["recording"] == "x"
    assert len(read_decisions(path.parent, every=True)) == len(before)
    return "read"


def read_detector(path: Path, _: int) -> str:
    """A detector's state beside whole parameters."""
    from cagewatch.detectors import load_detector

    assert load_detector(path.parent).state
    return "read"


def read_webhook(path: Path, _: int) -> str:
    """An address to post news to: whatever is taken is on this machine."""
    address = path.read_bytes().decode("utf-8", "replace")
    tell_webhook(address)
    assert urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1")
    return "read"


TARGETS: dict[str, Callable[[Path, int], str]] = {
    "video": read_video,
    "images": read_images,
    "mit": read_mit,
    "csv": read_table,
    "boris8": read_table,
    "boris7": read_table,
    "boris_table": read_table,
    "deepethogram": read_table,
    "bout_table": read_bout_table,
    "ranges": read_m,
    "layer": read_layer,
    "masks": read_mask_file,
    "json": read_result,
    "store": read_store,
    "scores": read_scores,
    "checkpoint": read_checkpoint,
    "zip": read_archive,
    "tar": read_archive,
    "cage": read_cage_file,
    "recordings": read_recordings,
    "review": read_review,
    "detector": read_detector,
    "webhook": read_webhook,
}
