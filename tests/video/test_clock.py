"""Times of frames without decoding, and the frame shown at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from media import decode, write_images

from cagewatch.video import Clock, clock, read_clock


@pytest.mark.filterwarnings("ignore:.*time jumps", "ignore:.*header says")
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.avi", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.mpg", "mpeg1video"),
        ("a.webm", "libvpx"),
        ("a.ts", "libx264"),
    ],
)
def test_the_clock_has_the_times_that_frames_are_read_with(
    tmp_path, write_video, moving_disc, name, codec
):
    stamps = [frame + (100 if frame >= 40 and codec == "libx264" else 0) for frame in range(60)]
    options = {"bf": "2"} if codec != "libvpx" else {"auto-alt-ref": "1", "lag-in-frames": "16"}
    path = write_video(
        tmp_path / name, moving_disc(60), 25, codec, stamps, Fraction(1, 25),
        options=options | {"preset": "medium"},
    )  # fmt: skip
    np.testing.assert_allclose(read_clock(path).times, decode(path)[0], atol=1e-6)


def test_a_video_is_not_decoded_where_its_packets_tell_the_times(
    monkeypatch, tmp_path, write_video, moving_disc
):
    path = write_video(tmp_path / "a.mp4", moving_disc(30), 25)
    monkeypatch.setattr(clock, "read_frames", None)
    np.testing.assert_allclose(read_clock(path).times, np.arange(30) / 25)


def test_images_have_the_rate_that_is_given(tmp_path):
    write_images(tmp_path / "a", 5)
    assert read_clock(tmp_path / "a", 10).times.tolist() == [0, 0.1, 0.2, 0.3, 0.4]


def test_a_frame_is_shown_until_the_next_one_and_the_last_ones_are_counted_on():
    one = Clock(np.array([0.0, 0.1, 0.2, 5.0, 5.1]), 10.0)
    seconds = [0, 0.09, 0.1, 0.25, 4.9, 5.0, 5.15, 5.2001, 5.9001]
    assert [one.frame_at(second) for second in seconds] == [0, 0, 1, 2, 2, 3, 4, 5, 12]
