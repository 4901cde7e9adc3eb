"""Clips: no clip across a gap, no target in training, every tested frame covered."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagewatch import clips, params
from cagewatch.clips.batches import ClipBatches
from cagewatch.errors import InputError
from cagewatch.recordings import Recording
from cagewatch.store import Store

BEHAVIOURS = ("hang", "rest", "walk")


def fake_store(name, n_frames, seed=None):
    """A store in memory whose gray level is the frame's number, so that clips can be read off."""
    gray = (np.arange(n_frames) % 256).astype(np.uint8)[:, None, None]
    gray = np.broadcast_to(gray, (n_frames, 24, 32))
    flow = np.broadcast_to(np.float16(0), (n_frames, 24, 32, 2))
    if seed is not None:
        flow = np.random.default_rng(seed).normal(size=flow.shape).astype(np.float16)
    return Store(name, None, gray, flow, np.arange(n_frames) / 30, "")


def setting(**changes):
    return params.resolve({"dataset": "mit", "target": "hang", "scale": "paper", **changes})


def recording(labels, name="a", split="train"):
    return Recording(name, None, split, np.asarray(labels, np.int16), BEHAVIOURS)


label_runs = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60)), min_size=1, max_size=12)


@settings(max_examples=60)
@given(label_runs, st.integers(1, 6), st.integers(1, 10))
def test_training_clips_hold_no_target_and_span_no_gap(runs, stride, step):
    labels = np.concatenate([np.full(n, code, np.int16) for code, n in runs])
    chosen = setting(frame_stride=stride, clip_step=step)
    stores = {"a": fake_store("a", len(labels))}
    try:
        index = clips.index_training_clips([recording(labels)], stores, chosen)
    except InputError:
        return
    assert not index.target.any()
    for frames in index.frames:
        assert (np.diff(frames) == stride).all()
        assert not (labels[frames[0] : frames[-1] + 1] == 0).any()


def test_clips_do_not_overlap_and_use_every_fifth_frame():
    chosen = setting()
    stores = {"a": fake_store("a", 400)}
    index = clips.index_training_clips([recording(np.ones(400))], stores, chosen)
    assert len(index) == 10  # 400 / 5 / 8
    assert index.frames.ravel().tolist() == list(range(0, 400, 5))


def test_the_papers_literal_order_joins_what_is_left_and_then_cuts():
    labels = np.r_[np.ones(23), np.zeros(10), np.ones(17)]
    chosen = setting(clips_across_gaps="literal", frame_stride=1)
    index = clips.index_training_clips([recording(labels)], {"a": fake_store("a", 50)}, chosen)
    assert len(index) == 5  # 40 kept frames in clips of 8
    assert index.frames[2].tolist() == [16, 17, 18, 19, 20, 21, 22, 33]


def test_unlabelled_recordings_are_all_normal():
    unlabelled = Recording("a", None, "train")
    index = clips.index_training_clips([unlabelled], {"a": fake_store("a", 80)}, setting())
    assert len(index) == 2 and not index.target.any()


def test_a_supervised_model_keeps_the_target():
    labels = np.r_[np.ones(200), np.zeros(200)]
    stores = {"a": fake_store("a", 400)}
    index = clips.index_training_clips([recording(labels)], stores, setting(model="supervised"))
    assert index.target.sum() == 5 and len(index) == 10


def test_no_clip_left_is_one_sentence():
    with pytest.raises(InputError, match="No training clip is left"):
        stores = {"a": fake_store("a", 100)}
        clips.index_training_clips([recording(np.zeros(100))], stores, setting())


@pytest.mark.parametrize("n_frames", [16, 17, 23, 100])
@pytest.mark.parametrize("step", [1, 3, 8])
def test_every_tested_frame_is_in_a_test_clip(n_frames, step):
    tested = recording(np.zeros(n_frames), split="test")
    stores = {"a": fake_store("a", n_frames)}
    chosen = setting(test_clip_step=step, test_stop=1.0)
    index = clips.index_test_clips([tested], stores, chosen)
    assert np.unique(index.frames).tolist() == list(range(n_frames))
    assert (np.diff(index.frames, axis=1) == 1).all()


def test_the_test_is_the_stated_part():
    tested = recording(np.zeros(1000), split="test")
    index = clips.index_test_clips([tested], {"a": fake_store("a", 1000)}, setting())
    assert (index.frames.min(), index.frames.max()) == (0, 495 + 4)


def test_the_papers_test_set_has_6989_clips():
    tested = recording(np.zeros(2 * 6989 * 8), split="test")
    stores = {"a": fake_store("a", 2 * 6989 * 8)}
    assert len(clips.index_test_clips([tested], stores, setting())) == 6989


def test_an_absent_target_is_one_sentence():
    tested = recording(np.ones(100), split="test")
    with pytest.raises(InputError, match="'hang' is absent from the tested part of a"):
        clips.index_test_clips([tested], {"a": fake_store("a", 100)}, setting())


