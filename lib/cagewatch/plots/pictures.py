"""Frames, flow and reconstructions as pictures."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cagewatch.names import escape_math
from cagewatch.plots.style import axes_or_new
from cagewatch.store.seen import represent_flow

GAP = 1  # pixels of white between frames of a strip


def plot_frames(
    frames: np.ndarray,
    limits: tuple[float, float] = (0, 255),
    cmap: str = "gray",
    ax: Axes | None = None,
) -> Axes:
    """Plot gray frames side by side, as a strip.

    Parameters
    ----------
    frames : (n, rows, columns), gray in `limits`.
    limits : gray drawn black, and white.
    cmap : Matplotlib's name of the colours for gray.
    ax : Axes, optional
        To draw on; by default that of a new figure.
    """
    gaps = ((0, 0), (0, GAP), (0, GAP))
    strip = np.hstack(np.pad(np.asarray(frames, float), gaps, constant_values=np.nan))
    inches = min(10.0, 1.4 * len(frames))
    ax = axes_or_new(ax, figsize=(inches, inches * strip.shape[0] / strip.shape[1]))
    ax.imshow(strip, cmap=cmap, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    ax.set_axis_off()
    return ax


def picture_of(stream: str, values: np.ndarray) -> np.ndarray:
    """One stream's (..., rows, columns, channels) in [0, 1] as a picture: gray or colour.

    One channel is gray, three are a colour picture, and two (dx, dy around 0.5) become colours.

    Parameters
    ----------
    stream : str
        'image' or 'flow'.
    values : ndarray of float in [0, 1], shape (..., rows, columns, channels)

    Returns
    -------
    picture : ndarray of float in [0, 1], shape (..., rows, columns) or (..., rows, columns, 3)
    """
    if values.shape[-1] == 1:
        return values[..., 0]
    if values.shape[-1] == 3:
        return np.clip(values, 0, 1)
    return represent_flow(2 * np.asarray(values) - 1, "hsv", "constant", 1.0)


def plot_reconstructions(
    inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray], title: str = ""
) -> Figure:
    """Plot a clip as the model saw it, what it gave back, and the error, stream by stream.

    Parameters
    ----------
    inputs, outputs : (clip_length, rows, columns, channels) float in [0, 1] by stream name; streams
        missing from `outputs` are left out.
    title : str
        Above all.

    Returns
    -------
    figure : one row of frames each for input, reconstruction and error of every stream. The error
        is the absolute difference, averaged over channels, on one scale for all streams.
    """
    streams = [stream for stream in inputs if stream in outputs]
    length, rows, columns = next(iter(inputs.values())).shape[:3]
    size = (0.9 + 1.05 * length + 0.8, 3.05 * len(streams) * 1.05 * rows / columns + 0.6)
    figure = plt.figure(figsize=size, layout="constrained")
    axes = figure.subplots(3 * len(streams), length, squeeze=False)
    errors = {
        name: np.abs(np.asarray(inputs[name], float) - outputs[name]).mean(axis=-1)
        for name in streams
    }
    largest = max(*(float(error.max()) for error in errors.values()), 1e-6)
    for block, stream in enumerate(streams):
        seen, given = np.asarray(inputs[stream], float), np.asarray(outputs[stream], float)
        for row, (name, pictures) in enumerate(
            [
                ("input", picture_of(stream, seen)),
                ("output", picture_of(stream, given)),
                ("error", errors[stream]),
            ]
        ):
            for column in range(length):
                ax = axes[3 * block + row, column]
                look = (
                    {"cmap": "magma", "vmax": largest} if row == 2 else {"cmap": "gray", "vmax": 1}
                )
                shown = ax.imshow(pictures[column], vmin=0, **look, interpolation="nearest")
                ax.set(xticks=[], yticks=[])
            axes[3 * block + row, 0].set_ylabel(f"{stream}\n{name}", fontsize=9)
    figure.colorbar(
        shown, ax=axes, label="error, share of the stream's range", fraction=0.02, pad=0.01
    )
    for column in range(length):
        axes[0, column].set_title(f"{column + 1}", fontsize=9)
    if title:
        figure.suptitle(escape_math(title), fontsize=11)
    return figure
