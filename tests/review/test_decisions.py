"""Decisions on alarms: kept at once, undone, as labels, and what a damaged file says."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from scored_cage import train_again, write_scored
from typer.testing import CliRunner

from cagewatch import cages, review
from cagewatch.cages import Cage, TrainParameters, plan_training
from cagewatch.cages.cage import CageSettings
from cagewatch.cages.sources import mark_unusual, read_videos
from cagewatch.cli import app
from cagewatch.clips.index import trained_frames
from cagewatch.errors import InputError
from cagewatch.recordings.folder import read_label_file
from cagewatch.review.labels import confirmed_frames, join_stretches
from cagewatch.review_commands import find_alarm

ALARMS = [(1.0, 2.0, 3.0), (1.52, 2.52, 9.0), (6.0, 6.48, 5.0)]  # start_s, stop_s, peak_score
FORMULA, TAG = "=HYPERLINK(1)", "<b>jump</b>,\"'"


@pytest.fixture
def cage(tmp_path, write_video, moving_disc) -> Cage:
    """A cage with the scores and alarms of one recording of 200 frames, 25 a second."""
    (tmp_path / "videos").mkdir()
    video = write_video(tmp_path / "videos" / "mouse.mp4", moving_disc(200), 25)
    return write_scored(tmp_path / "cage", {"mouse": (video, np.arange(200) / 25, ALARMS)})


def test_the_last_decision_on_an_alarm_counts_and_undo_brings_back_the_one_before(cage):
    alarms = review.list_alarms(cage)
    assert alarms["peak_score"].tolist() == [9, 5, 3] and (alarms["verdict"] == "").all()
    best, second = alarms.iloc[0], alarms.iloc[1]
    review.decide(cage.folder, best, "accepted", name=FORMULA, note=TAG)
    review.decide(cage.folder, second, "rejected")
    review.decide(cage.folder, best, "rejected")
    seen = review.list_alarms(cage)
    assert seen["verdict"].tolist() == ["rejected", "rejected", ""]
    assert review.undo(cage.folder)["verdict"] == "rejected"
    seen = review.list_alarms(cage)
    assert seen["verdict"].tolist() == ["accepted", "rejected", ""]
    assert (seen["name"][0], seen["note"][0]) == (FORMULA, TAG)
    assert len(review.read_decisions(cage.folder, every=True)) == 2
    found = review.measure_precision(seen)
    # Wilson (1927) for 1 of 2
    assert found[:3] == (1, 2, 0.5) and found[3:] == pytest.approx((0.0945, 0.9055), abs=1e-4)
    for _ in range(2):
        review.undo(cage.folder)
    assert review.undo(cage.folder) is None
    assert np.isnan(review.measure_precision(review.list_alarms(cage)).value)


def test_what_was_decided_survives_a_kill(cage):
    code = (
        "import sys; from pathlib import Path; from cagewatch.review.decisions import decide\n"
        "for i in range(10**6):\n"
        "    decide(Path(sys.argv[1]), {'recording': 'm', 'start_s': i, 'stop_s': i + 1,"
        " 'detector': 'd'}, 'accepted')\n    print(i, flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(cage.folder)], stdout=subprocess.PIPE, text=True
    )
    said = [int(process.stdout.readline()) for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    said += [int(line) for line in process.communicate()[0].split()]
    kept = review.read_decisions(cage.folder)
    assert len(kept) in (said[-1] + 1, said[-1] + 2)  # saved before it is said


def test_a_name_must_be_a_label_where_there_are_some(cage, monkeypatch):
    named = replace(cage, settings=CageSettings(run=".", labels=["jump", "hang  on"]))
    monkeypatch.setattr(cages, "open_cage", lambda folder: named)

    def accept(name: str):
        words = ["review", str(cage.folder), "--accept", "mouse:0:06.2", "--name", name]
        return CliRunner().invoke(app, words)

    assert "did you mean 'jump'" in accept("jmup").output
    assert review.read_decisions(cage.folder).empty
    for name in ("", "hang on", "jump"):
        assert accept(name).exit_code == 0
        assert review.read_decisions(cage.folder)["name"].tolist() == [name]


@settings(max_examples=25)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_name_and_note_is_read_back_as_text(tmp_path_factory, name, note):
    folder = tmp_path_factory.mktemp("r")
    alarm = {"recording": "m", "start_s": 0, "stop_s": 1, "detector": "d"}
    name, note = (text.encode("utf-8", "ignore").decode() for text in (name, note))
    review.decide(folder, alarm, "accepted", name, note)
    (row,) = review.read_decisions(folder).itertuples()
    printable = [
        "".join(c for c in " ".join(text.split()) if c >= " " or c in "\t\r\n")
        for text in (name, note)
    ]
    assert [row.name, row.note] == printable
    (_, cells) = csv.reader((folder / "review.csv").read_text("utf-8").splitlines())
    assert not any(cell[:1] in tuple("=@\t\r") for cell in cells)


def test_labels_are_those_of_the_alarms_in_every_format(cage, tmp_path):
    alarms = review.list_alarms(cage)
    for row in (alarms.iloc[0], alarms.iloc[2]):
        review.decide(cage.folder, row, "accepted", name="jump, high")
    review.decide(cage.folder, alarms.iloc[1], "rejected", name=FORMULA)
    into = tmp_path / "labels"
    review.export_labels(cage, into)
    everything = pd.read_csv(into / "labels.csv")
    assert everything["label"].tolist() == ["jump, high", "rejected"]
    plain = pd.read_csv(into / "mouse" / "labels.csv")
    # Two alarms that overlap are one bout.
    assert plain.to_dict("list") == {
        "start_time": [1.0], "stop_time": [2.52], "label": ["jump, high"]
    }  # fmt: skip
    video = tmp_path / "videos" / "mouse.mp4"
    for name in ("mouse_boris.csv", "mouse_labels.csv"):
        bouts, _ = read_label_file(into / "mouse" / name, video)
        shown = [(bout.start, bout.stop) for bout in bouts if bout.behaviour == "jump, high"]
        assert shown == [(25, 63)], name
    labels = (into / "mouse" / "mouse_labels.csv").read_text().splitlines()
    assert len(labels) == 201
    sheet = load_workbook(into / "mouse" / "mouse_boris.xlsx").active
    assert sheet.max_row == 3
    project = json.loads((into / "mouse" / "mouse.boris").read_text())
    assert [one["code"] for one in project["behaviors_conf"].values()] == ["jump, high"]
    one = project["observations"]["mouse"]
    assert [event[:3] for event in one["events"]] == [
        [1, "", "jump, high"],
        [2.52, "", "jump, high"],
    ]
    assert one["file"]["1"] == [str(video)]
    assert one["media_info"]["length"] == {str(video): pytest.approx(8)}


def test_a_formula_as_a_label_stays_text_in_every_file(cage, tmp_path):
    review.decide(cage.folder, review.list_alarms(cage).iloc[0], "accepted", name=FORMULA)
    for path in review.export_labels(cage, tmp_path / "labels"):
        if path.suffix == ".csv":
            for row in csv.reader(path.read_text("utf-8").splitlines()):
                assert not any(cell.startswith("=") for cell in row), path
    bouts, _ = read_label_file(
        tmp_path / "labels" / "mouse" / "mouse_labels.csv", Path("mouse.mp4")
    )
    assert FORMULA in {bout.behaviour for bout in bouts}


def test_alarms_of_another_detector_or_without_results_are_left_out_with_a_word(cage, monkeypatch):
    monkeypatch.setattr(cages, "open_cage", lambda folder: cage)
    path = cage.folder / "alarms.csv"
    gone = pd.read_csv(path).assign(recording="gone")
    gone.to_csv(path, mode="a", header=False, index=False)
    assert set(review.list_alarms(cage)["recording"]) == {"mouse"}
    done = CliRunner().invoke(app, ["review", str(cage.folder)])
    assert "alarms of gone: their results are gone; score again" in done.stderr
    train_again(cage.folder, 1)
    assert review.list_alarms(cage).empty
    done = CliRunner().invoke(app, ["review", str(cage.folder)])
    assert "No alarms." in done.stdout and "a detector that the cage has no more" in done.stderr
    assert done.stderr.count("score again") == 2


@pytest.mark.parametrize(("first", "stop"), [(30, 200), (60, 200), (0, 40)])  # 1 to 2 s: 25 to 50
def test_a_decision_outside_the_scored_times_is_no_label(cage, tmp_path, first, stop):
    decided = review.list_alarms(cage)
    review.decide(cage.folder, decided[decided["start_s"] == 1.0].iloc[0], "accepted")
    table = pd.DataFrame({"frame": np.arange(first, stop)})  # scored again, of a part
    table = table.assign(time_s=table["frame"] / 25, smooth=0.0)
    table.to_csv(cage.folder / "scored" / "mouse" / "scores.csv", index=False)
    with pytest.raises(InputError, match=r"'mouse' is decided on from 1 to 2 s but scored from"):
        review.export_labels(cage, tmp_path / "labels")
    assert not (tmp_path / "labels").exists()


def test_a_decision_up_to_the_last_frame_is_a_label(cage):
    alarm = {"recording": "mouse", "start_s": 7.0, "stop_s": 8.0, "detector": "pca_frames"}
    review.decide(cage.folder, alarm, "accepted")
    assert review.tabulate_labels(cage)["stop_frame"].tolist() == [199]


def test_what_was_confirmed_is_not_trained_on(cage, tmp_path):
    review.decide(cage.folder, review.list_alarms(cage).iloc[1], "accepted", name="jump")
    review.decide(cage.folder, review.list_alarms(cage).iloc[0], "rejected")
    unusual = confirmed_frames(cage)
    assert unusual == {tmp_path / "videos" / "mouse.mp4": [(150, 161)]}
    (marked,) = mark_unusual(read_videos([tmp_path / "videos"]), unusual, "anomaly")
    shown = np.flatnonzero(marked.is_target("anomaly"))
    assert (shown[0], shown[-1], len(shown)) == (150, 161, 12)


def test_a_second_training_leaves_out_what_was_confirmed(cage, tmp_path):
    shutil.copy(tmp_path / "videos" / "mouse.mp4", tmp_path / "videos" / "other.mp4")
    review.decide(cage.folder, review.list_alarms(cage).iloc[1], "accepted")
    asked = TrainParameters(
        videos=[str(tmp_path / "videos")], into=str(tmp_path / "new"), held_out=["other"]
    )
    plan = plan_training(asked, confirmed_frames(cage))
    kept = trained_frames(plan.train[0], 200, plan.parameters)
    assert np.flatnonzero(~kept).tolist() == list(range(150, 162))
    assert plan.held_out[0].labels is None
    assert trained_frames(plan_training(asked).train[0], 200, plan.parameters).all()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda text: text[:-20], "was cut short"),
        (lambda text: text.replace("accepted", "maybe"), "decision 1 says 'maybe'"),
        (lambda text: text.replace("verdict", "opinion"), "must have the columns recording,"),
        (lambda text: text.replace("1.52", "later"), "is on 'later' to '2.52' seconds"),
        (lambda text: text.replace("1.52", "7"), "is on '7' to '2.52' seconds"),
        (lambda text: text.replace(",accepted", ""), "has 7 cells instead of 8"),
        (lambda text: text.replace("mouse", ""), "lacks the recording"),
        (lambda text: text.replace("jump", '"jump'), "cannot be read as a table"),
    ],
)
def test_a_damaged_review_is_one_sentence_and_stays_as_it_is(cage, edit, said):
    alarm = review.list_alarms(cage).iloc[0]
    review.decide(cage.folder, alarm, "accepted", name="jump")
    path = cage.folder / "review.csv"
    path.write_text(edit(path.read_text()))
    before = path.read_text()
    for work in (
        lambda: review.list_alarms(cage),
        lambda: review.decide(cage.folder, alarm, "rejected"),
        lambda: review.undo(cage.folder),
    ):
        with pytest.raises(InputError, match=said):
            work()
    assert path.read_text() == before


def test_the_command_lists_decides_and_exports(cage, tmp_path, monkeypatch):
    monkeypatch.setattr(cages, "open_cage", lambda folder: cage)

    def command(*words: str) -> str:
        done = CliRunner().invoke(app, ["review", str(cage.folder), *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "mouse" in command() and "precision" not in command()
    assert "1 of 1" in command("--accept", "mouse:0:06.2", "--name", "jump")
    assert review.list_alarms(cage)["name"].tolist() == ["", "jump", ""]
    assert str(tmp_path / "out" / "labels.csv") in command("--export", str(tmp_path / "out"))
    assert "Taken back: accepted." in command("--undo")
    with pytest.raises(InputError, match="no alarm at 'mouse:5'"):
        find_alarm(review.list_alarms(cage), "mouse:5")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=12))
def test_joined_stretches_cover_the_same_and_lie_apart(pairs):
    spans = [(start, start + length) for start, length in pairs]
    joined = join_stretches(*zip(*spans, strict=True)) if spans else []
    covered = {second for start, stop in spans for second in range(start, stop)}
    assert {s for start, stop in joined for s in range(int(start), int(stop))} == covered
    assert all(one[1] < other[0] for one, other in zip(joined, joined[1:], strict=False))
