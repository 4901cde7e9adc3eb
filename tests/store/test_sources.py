"""Sources that change behind a store, and clocks that cannot be trusted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.recordings import Recording
from cagewatch.store import build as store
from cagewatch.store import manifest, preprocess

SETTINGS = preprocess.preprocessing_of(params.resolve({"dataset": "ped2"}))


@pytest.fixture
def bitmaps(tmp_path):
    """A folder of images that all have the same size in bytes."""
    import cv2

    folder = tmp_path / "film"
    folder.mkdir()
    generator = np.random.default_rng(1)
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.bmp"), generator.integers(0, 255, (32, 48), np.uint8))
    return folder


def build_one(source: Path, stores: Path) -> store.Store:
    recording = Recording("x", source)
    return store.build_stores([recording], stores, SETTINGS, progress=False)["x"]


def keep_times(path: Path, change) -> None:
    """Change a file and set its time of modification back, as `cp -p` and `rsync -t` do."""
    before = path.stat()
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_changed_source_of_the_same_size_and_time_is_read_again(bitmaps, tmp_path):
    first = np.array(build_one(bitmaps, tmp_path / "stores").gray)
    whole = (bitmaps / "5.bmp").read_bytes()
    keep_times(bitmaps / "0.bmp", lambda path: path.write_bytes(whole))
    second = build_one(bitmaps, tmp_path / "stores").gray
    assert np.array_equal(second[0], first[5]) and not np.array_equal(second[0], first[0])


def test_images_that_changed_places_are_read_again(bitmaps, tmp_path):
    first = np.array(build_one(bitmaps, tmp_path / "stores").gray)
    (bitmaps / "1.bmp").rename(bitmaps / "aside")
    (bitmaps / "4.bmp").rename(bitmaps / "1.bmp")
    (bitmaps / "aside").rename(bitmaps / "4.bmp")
    second = build_one(bitmaps, tmp_path / "stores").gray
    assert np.array_equal(second[1], first[4]) and np.array_equal(second[4], first[1])


@pytest.mark.parametrize("shift_s", [-10 * 365 * 86400, 10 * 365 * 86400])
def test_a_clock_far_off_neither_hides_a_change_nor_costs_a_store(bitmaps, tmp_path, shift_s):
    when = time.time() + shift_s
    before = (build_one(bitmaps, tmp_path / "stores").folder / "gray.npy").stat().st_ino
    for path in (*bitmaps.iterdir(), *(tmp_path / "stores").rglob("*")):
        os.utime(path, (when, when))
    assert (build_one(bitmaps, tmp_path / "stores").folder / "gray.npy").stat().st_ino == before
    (bitmaps / "0.bmp").write_bytes((bitmaps / "5.bmp").read_bytes())
    os.utime(bitmaps / "0.bmp", (when - 1000, when - 1000))
    gray = build_one(bitmaps, tmp_path / "stores").gray
    assert np.array_equal(gray[0], gray[5])


def test_new_time_stamps_are_remembered_so_that_the_source_is_not_read_every_time(
    bitmaps, tmp_path, monkeypatch
):
    build_one(bitmaps, tmp_path / "stores")
    os.utime(bitmaps / "0.bmp")
    build_one(bitmaps, tmp_path / "stores")
    monkeypatch.setattr(manifest, "describe_source", lambda _: pytest.fail("read again"))
    build_one(bitmaps, tmp_path / "stores")


def test_a_source_that_changes_while_it_is_read_is_refused(bitmaps, tmp_path, monkeypatch):
    read = store.read_frames

    def read_and_change(source, *more):
        yield from read(source, *more)
        (source / "3.bmp").write_bytes((source / "2.bmp").read_bytes())

    monkeypatch.setattr(store, "read_frames", read_and_change)
    with pytest.raises(InputError, match="changed while it was read"):
        build_one(bitmaps, tmp_path / "stores")
    assert not (tmp_path / "stores" / "x").exists()
