"""Bouts in seconds, made into frames by the time stamps of the recording.

A table of them has the columns ``start_time,stop_time,label``, as `cagewatch review` writes it.
A bout starts with the frame that is shown at its start and stops before the frame that is shown at
its stop, so 0.4 to 0.8 s of a 25 fps video are the ten frames 10 to 19.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

from cagewatch.errors import InputError
from cagewatch.names import unplain_cell
from cagewatch.recordings.labels.annotations import MAX_FRAMES, Bout, read_rows, refuse_overlaps
from cagewatch.video import Clock

SECONDS_COLUMNS = ("start_time", "stop_time", "label")
# Times in milliseconds may show a frame half a millisecond before it begins.
ROUNDING_S = 0.0006


def read_seconds_bouts(path: Path, clock: Clock) -> list[Bout]:
    """Read a bout table ``start_time,stop_time,label``, rows in any order, without overlaps.

    InputError for a missing column, a cell that is no time, or an empty label.
    """
    spans = []
    for line, (start, stop, label) in read_rows(path, SECONDS_COLUMNS):
        where = f"{path}, line {line}"
        if not label:
            raise InputError(f"{where}: no label is given; correct the line.")
        start_s, stop_s = (
            to_seconds(f"{where}: {name}", text)
            for name, text in zip(SECONDS_COLUMNS, (start, stop), strict=False)
        )
        spans.append((line, unplain_cell(label), start_s, stop_s))
    return bouts_from_seconds(path, spans, clock)


def bouts_from_seconds(
    path: Path, spans: Sequence[tuple[int, str, float, float]], clock: Clock
) -> list[Bout]:
    """Turn spans (line, behaviour, start_s, stop_s) of a label file into bouts, in order.

    What starts and stops within one frame is left out, with a warning. InputError if a span runs
    backwards or two overlap, or nothing is left.
    """
    bouts = [_bout_of(path, *span, clock) for span in spans]
    if short := [bout.line for bout in bouts if bout.stop == bout.start]:
        warnings.warn(
            f"{path}: {len(short)} bouts start and stop within one frame and are left out, the "
            f"first on line {short[0]}.",
            stacklevel=2,
        )
    bouts = [bout for bout in bouts if bout.stop > bout.start]
    if not bouts:
        raise InputError(f"{path} holds no bout that lasts; it should have one or more.")
    return refuse_overlaps(path, bouts)


def to_seconds(where: str, text: str) -> float:
    """Seconds of a cell, with a point or a comma; InputError for what is no time."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{where} is {text[:60]!r}; give times in seconds.")
    return value


def _bout_of(
    path: Path, line: int, behaviour: str, start_s: float, stop_s: float, clock: Clock
) -> Bout:
    start, stop = (clock.frame_at(second + ROUNDING_S) for second in (start_s, stop_s))
    if stop_s < start_s or stop > MAX_FRAMES:
        raise InputError(
            f"{path}, line {line}: {behaviour!r} runs from {start_s:g} to {stop_s:g} s; correct it."
        )
    return Bout(start, stop, behaviour, line)
