"""Readers of the benchmarks UCSD and Avenue: ranges and masks become labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
from media import write_images

from cagewatch.errors import InputError
from cagewatch.params import Parameters, resolve
from cagewatch.recordings import avenue, load_recordings, ucsd


def parameters(**given) -> Parameters:
    return resolve({"train_recordings": None, "test_recordings": None, **given})


@pytest.fixture
def ped1(tmp_path) -> Path:
    root = tmp_path / "UCSD_Anomaly_Dataset.v1p2" / "UCSDped1"
    write_images(root / "Train" / "Train001", 6)
    for number in (1, 2):
        write_images(root / "Test" / f"Test{number:03d}", 10, "jpg" if number == 2 else "tif")
    (root / "Test" / "UCSDped1.m").write_text(
        "TestVideoFile = {};\n"
        "TestVideoFile{end+1}.gt_frame = [2:3, 5 : 6 10];\n"
        "TestVideoFile{end+1}.gt_frame = [10:10]; % [1:5]\n"
    )
    return root


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_ucsd_ranges_are_one_based_and_inclusive(ped1, levels):
    train, first, second = ucsd.read_recordings([ped1, *ped1.parents][levels], "ped1")
    assert (train.name, train.split, train.labels.tolist()) == ("Train001", "train", [0] * 6)
    assert first.labels.tolist() == [0, 1, 1, 0, 1, 1, 0, 0, 0, 1]
    assert second.labels.tolist() == [0] * 9 + [1]
    assert first.behaviours == ("normal", "anomaly") and second.split == "test"


def test_ucsd_masks_serve_where_ranges_are_missing(ped1):
    (ped1 / "Test" / "UCSDped1.m").unlink()
    with pytest.raises(InputError, match="Test001 has no labels"):
        ucsd.read_recordings(ped1, "ped1")
    for number in (1, 2):
        write_images(ped1 / "Test" / f"Test{number:03d}_gt", 10, "bmp", value=0)
    mask = np.zeros((12, 16), np.uint8)
    mask[3, 4] = 255
    cv2.imwrite(str(ped1 / "Test" / "Test001_gt" / "004.bmp"), mask)
    _, first, second = ucsd.read_recordings(ped1, "ped1")
    assert np.flatnonzero(first.labels).tolist() == [3] and not second.labels.any()


@pytest.mark.parametrize(
    ("ranges", "says"),
    [
        ("gt_frame = [1:11];\ngt_frame = [1:2];", "range 1:11 does not fit the 10 frames"),
        ("gt_frame = [0:4];\ngt_frame = [1:2];", "range 0:4 does not fit"),
        ("gt_frame = [1:4];", "has 1 entries, none for Test002"),
        ("gt_frame = [1:x];", "range '1:x'"),
        ("nothing", "no 'gt_frame"),
    ],
)
def test_ucsd_ranges_that_do_not_fit_are_refused(ped1, ranges, says):
    (ped1 / "Test" / "UCSDped1.m").write_text(ranges)
    with pytest.raises(InputError, match=says):
        ucsd.read_recordings(ped1, "ped1")


def test_real_ped2_is_whole(data_dir):
    recordings = load_recordings(parameters(dataset="ped2", data_dir=str(data_dir)))
    train = [r for r in recordings if r.split == "train"]
    test = [r for r in recordings if r.split == "test"]
    assert len(train) == 16 and sum(len(r.labels) for r in train) == 2550
    assert len(test) == 12 and sum(len(r.labels) for r in test) == 2010
    assert sum(r.labels.sum() for r in test) == 1648
    assert not any(r.labels.any() for r in train)


def test_real_ped2_ranges_agree_with_the_pixel_masks(data_dir):
    test = {r.name: r for r in ucsd.read_recordings(data_dir, "ped2")}
    masks = sorted(ucsd.find_subset(data_dir, "ped2").glob("Test/*_gt"))
    assert len(masks) >= 2
    for mask in masks:
        anomalous = ucsd.read_masks(mask)
        np.testing.assert_array_equal(anomalous, test[mask.name.removesuffix("_gt")].labels == 1)
    assert anomalous.any() and not anomalous.all()


# Avenue


@pytest.fixture
def avenue_dir(tmp_path, write_video, moving_disc) -> Path:
    root = tmp_path / "avenue"
    for place in ("training_videos", "testing_videos", "training_vol", "testing_vol"):
        (root / "Avenue Dataset" / place).mkdir(parents=True)
    masks = root / "ground_truth_demo" / "testing_label_mask"
    masks.mkdir(parents=True)
    for place, number in (("training", 3), ("testing", 2), ("testing", 10)):
        path = root / "Avenue Dataset" / f"{place}_videos" / f"{number:02d}.avi"
        write_video(path, moving_disc(4), codec="mpeg4")
        volume = np.stack(moving_disc(4), axis=-1)
        volume_path = root / "Avenue Dataset" / f"{place}_vol" / f"vol{number:02d}.mat"
        scipy.io.savemat(volume_path, {"vol": volume})
    for number in (2, 10):
        cells = np.empty((1, 4), object)
        for index in range(4):
            cells[0, index] = np.zeros((96, 128), np.uint8)
        cells[0, 2][5, 6] = 1
        scipy.io.savemat(masks / f"{number}_label.mat", {"volLabel": cells})
    return root


@pytest.mark.parametrize("layout", ["avenue", "avenue_vol"])
@pytest.mark.parametrize("levels", [0, 1])
def test_avenue_frames_are_anomalous_if_any_mask_pixel_is(avenue_dir, layout, levels):
    data_dir = [avenue_dir, avenue_dir.parent][levels]
    recordings = load_recordings(
        parameters(dataset="avenue", layout=layout, data_dir=str(data_dir))
    )
    assert [r.name for r in recordings] == ["train-03", "test-02", "test-10"]
    assert [r.split for r in recordings] == ["train", "test", "test"]
    assert [r.labels.tolist() for r in recordings] == [[0] * 4, [0, 0, 1, 0], [0, 0, 1, 0]]
    assert {r.source.suffix for r in recordings} == {".mat" if layout == "avenue_vol" else ".avi"}


def test_a_missing_or_broken_avenue_mask_is_named(avenue_dir):
    path = avenue_dir / "ground_truth_demo" / "testing_label_mask" / "10_label.mat"
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(InputError, match="10_label.mat is missing"):
        avenue.read_recordings(avenue_dir)
    for content in (b"", data[: len(data) // 2], b"x" * 500):
        path.write_bytes(content)
        with pytest.raises(InputError, match="10_label.mat is not a MATLAB file"):
            avenue.read_recordings(avenue_dir)
    scipy.io.savemat(path, {"volLabel": np.zeros((2, 2))})
    with pytest.raises(InputError, match="cell array"):
        avenue.read_recordings(avenue_dir)


def test_the_real_avenue_masks_count_as_published(data_dir):
    folder_ = data_dir / "avenue" / "ground_truth_demo" / "testing_label_mask"
    masks = {n: avenue.read_masks(folder_ / f"{n}_label.mat") for n in (8, 18, 20, 21)}
    assert [len(mask) for mask in masks.values()] == [36, 294, 273, 76]
    assert [number for number, mask in masks.items() if mask.all()] == [8, 18]


def test_the_real_avenue_videos_there_are_read(data_dir):
    recordings = load_recordings(parameters(dataset="avenue", data_dir=str(data_dir)))
    assert {r.name: len(r.labels) for r in recordings} == {
        "train-12": 145,
        "train-16": 244,
        "test-17": 426,
        "test-21": 76,
    }
