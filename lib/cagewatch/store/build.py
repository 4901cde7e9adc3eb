"""The store: per recording, memory maps of gray and flow and a manifest that says what they are.

A store is a folder ``<key>/<recording>/`` with ``gray.npy``, ``flow.npy``, ``times.npy`` and
``manifest.json``. It appears whole or not at all, and is reused only while the preprocessing
settings, the source's bytes and its own bytes are those of the manifest.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from tqdm.auto import tqdm

from cagewatch import runtime
from cagewatch.errors import InputError
from cagewatch.files import lock_file
from cagewatch.params import Parameters, project_root
from cagewatch.recordings import Recording
from cagewatch.store.manifest import (
    ARRAYS,
    FORMAT,
    describe_source,
    is_current,
    is_unchanged,
    read_manifest,
    write_manifest,
)
from cagewatch.store.preprocess import Preprocessing, preprocess_frames, preprocessing_of
from cagewatch.video import VIDEO_SUFFIXES, probe, read_frames, say_assumed_rate

LARGE_FRAME = 1 << 19  # pixels, from which on one decoder thread cannot feed two cores


@dataclass(frozen=True)
class Store:
    """One recording's memory maps.

    Attributes
    ----------
    gray : (n_frames, rows, columns) uint8.
    flow : (n_frames, rows, columns, 2) float16, pixels; ``flow[i]`` leads to frame i.
    times : (n_frames,) float64, seconds.
    source_digest : SHA-256 of the source, hex.
    """

    name: str
    folder: Path
    gray: np.ndarray
    flow: np.ndarray
    times: np.ndarray
    source_digest: str

    def __len__(self) -> int:
        return len(self.gray)


def store_folder(results_dir: Path, dataset: str, settings: Preprocessing) -> Path:
    """Folder of all stores of a dataset made with `settings`."""
    text = json.dumps({"format": FORMAT, **settings.as_dict()}, sort_keys=True)
    return results_dir / "stores" / dataset / hashlib.sha256(text.encode()).hexdigest()[:12]


def stores_of(
    recordings: Sequence[Recording], parameters: Parameters, cores: int = 1
) -> dict[str, Store]:
    """The stores of `recordings` as `parameters` want them, by name; what is missing is built.

    InputError as `build_stores` says, and where memory runs out.
    """
    settings = preprocessing_of(parameters)
    results = project_root() / Path(parameters.results_dir).expanduser()
    folder = store_folder(results, parameters.dataset, settings)
    try:
        return build_stores(recordings, folder, settings, cores)
    except MemoryError as error:
        raise InputError(
            f"Memory ran out over the stores in {folder}; close other programs or raise the limit"
            " on address space (ulimit -v), then run again."
        ) from error


def build_stores(
    recordings: Sequence[Recording],
    folder: Path,
    settings: Preprocessing,
    cores: int = 1,
    progress: bool = True,
) -> dict[str, Store]:
    """Preprocess whatever is missing or out of date, then open every store.

    Recordings are spread over processes; with fewer recordings than cores, the spare cores work
    inside each recording. Two processes that build the same store wait for each other. InputError
    for a source that cannot be decoded, a folder that cannot be written, or two sources of the same
    name.
    """
    # The same recording may be given twice: to train on and, for want of others, to score.
    sources = {recording.name: recording.source for recording in recordings}
    for recording in recordings:
        if (other := sources[recording.name]) != recording.source:
            raise InputError(
                f"{other} and {recording.source} have the same name; rename one of the files."
            )
    recordings = list({recording.name: recording for recording in recordings}.values())
    todo = [
        item for item in recordings if not is_current(folder / item.name, item.source, settings)
    ]
    if todo:
        processes = min(cores, len(todo))
        threads = max(1, cores // processes)
        jobs = [(recording.name, recording.source, folder, settings, threads) for recording in todo]
        with tqdm(
            total=len(jobs), desc="preprocess", unit="recording", disable=not progress
        ) as bar:
            if processes == 1:
                for job in jobs:
                    build_store(*job)
                    bar.update()
            else:
                _build_in_processes(jobs, processes, bar)
    return {recording.name: open_store(folder / recording.name) for recording in recordings}


def _build_in_processes(jobs: list[tuple[Any, ...]], processes: int, bar: tqdm) -> None:
    # Fork would copy TensorFlow's threads' locks in a notebook that has already imported it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, runtime.start_worker) as pool:
        futures = {pool.submit(build_store, *job): job[0] for job in jobs}
        try:
            for future in as_completed(futures):
                future.result()
                bar.update()
        except BrokenProcessPool as error:
            raise InputError(
                "A preprocessing process was killed, probably for want of memory; what was finished"
                " is kept: run again, with fewer cores if it happens again. (A script of your own "
                "has to call this under 'if __name__ == \"__main__\":'.)"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def build_store(
    name: str, source: Path, folder: Path, settings: Preprocessing, threads: int = 1
) -> None:
    """Preprocess one recording into ``folder/name`` unless a current store is there by then."""
    final = folder / name
    with lock_file(folder / f".{name}.lock"):
        if is_current(final, source, settings):
            return
        partial, stale = folder / f".partial-{name}", folder / f".stale-{name}"
        # Under the lock a leftover can only be a killed process's.
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(stale, ignore_errors=True)
        try:
            partial.mkdir()
            before = describe_source(source)
            n_frames = _write_arrays(partial, source, settings, threads)
            if not is_unchanged(source, before):
                raise InputError(
                    f"{source} changed while it was read; run again when it is at rest."
                )
            write_manifest(partial, name, before, settings, n_frames)
            if final.exists():
                os.rename(final, stale)
                shutil.rmtree(stale, ignore_errors=True)
            os.rename(partial, final)
        except (MemoryError, RuntimeError, cv2.error) as error:  # Runtime: no more threads
            raise InputError(
                f"{source} cannot be preprocessed ({error}); use fewer cores if memory is short,"
                " else check region, the resize_* and the farneback_* parameters."
            ) from error
        except OSError as error:
            raise InputError(
                f"Cannot write the store {final}: {error.strerror}; check the folder's permissions"
                " and the free space, then run again."
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _write_arrays(folder: Path, source: Path, settings: Preprocessing, threads: int) -> int:
    shape = (settings.rows, settings.columns)
    with (
        open(folder / "gray.npy", "wb") as gray_file,
        open(folder / "flow.npy", "wb") as flow_file,
        open(folder / "times.npy", "wb") as times_file,
    ):
        files: list[tuple[BinaryIO, tuple[int, ...], np.dtype]] = [
            (gray_file, shape, np.dtype(np.uint8)),
            (flow_file, (*shape, 2), np.dtype(np.float16)),
            (times_file, (), np.dtype(np.float64)),
        ]
        for file, inner, dtype in files:
            _write_header(file, 0, inner, dtype)
        n_frames = 0
        header = probe(source, settings.image_fps)
        if not header.timed and source.suffix.lower() in VIDEO_SUFFIXES:
            say_assumed_rate(source, header.fps)
        # Large frames are slow to decode; small ones are worked on while the next are decoded.
        decoding = threads if header.width * header.height > LARGE_FRAME else 1
        frames = read_frames(source, decoding, settings.image_fps)
        for times, gray, flow in preprocess_frames(frames, settings, threads):
            gray_file.write(np.ascontiguousarray(gray))
            flow_file.write(np.ascontiguousarray(flow))
            times_file.write(times)
            n_frames += len(times)
        for file, inner, dtype in files:
            file.seek(0)
            _write_header(file, n_frames, inner, dtype)
            file.flush()
            os.fsync(file.fileno())
    if n_frames == 0:
        raise InputError(f"{source} holds no frame; remove it from the data folder.")
    return n_frames


def _write_header(file: BinaryIO, n_frames: int, inner: tuple[int, ...], dtype: np.dtype) -> None:
    # NumPy pads the header so that the first axis can grow without moving the data.
    header = {"descr": dtype.str, "fortran_order": False, "shape": (n_frames, *inner)}
    np.lib.format.write_array_header_1_0(file, header)


def open_store(folder: Path) -> Store:
    """Open a store's memory maps; InputError if its bytes are not those it was written with."""
    manifest = read_manifest(folder)
    try:
        maps = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    except (OSError, MemoryError) as error:
        raise InputError(
            f"The store {folder} cannot be mapped into memory ({error}); close other programs or"
            " raise the limit on address space (ulimit -v), then run again."
        ) from error
    return Store(manifest["recording"], folder, **maps, source_digest=manifest["source"]["sha256"])
