"""A cage's folder from the command line: trained, scored, moved, and what speaks against it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cagewatch import cages
from cagewatch.cages import batch, table, verdict
from cagewatch.cages.cage import CAGE_FILE, Verdict
from cagewatch.cages.scoring import doubt_alarms, judge_recording
from cagewatch.cages.sources import gather_sources, read_videos
from cagewatch.cages.verdict import light_warnings, size_warnings, still_falls
from cagewatch.cli import app
from cagewatch.errors import InputError


def command(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def videos(tmp_path_factory, write_video, moving_disc) -> Path:
    """Four videos of a disc, one of them in a subfolder."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "sub").mkdir()
    for number in range(3):
        frames = moving_disc(120, speed=2 + 0.5 * number)
        write_video(folder / f"mouse{number}_20240501_1230{number}0.mp4", frames, 30)
    write_video(folder / "sub" / "extra.mp4", moving_disc(100), 30)
    return folder


@pytest.fixture(scope="module")
def trained(videos, tmp_path_factory) -> Path:
    into = tmp_path_factory.mktemp("made") / "cage"
    done = command("train", videos, "--into", into, "--frame-stride", 1, "--cores", 1,
                   "--pattern", "{animal}_{date}_{time}", "--budget", 60,
                   "--held-out", "mouse1_20240501_123010")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "has learnt" in done.stdout and "takes 0.13 hours" in done.stdout
    return into


@pytest.fixture
def cage(trained, tmp_path) -> Path:
    """The trained cage, in another place."""
    return Path(shutil.copytree(trained, tmp_path / "moved"))


def test_training_leaves_a_cage_that_can_be_moved(cage, videos):
    opened = cages.open_cage(cage)
    assert opened.settings.budget == 60 and opened.verdict.passed
    facts = opened.verdict.facts
    # Twenty components rebuild more than three.
    assert facts["error_to_average"]["image"] < facts["error_of_components"]["image"] < 1
    rows = table.read_recordings_table(cage)
    assert rows["recording"].tolist()[3] == "sub/extra"  # as it is scored
    assert rows["animal"].tolist() == ["mouse0", "mouse1", "mouse2", ""]
    assert sorted(rows["start_time"])[2] == "2024-05-01 12:30:10"
    (held_out,) = opened.run.frames["recording"].unique()
    again = cages.score(opened, next(videos.glob(f"{held_out}*")))
    np.testing.assert_allclose(again["score"], opened.run.frames["score"], rtol=1e-6)


def test_broken_files_are_named_and_the_rest_is_scored_once(cage, videos, tmp_path):
    many = Path(shutil.copytree(videos, tmp_path / "many"))
    (many / "broken.mp4").write_bytes(b"no video")
    (many / "empty.mp4").write_bytes(b"")
    (many / "sub" / "lost.mp4").symlink_to("nowhere.mp4")
    figures = plt.get_fignums()
    done = command("score", cage, many, "--cores", 1)
    assert done.exit_code == 1
    assert "4 scored, 3 failed" in done.stdout
    assert plt.get_fignums() == figures  # none is kept in memory
    said = [line for line in done.stderr.splitlines() if line.startswith("Not scored")]
    assert len(said) == 3 and sum("sub/lost: " in line for line in said) == 1
    assert "broken" in said[0] and "empty" in said[1] and "a link to nowhere.mp4, wh" in said[2]
    look = command("check", many, "--detector", "flow_magnitude", "--cores", 1)
    assert look.exit_code == 1 and "sub/lost cannot be used: " in look.stdout
    done = command("train", many, "--into", many / "cage")
    assert done.exit_code == 1 and "lost.mp4 is a link to nowhere.mp4" in done.stderr
    (many / "sub" / "lost.mp4").unlink()
    scores = cage / "scored" / "sub" / "extra" / "scores.csv"
    assert len(pd.read_csv(scores)) == 100
    before = scores.stat().st_mtime_ns
    (many / "empty.mp4").unlink()
    shutil.copy(many / "sub" / "extra.mp4", many / "broken.mp4")
    done = command("score", cage, many, "--cores", 1)
    assert done.exit_code == 0, done.output
    assert "1 scored, 4 kept from before, 0 failed" in done.stdout
    assert scores.stat().st_mtime_ns == before
    (many / "sub" / "extra.csv").write_text("start_frame,stop_frame,behaviour\n10,19,anomaly\n")
    done = command("score", cage, many, "--cores", 1)
    assert "1 scored, 4 kept" in done.stdout and pd.read_csv(scores)["anomalous"].sum() == 10
    done = command("score", cage, many, "--budget", 3600, "--cores", 1)
    assert "5 scored," in done.stdout and scores.stat().st_mtime_ns > before


