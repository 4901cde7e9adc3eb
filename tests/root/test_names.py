"""Names that others chose can do no harm where they go, and stay apart."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagewatch.names import escape_markdown, plain_cell, plain_cells, safe_name, unplain_cell

NASTY = [
    "../../v",
    "a/b",
    "..",
    ".",
    "",
    "-rf",
    "x';touch\\$IFS;'",
    "mouse's",
    "K\u00e4fig",
    "a b",
    "\0",
]


@given(st.text(max_size=80))
def test_any_name_becomes_one_part_of_a_path(name):
    safe = safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", safe) and len(safe) <= 64
    assert Path("results", safe).parts == ("results", safe) and ".." not in Path(safe).parts
    assert safe_name(safe) == safe


@given(st.lists(st.text(max_size=8), unique=True, max_size=8))
def test_different_names_stay_different(names):
    assert len({safe_name(name) for name in names}) == len(names)


def test_good_names_are_their_own_and_others_can_be_told():
    for name in ("rear", "20080324143707A", "simulated_day_01", "v1.2", "3500"):
        assert safe_name(name) == name
    assert safe_name("K\u00e4fig 3").startswith("Kafig_3-")


@pytest.mark.parametrize("name", NASTY)
def test_a_shell_takes_a_safe_name_for_one_word(name):
    safe = safe_name(name)
    said = subprocess.run(["sh", "-c", f"printf %s {safe}"], capture_output=True, text=True)
    assert said.stdout == safe and not said.stderr


@pytest.mark.parametrize("text", ["=1", "+a", "-a", "@a", "\ta", "\ra", "-1+cmd|'/C x'!A0", "=-1"])
def test_a_text_that_a_spreadsheet_would_compute_is_marked(text):
    assert plain_cell(text) == f"'{text}" and unplain_cell(plain_cell(text)) == text


@pytest.mark.parametrize("text", ["a=1", "-0.02 [-0.1, 0.06]", "+3 %", "-", "", "rear", "'tis"])
def test_other_texts_and_signed_numbers_stay(text):
    assert plain_cell(text) == text == unplain_cell(text)


def test_a_table_is_made_plain_without_touching_numbers():
    table = pd.DataFrame(
        {"=a": ["=1", None, "b"], "n": [-1.5, 2, np.nan], "t": [True, False, True]}
    )
    plain = plain_cells(table)
    assert list(plain) == ["'=a", "n", "t"] and plain["'=a"].tolist()[::2] == ["'=1", "b"]
    pd.testing.assert_frame_equal(plain[["n", "t"]], table[["n", "t"]])
    assert table["=a"].tolist()[0] == "=1"


@settings(max_examples=30)
@given(st.text(alphabet="a<&|\\;#x ", max_size=12))
def test_markdown_shows_a_name_as_it_is(text):
    """Backslash escapes and entities undone, as a renderer does; every bar is escaped."""
    shown = escape_markdown(text)
    assert "<" not in shown
    assert not re.search(r"(?<!\\)(\\\\)*\|", shown)  # no bar after an even run of backslashes
    undone = re.sub(r"\\([\\|])", r"\1", shown).replace("&lt;", "<").replace("&amp;", "&")
    assert undone == text
