"""Behaviour labels: annotation files in, one label per frame out, and back.

Three formats are read.

- MIT text, one bout a line: ``frame: 00000001-00000019 micromovement``. Frames count from 1, both
  ends belong to the bout, and the bouts cover the recording without gap or overlap.
- Bout table (csv) with the columns ``start_frame,stop_frame,behaviour``. Frames count from 0 as
  everywhere else in cagewatch, both ends belong to the bout (``0,9,walk`` is ten frames), and
  frames in no bout are ``other``.
- The same with ``start_time,stop_time,label`` in seconds (`cagewatch.recordings.labels.seconds`).

In memory a label is an index into the recording's tuple of behaviours, -1 never occurs, and a bout
is ``labels[start:stop]``: 0-based, `stop` exclusive.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cagewatch.errors import InputError, nearest_name

MIT_BEHAVIOURS = ("drink", "eat", "groom", "hang", "micromovement", "rear", "rest", "walk")
OTHER = "other"
# Over a month at 30 frames a second; beyond it a number is a slip of the hand, not a frame.
MAX_FRAMES = 100_000_000
MAX_BEHAVIOURS = 1000
CSV_COLUMNS = ("start_frame", "stop_frame", "behaviour")
# A day of labels, one line a frame, fits; what is larger is no label file.
MAX_LABEL_BYTES = 1 << 27
MAX_LINES = 3_000_000
MAX_LINE_LENGTH = 1 << 16
_MIT_LINE = re.compile(r"frame:\s*([0-9]{1,18})\s*-\s*([0-9]{1,18})\s+(\S.*)")


class Bout(NamedTuple):
    """A run of frames of one behaviour: ``labels[start:stop]``; `line` is where it was written."""

    start: int
    stop: int
    behaviour: str
    line: int


def read_lines(path: Path) -> list[str]:
    """Read the lines of a label file; what no label file holds is refused before it fills memory.

    InputError if it cannot be read, is not text, or has more than `MAX_LABEL_BYTES` bytes,
    `MAX_LINES` lines or `MAX_LINE_LENGTH` characters in a line.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_LABEL_BYTES + 1)
    except OSError as error:
        raise InputError(f"Cannot read the labels {path}: {error.strerror}.") from error
    newlines = data.count(b"\n") + data.count(b"\r")
    if len(data) > MAX_LABEL_BYTES or newlines > 2 * MAX_LINES:
        raise InputError(
            f"{path} is longer than any label file ({MAX_LABEL_BYTES >> 20} MiB or {MAX_LINES} "
            "lines); remove it, or split the recording."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file with labels; check the file.") from error
    # Not splitlines: it takes more characters for line ends than were counted above.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > MAX_LINES or max(map(len, lines), default=0) > MAX_LINE_LENGTH:
        raise InputError(
            f"{path} has more than {MAX_LINES} lines, or one of more than {MAX_LINE_LENGTH} "
            "characters, which no label file has; check the file."
        )
    return lines


def read_mit_bouts(path: Path, behaviours: Sequence[str] | None = MIT_BEHAVIOURS) -> list[Bout]:
    """Read an MIT annotation text, refusing whatever would misplace a label.

    `behaviours` are the names allowed; None allows any. InputError for a line of another form, a
    frame 0 (the file counts from 0), an unknown behaviour, a gap, an overlap, bouts out of order,
    or a number beyond `MAX_FRAMES`.
    """
    bouts: list[Bout] = []
    for number, text in enumerate(read_lines(path), start=1):
        if not (text := text.strip()):
            continue
        where = f"{path}, line {number}"
        match = _MIT_LINE.fullmatch(text)
        if not match:
            raise InputError(
                f"{where}: expected 'frame: <first>-<last> <behaviour>', found {text[:60]!r}."
            )
        first, last, behaviour = int(match[1]), int(match[2]), match[3]
        if first == 0:
            raise InputError(
                f"{where}: frame 0 found, but MIT labels count from 1; add 1 to every frame."
            )
        _refuse_bad_range(where, first, last)
        if behaviours is not None and behaviour not in behaviours:
            hint = nearest_name(behaviour, behaviours)
            raise InputError(f"{where}: unknown behaviour {behaviour!r}, {hint}")
        expected = bouts[-1].stop + 1 if bouts else 1
        if first < expected:
            kind = "out of order" if bouts and last <= bouts[-1].start else "an overlap"
            raise InputError(
                f"{where}: {kind}, the bout starts at frame {first} although frames up to "
                f"{expected - 1} are labelled already; give every frame one label, in order."
            )
        if first > expected:
            raise InputError(
                f"{where}: a gap, frames {expected} to {first - 1} have no label; label them."
            )
        bouts.append(Bout(first - 1, last, behaviour, number))
    if not bouts:
        raise InputError(f"{path} holds no label; it should have one bout a line.")
    return bouts


def is_mit(lines: Sequence[str]) -> bool:
    """Whether the lines of a label file are an MIT annotation text."""
    return next((line for line in lines if line.strip()), "").strip().startswith("frame:")


def is_table(lines: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the first line names most of these columns: one may be misspelt, which is refused."""
    return (
        bool(lines)
        and len(set(_header(lines[0], _delimiter(lines[0], columns))) & set(columns)) >= 2
    )


def read_csv_bouts(path: Path) -> list[Bout]:
    """Read a bout table ``start_frame,stop_frame,behaviour`` (0-based, both ends inclusive).

    Rows may come in any order; they must not overlap. Other columns are ignored. InputError for a
    missing column, a cell that is no frame number, an empty behaviour, or an overlap.
    """
    bouts = []
    for line, cells in read_rows(path, CSV_COLUMNS):
        where = f"{path}, line {line}"
        if not all(re.fullmatch(r"[0-9]{1,18}", cell) for cell in cells[:2]) or not cells[2]:
            raise InputError(
                f"{where}: expected two frame numbers and a behaviour, "
                f"found {','.join(cells)[:60]!r}."
            )
        first, last = int(cells[0]), int(cells[1])
        _refuse_bad_range(where, first, last)
        bouts.append(Bout(first, last + 1, cells[2], line))
    return refuse_overlaps(path, bouts, "stop_frame is the last frame of a bout, and ")


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Line number and cells of each row of a table, in these columns; the others are ignored.

    InputError if a column is missing, there is no row, or the file is no csv file.
    """
    lines = read_lines(path) or [""]
    delimiter = _delimiter(lines[0], columns)
    header = _header(lines[0], delimiter)
    rows = csv.reader(lines[1:], delimiter=delimiter)
    try:
        missing = [name for name in columns if name not in header]
        if missing:
            raise InputError(
                f"{path}: the first line must name the columns {','.join(columns)}; "
                f"{', '.join(missing)} not found."
            )
        places = [header.index(name) for name in columns]
        found = [
            (
                1 + rows.line_num,
                [row[place].strip() if place < len(row) else "" for place in places],
            )
            for row in rows
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise InputError(f"{path} is not a csv file ({error}); save it as plain csv.") from error
    if not found:
        raise InputError(f"{path} holds no label; it should have one bout a line.")
    return found


def _delimiter(line: str, columns: Sequence[str]) -> str:
    """What separates the names in a table's first line: comma, semicolon or tab."""
    return max(",;\t", key=lambda one: len(set(_header(line, one)) & set(columns)))


def _header(line: str, delimiter: str) -> list[str]:
    return [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]


def refuse_overlaps(path: Path, bouts: Iterable[Bout], reminder: str = "") -> list[Bout]:
    """The bouts in order; InputError if two of them share a frame."""
    bouts = sorted(bouts)
    for before, after in zip(bouts, bouts[1:], strict=False):
        if after.start < before.stop:
            raise InputError(
                f"{path}, line {after.line}: overlaps line {before.line} at frame {after.start}; "
                f"{reminder}every frame has one label."
            )
    return bouts


def labels_from_bouts(
    bouts: Iterable[Bout], behaviours: Sequence[str], n_frames: int | None = None
) -> np.ndarray:
    """Give one label for each frame from bouts, (n_frames,) int16; frames in no bout are `OTHER`.

    Labels index `behaviours`, which holds that of every bout, and `OTHER` if it is needed. They end
    by default where the last bout stops. InputError for more than `MAX_BEHAVIOURS` behaviours.
    """
    if len(behaviours) > MAX_BEHAVIOURS:
        raise InputError(
            f"The label files name {len(behaviours)} behaviours, from {behaviours[0]!r} to "
            f"{behaviours[-1]!r}; at most {MAX_BEHAVIOURS} are read: is a column of notes or "
            "numbers taken for the behaviours?"
        )
    bouts = list(bouts)
    index = {name: number for number, name in enumerate(behaviours)}
    n_frames = max((bout.stop for bout in bouts), default=0) if n_frames is None else n_frames
    labels = np.full(n_frames, index.get(OTHER, -1), np.int16)
    for bout in bouts:
        labels[bout.start : bout.stop] = index[bout.behaviour]
    return labels


def read_labels(path: Path) -> np.ndarray:
    """(n_frames,) int16 labels of an MIT annotation text, indexes into `MIT_BEHAVIOURS`."""
    return labels_from_bouts(read_mit_bouts(path), MIT_BEHAVIOURS)


def bouts_of(labels: np.ndarray, behaviours: Sequence[str]) -> pd.DataFrame:
    """Table of the bouts in `labels`, in order, with the columns start, stop and behaviour.

    `start` is 0-based and `stop` exclusive, so that ``labels[start:stop]`` is the bout.
    """
    labels = np.asarray(labels)
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts = np.concatenate(([0], edges)).astype(np.int64) if len(labels) else np.zeros(0, int)
    stops = np.concatenate((edges, [len(labels)])).astype(np.int64) if len(labels) else starts
    names = [behaviours[label] for label in labels[starts]]
    return pd.DataFrame({"start": starts, "stop": stops, "behaviour": names})


def _refuse_bad_range(where: str, first: int, last: int) -> None:
    if last < first:
        raise InputError(f"{where}: the bout ends at frame {last}, before its start {first}.")
    if last > MAX_FRAMES:
        raise InputError(
            f"{where}: frame {last} is beyond {MAX_FRAMES}, longer than any recording; correct it."
        )
