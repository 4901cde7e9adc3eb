"""The one error a user is meant to read."""

import difflib
from collections.abc import Iterable

MAX_MESSAGE = 600  # characters: what a bad file holds may be quoted, but not at any length


class InputError(ValueError):
    """Something given to cagewatch is wrong: a file, a folder or a parameter.

    The message is one sentence that names the file or parameter, says what is wrong with it and
    what to do about it. Anything else that escapes the library is a defect of the library.

    The message may quote a bad file: it is kept on one line, printable and of bounded length.
    """

    def __init__(self, message: str) -> None:
        text = " ".join(str(message).split())
        text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
        if len(text) > MAX_MESSAGE:
            text = f"{text[: MAX_MESSAGE * 2 // 3]} ... {text[-MAX_MESSAGE // 4 :]}"
        super().__init__(text)


def nearest_name(name: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """End a message about an unknown `name`: the nearest known one, or `otherwise`, or all."""
    lower = {str(candidate).lower(): candidate for candidate in known}
    nearest = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.5)
    if nearest:
        return f"did you mean {lower[nearest[0]]!r}?"
    known = ", ".join(map(str, lower.values()))
    return otherwise or (f"known are {known}." if known else "there are none.")
