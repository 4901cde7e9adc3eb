"""Convolutions with Keras's weights, computed as others that a device does faster.

A strided, transposed or dilated convolution, one of a single channel and one in three dimensions
are slow in the libraries that backends call. Each is a dense 3x3 convolution or a matrix product of
rearranged values with a rearranged kernel: the same sums in another order, equal to rounding. The
layers keep Keras's kernels, so that weights fit either form.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from cagewatch import runtime

CHANNELS_LAST = "channels_last"
Tensor = Any  # keras.KerasTensor while a network is described, the backend's tensor while it runs

# 'auto' rearranges where that was measured to be faster; 'plain' and 'rearranged' force a form.
FORM = {"form": "auto"}


def rearranged() -> bool:
    """Whether convolutions are computed in their rearranged form."""
    if FORM["form"] != "auto":
        return FORM["form"] == "rearranged"
    return keras.config.backend() == "jax" and not runtime.running_on_cpu()


def _convolve(x: Tensor, kernel: Tensor, padding: str = "same") -> Tensor:
    return ops.conv(x, kernel, padding=padding, data_format=CHANNELS_LAST)


def _merge(kernel: Tensor, order: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    return ops.reshape(ops.transpose(kernel, order), shape)


def space_to_depth(x: Tensor) -> Tensor:
    """(n, rows, columns, c) -> (n, rows / 2, columns / 2, 4 c), the channel last."""
    _, rows, columns, channels = x.shape
    x = ops.reshape(x, (-1, rows // 2, 2, columns // 2, 2, channels))
    return _merge(x, (0, 1, 3, 2, 4, 5), (-1, rows // 2, columns // 2, 4 * channels))


def depth_to_space(x: Tensor) -> Tensor:
    """Undo `space_to_depth`."""
    _, rows, columns, channels = x.shape
    x = ops.reshape(x, (-1, rows, columns, 2, 2, channels // 4))
    return _merge(x, (0, 1, 3, 2, 4, 5), (-1, 2 * rows, 2 * columns, channels // 4))


def gather_taps(x: Tensor, taps: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    """The values under every tap of a 'same' kernel: (n, *places, channels of all taps)."""
    sizes = x.shape[1:-1]
    places = [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
    pads = [
        max((place - 1) * stride + tap - size, 0)
        for place, stride, tap, size in zip(places, strides, taps, sizes, strict=True)
    ]
    x = ops.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    parts = []
    for offsets in product(*map(range, taps)):
        cut = [
            slice(offset, offset + (place - 1) * stride + 1, stride)
            for offset, place, stride in zip(offsets, places, strides, strict=True)
        ]
        parts.append(x[(slice(None), *cut)])
    return ops.concatenate(parts, axis=-1)


def multiply_taps(x: Tensor, kernel: Tensor, strides: tuple[int, ...]) -> Tensor:
    """Any 'same' convolution as one matrix product: for few places or few channels."""
    taps = gather_taps(x, kernel.shape[:-2], strides)
    return ops.matmul(taps, ops.reshape(kernel, (-1, kernel.shape[-1])))


def spread_taps(x: Tensor, kernel: Tensor) -> Tensor:
    """A 'same' convolution to very few channels: a product for every tap, shifted and added."""
    *taps, channels, filters = kernel.shape
    axes = len(taps)
    order = (axes, *range(axes), axes + 1)
    spread = ops.matmul(x, _merge(kernel, order, (channels, -1)))
    spread = ops.pad(spread, [(0, 0), *((tap // 2, tap // 2) for tap in taps), (0, 0)])
    total = 0
    for number, offsets in enumerate(product(*map(range, taps))):
        cut = [slice(o, o + size) for o, size in zip(offsets, x.shape[1:-1], strict=True)]
        mine = slice(number * filters, (number + 1) * filters)
        total = total + spread[(slice(None), *cut, mine)]
    return total


def halve(x: Tensor, kernel: Tensor) -> Tensor:
    """A 'same' 5x5 convolution of stride 2, from even rows and columns, as one of 3x3."""
    channels, filters = kernel.shape[2:]
    kernel = ops.pad(kernel, [(1, 0), (1, 0), (0, 0), (0, 0)])
    kernel = ops.reshape(kernel, (3, 2, 3, 2, channels, filters))
    kernel = _merge(kernel, (0, 2, 1, 3, 4, 5), (3, 3, 4 * channels, filters))
    return _convolve(space_to_depth(x), kernel)


def double(x: Tensor, kernel: Tensor) -> Tensor:
    """A 'same' transposed 5x5 convolution of stride 2, kernel (5, 5, filters, channels)."""
    filters, channels = kernel.shape[2:]
    kernel = ops.pad(kernel, [(1, 0), (1, 0), (0, 0), (0, 0)])
    kernel = ops.flip(ops.reshape(kernel, (3, 2, 3, 2, filters, channels)), axis=(0, 2))
    kernel = _merge(kernel, (0, 2, 5, 1, 3, 4), (3, 3, channels, 4 * filters))
    return depth_to_space(_convolve(x, kernel))


def dilate_by_two(x: Tensor, kernel: Tensor) -> Tensor:
    """A 'same' convolution of dilation 2: even and odd rows and columns are images of their own."""
    _, rows, columns, channels = x.shape
    x = ops.reshape(x, (-1, rows // 2, 2, columns // 2, 2, channels))
    x = _merge(x, (0, 2, 4, 1, 3, 5), (-1, rows // 2, columns // 2, channels))
    y = _convolve(x, kernel)
    filters = y.shape[-1]
    y = ops.reshape(y, (-1, 2, 2, rows // 2, columns // 2, filters))
    return _merge(y, (0, 3, 1, 4, 2, 5), (-1, rows, columns, filters))


def convolve_volume(x: Tensor, kernel: Tensor) -> Tensor:
    """A 'same' 3x3x3 convolution as one of 3x3 on frames joined with those before and after."""
    _, length, rows, columns, channels = x.shape
    filters = kernel.shape[-1]
    joined = gather_taps(x, (3, 1, 1), (1, 1, 1))
    joined = ops.reshape(joined, (-1, rows, columns, 3 * channels))
    y = _convolve(joined, _merge(kernel, (1, 2, 0, 3, 4), (3, 3, 3 * channels, filters)))
    return ops.reshape(y, (-1, length, rows, columns, filters))


# Taps on small rows of a kernel of 3 on rows that were repeated: (phase, tap, tap of the kernel).
REPEATED = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], np.float32)


def convolve_enlarged(x: Tensor, kernel: Tensor, enlarge: tuple[int, int, int]) -> Tensor:
    """A 'same' 3x3x3 convolution of repeated frames, rows and columns, on what was repeated.

    Repeated values meet sums of the kernel's taps: 8 products in place of 27 where all three axes
    are doubled, 12 where time is not. Along a doubled axis of n places each of n + 1 windows of two
    gives a value to the place before it and one to the place after.
    """
    _, length, rows, columns, channels = x.shape
    filters = kernel.shape[-1]
    dtype = kernel.dtype
    wide = ops.convert_to_tensor(REPEATED, dtype)
    high, long = wide, wide if enlarge[0] == 2 else ops.eye(3, dtype=dtype)[None]
    kernel = ops.einsum("pau,qbv,rcw,uvwxf->bcaxpqrf", long, high, wide, kernel)
    phases, taps = long.shape[:2]
    kernel = ops.reshape(kernel, (2, 2, taps * channels, phases * 4 * filters))
    x = ops.pad(x, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)])
    windows = length + 3 - taps
    x = ops.concatenate([x[:, tap : tap + windows] for tap in range(taps)], axis=-1)
    x = ops.reshape(x, (-1, rows + 2, columns + 2, taps * channels))
    y = _convolve(x, kernel, "valid")
    y = ops.reshape(y, (-1, windows, rows + 1, columns + 1, phases, 2, 2, filters))
    parts = [
        y[:, p : p + length, q : q + rows, r : r + columns, p, q, r]
        for p, q, r in product(range(phases), range(2), range(2))
    ]
    y = ops.reshape(ops.stack(parts, axis=-2), (-1, length, rows, columns, phases, 2, 2, filters))
    shape = (-1, phases * length, 2 * rows, 2 * columns, filters)
    return _merge(y, (0, 1, 4, 2, 5, 3, 6, 7), shape)


@keras.saving.register_keras_serializable(package="cagewatch")
class FastConv2D(layers.Conv2D):
    """Keras's Conv2D, 'same' and channels last."""

    def call(self, x: Tensor) -> Tensor:
        """(n, rows, columns, channels) -> (n, rows / stride, columns / stride, filters)."""
        form = self._form(x) if rearranged() else None
        return super().call(x) if form is None else form(x) + self.bias

    def _form(self, x: Tensor) -> Callable[[Tensor], Tensor] | None:
        kernel, even = self.kernel, x.shape[1] % 2 == 0 and x.shape[2] % 2 == 0
        if self.dilation_rate == (2, 2) and even:
            return lambda x: dilate_by_two(x, kernel)
        if self.dilation_rate != (1, 1):
            return None
        if x.shape[-1] <= 4:
            return lambda x: multiply_taps(x, kernel, self.strides)
        if self.strides == (2, 2) and self.kernel_size == (5, 5) and even:
            return lambda x: halve(x, kernel)
        return None


