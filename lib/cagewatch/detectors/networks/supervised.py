"""The supervised comparison: the CAE's encoder with a fully connected head, image stream only."""

from __future__ import annotations

import keras
from keras import layers

from cagewatch.detectors.networks.cae import Shape, encode
from cagewatch.detectors.networks.layers import FoldTime, UnfoldTime
from cagewatch.params import Parameters

BEHAVIOURS = 8  # of the MIT home cage, one softmax class each


def build_supervised(parameters: Parameters, shapes: dict[str, Shape]) -> keras.Model:
    """Build the classifier of whole clips, from {'image': clips} as in `build_cae`.

    It gives {'target': (batch, 1) or (batch, 8)}, float32 probabilities: `supervised_loss` chooses
    one sigmoid (is it the target?) or a softmax over the behaviours.
    """
    inputs = {stream: keras.Input(shape, name=stream) for stream, shape in shapes.items()}
    (stream, clips), *_ = inputs.items()
    x = encode(FoldTime(name=f"{stream}_fold")(clips), stream, parameters.dilation_rate)
    x = UnfoldTime(shapes[stream][0], name=f"{stream}_unfold")(x)
    x = layers.Flatten(name="head_flatten")(x)
    x = layers.Dropout(0.2, seed=parameters.seed, name="head_dropout")(x)
    x = layers.Dense(256, activation="relu", name="head_1")(x)
    x = layers.Dense(32, activation="relu", name="head_2")(x)
    binary = parameters.supervised_loss == "binary"
    x = layers.Dense(1 if binary else BEHAVIOURS, name="target_dense")(x)
    probability = layers.Activation(
        "sigmoid" if binary else "softmax", dtype="float32", name="target_out"
    )(x)
    return keras.Model(inputs, {"target": probability}, name="supervised")
