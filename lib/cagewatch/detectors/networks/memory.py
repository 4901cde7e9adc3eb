"""The two-stream CAE with a memory of normal bottlenecks.

After Gong et al. 2019, "Memorizing normality to detect anomaly: memory-augmented deep autoencoder".

At every position of the bottleneck the decoder gets, instead of what the encoder found, a sparse
convex combination of `ITEMS` remembered vectors, addressed by their cosine similarity. Only normal
video fills the memory, so that an anomaly is rebuilt out of normal pieces and keeps a large error.

What stays: 2000 items, addressing by softmax over cosines, hard shrinkage at 1 / items, the sum of
weights brought back to 1, the entropy of the weights added to the loss at 0.0002. What is adapted:
their encoder is 3-D on clips of 16 frames; here it is the CAE's, the reconstruction loss too. The
cosines are multiplied by `SHARPNESS`: a softmax of numbers from -1 to 1 is so even that 907 of 2000
items passed the shrinkage for a vector of Ped2, which then is hardly a memory.

474,162 parameters for two streams of one channel.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from cagewatch.detectors.networks.blocks import Tensor, conv_2d
from cagewatch.detectors.networks.cae import Shape, build_frames
from cagewatch.detectors.networks.layers import mean_over_clips
from cagewatch.params import Parameters

ITEMS = 2000
ENTROPY_WEIGHT = 2e-4
# With it 20 of 2000 random items of 16 numbers pass the shrinkage, 907 without. Chosen by that,
# before any network was trained with it.
SHARPNESS = 40.0
TINY = 1e-12


@keras.saving.register_keras_serializable(package="cagewatch")
class Memory(layers.Layer):
    """(..., channels) -> (..., channels): every vector replaced by one put together from memory.

    Parameters
    ----------
    items : vectors remembered.
    entropy_weight : of the mean entropy of the addressing weights, in nats, in the loss.
    """

    def __init__(self, items: int, entropy_weight: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.items = items
        self.entropy_weight = entropy_weight

    def build(self, input_shape: tuple) -> None:
        """One vector of the input's channels per item."""
        self.memory = self.add_weight((self.items, input_shape[-1]), "glorot_uniform", name="items")

    def address(self, x: Tensor) -> Tensor:
        """(..., channels) -> (..., items): weights of the items, >= 0, of sum 1, most of them 0."""
        similarity = ops.matmul(
            ops.normalize(x, axis=-1), ops.transpose(ops.normalize(self.memory, axis=-1))
        )
        weights = ops.softmax(SHARPNESS * similarity, axis=-1)
        # Gong et al. 2019, equation 7: what is below the threshold is forgotten.
        above = weights - 1 / self.items
        weights = ops.relu(above) * weights / (ops.abs(above) + TINY)
        return weights / (ops.sum(weights, axis=-1, keepdims=True) + TINY)

    def call(self, x: Tensor) -> Tensor:
        """Replace, and add the entropy to the losses of the model."""
        weights = self.address(x)
        entropy = -ops.sum(weights * ops.log(weights + TINY), axis=-1)
        self.add_loss(
            self.entropy_weight * mean_over_clips(entropy, tuple(range(len(entropy.shape))))
        )
        return ops.matmul(weights, self.memory)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What rebuilds this layer."""
        own = {"items": self.items, "entropy_weight": self.entropy_weight}
        return super().get_config() | own


def build_memory(parameters: Parameters, shapes: dict[str, Shape]) -> keras.Model:
    """Build the CAE with a memory at its bottleneck; otherwise as `build_cae`."""

    def remember(x: Tensor, name: str) -> Tensor:
        # In float32: bfloat16 has too few digits for weights around 1 / items.
        memory = Memory(ITEMS, ENTROPY_WEIGHT, dtype="float32", name=f"{name}_memory")
        return memory(conv_2d(x, 16, 3, name))

    return build_frames(parameters, shapes, remember)
