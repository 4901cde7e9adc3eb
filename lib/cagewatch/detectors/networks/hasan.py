"""The convolutional autoencoder of Hasan et al. 2016 ("Learning temporal regularity in video").

The paper's Table 2 lists it as "2D CAE". The frames of a clip are the channels of a 2-D network, so
time is mixed by the first convolution and has no axis of its own afterwards.

What stays: one gray stream, frames stacked as channels, the widths 512, 256 and 128, the kernels
11, 5 and 3, two poolings, tanh, no batch normalisation, a mirrored decoder, squared error.

What is adapted: the original reads 10 frames of 227x227 and divides rows and columns by 16, which
leaves nothing of 24x32; the first convolution here has stride 2 instead of 4, so that they are
divided by 8. A clip has this project's length (8 frames), so that all models see the same clips.
Unpooling repeats values, since Keras keeps no positions of maxima. The output is a sigmoid, as
frames here lie in [0, 1]. The optimiser is AdaGrad from 0.01, but the rate stays,
and neither weight decay nor clips of several frame strides are used.

8,136,328 parameters for 8 frames of one channel.
"""

from __future__ import annotations

import keras
from keras import layers

from cagewatch.detectors.networks.blocks import CHANNELS_LAST, Tensor, output_head
from cagewatch.detectors.networks.cae import Shape
from cagewatch.errors import InputError
from cagewatch.params import Parameters

# (filters, kernel, stride), outermost first; a pooling follows the first two.
ENCODER = [(512, 11, 2), (256, 5, 1), (128, 3, 1)]


def stack_frames(clips: Tensor, shape: Shape, name: str) -> Tensor:
    """(batch, time, rows, columns, channels) -> (batch, rows, columns, time * channels)."""
    length, rows, columns, channels = shape
    x = layers.Permute((2, 3, 1, 4), name=f"{name}_permute")(clips)
    return layers.Reshape((rows, columns, length * channels), name=name)(x)


def unstack_frames(x: Tensor, shape: Shape, name: str) -> Tensor:
    """Undo `stack_frames`."""
    length, rows, columns, channels = shape
    x = layers.Reshape((rows, columns, length, channels), name=f"{name}_reshape")(x)
    return layers.Permute((3, 1, 2, 4), dtype="float32", name=name)(x)


def convolve(
    kind: type[layers.Layer], x: Tensor, filters: int, kernel: int, stride: int, name: str
) -> Tensor:
    """One convolution ('same' borders) and tanh, the activation of every hidden layer."""
    options = {"padding": "same", "data_format": CHANNELS_LAST}
    x = kind(filters, kernel, strides=stride, name=f"{name}_conv", **options)(x)
    return layers.Activation("tanh", name=name)(x)


def build_hasan(parameters: Parameters, shapes: dict[str, Shape]) -> keras.Model:
    """Build the autoencoder of one stream, see `build_cae`; rows and columns are multiples of 8."""
    [(stream, shape)] = shapes.items()
    length, rows, columns, channels = shape
    if rows % 8 or columns % 8:
        raise InputError(
            f"The model {parameters.model!r} halves rows and columns three times, but gets frames "
            f"of {rows}x{columns}: make resize_height - crop_top - crop_bottom and resize_width "
            f"multiples of 8."
        )
    clips = keras.Input(shape, name=stream)
    x = stack_frames(clips, shape, f"{stream}_stack")
    for stage, (filters, kernel, stride) in enumerate(ENCODER, start=1):
        x = convolve(layers.Conv2D, x, filters, kernel, stride, f"{stream}_e{stage}")
        if stage < len(ENCODER):
            x = layers.MaxPooling2D(data_format=CHANNELS_LAST, name=f"{stream}_pool{stage}")(x)
    # The mirror: each convolution's transpose gives back the channels that its twin took in.
    up = layers.Conv2DTranspose
    for stage, (filters, kernel) in enumerate([(256, 3), (512, 5)], start=1):
        x = convolve(up, x, filters, kernel, 1, f"{stream}_d{stage}")
        x = layers.UpSampling2D(data_format=CHANNELS_LAST, name=f"{stream}_unpool{stage}")(x)
    options = {"padding": "same", "data_format": CHANNELS_LAST, "name": f"{stream}_out_conv"}
    x = up(length * channels, ENCODER[0][1], strides=ENCODER[0][2], **options)(x)
    frames = unstack_frames(output_head(x, f"{stream}_out"), shape, f"{stream}_unstack")
    return keras.Model({stream: clips}, {stream: frames}, name=parameters.model)
