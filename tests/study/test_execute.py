"""Notebooks run with given values: checked first, then written into the parameters cell."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.study import execute

SMALL = """# %% tags=["parameters"]
# Parameters: two of its own.
name: str = 'a'  # what it is called
given: list = None  # whatever

# %%
print(name, given)
print("second line")
if name == "wrong":
    raise ValueError("broken on purpose")
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small {1}.py"  # papermill reads braces as names
    path.write_text(SMALL)
    return path


def sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def test_values_stand_in_the_parameters_cell_and_nothing_is_injected(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    output = small.with_suffix(".ipynb")
    text = 'it\'s "a\\b" {x} é\n'
    execute.execute(small, output, {"name": text, "given": [1, "two"]}, name="run 1")
    cell, _ = sources(output)
    assert cell.splitlines()[2:] == ["given: list = [1, 'two']  # whatever"]
    space: dict = {}
    exec(cell, space)
    assert space["name"] == text
    book = nbformat.read(output, as_version=4)
    assert [cell.metadata.get("tags") for cell in book.cells] == [["parameters"], []]
    printed = capsys.readouterr().err.splitlines()
    assert printed[-1] == "run 1: second line"
    assert not list(tmp_path.glob("*.unfinished.ipynb"))


def test_a_kernel_that_dies_or_is_unknown_is_named_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "dies.py"
    path.write_text(SMALL.replace('print("second line")', "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(InputError, match="did not finish: its kernel died, as it does when memory"):
        execute.execute(path, path.with_suffix(".ipynb"), {})
    with pytest.raises(InputError, match="There is no Jupyter kernel 'nosuch'"):
        execute.execute(path, path.with_suffix(".ipynb"), {}, kernel="nosuch")
    path.write_text(SMALL.replace("name: str = 'a'", "name: str = 'a"))
    with pytest.raises(InputError, match="tagged 'parameters' is no Python"):
        execute.execute(path, path.with_suffix(".ipynb"), {"name": "b"})
    with pytest.raises(SystemExit, match="--values takes names with their values"):
        execute.main(["experiment", "--values", "[1]"])


def test_an_error_leaves_the_notebook_to_be_read_and_says_why_in_one_sentence(small: Path) -> None:
    output = small.with_suffix(".ipynb")
    with pytest.raises(InputError, match="unfinished.ipynb did not finish.*broken on purpose"):
        execute.execute(small, output, {"name": "wrong"})
    assert not output.exists()
    unfinished = output.with_suffix(".unfinished.ipynb")
    assert "broken on purpose" in unfinished.read_text()
    unfinished.write_text(unfinished.read_text()[:50])
    assert "was cut short" in execute.why_unfinished(unfinished)


def test_a_run_gets_all_values_that_it_resolves_to() -> None:
    book = execute.read_notebook(Path("experiment"))
    given = {"dataset": "ped2", "model": "pca_frames", "score_scaling": "none"}
    execute.fill_parameters(book, given, "experiment")
    (cell,) = [one for one in book.cells if "parameters" in one.metadata.get("tags", [])]
    space: dict = {"In": ["", cell.source]}
    exec(cell.source, space)
    resolved = params.resolve(given)
    assert params.from_notebook(space) == resolved
    assert space["epochs"] is None  # does not apply
    assert space["components"] == resolved.components


def test_a_name_that_is_code_is_refused_before_it_comes_near_a_cell(tmp_path: Path) -> None:
    mark = tmp_path / "touched"
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(f"\"seed = __import__('pathlib').Path('{mark}').touch() or 0; cores\": 1\n")
    with pytest.raises(InputError, match="has no parameter"):
        execute.read_values("experiment", [theirs], [])
    with pytest.raises(SystemExit, match="has no parameter"):
        execute.main(["experiment", "-f", str(theirs), "-o", str(tmp_path / "out.ipynb")])
    name = theirs.read_text().split('"')[1]
    with pytest.raises(InputError, match="Unknown parameter"):
        execute.execute(Path("experiment"), tmp_path / "out.ipynb", {name: 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs.yaml"]


def test_given_names_are_read_by_the_kind_that_the_notebook_says(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("seed: 1\nscale: smoke\n")
    named = [("target", "3500"), ("seed", "2"), ("region", "[1, 2, 3, 4]")]
    values = execute.read_values("experiment", [own], named)
    assert values == {"seed": 2, "scale": "smoke", "target": "3500", "region": [1, 2, 3, 4]}
    with pytest.raises(InputError, match="did you mean 'target'"):
        execute.read_values("experiment", [], [("tagret", "hang")])
    with pytest.raises(InputError, match="choose one of .*experiment"):
        execute.read_values("experimnet", [], [])
