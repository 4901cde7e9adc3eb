"""Reading ahead changes nothing but when frames are decoded."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from cagewatch.errors import InputError
from cagewatch.video import ahead, read_ahead


def numbered(n_frames: int, side: int = 4, fails: bool = False):
    for number in range(n_frames):
        yield number / 25, np.full((side, side), number % 256, np.uint8)
    if fails:
        raise InputError("the file is cut short.")


@pytest.fixture(autouse=True, params=[1, 2])
def cores(request, monkeypatch):
    """Every promise holds on one core, where there is no thread, and on two."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(request.param))
    return request.param


@pytest.mark.parametrize("n_frames", [0, 1, 2, 64, 65, 66, 129, 300])
def test_the_same_frames_come_in_the_same_order(n_frames):
    expected = list(numbered(n_frames))
    got = list(read_ahead(numbered(n_frames)))
    assert [time for time, _ in got] == [time for time, _ in expected]
    for (_, one), (_, other) in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_frames", [0, 1, 70])
def test_an_error_comes_after_the_frames_before_it(n_frames):
    seen = []
    with pytest.raises(InputError, match="cut short"):
        for time, _ in read_ahead(numbered(n_frames, fails=True)):
            seen.append(time)
    assert len(seen) == n_frames


@pytest.mark.parametrize(("side", "most"), [(4, 2 * ahead.MOST_AHEAD + 1), (1 << 12, 3)])
def test_only_so_many_frames_are_held(side, most):
    taken = []

    def counted():
        for item in numbered(500 if side == 4 else 8, side):
            taken.append(None)
            yield item

    for given, _ in enumerate(read_ahead(counted()), start=1):
        assert len(taken) - given <= most


def test_frames_are_read_ahead_on_two_cores_only(cores):
    readers = set()

    def watched():
        for item in numbered(10):
            readers.add(threading.current_thread().name)
            yield item

    list(read_ahead(watched()))
    assert len(readers) == cores


def test_whoever_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    for time, _ in read_ahead(numbered(1000)):
        if time > 1:
            break
    assert threading.active_count() == before
