"""The convolutional autoencoder (CAE): 2-D convolutions on every frame, one or two streams.

442,162 parameters for two streams of one channel, 221,121 for one. Time is folded into the batch
axis rather than wrapped in `TimeDistributed`: the same convolutions, trained several times faster.
"""

from __future__ import annotations

from collections.abc import Callable

import keras

from cagewatch.detectors.networks.blocks import (
    CHANNELS_LAST,
    Tensor,
    bottleneck,
    conv_2d,
    output_head,
    transposed_conv_2d,
)
from cagewatch.detectors.networks.layers import FoldTime, ThinConv2D, UnfoldTime
from cagewatch.errors import InputError
from cagewatch.params import Parameters

Shape = tuple[int, int, int, int]


def encode(frames: Tensor, stream: str, dilation: int) -> Tensor:
    """(n, rows, columns, channels) -> (n, rows / 4, columns / 4, 16); E1 to E4 of one stream."""
    x = conv_2d(frames, 64, 5, f"{stream}_e1", strides=2)
    x = conv_2d(x, 48, 5, f"{stream}_e2", strides=2)
    x = conv_2d(x, 32, 3, f"{stream}_e3", dilation=dilation)
    return conv_2d(x, 16, 3, f"{stream}_e4", dilation=dilation)


def decode(fused: Tensor, stream: str, channels: int) -> Tensor:
    """(n, rows / 4, columns / 4, 16) -> (n, rows, columns, channels); D1 to D3 and the output."""
    x = transposed_conv_2d(fused, 32, 3, f"{stream}_d1")
    x = transposed_conv_2d(x, 48, 5, f"{stream}_d2", strides=2)
    x = transposed_conv_2d(x, 64, 5, f"{stream}_d3", strides=2)
    return ThinConv2D(
        channels, 3, padding="same", data_format=CHANNELS_LAST, name=f"{stream}_out_conv"
    )(x)


def build_cae(parameters: Parameters, shapes: dict[str, Shape]) -> keras.Model:
    """Build the CAE of as many streams as `shapes` names: {stream: (batch, *shape)} to the same.

    A shape is (clip_length, rows, columns, channels), rows and columns multiples of 4.
    `dilation_rate` dilates the last two layers of the encoder; `fusion` says whether the streams
    meet.
    """
    return build_frames(parameters, shapes, lambda x, name: conv_2d(x, 16, 3, name))


def build_frames(
    parameters: Parameters, shapes: dict[str, Shape], convolve: Callable[[Tensor, str], Tensor]
) -> keras.Model:
    """The network of `build_cae` with any bottleneck (n, rows / 4, columns / 4, channels) -> 16."""
    clip_length, rows, columns, _ = next(iter(shapes.values()))
    if rows % 4 or columns % 4:
        raise InputError(
            f"The model {parameters.model!r} halves rows and columns twice, but gets frames of "
            f"{rows}x{columns}: make resize_height - crop_top - crop_bottom and resize_width "
            f"multiples of 4."
        )
    inputs = {stream: keras.Input(shape, name=stream) for stream, shape in shapes.items()}
    encoded = {
        stream: encode(FoldTime(name=f"{stream}_fold")(clips), stream, parameters.dilation_rate)
        for stream, clips in inputs.items()
    }
    fused = bottleneck(encoded, parameters.fusion, convolve)
    outputs = {}
    for stream, shape in shapes.items():
        frames = output_head(decode(fused[stream], stream, shape[-1]), f"{stream}_out")
        outputs[stream] = UnfoldTime(clip_length, dtype="float32", name=f"{stream}_unfold")(frames)
    return keras.Model(inputs, outputs, name=parameters.model)
