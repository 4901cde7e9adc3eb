"""The residual autoencoder (RAE): 3-D convolutions, two streams fused at the bottleneck.

Filters, strides, activations and the fusion are inference: the paper's Figure 2 is missing. They
are written down in the layer tables this project follows, 3,156,994 parameters for two streams of
one channel.
"""

from __future__ import annotations

import keras
from keras import layers

from cagewatch.errors import InputError
from cagewatch.models.blocks import (
    activate,
    conv_3d,
    normalise,
    output_head,
    residual_down,
    residual_up,
)
from cagewatch.params import Parameters

Shape = tuple[int, int, int, int]

# (filters, strides in time, rows and columns), outermost stage first
ENCODER = [(32, (1, 2, 2)), (64, (2, 2, 2)), (96, (2, 2, 2))]
DECODER = [(96, (2, 2, 2)), (64, (2, 2, 2)), (32, (1, 2, 2))]
FUSED_FILTERS = 64


def build_rae(parameters: Parameters, shapes: dict[str, Shape]) -> keras.Model:
    """Build the RAE.

    Parameters
    ----------
    parameters : `dilation_rate` dilates every unstrided 3x3x3 convolution.
    shapes : stream name -> (clip_length, rows, columns, channels).

    Returns
    -------
    A model from {stream: (batch, *shape)} to the same, float32 in [0, 1].

    Raises
    ------
    InputError
        If the clip length does not divide by 4, or rows or columns by 8.
    """
    dilation = parameters.dilation_rate
    clip_length, rows, columns, _ = next(iter(shapes.values()))
    if clip_length % 4 or rows % 8 or columns % 8:
        raise InputError(
            f"The model 'rae' halves time twice and space three times, but gets clips of "
            f"{clip_length} frames of {rows}x{columns}: make clip_length a multiple of 4, and "
            f"resize_height - crop_top - crop_bottom and resize_width multiples of 8."
        )
    inputs = {stream: keras.Input(shape, name=stream) for stream, shape in shapes.items()}
    encoded = []
    for stream, x in inputs.items():
        for stage, (filters, strides) in enumerate(ENCODER, start=1):
            x = residual_down(x, filters, strides, f"{stream}_e{stage}", dilation)
        encoded.append(x)  # (batch, clip_length / 4, rows / 8, columns / 8, 96)

    fused = layers.Concatenate(name="fuse_concat")(encoded) if len(encoded) > 1 else encoded[0]
    fused = conv_3d(fused, FUSED_FILTERS, "fuse_conv", dilation=dilation)
    fused = activate(normalise(fused, "fuse_norm"), "fuse")

    outputs = {}
    for stream, shape in shapes.items():
        x = fused
        for stage, (filters, strides) in enumerate(DECODER, start=1):
            x = residual_up(x, filters, strides, f"{stream}_d{stage}", dilation)
        x = conv_3d(x, shape[-1], f"{stream}_out_conv", dilation=dilation)
        outputs[stream] = output_head(x, f"{stream}_out")
    return keras.Model(inputs, outputs, name="rae")