def test_a_recording_shorter_than_a_clip_is_one_sentence():
    tested = recording(np.zeros(10), split="test")
    with pytest.raises(InputError, match="fewer than clip_length"):
        clips.index_test_clips([tested], {"a": fake_store("a", 10)}, setting())


def test_labels_of_another_length_are_refused():
    labels = np.r_[np.zeros(45), np.ones(45)]
    with pytest.raises(InputError, match="90 frames.*80.*label_tolerance"):
        clips.index_training_clips([recording(labels)], {"a": fake_store("a", 80)}, setting())


@pytest.mark.parametrize(("rule", "expected"), [("half", [True, False]), ("any", [True, True])])
def test_clip_labels(rule, expected):
    labels = np.r_[np.zeros(4), np.ones(4), np.zeros(3), np.ones(5)]
    tested = recording(labels, split="test")
    chosen = setting(clip_label=rule, test_stop=1.0)
    index = clips.index_test_clips([tested], {"a": fake_store("a", 16)}, chosen)
    assert index.target.tolist() == expected


@given(st.integers(2, 300), st.integers(0, 5))
def test_split_is_80_20_disjoint_and_seeded(n_clips, seed):
    stores = {"a": fake_store("a", 8 * n_clips)}
    chosen = setting(seed=seed, frame_stride=1)
    index = clips.index_training_clips([recording(np.ones(8 * n_clips))], stores, chosen)
    train, validation = clips.split_clips(index, chosen)
    again, _ = clips.split_clips(index, chosen)
    assert len(validation) == math.ceil(0.2 * n_clips)
    assert np.array_equal(train.frames, again.frames)
    both = np.sort(np.concatenate([train.frames[:, 0], validation.frames[:, 0]]))
    assert np.array_equal(both, index.frames[:, 0])


@pytest.mark.parametrize(("train", "validation"), [(9577, 2395), (7312, 1828)])
def test_the_papers_counts_follow_from_the_split(train, validation):
    n_frames = 8 * (train + validation)
    stores = {"a": fake_store("a", n_frames)}
    chosen = setting(frame_stride=1)
    index = clips.index_training_clips([recording(np.ones(n_frames))], stores, chosen)
    assert tuple(map(len, clips.split_clips(index, chosen))) == (train, validation)


@pytest.fixture
def batches():
    stores = {"a": fake_store("a", 160, seed=0), "b": fake_store("b", 240, seed=1)}
    chosen = setting(frame_stride=1, batch_size=16, seed=3)
    both = [recording(np.ones(160)), recording(np.ones(240), name="b")]
    index = clips.index_training_clips(both, stores, chosen)
    return ClipBatches(index, stores, chosen, 2.0, shuffle=True)


def test_batches_hold_the_clips_frames(batches):
    plain = ClipBatches(
        batches.index, dict(zip("ab", batches.stores, strict=True)), batches.parameters, 2.0
    )
    inputs, targets = plain[1]
    expected = plain.index.frames[16:32]
    assert np.array_equal(inputs["image"][:, :, 0, 0, 0] * 255, expected % 256)
    assert inputs["image"].dtype == inputs["flow"].dtype == np.float32
    assert inputs["flow"].shape == (16, 8, 24, 32, 1)
    assert targets is inputs
    assert sum(len(plain[i][0]["image"]) for i in range(len(plain))) == len(plain.index) == 50


def test_order_and_flips_depend_on_seed_and_epoch_alone(batches):
    first = batches[0][0]["flow"]
    batches.set_epoch(1)
    assert not np.array_equal(batches[0][0]["flow"], first)
    batches.set_epoch(0)
    assert np.array_equal(batches[0][0]["flow"], first)
    assert sorted(batches.order) == list(range(50))


def test_flipped_clips_are_mirrored_in_both_streams(batches):
    chosen = np.arange(4)
    plain = batches.read(chosen)
    flipped = batches.read(chosen, np.array([True, False, True, False]))
    for stream in ("image", "flow"):
        assert np.array_equal(flipped[stream][0], plain[stream][0][:, :, ::-1])
        assert np.array_equal(flipped[stream][1], plain[stream][1])


def test_flow_scale_is_a_percentile_of_training_flow_alone():
    stores = {"a": fake_store("a", 800, seed=0)}
    stores["a"].flow[:400] *= 100  # the target moves fast, and must not set the scale
    chosen = setting(frame_stride=1)
    labelled = recording(np.r_[np.zeros(400), np.ones(400)])
    index = clips.index_training_clips([labelled], stores, chosen)
    speeds = np.hypot(*np.moveaxis(stores["a"].flow[400:].astype(np.float32), -1, 0))
    measured = clips.measure_flow_scale(index, stores, chosen)
    assert measured == pytest.approx(np.percentile(speeds, 99.9), rel=1e-5)
