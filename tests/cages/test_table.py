"""The table of a cage's recordings: what a user wrote stays, names and patterns fill the rest."""

from __future__ import annotations

import pandas as pd
import pytest

from cagewatch.cages import table
from cagewatch.errors import InputError


def test_the_table_keeps_what_was_edited(tmp_path):
    sources = {name: tmp_path / f"{name}.mp4" for name in ("a_2024-05-01T12-30-00", "=b")}
    first = table.update_recordings(tmp_path, sources)
    assert first["start_time"].tolist() == ["2024-05-01 12:30:00", ""]
    assert "'=b" in (tmp_path / "recordings.csv").read_text()
    edited = first.assign(group=["control", "drug"], note="x")
    edited.to_csv(tmp_path / "recordings.csv", index=False)
    after = table.update_recordings(tmp_path, sources | {"c": tmp_path / "c.mp4"})
    assert after["group"].tolist() == ["control", "drug", ""]
    assert after["note"].tolist() == ["x", "x", ""] and after["recording"].tolist()[2] == "c"
    pd.concat([edited, edited]).to_csv(tmp_path / "recordings.csv", index=False)
    with pytest.raises(InputError, match="two rows for the recording"):
        table.read_recordings_table(tmp_path)


def test_the_table_follows_videos_that_are_moved(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    for name in "ab":
        (old / f"{name}.mp4").write_bytes(b"")
    table.update_recordings(tmp_path, {name: old / f"{name}.mp4" for name in "ab"})
    new.mkdir()
    (old / "a.mp4").rename(new / "a.mp4")
    after = table.update_recordings(tmp_path, {name: new / f"{name}.mp4" for name in "ab"})
    assert after["file"].tolist() == [str(new / "a.mp4"), str(old / "b.mp4")]
    assert table.read_recordings_table(tmp_path).equals(after)
    after.assign(file="x" * 5000).to_csv(tmp_path / "recordings.csv", index=False)
    after = table.update_recordings(tmp_path, {"a": new / "a.mp4"})
    assert after["file"][0] == str(new / "a.mp4")


def test_a_pattern_given_later_fills_the_cells_that_are_empty(tmp_path):
    names = ("r2_tom_20240501", "r1_ann_20240502", "x")
    sources = {name: tmp_path / f"{name}.mp4" for name in names}
    first = table.update_recordings(tmp_path, sources)
    first.assign(animal=["", "Anna", ""]).to_csv(tmp_path / "recordings.csv", index=False)
    pattern = "{cage}_{animal}_{date}"
    for _ in range(2):
        after = table.update_recordings(tmp_path, sources, pattern)
        assert after["recording"].tolist() == list(names)
        assert after["animal"].tolist() == ["tom", "Anna", ""]
        assert after["cage"].tolist() == ["r2", "r1", ""]
        assert after["start_time"].tolist()[0] == "2024-05-01 00:00:00"
    assert table.read_recordings_table(tmp_path).equals(after)
    one = {"r3_eve_20240503": tmp_path / "r3_eve_20240503.mp4"}
    assert table.update_recordings(tmp_path, one, pattern)["animal"].tolist()[3] == "eve"


@pytest.mark.parametrize("pattern", ["{a b}", "{cage}_{cage}", "{}"])
def test_a_pattern_that_is_none_is_refused(pattern):
    with pytest.raises(InputError, match="no word or one given twice"):
        table.compile_pattern(pattern)
