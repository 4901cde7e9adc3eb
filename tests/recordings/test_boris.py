"""BORIS and DeepEthogram label files: every layout gives the same frames, and back."""

from __future__ import annotations

import csv
import time

import cv2
import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagewatch.errors import InputError
from cagewatch.recordings import folder
from cagewatch.recordings.labels.annotations import OTHER, Bout
from cagewatch.recordings.labels.boris import read_boris_bouts
from cagewatch.recordings.labels.boris_export import write_boris_bouts
from cagewatch.recordings.labels.deepethogram import (
    read_deepethogram_bouts,
    write_deepethogram_labels,
)
from cagewatch.recordings.labels.frame_labels import check_label_length
from cagewatch.recordings.labels.seconds import ROUNDING_S
from cagewatch.video import Clock

# groom is frames 10 to 19 and rear 30 to 34 of a 25 fps video, in each of BORIS's layouts.
TABULAR_7 = """\
Observation id\tcage 1\t\t\t\t\t\t\t
\t\t\t\t\t\t\t\t
Media file(s)\t\t\t\t\t\t\t\t
Player #1\ta.mp4\t\t\t\t\t\t\t
Observation date\t2016-11-27 01:57:26\t\t\t\t\t\t\t
Time offset (s)\t0.0\t\t\t\t\t\t\t

Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus
0.400\ta.mp4\t2.000\t25.0\tmouse\tgroom\t\t\tSTART
0.800\ta.mp4\t2.000\t25.0\tmouse\tgroom\t\t\tSTOP
1.000\ta.mp4\t2.000\t25.0\tmouse\tsqueak\t\t\tPOINT
1.200\ta.mp4\t2.000\t25.0\tmouse\trear\t\t\tSTART
1.400\ta.mp4\t2.000\t25.0\tmouse\trear\t\t\tSTOP
"""
AGGREGATED_7 = """\
Observation id,Media file,Total length,FPS,Subject,Behavior,Modifiers,Behavior type,Start (s),\
Stop (s),Duration (s),Comment start,Comment stop
cage 1,a.mp4,2.000,25.0,mouse,groom,,STATE,0.400,0.800,0.400,,
cage 1,a.mp4,2.000,25.0,mouse,squeak,,POINT,1.000,1.000,NA,,
cage 1,a.mp4,2.000,25.0,mouse,rear,,STATE,1.200,1.400,0.200,,
"""
TABULAR_8 = """\
Observation id,Observation type,Source,Time offset (s),Coding duration,Media duration (s),\
FPS (frame/s),Subject,Behavior,Modifier #1,Behavior type,Time,Media file name,Image index,Comment
cage 1,Media file,player #1:a.mp4,0.0,1.0,2.0,25.0,mouse,groom,,START,0.4,a.mp4,10,"so, so"
cage 1,Media file,player #1:a.mp4,0.0,1.0,2.0,25.0,mouse,groom,,STOP,0.8,a.mp4,20,
cage 1,Media file,player #1:a.mp4,0.0,1.0,2.0,25.0,mouse,squeak,,POINT,1.0,a.mp4,25,
cage 1,Media file,player #1:a.mp4,0.0,1.0,2.0,25.0,mouse,rear,,START,1.2,a.mp4,30,
cage 1,Media file,player #1:a.mp4,0.0,1.0,2.0,25.0,mouse,rear,,STOP,1.4,a.mp4,35,
"""
AGGREGATED_8 = """\
Observation id\tObservation type\tSource\tTime offset (s)\tFPS (frame/s)\tSubject\tBehavior\t\
Behavior type\tStart (s)\tStop (s)\tDuration (s)\tMedia file name\tImage index start\t\
Image index stop\tComment start
cage 1\tMedia file\tplayer #1:/videos/a.mp4\t0.0\t25.0\tmouse\tgroom\tSTATE\t0.4\t0.8\t0.4\t\
/videos/a.mp4\t10\t20\t
cage 1\tMedia file\tplayer #1:/videos/a.mp4\t0.0\t25.0\tmouse\tsqueak\tPOINT\t1.0\t1.0\tNA\t\
/videos/a.mp4\t25\t25\t
cage 1\tMedia file\tplayer #1:/videos/a.mp4\t0.0\t25.0\tmouse\trear\tSTATE\t1.2\t1.4\t0.2\t\
/videos/a.mp4\t30\t35\t
"""
LAYOUTS = [TABULAR_7, AGGREGATED_7, TABULAR_8, AGGREGATED_8]


def in_seconds(bouts, fps):
    """What `write_boris_bouts` takes, where the rate is constant."""
    return [(bout.start / fps, bout.stop / fps, bout.behaviour) for bout in bouts]


def steady(fps) -> Clock:
    """A clock without gaps."""
    return Clock(np.zeros(1), fps)


def read(path, text, fps=25.0, name="a"):
    path.write_text(text, encoding="utf-8")
    return read_boris_bouts(path, text.splitlines(), steady(fps), name)


