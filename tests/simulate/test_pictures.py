"""Frames and pictures: memory, size, what differs from recording to recording."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import numpy as np

from cagewatch.simulate.ethogram import BEHAVIOURS, Bout
from cagewatch.simulate.render import recording_build, recording_poses, render_frames
from cagewatch.simulate.scene import draw_scene, light
from cagewatch.simulate.writer import VERSION

# Of each behaviour's last frame: a sum over its pose, and its mean luminance.
POSES = [
    *(331.2652833, 333.348998, 381.1848462, 380.2881544),
    *(335.6493075, 330.8532232, 333.5323798, 341.3456116),
]
MEANS = [135.7998, 136.0611, 135.9727, 135.7607, 136.3238, 136.5475, 136.7984, 137.0161]


def test_memory_does_not_grow_with_the_recording():
    def peak(n_frames: int) -> int:
        tracemalloc.start()
        for _ in render_frames("simulated_day_01", 0, [Bout("groom", 0, n_frames)]):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(400) < peak(300) + 500_000  # 100 frames would be 7.7 MB


def test_pictures_are_written_and_small(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[2] / "docs")])
    from contact_sheet import contact_sheet

    contact_sheet(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size < 300_000


def test_recordings_differ_in_light_noise_place_and_animal_but_little():
    names = [f"simulated_day_{i:02d}" for i in range(1, 25)]
    places = [draw_scene(np.random.default_rng(i), night=False) for i in range(10)]
    builds = [recording_build(name, 0) for name in names]
    for values, low, high in (
        ([place.brightness for place in places], 0.85, 1.1),
        ([place.noise.std() for place in places], 0.5, 2.0),
        ([place.shift[0] for place in places], -4, 4),
        ([build.size for build in builds], 0.92, 1.12),
        ([build.tempo for build in builds], 0.85, 1.15),
    ):
        assert low <= min(values) < max(values) <= high
        assert np.ptp(values) > 0.4 * (high - low)
    assert 1 < sum(build.back > 40 for build in builds) < 12  # some agouti coats


def test_light_drifts_by_a_few_per_cent():
    place = draw_scene(np.random.default_rng(0), night=False)
    gains = light(place, np.arange(40_000))
    assert 0.85 < gains.min() < gains.max() < 1.15
    assert np.abs(np.diff(gains)).max() < 0.001


def test_the_same_seed_gives_the_pictures_that_published_results_rest_on():
    """Raise `writer.VERSION` when this changes: the numbers are those of version 2."""
    bouts = [Bout(name, 30 * i, 30 * i + 30) for i, name in enumerate(BEHAVIOURS)]
    poses = np.concatenate(list(recording_poses("simulated_day_03", 5, bouts)))
    frames = [frame.mean() for frame in render_frames("simulated_day_03", 5, bouts)]
    assert VERSION == 2
    np.testing.assert_allclose(poses[29::30, :12].sum(axis=1), POSES, rtol=1e-9)
    np.testing.assert_allclose(frames[29::30], MEANS, atol=0.002)
