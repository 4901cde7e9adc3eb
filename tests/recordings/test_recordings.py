"""Readers: every layout on disk gives the right recordings, and a wrong one a clear sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from media import write_images

from cagewatch.clips import labels_of, trained_frames
from cagewatch.errors import InputError
from cagewatch.params import Parameters, resolve
from cagewatch.recordings import folder, load_recordings, mit, mit_sample, split_recordings
from cagewatch.recordings.base import Recording
from cagewatch.recordings.labels.annotations import MIT_BEHAVIOURS, bouts_of
from cagewatch.simulate.writer import write_annotations

LABELS = np.repeat([7, 3, 2, 7], [5, 2, 10, 3])


def parameters(**given) -> Parameters:
    return resolve({"train_recordings": None, "test_recordings": None, **given})


def without_lists(**given) -> Parameters:
    """Parameters whose recording lists really are None, whatever the dataset's layer lists."""
    lists = {"train_recordings": None, "test_recordings": None}
    return parameters(**given).model_copy(update=lists)


@pytest.fixture
def full_database(tmp_path, write_video, moving_disc) -> Path:
    """Two labelled recordings in the home-cage layout, one of them by both groups."""
    root = tmp_path / "full_database"
    (root / "Annotator_group_1").mkdir(parents=True)
    (root / "Annotator_group_2").mkdir()
    for name in ("20080321162447", "20080324143707A"):
        write_video(root / f"{name}.mpg", moving_disc(20), 30000 / 1001, "mpeg1video")
        bouts = bouts_of(LABELS, MIT_BEHAVIOURS).itertuples()
        write_annotations(root / "Annotator_group_1" / f"{name}.txt", bouts)
    bouts = bouts_of(np.zeros(20, int), MIT_BEHAVIOURS).itertuples()
    write_annotations(root / "Annotator_group_2" / "20080321162447.txt", bouts)
    return root


# The home cage


@pytest.mark.parametrize("levels", [0, 1])
def test_the_full_database_is_found_and_labelled(full_database, levels):
    data_dir = [full_database, full_database.parent][levels]
    recordings = mit.read_recordings(data_dir)
    assert [r.name for r in recordings] == ["20080321162447", "20080324143707A"]
    for recording in recordings:
        assert recording.split is None and recording.behaviours == MIT_BEHAVIOURS
        np.testing.assert_array_equal(recording.labels, LABELS)
        np.testing.assert_array_equal(recording.is_target("hang"), LABELS == 3)
        assert recording.source.suffix == ".mpg"


def test_another_annotator_group_gives_its_own_labels_for_what_it_labelled(full_database):
    with pytest.warns(UserWarning, match="does not label them: 20080324143707A"):
        (recording,) = mit.read_recordings(full_database, annotator_group=2)
    assert recording.name == "20080321162447" and not recording.labels.any()
    with pytest.raises(InputError, match="Annotator_group_3.*annotator_group"):
        mit.read_recordings(full_database, annotator_group=3)


def test_a_wrong_label_file_is_named(full_database):
    path = full_database / "Annotator_group_1" / "20080321162447.txt"
    path.write_text("frame: 00000000-00000019 walk\n")
    with pytest.raises(InputError, match="20080321162447.txt, line 1"):
        mit.read_recordings(full_database)


def test_no_videos_or_no_labels_is_an_error(tmp_path, full_database):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no full_database folder"):
        mit.read_recordings(tmp_path / "empty")
    for path in (full_database / "Annotator_group_1").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="no label file"):
        mit.read_recordings(full_database)


@pytest.mark.parametrize(
    ("name", "behaviour"),
    [
        ("agoutivideo320080229/agoutivideo320080229_gb_0012.mpg", "groom"),
        ("20080321162447/20080321162447_he_0001.mpg", "micromovement"),
        ("20080321162447/20080321162447_rs_1.mpg", "rest"),
        ("video/2008_03_rear_7.mpg", "rear"),
        ("clip_drink002.mat", "drink"),
        ("walk.mat", "walk"),
        ("eat/0001.mpg", "eat"),
        ("groom/clip7.mpg", "groom"),
    ],
)
def test_a_clips_behaviour_is_in_its_name_or_its_folders(tmp_path, name, behaviour):
    assert mit.clip_behaviour(tmp_path / name.replace(".mat", ".mpg")) == behaviour


def test_a_clip_of_no_known_behaviour_is_refused(tmp_path):
    with pytest.raises(InputError, match="rename it"):
        mit.clip_behaviour(tmp_path / "20080321162447" / "20080321162447_jump_1.mpg")


