"""Which recordings of a folder teach a detector and which are held out."""

from __future__ import annotations

import pytest

from cagewatch.cages import TrainParameters, plan_training
from cagewatch.cages.plan import spread_evenly
from cagewatch.errors import InputError


@pytest.fixture(scope="module")
def videos(tmp_path_factory, write_video, moving_disc):
    folder = tmp_path_factory.mktemp("videos")
    for name in "abcdefgh":
        write_video(folder / f"{name}.mp4", moving_disc(20), 25)
    return folder


def names(videos, **more) -> list[list[str]]:
    plan = plan_training(TrainParameters(videos=str(videos), into="nowhere", **more))
    return [[item.name for item in part] for part in (plan.train, plan.held_out)]


def test_a_quarter_is_held_out_evenly_spread_or_what_is_named(videos):
    assert names(videos) == [list("abdefh"), ["c", "g"]]
    assert names(videos, held_out=["a", "b"]) == [list("cdefgh"), ["a", "b"]]
    assert not (videos / "nowhere").exists()
    for count in range(1, 30):
        chosen = spread_evenly([str(number) for number in range(count)])
        assert len(set(chosen)) == len(chosen) == max(1, round(count / 4))


def test_only_the_video_that_is_named_is_looked_at(tmp_path, write_video, moving_disc):
    video = write_video(tmp_path / "a.mp4", moving_disc(20), 25)
    (tmp_path / "b.mp4").write_bytes(b"no video")
    (tmp_path / "b.csv").write_text("no labels")
    (tmp_path / "lost.mp4").symlink_to("nowhere.mp4")
    assert names(video) == [["a"], ["a"]]
    with pytest.raises(InputError, match="link to nowhere.mp4"):
        names(tmp_path / "lost.mp4")


def test_of_a_single_recording_the_last_quarter_is_held_out(tmp_path, write_video, moving_disc):
    write_video(tmp_path / "3500.mp4", moving_disc(20), 25)
    plan = plan_training(TrainParameters(videos=str(tmp_path)))
    assert [len(plan.train), len(plan.held_out)] == [1, 1]
    assert plan.parameters.train_stop == plan.parameters.test_start == 0.75
    assert plan.parameters.test_stop == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"held_out": ["A"]}, "did you mean 'a'"),
        ({"held_out": list("abcdefgh")}, "No recording .* to train on"),
        ({"detector": "pca_frame"}, "did you mean 'pca_frames'"),
        ({"into": "there", "target": "x\n"}, "unprintable"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(videos, tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        plan_training(TrainParameters(videos=str(videos), **given))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_makes_no_cage(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        plan_training(TrainParameters(videos=str(tmp_path / "mistyped"), into=str(tmp_path / "c")))
    assert not (tmp_path / "c").exists()
