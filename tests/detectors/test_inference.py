"""A network made ready to score: the same errors by either engine, and each frame once."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from cagewatch import runtime
from cagewatch.errors import InputError
from cagewatch.params import resolve
from cagewatch.store import Store, preprocessing_of

runtime.configure("tensorflow", 1)

from cagewatch.detectors.footage import Footage  # noqa: E402
from cagewatch.detectors.inference import engines  # noqa: E402
from cagewatch.detectors.inference.engines import Inference  # noqa: E402
from cagewatch.detectors.inference.errors import add_error_heads, is_per_frame  # noqa: E402
from cagewatch.detectors.inference.stream import Scorer, score_stream  # noqa: E402
from cagewatch.detectors.networks import build_model  # noqa: E402

pytestmark = pytest.mark.usefixtures("eagerly")

FLOAT32, BFLOAT16 = 1e-4, 1e-2  # largest relative difference of a frame's error


# Engines


@pytest.fixture(scope="module")
def network():
    """An untrained CAE with running statistics that are not those it starts with, and clips."""
    import keras

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
    model = add_error_heads(network[0])
    wanted = engines.open_inference(model, 4, "keras", "auto", 1).run(network[1])
    opened = engines.open_inference(model, 4, "openvino", precision, 2)
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
    assert engines.open_inference(network[0], 4, "auto", "auto", 1).words == "Keras"
    with pytest.raises(InputError, match="not installed"):
        engines.open_inference(network[0], 4, "openvino", "auto", 1)


def test_a_gpu_is_left_to_keras(network, monkeypatch):
    monkeypatch.setattr(runtime, "running_on_cpu", lambda: False)
    assert engines.open_inference(network[0], 4, "auto", "auto", 1).words == "Keras"


# Each frame once


@pytest.mark.parametrize(
    ("model", "expected"), [("cae", True), ("cae_image", True), ("rae", False)]
)
def test_a_frame_has_one_error_in_every_clip_or_the_model_is_not_per_frame(model, expected):
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
    assert not is_per_frame(build_model(resolve({"dataset": "simulated", "model": "supervised"})))


@pytest.mark.parametrize("filters", [1, 3])
def test_a_thin_convolution_is_the_convolution(filters):
    import keras

    from cagewatch.detectors.networks.layers import ThinConv2D

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


# Scoring every n-th frame


@pytest.mark.parametrize("per_frame", [True, False])
def test_every_third_frame_has_the_scores_of_a_recording_of_those_alone(tmp_path, per_frame):
    """Between them lies the straight line, and after the last one its score is held."""
    parameters = resolve({"dataset": "simulated", "model": "cae_image", "test_clip_step": 2})
    random = np.random.default_rng(0)
    gray = random.integers(0, 256, (2000, 24, 32), np.uint8)
    flow = np.zeros((2000, 24, 32, 2), np.float16)

    def mean_of_frames(inputs):
        return {"image": inputs["image"].mean(axis=(2, 3, 4))}

    scorer = Scorer(Inference(mean_of_frames, 2, "a mean"), {"image": 768}, 16, per_frame, 1.0)

    def score(gray, flow, stride):
        store = Store("a", tmp_path, gray, flow, np.arange(len(gray)) / 30, "")
        footage = Footage("a", preprocessing_of(parameters), 30.0, lambda: iter(()), store=store)
        asked = parameters.model_copy(update={"score_stride": stride})
        (run,) = score_stream(scorer, footage, asked)
        return run["image"]

    found, wanted = score(gray, flow, 3), score(gray[::3], flow[::3], 1)
    np.testing.assert_array_equal(found[::3], wanted)
    np.testing.assert_allclose(found[1], (2 * wanted[0] + wanted[1]) / 3)
    assert len(found) == 2000 and found[-1] == wanted[-1]
