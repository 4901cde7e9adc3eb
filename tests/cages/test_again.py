"""Scoring a second time: what is kept, what is scored anew, and what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cagewatch import cages
from cagewatch.cages.table import read_recordings_table


@pytest.fixture(scope="module")
def trained(tmp_path_factory, write_video, moving_disc) -> Path:
    """A cage of a detector that is quickly fitted."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(2):
        write_video(folder / f"t{number}.mp4", moving_disc(60, speed=2 + number), 30)
    into = tmp_path_factory.mktemp("made") / "cage"
    return cages.fit(folder, "flow_magnitude", into=into, frame_stride=1, cores=1).folder


@pytest.fixture
def cage(trained, tmp_path) -> Path:
    """The trained cage, in another place."""
    return Path(shutil.copytree(trained, tmp_path / "cage"))


@pytest.fixture
def top(tmp_path, write_video, moving_disc) -> Path:
    """A folder with a video in a folder of it."""
    (tmp_path / "top" / "day1").mkdir(parents=True)
    write_video(tmp_path / "top" / "day1" / "d1.mp4", moving_disc(90, speed=4), 30)
    return tmp_path / "top"


def score(cage: Path, *places: Path, **more):
    """Score into the cage; what became of it."""
    asked = {"cage": str(cage), "recording": [str(place) for place in places], "cores": 1}
    given = cages.ScoreParameters(**asked, anyway=True, **more)
    return cages.score_all(cages.plan_scoring(given))


def test_one_video_has_one_name_from_wherever_it_is_scored(cage, top):
    assert score(cage, top).scored == ["day1/d1"]
    before = pd.read_csv(cage / "alarms.csv")
    assert score(cage, top / "day1")[:2] == ([], ["day1/d1"])
    assert score(cage, top / "day1" / "d1.mp4")[:2] == ([], ["day1/d1"])
    assert pd.read_csv(cage / "alarms.csv").equals(before)
    assert read_recordings_table(cage)["recording"].tolist() == ["t0", "t1", "day1/d1"]


def test_another_recording_at_one_path_replaces_nothing(cage, tmp_path, write_video, moving_disc):
    card = tmp_path / "VID1.mp4"
    write_video(card, moving_disc(90, speed=4), 30)
    assert score(cage, card).scored == ["VID1"]
    os.utime(card, (1e9, 1e9))  # a touch is no other recording
    assert score(cage, card).kept == ["VID1"]
    scores = (cage / "scored" / "VID1" / "scores.csv").read_bytes()
    write_video(card, moving_disc(120, speed=1), 30)
    outcome = score(cage, card)
    assert "is not the recording that was scored as 'VID1'" in outcome.failed["VID1"]
    assert "rename it or score it into another cage" in outcome.failed["VID1"]
    assert (cage / "scored" / "VID1" / "scores.csv").read_bytes() == scores


@pytest.mark.filterwarnings("ignore")  # a file that is still written states another length
@pytest.mark.parametrize("suffix", ["mkv", "avi", "ts"])
def test_a_file_that_has_grown_is_scored_again(cage, tmp_path, write_video, moving_disc, suffix):
    codec = "mpeg4" if suffix == "avi" else "libx264"
    whole = write_video(tmp_path / f"whole.{suffix}", moving_disc(400, speed=4), 30, codec)
    short = write_video(tmp_path / f"a.{suffix}", moving_disc(200, speed=4), 30, codec)
    assert score(cage, short).scored == ["a"]  # its header is not that of the whole one
    shutil.copy(whole, short)
    assert score(cage, short).scored == ["a"]
    assert len(pd.read_csv(cage / "scored" / "a" / "scores.csv")) == 400
