"""Frames and pictures: memory, size, what differs from recording to recording."""

from __future__ import annotations

import tracemalloc

import av
import numpy as np

from cagewatch.simulate.contact_sheet import contact_sheet, moving_strip
from cagewatch.simulate.ethogram import Bout
from cagewatch.simulate.render import recording_build, render_frames
from cagewatch.simulate.scene import draw_scene, light


def test_memory_does_not_grow_with_the_recording():
    def peak(n_frames: int) -> int:
        tracemalloc.start()
        for _ in render_frames("simulated_day_01", 0, [Bout("groom", 0, n_frames)]):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(900) < peak(300) + 500_000  # 600 frames would be 46 MB


def test_pictures_are_written_and_small(tmp_path):
    contact_sheet(tmp_path / "sheet.png")
    moving_strip(tmp_path / "strip.gif")
    assert (tmp_path / "sheet.png").stat().st_size < 300_000
    assert (tmp_path / "strip.gif").stat().st_size < 600_000
    with av.open(str(tmp_path / "strip.gif")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30


def test_recordings_differ_in_light_noise_place_and_animal_but_little():
    names = [f"simulated_day_{i:02d}" for i in range(1, 25)]
    places = [draw_scene(np.random.default_rng(i), night=False) for i in range(24)]
    builds = [recording_build(name, 0) for name in names]
    for values, low, high in (
        ([place.brightness for place in places], 0.85, 1.1),
        ([place.noise.std() for place in places], 0.5, 2.0),
        ([place.shift[0] for place in places], -4, 4),
        ([build.size for build in builds], 0.92, 1.12),
        ([build.tempo for build in builds], 0.85, 1.15),
    ):
        assert low <= min(values) < max(values) <= high
        assert np.ptp(values) > 0.5 * (high - low)
    assert 1 < sum(build.back > 40 for build in builds) < 12  # some agouti coats


def test_light_drifts_by_a_few_per_cent():
    place = draw_scene(np.random.default_rng(0), night=False)
    gains = light(place, np.arange(40_000))
    assert 0.85 < gains.min() < gains.max() < 1.15
    assert np.abs(np.diff(gains)).max() < 0.001
