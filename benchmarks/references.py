"""What our networks are measured against: the paper-style Keras form, and their operations."""

from __future__ import annotations

import math

import keras
from keras import layers

Shape = tuple[int, int, int, int]
OPTIONS = {"padding": "same", "data_format": "channels_last"}


def stage(x, layer: layers.Layer):
    """A wrapped convolution, batch norm and LeakyReLU, as the wrapper's users write them."""
    x = layers.BatchNormalization()(layers.TimeDistributed(layer)(x))
    return layers.LeakyReLU(negative_slope=0.2)(x)


def encode_wrapped(x, dilation: int):
    """The CAE's encoder on (batch, time, rows, columns, channels)."""
    x = stage(x, layers.Conv2D(64, 5, strides=2, **OPTIONS))
    x = stage(x, layers.Conv2D(48, 5, strides=2, **OPTIONS))
    x = stage(x, layers.Conv2D(32, 3, dilation_rate=dilation, **OPTIONS))
    return stage(x, layers.Conv2D(16, 3, dilation_rate=dilation, **OPTIONS))


def build_wrapped(shapes: dict[str, Shape], supervised: bool = False) -> keras.Model:
    """The CAE, or the supervised classifier, with every convolution in `TimeDistributed`."""
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    encoded = [encode_wrapped(x, 2) for x in inputs.values()]
    if supervised:
        x = layers.Dropout(0.2)(layers.Flatten()(encoded[0]))
        x = layers.Dense(32, activation="relu")(layers.Dense(256, activation="relu")(x))
        return keras.Model(inputs, {"target": layers.Dense(1, activation="sigmoid")(x)})
    fused = layers.Concatenate()(encoded) if len(encoded) > 1 else encoded[0]
    fused = stage(fused, layers.Conv2D(16, 3, **OPTIONS))
    outputs = {}
    for name, shape in shapes.items():
        x = stage(fused, layers.Conv2DTranspose(32, 3, **OPTIONS))
        x = stage(x, layers.Conv2DTranspose(48, 5, strides=2, **OPTIONS))
        x = stage(x, layers.Conv2DTranspose(64, 5, strides=2, **OPTIONS))
        last = layers.Conv2D(shape[-1], 3, activation="sigmoid", **OPTIONS)
        outputs[name] = layers.TimeDistributed(last)(x)
    return keras.Model(inputs, outputs)


def count_operations(model: keras.Model, training: bool = True) -> float:
    """Multiplications and additions for one clip in convolutions and dense layers.

    In training: forward, and backward to weights and to inputs, each the same number; the first
    layers have no gradient to their inputs. Borders count like the rest.
    """
    total, first = 0.0, {id(tensor) for tensor in model.inputs}
    for layer in model.layers:
        if not hasattr(layer, "kernel"):
            if type(layer).__name__ == "FoldTime" and id(layer.input) in first:
                first.add(id(layer.output))
            continue
        source = layer.input.shape if "Transpose" in type(layer).__name__ else layer.output.shape
        places = math.prod(source[1:-1]) if len(source) > 2 else 1
        frames = frames_per_clip(model) if len(source) == 4 else 1
        forward = 2.0 * places * math.prod(layer.kernel.shape) * frames
        total += forward * ((2 if id(layer.input) in first else 3) if training else 1)
    return total


def frames_per_clip(model: keras.Model) -> int:
    """Frames in a clip: where time is folded into the batch, as often as a layer runs for it."""
    return model.inputs[0].shape[1]
