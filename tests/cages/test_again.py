"""Scoring a second time: what is kept, what is scored anew, and what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cagewatch import cages
from cagewatch.cages import batch
from cagewatch.cages.table import read_recordings_table
from cagewatch.errors import InputError


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
    assert "rename the file, or score it into another cage" in outcome.failed["VID1"]
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


def test_what_was_scored_before_an_interrupt_has_its_alarms(cage, top, monkeypatch):
    shutil.copy(top / "day1" / "d1.mp4", top / "d2.mp4")
    scored = batch.score_into

    def interrupted(folder: Path, work: batch.Work, name: str, progress: bool) -> dict:
        if name == "day1/d1":
            raise KeyboardInterrupt
        return scored(folder, work, name, progress)

    monkeypatch.setattr(batch, "score_into", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score(cage, top, threshold=-1e9)
    assert pd.read_csv(cage / "alarms.csv")["recording"].unique().tolist() == ["d2"]


def test_a_wrong_label_file_takes_no_alarms_away(cage, top):
    video = top / "day1" / "d1.mp4"
    score(cage, video, threshold=-1e9)
    before = (cage / "alarms.csv").read_bytes()
    assert len(before.splitlines()) > 1
    video.with_suffix(".csv").write_text("start_frame,stop_frame,behaviour\n9,1,anomaly\n")
    assert "d1" in score(cage, video, threshold=-1e9).failed
    assert (cage / "alarms.csv").read_bytes() == before


def test_a_dry_run_names_cut_videos_and_wrong_labels(cage, top, write_video, moving_disc):
    whole = write_video(top / "whole.avi", moving_disc(90), 30, "mpeg4")
    (top / "cut.avi").write_bytes(whole.read_bytes()[:-2000])
    shutil.copy(whole, top / "labelled.avi")
    (top / "labelled.csv").write_text("start_frame,stop_frame,behaviour\n9,1,anomaly\n")
    given = cages.ScoreParameters(cage=str(cage), recording=[str(top)], cores=1)
    seen = batch.foresee(cages.plan_scoring(given))
    assert sorted(seen.scored) == ["day1/d1", "whole"]
    assert "is cut short" in seen.failed["cut"] and "labelled.csv" in seen.failed["labelled"]


def test_a_part_that_ends_before_it_begins_is_said_so(cage, top):
    with pytest.raises(InputError, match="stop=20 s is not after start=30 s"):
        score(cage, top, start=30, stop=20)
    with pytest.raises(InputError, match="stop=20 s is not after start=30 s"):
        cages.score(cages.open_cage(cage), top / "day1" / "d1.mp4", start=30, stop=20)
