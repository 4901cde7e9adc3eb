"""A watched folder: what is being written is left alone, the rest is scored and told of once."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scored_cage import detector_of, write_scored
from typer.testing import CliRunner

from cagewatch.cages import batch
from cagewatch.cages.alarms import Level
from cagewatch.cages.batch import list_done
from cagewatch.cages.scoring import ScoreParameters
from cagewatch.cages.sources import describe_file, gather_sources
from cagewatch.cli import app
from cagewatch.errors import InputError
from cagewatch.files import lock_file, write_json
from cagewatch.metrics.alarms import AlarmShape
from cagewatch.review.watch import Watch, tell_command, tell_webhook


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    return tmp_path / "in"


@pytest.fixture(scope="module")
def video(tmp_path_factory, write_video, moving_disc) -> Path:
    return write_video(tmp_path_factory.mktemp("v") / "disc.mp4", moving_disc(60), 25)


@pytest.fixture
def scored(monkeypatch) -> list[str]:
    """What was scored, in order: a detector that finds one alarm in each video at once."""
    found = []

    def score_into(place: Path, work: batch.Work, name: str, progress: bool) -> dict:
        found.append(work.sources[name].name)
        alarm = {"start_s": [0.4], "stop_s": [1.0], "peak_s": [0.5], "peak_score": [3.0]}
        place.mkdir(parents=True)
        pd.DataFrame(alarm).to_csv(place / "alarms.csv", index=False)
        times = pd.DataFrame({"frame": np.arange(60), "time_s": np.arange(60) / 25})
        times.to_csv(place / "scores.csv", index=False)
        return {"of": describe(work, name), "held_back": None, "minutes": 0.04, "alarms": 1}

    def describe(work: batch.Work, name: str) -> dict:
        own = {"detector": detector_of(work.cage.folder), "threshold": 1.0}
        return own | {"shape": work.level.shape.model_dump()} | describe_file(work.sources[name])

    monkeypatch.setattr(batch, "score_into", score_into)
    monkeypatch.setattr(batch, "describe_work", describe)
    return found


@pytest.fixture
def start(tmp_path, folder):
    """A function that starts a watch, as after a kill: it knows what is in the cage's folder."""
    cage = write_scored(tmp_path / "cage", {})
    level = Level(1.0, 0.0, "both", AlarmShape(), "", None)

    def begin(rest_s=0.0, pattern="{animal}_{date}_{time}", **more) -> Watch:
        asked = ScoreParameters(recording=["-"], cage="-", pattern=pattern)
        return Watch(batch.Work(cage, {}, level, asked), folder, rest_s, **more)

    return begin


