"""Values with intervals as dots on a line each, for tables too wide to compare by eye."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cagewatch.plots.style import axes_or_new, cycle_style

APART = 0.22  # between the dots of two groups, in rows


def plot_dots(
    values: pd.DataFrame,
    low: pd.DataFrame | None = None,
    high: pd.DataFrame | None = None,
    published: Mapping[tuple[str, str], float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot a row of frame AUCs for each method, a dot with its interval for each group.

    Parameters
    ----------
    values, low, high : DataFrame, methods by groups
        The values and the bounds of their intervals; NaN leaves a dot or its interval out.
    published : mapping of (method, group) to float, optional
        Values of others, drawn as crosses beside the dots.
    ax : Axes, optional
        To draw on; by default that of a new figure.
    """
    n_rows, n_groups = values.shape
    ax = axes_or_new(ax, figsize=(6.4, 1.1 + 0.42 * n_rows))
    ax.axvline(0.5, color="0.6", linewidth=1, zorder=1, label="chance")
    for index, group in enumerate(values.columns):
        style = cycle_style(index)
        rows = np.arange(n_rows) + APART * (index - (n_groups - 1) / 2)
        if low is not None and high is not None:
            ax.hlines(rows, low[group], high[group], color=style["color"], linewidth=1.6, zorder=2)
        marker = {"marker": "osD^v"[index % 5], "linestyle": "none", "color": style["color"]}
        ax.plot(values[group], rows, **marker, label=group, zorder=3)
        given = [(published or {}).get((method, group), np.nan) for method in values.index]
        if np.isfinite(given).any():
            crosses = {"marker": "x", "linestyle": "none", "color": style["color"]}
            ax.plot(given, rows, **crosses, label=f"{group}, published", zorder=4)
    ax.set_yticks(range(n_rows), values.index)
    ax.set(xlabel="Frame AUC", ylim=(n_rows - 0.5, -0.5))
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax
