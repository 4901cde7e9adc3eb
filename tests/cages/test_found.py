"""Which recordings are found at a path, and under which name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from media import write_images

from cagewatch.cages.sources import gather_sources, read_videos
from cagewatch.cages.table import read_recordings_table, settle_names, update_recordings
from cagewatch.errors import InputError


@pytest.fixture
def top(tmp_path, write_video, moving_disc):
    """A folder with a video, and one more in a folder of it."""
    (tmp_path / "top" / "day1").mkdir(parents=True)
    for name in ("a.mp4", "day1/b.mp4"):
        write_video(tmp_path / "top" / name, moving_disc(20), 25)
    return tmp_path / "top"


def test_a_picture_beside_videos_hides_none_of_them(top, tmp_path):
    for folder in (top, top / "day1"):
        cv2.imwrite(str(folder / "setup.jpg"), np.full((12, 16), 100, np.uint8))
    assert list(gather_sources([top])) == ["a", "day1/b"]
    assert list(gather_sources([top / "day1"])) == ["b"]
    assert [one.name for one in read_videos([top])] == ["a", "day1-b"]
    write_images(top / "day2", 3)
    write_images(tmp_path / "alone", 3)
    assert list(gather_sources([top])) == ["a", "day2", "day1/b"]
    assert list(gather_sources([tmp_path / "alone"])) == ["alone"]


def test_two_recordings_of_one_name_are_named(top, tmp_path, write_video, moving_disc):
    write_video(tmp_path / "a.avi", moving_disc(20), 25, "mpeg4")
    paths = [top / "a.mp4", tmp_path / "a.avi"]
    for look in (gather_sources, read_videos):
        with pytest.raises(InputError, match=r"a\.mp4 and .*a\.avi would both be recording 'a'"):
            look(paths)
    update_recordings(tmp_path, {"b": top / "a.mp4"})
    sources = {"a": top / "a.mp4", "b": tmp_path / "a.avi"}
    with pytest.raises(InputError, match=r"would both be recording 'b'"):
        settle_names(tmp_path, sources)
    assert list(settle_names(tmp_path, {"a": top / "a.mp4"})) == ["b"]


def test_a_pattern_is_that_of_the_files_own_names(tmp_path):
    files = [
        "cage 1_m1_20240501_1230.mp4", "Käfig1_m2_20240501_1231.mp4",
        "cage1_m4_20240501_1232 (copy).mp4", "day 1/cage1_m5_20240501_1233.mp4", "other.mp4",
        "cage1_m6_20240501_25h.mp4",
    ]  # fmt: skip
    (tmp_path / "day 1").mkdir()
    for file in files:
        (tmp_path / file).write_bytes(b"")
    sources = gather_sources([tmp_path])
    with pytest.warns(UserWarning, match=r"Not named as .*: cage1_m6_20240501_25h, other\."):
        table = update_recordings(tmp_path, sources, "{cage}_{animal}_{date}_{time}")
    table = table.set_index(table["file"].map(lambda file: Path(file).name))
    table = table.loc[[Path(file).name for file in files]]
    assert table["cage"].tolist() == ["cage 1", "Käfig1", "cage1", "cage1", "", "cage1"]
    assert table["animal"].tolist() == ["m1", "m2", "m4", "m5", "", "m6"]
    assert [time[11:16] for time in table["start_time"]] == [
        "12:30", "12:31", "12:32", "12:33", "", "",
    ]  # fmt: skip


def test_a_table_that_a_spreadsheet_saved_is_read(tmp_path):
    text = "\ufeffrecording;animal;note\na;tom;1,5, or so\n"
    (tmp_path / "recordings.csv").write_text(text, encoding="utf-8")
    table = read_recordings_table(tmp_path)
    assert table.loc[0, ["recording", "animal", "note"]].tolist() == ["a", "tom", "1,5, or so"]
    assert table["file"].tolist() == table["start_time"].tolist() == [""]
    table = update_recordings(tmp_path, {"a": tmp_path / "a.mp4"})
    assert table["file"].tolist() == [str(tmp_path / "a.mp4")] and table["animal"][0] == "tom"
    assert read_recordings_table(tmp_path).equals(table)