@pytest.mark.parametrize("text", LAYOUTS)
def test_every_layout_gives_the_same_frames(tmp_path, text):
    with pytest.warns(UserWarning, match="squeak"):
        bouts = read(tmp_path / "a.csv", text)
    assert [bout[:3] for bout in bouts] == [(10, 20, "groom"), (30, 35, "rear")]


@pytest.mark.filterwarnings("ignore:.*point events")
@pytest.mark.parametrize("text", LAYOUTS)
def test_an_export_beside_a_video_is_found_by_its_content(tmp_path, write_video, moving_disc, text):
    write_video(tmp_path / "a.mp4", moving_disc(50), 25)
    (tmp_path / ("a.tsv" if "\t" in text else "a.csv")).write_text(text)
    (recording,) = folder.read_recordings(tmp_path)
    assert recording.behaviours == ("groom", "rear", OTHER)
    labels = check_label_length(recording, 50, 0)
    assert np.flatnonzero(labels == 0).tolist() == list(range(10, 20))
    assert np.flatnonzero(labels == 1).tolist() == list(range(30, 35))


@pytest.mark.filterwarnings("ignore:.*point events")
@pytest.mark.parametrize("written", ["25.0", "7.143"])  # BORIS writes the average
def test_seconds_become_frames_by_the_videos_own_time_stamps(
    tmp_path, write_video, moving_disc, written
):
    stamps = [frame + (125 if frame >= 25 else 0) for frame in range(50)]  # 5 s are lost after 1 s
    write_video(tmp_path / "a.mp4", moving_disc(50), 25, times=stamps)
    text = AGGREGATED_7.replace("25.0", written).replace("0.400,0.800", "6.400,6.800")
    assert text.count("6.400") == 1
    (tmp_path / "a.csv").write_text(text)
    (recording,) = folder.read_recordings(tmp_path)
    labels = check_label_length(recording, 50, 0)
    assert np.flatnonzero(labels == recording.behaviours.index("groom")).tolist() == list(
        range(35, 45)
    )


@pytest.mark.filterwarnings("ignore:.*point events")
def test_images_have_the_rate_that_is_given(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(30):
        cv2.imwrite(str(tmp_path / "a" / f"{number:03d}.png"), np.zeros((8, 8), np.uint8))
    (tmp_path / "a.csv").write_text(TABULAR_7.replace("25.0", "10.0"))
    (recording,) = folder.read_recordings(tmp_path, image_fps=10)
    assert np.flatnonzero(recording.labels == 0).tolist() == list(range(4, 8))
    with pytest.raises(InputError, match="10 frames per second, but this one has 25"):
        folder.read_recordings(tmp_path)


@pytest.mark.parametrize("text", LAYOUTS)
def test_another_frame_rate_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="25 frames per second, but this one has 30"):
        read(tmp_path / "a.csv", text, fps=30)


def test_2997_is_30000_over_1001(tmp_path):
    text = AGGREGATED_7.replace("25.0", "29.97")
    with pytest.warns(UserWarning):
        read(tmp_path / "a.csv", text, fps=30000 / 1001)


@pytest.mark.parametrize("fps", [10, 24, 25, 29.97, 30, 30000 / 1001, 59.94, 120, 500])
def test_no_frame_is_off_by_one_at_either_end(fps):
    for frame in range(2000):
        assert steady(fps).frame_at(round(frame / fps, 3) + ROUNDING_S) == frame


@settings(max_examples=50)
@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=30),
    fps=st.sampled_from([10.0, 25.0, 30000 / 1001, 120.0, 500.0]),
)
def test_what_is_written_reads_back_to_the_same_frames(tmp_path_factory, lengths, fps):
    edges = np.cumsum([0, *lengths])
    bouts = [
        Bout(int(start), int(stop), "ab"[number % 2], 0)
        for number, (start, stop) in enumerate(zip(edges, edges[1:], strict=False))
        if number % 3  # some neighbours touch, some do not
    ]
    if not bouts:
        return
    path = tmp_path_factory.mktemp("boris") / "v.csv"
    write_boris_bouts(path, in_seconds(bouts, fps), fps, "v.mp4")
    again = read_boris_bouts(path, path.read_text().splitlines(), steady(fps), "v")
    assert [bout[:3] for bout in again] == [bout[:3] for bout in bouts]


def test_touching_bouts_of_one_behaviour_survive_the_round_trip(tmp_path):
    bouts = [Bout(0, 5, "a", 0), Bout(5, 9, "a", 0)]
    write_boris_bouts(tmp_path / "v.csv", in_seconds(bouts, 25), 25, "v.mp4")
    lines = (tmp_path / "v.csv").read_text().splitlines()
    assert [b[:3] for b in read_boris_bouts(tmp_path / "v.csv", lines, steady(25), "v")] == [
        b[:3] for b in bouts
    ]


@pytest.mark.filterwarnings("ignore:.*point events")
@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("groom\t\t\tSTOP", "groom\t\t\tSTART", "STOP was expected"),
        ("rear\t\t\tSTOP", "rear\t\t\tPOINT", "never stops"),
        ("Time offset (s)\t0.0", "Time offset (s)\t3.5", "time offset of 3.5"),
        ("1.400", "00:01.4", "in seconds"),
        ("1.400", "1.1", "runs from 1.2 to 1.1"),
        ("1.200", "0.7", "overlaps"),
    ],
)
def test_what_would_misplace_a_label_is_refused(tmp_path, old, new, match):
    assert old in TABULAR_7
    with pytest.raises(InputError, match=match):
        read(tmp_path / "a.csv", TABULAR_7.replace(old, new))


