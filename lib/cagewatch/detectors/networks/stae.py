"""The spatio-temporal autoencoder of Zhao et al. 2017 (STAE), with its prediction branch.

An encoder of 3-D convolutions reads a clip; one decoder reconstructs it, a second one predicts the
clip that follows, and the error of a predicted frame counts less the later it comes. The paper's
Table 2 lists the gray ("spatial only") and the flow form, so there is one network per stream.

What stays: 3x3x3 convolutions of 32, 48, 64 and 64 filters with batch normalisation and LeakyReLU,
max pooling between them, decoders of transposed convolutions of 48, 32 and 32 filters, a loss of
reconstruction plus prediction with linearly decreasing weights, Adam.

What is adapted: the batches hold no future frames, so a clip is split: the first half is read and
reconstructed, the second half is the future to be predicted. Put together they have the clip's
shape, and the clip's score counts the errors of both. The original reads 16 frames of 128x128 and
pools four times; 4 frames of 24x32 allow three poolings, the last one of rows and columns only.
Layers are as re-implementations of the paper by others agree on; its text was not at hand.

543,890 parameters for one channel.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from cagewatch.detectors.networks.blocks import (
    CHANNELS_LAST,
    Tensor,
    activate,
    conv_3d,
    normalise,
    output_head,
)
from cagewatch.detectors.networks.cae import Shape
from cagewatch.errors import InputError
from cagewatch.params import Parameters

FILTERS = (32, 48, 64, 64)
POOLS = ((2, 2, 2), (2, 2, 2), (1, 2, 2))  # after the first three convolutions
DECODER = ((48, (1, 2, 2)), (32, (2, 2, 2)), (32, (2, 2, 2)))


@keras.saving.register_keras_serializable(package="cagewatch")
def decreasing_squared_error(target: Tensor, output: Tensor) -> Tensor:
    """Mean squared error of the first half of a clip plus that of the second, the later the less.

    From (batch, 2 T, rows, columns, channels) to (batch,): the mean over T reconstructed frames,
    and over T predicted ones the mean of ``(T - t) / T`` times the squared error of frame t = 0 ...
    T - 1. (With t from 1 the last frame would not be learnt at all, but its error would count in
    the score.)
    """
    half = output.shape[1] // 2
    weights = [1.0] * half + [(half - frame) / half for frame in range(half)]
    errors = ops.mean(ops.square(target - output), axis=(2, 3, 4))
    return ops.sum(errors * ops.convert_to_tensor(weights, errors.dtype), axis=1) / half


def encode(x: Tensor, stream: str) -> Tensor:
    """(batch, T, rows, columns, channels) -> (batch, T / 4, rows / 8, columns / 8, 64)."""
    for stage, filters in enumerate(FILTERS, start=1):
        name = f"{stream}_e{stage}"
        x = conv_3d(x, filters, f"{name}_conv")
        x = activate(normalise(x, f"{name}_norm"), name)
        if stage <= len(POOLS):
            pool = {"data_format": CHANNELS_LAST, "name": f"{stream}_pool{stage}"}
            x = layers.MaxPooling3D(POOLS[stage - 1], **pool)(x)
    return x


def decode(x: Tensor, stream: str, branch: str, channels: int) -> Tensor:
    """Undo the shape of `encode`: (batch, T, rows, columns, channels) in [0, 1]."""
    for stage, (filters, strides) in enumerate(DECODER, start=1):
        name = f"{stream}_{branch}{stage}"
        options = {"padding": "same", "data_format": CHANNELS_LAST, "name": f"{name}_conv"}
        x = layers.Conv3DTranspose(filters, 3, strides=strides, **options)(x)
        x = activate(normalise(x, f"{name}_norm"), name)
    x = conv_3d(x, channels, f"{stream}_{branch}out_conv")
    return output_head(x, f"{stream}_{branch}out")


def build_stae(parameters: Parameters, shapes: dict[str, Shape]) -> keras.Model:
    """Build the autoencoder of one stream, see `build_cae`; length and sides are multiples of 8.

    The first half of a clip is reconstructed, its second half predicted from the first alone.
    """
    [(stream, shape)] = shapes.items()
    length, rows, columns, channels = shape
    if length % 8 or rows % 8 or columns % 8:
        raise InputError(
            f"The model {parameters.model!r} halves the time of half a clip twice and space three "
            f"times, but gets clips of {length} frames of {rows}x{columns}: make clip_length, "
            f"resize_height - crop_top - crop_bottom and resize_width multiples of 8."
        )
    clips = keras.Input(shape, name=stream)
    past = layers.Cropping3D(((0, length // 2), 0, 0), CHANNELS_LAST, name=f"{stream}_past")(clips)
    encoded = encode(past, stream)
    halves = [decode(encoded, stream, branch, channels) for branch in ("r", "p")]
    joined = layers.Concatenate(1, dtype="float32", name=f"{stream}_out")(halves)
    return keras.Model({stream: clips}, {stream: joined}, name=parameters.model)
