"""Flagged bouts of a video whose frame rate varies: every file gives the frames' own times."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from cagewatch import video
from cagewatch.cages import results, scoring
from cagewatch.cages.alarms import Level, tabulate_alarms
from cagewatch.metrics import AlarmShape


def test_every_file_gives_the_time_stamps_where_the_rate_varies(
    tmp_path, write_video, moving_disc
) -> None:
    # Ten frames at 10 a second, a pause of 5 s, ten at 20: the average rate is right nowhere.
    stamps = [*range(0, 1000, 100), *range(5900, 6400, 50)]
    source = write_video(
        tmp_path / "a.mkv", moving_disc(20), times=stamps, time_base=Fraction(1, 1000)
    )
    times = np.array([time_s for time_s, _ in video.read_frames(source)])
    np.testing.assert_allclose(times, np.array(stamps) / 1000, atol=2e-3)
    values = np.isin(np.arange(20), [3, 4, 12, 13, 14, 18, 19]).astype(float)
    frames = pd.DataFrame({"frame": np.arange(20), "time_s": times, "score": values})
    shape = AlarmShape(smoothing_s=0, hysteresis=0, merge_gap_s=0, min_length_s=0)
    alarms = tabulate_alarms(frames, Level(1.0, 0.0, "both", shape, "", None))
    assert alarms[["start_frame", "stop_frame"]].values.tolist() == [[3, 4], [12, 14], [18, 19]]
    wanted = [[0.3, 0.5], [6.0, 6.15], [6.3, 6.45]]  # the last frame lasts a median one: 0.1 s
    np.testing.assert_allclose(alarms[["start_s", "stop_s"]], wanted, atol=3e-3)
    result = scoring.Result(source, frames, alarms)
    _, plain, boris, sheet = results.write_results(tmp_path, result, 25.0)
    written = pd.read_csv(plain)
    for table in (pd.read_csv(boris), pd.read_excel(sheet)):
        seconds = table["Time"].to_numpy().reshape(-1, 2)
        np.testing.assert_allclose(seconds, alarms[["start_s", "stop_s"]], atol=6e-4)
        np.testing.assert_allclose(seconds, written[["start_s", "stop_s"]], atol=6e-4)
    assert written["start_s"][1] == pytest.approx(6.0, abs=2e-3)
