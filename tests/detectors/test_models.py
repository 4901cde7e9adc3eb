"""The networks: the layer tables to the letter, any input size, saved and loaded, same on JAX."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cagewatch import runtime
from cagewatch.errors import InputError
from cagewatch.params import Parameters, resolve

runtime.configure(os.environ.get("KERAS_BACKEND", "tensorflow"), 1)
runtime.load_backend()

import keras  # noqa: E402

from cagewatch.detectors.bottleneck import add_code  # noqa: E402
from cagewatch.detectors.networks import (  # noqa: E402
    MODELS,
    build_model,
    compile_model,
    streams,
    summary_rows,
)
from cagewatch.detectors.networks import build as build_module  # noqa: E402
from cagewatch.detectors.networks.layers import FoldTime, FusedBatchNormalization, UnfoldTime  # noqa: E402
from cagewatch.detectors.training.precision import fastest_precision  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PAPER = ["rae", "cae", "cae_image", "cae_flow", "supervised"]
COUNTS = {"rae": 3_156_994, "cae": 442_162, "cae_image": 221_121, "cae_flow": 221_121}


def settings(model: str, **changes: object) -> Parameters:
    """Table 1 of `model` at 24x32 pixels and 8 frames."""
    given = {"dataset": "ped2", "data_dir": "unused", "target": "anomaly", "scale": "paper"}
    return resolve({**given, "model": model, **changes})


@cache
def built_once(model: str) -> keras.Model:
    """The network at that size, for tests that leave it as it is: building takes seconds."""
    return build_model(settings(model), 1)


def noise(model: keras.Model, clips: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs for `model`: float32 in [0, 1]."""
    random = np.random.default_rng(seed)
    return {
        name: random.random((clips, *tensor.shape[1:]), dtype=np.float32)
        for name, tensor in sorted(model.input.items())
    }


def train_step(model: keras.Model, inputs: dict[str, np.ndarray]) -> float:
    """The loss of one training step."""
    clips = len(next(iter(inputs.values())))
    labels = {"target": np.arange(clips, dtype=np.float32)[:, None] % 2}
    targets = labels if "target" in model.output else inputs
    return float(model.train_on_batch(inputs, targets, return_dict=True)["loss"])


