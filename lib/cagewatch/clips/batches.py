"""Batches of clips straight from the memory maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from cagewatch.clips import ClipIndex
from cagewatch.params import Parameters
from cagewatch.store import Store
from cagewatch.store.seen import mirror_flow, model_input


class ClipBatches(keras.utils.PyDataset):
    """Batches of clips, gathered from the memory maps with one indexing step per recording.

    Yields (inputs, targets), dicts of (batch, clip_length, rows, columns, channels) float32 in
    [0, 1] by stream name. A reconstruction's targets are its inputs; a supervised model's are
    ``target``: (batch, 1) float32, or (batch,) int behaviours for softmax.

    Parameters
    ----------
    flow_scale : speed in pixels that maps to 1.
    streams : which of 'image' and 'flow' to give.
    shuffle : draw the order, and a horizontal flip for half of the clips if ``parameters.flips``,
        from (seed, epoch) alone, so that a resumed run sees the same batches.
    supervised : give class targets instead of the inputs.
    """

    def __init__(
        self,
        index: ClipIndex,
        stores: Mapping[str, Store],
        parameters: Parameters,
        flow_scale: float,
        streams: Sequence[str] = ("image", "flow"),
        *,
        shuffle: bool = False,
        supervised: bool = False,
        batch_size: int | None = None,
    ) -> None:
        super().__init__()
        self.index = index
        self.stores = [stores[name] for name in index.names]
        self.parameters = parameters
        self.flow_scale = flow_scale
        self.streams = tuple(streams)
        self.shuffle = shuffle
        self.supervised = supervised
        self.batch_size = batch_size or parameters.batch_size
        self.set_epoch(0)

    def __len__(self) -> int:
        return -(-len(self.index) // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Fix the order and the flips of epoch number `epoch`."""
        n_clips = len(self.index)
        self.order = np.arange(n_clips)
        self.flipped = np.zeros(n_clips, bool)
        if self.shuffle:
            generator = np.random.default_rng([self.parameters.seed, 1, epoch])
            self.order = generator.permutation(n_clips)
            if self.parameters.flips:
                self.flipped = generator.random(n_clips) < 0.5

    def __getitem__(self, number: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        chosen = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        inputs = self.read(chosen, self.flipped[chosen])
        if not self.supervised:
            return inputs, inputs
        return inputs, {"target": self.targets(chosen)}

    def targets(self, chosen: np.ndarray) -> np.ndarray:
        """Class targets of clips: (n,) int32 behaviours for softmax, else (n, 1) float32."""
        if self.parameters.supervised_loss == "softmax":
            return self.index.behaviour[chosen].astype(np.int32)
        return self.index.target[chosen, None].astype(np.float32)

    def read(self, chosen: np.ndarray, flipped: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Clips at positions `chosen`, those marked in `flipped` mirrored left to right."""
        recording, frames = self.index.recording[chosen], self.index.frames[chosen]
        flipped = np.zeros(len(chosen), bool) if flipped is None else flipped
        inputs = {}
        if "image" in self.streams:
            gray = self._gather("gray", recording, frames)
            gray[flipped] = gray[flipped][:, :, :, ::-1]
            inputs["image"] = model_input("image", gray, self.parameters, self.flow_scale)
        if "flow" in self.streams:
            flow = self._gather("flow", recording, frames)
            flow[flipped] = mirror_flow(flow[flipped])
            inputs["flow"] = model_input("flow", flow, self.parameters, self.flow_scale)
        return inputs

    def _gather(self, array: str, recording: np.ndarray, frames: np.ndarray) -> np.ndarray:
        first = getattr(self.stores[0], array)
        gathered = np.empty((*frames.shape, *first.shape[1:]), first.dtype)
        for number in np.unique(recording):
            rows = recording == number
            gathered[rows] = getattr(self.stores[number], array)[frames[rows]]
        return gathered


def as_keras_reads(batches: keras.utils.PyDataset) -> Any:
    """The batches as Keras reads them; for TensorFlow a dataset that tf.data does not tune.

    Keras makes a dataset of its own otherwise, whose tuner sleeps for spells of 10 ms, 20 ms and so
    on; an epoch does not end before it has slept, which took up to twice the epoch's own time.
    """
    if keras.backend.backend() != "tensorflow" or not len(batches):
        return batches
    import tensorflow as tf

    signature = keras.tree.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), batches[0]
    )
    dataset = tf.data.Dataset.from_generator(
        lambda: (batches[number] for number in range(len(batches))), output_signature=signature
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    counted = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return counted.prefetch(1).with_options(options)
