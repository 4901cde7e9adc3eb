"""Movement: no jumps, walls, postures, and no rhythm that a clock could keep."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from scipy.signal import periodogram, welch

from cagewatch.simulate.cage import LID, SPOUT, WALLS
from cagewatch.simulate.ethogram import Bout
from cagewatch.simulate.mouse.body import Part, skeleton
from cagewatch.simulate.mouse.grooming import CHAIN, ELEMENTS, order_elements
from cagewatch.simulate.render import recording_bouts, recording_build, recording_poses


@pytest.fixture(scope="module", params=[("simulated_day_01", 0), ("simulated_night_03", 5)])
def moved(request):
    """Bouts and skeleton of one recording with every behaviour in it."""
    name, seed = request.param
    bouts = recording_bouts(name, seed, 3000, 20)
    poses = np.concatenate(list(recording_poses(name, seed, bouts)))
    return bouts, poses, skeleton(poses, recording_build(name, seed))


def test_nothing_jumps(moved):
    """The body moves at most 10 pixels a frame (30 cm/s is about 5), the nose at most 24."""
    _, poses, bones = moved
    assert len(poses) == 3000
    for points, limit in ((bones.spine.mean(axis=1), 10), (bones.head[:, -1], 24)):
        assert np.hypot(*np.diff(points, axis=0).T).max() < limit


def test_the_mouse_stays_between_the_walls(moved):
    _, _, bones = moved
    columns = np.concatenate([bones.spine[..., 0], bones.head[..., 0]], axis=1)
    assert columns.min() > WALLS[0] - 8 and columns.max() < WALLS[1] + 8


def within(bouts: list[Bout], behaviour: str, after: float = 0.4) -> np.ndarray:
    """Frames of a behaviour without the start and the last tenth of each bout."""
    spans = [(b.start, b.stop - b.start) for b in bouts if b.behaviour == behaviour]
    return np.concatenate([np.arange(s + int(after * n), s + int(0.9 * n)) for s, n in spans])


def test_postures_are_what_the_behaviours_are_named_for(moved):
    bouts, poses, bones = moved
    nose, hip = bones.head[:, -1], bones.spine[:, 0]
    drinking = within(bouts, "drink")
    assert np.median(np.hypot(*(nose[drinking] - SPOUT).T)) < 6  # at the tip of the spout
    hanging = within(bouts, "hang")
    assert np.median(np.abs(bones.fore[hanging][:, :, 2, 1] - LID)) < 8  # fore-paws at the bars
    assert np.median(poses[hanging, Part.LIFT]) > 35  # hind-quarters well off the ground
    rearing = within(bouts, "rear")
    assert np.median(hip[rearing, 1] - nose[rearing, 1]) > 30  # nose high above the hip
    travel = np.abs(np.diff(poses[:, Part.X], prepend=poses[0, Part.X]))
    assert np.median(travel[within(bouts, "walk")]) > 0.8  # 1.4 in real footage
    assert np.median(travel[within(bouts, "rest")]) < 0.1


def poses_of(behaviour: str, n_frames: int, seed: int = 3) -> np.ndarray:
    """Poses of one long bout."""
    bouts = [Bout(behaviour, 0, n_frames)]
    return np.concatenate(list(recording_poses("simulated_day_01", seed, bouts)))


def peak_share(series: np.ndarray) -> float:
    """Share of the power above 1 Hz that lies within 0.3 Hz of its strongest frequency."""
    hertz, power = periodogram(np.diff(series), fs=30)
    hertz, power = hertz[hertz > 1], power[hertz > 1]
    near = np.abs(hertz - hertz[power.argmax()]) < 0.3
    return float(power[near].sum() / power.sum())


@pytest.mark.parametrize(
    "behaviour", ["drink", "eat", "groom", "hang", "micromovement", "rear", "rest", "walk"]
)
def test_no_behaviour_keeps_time(behaviour):
    """The head (at rest the flank) has no line in its spectrum; a sine has nothing else."""
    time = np.arange(1200) / 30
    assert peak_share(np.sin(2 * np.pi * 5.3 * time)) > 0.9
    part = Part.GIRTH if behaviour == "rest" else Part.HEAD_PITCH
    shares = [peak_share(poses_of(behaviour, 1200, seed)[:, part]) for seed in range(4)]
    assert np.median(shares) < (0.85 if behaviour == "rest" else 0.4)  # breath is the steadiest


@pytest.mark.parametrize(("behaviour", "slow", "fast"), [("drink", 6, 12), ("groom", 1.5, 7.5)])
def test_pace_is_the_published_one(behaviour, slow, fast):
    """Licks come 7 to 10 a second (times tempo); strokes of the paws 2.5 to 7."""
    hertz, power = welch(
        np.diff(poses_of(behaviour, 3000)[:, Part.X if behaviour == "drink" else Part.FORE_Y]),
        fs=30, nperseg=256,
    )  # fmt: skip
    band = (hertz >= slow) & (hertz <= fast)
    assert power[band].sum() > 0.5 * power[hertz > 1].sum()


@pytest.mark.parametrize("behaviour", ["drink", "eat", "groom"])
def test_runs_are_broken_by_pauses(behaviour):
    """Seconds of much and of little movement of the head alternate inside one bout."""
    head = np.abs(np.diff(poses_of(behaviour, 3000)[:, Part.HEAD_PITCH], 2))
    seconds = head[: len(head) // 15 * 15].reshape(-1, 15).mean(axis=1)
    low, high = np.percentile(seconds, [10, 90])
    assert high > 2.5 * low


def test_grooming_runs_from_head_to_tail_and_is_often_broken_off():
    order = order_elements(np.random.default_rng(0))
    names = list(islice(order, 20_000))
    starts = [i for i, name in enumerate(names[:-4]) if name == "nose"]
    whole = [i for i in starts if tuple(names[i : i + 4]) == CHAIN]
    assert 0.25 < len(whole) / len(starts) < 0.75  # chance alone would give 0.006
    assert set(names) == set(ELEMENTS)
