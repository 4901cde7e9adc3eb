"""Bouts as BORIS reads them: a project, and a version 8 tabular export as csv or as a spreadsheet.

The columns Time, Subject, Code, Modifier and Comment are those that BORIS asks for when it imports
events into an open observation, which it does from a spreadsheet alone.
"""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.writer.excel import ExcelWriter

from cagewatch.errors import InputError
from cagewatch.files import whole_file, write_json
from cagewatch.names import plain_cell, unplain_cell
from cagewatch.recordings.labels.boris import MAX_FPS

COLUMNS = (
    "Observation id,Media file name,FPS (frame/s),Subject,Behavior,Code,Modifier,Behavior type,"
    "Time,Comment"
).split(",")
# The same bouts give the same bytes; zip archives know no earlier time.
_NO_TIME = datetime.datetime(1980, 1, 1)


def write_boris_bouts(
    path: Path, bouts: Iterable[tuple[float, float, str]], fps: float, media: str
) -> None:
    """Write bouts for BORIS, START and STOP a line each; the file appears whole or not at all.

    A bout is the seconds at which it starts and stops, by the time stamps of its frames, and its
    behaviour. `path` ends in ``.csv``, which reads back to the same frames where the rate is
    constant, or ``.xlsx``; in both, no name can become a formula. InputError if the rate is above
    500 frames a second, too high for BORIS's milliseconds, or the file cannot be written.
    """
    if not 0 < fps <= MAX_FPS:
        raise InputError(f"BORIS counts milliseconds, too few for {fps:g} frames per second.")
    rows: list[Sequence[str | float]] = []
    for start_s, stop_s, behaviour in sorted(bouts):
        name = plain_cell(behaviour)
        for kind, second in (("START", start_s), ("STOP", stop_s)):
            before = (plain_cell(Path(media).stem), plain_cell(media), float(f"{fps:.6g}"))
            rows.append((*before, "", name, name, "", kind, round(float(second), 3), ""))
    with whole_file(path) as partial:
        if path.suffix == ".xlsx":
            partial.write_bytes(_sheet_of(rows))
            return
        with open(partial, "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            for row in rows:
                table.writerow([*row[:2], f"{row[2]:g}", *row[3:8], f"{row[8]:.3f}", ""])


def write_boris_project(
    path: Path, bouts: Iterable[tuple[float, float, str]], fps: float, video: Path, seconds: float
) -> None:
    """Write bouts as a BORIS project of one observation, whose ethogram is the bouts' behaviours.

    The fields are those of project format 7.0, as in BORIS 8.27's ``config.py``; `path` ends in
    ``.boris``, and `seconds` is the video's length. BORIS looks for the video there, then beside
    the project.
    """
    spans, media = sorted(bouts), str(video)
    date = datetime.datetime.fromtimestamp(video.stat().st_mtime).isoformat(timespec="seconds")
    names = sorted({behaviour for *_, behaviour in spans})
    empty = dict.fromkeys("key description color category modifiers excluded".split(), "")
    empty["coding map"] = ""
    # The time may be that of a stop and of the next start: stops come first.
    events = [(stop, 0, name) for _, stop, name in spans]
    events = sorted(events + [(start, 1, name) for start, _, name in spans])
    observation = {
        "type": "MEDIA",
        "date": date,
        "description": "",
        "time offset": 0.0,
        "file": {str(player): [media] if player == 1 else [] for player in range(1, 9)},
        "media_info": {
            "length": {media: seconds},
            "fps": {media: fps},
            "hasVideo": {media: True},
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
        },
        "observation time interval": [0, 0],
        "independent_variables": {},
        "events": [[round(float(time), 3), "", name, "", ""] for time, _, name in events],
    }
    project = {
        "time_format": "hh:mm:ss",
        "project_date": date,
        "project_name": video.stem,
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {},
        "behaviors_conf": {
            str(number): {"type": "State event", "code": name, **empty}
            for number, name in enumerate(names)
        },
        "observations": {video.stem: observation},
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    write_json(path, project)


def _sheet_of(rows: Sequence[Sequence[str | float]]) -> bytes:
    """Give the bytes of a spreadsheet with texts and numbers, and no formula."""
    book = Workbook(write_only=True)
    book.properties.created = book.properties.modified = _NO_TIME
    sheet = book.create_sheet("Sheet1")
    for row in (COLUMNS, *rows):
        cells = []
        for value in row:
            value = unplain_cell(value) if isinstance(value, str) else value
            cell = WriteOnlyCell(sheet, value if value != "" else None)
            if isinstance(value, str) and value:
                cell.data_type = "s"  # openpyxl takes a text that starts with = for a formula
            cells.append(cell)
        sheet.append(cells)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        ExcelWriter(book, archive).save()
    stamped = io.BytesIO()
    with (
        zipfile.ZipFile(written) as old,
        zipfile.ZipFile(stamped, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, _NO_TIME.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))
    return stamped.getvalue()
