"""What the tests of the simulated cage share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cagewatch.simulate.ethogram import Bout

LINE = re.compile(r"frame: (\d{8})-(\d{8}) ([a-z]+)\n")


@pytest.fixture(scope="session")
def read_bouts() -> Callable[[Path], list[Bout]]:
    """A parser of annotation files of our own, not the reader under test elsewhere."""

    def read(path: Path) -> list[Bout]:
        matches = [LINE.fullmatch(line) for line in path.read_text().splitlines(keepends=True)]
        assert all(matches), f"a line of {path.name} is not in the MIT format"
        return [Bout(m[3], int(m[1]) - 1, int(m[2])) for m in matches]

    return read
