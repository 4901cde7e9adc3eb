"""What code means: what people read in it does not count, what is computed does."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from cagewatch.runs import code

PLAIN = '''"""What it is for."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import keras
def scale(values, by=2.0):
    """Multiply."""
    return [by * value for value in values]
class Store:
    """One."""
    size: int = 3
'''


def meaning(text: str, folder: Path) -> str:
    path = folder / f"{abs(hash(text))}.py"
    path.write_text(text)
    return code.meaning_of(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What it is for."""', '"""What it is good for, at length."""\n# and a comment'),
        ('    """Multiply."""\n', ""),
        ('"""One."""', '"""Two."""'),
        ("import keras", "import keras\n    import numpy"),
        ("(values, by=2.0)", "(values: list[float], by: float = 2.0) -> list[float]"),
        (
            "[by * value for value in values]",
            "[\n        (by * value)\n        for value in values\n    ]",
        ),
    ],
)
def test_words_layout_and_hints_of_functions_mean_nothing(
    old: str, new: str, tmp_path: Path
) -> None:
    assert old in PLAIN
    assert meaning(PLAIN, tmp_path) == meaning(PLAIN.replace(old, new), tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("by * value", "by + value"),
        ("by=2.0", "by=2.5"),
        ("size: int = 3", "size: int = 4"),
        ("size: int", "size: float"),
        ("class Store:", "@frozen\nclass Store:"),
        ('"""Multiply."""', '"""Multiply."""\n    by = abs(by)'),
        ("from typing", "import numpy\nfrom typing"),
    ],
)
def test_formulas_values_and_decorators_mean_something(old: str, new: str, tmp_path: Path) -> None:
    assert old in PLAIN
    assert meaning(PLAIN, tmp_path) != meaning(PLAIN.replace(old, new), tmp_path)


def test_text_and_parameters_of_a_notebook_mean_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    plain = "# %% [markdown]\n# Words\n\n# %%\nseed: int = 0  # a seed\n\n# %%\nprint(seed)\n"
    same = plain.replace("Words", "Other words").replace("seed: int = 0", "seed: int = 3")
    assert meaning(plain, folder) == meaning(same, folder)
    assert meaning(plain, folder) != meaning(plain.replace("print(seed)", "print(1)"), folder)


def test_a_module_means_the_same_in_another_room(tmp_path: Path) -> None:
    plain = "from cagewatch.detectors.rhythm import STEP"
    assert meaning(plain, tmp_path) == meaning(plain.replace("rhythm", "looks.rhythm"), tmp_path)
    assert meaning(plain, tmp_path) != meaning(plain.replace("rhythm", "linear"), tmp_path)


def test_a_run_depends_on_what_computes_it_only() -> None:
    names = {path.relative_to(code.LIBRARY).as_posix() for path in of_run("cae")}
    assert {"store/build.py", "clips/index.py", "detectors/networks/cae.py"} <= names
    assert not [name for name in names if name.startswith(("plots/", "study/", "params/"))]
    assert not {"detectors/networks/rae.py", "detectors/density.py", "errors.py"} & names


def of_run(model: str) -> list[Path]:
    sources = [code.layers_root() / "notebooks" / "experiment.py", *code.made_of(model)]
    without = [*code.SILENT, *code.other_detectors(model)]
    return sorted({file for source in sources for file in code.library(source, without)})


def test_networks_built_by_one_module_share_it_and_others_do_not() -> None:
    assert code.digest_run("cae") == code.digest_run("cae_image")
    assert code.digest_run("cae") != code.digest_run("rae")
    assert code.find_module("cagewatch.detectors.density") in of_run("density")


def test_a_file_that_cannot_be_parsed_is_named(tmp_path: Path) -> None:
    shutil.copy(__file__, tmp_path / "a.py")
    (tmp_path / "a.py").write_text("def f(:\n")
    with pytest.raises(code.InputError, match=r"Cannot read .*a\.py as Python"):
        code.parse(tmp_path / "a.py")


def test_the_empty_string_that_python_3_12_adds_to_a_format_means_nothing() -> None:
    tree = ast.parse('f"{x:>{width}}"')
    before = code.write_tree(tree)
    spec = next(n.format_spec for n in ast.walk(tree) if isinstance(n, ast.FormattedValue))
    assert isinstance(spec, ast.JoinedStr)
    spec.values.append(ast.Constant(""))
    assert code.write_tree(tree) == before