def test_a_file_that_is_written_is_left_alone_and_scored_once_when_it_is_done(
    folder, video, scored, start
):
    whole = video.read_bytes()
    path = folder / "deep" / "m1_20240501_090000.mp4"
    watch = start()
    path.write_bytes(b"")
    assert watch.look() == []
    path.write_bytes(whole[: len(whole) // 2])
    assert watch.look() == [] and watch.look() == []
    path.write_bytes(whole)
    assert watch.look() == ["deep/m1_20240501_090000"] and watch.look() == []
    assert start().look() == [] and scored == [path.name]
    assert (watch.work.cage.folder / "report" / "report.html").is_file()
    assert len(pd.read_csv(watch.work.cage.folder / "alarms.csv")) == 1


def test_a_file_has_to_rest(folder, video, scored, start, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("cagewatch.review.watch.time.monotonic", lambda: clock[0])
    watch = start(rest_s=5)
    shutil.copy(video, folder / "a_20240501_090000.mp4")
    for second, count in ((0, 0), (4, 0), (5, 1), (9, 1)):
        clock[0] = second
        watch.look()
        assert len(scored) == count
    shutil.copy(video, folder / "b_20240501_090000.mp4")
    clock[0] = 10
    watch.look()
    with open(folder / "b_20240501_090000.mp4", "ab") as file:
        file.write(b"\0\0\0\x08free")  # still growing
    clock[0] = 15
    watch.look()
    assert len(scored) == 1
    clock[0] = 20
    watch.look()
    assert scored == ["a_20240501_090000.mp4", "b_20240501_090000.mp4"]


def test_a_link_to_nothing_does_not_stop_the_watch(folder, video, scored, start):
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    shutil.copy(video, folder / "a_20240501_090000.mp4")
    assert start().look() == ["a_20240501_090000"]


def test_a_report_that_cannot_be_made_is_said_and_the_watch_goes_on(folder, video, scored, start):
    said = []
    watch = start(pattern=None, say=said.append)
    shutil.copy(video, folder / "nameless.mp4")
    assert watch.look() == ["nameless"]
    assert any("report was not renewed" in line and "no animal" in line for line in said)
    shutil.copy(video, folder / "nameless.mkv")
    assert watch.look() == [] and "would both be recording 'nameless'" in said[-1]


def test_a_picture_beside_a_video_does_not_hide_it(folder, video, scored, start):
    shutil.copy(video, folder / "w1.mp4")
    (folder / "w1.jpg").write_bytes(b"a thumbnail")
    watch = start()
    assert watch.look() == ["w1"] and watch.look() == []


def test_two_videos_of_one_name_stop_no_other_and_are_named_once(folder, video, scored, start):
    said = []
    watch = start(say=said.append)
    for name in ("a.mp4", "a.mkv", "deep/b c.mp4"):
        shutil.copy(video, folder / name)
    assert len(watch.look()) == 1 and scored == ["b c.mp4"]
    watch.look()
    assert sum("would both be recording 'a'; rename one" in line for line in said) == 1
    (folder / "a.mkv").rename(folder / "c.mkv")
    assert watch.look() == ["a", "c"]
    assert set(list_done(watch.work.cage)) == set(gather_sources([folder]))


def test_a_video_cut_short_is_named_once_and_scored_when_it_is_whole(folder, video, scored, start):
    said, path = [], folder / "a.mp4"
    watch = start(say=said.append)
    path.write_bytes(video.read_bytes()[:-100])
    (folder / "b.mp4").write_bytes(b"")
    for _ in range(3):
        watch.look()
    assert said == [
        f"{folder / name} lacks its end; it is scored once it is whole."
        for name in ("a.mp4", "b.mp4")
    ]
    shutil.copy(video, path)
    assert watch.look() == ["a"]


def test_alarms_are_told_once_and_again_only_after_a_failure(folder, video, scored, start):
    news, broken = [], [True]

    def tell(one: dict) -> None:
        if broken[0]:
            raise OSError("nobody there")
        news.append(one["recording"])

    shutil.copy(video, folder / "a_20240501_090000.mp4")
    said = []
    watch = start(tell=[tell], say=said.append)
    watch.look()
    assert news == [] and "to be tried again: nobody there" in said[-1]
    broken[0] = False
    watch.look()
    watch.look()
    start(tell=[tell]).look()
    assert news == ["a_20240501_090000"]


def test_who_was_told_is_not_told_again_because_another_could_not_be(folder, video, scored, start):
    news, broken = [], [http.client.BadStatusLine("?")]

    def fail(one: dict) -> None:
        if broken:
            raise broken[0]
        news.append("second")

    shutil.copy(video, folder / "a_20240501_090000.mp4")
    said = []
    watch = start(tell=[lambda one: news.append("first"), fail], say=said.append)
    watch.look()
    watch.look()
    assert news == ["first"] and "to be tried again" in said[-1]
    broken.clear()
    watch.look()
    watch.look()
    assert news == ["first", "second"]


def test_a_command_gets_the_table_and_the_news(tmp_path):
    out = tmp_path / "out.json"
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read()+sys.argv[2])"
    tell = tell_command(f"{sys.executable} -c '{code}' {out}")
    tell({"recording": "$(touch x); m", "table": "t.csv"})
    assert out.read_text() == json.dumps({"recording": "$(touch x); m", "table": "t.csv"}) + "t.csv"
    with pytest.raises(InputError, match="command is empty"):
        tell_command(" ")


def test_a_webhook_on_this_machine_gets_the_news_and_leads_nowhere_else(tmp_path):
    got, status = [], [200]

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status[0])
            self.send_header("Location", f"http://localhost:{server.server_port}/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tell = tell_webhook(f"http://localhost:{server.server_port}/alarms")
    tell({"recording": "m"})
    status[0] = 302
    with pytest.raises(OSError, match="302"):
        tell({"recording": "n"})
    server.shutdown()
    assert got == [{"recording": "m"}, {"recording": "n"}]


@pytest.mark.parametrize(
    "address",
    ["http://example.org/", "http://localhost@example.org/", "file:///etc/passwd", "localhost:80",
     "http://localhost.example.org", "http://[::1", ""],
)  # fmt: skip
def test_a_webhook_elsewhere_is_refused(address):
    with pytest.raises(InputError, match="is not on this machine"):
        tell_webhook(address)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere is not a folder"),
        (["IN", "--rest", "-1"], "--rest is -1"),
        (["IN", "--webhook", "http://example.org"], "is not on this machine"),
        (["IN", "--dark", "night"], "is no dark phase"),
        (["IN", "--pattern", "x"], "names nothing"),
        (["IN"], "is no cage"),
    ],
)
def test_a_watch_that_cannot_be_is_refused_in_one_sentence(folder, words, said):
    words = [str(folder) if word == "IN" else word for word in words]
    done = CliRunner().invoke(app, ["watch", "no-cage", *words])
    assert done.exit_code == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("cagewatch: ") and said in line


def test_another_process_that_scores_is_waited_for(folder, video, scored, start, monkeypatch):
    said = []
    watch = start(say=said.append)
    shutil.copy(video, folder / "a_20240501_090000.mp4")
    with lock_file(watch.work.cage.folder / "scored" / ".lock"):
        assert watch.look() == watch.look() == []
        assert len(said) == 1 and "Another process is scoring" in said[0]
    assert watch.look() == ["a_20240501_090000"]


def test_told_belongs_to_what_was_scored(folder, video, scored, start):
    shutil.copy(video, folder / "a_20240501_090000.mp4")
    news = []
    watch = start(tell=[news.append])
    watch.look()
    write_json(watch.work.cage.folder / "scored" / "a_20240501_090000" / "told.json", {"bytes": 1})
    start(tell=[news.append]).look()
    assert len(news) == 2
