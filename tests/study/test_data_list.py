"""What tells that a study's data changed: every file once, and no link that leads nowhere."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from cagewatch.errors import InputError
from cagewatch.study.depends import list_data


def places(folder: Path) -> list[str]:
    text = list_data(SimpleNamespace(layout="mit", data_dir=folder))
    return [line.split("\t")[0] for line in text.splitlines()]


def test_links_are_followed_once_and_loops_end(tmp_path):
    data, other = tmp_path / "data", tmp_path / "other"
    (data / "a").mkdir(parents=True)
    other.mkdir()
    for file in (data / "a" / "x.mpg", other / "y.mpg"):
        file.write_text("x")
    (data / "linked").symlink_to(other)
    for loop in ("here", "there"):  # two of them double the walk at each step
        (data / "a" / loop).symlink_to(data)
    assert places(data) == ["a/x.mpg", "linked/y.mpg"]


@pytest.mark.parametrize("target", ["gone.mpg", "b.mpg"])  # the second leads to itself
def test_a_link_that_leads_nowhere_is_named(tmp_path, target):
    os.symlink(target, tmp_path / "b.mpg")
    with pytest.raises(InputError, match="b.mpg is a link that leads nowhere"):
        places(tmp_path)
