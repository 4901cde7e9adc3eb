"""Layers of their own: time folded into the batch, thin convolutions, fused normalisation.

They take and give arrays channels-last, whatever the user's Keras configuration says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from cagewatch.detectors.networks.convolutions import (
    CHANNELS_LAST,
    Tensor,
    rearranged,
    spread_taps,
)

# Weights of the clips of a batch while a training step is traced: (batch,), of sum 1.
CLIP_WEIGHTS: ContextVar[Tensor | None] = ContextVar("clip weights", default=None)


@contextmanager
def weigh_clips(weights: Tensor) -> Iterator[None]:
    """Within, means over a batch are weighted by clip, so that empty places can have no weight."""
    token = CLIP_WEIGHTS.set(weights)
    try:
        yield
    finally:
        CLIP_WEIGHTS.reset(token)


def mean_over_clips(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The mean of x (batch or batch * time, ...) over `axes`, 0 among them, weighted by clip."""
    weights = CLIP_WEIGHTS.get()
    if weights is None:
        return ops.mean(x, axis=axes)
    each = x.shape[0] // weights.shape[0]  # frames of a clip, where time is folded
    weights = ops.repeat(ops.cast(weights, x.dtype), each)
    weights = ops.reshape(weights, (-1, *[1] * (len(x.shape) - 1)))
    places = each * math.prod(x.shape[axis] for axis in axes if axis)
    return ops.sum(x * weights, axis=axes) / places


@keras.saving.register_keras_serializable(package="cagewatch")
class FoldTime(layers.Layer):
    """(batch, time, rows, columns, channels) -> (batch * time, rows, columns, channels).

    A 2-D convolution over the folded axis is the `TimeDistributed` convolution, several times
    faster, because the backend sees one large batch instead of a loop over frames.
    """

    def call(self, clips: Tensor) -> Tensor:
        """Fold; the order of the frames is kept."""
        return ops.reshape(clips, (-1, *clips.shape[2:]))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape after folding; the batch axis stays unknown."""
        return (None, *input_shape[2:])


@keras.saving.register_keras_serializable(package="cagewatch")
class UnfoldTime(layers.Layer):
    """(batch * time, rows, columns, channels) -> (batch, time, rows, columns, channels)."""

    def __init__(self, clip_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clip_length = clip_length

    def call(self, frames: Tensor) -> Tensor:
        """Undo `FoldTime`."""
        return ops.reshape(frames, (-1, self.clip_length, *frames.shape[1:]))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape after unfolding; the batch axis stays unknown."""
        return (None, self.clip_length, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """What rebuilds this layer."""
        return super().get_config() | {"clip_length": self.clip_length}


@keras.saving.register_keras_serializable(package="cagewatch")
class ThinConv2D(layers.Conv2D):
    """A 'same' Conv2D of very few filters, with the weights of Conv2D, as two faster convolutions.

    Vector units compute 16 filters at once, so that a convolution of one costs as much as one of
    16. Here each tap of the kernel becomes a filter of a 1x1 convolution, and a second, constant
    convolution shifts and adds the taps: the same sum, in another order.
    """

    def call(self, x: Tensor) -> Tensor:
        """(n, rows, columns, channels) -> (n, rows, columns, filters)."""
        if rearranged():
            return spread_taps(x, self.kernel) + self.bias
        high, wide, channels, filters = self.kernel.shape
        taps = ops.transpose(self.kernel, (2, 0, 1, 3))
        taps = ops.reshape(taps, (1, 1, channels, high * wide * filters))
        spread = ops.conv(x, taps, padding="valid", data_format=CHANNELS_LAST)
        # Output f of tap (i, j) goes to filter f from the place (i, j) of the window.
        moved = np.zeros((high, wide, high, wide, filters, filters), np.float32)
        for i in range(high):
            for j in range(wide):
                moved[i, j, i, j] = np.eye(filters)
        constant = ops.convert_to_tensor(moved.reshape(high, wide, -1, filters), spread.dtype)
        y = ops.conv(spread, constant, padding="same", data_format=CHANNELS_LAST)
        return ops.add(y, self.bias)


@keras.saving.register_keras_serializable(package="cagewatch")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras's layer with its weights, trained on TensorFlow by TensorFlow's one fused operation.

    Keras composes mean, variance and scaling of elementwise operations there: some twenty passes
    over memory, in float32 whatever the precision. In inference, where nothing is left of it once
    it is folded into the convolution before it, and on other backends this is Keras's own layer.
    """

    def call(self, x: Tensor, training: bool | None = None, mask: None = None) -> Tensor:
        """(batch, ..., channels) -> the same shape, normalised per channel."""
        learning = training and self.trainable
        if learning and CLIP_WEIGHTS.get() is not None:
            return self._normalise_weighted(x)
        if not learning or mask is not None or keras.backend.backend() != "tensorflow":
            return super().call(x, training=training, mask=mask)
        import tensorflow as tf

        flat = ops.reshape(x, (-1, 1, 1, x.shape[-1]))
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=flat,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=self.epsilon,
            is_training=True,
        )
        # TensorFlow divides the running variance by n - 1, Keras on all backends by n.
        n = ops.cast(ops.shape(flat)[0], "float32")
        for running, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance * (n - 1) / n),
        ):
            running.assign(running * self.momentum + value * (1 - self.momentum))
        return ops.reshape(y, ops.shape(x))

    def _normalise_weighted(self, x: Tensor) -> Tensor:
        """Training with the weights of `weigh_clips`, in one pass over memory.

        Deviations are from the running mean, which is near the batch's: so the difference of two
        means of squares loses no digits.
        """
        values = ops.cast(x, "float32")
        axes = tuple(range(len(x.shape) - 1))
        centre = ops.convert_to_tensor(self.moving_mean)
        apart = values - centre
        shift = mean_over_clips(apart, axes)
        variance = ops.maximum(mean_over_clips(ops.square(apart), axes) - ops.square(shift), 0)
        mean = centre + shift
        for running, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            running.assign(running * self.momentum + value * (1 - self.momentum))
        factor = self.gamma * ops.rsqrt(variance + self.epsilon)
        return ops.cast(values * factor + (self.beta - mean * factor), self.compute_dtype)
