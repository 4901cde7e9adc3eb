"""Tables: collected from finished runs, beside published results, written for people."""

from cagewatch.metrics import format_auc
from cagewatch.runs.read import read_run
from cagewatch.study.tables.collect import (
    collect_results,
    compare_models,
    find_runs,
    read_seeds,
)
from cagewatch.study.tables.present import (
    EVENTS_PROTOCOL,
    describe_protocols,
    input_size,
    present_events,
    present_results,
)
from cagewatch.study.tables.published import read_published
from cagewatch.study.tables.writing import write_gallery, write_table

__all__ = [
    "collect_results",
    "compare_models",
    "describe_protocols",
    "find_runs",
    "format_auc",
    "input_size",
    "EVENTS_PROTOCOL",
    "present_events",
    "present_results",
    "read_published",
    "read_run",
    "read_seeds",
    "write_gallery",
    "write_table",
]
