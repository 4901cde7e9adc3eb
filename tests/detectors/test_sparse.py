"""Sparse combination learning: least squares, planted subspaces, gradients of known motion."""

from __future__ import annotations

import numpy as np
import pytest
from footage_made import make_footage, make_training

from cagewatch.detectors import Footage, sparse
from cagewatch.errors import InputError

FINEST = 16  # regions of the two coarser sizes come first


def unit(points: np.ndarray) -> np.ndarray:
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def orthonormal(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(rows, columns)))[0]


def video(frames: list[np.ndarray]) -> Footage:
    return make_footage(lambda: iter(frames), len(frames), 10.0)


def test_error_is_that_of_least_squares():
    random = np.random.default_rng(0)
    points, bases = random.normal(size=(7, 12)), np.stack([orthonormal(12, 4, n) for n in (1, 2)])
    squares = [np.linalg.lstsq(basis, points.T)[1] for basis in bases]
    np.testing.assert_allclose(sparse.squared_error(points, bases), np.min(squares, axis=0))
    np.testing.assert_allclose(sparse.squared_error(points, bases[:0]), (points**2).sum(1))


def test_a_planted_subspace_is_found():
    planted = orthonormal(30, 5, 0)
    points = unit(np.random.default_rng(1).normal(size=(200, 5)) @ planted.T)
    basis = sparse.best_basis(points, 8)  # more vectors than the points need
    np.testing.assert_allclose(basis @ basis.T, planted @ planted.T, atol=1e-9)
    assert (basis[:, 5:] == 0).all()


def test_each_of_two_planted_subspaces_gets_a_combination():
    space = orthonormal(30, 10, 0)
    random = np.random.default_rng(1)
    many = unit(random.normal(size=(300, 5)) @ space[:, :5].T)
    few = unit(random.normal(size=(60, 5)) @ space[:, 5:].T)
    points = np.concatenate([few, many])
    bases = sparse.learn_combinations(points, 5, 0.04)
    assert (sparse.squared_error(points, bases) <= 0.04).all()
    # The greedy order: the first combination represents the larger group and nothing else does.
    assert (sparse.squared_error(many, bases[:1]) <= 0.04).all()
    assert (sparse.squared_error(few, bases[:1]) > 0.04).mean() > 0.9


@pytest.mark.parametrize("angle", [0.0, 0.1, 0.7, np.pi / 2])
def test_off_the_subspace_the_error_is_the_squared_distance(angle):
    space = orthonormal(30, 6, 0)
    points = unit(np.random.default_rng(1).normal(size=(100, 5)) @ space[:, :5].T)
    bases = sparse.learn_combinations(points, 5, 0.04)
    tilted = np.cos(angle) * points + np.sin(angle) * space[:, 5]
    np.testing.assert_allclose(sparse.squared_error(tilted, bases), np.sin(angle) ** 2, atol=1e-5)


def test_points_too_diverse_for_one_combination_are_all_represented():
    points = unit(np.random.default_rng(0).normal(size=(60, 40)))
    bases = sparse.learn_combinations(points, 4, 0.01)
    assert len(bases) <= sparse.MOST
    assert (sparse.squared_error(points, bases) <= 0.01).all()


def test_gradients_of_a_ramp_that_brightens():
    ramp = np.add.outer(np.zeros(120), np.arange(160)) + 20
    frames = [(ramp + 3 * number).astype(np.uint8) for number in range(4)]
    first, *later = sparse.measure_gradients(frames)
    assert first.shape == (208, 300) and (first[:, :100] == 0).all()
    for gradients in later:
        time, rows, columns = gradients.reshape(208, 3, 100).transpose(1, 0, 2)
        np.testing.assert_allclose(time, 3 / 255, atol=1e-6)
        np.testing.assert_allclose(rows, 0, atol=1e-6)
        # One gray level a column at 120x160; patches off the borders, where the blur reflects.
        inside = columns[FINEST:].reshape(12, 16, 100)[:, 1:-1]
        np.testing.assert_allclose(inside, 1 / 255, atol=1e-6)


def test_what_moves_is_found_in_its_patch():
    frames = [np.full((120, 160), 50, np.uint8) for _ in range(7)]
    for number, frame in enumerate(frames):
        frame[53:57, 83:87] = 50 + 40 * (number % 2)
    for regions, cuboids in sparse.cut_cuboids(frames):
        assert cuboids.shape == (len(regions), 1500) and cuboids.dtype == np.float32
        finest = regions[regions >= FINEST] - FINEST
        assert finest.tolist() == [5 * 16 + 8]  # rows 50 to 59, columns 80 to 89


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8])
def test_one_answer_for_each_frame(count):
    frames = [np.random.default_rng(n).integers(0, 255, (60, 80), np.uint8) for n in range(count)]
    answers = list(sparse.cut_cuboids(frames))
    assert len(answers) == count
    every = list(sparse.cut_cuboids(frames, 3))
    assert len(every) == len(answers[::3])
    for (regions, cuboids), (same, others) in zip(every, answers[::3], strict=True):
        np.testing.assert_array_equal(regions, same)
        np.testing.assert_array_equal(cuboids, others)


def test_an_unseen_motion_scores_higher_than_a_seen_one():
    texture = np.random.default_rng(0).integers(0, 255, (15, 20)).repeat(8, 0).repeat(8, 1)
    texture = texture.astype(np.uint8)
    right = [np.roll(texture, 2 * number, 1) for number in range(80)]
    down = [np.roll(texture, 5 * number, 0) for number in range(20)]
    state = sparse.fit(make_training([video(right)], None))
    assert all(np.isfinite(value).all() and not value.dtype.hasobject for value in state.values())
    # The roll comes round after 80 frames, so that these were all seen.
    seen, unseen = (
        sparse.score(state, video(frames), None)["score"] for frames in (right[10:30], down)
    )
    assert seen.shape == unseen.shape == (20,)
    assert unseen[3:-3].min() > 2 * seen[3:-3].max()
    assert 0 <= min(seen.min(), unseen.min()) and max(seen.max(), unseen.max()) <= 1 + 1e-5


def test_a_still_video_scores_nothing_and_teaches_nothing():
    still = video([np.full((60, 80), 90, np.uint8)] * 12)
    with pytest.raises(InputError, match="Nothing moves"):
        sparse.fit(make_training([still], None))
    moving = video(
        [np.random.default_rng(n).integers(0, 255, (60, 80), np.uint8) for n in range(9)]
    )
    assert (
        sparse.score(sparse.fit(make_training([moving], None)), still, None)["score"] == 0
    ).all()
