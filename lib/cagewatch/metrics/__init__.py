"""Metrics of frame scores against labels: curves, intervals, events, thresholds."""

from cagewatch.metrics.alarms import AlarmShape, describe_shape, find_alarms, smooth_over_time
from cagewatch.metrics.budgets import (
    BUDGETS,
    LONG_S,
    Calibration,
    calibrate_alarms,
    hours_needed,
    poisson_interval,
    recall_at_budgets,
)
from cagewatch.metrics.events import EventMetrics, count_false_alarms, event_metrics
from cagewatch.metrics.inputs import find_bouts, frame_durations
from cagewatch.metrics.operating_points import Scored, apply_rule, default_rule, weigh_threshold
from cagewatch.metrics.roc import (
    PROTOCOLS,
    Protocol,
    Roc,
    average_precision,
    compute_auc,
    compute_roc,
    equal_error_rate,
    frame_auc,
    scale_per_recording,
    smooth_scores,
)
from cagewatch.metrics.summary import (
    SCORE_COLUMNS,
    compute_metrics,
    cut_clips,
    format_auc,
    labelled_frames,
    scored_frames,
)
from cagewatch.metrics.thresholds import RULES, choose_threshold
from cagewatch.metrics.uncertainty.claims import (
    describe_lead,
    find_leader,
    format_p,
    judge_pair,
    verdict,
)
from cagewatch.metrics.uncertainty.comparisons import compare_rows, correct_for_number
from cagewatch.metrics.uncertainty.intervals import (
    Interval,
    RocBand,
    auc_interval,
    describe_interval,
    roc_band,
)
from cagewatch.metrics.uncertainty.jackknife import choose_blocks, estimate_auc, leave_one_out