@keras.saving.register_keras_serializable(package="cagewatch")
class FastConv2DTranspose(layers.Conv2DTranspose):
    """Keras's Conv2DTranspose, 'same' and channels last."""

    def call(self, x: Tensor) -> Tensor:
        """(n, rows, columns, channels) -> (n, stride * rows, stride * columns, filters)."""
        if not rearranged() or self.dilation_rate != (1, 1):
            return super().call(x)
        if self.strides == (2, 2) and self.kernel_size == (5, 5):
            return double(x, self.kernel) + self.bias
        if self.strides == (1, 1):
            turned = ops.transpose(ops.flip(self.kernel, axis=(0, 1)), (0, 1, 3, 2))
            return _convolve(x, turned) + self.bias
        return super().call(x)


@keras.saving.register_keras_serializable(package="cagewatch")
class FastConv3D(layers.Conv3D):
    """Keras's Conv3D, 'same' and channels last.

    Each frame, row and column is repeated as often as `enlarge` says before the convolution.
    """

    def __init__(
        self, *given: Any, enlarge: tuple[int, int, int] = (1, 1, 1), **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self.enlarge = tuple(enlarge)

    def call(self, x: Tensor) -> Tensor:
        """(batch, time, rows, columns, channels) -> the same axes, enlarged, then strided."""
        known = self.enlarge in ((1, 1, 1), (1, 2, 2), (2, 2, 2))
        if rearranged() and known and self.dilation_rate == (1, 1, 1):
            if self.kernel_size == (1, 1, 1):  # repeating its values comes to the same
                return self._repeat(multiply_taps(x, self.kernel, self.strides) + self.bias)
            if self.enlarge != (1, 1, 1):
                return convolve_enlarged(x, self.kernel, self.enlarge) + self.bias
            if self.filters <= 4:
                return spread_taps(x, self.kernel) + self.bias
            if self.strides != (1, 1, 1) or x.shape[-1] <= 4:
                return multiply_taps(x, self.kernel, self.strides) + self.bias
            return convolve_volume(x, self.kernel) + self.bias
        return super().call(self._repeat(x))

    def _repeat(self, x: Tensor) -> Tensor:
        for axis, times in enumerate(self.enlarge, start=1):
            x = ops.repeat(x, times, axis=axis) if times > 1 else x
        return x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The enlarged shape after the convolution."""
        middle = [
            size if size is None else size * times
            for size, times in zip(input_shape[1:-1], self.enlarge, strict=True)
        ]
        return super().compute_output_shape((input_shape[0], *middle, input_shape[-1]))

    def get_config(self) -> dict[str, Any]:
        """What rebuilds this layer."""
        return super().get_config() | {"enlarge": self.enlarge}
