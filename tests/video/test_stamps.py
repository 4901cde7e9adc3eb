"""Time stamps: gaps, B-frames, clocks that restart, rates that vary."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from media import decode

from cagewatch import video
from cagewatch.video import decode as decoding


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_variable_frame_rate_is_kept(tmp_path, write_video, moving_disc, name):
    stamps = [1000 + 40 * i + 7 * i * i for i in range(12)]
    path = write_video(tmp_path / name, moving_disc(12), times=stamps, time_base=Fraction(1, 1000))
    times, _ = decode(path)
    np.testing.assert_allclose(times, (np.array(stamps) - 1000) / 1000, atol=2e-3)


@pytest.mark.filterwarnings("ignore:.*time jumps")
@pytest.mark.parametrize(("name", "fps"), [("a.mp4", 30), ("a.mkv", 120), ("a.avi", 30)])
def test_a_gap_does_not_change_the_frame_rate(tmp_path, write_video, moving_disc, name, fps):
    stamps = [frame + (6 * fps if frame >= 60 else 0) for frame in range(90)]
    path = write_video(
        tmp_path / name, moving_disc(90, 32, 32), fps, times=stamps, time_base=Fraction(1, fps)
    )
    assert video.probe(path).fps == pytest.approx(fps, rel=2e-3)
    np.testing.assert_allclose(decode(path)[0], np.array(stamps) / fps, atol=1e-3)


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", {"bf": "3", "preset": "medium"}), ("mpeg4", {"bf": "2"}), ("mpeg4", {})],
)
@pytest.mark.parametrize("name", ["a.avi", "a.mkv"])
def test_b_frames_keep_their_times_and_are_found_again(
    tmp_path, write_video, moving_disc, name, codec, options
):
    # An AVI stamps pictures in the order of decoding: 1, 4, 3, 5, 2, ... as they are shown.
    options = {"g": "25", "qmin": "1", "qmax": "1"} | options
    path = write_video(tmp_path / name, moving_disc(150), 25, codec, options=options)
    for threads in (1, 4):
        times, frames = decode(path, threads=threads)
        np.testing.assert_allclose(times, np.arange(150) / 25, atol=1e-3)
    for first in (0, 40, 93, 144):
        again = video.read_frames_at(path, first, times[first : first + 6])
        np.testing.assert_array_equal(again, frames[first : first + 6])


def stamped(monkeypatch, tmp_path, write_video, moving_disc, stamps, says="not grow"):
    """Times given to frames with these stamps, in seconds, at 25 frames a second."""

    class Frame:
        def __init__(self, time):
            self.time = time

    path = write_video(tmp_path / "a.mp4", moving_disc(4), 25)
    monkeypatch.setattr(decoding, "_decode", lambda *_: map(Frame, stamps))
    monkeypatch.setattr(decoding, "luminance", lambda _: np.zeros((4, 4), np.uint8))
    with pytest.warns(UserWarning, match=says):
        return decode(path)[0]


def test_stamps_in_the_wrong_order_do_not_make_a_video_longer(
    monkeypatch, tmp_path, write_video, moving_disc
):
    stamps = [0.04] + [
        0.16 * four + stamp for four in range(100) for stamp in (0.16, 0.12, 0.2, 0.08)
    ]
    times = stamped(monkeypatch, tmp_path, write_video, moving_disc, stamps)
    np.testing.assert_allclose(times, np.arange(401) / 25, atol=4 / 25)


def test_a_clock_that_restarts_goes_on_one_nominal_frame_later(
    monkeypatch, tmp_path, write_video, moving_disc
):
    stamps = [5.0, 5.04, None, 5.12, 1.0, 1.04, 1.04, 1.12]
    times = stamped(monkeypatch, tmp_path, write_video, moving_disc, stamps, "3 frames .* frame 2;")
    np.testing.assert_allclose(times, np.arange(8) * 0.04, atol=1e-9)
