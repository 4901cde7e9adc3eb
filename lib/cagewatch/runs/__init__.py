"""A run's folder: what is written into it, and what is read from it."""

from cagewatch.runs.read import (
    KEY,
    FinishedRun,
    check_run,
    find_run,
    list_runs,
    open_detector,
    read_provenance,
    read_run,
)
from cagewatch.runs.write import (
    PROVENANCE,
    OpenRun,
    describe_training,
    finish_run,
    refuse_links,
    run_folder,
    start_run,
)
