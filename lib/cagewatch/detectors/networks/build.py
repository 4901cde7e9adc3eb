"""Networks by name: which streams they read, how they are built and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from cagewatch import runtime
from cagewatch.detectors.networks.cae import Shape, build_cae
from cagewatch.detectors.networks.conv3d import build_conv3d
from cagewatch.detectors.networks.hasan import build_hasan
from cagewatch.detectors.networks.memory import build_memory
from cagewatch.detectors.networks.rae import build_rae
from cagewatch.detectors.networks.stae import build_stae, decreasing_squared_error
from cagewatch.detectors.networks.supervised import build_supervised
from cagewatch.detectors.training.precision import fastest_precision
from cagewatch.errors import InputError
from cagewatch.params import Parameters


class ModelEntry(NamedTuple):
    """How a network is built, which streams it reads and the loss of each reconstruction."""

    build: Callable[[Parameters, dict[str, Shape]], keras.Model]
    streams: tuple[str, ...]
    loss: str | Callable = "mean_squared_error"


MODELS: dict[str, ModelEntry] = {
    "rae": ModelEntry(build_rae, ("image", "flow")),
    "cae": ModelEntry(build_cae, ("image", "flow")),
    "cae_image": ModelEntry(build_cae, ("image",)),
    "cae_flow": ModelEntry(build_cae, ("flow",)),
    "cae_bottleneck": ModelEntry(build_cae, ("image", "flow")),
    "supervised": ModelEntry(build_supervised, ("image",)),
    "memory": ModelEntry(build_memory, ("image", "flow")),
    # Peers: the rivals of the paper's Table 2, on the same clips and scored the same way.
    "hasan": ModelEntry(build_hasan, ("image",)),
    "conv3d": ModelEntry(build_conv3d, ("image", "flow")),
    "stae_image": ModelEntry(build_stae, ("image",), decreasing_squared_error),
    "stae_flow": ModelEntry(build_stae, ("flow",), decreasing_squared_error),
}


def streams(model_name: str) -> tuple[str, ...]:
    """Streams that the model of this name reads; InputError for an unknown name."""
    if model_name not in MODELS:
        raise InputError(f"Unknown model {model_name!r}: choose one of {', '.join(MODELS)}.")
    return MODELS[model_name].streams


def input_shapes(parameters: Parameters, flow_channels: int) -> dict[str, Shape]:
    """Stream name -> (clip_length, rows, columns, channels) of the model in `parameters`."""
    rows = parameters.resize_height - parameters.crop_top - parameters.crop_bottom
    if rows < 1:
        raise InputError(
            f"crop_top {parameters.crop_top} and crop_bottom {parameters.crop_bottom} leave "
            f"nothing of resize_height {parameters.resize_height}: crop less."
        )
    channels = {"image": 1, "flow": flow_channels}
    return {
        stream: (parameters.clip_length, rows, parameters.resize_width, channels[stream])
        for stream in streams(parameters.model)
    }


def build_model(parameters: Parameters, flow_channels: int = 1) -> keras.Model:
    """Build the network that `parameters.model` names, with weights drawn from `parameters.seed`.

    It takes {stream: (batch, clip_length, rows, columns, channels) float32 in [0, 1]} to the same,
    or for 'supervised' to {'target': (batch, 1 or 8)}. Flow has 1 channel (magnitude), 2 (dx, dy)
    or 3 (HSV picture). InputError for an unknown model, or a clip length or frame size that the
    network cannot halve.
    """
    shapes = input_shapes(parameters, flow_channels)

    def build(precision: str) -> keras.Model:
        kept = keras.config.dtype_policy()
        keras.utils.set_random_seed(parameters.seed)
        keras.config.set_dtype_policy(precision)
        try:
            return MODELS[parameters.model].build(parameters, shapes)
        finally:
            keras.config.set_dtype_policy(kept)

    if parameters.precision != "auto":
        return build(parameters.precision)
    return build(fastest_precision(build, lambda model: compile_model(model, parameters)))


def losses_of(
    model: keras.Model, parameters: Parameters
) -> dict[str, tuple[Callable[..., Any], float]]:
    """Output name -> (its loss, from targets and outputs to one value or more per clip; weight)."""
    if "target" in model.output:
        binary = parameters.supervised_loss == "binary"
        name = "binary_crossentropy" if binary else "sparse_categorical_crossentropy"
        return {"target": (keras.losses.get(name), 1.0)}
    given = {"image": parameters.image_loss_weight, "flow": parameters.flow_loss_weight}
    loss = keras.losses.get(MODELS[parameters.model].loss)
    return {stream: (loss, given[stream]) for stream in model.output}


def compile_model(model: keras.Model, parameters: Parameters) -> None:
    """Give `model` the optimiser and losses of `parameters`, in place.

    Reconstructing models get the weighted sum of one loss per stream, the mean squared error
    unless their entry in `MODELS` names another; a model with the output `target` gets binary
    cross-entropy (targets (batch, 1) of 0 or 1) or, with `supervised_loss` 'softmax', cross-entropy
    (targets (batch,) of class numbers).
    """
    if parameters.optimiser == "adam":
        optimiser = keras.optimizers.Adam(parameters.learning_rate, beta_1=parameters.beta_1)
    elif parameters.optimiser == "adagrad":
        optimiser = keras.optimizers.Adagrad(parameters.learning_rate)
    else:
        optimiser = keras.optimizers.SGD(parameters.learning_rate)
    losses = losses_of(model, parameters)
    # XLA's convolutions on a processor are several times slower than TensorFlow's own.
    slow = keras.config.backend() == "tensorflow" and runtime.running_on_cpu()
    jit = False if slow else "auto"
    model.compile(
        optimizer=optimiser,
        loss={name: loss for name, (loss, _) in losses.items()},
        loss_weights={name: weight for name, (_, weight) in losses.items()},
        jit_compile=jit,
    )
