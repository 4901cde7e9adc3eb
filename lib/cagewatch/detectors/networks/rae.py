"""The residual autoencoder (RAE): 3-D convolutions, two streams fused at the bottleneck.

Filters, strides, activations and the fusion are inference: the paper's Figure 2 is missing. They
are written down in the layer tables this project follows, 3,156,994 parameters for two streams of
one channel; 793,090 and 200,194 at widths 0.5 and 0.25.
"""

from __future__ import annotations

from collections.abc import Callable

import keras

from cagewatch.detectors.networks.blocks import (
    Tensor,
    activate,
    bottleneck,
    conv_3d,
    normalise,
    output_head,
    residual_block,
)
from cagewatch.errors import InputError
from cagewatch.params import Parameters

Shape = tuple[int, int, int, int]

# (filters, strides or enlargement in time, rows and columns), in the order of the stages
ENCODER = [(32, (1, 2, 2)), (64, (2, 2, 2)), (96, (2, 2, 2))]
DECODER = [(96, (2, 2, 2)), (64, (2, 2, 2)), (32, (1, 2, 2))]
FUSED_FILTERS = 64


def build_rae(parameters: Parameters, shapes: dict[str, Shape]) -> keras.Model:
    """Build the RAE, from clips to the same as `build_cae`; the length a multiple of 4, sides of 8.

    `dilation_rate` dilates every unstrided 3x3x3 convolution, `width` multiplies the filters of
    every stage, and `fusion` says whether the streams meet.
    """
    return build_volumes(parameters, shapes, residual_block)


def build_volumes(
    parameters: Parameters, shapes: dict[str, Shape], block: Callable[..., Tensor]
) -> keras.Model:
    """The network of `build_rae` out of any block with the arguments of `residual_block`."""
    dilation = parameters.dilation_rate

    def widen(filters: int) -> int:
        return max(round(filters * parameters.width), 1)

    clip_length, rows, columns, _ = next(iter(shapes.values()))
    if clip_length % 4 or rows % 8 or columns % 8:
        raise InputError(
            f"The model {parameters.model!r} halves time twice and space three times, but gets "
            f"clips of {clip_length} frames of {rows}x{columns}: make clip_length a multiple of 4, "
            f"and resize_height - crop_top - crop_bottom and resize_width multiples of 8."
        )
    inputs = {stream: keras.Input(shape, name=stream) for stream, shape in shapes.items()}
    encoded = {}
    for stream, x in inputs.items():
        for stage, (filters, strides) in enumerate(ENCODER, start=1):
            x = block(x, widen(filters), f"{stream}_e{stage}", strides, dilation)
        encoded[stream] = x  # (batch, clip_length / 4, rows / 8, columns / 8, 96 width)

    def fuse(x: Tensor, name: str) -> Tensor:
        x = conv_3d(x, widen(FUSED_FILTERS), f"{name}_conv", dilation=dilation)
        return activate(normalise(x, f"{name}_norm"), name)

    fused = bottleneck(encoded, parameters.fusion, fuse)

    outputs = {}
    for stream, shape in shapes.items():
        x = fused[stream]
        for stage, (filters, enlarge) in enumerate(DECODER, start=1):
            name = f"{stream}_d{stage}"
            x = block(x, widen(filters), name, dilation=dilation, enlarge=enlarge)
        x = conv_3d(x, shape[-1], f"{stream}_out_conv", dilation=dilation)
        outputs[stream] = output_head(x, f"{stream}_out")
    return keras.Model(inputs, outputs, name=parameters.model)
