"""After the alarms: decisions on them, labels, a report, and a folder that is watched."""

from cagewatch.review.believed import list_left_out
from cagewatch.review.decisions import (
    Precision,
    decide,
    list_alarms,
    measure_precision,
    read_decisions,
    undo,
)
from cagewatch.review.groups import compare_groups
from cagewatch.review.labels import export_labels, tabulate_labels
from cagewatch.review.report import write_report
