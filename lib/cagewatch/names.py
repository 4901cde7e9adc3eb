"""Names that others chose, made harmless wherever they go: a path, a spreadsheet, a page, a figure.

Names of videos, behaviours and animals come from other people's files. What is shown is always the
name itself; these functions give the form in which one place can hold it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

import pandas as pd

MAX_LENGTH = 64
_SAFE = re.compile(rf"[A-Za-z0-9_]([A-Za-z0-9_.-]{{0,{MAX_LENGTH - 2}}}[A-Za-z0-9_-])?")
# What a spreadsheet takes for a formula. Signed numbers and intervals, "-0.02 [-0.1, 0.06]", hold
# no letter and so can call nothing.
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_NUMBERS = re.compile(r"[-+][-+0-9., %()\[\]±–]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def safe_name(name: str) -> str:
    """Give the form of a name that may be a folder, a wildcard, or a word of a command.

    Parameters
    ----------
    name : str
        Any name, such as a behaviour's from a label file.

    Returns
    -------
    safe : str
        1 to 64 of the characters ``A-Z a-z 0-9 _ - .``, with neither a dot nor a dash first, nor a
        dot last. A name that is so already is given back as it is, and so is a safe form. In any
        other, accents go, every other run of characters becomes ``_``, and a hash of the name
        follows, so that different names stay different.

    Examples
    --------
    >>> safe_name("rear"), safe_name("../v")[:2]
    ('rear', 'v-')
    """
    if _SAFE.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[: MAX_LENGTH - 9]
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain or 'name'}-{digest}"


def plain_cell(text: str) -> str:
    """Give the form of a text that a spreadsheet opens as text, never as a formula.

    A leading ``= + - @``, tab or line end is preceded by ``'``, which spreadsheets do not show;
    control characters, which no spreadsheet file can hold, are dropped. Signed numbers stay.
    Source: OWASP, "CSV Injection".
    """
    text = _CONTROL.sub("", text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBERS.fullmatch(text) else text


def unplain_cell(text: str) -> str:
    """Undo what `plain_cell` put before a text."""
    return text[1:] if text[:1] == "'" and plain_cell(text[1:]) == text else text


def plain_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Give a copy of a table with every text, column names too, as `plain_cell` has it."""
    table = table.rename(columns=lambda name: plain_cell(name) if isinstance(name, str) else name)
    texts = [
        number
        for number, kind in enumerate(table.dtypes)
        if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind))
    ]
    for number in texts:
        cells = table.iloc[:, number].astype(object)
        plain = cells.map(lambda cell: plain_cell(cell) if isinstance(cell, str) else cell)
        table.isetitem(number, plain)
    return table


def escape_markdown(text: str) -> str:
    """Give the form of a text that a page of Markdown shows as it is, also within a table's cell.

    Tags and entities become text, and a backslash or bar stands for itself.
    """
    text = re.sub(r"&(?=[#\w])", "&amp;", text.replace("\\", r"\\"))
    return text.replace("<", "&lt;").replace("|", r"\|")


def escape_math(text: str) -> str:
    """Give the form of a text that a figure shows as it is: a ``$`` starts no formula."""
    return text.replace("$", r"\$")
