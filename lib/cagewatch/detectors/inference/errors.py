"""A trained network with its reconstruction errors as outputs."""

from __future__ import annotations

import keras

from cagewatch.detectors.networks.layers import FoldTime, UnfoldTime


def add_error_heads(model: keras.Model) -> keras.Model:
    """A model that gives each frame's mean squared error: (batch, clip_length) float32 a stream."""
    errors = {
        stream: keras.ops.mean(
            keras.ops.square(
                keras.ops.cast(model.input[stream], "float32")
                - keras.ops.cast(model.output[stream], "float32")
            ),
            axis=(2, 3, 4),
        )
        for stream in model.output
    }
    return keras.Model(model.input, errors)


def is_per_frame(model: keras.Model) -> bool:
    """Whether a model treats each frame on its own, so that its error is the same in every clip.

    That is so where time is folded into the batch right after every input, and unfolded again by
    the last layer of the reconstruction: in between, batch normalisation with its running
    statistics, and every other layer, sees one frame at a time.
    """
    folds = [layer for layer in model.layers if isinstance(layer, FoldTime)]
    unfolds = [layer for layer in model.layers if isinstance(layer, UnfoldTime)]
    inputs = {id(tensor) for tensor in model.inputs}
    read = {
        id(tensor)
        for operation in model.operations
        if not isinstance(operation, FoldTime | keras.layers.InputLayer)
        for tensor in keras.tree.flatten(operation.input)
    }
    first = len(folds) == len(inputs) and not inputs & read
    return first and {id(x.output) for x in unfolds} == {id(tensor) for tensor in model.outputs}
