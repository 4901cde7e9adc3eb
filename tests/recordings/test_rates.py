"""Recordings of different frame rates: refused by name, or brought to the lowest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cagewatch.errors import InputError
from cagewatch.recordings import Recording
from cagewatch.recordings.rates import match_rates, resample
from cagewatch.video import probe, read_frames


def test_rates_are_matched_or_refused_by_name(tmp_path, write_video, moving_disc):
    slow = Recording("slow", write_video(tmp_path / "slow.mp4", moving_disc(50), 25))
    labels = np.repeat([0, 1, 0], [20, 20, 60]).astype(np.int16)
    video = write_video(tmp_path / "fast.mp4", moving_disc(100), 50)
    fast = Recording("fast", video, None, labels, ("jump", "other"), tmp_path / "fast.csv")
    with pytest.raises(InputError, match="slow has 25 frames per second but fast has 50"):
        match_rates([slow, fast], "refuse", tmp_path / "copies")
    kept, copied = match_rates([slow, fast], "resample", tmp_path / "copies")
    assert kept is slow
    assert probe(copied.source).fps == pytest.approx(25)
    original = [frame for _, frame in read_frames(video)][::2]
    for one, other in zip(read_frames(copied.source), original, strict=True):
        np.testing.assert_array_equal(one[1], other)
    np.testing.assert_array_equal(copied.labels, labels[::2])
    assert resample(replace(fast, labels=None), 10, tmp_path / "more").labels is None
