"""Density in the bottleneck: how far a clip lies from normal ones as the network describes it.

An autoencoder may reconstruct what it never saw; whether its bottleneck says more than its errors
is asked of the finished runs of the two-stream CAE, nothing is trained. A clip is described by the
fused bottleneck, averaged over its frames. Its score is the mean distance to the nearest training
clips, which is k nearest neighbours' estimate of how thin normal clips are there. The number of
neighbours was fixed beforehand and not tried otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.neighbors import NearestNeighbors

if TYPE_CHECKING:
    import keras

    from cagewatch.clips.batches import ClipBatches

NEIGHBOURS = 5
LAYER = "fuse"  # of `cagewatch.detectors.networks.cae`, where the streams meet


def describe_clips(model: keras.Model, batches: ClipBatches) -> np.ndarray:
    """The bottleneck of every clip, averaged over its frames: (n_clips, values) float32."""
    import keras  # here, so that this module loads no backend

    from cagewatch.clips.batches import as_keras_reads

    length = batches.index.frames.shape[1]
    frames = model.get_layer(LAYER).output  # time is folded into its batch
    clips = keras.ops.reshape(frames, (-1, length, int(np.prod(frames.shape[1:]))))
    means = keras.Model(model.input, keras.ops.mean(keras.ops.cast(clips, "float32"), axis=1))
    return np.asarray(means.predict(as_keras_reads(batches), verbose=0))


def measure_distances(normal: np.ndarray, clips: np.ndarray) -> dict[str, np.ndarray]:
    """Mean distance to the `NEIGHBOURS` nearest normal clips.

    `normal` and `clips` are (n, values) float. Returned are 'clips': (n,) float64 >= 0 of those to
    score; 'normal': the same of the training clips, each without itself, to standardise by.
    """
    found = NearestNeighbors(n_neighbors=max(1, min(NEIGHBOURS, len(normal) - 1))).fit(normal)
    # Asked about nothing, it tells of the clips it was fitted to; a single one has no neighbour.
    own = found.kneighbors()[0].mean(axis=1) if len(normal) > 1 else np.zeros(1)
    return {"clips": found.kneighbors(clips)[0].mean(axis=1), "normal": own}
