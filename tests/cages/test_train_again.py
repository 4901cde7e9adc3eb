"""Training into a folder in which there is a cage already, and what is refused before training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cagewatch import cages
from cagewatch.cages import TrainParameters, plan, plan_training, train_cage
from cagewatch.cages.check import cut_beginning
from cagewatch.cages.sources import gather_sources, read_videos
from cagewatch.cli import app
from cagewatch.errors import InputError

QUICK = {"detector": "flow_magnitude", "frame_stride": 1, "cores": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory, write_video, moving_disc) -> Path:
    """A folder with two videos and a cage trained on them."""
    folder = tmp_path_factory.mktemp("made")
    for number in range(2):
        write_video(folder / f"t{number}.mp4", moving_disc(60, speed=2 + number), 30)
    cages.fit(folder, into=folder / "my_cage", **QUICK)
    return folder


@pytest.fixture
def videos(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "videos"))


def asked(videos: Path, **more) -> TrainParameters:
    return TrainParameters(**QUICK, videos=str(videos), into=str(videos / "my_cage"), **more)


def test_the_default_folder_of_another_folders_cage_is_refused(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for lab in "ab":
        shutil.copytree(made, lab + "/videos", ignore=shutil.ignore_patterns("my_cage"))
    for _ in range(2):  # a second time too
        cage = cages.fit("a/videos/", **QUICK)
    assert cage.folder == tmp_path / "results" / "cages" / "videos"
    with pytest.raises(InputError, match="is the cage of .*a/videos, and .*b/videos .* into"):
        cages.fit("b/videos", **QUICK)
    assert cages.fit("b/videos", into="b/cage", **QUICK).folder == tmp_path / "b" / "cage"


def test_wrong_settings_are_named_before_training(videos):
    with open(videos / "my_cage" / "cage.yaml", "a") as file:
        file.write("budgett: 3\n")
    with pytest.raises(InputError, match="did you mean 'budget'"):
        plan_training(asked(videos))


def test_a_run_of_another_version_is_made_again(videos):
    cage = cages.open_cage(videos / "my_cage")
    path = cage.run.folder / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    with pytest.raises(InputError, match="another version"):
        cages.open_cage(cage.folder)
    again = train_cage(plan_training(asked(videos, seed=1, budget=9)))
    assert again.settings.run.endswith("seed-1") and again.settings.budget == 9


def test_more_than_a_runs_scores_may_hold_is_refused_before_training(videos, monkeypatch):
    monkeypatch.setattr(plan, "MAX_FRAMES", 50)
    with pytest.raises(InputError, match="About 60 frames are held out, more than the 50"):
        plan_training(asked(videos))
    monkeypatch.setattr(plan, "MAX_FRAMES", 60)
    assert len(plan_training(asked(videos)).held_out) == 1


def test_100_hours_at_60_frames_a_second_may_be_held_out():
    assert plan.MAX_FRAMES >= 100 * 3600 * 60


def test_a_cages_own_films_are_not_trained_on(videos):
    films = videos / "my_cage" / "scored" / "n1"
    films.mkdir(parents=True)
    shutil.copy(videos / "t0.mp4", films / "highlights.mp4")
    found = plan_training(asked(videos))
    assert [one.name for one in [*found.train, *found.held_out]] == ["t0", "t1"]
    assert list(found.sources) == ["t0", "t1"]
    shutil.copytree(films, videos / "my_cage" / "mine")  # what it did not write is a recording
    cage = videos / "my_cage"
    assert list(gather_sources([cage], without=cage)) == ["mine/highlights"]
    assert [one.name for one in read_videos([cage], without=cage)] == ["mine-highlights"]


def test_a_dry_run_writes_no_copies_and_training_does(videos, write_video, moving_disc):
    shutil.rmtree(videos / "my_cage")
    write_video(videos / "fast.mp4", moving_disc(120), 60)
    with pytest.raises(InputError, match="leave one out"):
        plan_training(asked(videos))
    found = plan_training(asked(videos, frame_rates="resample"))
    assert not (videos / "my_cage").exists()
    cage = train_cage(found)
    copies = [path.name for path in (cage.folder / "stores" / "resampled").iterdir()]
    assert copies == ["fast.mkv"] and len(cage.run.frames) == 60


def test_a_video_of_one_frame_is_too_short_to_time(tmp_path, write_video, moving_disc):
    video = write_video(tmp_path / "one.mp4", moving_disc(1), 30)
    with pytest.raises(InputError, match="too short, so nothing was timed"):
        cut_beginning(video, tmp_path / "copy.mkv", 30)


def test_detectors_are_timed_though_the_first_video_is_a_stub(tmp_path, write_video, moving_disc):
    for name, count in (("a", 1), ("b", 60)):
        write_video(tmp_path / f"{name}.mp4", moving_disc(count), 30)
    words = ["check", str(tmp_path), "--detector", "flow_magnitude", "--cores", "1"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "flow_magnitude: training about" in done.stdout