def answer(model: keras.Model, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `model` predicts, without the time it takes to trace `predict`."""
    outputs = model(inputs, training=False)
    return {name: keras.ops.convert_to_numpy(output) for name, output in outputs.items()}


@pytest.mark.parametrize("model", COUNTS)
def test_parameter_counts_of_the_layer_tables(model):
    built = built_once(model)
    assert built.count_params() == COUNTS[model]
    assert sum(count for *_, count in summary_rows(built)) == COUNTS[model]


RAE_STAGES = {
    **{"e1": (8, 12, 16, 32), "e2": (4, 6, 8, 64), "e3": (2, 3, 4, 96)},
    **{"d1": (4, 6, 8, 96), "d2": (8, 12, 16, 64), "d3": (8, 24, 32, 32), "out": (8, 24, 32, 1)},
}
CAE_STAGES = {
    **{"e1": (12, 16, 64), "e2": (6, 8, 48), "e3": (6, 8, 32), "e4": (6, 8, 16)},
    **{"d1": (6, 8, 32), "d2": (12, 16, 48), "d3": (24, 32, 64), "out": (24, 32, 1)},
}


@pytest.mark.parametrize(
    ("model", "stages", "fuse"),
    [("rae", RAE_STAGES, (2, 3, 4, 64)), ("cae", CAE_STAGES, (6, 8, 16))],
)
def test_stages_of_the_layer_tables(model, stages, fuse):
    built = built_once(model)
    for stream in ("image", "flow"):
        for stage, shape in stages.items():
            assert built.get_layer(f"{stream}_{stage}").output.shape[1:] == shape
    assert built.get_layer("fuse").output.shape[1:] == fuse
    table = {stage: shape for stage, _, shape, _ in summary_rows(built)}
    assert table["image_e2"] == stages["e2"] and table["fuse"] == fuse


def test_cae_kernels_strides_and_dilation():
    built = built_once("cae")
    layers = [built.get_layer(f"image_{stage}_conv") for stage in ("e1", "e2", "e3", "e4")]
    assert [layer.kernel_size[0] for layer in layers] == [5, 5, 3, 3]
    assert [layer.strides[0] for layer in layers] == [2, 2, 1, 1]
    assert [layer.dilation_rate[0] for layer in layers] == [1, 1, 2, 2]
    up = [built.get_layer(f"flow_{stage}_conv") for stage in ("d1", "d2", "d3")]
    assert [layer.kernel_size[0] for layer in up] == [3, 5, 5]
    assert [layer.strides[0] for layer in up] == [1, 2, 2]


@pytest.mark.parametrize("model", ["rae", "cae"])
@pytest.mark.parametrize(("fusion", "apart"), [("bottleneck", False), ("late", True)])
def test_late_fusion_keeps_the_streams_apart(model, fusion, apart):
    built = build_model(settings(model, fusion=fusion), 1) if apart else built_once(model)
    inputs = noise(built)
    before = answer(built, inputs)
    after = answer(built, inputs | {"flow": 1 - inputs["flow"]})
    assert np.array_equal(before["image"], after["image"]) == apart
    assert not np.array_equal(before["flow"], after["flow"])


def test_late_fusion_is_the_two_single_streams_side_by_side():
    built = build_model(settings("cae", fusion="late"), 1)
    assert built.count_params() == COUNTS["cae_image"] + COUNTS["cae_flow"]


def test_width_scales_the_filters_of_the_rae():
    built = build_model(settings("rae", width=0.25), 1)
    assert built.count_params() == 200_194
    assert built.get_layer("fuse_conv").filters == 16


def test_rae_dilation_spares_strided_convolutions():
    built = build_model(settings("rae", dilation_rate=2), 1)
    assert built.get_layer("image_e2_conv1").dilation_rate == (1, 1, 1)
    assert built.get_layer("image_e2_conv2").dilation_rate == (2, 2, 2)
    assert built.get_layer("flow_d2_conv1").dilation_rate == (2, 2, 2)
    assert built.count_params() == COUNTS["rae"]


def test_supervised_is_the_encoder_and_a_head():
    built = built_once("supervised")
    cae = built_once("cae_image")
    for stage in ("image_e1_conv", "image_e4_norm"):
        shapes = [[w.shape for w in model.get_layer(stage).weights] for model in (built, cae)]
        assert shapes[0] == shapes[1]
    assert built.get_layer("head_dropout").rate == 0.2
    assert [built.get_layer(name).units for name in ("head_1", "head_2", "target_dense")] == [
        *(256, 32, 1)
    ]
    softmax = build_model(settings("supervised", supervised_loss="softmax"), 1)
    probability = answer(softmax, noise(softmax))["target"]
    assert probability.shape == (2, 8)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("model", PAPER)
def test_outputs_have_the_inputs_shape_and_range(model):
    built = built_once(model)
    inputs = noise(built)
    assert set(inputs) == set(streams(model))
    for name, output in answer(built, inputs).items():
        assert output.shape == ((2, 1) if name == "target" else inputs[name].shape)
        assert output.dtype == np.float32 and 0 <= output.min() <= output.max() <= 1


def test_streams_are_not_mixed_up_and_frames_stay_in_order():
    built = built_once("cae")
    inputs = noise(built)
    before = answer(built, inputs)
    inputs["image"][1, 3] = 0  # the CAE sees each frame alone: only this frame may change
    after = answer(built, inputs)
    for stream in ("image", "flow"):
        changed = (before[stream] != after[stream]).any(axis=(2, 3, 4))
        assert np.array_equal(np.argwhere(changed), [[1, 3]])


def test_folding_time_is_the_time_distributed_convolution():
    random = np.random.default_rng(0)
    clips = random.random((2, 4, 8, 8, 3), dtype=np.float32)
    conv = keras.layers.Conv2D(5, 3, padding="same", data_format="channels_last")
    folded = UnfoldTime(4)(conv(FoldTime()(clips)))
    wrapped = keras.layers.TimeDistributed(conv)(clips)
    np.testing.assert_allclose(
        *(keras.ops.convert_to_numpy(x) for x in (folded, wrapped)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.02)])
@pytest.mark.parametrize("shape", [(6, 8, 4, 5), (2, 8, 4, 4, 3), (1, 1, 1, 2)])
def test_fused_batch_normalisation_is_keras_own(shape, precision, tolerance):
    """Trained side by side, with a layer in front that needs the gradient of the input."""
    x, target = np.random.default_rng(0).normal(3, 2, (2, *shape)).astype(np.float32)
    trained = []
    for kind in (FusedBatchNormalization, keras.layers.BatchNormalization):
        inputs = keras.Input(shape[1:])
        scaled = keras.layers.EinsumDense("...c,c->...c", shape[-1:], kernel_initializer="ones")
        normal = kind(momentum=0.9, dtype=precision, name="normal")
        model = keras.Model(inputs, normal(scaled(inputs)))
        model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
        losses = [model.train_on_batch(x, target) for _ in range(3)]
        trained.append((model, losses, model(x, training=False)))
    (ours, losses, scores), (keras_own, expected_losses, expected_scores) = trained
    assert normal.compute_dtype == scores.dtype
    np.testing.assert_allclose(losses, expected_losses, rtol=tolerance)
    as_floats = [keras.ops.cast(y, "float32") for y in (scores, expected_scores)]
    np.testing.assert_allclose(*as_floats, atol=5 * tolerance)
    for weight, expected in zip(ours.weights, keras_own.weights, strict=True):
        assert (weight.name, weight.dtype) == (expected.name, "float32")
        np.testing.assert_allclose(weight, expected, rtol=tolerance, atol=tolerance)


def test_frozen_batch_normalisation_keeps_its_statistics():
    layer = FusedBatchNormalization(momentum=0.9)
    x = np.random.default_rng(0).normal(3, 2, (4, 2, 2, 3)).astype(np.float32)
    layer(x, training=True)
    before = [np.array(weight) for weight in layer.weights]
    layer.trainable = False
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    for weight, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize("model", ["rae", "cae", "supervised"])
@pytest.mark.parametrize(
    ("flow_channels", "rows", "columns", "length"), [(3, 64, 96, 4), (2, 8, 16, 12)]
)
def test_other_sizes_channels_and_lengths(model, flow_channels, rows, columns, length):
    given = {"resize_height": rows + 2, "resize_width": columns, "crop_top": 1, "crop_bottom": 1}
    built = build_model(settings(model, clip_length=length, **given), flow_channels)
    assert built.input["image"].shape[1:] == (length, rows, columns, 1)
    if model != "supervised":
        assert built.output["flow"].shape[1:] == (length, rows, columns, flow_channels)


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("rae", {"clip_length": 6}, "clip_length a multiple of 4"),
        ("rae", {"resize_width": 36}, "resize_width multiples of 8"),
        ("rae", {"crop_top": 0}, "resize_height - crop_top - crop_bottom"),
        ("cae", {"resize_width": 33}, "resize_width multiples of 4"),
        ("cae", {"crop_top": 28}, "crop less"),
    ],
)
def test_sizes_that_do_not_halve_name_the_parameters(model, change, words):
    with pytest.raises(InputError, match=words):
        build_model(settings(model, **change), 1)


def test_unknown_model_names_the_known_ones():
    with pytest.raises(InputError, match="choose one of rae, cae"):
        streams("vae")


@pytest.mark.parametrize("model", ["cae", "supervised"])
def test_weights_follow_the_seed(model):
    weights = [build_model(settings(model, seed=seed), 1).get_weights() for seed in (1, 1, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights[0], weights[2], strict=True))


def test_bfloat16_keeps_float32_weights_and_outputs():
    parameters = settings("cae_image", precision="mixed_bfloat16")
    built = build_model(parameters, 1)
    assert keras.config.dtype_policy().name == "float32"
    assert built.get_layer("image_e1_conv").compute_dtype == "bfloat16"
    assert {variable.dtype for variable in built.trainable_variables} == {"float32"}
    compile_model(built, parameters)
    built.run_eagerly = True  # tracing takes longer than the step
    inputs = noise(built)
    assert np.isfinite(train_step(built, inputs))
    plain = build_model(settings("cae_image"), 1)  # its weights are set
    plain.set_weights(built.get_weights())
    rounded, exact = (answer(m, inputs)["image"] for m in (built, plain))
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded, exact, atol=0.02)


def test_auto_precision_takes_the_faster(monkeypatch):
    def build(precision: str) -> keras.Model:
        built = build_model(settings("cae_image", clip_length=1, precision=precision), 1)
        slow[id(built)] = precision
        return built

    slow: dict[int, str] = {}
    clock = [0.0]
    costs = {"float32": 1.0, "mixed_bfloat16": 1.0}

    def step_of(model: keras.Model):
        def step() -> None:
            clock[0] += costs[slow[id(model)]]

        return step

    monkeypatch.setattr("cagewatch.detectors.training.precision.training_step", step_of)
    monkeypatch.setattr(
        "cagewatch.detectors.training.precision.time.perf_counter", lambda: clock[0]
    )
    for cost, expected in [(0.5, "mixed_bfloat16"), (0.95, "float32"), (3.0, "float32")]:
        costs["mixed_bfloat16"] = cost
        assert fastest_precision(build, lambda model: None) == expected


def build_tiny(parameters: Parameters, shapes: dict[str, tuple]) -> keras.Model:
    """One dense layer on the image."""
    clips = keras.Input(shapes["image"], name="image")
    out = keras.layers.Dense(1, activation="sigmoid", name="image_out")(clips)
    return keras.Model({"image": clips}, {"image": out})


def test_auto_precision_builds_a_model(monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", build_module.ModelEntry(build_tiny, ("image",)))
    parameters = settings("cae_image", precision="auto").model_copy(update={"model": "tiny"})
    built = build_model(parameters, 1)
    assert built.get_layer("image_out").dtype_policy.name in ("float32", "mixed_bfloat16")


def test_a_further_model_is_one_entry(monkeypatch):
    entry = build_module.ModelEntry(MODELS["cae"].build, ("flow",))
    monkeypatch.setitem(MODELS, "peer", entry)
    built = build_model(settings("cae").model_copy(update={"model": "peer"}), 2)
    assert list(built.output) == ["flow"]
    assert built.output["flow"].shape[-1] == 2


# One of each kind; single streams are pieces of the two-stream ones. XLA compiles slowly: small
# clips, and a step of training where the pieces are new.
ON_JAX = {"rae": {"width": 0.25}, "cae_image": {}, "supervised": {}, "hasan": {}}
ON_JAX |= {"stae_image": {}}
SMALL = {"resize_height": 16, "resize_width": 8}
TRAINED = ["cae_image", "supervised", "stae_image"]


def answers(folder: Path) -> dict[str, float]:
    """On this backend: outputs from the weights in `folder`, written there, and one step's loss."""
    losses, eager = {}, keras.config.backend() == "tensorflow"  # JAX compiles each operation then
    for model in ON_JAX:
        parameters = settings(model, **SMALL, **ON_JAX[model])
        built = build_model(parameters, 1)
        with np.load(folder / f"{model}.npz") as weights:
            built.set_weights([weights[f"arr_{i}"] for i in range(len(weights.files))])
        inputs = noise(built)
        outputs = answer(built, inputs) if eager else built.predict_on_batch(inputs)
        np.savez(folder / f"{model}-{keras.config.backend()}.npz", **outputs)
        if model == "supervised":  # each backend draws its own dropout
            built.get_layer("head_dropout").rate = 0.0
        if model in TRAINED:
            compile_model(built, parameters)
            built.run_eagerly = eager
            losses[model] = train_step(built, inputs)
    return losses


@pytest.mark.timeout(900)
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_jax_gives_the_same_outputs_and_losses(tmp_path):
    for model in ON_JAX:
        built = build_model(settings(model, **SMALL, **ON_JAX[model]), 1)
        random = np.random.default_rng(1)
        for variable in built.variables:  # so that norms and biases count too
            if variable.path.endswith(("gamma", "beta", "bias", "mean", "variance")):
                variable.assign(random.uniform(0.5, 1.5, variable.shape))
        np.savez(tmp_path / f"{model}.npz", *built.get_weights())
    here = answers(tmp_path)
    code = (
        "import json, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "import test_models as t; print(json.dumps(t.answers(Path(sys.argv[2]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    there = json.loads(done.stdout.splitlines()[-1])
    assert np.isfinite(list(here.values())).all() and there == pytest.approx(here, rel=1e-4)
    for model in ON_JAX:
        with np.load(tmp_path / f"{model}-tensorflow.npz") as mine:
            with np.load(tmp_path / f"{model}-jax.npz") as theirs:
                assert set(mine.files) == set(theirs.files)
                for name in mine.files:
                    np.testing.assert_allclose(mine[name], theirs[name], atol=2e-5)


@pytest.mark.parametrize(
    "fusion, layers", [("bottleneck", "fuse"), ("late", "image_fuse flow_fuse")]
)
def test_a_code_is_the_bottleneck_averaged_over_frames_and_cells(fusion, layers):
    model = build_model(settings("cae_bottleneck", fusion=fusion))
    clips = noise(model)
    code = add_code(model, 8).predict_on_batch(clips)["target"]
    held = keras.Model(model.input, [model.get_layer(name).output for name in layers.split()])
    parts = []
    for frames in keras.tree.flatten(held.predict_on_batch(clips)):
        cells = np.asarray(frames).reshape(2, 8, 3, 2, 4, 2, 16)
        parts.append(cells.mean(axis=(1, 3, 5)).reshape(2, -1))
    np.testing.assert_allclose(code, np.hstack(parts), rtol=1e-4, atol=1e-5)
