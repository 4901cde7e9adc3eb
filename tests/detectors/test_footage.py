"""Footage: which frames a detector is shown, whole or in chunks, from a stream or a store."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cagewatch import params
from cagewatch.detectors.footage import PIECE, Footage, footage_of, limit_frames
from cagewatch.store import preprocessing_of

SETTINGS = preprocessing_of(params.resolve({}))


def counted(kept: list[int] | np.ndarray) -> Footage:
    """Footage whose frames hold their own number."""
    kept = np.asarray(kept, bool)
    frames = [(i / 25, np.full((2, 2), i)) for i in range(len(kept))]
    return Footage("numbers", SETTINGS, 25.0, lambda: iter(frames), kept)


def numbers(frames) -> list[int]:
    return [int(frame[0, 0]) for frame in frames]


def test_runs_hand_out_kept_frames_only_and_cut_at_gaps():
    video = counted([0, 1, 1, 0, 0, 1, 1, 1, 0])
    assert [numbers(run) for run in video.runs()] == [[1, 2], [5, 6, 7]]
    assert len(video) == 5


def test_runs_that_are_not_read_are_skipped():
    assert [numbers([next(run)]) for run in counted([1, 1, 0, 1, 1]).runs()] == [[0], [3]]


def test_sample_is_spread_over_the_kept_frames():
    video = counted(np.arange(100) >= 40)
    assert numbers(video.sample(3)) == [40, 70, 99] or numbers(video.sample(3)) == [40, 69, 99]
    assert numbers(video.sample(1000)) == list(range(40, 100))


def test_limit_keeps_about_as_many_frames_from_every_video():
    videos = [counted(np.ones(40 * PIECE)), counted(np.ones(40 * PIECE))]
    few = limit_frames(videos, 8 * PIECE)
    assert [len(video) for video in few] == [4 * PIECE, 4 * PIECE]
    assert all(len(numbers(next(video.runs()))) == PIECE for video in few)
    assert limit_frames(videos, 80 * PIECE) == videos


def test_limit_never_adds_frames():
    kept = np.random.default_rng(0).random(5000) < 0.9
    (few,) = limit_frames([counted(kept)], 500)
    assert 0 < len(few) <= 1000 and not (few.kept & ~kept).any()


def test_a_stream_gives_the_chunks_of_the_store(small_cage):
    """Gray and flow of every new frame, whichever way they are had and however they are cut."""
    recording = small_cage.recordings[0]
    store = small_cage.stores[recording.name]
    settings = preprocessing_of(params.resolve(small_cage.given))
    stored = footage_of(recording, settings, store)
    streamed = replace(stored, store=None, kept=None)
    for size, earlier, every in ((64, 0, 1), (100, 7, 1), (64, 0, 5), (100, 7, 3)):
        thin = np.arange(0, len(store), every)
        for footage in (stored, streamed):
            (run,) = (list(chunks) for chunks in footage.chunks(size, earlier, every))
            assert sum(chunk.new for chunk in run) == len(thin) and run[-1].last
            assert run[-1].stop == len(store)
            for chunk in run:
                part = thin[chunk.first : chunk.first + chunk.count]
                np.testing.assert_array_equal(chunk.gray(), store.gray[part])
                np.testing.assert_array_equal(chunk.flow(), store.flow[part])


def test_counting_reads_a_stream_to_its_end():
    frames = [(0.0, np.zeros((2, 2), np.uint8))] * 13
    assert len(Footage("some", SETTINGS, 25.0, lambda: iter(frames)).counted()) == 13
