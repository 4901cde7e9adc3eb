"""The rivals of the paper's Table 2: layer counts by hand, same clips in and out, same on JAX."""

from __future__ import annotations

import os
import re
import sys

import numpy as np
import pytest

from cagewatch import runtime
from cagewatch.errors import InputError

runtime.configure(os.environ.get("KERAS_BACKEND", "tensorflow"), 1)
runtime.load_backend()

import keras  # noqa: E402
from detectors.test_models import answer, built_once, noise, settings, train_step  # noqa: E402

from cagewatch.clips.windows import score_clips  # noqa: E402
from cagewatch.detectors.inference.errors import add_error_heads  # noqa: E402
from cagewatch.detectors.networks import build_model, compile_model, streams, summary_rows  # noqa: E402
from cagewatch.detectors.networks.stae import decreasing_squared_error  # noqa: E402
from cagewatch.study.artefacts import architectures  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STREAMS = {
    **{"hasan": ("image",), "conv3d": ("image", "flow")},
    **{"stae_image": ("image",), "stae_flow": ("flow",)},
}
COUNT = re.compile(r"([\d,]+) parameters")
SMALL = {"resize_height": 16, "resize_width": 8}  # 8x8 pixels, 8 frames


def parameters_of(kernel: int, inputs: int, filters: int, norm: bool = True) -> int:
    """Weights of one convolution of `kernel` positions, its bias and its batch norm's four."""
    return kernel * inputs * filters + filters + 4 * filters * norm


def hasan_by_hand() -> int:
    """8 frames as channels; 11x11, 5x5 and 3x3 down, the same up in reverse; no norm."""
    layers = [(121, 8, 512), (25, 512, 256), (9, 256, 128), (9, 128, 256), (25, 256, 512)]
    return sum(parameters_of(*layer, norm=False) for layer in [*layers, (121, 512, 8)])


def stae_by_hand() -> int:
    """Four 3x3x3 convolutions, then twice three transposed ones and a plain last one."""
    down = [(27, 1, 32), (27, 32, 48), (27, 48, 64), (27, 64, 64)]
    up = [(27, 64, 48), (27, 48, 32), (27, 32, 32)]
    branch = sum(parameters_of(*layer) for layer in up) + parameters_of(27, 32, 1, norm=False)
    return sum(parameters_of(*layer) for layer in down) + 2 * branch


def conv3d_by_hand() -> int:
    """Two 3x3x3 convolutions a stage: 32, 64, 96 down, fused to 64, then 96, 64, 32 up."""
    stages = [(1, 32), (32, 64), (64, 96), (64, 96), (96, 64), (64, 32)]
    one = sum(parameters_of(27, *pair) + parameters_of(27, pair[1], pair[1]) for pair in stages)
    return 2 * (one + parameters_of(27, 32, 1, norm=False)) + parameters_of(27, 192, 64)


BY_HAND = {"hasan": hasan_by_hand, "conv3d": conv3d_by_hand}
BY_HAND |= dict.fromkeys(("stae_image", "stae_flow"), stae_by_hand)


@pytest.fixture(scope="module")
def built() -> dict[str, keras.Model]:
    """Every peer at the size of the cage."""
    return {model: build_model(settings(model), 1) for model in STREAMS}


@pytest.mark.parametrize("model", STREAMS)
def test_parameters_are_those_of_the_layer_table(model, built):
    count = built[model].count_params()
    assert count == BY_HAND[model]()
    assert sum(row[3] for row in summary_rows(built[model])) == count
    module = sys.modules[f"cagewatch.detectors.networks.{model.partition('_')[0]}"]
    assert f"{count:,} parameters" in " ".join(module.__doc__.split())


def test_conv3d_is_the_rae_without_its_shortcuts(built):
    rae = {layer.name: layer for layer in built_once("rae").layers}
    plain = {layer.name for layer in built["conv3d"].layers}
    missing = {name for name in rae if name not in plain}
    assert missing and all("shortcut" in name or name.endswith("_add") for name in missing)
    assert plain <= set(rae)
    spared = sum(rae[name].count_params() for name in missing)
    assert built["conv3d"].count_params() + spared == 3_156_994


