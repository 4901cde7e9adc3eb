"""Footage without labels: read at one rate and size, and scored against the training scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from cagewatch.detectors import Computing, Detector
from cagewatch.errors import InputError
from cagewatch.params import resolve
from cagewatch.study.artefacts.real_mice import other_footage


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """48 frames, 400x200, time last: black, and white from the middle on."""
    frames = np.zeros((200, 400, 48), np.uint8)
    frames[..., 24:] = 255
    savemat(tmp_path / "clip.mat", {"I": frames})
    return tmp_path / "clip.mat"


@pytest.fixture
def black() -> Detector:
    """A mean image that is black, fitted with a region that other footage does not have."""
    parameters = resolve({"dataset": "mit_sample", "model": "mean_image"})
    state = {
        "mean": np.zeros(768, np.float32),
        "components": np.zeros((0, 768), np.float32),
        "reference_score": np.array([0.0, 1.0, 2.0]),
    }
    return Detector(parameters, state, Computing())


def test_frames_are_gray_narrow_and_thirty_a_second(clip: Path) -> None:
    timed = list(other_footage.read_footage(clip))
    assert len(timed) == 48 and timed[-1][0] == pytest.approx(47 / 30)
    assert timed[0][1].shape == (180, 360) and timed[0][1].dtype == np.uint8
    colour = np.zeros((8, 8, 3, 5), np.uint8)
    colour[..., 0, :] = 200  # red
    savemat(clip, {"I": colour})
    shades = {int(frame.mean()) for _, frame in other_footage.read_footage(clip)}
    assert shades == {60}  # 0.299 of 200: the luminance of red


def test_the_whole_frame_is_scored(clip: Path, black: Detector) -> None:
    scores = other_footage.score_footage(black, clip)
    assert len(scores) == 48
    # The norm of a clip of 8 white frames of 768 pixels.
    assert scores[-1] == pytest.approx(np.sqrt(8 * 768)) and scores[0] == 0


def test_the_table_gives_shift_and_rare_frames(
    clip: Path, black: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_footage, "open_detector", lambda run, computing: black)
    table = other_footage.tabulate_footage([clip], [Path("run")], tmp_path / "out")
    (row,) = table.to_dict("records")
    scores = other_footage.score_footage(black, clip)
    normal = black.reference["score"]
    assert row["Shift"] == pytest.approx((np.median(scores) - 1) / normal.std())
    assert row["Above 1 in 1000"] == np.mean(scores > np.quantile(normal, 0.999))
    assert (tmp_path / "out" / "real_mice_other.md").is_file()


def test_a_folder_without_footage_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no video or .mat file"):
        other_footage.find_footage(tmp_path)
