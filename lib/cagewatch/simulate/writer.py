"""Writes a simulated data set in the on-disk layout of the MIT home-cage database."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm.auto import tqdm

from cagewatch.errors import InputError
from cagewatch.files import read_json, whole_file, write_json
from cagewatch.runtime import available_cores, start_worker
from cagewatch.simulate import cage
from cagewatch.simulate.ethogram import Bout
from cagewatch.simulate.render import recording_bouts, render_frames

VERSION = 2  # raise when the same seed would give other pictures
RATE = Fraction(30000, 1001)  # frames per second
ANNOTATIONS = "Annotator_group_1"
MARKER = "simulated.json"
STALE = 3600  # seconds after which a part of a file belongs to nobody
NIGHTS = 1 / 3  # share of recordings by night, as 4 of the MIT database's 12


def name_recordings(n_recordings: int) -> list[str]:
    """Names of the recordings: two thirds by day, a third by night, each numbered from 1."""
    n_nights = round(n_recordings * NIGHTS)
    days = [f"simulated_day_{i + 1:02d}" for i in range(n_recordings - n_nights)]
    return days + [f"simulated_night_{i + 1:02d}" for i in range(n_nights)]


def write_annotations(path: Path, bouts: Iterable[Bout]) -> None:
    """Write bouts as the MIT database does: 1-based frame numbers, both ends inclusive."""
    lines = [f"frame: {b.start + 1:08d}-{b.stop:08d} {b.behaviour}\n" for b in bouts]
    with whole_file(path) as partial:
        partial.write_text("".join(lines), encoding="utf-8")


def write_video(path: Path, frames: Iterator[np.ndarray]) -> None:
    """Encode (240, 320) uint8 full-range luminance frames as MPEG-1 in a program stream."""
    studio = np.rint(16 + np.arange(256) * 219 / 255).astype(np.uint8)  # video luminance range
    planes = np.full((cage.HEIGHT * 3 // 2, cage.WIDTH), 128, np.uint8)  # colour stays neutral
    with whole_file(path) as partial, av.open(partial, "w", format="mpeg") as container:
        stream = container.add_stream("mpeg1video", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = cage.WIDTH, cage.HEIGHT, "yuv420p"
        context = stream.codec_context
        context.thread_count, context.gop_size, context.max_b_frames = 1, 15, 0
        context.bit_rate = 500_000  # leaves the blocks and smears that the real footage shows
        context.flags |= av.codec.context.Flags.bitexact
        for i, frame in enumerate(frames):
            planes[: cage.HEIGHT] = cv2.LUT(frame, studio)
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = i, 1 / RATE
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def write_recording(folder: Path, name: str, seed: int, n_frames: int, rare: float) -> str:
    """Render one recording; its annotation file is written last and so marks it as complete."""
    bouts = recording_bouts(name, seed, n_frames, rare)
    write_video(folder / f"{name}.mpg", render_frames(name, seed, bouts))
    write_annotations(folder / ANNOTATIONS / f"{name}.txt", bouts)
    return name


def write_dataset(
    data_dir: Path,
    *,
    seed: int,
    n_recordings: int,
    n_frames: int,
    rare: float = 1.0,
    cores: int = 0,
    progress: bool = True,
) -> None:
    """Simulate a data set under ``data_dir/full_database``, as the MIT database lies on disk.

    Recordings that are already complete are kept, so an interrupted call can be repeated. The
    files depend on `seed`, `n_frames` and `rare` alone, not on `cores`.

    Parameters
    ----------
    data_dir : folder for the data set; made if need be. `simulated.json` in it says what it holds.
    seed, n_recordings, n_frames : of the data set; frames are per recording.
    rare : how much more often rare behaviours start than in the real ethogram (see `draw_bouts`).
    cores : processes to render in; 0: as many as this process may use.

    Raises
    ------
    InputError
        If a number is out of range, or `data_dir` holds something else: another data set, or
        files this function did not write.
    """
    data_dir = Path(data_dir)
    _check(seed, n_recordings, n_frames, rare)
    wanted = {
        "version": VERSION,
        "seed": seed,
        "n_recordings": n_recordings,
        "n_frames": n_frames,
        "rare": float(rare),
    }
    folder = data_dir / "full_database"
    names = name_recordings(n_recordings)
    _claim(data_dir, folder, wanted)
    missing = [
        name
        for name in names
        if not (folder / f"{name}.mpg").is_file()
        or not (folder / ANNOTATIONS / f"{name}.txt").is_file()
    ]
    if not missing:
        return
    cores = min(cores or available_cores(), len(missing))
    bar = tqdm(total=len(missing), desc="simulating", unit="recording", disable=not progress)
    jobs = [(folder, name, seed, n_frames, rare) for name in missing]
    with bar:
        if cores == 1:
            for job in jobs:
                write_recording(*job)
                bar.update()
            return
        with ProcessPoolExecutor(cores, get_context("spawn"), start_worker) as pool:
            for done in as_completed([pool.submit(write_recording, *job) for job in jobs]):
                done.result()
                bar.update()


def _check(seed: int, n_recordings: int, n_frames: int, rare: float) -> None:
    """Refuse numbers that make no data set."""
    for name, value, least in (
        ("simulate_seed", seed, 0),
        ("simulate_recordings", n_recordings, 1),
        ("simulate_frames", n_frames, 1),
    ):
        if value != int(value) or value < least:
            raise InputError(f"{name} is {value}; give a whole number of at least {least}.")
    if not 0 < rare < float("inf"):
        raise InputError(f"simulate_rare is {rare}; give a number above 0 (1 is as real).")


def _claim(data_dir: Path, folder: Path, wanted: dict) -> None:
    """Make the folders and the marker, or check that the marker there is the wanted one."""
    marker = data_dir / MARKER
    if marker.is_file():
        found = read_json(marker)
        if found != wanted:
            raise InputError(
                f"{data_dir} holds a simulated data set of other parameters ({marker.name} says "
                f"{found}, wanted {wanted}); choose another data_dir or delete that folder."
            )
    elif folder.exists():
        raise InputError(
            f"{folder} exists but was not simulated; choose another data_dir, so that real "
            "recordings are never mixed with simulated ones."
        )
    (folder / ANNOTATIONS).mkdir(parents=True, exist_ok=True)
    for part in folder.rglob(".partial-*"):  # left behind by a killed process
        if time.time() - part.stat().st_mtime > STALE:
            part.unlink(missing_ok=True)
    write_json(marker, wanted)
