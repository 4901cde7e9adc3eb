"""The table of a cage's recordings, ``recordings.csv``: which animal, when, in which light.

It is made from file names by a pattern and from the time stamps that containers carry, and meant to
be edited in a spreadsheet: what stands in a cell stays, but for a file that is not there any more.
Further columns stay, recordings that are not in it yet are added, a pattern fills empty cells.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import av
import pandas as pd

from cagewatch.cages.results import write_table
from cagewatch.cages.sources import describe_file, take_name
from cagewatch.errors import InputError
from cagewatch.names import unplain_cell
from cagewatch.recordings.folder import recording_name

RECORDINGS_FILE = "recordings.csv"
MOST_NAMED = 6  # recordings that a warning names
COLUMNS = ("recording", "file", "cage", "animal", "group", "start_time", "light")
# A date and a time of day somewhere in a name, as recorders write them.
STAMP = re.compile(r"(?<!\d)(20\d{2})-?(\d{2})-?(\d{2})[T_ -]?(\d{2})[-.:h]?(\d{2})[-.:m]?(\d{2})")


def update_recordings(
    folder: Path, sources: Mapping[str, Path], pattern: str | None = None
) -> pd.DataFrame:
    """Add recordings to ``recordings.csv`` of a cage's folder; a pattern also fills empty cells.

    Each word in braces of a pattern, such as ``{cage}_{animal}_{date}_{time}``, is a column;
    without one only a date and time are looked for. All rows come back, as text. A warning names
    recordings whose names are not made like it. InputError if the file is damaged or names a
    recording twice, or the pattern is none.
    """
    path = folder / RECORDINGS_FILE
    table = read_recordings_table(folder)
    rows = {row["recording"]: row for row in table.to_dict("records")}
    if pattern is not None and (unlike := find_unlike(sources, pattern)):
        more = f" and {len(unlike) - MOST_NAMED} more" if unlike[MOST_NAMED:] else ""
        warnings.warn(
            f"Not named as {pattern!r} says, so that recordings.csv lacks what it would tell:"
            f" {', '.join(unlike[:MOST_NAMED])}{more}.",
            stacklevel=2,
        )
    for name, source in sources.items():
        row = rows.get(name, {"recording": name})
        if not os.path.exists(row.get("file", "")):
            row["file"] = str(source)  # new, or moved
        if name not in rows or pattern is not None:
            known = {cell: text for cell, text in row.items() if text}
            row = read_name(name, source, pattern) | known
        rows[name] = row
    columns = list(dict.fromkeys([*table, *(name for row in rows.values() for name in row)]))
    cells = [{name: row.get(name, "") for name in columns} for row in rows.values()]
    filled = pd.DataFrame(cells, columns=columns, dtype=str)
    if not path.is_file() or not filled.equals(table):
        write_table(filled, path)
    return filled


def read_recordings_table(folder: Path) -> pd.DataFrame:
    """Read ``recordings.csv``, all cells as text; an empty table where there is none."""
    path = folder / RECORDINGS_FILE
    if not path.is_file():
        return pd.DataFrame(columns=list(COLUMNS), dtype=str)
    try:
        with open(path, encoding="utf-8-sig") as file:
            head = file.readline()
        # As spreadsheets save it where numbers are written with a comma.
        between = ";" if head.count(";") > head.count(",") else ","
        table = pd.read_csv(path, sep=between, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table: {error}; mend or delete it.") from None
    if "recording" not in table:
        raise InputError(f"{path} lacks the column 'recording'; add it or delete the file.")
    twice = table["recording"][table["recording"].duplicated()]
    if len(twice):
        raise InputError(f"{path} has two rows for the recording {twice.iloc[0]!r}; keep one.")
    lacking = [name for name in COLUMNS if name not in table]
    return table.map(unplain_cell).reindex(columns=[*table, *lacking], fill_value="")


def settle_names(folder: Path, sources: Mapping[str, Path]) -> dict[str, Path]:
    """Sources by the names that ``recordings.csv`` has for their files; others keep theirs.

    A folder scored again from above, or from below, is then no new recording. InputError if two
    would have one name.
    """
    table = read_recordings_table(folder)
    table = table[table["file"] != ""]
    files = dict(zip(table["recording"], table["file"].map(os.path.abspath), strict=True))
    names = {file: name for name, file in reversed(files.items())}
    settled: dict[str, Path] = {}
    for name, source in sources.items():
        place = os.path.abspath(source)
        known = name if files.get(name) == place else names.get(place, name)
        take_name(settled, known, source)
    return settled


def refuse_another(name: str, source: Path, known: str | None) -> None:
    """InputError if the table has another video, `known`, by a name: its results would be lost."""
    if not known or Path(known) == source or not os.path.exists(known):
        return
    if describe_file(Path(known)) != describe_file(source):
        raise InputError(
            f"{name!r} is another recording of this cage, {known}; rename {source}, or score the"
            " folder above both."
        )


def read_name(name: str, source: Path, pattern: str | None = None) -> dict[str, str]:
    """What a recording's name, or else its container, says of it, by column."""
    found: dict[str, str] = {}
    if pattern is not None:
        found = match_name(name, source, pattern)
    elif match := STAMP.search(source.name):
        found["start_time"] = _as_time("".join(match.groups()))
    if not found.get("start_time"):
        found["start_time"] = container_time(source)
    return found