def test_hasan_stacks_frames_as_channels(built):
    model = built["hasan"]
    clip = noise(model)["image"]
    stacked = keras.Model(model.input, model.get_layer("image_stack").output)
    channels = keras.ops.convert_to_numpy(stacked({"image": clip}))
    for frame in range(8):
        np.testing.assert_array_equal(channels[..., frame], clip[:, frame, :, :, 0])
    kernels = [model.get_layer(f"image_e{n}_conv").kernel.shape for n in (1, 2, 3)]
    assert kernels == [(11, 11, 8, 512), (5, 5, 512, 256), (3, 3, 256, 128)]
    assert model.get_layer("image_e3").output.shape[1:] == (3, 4, 128)
    back = model.get_layer("image_unstack")(model.get_layer("image_unstack_reshape")(channels))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(back), clip)


@pytest.mark.parametrize("model", STREAMS)
def test_outputs_have_the_inputs_names_shape_and_range(model, built):
    assert streams(model) == STREAMS[model]
    inputs = noise(built[model])
    assert set(inputs) == set(STREAMS[model])
    for name, output in answer(built[model], inputs).items():
        assert output.shape == inputs[name].shape == (2, 8, 24, 32, 1)
        assert output.dtype == np.float32 and 0 <= output.min() <= output.max() <= 1


@pytest.mark.parametrize("model", STREAMS)
def test_scored_like_the_papers_models(model, built):
    inputs = noise(built[model])
    errors = add_error_heads(built[model]).predict_on_batch(inputs)
    for stream, output in answer(built[model], inputs).items():
        assert errors[stream].shape == (2, 8)
        score = score_clips(errors[stream], 24 * 32, "norm")
        distance = np.linalg.norm((inputs[stream] - output).reshape(2, -1), axis=1)
        np.testing.assert_allclose(score, distance, rtol=1e-4)


def test_stae_predicts_without_seeing_the_future(built):
    model = built["stae_image"]
    inputs = noise(model)
    before = answer(model, inputs)["image"]
    later = {"image": inputs["image"].copy()}
    later["image"][:, 4:] = 0.5
    np.testing.assert_array_equal(answer(model, later)["image"], before)
    earlier = {"image": inputs["image"].copy()}
    earlier["image"][:, 3] = 0.5
    changed = answer(model, earlier)["image"] != before
    assert changed[:, :4].any() and changed[:, 4:].any()


def test_stae_loss_counts_later_predictions_less():
    target = np.zeros((1, 8, 2, 2, 1), np.float32)
    losses = []
    for frame in range(8):
        output = target.copy()
        output[:, frame] = 2.0  # squared error 4
        losses.append(float(decreasing_squared_error(target, output)[0]))
    # The mean over four frames: 4 / 4 when one reconstructed frame is wrong, then 3/4, 2/4, 1/4.
    np.testing.assert_allclose(losses, [1, 1, 1, 1, 1, 0.75, 0.5, 0.25], rtol=1e-6)


@pytest.mark.parametrize("model", STREAMS)
def test_trains(model):
    parameters = settings(model, **SMALL)
    network = build_model(parameters, 2)
    compile_model(network, parameters)
    network.run_eagerly = True  # tracing takes longer than the few steps here
    inputs = noise(network, clips=4)
    losses = [train_step(network, inputs) for _ in range(3)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("hasan", {"resize_width": 36}, "resize_width multiples of 8"),
        ("stae_flow", {"clip_length": 4}, "make clip_length, resize_height"),
        ("conv3d", {"clip_length": 6}, "The model 'conv3d' halves time twice"),
    ],
)
def test_sizes_that_do_not_halve_name_the_parameters(model, change, words):
    with pytest.raises(InputError, match=words):
        build_model(settings(model, **change), 1)


@pytest.mark.parametrize("model", STREAMS)
def test_drawn_like_figure_2(model, built):
    boxes = architectures.lay_out(built[model])
    counts = [int(word.replace(",", "")) for box in boxes for word in COUNT.findall(box.text)]
    assert sum(counts) == built[model].count_params()
