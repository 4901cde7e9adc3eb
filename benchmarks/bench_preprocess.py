"""Preprocessing, frames to a written store, against a bare OpenCV loop on one core."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path

import av
import cv2

from benchmarks.material import FRAMES, lengthen, simulate
from benchmarks.measure import Row, compare, interleave, rates
from cagewatch.params import resolve
from cagewatch.recordings import Recording
from cagewatch.runtime import available_cores
from cagewatch.store import build_stores
from cagewatch.store.preprocess import preprocessing_of
from cagewatch.video import read_frames

COPIES = 4  # of a recording, in the one long recording


def loop_bare(video: Path) -> None:
    """What a user would write: decode, gray, resize, Farneback, nothing stored, one thread."""
    one_thread = [cv2.CAP_PROP_N_THREADS, 1]
    capture, previous = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, one_thread), None
    while (read := capture.read())[0]:
        gray = cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY)
        gray = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA)
        if previous is not None:
            cv2.calcOpticalFlowFarneback(previous, gray, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        previous = gray


def loop_twice(video: Path) -> None:
    """Two bare loops at once, each in a process: what two cores of this machine can give."""
    # OpenCV's own threads must not be copied by a fork.
    workers = [get_context("spawn").Process(target=loop_bare, args=(video,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def decode_bare(video: Path) -> None:
    """The decoder alone: nothing is done with its frames."""
    with av.open(str(video)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass


def decode_ours(video: Path) -> None:
    """Luminance frames with times, checked for damage."""
    for _ in read_frames(video):
        pass


def builder(folder: Path, recordings: Sequence[Recording], cores: int) -> Callable[[], object]:
    """A function that builds the recordings' stores anew."""
    settings = preprocessing_of(resolve({"dataset": "simulated"}))

    def build() -> None:
        shutil.rmtree(folder / "stores", ignore_errors=True)
        build_stores(recordings, folder / "stores", settings, cores, progress=False)

    return build


def measure(folder: Path) -> list[Row]:
    """Frame rates of decoding, of stores on one core and on two, and of the bare loops."""
    cv2.setNumThreads(1)
    short = simulate(folder)[0].source
    video = lengthen(short, folder / "long.mpg", COPIES)
    twin = shutil.copy(video, folder / "twin.mpg")
    one, two = Recording("one", video), Recording("two", Path(twin))
    frames, cores = COPIES * FRAMES, min(2, available_cores())
    seconds = interleave(
        {
            "bare decode": lambda: decode_bare(short),
            "our decode": lambda: decode_ours(short),
            "bare loop": lambda: loop_bare(video),
            "two loops": lambda: loop_twice(video),
            "one core": builder(folder, [one], 1),
            "one recording": builder(folder, [one], cores),
            "two recordings": builder(folder, [one, two], cores),
        }
    )
    done = {
        name: rates(values, frames * (1 + name.startswith("two")))
        for name, values in seconds.items()
    }
    for name in ("bare decode", "our decode"):
        done[name] = rates(seconds[name], FRAMES)
    rows = [
        ("decode to luminance / decoder alone", "our decode", "bare decode", ""),
        ("store, one core / bare OpenCV loop, one core", "one core", "bare loop", ""),
        (f"store, one recording, {cores} cores / bare OpenCV loop, one core", "one recording",
         "bare loop", ">= 3.5"),
        (f"store, two recordings, {cores} cores / bare OpenCV loop, one core", "two recordings",
         "bare loop", ">= 3.5"),
        (f"store, one recording: {cores} cores / one core", "one recording", "one core", ">= 1.8"),
        (f"store, two recordings: {cores} cores / one core", "two recordings", "one core",
         ">= 1.8"),
        ("two bare OpenCV loops at once / one: what the machine gives", "two loops", "bare loop",
         ""),
    ]  # fmt: skip
    return [compare(name, done[a], done[b], "frames/s", goal) for name, a, b, goal in rows]
