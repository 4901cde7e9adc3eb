"""The contrast detector: what moves too fast scores higher; what is saved comes back."""

import cv2
import numpy as np
import pytest

from cagewatch.errors import InputError
from cagewatch.models import contrast


def draw_discs(speeds: list[float], n_frames: int = 60) -> np.ndarray:
    """(n_frames, 144, 288) uint8: textured ground, one dark disc a row, moving at `speeds`."""
    ground = np.random.default_rng(5).integers(150, 160, (144, 288)).astype(np.uint8)
    frames = []
    for index in range(n_frames):
        frame = ground.copy()
        for row, speed in enumerate(speeds):
            x = round(16 * (20 + speed * index))  # sixteenths of a pixel
            cv2.circle(frame, (x, 16 * (30 + 42 * row)), 16 * 11, 60, -1, cv2.LINE_AA, shift=4)
            cv2.circle(frame, (x, 16 * (30 + 42 * row)), 16 * 4, 110, -1, cv2.LINE_AA, shift=4)
        frames.append(frame)
    return np.array(frames)


@pytest.fixture(scope="module")
def detector() -> contrast.Contrast:
    clips = [draw_discs(speeds) for speeds in ([1.0, 1.2, 0.9], [0.8, 1.1, 1.0], [1.2, 0.9, 1.1])]
    return contrast.fit_contrast(clips, heights=(15, 30), widths=(15, 30), pastes=1, windows=2000)


def test_a_fast_disc_among_slow_ones_scores_higher_in_every_frame(detector):
    slow = contrast.score_frames(detector, draw_discs([1.0, 1.0, 1.1]))
    fast = contrast.score_frames(detector, draw_discs([1.0, 2.6, 1.1]))
    assert len(slow) == len(fast) == 60
    assert fast[10:50].min() > slow[10:50].max()


def test_mirrored_video_scores_the_same(detector):
    video = draw_discs([1.0, 2.0, 1.1])
    plain = contrast.score_frames(detector, video)
    mirrored = contrast.score_frames(detector, np.ascontiguousarray(video[:, :, ::-1]))
    # Farneback itself is not exactly symmetric.
    np.testing.assert_allclose(mirrored, plain, atol=0.1 * (np.ptp(plain) + 1))


def test_cells_measure_a_known_speed():
    cells = list(contrast.measure_cells(draw_discs([2.0, 2.0, 2.0])))
    assert len(cells) == 60 - contrast.LAG
    assert cells[0].shape == (12, 24, contrast.CHANNELS)
    speed = np.sum(cells[30][..., 1]) / np.sum(cells[30][..., 0])
    assert speed == pytest.approx(2.0, rel=0.25)  # blurred flow is somewhat too slow


def test_a_still_recording_scores_as_still(detector):
    still = np.repeat(draw_discs([1.0, 1.0, 1.0])[:1], 12, axis=0)
    np.testing.assert_allclose(contrast.score_frames(detector, still), contrast.STILL)


def test_same_seed_same_detector():
    clips = [draw_discs([1.0, 1.2, 0.9]), draw_discs([0.8, 1.1, 1.0])]
    size = {"heights": (15, 30), "widths": (15, 30), "pastes": 1, "windows": 500}
    first, second = (contrast.fit_contrast(clips, seed=3, **size) for _ in range(2))
    np.testing.assert_array_equal(first.weights, second.weights)


def test_saved_detector_comes_back(detector, tmp_path):
    contrast.save_contrast(detector, tmp_path / "detector.npz")
    loaded = contrast.load_contrast(tmp_path / "detector.npz")
    np.testing.assert_array_equal(loaded.weights, detector.weights)
    assert loaded.bias == detector.bias


def test_bad_input_is_one_sentence(detector, tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="broken.npz"):
        contrast.load_contrast(tmp_path / "broken.npz")
    with pytest.raises(InputError, match="frames"):
        contrast.score_frames(detector, draw_discs([1.0])[:2])
    with pytest.raises(InputError, match="pixels"):
        contrast.score_frames(detector, np.zeros((5, 20, 20), np.uint8))
    with pytest.raises(InputError, match="heights"):
        contrast.fit_contrast([draw_discs([1.0])], heights=(90, 95), pastes=1)