def test_a_second_video_of_one_name_does_not_replace_the_first(cage, videos, tmp_path):
    other = "mouse0_20240501_123000.mp4"
    for place, video in (("a", "sub/extra.mp4"), ("copy", "sub/extra.mp4"), ("b", other)):
        (tmp_path / place).mkdir()
        shutil.copy(videos / video, tmp_path / place)
        (found,) = (tmp_path / place).iterdir()
        found.rename(tmp_path / place / "x.mp4")
    assert command("score", cage, tmp_path / "a", "--anyway", "--cores", 1).exit_code == 0
    scores = (cage / "scored" / "x" / "scores.csv").read_bytes()
    done = command("score", cage, tmp_path / "copy", "--anyway", "--cores", 1)
    assert "0 scored, 1 kept from before, 0 failed" in done.stdout
    for more in ([], ["--dry-run"]):
        done = command("score", cage, tmp_path / "b", "--anyway", "--cores", 1, *more)
        assert done.exit_code == 1 and "Not scored: x: 'x' is another recording" in done.stderr
    assert (cage / "scored" / "x" / "scores.csv").read_bytes() == scores
    shutil.rmtree(tmp_path / "a")  # gone, but its results are there
    done = command("score", cage, tmp_path / "b", "--anyway", "--cores", 1)
    assert done.exit_code == 1 and "is not the recording that was scored as 'x'" in done.stderr
    assert table.read_recordings_table(cage).set_index("recording")["file"]["x"].endswith("a/x.mp4")
    done = command("score", cage, (tmp_path / "b" / "x.mp4").rename(tmp_path / "y.mp4"), "--anyway")
    assert "1 scored, 0 failed" in done.stdout


def test_jobs_do_what_one_process_does_though_one_of_them_dies(cage, videos, tmp_path, monkeypatch):
    many = tmp_path / "many"
    shutil.copytree(videos, many, ignore=shutil.ignore_patterns("mouse1*", "mouse2*"))
    (many / "no_video.mp4").write_bytes(b"no video")
    # Every process that scores this recording dies, as one that is out of memory would.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, os\n"
        "def die(event, args):\n"
        "    if event == 'open' and 'killer.mp4' in str(args[0]): os._exit(9)\n"
        "if 'cagewatch.cages.jobs' in ' '.join(sys.orig_argv): sys.addaudithook(die)\n"
    )
    shutil.copy(many / "sub" / "extra.mp4", many / "killer.mp4")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", path)
    done = command("score", cage, many, "--videos-per-job", 2, "--cores", 2)
    assert done.exit_code == 1 and "2 scored, 2 failed" in done.stdout, done.output
    assert "no_video: " in done.stderr and "killer: its job died" in done.stderr
    alone = cages.score(cages.open_cage(cage), many / "sub" / "extra.mp4")
    scores = pd.read_csv(cage / "scored" / "sub" / "extra" / "scores.csv")
    np.testing.assert_allclose(scores["score"], alone["score"], rtol=1e-5)
    assert "recording" in pd.read_csv(cage / "alarms.csv")
    (many / "killer.mp4").unlink()
    (many / "no_video.mp4").unlink()
    done = command("score", cage, many, "--cores", 1)
    assert done.exit_code == 0 and "0 scored, 2 kept from before, 0 failed" in done.stdout


