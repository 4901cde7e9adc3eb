"""The measure of change that real and simulated footage are compared by."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.cage_statistics import AREA, NOISE, WALL, cut_bouts, measure_change, summarise

from cagewatch.simulate import Bout


def test_change_is_what_a_square_loses_in_tone_beyond_the_noise():
    before = np.full((240, 320), int(WALL), np.uint8)
    after = before.copy()
    after[150:200, 100:150] -= 60
    change = measure_change([before, after, after])
    assert change[0] == pytest.approx(50 * 50 * (60 - NOISE) / AREA, rel=0.05)
    assert change[1] == 0


def test_change_does_not_depend_on_the_light():
    rng = np.random.default_rng(0)
    scene = [rng.integers(60, 120, (240, 320)).astype(np.uint8) for _ in range(2)]
    bright = [np.uint8(frame * 2) for frame in scene]
    assert measure_change(bright) == pytest.approx(measure_change(scene), rel=0.01)


def test_noise_below_the_threshold_is_no_change():
    rng = np.random.default_rng(0)
    frames = [np.uint8(np.clip(rng.normal(110, 4, (240, 320)), 0, 255)) for _ in range(3)]
    assert measure_change(frames).max() < 0.05


def test_bouts_lose_their_edges_and_short_ones_are_left_out():
    change = np.arange(100.0)
    bouts = [Bout("rest", 0, 40), Bout("walk", 40, 50), Bout("rear", 50, 100)]
    cut = dict(cut_bouts(change, bouts))
    assert list(cut) == ["rest", "rear"]
    assert cut["rest"][0] == 8 and cut["rest"][-1] == 31
    table = summarise(cut.items())
    assert table.loc["rear", "median"] == 74.5 and table.loc["rear", "frames"] == 34