def test_clips_are_labelled_throughout(tmp_path, write_video, moving_disc):
    root = tmp_path / "clipped_database" / "20080321162447"
    root.mkdir(parents=True)
    write_video(root / "20080321162447_ha_3.mpg", moving_disc(7), codec="mpeg1video")
    volume = np.zeros((8, 8, 5), np.uint8)
    scipy.io.savemat(root / "x9.mat", {"I": volume, "clipname": "x9", "cliptype": "rest"})
    hang, rest = load_recordings(
        parameters(
            dataset="mit",
            data_dir=str(tmp_path),
            train_recordings=["20080321162447_ha_3"],
            test_recordings=["x9"],
        )
    )
    assert (hang.split, rest.split) == ("train", "test")
    assert hang.labels.tolist() == [MIT_BEHAVIOURS.index("hang")] * 7
    assert rest.labels.tolist() == [MIT_BEHAVIOURS.index("rest")] * 5


def test_the_real_clips_are_read(data_dir, tmp_path):
    for name in ("clip_drink002.mat", "clip_drink005.mat", "walk.mat"):
        (tmp_path / name).symlink_to(data_dir / "mit_mouse" / "footage" / name)
    found = {r.name: (r.behaviours[r.labels[0]], len(r.labels)) for r in mit.read_clips(tmp_path)}
    assert found == {
        "clip_drink002": ("drink", 60),
        "clip_drink005": ("drink", 31),
        "walk": ("walk", 24),
    }


# Any folder


def test_a_folder_of_videos_with_and_without_labels(tmp_path, write_video, moving_disc):
    write_video(tmp_path / "a10.mp4", moving_disc(6))
    write_video(tmp_path / "a9.avi", moving_disc(6), codec="mpeg4")
    write_images(tmp_path / "stills", 3, "png")
    (tmp_path / "a9.csv").write_text("start_frame,stop_frame,behaviour\n1,2,jump\n")
    (tmp_path / "stills.txt").write_text("frame: 1-3 sleep\n")
    (tmp_path / "README.txt").write_text("notes")
    recordings = folder.read_recordings(tmp_path)
    assert [r.name for r in recordings] == ["a9", "a10", "stills"]
    assert {r.behaviours for r in recordings} == {("jump", "sleep", "other")}
    labelled, unlabelled, stills = recordings
    assert labelled.labels.tolist() == [2, 0, 0] and stills.labels.tolist() == [1, 1, 1]
    assert unlabelled.labels is None and unlabelled.label_source is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"mouse 12, new bedding\n"),
        ("a.csv", b"frame,camera_time\n0,1698\n"),
        ("a.csv", b""),
        ("a.tsv", bytes(range(256))),
    ],
)
def test_what_has_no_form_of_labels_is_passed_over(
    tmp_path, write_video, moving_disc, name, content
):
    video = write_video(tmp_path / "a.mp4", moving_disc(6))
    (tmp_path / name).write_bytes(content)
    (tmp_path / "a_labels.csv").write_text("start_frame,stop_frame,behaviour\n1,2,jump\n")
    with pytest.warns(UserWarning, match=f"{name} is passed over: .*(form|not a text file)"):
        (recording,) = folder.read_recordings(tmp_path)
    assert recording.label_source == tmp_path / "a_labels.csv"
    with pytest.raises(InputError, match=f"{name}.*(form|not a text file)"):
        folder.read_label_file(tmp_path / name, video)  # where a user names it


def test_a_misspelt_label_file_is_not_passed_over(tmp_path, write_video, moving_disc):
    write_video(tmp_path / "a.mp4", moving_disc(6))
    (tmp_path / "a.csv").write_text("start_frame,stop_frame,behavior\n1,2,jump\n")
    with pytest.raises(InputError, match="behaviour not found"):
        folder.read_recordings(tmp_path)
    (tmp_path / "a.csv").unlink()
    (tmp_path / "a.txt").write_text("frame: 1-2\n")
    with pytest.raises(InputError, match="a.txt, line 1: expected 'frame:"):
        folder.read_recordings(tmp_path)


