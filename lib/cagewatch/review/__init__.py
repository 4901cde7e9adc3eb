"""After the alarms: decisions on them, labels, a report, and a folder that is watched."""

from cagewatch.review.decisions import (
    Precision,
    decide,
    list_alarms,
    measure_precision,
    read_decisions,
    undo,
)
from cagewatch.review.labels import export_labels, tabulate_labels

__all__ = [
    "Precision",
    "decide",
    "export_labels",
    "list_alarms",
    "measure_precision",
    "read_decisions",
    "tabulate_labels",
    "undo",
]
