"""Labels: what the formats mean, what is refused, and that nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagewatch.errors import InputError
from cagewatch.recordings.base import Recording
from cagewatch.recordings.labels import annotations
from cagewatch.recordings.labels.annotations import (
    MIT_BEHAVIOURS,
    OTHER,
    bouts_of,
    labels_from_bouts,
    read_csv_bouts,
    read_labels,
)
from cagewatch.recordings.labels.frame_labels import check_label_length, far_from_edges
from cagewatch.simulate.writer import write_annotations

GOOD = """frame: 00000001-00000019 micromovement
frame: 00000020-00000050 walk
frame: 00000051-00000088 rear
"""


def write(folder: Path, text: str, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_mit_text_counts_from_one_and_includes_both_ends(tmp_path):
    labels = read_labels(write(tmp_path, GOOD))
    assert labels.dtype == np.int16 and len(labels) == 88
    names = [MIT_BEHAVIOURS[label] for label in labels]
    assert names[:19] == ["micromovement"] * 19
    assert names[19:50] == ["walk"] * 31
    assert names[50:] == ["rear"] * 38


def test_windows_line_ends_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path):
    text = "\ufeff" + GOOD.replace("\n", "\r\n") + "\r\n"
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode("utf-8"))
    assert len(read_labels(path)) == 88


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("00000020", "00000025"), "line 2: a gap, frames 20 to 24"),
        (GOOD.replace("00000020", "00000019"), "line 2: an overlap.*frame 19"),
        (GOOD.replace("00000001", "00000000"), "line 1: frame 0 .* count from 1"),
        (GOOD.replace("00000001", "00000002"), "line 1: a gap, frames 1 to 1"),
        (GOOD.replace("walk", "wakl"), "line 2: unknown behaviour 'wakl', did you mean 'walk'"),
        (GOOD.replace("rear", "Rear"), "line 3: unknown behaviour 'Rear', did you mean 'rear'"),
        ("".join(GOOD.splitlines(True)[::-1]), "line 1: a gap"),
        (GOOD + "frame: 00000001-00000019 rest\n", "line 4: out of order"),
        (GOOD.replace("-00000050", "-00000010"), "line 2: the bout ends at frame 10, before"),
        (GOOD.replace("-00000088", "-99999999999"), "line 3: frame 99999999999 is beyond"),
        (GOOD.replace("-00000088", "-" + "9" * 5000), "line 3: expected 'frame:"),
        (GOOD.replace("frame: 00000020", "frame 00000020"), "line 2: expected 'frame:"),
        (GOOD.replace("walk", ""), "line 2: expected 'frame:"),
        (GOOD.replace("00000020", "²0"), "line 2: expected 'frame:"),
        ("", "holds no label"),
    ],
)
def test_wrong_mit_text_is_refused_in_one_sentence(tmp_path, text, says):
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=says) as caught:
        read_labels(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_no_text_or_missing_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00\x01\x80")
    with pytest.raises(InputError, match="not a text file"):
        read_labels(tmp_path / "a.txt")
    with pytest.raises(InputError, match="Cannot read"):
        read_labels(tmp_path / "none.txt")


def test_bout_table_counts_from_zero_includes_both_ends_and_leaves_the_rest_other(tmp_path):
    text = "start_frame,stop_frame,behaviour,note\n10,19,walk,x\n\n0,4,rear,\n"
    bouts = read_csv_bouts(write(tmp_path, text, "a.csv"))
    behaviours = ("rear", "walk", OTHER)
    names = [behaviours[label] for label in labels_from_bouts(bouts, behaviours, 22)]
    assert names == ["rear"] * 5 + [OTHER] * 5 + ["walk"] * 10 + [OTHER] * 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("start,stop,behaviour\n1,2,walk\n", "start_frame, stop_frame not found"),
        ("start_frame,stop_frame,behaviour\n0,9,walk\n9,12,rear\n", "line 3: overlaps line 2"),
        ("start_frame,stop_frame,behaviour\n0,9.5,walk\n", "line 2: expected two frame numbers"),
        ("start_frame,stop_frame,behaviour\n-1,9,walk\n", "line 2: expected two frame numbers"),
        ("start_frame,stop_frame,behaviour\n0,9\n", "line 2: expected two frame numbers"),
        ("start_frame,stop_frame,behaviour\n9,0,walk\n", "line 2: the bout ends"),
        ("start_frame,stop_frame,behaviour\n", "holds no label"),
        ("", "start_frame, stop_frame, behaviour not found"),
    ],
)
def test_wrong_bout_tables_are_refused(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read_csv_bouts(write(tmp_path, text, "a.csv"))


@settings(max_examples=50)
@given(st.lists(st.integers(0, len(MIT_BEHAVIOURS) - 1), min_size=1, max_size=200))
def test_any_labels_survive_both_formats(tmp_path_factory, labels):
    folder = tmp_path_factory.mktemp("bouts")
    labels = np.array(labels, np.int16)
    table = bouts_of(labels, MIT_BEHAVIOURS)
    write_annotations(folder / "a.txt", table.itertuples())
    np.testing.assert_array_equal(read_labels(folder / "a.txt"), labels)
    lines = [f"{row.start},{row.stop - 1},{row.behaviour}\n" for row in table.itertuples()]
    path = write(folder, "".join(["start_frame,stop_frame,behaviour\n", *lines]), "a.csv")
    np.testing.assert_array_equal(labels_from_bouts(read_csv_bouts(path), MIT_BEHAVIOURS), labels)
    assert table["start"].iloc[0] == 0 and table["stop"].iloc[-1] == len(labels)
    assert (table["start"].iloc[1:].to_numpy() == table["stop"].iloc[:-1].to_numpy()).all()
    assert (table["behaviour"].iloc[1:].to_numpy() != table["behaviour"].iloc[:-1].to_numpy()).all()


def test_no_labels_have_no_bouts():
    assert len(bouts_of(np.zeros(0, np.int16), MIT_BEHAVIOURS)) == 0


def recording(labels, label_source="a.txt", behaviours=MIT_BEHAVIOURS) -> Recording:
    source = Path(label_source) if label_source else None
    return Recording("a", Path("a.mpg"), None, np.asarray(labels, np.int16), behaviours, source)


def test_labels_within_the_tolerance_are_made_to_fit_at_the_end():
    assert check_label_length(recording([1, 2, 3]), 3, 0).tolist() == [1, 2, 3]
    assert check_label_length(recording([1, 2, 3]), 2, 1).tolist() == [1, 2]
    assert check_label_length(recording([1, 2, 3]), 5, 2).tolist() == [1, 2, 3, 3, 3]
    assert check_label_length(Recording("a", Path("a.mpg")), 5, 0) is None


@pytest.mark.parametrize("n_frames", [2, 4])
def test_labels_of_another_length_name_both_counts_the_file_and_the_parameter(n_frames):
    with pytest.raises(InputError) as caught:
        check_label_length(recording([1, 2, 3]), n_frames, 0)
    message = str(caught.value)
    for part in ("a.txt labels 3 frames", f"a.mpg has {n_frames}", "label_tolerance"):
        assert part in message


def test_a_bout_table_may_stop_early_but_not_run_beyond_the_video():
    behaviours = ("walk", OTHER)
    table = recording([0, 0], "a.csv", behaviours)
    assert check_label_length(table, 4, 0).tolist() == [0, 0, 1, 1]
    with pytest.raises(InputError, match="label_tolerance"):
        check_label_length(table, 1, 0)


def test_labels_from_no_file_fit_any_length():
    assert check_label_length(recording([0, 0, 0], None), 5, 0).tolist() == [0] * 5


def test_labels_that_run_on_are_cut_where_asked_and_only_there():
    long = recording([1, 2, 3, 4, 5])
    with pytest.raises(InputError, match="labels_end=cut"):
        check_label_length(long, 3, 1)
    with pytest.warns(UserWarning, match="labels 5 frames but a.mpg has 3: the last 2 labels"):
        assert check_label_length(long, 3, 0, "cut").tolist() == [1, 2, 3]
    with pytest.raises(InputError, match="labels 5 frames but a.mpg has 7"):
        check_label_length(long, 7, 0, "cut")
    assert check_label_length(long, 5, 0, "cut").tolist() == [1, 2, 3, 4, 5]


def test_the_margin_is_around_the_edges_of_the_targets_bouts_and_nowhere_else():
    target = np.zeros(30, bool)
    target[10:20] = True
    left_out = np.flatnonzero(~far_from_edges(target, 3))
    assert left_out.tolist() == [7, 8, 9, 10, 11, 12, 17, 18, 19, 20, 21, 22]
    assert far_from_edges(target, 0).all() and far_from_edges(np.ones(5, bool), 3).all()
    # A bout at the start has one edge, and margins may reach beyond the recording.
    assert far_from_edges(np.arange(6) < 2, 3).tolist() == [False] * 5 + [True]
    assert far_from_edges(np.zeros(0, bool), 3).shape == (0,)


@settings(max_examples=50)
@given(st.lists(st.booleans(), max_size=60), st.integers(0, 9))
def test_what_is_left_is_at_least_the_margin_from_a_frame_of_the_other_kind(target, margin):
    target = np.array(target, bool)
    for frame, scored in enumerate(far_from_edges(target, margin)):
        near = target[max(frame - margin, 0) : frame + margin + 1]
        assert scored == (near == target[frame]).all()


def test_more_behaviours_than_labels_can_index_are_refused(tmp_path):
    rows = "".join(f"{n},{n},note {n}\n" for n in range(40_000))
    path = write(tmp_path, f"start_frame,stop_frame,behaviour\n{rows}", "a.csv")
    bouts = read_csv_bouts(path)
    with pytest.raises(InputError, match="name 40000 behaviours"):
        labels_from_bouts(bouts, [bout.behaviour for bout in bouts])


@pytest.mark.parametrize(
    ("limit", "value", "text"),
    [
        ("MAX_LABEL_BYTES", 1000, "frame: 1-2 walk" + " " * 2000),
        ("MAX_LINES", 10, "\n" * 11),
        ("MAX_LINES", 10, "\r" * 21),
        ("MAX_LINE_LENGTH", 20, "frame: 1-2 walk" + " " * 20),
    ],
)
def test_what_is_no_label_file_is_refused_before_it_is_taken_apart(
    tmp_path, monkeypatch, limit, value, text
):
    path = write(tmp_path, text)
    monkeypatch.setattr(annotations, limit, value)
    with pytest.raises(InputError, match="no label file has|longer than any label file"):
        read_labels(path)


def test_the_real_annotation_file(data_dir):
    path = data_dir / "mit_mouse" / "Annotator_group_1" / "20080324115556.txt"
    labels = read_labels(path)
    table = bouts_of(labels, MIT_BEHAVIOURS)
    assert len(labels) == 107_886 and len(table) == 645
    lengths = (table["stop"] - table["start"]).groupby(table["behaviour"])
    measured = {
        name: (round(100 * bouts.sum() / len(labels), 1), len(bouts), round(bouts.mean()))
        for name, bouts in lengths
    }
    # % of frames, bouts, mean bout in frames, as the data's own description lists them
    assert measured == {
        "micromovement": (33.0, 204, 175),
        "groom": (32.3, 89, 391),
        "rest": (17.2, 9, 2060),
        "walk": (7.0, 159, 47),
        "eat": (5.2, 56, 100),
        "rear": (3.8, 104, 39),
        "hang": (1.2, 7, 190),
        "drink": (0.3, 17, 19),
    }


def test_the_real_annotation_file_is_written_back_byte_for_byte(data_dir, tmp_path):
    path = data_dir / "mit_mouse" / "Annotator_group_1" / "20080324115556.txt"
    bouts = bouts_of(read_labels(path), MIT_BEHAVIOURS).itertuples()
    write_annotations(tmp_path / "a.txt", bouts)
    assert (tmp_path / "a.txt").read_bytes() == path.read_bytes()
