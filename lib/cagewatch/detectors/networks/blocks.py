"""The few pieces the networks are made of: convolution + norm + activation, residual blocks.

Every layer is named ``<stage>_<piece>`` and a stage's last layer carries the stage's own name
(``image_e1``), so that a figure of the network can be drawn from the network itself. Arrays are
channels-last throughout, whatever the user's Keras configuration says.
"""

from __future__ import annotations

from collections.abc import Callable

from keras import layers

from cagewatch.detectors.networks.convolutions import (
    CHANNELS_LAST,
    FastConv2D,
    FastConv2DTranspose,
    FastConv3D,
    Tensor,
)
from cagewatch.detectors.networks.layers import FusedBatchNormalization

LEAK = 0.2
MOMENTUM = 0.9  # of batch normalisation's running statistics


def normalise(x: Tensor, name: str) -> Tensor:
    """Batch normalisation as Keras does it, but for the momentum of its running statistics.

    Keras's default of 0.99 needs several hundred steps to settle. The shorter scales take 60 to
    200, and their running statistics, which validation and scoring use, would still be far from
    those of training. At the paper's scale both are the same. The paper does not state it.
    """
    return FusedBatchNormalization(momentum=MOMENTUM, name=name)(x)


def activate(x: Tensor, name: str) -> Tensor:
    """LeakyReLU 0.2, the activation of every hidden convolution."""
    return layers.LeakyReLU(negative_slope=LEAK, name=name)(x)


def conv_2d(
    x: Tensor, filters: int, kernel: int, name: str, strides: int = 1, dilation: int = 1
) -> Tensor:
    """Conv2D, batch norm, LeakyReLU; a strided convolution cannot be dilated."""
    x = FastConv2D(
        filters,
        kernel,
        strides=strides,
        dilation_rate=dilation,
        padding="same",
        data_format=CHANNELS_LAST,
        name=f"{name}_conv",
    )(x)
    return activate(normalise(x, f"{name}_norm"), name)


def transposed_conv_2d(x: Tensor, filters: int, kernel: int, name: str, strides: int = 1) -> Tensor:
    """Conv2DTranspose, batch norm, LeakyReLU; `strides` enlarges rows and columns."""
    x = FastConv2DTranspose(
        filters,
        kernel,
        strides=strides,
        padding="same",
        data_format=CHANNELS_LAST,
        name=f"{name}_conv",
    )(x)
    return activate(normalise(x, f"{name}_norm"), name)


def conv_3d(
    x: Tensor,
    filters: int,
    name: str,
    kernel: int = 3,
    strides: tuple[int, int, int] = (1, 1, 1),
    dilation: int = 1,
    enlarge: tuple[int, int, int] = (1, 1, 1),
) -> Tensor:
    """One bare 3-D convolution; dilation is dropped where the convolution is strided or 1x1x1.

    `enlarge` repeats frames, rows and columns before it.
    """
    dilated = strides == (1, 1, 1) and kernel > 1
    return FastConv3D(
        filters,
        kernel,
        strides=strides,
        dilation_rate=dilation if dilated else 1,
        enlarge=enlarge,
        padding="same",
        data_format=CHANNELS_LAST,
        name=name,
    )(x)


def residual_block(
    x: Tensor,
    filters: int,
    name: str,
    strides: tuple[int, int, int] = (1, 1, 1),
    dilation: int = 1,
    enlarge: tuple[int, int, int] = (1, 1, 1),
) -> Tensor:
    """Two 3x3x3 convolutions around a 1x1x1 shortcut (He et al. 2016).

    The first and the shortcut have the `strides`, or repeat frames, rows and columns before.
    """
    main = _two_convolutions(x, filters, name, strides, dilation, enlarge)
    shortcut = conv_3d(x, filters, f"{name}_shortcut", kernel=1, strides=strides, enlarge=enlarge)
    shortcut = normalise(shortcut, f"{name}_shortcut_norm")
    return activate(layers.Add(name=f"{name}_add")([main, shortcut]), name)


def plain_block(
    x: Tensor,
    filters: int,
    name: str,
    strides: tuple[int, int, int] = (1, 1, 1),
    dilation: int = 1,
    enlarge: tuple[int, int, int] = (1, 1, 1),
) -> Tensor:
    """The convolutions of `residual_block` without its shortcut."""
    return activate(_two_convolutions(x, filters, name, strides, dilation, enlarge), name)


def _two_convolutions(
    x: Tensor,
    filters: int,
    name: str,
    strides: tuple[int, int, int],
    dilation: int,
    enlarge: tuple[int, int, int],
) -> Tensor:
    options = {"strides": strides, "dilation": dilation, "enlarge": enlarge}
    x = conv_3d(x, filters, f"{name}_conv1", **options)
    x = activate(normalise(x, f"{name}_norm1"), f"{name}_act1")
    x = conv_3d(x, filters, f"{name}_conv2", dilation=dilation)
    return normalise(x, f"{name}_norm2")


def bottleneck(
    encoded: dict[str, Tensor], fusion: str, convolve: Callable[[Tensor, str], Tensor]
) -> dict[str, Tensor]:
    """What each stream is decoded from: `convolve` of all streams joined, or of each by itself.

    `encoded` has the end of each stream's encoder, (batch, ..., channels). 'bottleneck' joins the
    channels of all streams, which then share one tensor; 'late' leaves them apart, as two networks
    trained side by side, so that only their scores meet.
    """
    if fusion == "late" and len(encoded) > 1:
        return {stream: convolve(x, f"{stream}_fuse") for stream, x in encoded.items()}
    several = list(encoded.values())
    joined = layers.Concatenate(name="fuse_concat")(several) if len(several) > 1 else several[0]
    return dict.fromkeys(encoded, convolve(joined, "fuse"))


def output_head(x: Tensor, name: str) -> Tensor:
    """Sigmoid to [0, 1] in float32, also when the network computes in bfloat16."""
    return layers.Activation("sigmoid", dtype="float32", name=name)(x)