def match_name(name: str, source: Path, pattern: str) -> dict[str, str]:
    """The cells that a pattern finds in a recording's own path; none where it does not fit.

    `name` may lack what a folder of results cannot hold, so it only says how many folders count.
    """
    folders = source.parent.parts[-name.count("/") :] if "/" in name else ()
    match = compile_pattern(pattern).fullmatch("/".join([*folders, recording_name(source)]))
    found = dict(match.groupdict()) if match else {}
    digits = re.sub(r"\D", "", found.pop("date", "")) + re.sub(r"\D", "", found.pop("time", ""))
    return found | {"start_time": _as_time(digits)} if match else {}


def find_unlike(sources: Mapping[str, Path], pattern: str) -> list[str]:
    """Names of the recordings that a pattern does not fit, or whose date and time are none."""
    found = {name: match_name(name, path, pattern) for name, path in sources.items()}
    timed = "{date}" in pattern or "{time}" in pattern
    return [name for name, one in found.items() if not one or timed and not one["start_time"]]


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern with words in braces.

    InputError where a word stands twice or is no name of a column.
    """
    parts = re.split(r"\{([^{}]*)\}", pattern)
    words = parts[1::2]
    if wrong := [word for word in words if not word.isidentifier() or words.count(word) > 1]:
        raise InputError(f"The pattern {pattern!r} has {{{wrong[0]}}}, no word or one given twice.")
    if not words:
        raise InputError(f"The pattern {pattern!r} names nothing: write {{animal}}, {{date}}, ...")
    for number, part in enumerate(parts):
        parts[number] = f"(?P<{part}>[^/]+?)" if number % 2 else re.escape(part)
    return re.compile("(?:.*/)?" + "".join(parts))


def container_time(source: Path) -> str:
    """When a container says that it was made, as ``2024-05-01 12:30:00``; '' if it does not."""
    if source.is_dir():
        return ""
    try:
        with av.open(str(source)) as container:
            said = container.metadata.get("creation_time", "")
        return datetime.fromisoformat(said.replace("Z", "+00:00")).strftime("%Y-%m-%d %H:%M:%S")
    except (av.FFmpegError, OSError, ValueError):
        return ""


def _as_time(digits: str) -> str:
    """Digits of date and time as ``2024-05-01 12:30:00``; '' if they are none."""
    form = {14: "%Y%m%d%H%M%S", 12: "%Y%m%d%H%M", 8: "%Y%m%d"}.get(len(digits), "none")
    try:
        return datetime.strptime(digits, form).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return ""
