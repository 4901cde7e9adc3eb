"""Tables: collected from finished runs, beside published results, written for people."""

from cagewatch.study.tables.collect import (
    blocks_of,
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
    judge_detectors,
    present_pairs,
    turn_pair,
)
from cagewatch.study.tables.present import (
    EVENTS_PROTOCOL,
    describe_protocols,
    present_events,
    present_results,
)
from cagewatch.study.tables.published import published_rows, read_published
from cagewatch.study.tables.writing import write_table
