"""BORIS event exports: bouts in, labels out (`boris_export` is the way back).

Read are the tabular and the aggregated events of BORIS versions 7 and 8, as csv or tsv:

- tabular, version 7: lines about the observation, then a header with ``Time``, ``Behavior`` and
  ``Status`` (START, STOP or POINT);
- tabular, version 8: one header with ``Time``, ``Behavior`` and ``Behavior type`` (likewise);
- aggregated, both: ``Behavior``, ``Behavior type`` (STATE or POINT), ``Start (s)``, ``Stop (s)``.

BORIS gives seconds (see `cagewatch.recordings.labels.seconds`). Source: the exports' columns in
BORIS's ``export_events.py`` and its test files.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cagewatch.errors import InputError
from cagewatch.names import unplain_cell
from cagewatch.recordings.labels.annotations import Bout
from cagewatch.recordings.labels.seconds import bouts_from_seconds, to_seconds
from cagewatch.video import Clock

MAX_FPS = 500.0  # above it a millisecond no longer tells frames apart
FPS_TOLERANCE = 0.001  # 29.97 for 30000/1001 is the same rate
_MEDIA = ("media file name", "media file path", "media file", "source")
_FPS = ("fps (frame/s)", "fps")


class Row(NamedTuple):
    """One line of an export: its number in the file and its cells by lower-case column name."""

    line: int
    cells: dict[str, str]


def is_boris(lines: Sequence[str]) -> bool:
    """Whether the lines of a label file are a BORIS export."""
    return _find_header(lines) is not None


def read_boris_bouts(path: Path, lines: Sequence[str], clock: Clock, name: str) -> list[Bout]:
    """Read the bouts of the recording `name` from the lines of a BORIS export, in order.

    The name chooses the observation where the file holds several. Point events have no duration and
    are left out, with a warning. InputError if the file's frame rate is not the video's, a bout has
    no start or stop, two bouts overlap, the observation joins several videos or has a time offset,
    or nothing is left.
    """
    header = _find_header(lines)
    if header is None:
        raise InputError(f"{path} is no BORIS export of events; export tabular events as csv.")
    number, delimiter = header
    _refuse_offset(path, lines[:number], delimiter)
    rows = _choose_observation(path, _read_rows(path, lines, number, delimiter), name)
    _check_fps(path, rows, clock)
    spans, points = _pair_events(path, rows)
    if points:
        warnings.warn(
            f"{path}: point events have no duration and are left out: {', '.join(sorted(points))}.",
            stacklevel=2,
        )
    return bouts_from_seconds(path, spans, clock)


def _find_header(lines: Sequence[str]) -> tuple[int, str] | None:
    """Position of the header line and its delimiter."""
    for number, line in enumerate(lines[:200]):
        for delimiter in ("\t", ",", ";"):
            names = {cell.strip().strip('"').lower() for cell in line.split(delimiter)}
            tabular = {"behavior", "time"} <= names and names & {"status", "behavior type"}
            if tabular or {"behavior", "start (s)", "stop (s)"} <= names:
                return number, delimiter
    return None


def _read_rows(path: Path, lines: Sequence[str], number: int, delimiter: str) -> list[Row]:
    reader = csv.reader(lines[number:], delimiter=delimiter)
    try:
        names = [name.strip().lower() for name in next(reader)]
        return [
            Row(
                number + reader.line_num,
                dict(zip(names, (unplain_cell(one.strip()) for one in row), strict=False)),
            )
            for row in reader
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise InputError(f"{path} is not a csv file ({error}); export it again.") from error


def _choose_observation(path: Path, rows: list[Row], name: str) -> list[Row]:
    """The rows of the one observation that is about the recording."""
    ids = list(dict.fromkeys(row.cells.get("observation id", "") for row in rows))
    if len(ids) > 1:
        mine = [
            row
            for row in rows
            if name == row.cells.get("observation id") or name in (_stem(m) for m in _media(row))
        ]
        if not mine:
            raise InputError(
                f"{path} holds {len(ids)} observations and none is about {name!r}; export that one "
                "by itself."
            )
        rows = mine
        if len({row.cells.get("observation id") for row in rows}) > 1:
            raise InputError(
                f"{path} holds several observations of {name!r}; export one of them by itself."
            )
    media = {one for row in rows for one in _media(row)}
    if len({_stem(one) for one in media}) > 1:
        raise InputError(
            f"{path} is about several videos ({', '.join(sorted(media))}), whose times run on; "
            "observe one video at a time."
        )
    return rows


def _media(row: Row) -> list[str]:
    """Video files a row names; version 8 writes 'player #1: file' and joins several by ;."""
    value = next((row.cells[name] for name in _MEDIA if row.cells.get(name)), "")
    parts = [part.strip() for part in value.replace("|", ";").split(";")]
    parts = [part.split(":", 1)[1] if part.lower().startswith("player") else part for part in parts]
    return [part.strip() for part in parts if part and part.upper() != "NA"]


def _stem(media: str) -> str:
    return Path(media.replace("\\", "/")).stem


def _check_fps(path: Path, rows: Sequence[Row], clock: Clock) -> None:
    """Refuse another video's rate; the average, which BORIS writes, counts a video's gaps."""
    times, fps = clock
    if not 0 < fps <= MAX_FPS:
        raise InputError(
            f"{path}: BORIS counts milliseconds, too few to find frames at {fps:g} per second."
        )
    average = len(times) / (times[-1] + 1 / fps)
    for row in rows:
        given = next((row.cells[name] for name in _FPS if row.cells.get(name)), "")
        try:
            written = float(given)
        except ValueError:  # NA, or one rate per player
            continue
        if written > 0 and min(abs(written - fps), abs(written - average)) > FPS_TOLERANCE * fps:
            raise InputError(
                f"{path}, line {row.line}: made from a video of {written:g} frames per second, but "
                f"this one has {fps:.6g}; give the video that was observed."
            )


def _refuse_offset(path: Path, preamble: Sequence[str], delimiter: str) -> None:
    for line in preamble:
        cells = [cell.strip().strip('"') for cell in line.split(delimiter)]
        if cells[0].lower().startswith("time offset") and len(cells) > 1:
            _refuse_offset_value(path, cells[1])


def _refuse_offset_value(path: Path, text: str) -> None:
    try:
        offset = float(text or 0)
    except ValueError:
        return
    if offset:
        raise InputError(
            f"{path}: the observation has a time offset of {offset:g} s; set it to 0 in BORIS and "
            "export again."
        )


def _pair_events(
    path: Path, rows: Sequence[Row]
) -> tuple[list[tuple[int, str, float, float]], set[str]]:
    """Spans (line, behaviour, start_s, stop_s) of state events, and the names of point events."""
    spans, points = [], set()
    running: dict[tuple[str, str], Row] = {}
    for row in rows:
        cells = row.cells
        behaviour = cells.get("behavior", "")
        kind = cells.get("status") or cells.get("behavior type", "")
        _refuse_offset_value(path, cells.get("time offset (s)", ""))
        if not behaviour:
            raise InputError(f"{path}, line {row.line}: no behaviour is given; correct the line.")
        key, kind = (cells.get("subject", ""), behaviour), kind.upper()
        if kind == "POINT":
            points.add(behaviour)
        elif kind == "STATE":
            start, stop = (_seconds(path, row, name) for name in ("start (s)", "stop (s)"))
            spans.append((row.line, behaviour, start, stop))
        elif kind == "START" and key not in running:
            running[key] = row
        elif kind == "STOP" and key in running:
            begun = running.pop(key)
            start, stop = _seconds(path, begun, "time"), _seconds(path, row, "time")
            spans.append((begun.line, behaviour, start, stop))
        else:
            raise InputError(
                f"{path}, line {row.line}: {behaviour!r} has {kind or 'no status'} where "
                f"{'STOP' if key in running else 'START'} was expected; pair the events in BORIS."
            )
    for (_, behaviour), row in running.items():
        raise InputError(
            f"{path}, line {row.line}: {behaviour!r} starts and never stops; pair it in BORIS."
        )
    return spans, points


def _seconds(path: Path, row: Row, column: str) -> float:
    return to_seconds(f"{path}, line {row.line}: {column}", row.cells.get(column, ""))