def test_the_observation_of_the_recording_is_chosen(tmp_path):
    second = AGGREGATED_7.splitlines()[1].replace("cage 1,a.mp4", "cage 2,b.mp4")
    text = AGGREGATED_7 + second.replace("0.400,0.800", "0.000,0.200") + "\n"
    bouts = read(tmp_path / "b.csv", text, name="b")
    assert [bout[:3] for bout in bouts] == [(0, 5, "groom")]
    with pytest.raises(InputError, match="none is about 'c'"):
        read(tmp_path / "c.csv", text, name="c")


def test_joined_videos_are_refused(tmp_path):
    text = AGGREGATED_7.replace("cage 1,a.mp4,2.000,25.0,mouse,rear", "cage 1,b.mp4,4,25.0,m,rear")
    with pytest.raises(InputError, match="several videos"):
        read(tmp_path / "a.csv", text)


def test_deepethogram_labels_read_back(tmp_path, write_video, moving_disc):
    write_video(tmp_path / "a.mp4", moving_disc(20), 25)
    path = tmp_path / "a_labels.csv"
    write_deepethogram_labels(path, [Bout(3, 7, "groom", 0), Bout(7, 8, "rear", 0)], 20)
    assert path.read_text().splitlines()[:2] == [",background,groom,rear", "0,1,0,0"]
    (recording,) = folder.read_recordings(tmp_path)
    assert [recording.behaviours[label] for label in recording.labels] == (
        [OTHER] * 3 + ["groom"] * 4 + ["rear"] + [OTHER] * 12
    )
    with pytest.raises(InputError, match="labels 20 frames but"):
        check_label_length(recording, 25, 0)  # unlike a table of bouts, it must fit
    write_deepethogram_labels(path, [Bout(3, 7, "rear", 0)], 5, ["rear", "groom"])
    assert path.read_text().splitlines()[0] == ",background,groom,rear"  # as in other files


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("1,0,1,1", "shows groom and rear"),
        ("1,-1,-1,-1", "not labelled yet"),
        ("2,1,0,0", "expected frame 1"),
        ("1,1,0", "expected 3 values"),
        ("1,1,0,x", "expected 3 values"),
    ],
)
def test_wrong_deepethogram_rows_are_refused(tmp_path, row, match):
    lines = [",background,groom,rear", "0,1,0,0", row]
    with pytest.raises(InputError, match=match):
        read_deepethogram_bouts(tmp_path / "a.csv", lines)


def test_plain_tables_are_still_plain_tables(tmp_path, write_video, moving_disc):
    write_video(tmp_path / "a.mp4", moving_disc(20), 25)
    (tmp_path / "a.csv").write_text("start_frame,stop_frame,behaviour\n0,9,x\n10,19,y\n")
    (recording,) = folder.read_recordings(tmp_path)
    assert recording.behaviours == ("x", "y", OTHER)


NASTY = ["=HYPERLINK(1)", "+x", "-walk", "@SUM(A1)", "plain"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_no_name_becomes_a_formula(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    bouts = [Bout(10 * n, 10 * n + 5, name, 0) for n, name in enumerate(NASTY)]
    write_boris_bouts(path, in_seconds(bouts, 25), 25, "=cmd().mp4")
    if suffix == ".xlsx":
        cells = [cell for row in openpyxl.load_workbook(path).active.rows for cell in row]
        assert {cell.data_type for cell in cells} == {"s", "n"}
        assert {*NASTY, "=cmd().mp4", "START"} <= {cell.value for cell in cells}
    else:
        cells = [cell for row in csv.reader(path.open()) for cell in row]
        assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]
        # The names are what they were when the file is read here.
        again = read_boris_bouts(path, path.read_text().splitlines(), steady(25), "=cmd()")
        assert [bout[:3] for bout in again] == [bout[:3] for bout in bouts]


def test_a_sheet_has_the_same_bytes_each_time_and_drops_control_characters(tmp_path, monkeypatch):
    bouts = [Bout(0, 5, "re\x01ar", 0)]
    for name, year in (("a", 2001), ("b", 2031)):
        when = time.struct_time((year, 5, 6, 7, 8, 10, 0, 1, 0))
        monkeypatch.setattr("time.localtime", lambda *_, when=when: when)
        write_boris_bouts(tmp_path / f"{name}.xlsx", in_seconds(bouts, 25), 25, "v.mp4")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert [sheet.cell(2, column).value for column in (5, 9)] == ["rear", 0]


def test_seconds_are_written_as_they_are_given(tmp_path):
    write_boris_bouts(tmp_path / "v.csv", [(1.0, 1.2, "rear")], 10, "v.mp4")
    start, stop = csv.DictReader((tmp_path / "v.csv").open())
    assert (float(start["Time"]), float(stop["Time"])) == (1.0, 1.2)
