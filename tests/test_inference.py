"""One pass over a recording on all cores: in order, the same scores by either engine."""

from __future__ import annotations

import importlib.util
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagewatch import inference, runtime
from cagewatch.detectors.inference.stream import clip_starts
from cagewatch.errors import InputError
from cagewatch.in_order import map_in_order
from cagewatch.params import resolve
from cagewatch.store.preprocess import Piece, cut_pieces, preprocessing_of

FLOAT32, BFLOAT16 = 1e-4, 1e-2  # largest relative difference of a frame's error


# Items in order


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(threads):
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(map_in_order(work, range(30), threads)) == [i * i for i in range(30)]


def test_no_more_than_the_given_threads_work_and_little_is_held():
    lock, now, most, made, wanted = threading.Lock(), [0], [0], [0], [0]

    def make():
        for item in range(40):
            made[0] = item + 1
            assert made[0] - wanted[0] <= 5
            yield item

    def work(item: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.001)
        with lock:
            now[0] -= 1
        return item

    for item in map_in_order(work, make(), 2):
        wanted[0] = item + 1
    assert most[0] == 2 and wanted[0] == 40


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failing_item_ends_it_with_its_own_error(threads):
    def items():
        yield from range(5)
        raise InputError("the file ends here.")

    with pytest.raises(InputError, match="ends here"):
        list(map_in_order(lambda item: item, items(), threads))
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(lambda item: 1 // (3 - item), range(5), threads))


# Pieces and their clips


@settings(max_examples=60)
@given(
    total=st.integers(8, 120), size=st.integers(1, 50), step=st.integers(1, 11),
    lag=st.integers(1, 5),
)  # fmt: skip
def test_pieces_hold_every_clip_once_with_the_frames_it_needs(total, size, step, lag):
    length = 8
    chosen = preprocessing_of(resolve({"dataset": "simulated"}))
    frames = ((float(i), np.full((32, 32), i, np.uint8)) for i in range(total))
    starts, times = [], []
    for piece in cut_pieces(frames, chosen, size, length - 1 + lag):
        found = clip_starts(piece, length, step)
        starts += found.tolist()
        times += piece.times.tolist()
        if len(found):  # its clips' flow must lie in the piece, or begin with the recording
            assert found.min() - lag >= piece.first or piece.first == 0
            assert found.max() + length <= piece.first + len(piece.gray)
    assert times == list(range(total))
    assert starts == sorted({*range(0, total - length + 1, step), total - length})


def test_a_piece_holds_the_frames_it_says():
    chosen = preprocessing_of(resolve({"dataset": "simulated", "gamma": 1.0}))
    frames = ((float(i), np.full((32, 32), i, np.uint8)) for i in range(50))
    pieces: list[Piece] = list(cut_pieces(frames, chosen, 20, 9))
    assert [(p.first, len(p.gray), p.last) for p in pieces] == [
        (0, 20, False), (11, 29, False), (31, 19, True),
    ]  # fmt: skip
    assert all((p.gray[:, 0, 0] == p.first + np.arange(len(p.gray))).all() for p in pieces)


# Engines


@pytest.fixture(scope="module")
def network():
    """An untrained CAE with running statistics that are not those it starts with, and clips."""
    import keras

    from cagewatch.detectors.networks import build_model

    model = build_model(resolve({"dataset": "simulated", "model": "cae"}))
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(random.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(random.uniform(0.5, 1.5, layer.moving_variance.shape))
    clips = {name: random.random((4, 8, 24, 32, 1), dtype=np.float32) for name in model.input}
    return model, clips


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", FLOAT32), ("bfloat16", BFLOAT16)])
def test_openvino_gives_the_errors_of_keras(network, precision, tolerance):
    pytest.importorskip("openvino")
    from cagewatch.scoring.frames import add_error_heads

    model = add_error_heads(network[0])
    wanted = inference.open_inference(model, 4, "keras", "auto", 1).run(network[1])
    opened = inference.open_inference(model, 4, "openvino", precision, 2)
    assert (opened.callers, opened.words) == (2, f"OpenVINO, {precision}")
    found = opened.run(network[1])
    assert set(found) == set(wanted) == {"image", "flow"}
    for stream in wanted:
        np.testing.assert_allclose(found[stream], wanted[stream], rtol=tolerance)


def test_keras_stands_in_where_openvino_is_missing(network, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "openvino" else real(name)
    )
    assert inference.open_inference(network[0], 4, "auto", "auto", 1).words == "Keras"
    with pytest.raises(InputError, match="not installed"):
        inference.open_inference(network[0], 4, "openvino", "auto", 1)


def test_a_gpu_is_left_to_keras(network, monkeypatch):
    monkeypatch.setattr(runtime, "running_on_cpu", lambda: False)
    assert inference.open_inference(network[0], 4, "auto", "auto", 1).words == "Keras"


# Each frame once


@pytest.mark.parametrize(
    ("model", "expected"), [("cae", True), ("cae_image", True), ("rae", False)]
)
def test_a_frame_has_one_error_in_every_clip_or_the_model_is_not_per_frame(model, expected):
    from cagewatch.scoring.frames import add_error_heads, is_per_frame

    from cagewatch.detectors.networks import build_model

    built = build_model(resolve({"dataset": "simulated", "model": model}))
    assert is_per_frame(built) == expected
    random = np.random.default_rng(0)
    clips = {name: random.random((2, 8, 24, 32, 1), dtype=np.float32) for name in built.input}
    mixed = random.permutation(16)
    other = {s: v.reshape(16, 24, 32, 1)[mixed].reshape(v.shape) for s, v in clips.items()}
    heads = add_error_heads(built)
    for stream, errors in heads.predict_on_batch(clips).items():
        moved = heads.predict_on_batch(other)[stream]
        same = np.allclose(np.ravel(errors)[mixed], np.ravel(moved), rtol=1e-5)
        assert same == expected


def test_a_classifier_of_whole_clips_is_not_per_frame():
    from cagewatch.scoring.frames import is_per_frame

    from cagewatch.detectors.networks import build_model

    assert not is_per_frame(build_model(resolve({"dataset": "simulated", "model": "supervised"})))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(1, 6))
def test_packed_clips_hold_every_frame_once_and_lead_back_to_it(starts, length):
    from cagewatch.scoring.frames import pack_frames

    from cagewatch.clips import ClipIndex

    frames = (np.array(starts)[:, None] + np.arange(length)).astype(np.int32)
    recording = (np.arange(len(starts)) % 2).astype(np.int16)
    nothing = np.zeros(len(starts), np.int16)
    index = ClipIndex(recording, frames, nothing.astype(bool), nothing, ("a", "b"))
    packed, places = pack_frames(index)
    assert (packed.frames.ravel()[places] == frames).all()
    assert (np.repeat(packed.recording, length)[places] == recording[:, None]).all()
    for number in (0, 1):
        mine = packed.frames[packed.recording == number].ravel()
        distinct = np.unique(frames[recording == number])
        assert set(mine) == set(distinct) and len(mine) < len(distinct) + length


@pytest.mark.parametrize("filters", [1, 3])
def test_a_thin_convolution_is_the_convolution(filters):
    import keras

    from cagewatch.detectors.networks.blocks import ThinConv2D

    x = np.random.default_rng(0).normal(size=(2, 6, 8, 5)).astype(np.float32)
    thin, plain = (kind(filters, 3, padding="same", data_format="channels_last")
                   for kind in (ThinConv2D, keras.layers.Conv2D))  # fmt: skip
    thin.build(x.shape)
    plain.build(x.shape)
    plain.set_weights([w + 0.1 for w in thin.get_weights()])
    thin.set_weights(plain.get_weights())
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(thin(x)), keras.ops.convert_to_numpy(plain(x)), atol=1e-5
    )