def test_alarms_of_all_recordings_stand_in_one_table(cage, videos):
    opened = cages.open_cage(cage)
    done = command("score", cage, videos / "sub", "--budget", 3600, "--anyway", "--cores", 1)
    assert done.exit_code == 0, done.output
    joined = pd.read_csv(cage / "alarms.csv")
    own = pd.read_csv(cage / "scored" / "sub" / "extra" / "alarms.csv")
    assert len(joined) == len(own) and (joined["recording"] == "sub/extra").all()
    assert opened.run.folder.is_dir()


def test_only_one_process_scores_into_a_cage(cage, videos):
    (cage / "scored").mkdir()
    with open(cage / "scored" / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = command("score", cage, videos, "--cores", 1)
    assert done.exit_code == 1 and "Another process is scoring" in done.stderr
    assert not list((cage / "scored").glob("*/scores.csv"))


def test_a_full_disk_is_named_and_a_second_call_does_the_rest(cage, videos, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(batch, "write_results", fail)
        done = command("score", cage, videos / "sub", "--cores", 1)
    assert done.exit_code == 1 and "0 scored, 1 failed" in done.stdout
    assert "Not scored: sub/extra: " in done.stderr and "No space left on device" in done.stderr
    assert not (cage / "scored" / "sub" / "extra" / "scored.json").exists()
    done = command("score", cage, videos / "sub", "--anyway", "--cores", 1)
    assert done.exit_code == 0 and "1 scored, 0 failed" in done.stdout


def test_alarms_are_held_back_where_the_check_failed(cage, videos):
    opened = cages.open_cage(cage)
    failed = Verdict(False, "It has learnt nothing.", [], opened.verdict.facts)
    from cagewatch.cages.cage import write_verdict

    write_verdict(cage, failed, opened.run.folder)
    done = command("score", cage, videos / "sub", "--cores", 1)
    assert done.exit_code == 1 and "It has learnt nothing" in done.stderr
    assert "1 scored, 1 of them without alarms, 0 failed" in done.stdout
    table = pd.read_csv(cage / "alarms.csv")
    assert table.empty and {"recording", "start_s", "stop_s", "reason"} <= set(table.columns)
    seen = command("review", cage)
    assert "No alarms." in seen.stdout and "sub/extra: It has learnt nothing" in seen.stderr
    with pytest.warns(UserWarning, match="extra.mp4: trust no alarm here: It has learnt nothing"):
        cages.score(cages.open_cage(cage), videos / "sub" / "extra.mp4", progress=False)
    folder = cage / "scored" / "sub" / "extra"
    assert (folder / "scores.csv").is_file() and not (folder / "alarms.csv").exists()
    done = command("score", cage, videos / "sub", "--anyway", "--cores", 1)
    assert done.exit_code == 0 and (folder / "alarms.csv").is_file()


def test_a_network_with_few_clips_and_steps_has_learnt_nothing(videos, tmp_path, eagerly):
    done = command("train", videos, "--into", tmp_path / "c", "--detector", "cae_image",
                   "--frame-stride", 1, "--minutes", 0.001, "--cores", 1)  # fmt: skip
    assert done.exit_code == 3 and "training clips are too few for cae_image" in done.stderr
    assert not cages.open_cage(tmp_path / "c").verdict.passed


def test_a_detector_is_not_praised_for_recordings_that_look_unlike(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(verdict, "share_above", lambda *_: 0.9)
    given = {"detector": "mean_image", "frame_stride": 1, "cores": 1}
    judged = cages.fit(videos, into=tmp_path / "c", **given).verdict
    assert any("90% of the held-out frames" in one for one in judged.warnings)
    assert "unlike" in judged.words and "has learnt" not in judged.words


def test_recordings_unlike_the_cages_are_doubted(trained):
    cage = cages.open_cage(trained)
    frames = cage.run.frames
    inside = np.zeros(len(frames), bool)
    size, gray = tuple(cage.verdict.facts["sizes"][0]), cage.verdict.facts["gray"]["sub-extra"]
    assert judge_recording(cage, frames, inside, size, gray) is None
    assert "in alarm for 100%" in judge_recording(cage, frames, ~inside, size, gray)
    other = (size[0] + 2, size[1])
    assert "pixels and the cage's" in judge_recording(cage, frames, inside, other, gray)
    still = frames.assign(score=1.0 + 1e-9 * np.arange(len(frames)))
    assert "nothing happens" in judge_recording(cage, still, inside, size, gray)
    low = frames.assign(score=frames["score"] - frames["score"].max())
    assert "nothing happens" in judge_recording(cage, low, inside, size, gray)
    for factor in (0.7, 1.4):
        assert "its light is not" in judge_recording(cage, frames, inside, size, factor * gray)


def test_the_gray_of_a_video_is_that_of_its_store(trained, videos):
    cage = cages.open_cage(trained)
    frames = cages.score(cage, videos / "sub" / "extra.mp4", progress=False)
    known = cage.verdict.facts["gray"]["sub-extra"]
    assert frames.attrs["gray"] == pytest.approx(known, rel=0.01)


@pytest.mark.filterwarnings("ignore:.*trust no alarm here")
def test_a_dark_start_is_no_other_light(trained, tmp_path, write_video, moving_disc):
    cage = cages.open_cage(trained)
    dark, seen = [np.zeros((96, 128), np.uint8)] * 15, moving_disc(105)
    for name, frames, start in (("a", dark + seen, 0), ("b", dark + seen, 1), ("c", dark * 8, 0)):
        video = write_video(tmp_path / f"{name}.mp4", frames, 30)
        scores = cages.score(cage, video, start=start, progress=False)
        none = pd.DataFrame(columns=["start_frame", "stop_frame"], dtype=int)
        reason = doubt_alarms(cage, video, scores, none)
        assert ("its light is not" in (reason or "")) == (name == "c")


def test_warnings_of_light_and_of_a_loss_that_still_falls():
    assert light_warnings({"a": 100.0, "b": 120.0}) == []
    assert "b is brighter than a" in light_warnings({"a": 40.0, "b": 120.0})[0]
    assert size_warnings([[64, 48]]) == []
    assert "(64x48 and 80x60)" in size_warnings([[80, 60], [64, 48]])[0]
    falling = pd.DataFrame({"val_loss": np.geomspace(1, 0.1, 40)})
    assert still_falls(falling)
    assert not still_falls(falling.iloc[::-1].reset_index(drop=True))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["score", "CAGE", "nowhere.mp4"], "nowhere.mp4 does not exist"),
        (["score", "nowhere", "VIDEOS"], "is no cage: there is no such folder"),
        (["score", "CAGE", "VIDEOS", "--start", "soon"], "'soon' is no time"),
        (["score", "CAGE", "VIDEOS", "--budget", "-1"], "budget=-1.0"),
        (["train", "nowhere", "--into", "NEW"], "nowhere is not a folder"),
        (["train", "VIDEOS", "--into", "NEW", "--detector", "cea"], "did you mean 'cae'"),
        (["train", "VIDEOS", "--into", "NEW", "--pattern", "x"], "names nothing"),
        (["train", "VIDEOS", "--into", "NEW", "--held-out", "x"], "held_out|test_recordings"),
        (["check", "nowhere"], "nowhere does not exist"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_made(cage, videos, tmp_path, words, said):
    places = {"CAGE": cage, "VIDEOS": videos, "NEW": tmp_path / "new"}
    done = command(*[places.get(word, word) for word in words])
    assert done.exit_code == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("cagewatch: ") and pd.Series(line).str.contains(said).all()
    assert not (tmp_path / "new").exists() and not (cage / "scored").exists()


def test_a_dry_run_writes_nothing_and_names_what_would_fail(
    cage, videos, tmp_path, write_video, moving_disc
):
    assert command("train", videos, "--into", tmp_path / "new", "--dry-run").exit_code == 0
    assert not (tmp_path / "new").exists()
    done = command("score", cage, videos, "--dry-run")
    assert done.exit_code == 0 and "4 would be scored, 0 failed" in done.stdout
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.mp4").write_bytes(b"no video")
    write_video(tmp_path / "bad" / "fast.mp4", moving_disc(40), 60)
    done = command("score", cage, videos, tmp_path / "bad", "--dry-run")
    assert done.exit_code == 1 and "4 would be scored, 2 failed" in done.stdout
    assert not (cage / "scored").exists() and not (cage / "alarms.csv").exists()


def test_a_damaged_cage_is_named(cage):
    (cage / "verdict.json").write_text("{}")
    with pytest.raises(InputError, match="verdict.json is damaged"):
        cages.open_cage(cage)
    (cage / CAGE_FILE).write_text("format: 1\nrun: ../elsewhere\n")
    with pytest.raises(InputError, match="outside its own folder"):
        cages.open_cage(cage)
    (cage / CAGE_FILE).write_text("format: 1\nrun: .\nbudgett: 3\n")
    with pytest.raises(InputError, match="did you mean 'budget'"):
        cages.open_cage(cage)


def test_check_tells_rates_sizes_and_what_is_broken(videos, tmp_path, write_video, moving_disc):
    write_video(tmp_path / "fast.mp4", moving_disc(40, 64, 64), 60)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    quick = ("--detector", "flow_magnitude", "--cores", 1)
    done = command("check", videos, tmp_path, *quick)
    assert done.exit_code == 1
    assert "broken cannot be used" in done.stdout and "Frame rates differ" in done.stdout
    assert "Picture sizes differ" in done.stdout and "upper 12.5%" in done.stdout
    done = command("check", videos, "--region", 0, 0, 64, 48, *quick)
    assert done.exit_code == 0 and "region keeps 64x48" in done.stdout
    assert "flow_magnitude: training about" in done.stdout and "an hour of video" in done.stdout


def test_sources_of_subfolders_have_their_own_names(videos, tmp_path, write_video, moving_disc):
    names = gather_sources([videos])
    assert "sub/extra" in names and len(names) == 4
    assert list(gather_sources([videos / "sub"])) == ["extra"]
    for folder in ("cage1", "cage2"):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "a.mp4", moving_disc(20), 30)
    (tmp_path / "cage2" / "a.csv").write_text("start_frame,stop_frame,behaviour\n0,4,jump\n")
    read = {item.name: item for item in read_videos([tmp_path])}
    assert list(read) == ["cage1-a", "cage2-a"]
    assert read["cage1-a"].behaviours == read["cage2-a"].behaviours == ("jump", "other")
    with pytest.raises(InputError, match="would both be recording 'a'"):
        read_videos([tmp_path / "cage1", tmp_path / "cage2"])


def test_what_carries_no_time_needs_its_rate_said(cage, tmp_path, write_video, moving_disc):
    bare = write_video(tmp_path / "a.mjpeg", moving_disc(60), 30, "mjpeg", pix_fmt="yuvj420p")
    (tmp_path / "bare").mkdir()
    video = bare.rename(tmp_path / "bare" / "a.mpg")
    done = command("train", video, "--into", tmp_path / "new")
    assert done.exit_code == 1 and "a carries no time stamps and states" in done.stderr
    assert not (tmp_path / "new").exists()
    done = command("train", video, "--into", tmp_path / "new", "--image-fps", 12, "--dry-run")
    assert done.exit_code == 0, done.output
    look = command("check", video, "--image-fps", 12, "--detector", "flow_magnitude", "--cores", 1)
    assert "looked at as 12 frames per second" in look.stdout
    with pytest.warns(UserWarning, match="a.mpg carries no time stamps .* taken at 30 frames"):
        frames = cages.score(cages.open_cage(cage), video)  # at the cage's own rate
    np.testing.assert_allclose(frames["time_s"], np.arange(60) / 30, atol=1e-6)