def test_train_and_test_folders_are_the_split(tmp_path, write_video, moving_disc):
    for split, name in (("train", "a"), ("test", "b")):
        (tmp_path / split).mkdir()
        write_video(tmp_path / split / f"{name}.mp4", moving_disc(2))
    given = parameters(dataset="folder", data_dir=str(tmp_path))
    assert {r.name: r.split for r in load_recordings(given)} == {"a": "train", "b": "test"}
    given = parameters(dataset="folder", data_dir=str(tmp_path), test_recordings=["a"])
    assert {r.name: r.split for r in load_recordings(given)} == {"a": "test"}


def test_a_folder_of_images_is_one_recording(tmp_path):
    write_images(tmp_path / "cage", 3)
    (recording,) = folder.read_recordings(tmp_path / "cage")
    assert recording.name == "cage" and recording.source == tmp_path / "cage"


def test_ambiguous_folders_are_refused(tmp_path, write_video, moving_disc):
    with pytest.raises(InputError, match="holds no videos"):
        folder.read_recordings(tmp_path)
    write_video(tmp_path / "a.mp4", moving_disc(2))
    (tmp_path / "a.csv").write_text("start_frame,stop_frame,behaviour\n1,2,jump\n")
    (tmp_path / "a.txt").write_text("frame: 1-3 sleep\n")
    with pytest.raises(InputError, match="two label files"):
        folder.read_recordings(tmp_path)
    write_video(tmp_path / "a.avi", moving_disc(2), codec="mpeg4")
    with pytest.raises(InputError, match="both be recording 'a'"):
        folder.read_recordings(tmp_path)


def test_the_real_unlabelled_recording_is_read(data_dir):
    recordings = folder.read_recordings(data_dir / "mouse_cylinder")
    assert [(r.name, r.labels, r.split) for r in recordings] == [
        ("0", None, None),
        ("3500", None, None),
    ]


def test_a_folder_that_is_not_there_and_a_link_to_nothing_are_told(
    tmp_path, write_video, moving_disc
):
    with pytest.raises(InputError, match="none is not a folder"):
        folder.read_recordings(tmp_path / "none")
    write_video(tmp_path / "a.mp4", moving_disc(2))
    (tmp_path / "b.mp4").symlink_to(tmp_path / "a.mp4")
    assert [item.name for item in folder.read_recordings(tmp_path)] == ["a", "b"]
    for target in (tmp_path / "gone.mp4", tmp_path / "c.mp4"):  # the second leads to itself
        (tmp_path / "c.mp4").symlink_to(target)
        with pytest.raises(InputError, match="c.mp4 is a link to .*which is not there"):
            folder.read_recordings(tmp_path)
        (tmp_path / "c.mp4").unlink()


def test_hidden_folders_are_left_out_and_linked_ones_followed_once(tmp_path):
    place, elsewhere = tmp_path / "videos", tmp_path / "nas"
    for path in (
        place / "a.mp4", place / "sub" / "b.mp4", place / "sub" / ".c.mp4",
        place / ".Trash-1000" / "files" / "old.mp4", place / "sub" / ".hidden" / "deep" / "d.mp4",
        elsewhere / "e.mp4", elsewhere / "deep" / "f.mp4",
    ):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (place / "day1").symlink_to(elsewhere)
    (place / "again").symlink_to(place / "sub")  # found already
    (elsewhere / "deep" / "loop").symlink_to(place)
    found = [str(path.relative_to(place)) for path in folder.list_videos(place, deep=True)]
    assert found == ["a.mp4", "sub/b.mp4", "day1/e.mp4", "day1/deep/f.mp4"]
    # The place given may itself be hidden, or below something hidden.
    hidden = place / "sub" / ".hidden"
    assert folder.list_videos(hidden, deep=True) == [hidden / "deep" / "d.mp4"]


def test_a_link_to_a_folder_that_is_not_there_is_told(tmp_path):
    (tmp_path / "day2").symlink_to(tmp_path / "unmounted")
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.warns(UserWarning, match="day2 is a link to .*unmounted, which is not there"):
        assert folder.list_videos(tmp_path, deep=True) == [tmp_path / "a.mp4"]


def test_a_name_that_means_a_folder_is_refused():
    with pytest.raises(InputError, match="rename it"):
        folder.recording_name(Path("/x/...mpg"))


# The sample of the home cage with labels


