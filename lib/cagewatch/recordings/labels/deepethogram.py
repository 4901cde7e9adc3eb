"""DeepEthogram label files: one row a frame, one column a behaviour.

The first column is the frame number (0-based, without a name), the second ``background``, and every
further one a behaviour; 1 means it is shown, 0 that it is not, -1 that the frame is not labelled
yet. Source: the label files that DeepEthogram's annotation window writes, ``<name>_labels.csv``.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.names import plain_cell, unplain_cell
from cagewatch.recordings.labels.annotations import OTHER, Bout

BACKGROUND = "background"


def is_deepethogram(lines: Sequence[str]) -> bool:
    """Whether the lines of a label file are DeepEthogram's."""
    names = [name.strip().lower() for name in lines[0].split(",")] if lines else []
    return len(names) > 1 and BACKGROUND in names[:2] and names[0] in ("", "frame", BACKGROUND)


def read_deepethogram_bouts(path: Path, lines: Sequence[str]) -> list[Bout]:
    """Read the bouts in a DeepEthogram label file; they cover every frame, background as `OTHER`.

    InputError if a frame is not labelled yet, shows two behaviours at once, or is out of order, or
    a cell is neither 0 nor 1.
    """
    reader = csv.reader(lines)
    try:
        return _read_bouts(path, reader)
    except csv.Error as error:
        raise InputError(f"{path} is not a csv file ({error}); save it as plain csv.") from error


def _read_bouts(path: Path, reader: Any) -> list[Bout]:
    header = [unplain_cell(name.strip()) for name in next(reader)]
    has_numbers = header[0].lower() != BACKGROUND
    names = header[1:] if has_numbers else header
    bouts: list[Bout] = []
    frame = 0
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}, line {reader.line_num}"
        cells = [cell.strip() for cell in row]
        if has_numbers and cells.pop(0) not in (str(frame), f"{frame}.0"):
            raise InputError(f"{where}: expected frame {frame}, found {row[0]!r}; sort the frames.")
        if len(cells) != len(names) or not set(cells) <= {"0", "1", "-1", "0.0", "1.0", "-1.0"}:
            raise InputError(f"{where}: expected {len(names)} values of 0 or 1, found {row}.")
        values = [float(cell) for cell in cells]
        if min(values) < 0:
            raise InputError(f"{where}: frame {frame} is not labelled yet (-1); finish labelling.")
        shown = [name for name, value in zip(names, values, strict=True) if value]
        if len(shown) > 1:
            raise InputError(
                f"{where}: frame {frame} shows {' and '.join(shown)}; give every frame one label."
            )
        behaviour = shown[0] if shown and shown[0].lower() != BACKGROUND else OTHER
        if bouts and bouts[-1].behaviour == behaviour:
            bouts[-1] = bouts[-1]._replace(stop=frame + 1)
        else:
            bouts.append(Bout(frame, frame + 1, behaviour, reader.line_num))
        frame += 1
    if not bouts:
        raise InputError(f"{path} holds no label; it should have one row a frame.")
    return bouts


def write_deepethogram_labels(
    path: Path, bouts: Sequence[Bout], n_frames: int, names: Sequence[str] = ()
) -> None:
    """Write bouts as a DeepEthogram label file; frames in no bout are background.

    A project's files must have the same columns: `names` get one though no bout has them.
    """
    names = sorted({*names, *(bout.behaviour for bout in bouts)} - {OTHER})
    shown = [BACKGROUND] * n_frames
    for bout in bouts:
        if bout.behaviour != OTHER:
            shown[bout.start : bout.stop] = [bout.behaviour] * (bout.stop - bout.start)
    columns = [BACKGROUND, *names]
    with whole_file(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["", *map(plain_cell, columns)])
        for frame, behaviour in enumerate(shown):
            table.writerow([frame, *(int(name == behaviour) for name in columns)])
