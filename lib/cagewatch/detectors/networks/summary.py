"""A network as a table, read from the network itself."""

from __future__ import annotations

import re

import keras


def summary_rows(model: keras.Model) -> list[tuple[str, str, tuple[int, ...], int]]:
    """The layer table of a model: (stage, operations, output shape without batch, parameters).

    A stage is every layer up to and including the one that carries the stage's name.
    """
    rows: dict[str, tuple[str, str, tuple[int, ...], int]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        parts = layer.name.split("_")
        stage = parts[0] if parts[0] == "fuse" else "_".join(parts[:2])
        _, operations, _, count = rows.get(stage, ("", "", (), 0))
        own = describe_layer(layer)
        joined = f"{operations}, {own}" if operations else own
        shape = tuple(layer.output.shape[1:])
        rows[stage] = (stage, joined, shape, count + layer.count_params())
    return list(rows.values())


def describe_layer(layer: keras.layers.Layer) -> str:
    """One layer in words: its kind, filters, kernel, strides and dilation."""
    # ThinConv2D is a Conv2D and FusedBatchNormalization a BatchNormalization, only faster.
    words = [re.sub("^(Thin|Fast|Fused)", "", type(layer).__name__)]
    if hasattr(layer, "kernel_size"):
        words += [str(layer.filters), "x".join(map(str, layer.kernel_size))]
        for name, value in [("stride", layer.strides), ("dilation", layer.dilation_rate)]:
            value = value if isinstance(value, tuple) else (value,)
            if set(value) != {1}:
                words.append(f"{name} {','.join(map(str, value))}")
        if set(getattr(layer, "enlarge", (1,))) != {1}:
            words.append(f"enlarged {','.join(map(str, layer.enlarge))}")
    elif hasattr(layer, "units"):
        words.append(str(layer.units))
    return " ".join(words)
