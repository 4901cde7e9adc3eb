"""The three tables that every page of results has: AUCs, comparisons, and bouts caught."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.tables import (
    EVENTS_PROTOCOL,
    choose_pairs,
    compare_detectors,
    describe_paired,
    describe_pairs,
    describe_protocols,
    present_events,
    present_pairs,
    present_results,
)


def write_rows(
    given: Given,
    rows: pd.DataFrame,
    names: Sequence[str],
    captions: Sequence[str],
    claims: Sequence[tuple[str, str]] = (),
    compared: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Write the tables of AUCs, of comparisons and of events of `collect_results`' rows.

    `names` and `captions` are of the three, in this order; of `claims` the first is claimed to be
    better; `compared` are the rows that are compared, by default all. AUCs and comparisons come
    back as people read them: the claims, and the highest row against all others; then in Markdown
    who is ahead of all others, if anyone, and each claim.
    """
    compared = rows if compared is None else compared
    found = compare_detectors(given.results_dir, given.dataset, compared, given.values)
    pairs = present_pairs(found, choose_pairs(compared, claims))
    tables = (present_results(rows), pairs, present_events(rows))
    below = (describe_protocols(rows), describe_paired(rows, found), EVENTS_PROTOCOL)
    for table, name, caption, protocol in zip(tables, names, captions, below, strict=True):
        given.write(table, name, caption, protocol)
    return tables[0], pairs, describe_pairs(found, claims)
