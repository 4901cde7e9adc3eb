"""Tables: collected from finished runs, beside published results, written for people."""

from cagewatch.metrics import format_auc
from cagewatch.runs.read import read_run
from cagewatch.study.tables.collect import (
    collect_results,
    find_runs,
    kind_of,
    read_seeds,
)
from cagewatch.study.tables.compare import (
    choose_pairs,
    compare_detectors,
    describe_paired,
    describe_pairs,
    present_pairs,
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
    "choose_pairs",
    "compare_detectors",
    "describe_paired",
    "describe_pairs",
    "kind_of",
    "present_pairs",
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
