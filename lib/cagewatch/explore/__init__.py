"""The threshold explorer: choose a threshold, see what it flags and what it misses."""

from cagewatch.explore.figures import plot_explorer
from cagewatch.explore.parameters import ExploreParameters
from cagewatch.explore.tables import describe_gaps, show_consequences
from cagewatch.explore.widgets import Explorer
from cagewatch.metrics import alarm_at, apply_rule, default_rule, weigh_threshold
from cagewatch.runs.thresholds import read_threshold, save_threshold, select_scores

__all__ = [
    "ExploreParameters",
    "Explorer",
    "alarm_at",
    "apply_rule",
    "default_rule",
    "describe_gaps",
    "plot_explorer",
    "read_threshold",
    "save_threshold",
    "select_scores",
    "show_consequences",
    "weigh_threshold",
]
