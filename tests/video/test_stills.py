"""Recordings that are no video files: folders of images and MATLAB volumes."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
import scipy.io
from media import decode

from cagewatch import video
from cagewatch.errors import InputError
from cagewatch.video import stills
from cagewatch.video.decode import Header


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "bmp", "TIF"])
def test_images_come_in_natural_order_at_the_given_rate(tmp_path, suffix):
    for number in (10, 9, 1, 100):
        image = np.full((20, 30), number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.{suffix}"), image)
    # macOS archives carry such companions of every file
    (tmp_path / f"._1.{suffix}").write_bytes(b"\0\5\x16\7")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    times, frames = decode(tmp_path, fps=10)
    assert np.abs(frames[:, 10, 10].astype(int) - [1, 9, 10, 100]).max() <= 1
    np.testing.assert_allclose(times, [0, 0.1, 0.2, 0.3])
    assert video.count_frames(tmp_path) == 4
    assert video.probe(tmp_path) == Header(30, 20, 25.0, 4, timed=False)


def big_endian_page(big: bool, following: int) -> bytes:
    """A TIFF's first directory alone, without pixels, linked to one at `following`."""
    if big:
        return (
            b"MM"
            + struct.pack(">HHHQQ", 43, 8, 0, 16, 1)
            + bytes(20)
            + struct.pack(">Q", following)
        )
    return b"MM" + struct.pack(">HIH", 42, 8, 1) + bytes(12) + struct.pack(">I", following)


def test_a_tiff_of_several_pages_is_refused(tmp_path):
    pages = [np.full((20, 30), value, np.uint8) for value in range(5)]
    cv2.imwrite(str(tmp_path / "1.tif"), pages[0])
    cv2.imwritemulti(str(tmp_path / "2.tif"), pages)
    for read in (decode, lambda folder: stills.read_image(folder / "2.tif")):
        with pytest.raises(InputError, match="2.tif has more than one page"):
            read(tmp_path)
    for big in (True, False):
        for following in (0, 99):
            assert stills.has_more_pages(big_endian_page(big, following)) == bool(following)
        assert not stills.has_more_pages(big_endian_page(big, 99)[:-6])


def test_volumes_have_time_last_and_may_be_in_colour(tmp_path):
    volume = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    scipy.io.savemat(tmp_path / "vol01.mat", {"vol": volume})
    _, frames = decode(tmp_path / "vol01.mat")
    np.testing.assert_array_equal(frames, np.moveaxis(volume, 2, 0))
    colour = np.zeros((4, 6, 3, 5), np.uint8)
    colour[:, :, 1, 2] = 255
    scipy.io.savemat(tmp_path / "walk.mat", {"I": colour})
    _, frames = decode(tmp_path / "walk.mat")
    assert frames[:, 0, 0].tolist() == [0, 0, 150, 0, 0]
    assert video.count_frames(tmp_path / "walk.mat") == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"vol": np.zeros((2, 2, 2), object)}, "must be uint8"),
        ({"vol": np.zeros((2, 2, 2))}, "must be uint8"),
        ({"vol": np.zeros((2, 2), np.uint8)}, "must be uint8"),
        ({"other": np.zeros((2, 2, 2), np.uint8)}, "no variable vol or I"),
    ],
)
def test_other_mat_files_are_refused(tmp_path, content, says):
    scipy.io.savemat(tmp_path / "a.mat", content)
    with pytest.raises(InputError, match=says):
        decode(tmp_path / "a.mat")


def test_damaged_mat_files_are_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 40)).astype(np.uint8)
    scipy.io.savemat(tmp_path / "a.mat", {"vol": noise}, do_compression=True)
    data = (tmp_path / "a.mat").read_bytes()
    for keep in (0, 60, 200, len(data) // 2):
        (tmp_path / "b.mat").write_bytes(data[:keep])
        with pytest.raises(InputError):
            decode(tmp_path / "b.mat")
