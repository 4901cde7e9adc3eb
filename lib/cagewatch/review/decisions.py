"""What a person says about alarms: accepted or rejected, with a name and a note.

All of it stands in ``review.csv`` of the cage's folder, one row a decision in the order made. A
later decision on the same alarm counts instead of an earlier one, and the last one can be undone.
The file is replaced whole after each decision, so that it survives a process that is killed.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from cagewatch.cages.cage import Cage
from cagewatch.cages.results import write_table
from cagewatch.errors import InputError, nearest_name
from cagewatch.files import lock_file
from cagewatch.names import unplain_cell
from cagewatch.review.believed import list_left_out, read_alarms

REVIEW_FILE, LOCK = "review.csv", ".review.lock"
KEY = ["recording", "start_s", "stop_s", "detector"]
COLUMNS = [*KEY, "verdict", "name", "note", "when"]
VERDICTS = ("accepted", "rejected")


class Precision(NamedTuple):
    """Share of the reviewed alarms that were accepted, with its 95 % interval (Wilson 1927).

    It holds for alarms like those reviewed: of the highest scores alone it is too high for all.
    """

    accepted: int
    reviewed: int
    value: float
    low: float
    high: float


def read_decisions(folder: Path, every: bool = False) -> pd.DataFrame:
    """Read the decisions made in a cage's folder.

    Parameters
    ----------
    folder : Path
        The cage's.
    every : bool
        Also those that a later one on the same alarm replaced.

    Returns
    -------
    DataFrame
        recording, start_s and stop_s (seconds in the recording), detector, verdict ('accepted' or
        'rejected'), name, note and when (ISO 8601), in the order made; empty without a file.

    Raises
    ------
    InputError
        If ``review.csv`` was cut short, or edited into something else.
    """
    path = folder / REVIEW_FILE
    rows = _read_rows(path) if path.is_file() else []
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"start_s": float, "stop_s": float})
    return table if every else table.drop_duplicates(KEY, keep="last", ignore_index=True)


def decide(
    folder: Path,
    alarm: Mapping[str, Any],
    verdict: Literal["accepted", "rejected"],
    name: str = "",
    note: str = "",
    labels: Sequence[str] = (),
) -> None:
    """Accept or reject an alarm; saved when the call returns.

    Parameters
    ----------
    folder : Path
        The cage's.
    alarm : mapping
        With recording, start_s, stop_s and detector, such as a row of `list_alarms`.
    verdict : {'accepted', 'rejected'}
    name : str
        What was seen; a label.
    note : str
    labels : sequence of str
        The names that may be given, such as a cage's ``settings.labels``; by default any.

    Raises
    ------
    InputError
        For another verdict, a name that is none of the labels, a damaged ``review.csv``, or a
        folder that cannot be written.
    """
    name, note = (" ".join(text.split()) for text in (name, note))
    known = [" ".join(label.split()) for label in labels]
    if name and known and name not in known:
        raise InputError(
            f"{name!r} is none of the labels in cage.yaml: {nearest_name(name, known)}"
        )
    row = {**{column: alarm[column] for column in KEY}, "verdict": verdict, "name": name}
    row |= {"note": note, "when": datetime.now().astimezone().isoformat(timespec="seconds")}
    row |= {column: round(float(row[column]), 3) for column in ("start_s", "stop_s")}
    _check_row([str(value) for value in row.values()], "The decision")
    with lock_file(folder / LOCK):
        table = read_decisions(folder, every=True)
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
        write_table(table, folder / REVIEW_FILE)


def undo(folder: Path) -> pd.Series | None:
    """Take back the last decision; the row taken back, or None if there is none.

    What was said about that alarm before counts again.

    Parameters
    ----------
    folder : Path
        The cage's.

    Returns
    -------
    row : Series or None
        With the columns of `read_decisions`.
    """
    with lock_file(folder / LOCK):
        table = read_decisions(folder, every=True)
        if table.empty:
            return None
        write_table(table.iloc[:-1], folder / REVIEW_FILE)
        return table.iloc[-1]


def list_alarms(cage: Cage) -> pd.DataFrame:
    """List the alarms of a cage's recordings, highest score first, with what was decided.

    Parameters
    ----------
    cage : Cage

    Returns
    -------
    DataFrame
        The columns of ``alarms.csv`` (recording, start_frame, stop_frame, start_s, stop_s, peak_s,
        peak_score, reason, ...), then detector, and verdict, name, note and when, which are ''
        before a decision. Times are rounded to milliseconds. Empty before anything was scored.
        Those of recordings that `list_left_out` names are not in it.

    Raises
    ------
    InputError
        If ``alarms.csv`` or ``review.csv`` is damaged.
    """
    decisions, alarms = read_decisions(cage.folder), read_alarms(cage)
    alarms = alarms[~alarms["recording"].isin(list(list_left_out(cage)))]
    alarms = alarms.assign(detector=cage.run.parameters.model)
    joined = alarms.merge(decisions, on=KEY, how="left")
    said = COLUMNS[len(KEY) :]
    return joined.assign(**joined[said].fillna("").astype(str))


def measure_precision(decisions: pd.DataFrame) -> Precision:
    """Measure the precision of the alarms reviewed so far; NaN where there are none.

    Parameters
    ----------
    decisions : DataFrame
        Of `read_decisions` or `list_alarms`.
    """
    accepted = int((decisions["verdict"] == "accepted").sum())
    reviewed = int(decisions["verdict"].isin(VERDICTS).sum())
    if not reviewed:
        return Precision(0, 0, math.nan, math.nan, math.nan)
    low, high = proportion_confint(accepted, reviewed, method="wilson")
    return Precision(accepted, reviewed, accepted / reviewed, float(low), float(high))


def _read_rows(path: Path) -> list[list[str]]:
    """The cells of ``review.csv``; InputError if one of them is not what `decide` writes."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = list(csv.reader(text.splitlines(keepends=True), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table ({error}); mend it.") from None
    if text and not text.endswith("\n"):
        raise InputError(f"{path} was cut short: its last line has no end; mend that line.")
    if not lines or lines[0] != COLUMNS:
        raise InputError(f"{path} must have the columns {','.join(COLUMNS)}; put them back.")
    rows = [[unplain_cell(cell) for cell in row] for row in lines[1:] if row]
    for number, row in enumerate(rows, start=1):
        _check_row(row, f"{path}, decision {number}")
    return rows


def _check_row(row: list[str], where: str) -> None:
    if len(row) != len(COLUMNS):
        raise InputError(f"{where} has {len(row)} cells instead of {len(COLUMNS)}; mend that line.")
    values = dict(zip(COLUMNS, row, strict=True))
    if not values["recording"] or not values["when"]:
        raise InputError(f"{where} lacks the recording or when it was made; mend that line.")
    if values["verdict"] not in VERDICTS:
        raise InputError(f"{where} says {values['verdict']!r}; write accepted or rejected.")
    try:
        start, stop = float(values["start_s"]), float(values["stop_s"])
    except ValueError:
        start = stop = math.nan
    if not 0 <= start < stop < math.inf:
        raise InputError(
            f"{where} is on {values['start_s']!r} to {values['stop_s']!r} seconds; a stretch starts"
            " at 0 or later and stops after that."
        )