def test_the_sample_is_read_as_it_is_and_used_in_halves(data_dir):
    for split in ({}, {"train_start": 0.5, "train_stop": 1.0, "test_start": 0.0, "test_stop": 0.5}):
        given = resolve(
            {"dataset": "mit_sample", "data_dir": str(data_dir / "mit_sample"), **split}
        )
        train, test = load_recordings(given)
        assert (train.split, test.split) == ("train", "test")
        assert train.name == test.name == "predicted_new" and len(test.labels) >= 3001
        with pytest.warns(UserWarning, match="the last 9 labels are left out"):
            kept = trained_frames(train, 2992, given)
            tested = labels_of(test, 2992, given).is_target("rear")
        half = slice(0, 1496) if not split else slice(1496, 2992)
        assert kept[half].any() and kept.sum() == (~tested[half]).sum()


def test_a_part_given_twice_must_not_overlap(data_dir):
    with pytest.raises(InputError, match="in both.*do not overlap"):
        load_recordings(
            resolve(
                {
                    "dataset": "mit_sample",
                    "data_dir": str(data_dir / "mit_sample"),
                    "train_stop": 0.51,
                }
            )
        )


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("predicted_new.avi", lambda data: None, "predicted_new.avi is not there"),
        ("mice2.txt", lambda data: None, "mice2.txt is not there"),
        ("predicted_new.avi", lambda data: data[:-1], "cut short"),
        ("predicted_new.avi", lambda data: data[:-1] + b"?", "another video"),
        ("mice2.txt", lambda data: data.replace(b" rear", b" hang", 1), "other labels"),
        ("mice2.txt", lambda data: data[: len(data) // 2], "other labels|expected 'frame"),
    ],
)
def test_a_sample_that_is_not_the_one_is_refused(data_dir, tmp_path, name, change, says):
    for file in ("predicted_new.avi", "mice2.txt"):
        data = (data_dir / "mit_sample" / file).read_bytes()
        data = change(data) if file == name else data
        if data is not None:
            (tmp_path / file).write_bytes(data)
    with pytest.raises(InputError, match=says):
        mit_sample.read_recordings(tmp_path)


# Splits


RECORDINGS = [
    Recording(name, Path(name), split)
    for name, split in (("a", "train"), ("b", "train"), ("c", "test"), ("d", None))
]


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (None, None, {"a": "train", "b": "train", "c": "test"}),
        (["d"], None, {"d": "train", "c": "test"}),
        (None, ["b"], {"a": "train", "b": "test"}),
        (["c"], ["a"], {"c": "train", "a": "test"}),
        (["a"], [], {"a": "train"}),
    ],
)
def test_lists_of_recordings_override_the_datasets_split(train, test, expected):
    chosen = split_recordings(RECORDINGS, train, test)
    assert {r.name: r.split for r in chosen} == expected


def test_unknown_doubled_and_absent_lists_are_refused(full_database):
    with pytest.raises(InputError, match="test_recordings.*'e'.*known are a, b, c, d"):
        split_recordings(RECORDINGS, ["a"], ["e"])
    with pytest.raises(InputError, match="'a' is in both"):
        split_recordings(RECORDINGS, ["a", "b"], ["a"])
    chosen = split_recordings(RECORDINGS, ["a", "b"], ["a"], parts_apart=True)
    assert [(r.name, r.split) for r in chosen] == [("a", "train"), ("a", "test"), ("b", "train")]
    with pytest.raises(InputError, match="did you mean '20080321162447'"):
        load_recordings(
            parameters(
                dataset="mit", data_dir=str(full_database), train_recordings=["2008032116244"]
            )
        )
    with pytest.raises(InputError, match="no split of its own.*20080321162447"):
        load_recordings(without_lists(dataset="mit", data_dir=str(full_database)))


@pytest.mark.parametrize(
    ("dataset", "says"),
    [
        ("ped2", "svcl.ucsd.edu.*cagewatch download ped2"),
        ("ped1", "svcl.ucsd.edu.*cagewatch download ped1"),
        ("avenue", "cuhk.*Avenue_Dataset.zip.*ground_truth_demo.zip.*download avenue"),
        ("mit", "full_database.zip.*download mit"),
        ("mit_sample", "predicted_new.avi.*mice2.txt.*download mit_sample"),
        ("simulated", "simulate the recordings first"),
        ("folder", "folder with your videos"),
    ],
)
def test_a_missing_data_folder_says_where_to_get_it(tmp_path, dataset, says):
    with pytest.raises(InputError, match=says) as caught:
        load_recordings(parameters(dataset=dataset, data_dir=str(tmp_path / "none")))
    assert str(tmp_path / "none") in str(caught.value)
    # There, but without the dataset in it.
    with pytest.raises(InputError, match=str(tmp_path)):
        load_recordings(parameters(dataset=dataset, data_dir=str(tmp_path)))
