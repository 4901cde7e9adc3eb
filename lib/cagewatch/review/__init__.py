"""After the alarms: decisions on them, labels, a report, and a folder that is watched."""

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

__all__ = [
    "Precision",
    "compare_groups",
    "decide",
    "export_labels",
    "export_labels",
    "list_alarms",
    "measure_precision",
    "read_decisions",
    "tabulate_labels",
    "undo",
    "write_report",
]
