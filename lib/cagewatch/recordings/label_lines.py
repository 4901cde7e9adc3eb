"""The lines of a label file, as far as it can be one."""

from __future__ import annotations

from pathlib import Path

from cagewatch.errors import InputError

# A day of labels, one line a frame, fits; what is larger is no label file.
MAX_LABEL_BYTES = 1 << 27
MAX_LINES = 3_000_000
MAX_LINE_LENGTH = 1 << 16


def read_lines(path: Path) -> list[str]:
    """Read the lines of a label file; what no label file holds is refused before it fills memory.

    Raises
    ------
    InputError
        If it cannot be read, is not text, or has more than `MAX_LABEL_BYTES` bytes, `MAX_LINES`
        lines or `MAX_LINE_LENGTH` characters in a line.
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
