"""What linear detectors see: pictures as they are, less the background, or of equal exposure."""

import numpy as np
import pytest

from cagewatch import params
from cagewatch.detectors import TrainingSet, fit_detector, footage_of
from cagewatch.detectors.linear import as_seen
from cagewatch.recordings import Recording
from cagewatch.store import Store, preprocessing_of

ROWS, COLUMNS, N = 24, 32, 240


def settings(**own):
    given = {"dataset": "folder", "data_dir": "x", "model": "pca_frames", "components": 3}
    return params.resolve(given | {"train_recordings": ["a"], "test_recordings": ["a"]} | own)


def moving_square(offset: int) -> np.ndarray:
    """A dark square that walks over a bright picture, `offset` gray levels brighter."""
    gray = np.full((N, ROWS, COLUMNS), 150 + offset, np.uint8)
    for number in range(N):
        left = number % (COLUMNS - 6)
        gray[number, 9:15, left : left + 6] = 40 + offset
    return gray


def store_of(name: str, gray: np.ndarray, folder) -> Store:
    flow = np.zeros((*gray.shape, 2), np.float16)
    return Store(name, folder, gray, flow, np.arange(N) / 30, "")


def scores(picture: str, offset: int, video) -> np.ndarray:
    """A detector of one recording on another that is `offset` gray levels brighter."""
    parameters = settings(picture=picture)
    stores = {"a": store_of("a", moving_square(0), video.parent)}
    train = [Recording("a", video, "train")]
    detector = fit_detector(TrainingSet(train, stores, parameters, video.parent))
    brighter = store_of("b", moving_square(offset), video.parent)
    other = Recording("b", video, "test")
    kept = np.ones(N, bool)
    return detector.score(footage_of(other, preprocessing_of(parameters), brighter, kept))["score"]


def test_a_brighter_cage_is_unusual_as_it_is_and_not_less_its_background(write_video, tmp_path):
    video = write_video(tmp_path / "cage.mp4", np.zeros((N, 48, 64), np.uint8))
    assert scores("plain", 30, video).min() > 2 * scores("plain", 0, video).max()
    same, brighter = (scores("less_background", offset, video) for offset in (0, 30))
    np.testing.assert_allclose(brighter, same, atol=1e-4)


@pytest.mark.parametrize("picture", ["plain", "less_background", "same_exposure"])
def test_what_is_seen_has_the_range_that_is_said(picture):
    gray = moving_square(0)
    background = np.full((ROWS, COLUMNS), 150 / 255, np.float32)
    none = np.zeros_like(background)
    seen = as_seen(
        gray, background if picture == "less_background" else none, settings(picture=picture)
    )
    if picture == "same_exposure":
        np.testing.assert_allclose(seen.mean(axis=(1, 2)), 0.5, rtol=1e-5)
        dimmer = as_seen((gray // 2).astype(np.uint8), none, settings(picture=picture))
        np.testing.assert_allclose(dimmer, seen, atol=0.01)
    elif picture == "less_background":
        assert seen.max() == pytest.approx(0) and seen.min() == pytest.approx(-110 / 255)
    else:
        np.testing.assert_array_equal(seen, gray.astype(np.float32) / 255)
