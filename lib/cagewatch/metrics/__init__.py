"""Metrics of frame scores against labels: curves, intervals, events, thresholds."""

from cagewatch.metrics.alarms import AlarmShape, find_alarms
from cagewatch.metrics.budgets import (
    Calibration,
    calibrate_alarms,
    hours_needed,
    poisson_interval,
)
from cagewatch.metrics.claims import (
    describe_lead,
    find_leader,
    format_p,
    is_ahead,
    judge_pair,
    verdict,
)
from cagewatch.metrics.comparisons import (
    Difference,
    compare_rows,
    correct_for_number,
    paired_difference,
)
from cagewatch.metrics.events import (
    EventMetrics,
    count_false_alarms,
    event_metrics,
)
from cagewatch.metrics.inputs import find_bouts
from cagewatch.metrics.intervals import (
    Interval,
    RocBand,
    auc_interval,
    describe_interval,
    roc_band,
)
from cagewatch.metrics.jackknife import Blocks, choose_blocks, estimate_auc, leave_one_out
from cagewatch.metrics.operating_points import (
    Alarm,
    Consequences,
    Scored,
    alarm_at,
    apply_rule,
    default_rule,
    weigh_threshold,
)
from cagewatch.metrics.recall import BUDGETS, recall_at_budgets
from cagewatch.metrics.roc import (
    PROTOCOLS,
    Auc,
    EqualError,
    PrecisionRecall,
    Protocol,
    Roc,
    average_precision,
    compute_auc,
    compute_precision_recall,
    compute_roc,
    equal_error_rate,
    frame_auc,
    scale_per_recording,
    smooth_scores,
    why_undefined,
)
from cagewatch.metrics.summary import (
    SCORE_COLUMNS,
    compute_metrics,
    format_auc,
    labelled_frames,
)
from cagewatch.metrics.thresholds import RULES, choose_threshold, parse_rule
from cagewatch.metrics.times import bout_seconds, frame_durations

__all__ = [
    "recall_at_budgets",
    "poisson_interval",
    "hours_needed",
    "find_alarms",
    "calibrate_alarms",
    "bout_seconds",
    "Calibration",
    "BUDGETS",
    "AlarmShape",
    "PROTOCOLS",
    "RULES",
    "SCORE_COLUMNS",
    "Alarm",
    "Auc",
    "Blocks",
    "Consequences",
    "Difference",
    "EqualError",
    "EventMetrics",
    "Interval",
    "PrecisionRecall",
    "Protocol",
    "Roc",
    "RocBand",
    "Scored",
    "alarm_at",
    "apply_rule",
    "auc_interval",
    "average_precision",
    "choose_blocks",
    "choose_threshold",
    "compare_rows",
    "compute_auc",
    "compute_metrics",
    "compute_precision_recall",
    "compute_roc",
    "count_false_alarms",
    "correct_for_number",
    "default_rule",
    "describe_lead",
    "describe_interval",
    "equal_error_rate",
    "estimate_auc",
    "event_metrics",
    "find_bouts",
    "find_leader",
    "is_ahead",
    "judge_pair",
    "leave_one_out",
    "format_auc",
    "format_p",
    "frame_auc",
    "frame_durations",
    "labelled_frames",
    "paired_difference",
    "parse_rule",
    "roc_band",
    "scale_per_recording",
    "smooth_scores",
    "verdict",
    "weigh_threshold",
    "why_undefined",
]
