"""Figures: every function takes the axes to draw on, or makes its own, and returns them."""

from cagewatch.plots.curves import plot_heatmap, plot_history, plot_roc, plot_score_histograms
from cagewatch.plots.dots import plot_dots
from cagewatch.plots.pictures import picture_of, plot_frames, plot_reconstructions
from cagewatch.plots.results import show_history, show_reconstructions, show_result, show_timeline
from cagewatch.plots.style import (
    MODEL_NAMES,
    STYLE,
    cycle_style,
    mark_simulated,
    name_model,
    save_figure,
    use_style,
)
from cagewatch.plots.timeline import plot_score_timeline, thin_series
