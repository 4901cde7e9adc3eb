"""The density detector: objects of known size and speed, and a crowd with one thing too fast."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from footage_made import make_footage, make_training

from cagewatch import params
from cagewatch.detectors import Footage, density
from cagewatch.detectors.looks import foreground, objects, rhythm
from cagewatch.errors import InputError

TEXTURE = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8), (5, 5), 1
)


def draw(background: np.ndarray, boxes: list[tuple[float, int, int, int]]) -> np.ndarray:
    """Dark textured rectangles (left, top, width, height) laid on a background."""
    frame = background.copy()
    for left, top, width, height in boxes:
        patch = TEXTURE[:height, :width] // 4
        whole = int(left)
        shifted = cv2.warpAffine(
            np.pad(patch, ((0, 0), (0, 1)), mode="edge"),
            np.float32([[1, 0, left - whole], [0, 1, 0]]),
            (width + 1, height), borderMode=cv2.BORDER_REPLICATE,
        )[:, 1:]  # fmt: skip
        frame[top : top + height, whole : whole + width] = shifted
    return frame


def crowd(n_frames: int, fast_from: int | None = None, seed: int = 0) -> Footage:
    """Six things of 12x24 pixels that walk; from one frame on, one of them is 4 times as fast."""
    rng = np.random.default_rng(seed)
    start, speed = rng.uniform(10, 200, 6), rng.uniform(0.9, 1.1, 6)
    place = np.tile(start[:, None], n_frames)
    steps = np.tile(speed[:, None], n_frames)
    if fast_from is not None:
        steps[0, fast_from:] *= 4
    place = (start[:, None] + np.cumsum(steps, axis=1)) % 220 + 5
    empty = np.full((160, 240), 180, np.uint8)

    def read():
        for t in range(n_frames):
            yield draw(empty, [(place[i, t], 20 + 22 * i - 6 * (i % 2), 12, 20) for i in range(6)])

    return make_footage(read, n_frames, 10.0)


@pytest.fixture(scope="module")
def many() -> params.Parameters:
    return params.resolve({"dataset": "ped2", "model": "density"})


@pytest.fixture(scope="module")
def fitted(many) -> dict[str, np.ndarray]:
    return density.fit(make_training([crowd(40, seed=seed) for seed in range(1, 5)], many))


def test_one_thing_too_fast_stands_out(many, fitted):
    score = density.score(fitted, crowd(50, fast_from=25, seed=9), many)["score"]
    assert score.shape == (50,) and np.isfinite(score).all()
    assert score[33:].min() > score[:17].max()


def test_normal_frames_score_about_zero(many, fitted):
    assert abs(np.median(density.score(fitted, crowd(40, seed=10), many)["score"])) < 1


def test_the_same_seed_gives_the_same_state(many, fitted):
    again = density.fit(make_training([crowd(40, seed=seed) for seed in range(1, 5)], many))
    assert set(again) == set(fitted) and {"scale", "speed", "pace_scores"} <= set(fitted)
    assert all(np.array_equal(again[name], fitted[name]) for name in fitted)


def test_flow_does_not_depend_on_where_memory_lies():
    first, second = next(map(list, crowd(2, seed=2).runs()))
    everywhere = (slice(15, 148), slice(17, 220))
    rng, held, seen = np.random.default_rng(0), [], set()
    for _ in range(40):
        held.append(np.ones(rng.integers(1, 400_000), np.uint8))
        seen.add(objects._speed_within(first, second, [everywhere]).tobytes())
        if len(held) > 20:
            held.pop(rng.integers(len(held)))
    assert len(seen) == 1


def test_an_empty_scene_is_one_sentence(many):
    still = make_footage(lambda: iter([np.full((160, 240), 90, np.uint8)] * 30), 30, 10.0)
    with pytest.raises(InputError, match="Nothing stands out"):
        density.fit(make_training([still] * 4, many))


@pytest.mark.parametrize("speed", [1.0, 3.0])
def test_speed_is_that_of_the_object(speed):
    empty = np.full((120, 200), 180, np.uint8)
    frames = [draw(empty, [(20 + speed * t, 40, 20, 30)]) for t in range(12)]
    scale = foreground.Scale(0.0, 30.0, 30.0, 30.0, 20 / 30)
    seen = list(objects.describe_objects(frames, empty, scale, 10.0, one=False))
    assert [len(one.row) for one in seen] == [1] * 12
    measured = np.array([one.motion[0, 1] for one in seen[3:]])
    assert np.median(measured) == pytest.approx(speed, rel=0.15)
    assert seen[5].row[0] == pytest.approx(55, abs=2)


def test_perspective_is_found():
    rng = np.random.default_rng(0)
    top = rng.integers(20, 180, 400)
    height = 10 + 0.2 * top + rng.normal(0, 0.5, 400)
    pieces = np.column_stack([top * 0, top, height / 2, height, height**2 / 2]).astype(int)
    scale = foreground.fit_scale(pieces, one=False)
    middle = top + height / 2
    for share in (0.3, 0.6):
        row = float(np.quantile(middle, share))
        expected = 10 + 0.2 * np.quantile(top, share)
        assert scale.at(row)[0] == pytest.approx(expected, rel=0.06)
    assert scale.ratio == pytest.approx(0.5, abs=0.06)


def test_a_dark_animal_that_rests_is_not_background():
    empty = np.full((120, 200), 150, np.uint8)
    resting = draw(empty, [(30, 60, 30, 20)])
    background = foreground.find_background([resting] * 80 + [empty] * 20, one=True)
    assert foreground.find_foreground(resting, background)[65:75, 35:55].all()
    assert not foreground.find_foreground(empty, background).any()


def test_a_change_of_light_is_no_object():
    picture = np.random.default_rng(0).integers(80, 160, (120, 200)).astype(np.uint8)
    picture = cv2.GaussianBlur(picture, (9, 9), 3)
    brighter = cv2.convertScaleAbs(picture, alpha=1.3)
    assert foreground.find_foreground(brighter, picture).mean() < 0.01


def test_a_look_is_shares_of_gradients_in_their_cells():
    patch = np.full((48, 48), 60, np.uint8)
    patch[:, 12:] = 180  # an upright edge between the first and second column of cells
    look = objects.describe_look(patch, np.ones((48, 48), np.uint8))
    edges = np.square(look[:64]).reshape(4, 4, 4)
    assert edges.sum() == pytest.approx(1, abs=1e-3)
    assert edges[:, :2, 0].sum() == pytest.approx(1, abs=1e-3)  # gradients point sideways
    assert look[64:] == pytest.approx(np.full(16, 0.25))


def test_one_animals_motion_is_the_mean_over_a_second():
    def seen(value):
        motion = np.full((1, objects.N_MOTION), value, np.float32)
        return objects.Objects(np.zeros(1), motion, np.zeros((1, 80)), np.zeros((1, 4)), motion)

    moments = [seen(1.0)] * 10 + [seen(4.0)] * 10
    mean = [float(one.motion[0, 0]) for one in objects._average_motion(iter(moments), 2)]
    assert len(mean) == 20
    assert mean[:8] == pytest.approx([1] * 8, rel=0.01)
    assert mean[12:] == pytest.approx([4] * 8, rel=0.01)
    assert mean[9] == pytest.approx(4 ** (2 / 5), rel=0.01)  # two of five frames, geometrically


def nodding(frequency: float, fps: float, n_frames: int, size: float = 3.0) -> list[np.ndarray]:
    """A dark thing that swings by `size` pixels at `frequency` Hz, in a picture with some noise."""
    rng = np.random.default_rng(0)
    empty = np.full((120, 200), 180, np.uint8)
    left = 60 + size * np.sin(2 * np.pi * frequency * np.arange(n_frames) / fps)
    frames = [draw(empty, [(place, 40, 30, 40)]) for place in left]
    return [frame + rng.integers(0, 3, frame.shape).astype(np.uint8) for frame in frames]


@pytest.mark.parametrize("frequency", [1.9, 3.75, 5.6, 10.3])
def test_a_rhythm_is_strongest_at_its_frequency(frequency):
    rhythms = list(rhythm.describe_rhythm(iter(nodding(frequency, 30, 64)), 30.0))
    assert len(rhythms) == 64
    edges = np.array(rhythm.BANDS)
    for one in rhythms:
        strongest = int(np.argmax(one))
        assert edges[strongest] <= frequency < edges[strongest + 1]
        assert one.mean() == pytest.approx(0, abs=1e-4)


def test_a_rhythm_changes_where_the_movement_does():
    frames = nodding(1.9, 30, 60) + nodding(5.6, 30, 60)
    strongest = [int(np.argmax(one)) for one in rhythm.describe_rhythm(frames, 30.0)]
    assert set(strongest[:46]) == {1} and set(strongest[74:]) == {5}


@pytest.mark.parametrize(("fps", "n_frames"), [(10.0, 30), (30.0, 5), (30.0, 1), (30.0, 0)])
def test_a_rhythm_of_slow_cameras_and_short_runs(fps, n_frames):
    rhythms = list(rhythm.describe_rhythm(nodding(2, fps, n_frames), fps))
    assert len(rhythms) == n_frames and all(np.isfinite(one).all() for one in rhythms)
    above = np.array(rhythm.BANDS[:-1]) > fps / 2
    assert all((one[above] == 0).all() for one in rhythms)


def test_one_animal_with_an_unusual_rhythm_stands_out():
    """The same animal in the same place, as large a movement, only quicker."""
    one = params.resolve({"dataset": "simulated", "model": "density"})
    empty = np.full((120, 200), 180, np.uint8)
    passing = [draw(empty, [(150, 40, 30, 40)])] * 10  # so that the background is seen too

    def video(*parts):
        frames = passing + [frame for part in parts for frame in part]
        return make_footage(lambda: iter(frames), len(frames), 30.0)

    normal = [video(nodding(f, 30, 120, size)) for f, size in [(2, 2), (3, 2), (2, 3), (3, 3)]]
    state = density.fit(make_training(normal, one))
    assert {"rhythm_scores", "motion_scores", "all_scores"} <= set(state)
    score = density.score(state, video(nodding(2.5, 30, 120), nodding(9, 30, 120)), one)["score"]
    assert score[170:230].min() > score[40:100].max()
