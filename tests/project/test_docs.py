"""The site's own code: links between pages, generated pages, and the examples in docstrings."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import sys
from pathlib import Path
from types import FunctionType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "lib"
ROOMS = [
    f"cagewatch.{room}"
    for room in "cages clips detectors explore plots recordings review runs scoring".split()
]
EXAMPLES = sorted(path for path in LIBRARY.rglob("*.py") if ">>> " in path.read_text("utf-8"))


@pytest.fixture(scope="module")
def generate():
    """The module docs/generate.py."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        yield importlib.import_module("generate")
    finally:
        sys.path.remove(str(ROOT / "docs"))


def test_a_detectors_page_has_its_rows_however_a_table_names_it(generate) -> None:
    for name in ("recommended", "density", "pca_frames"):
        assert "/figures/" in "\n".join(generate.find_rows(name)), name
    rows = "\n".join(generate.find_rows("pca_frames"))
    assert "| PCA of frames |" in rows and "pca_frames" in rows.replace("\\_", "_")


def mended(generate, page: str, text: str) -> str:
    """A page's text after its links were mended."""
    site = SimpleNamespace(
        srcdir=str(ROOT / "docs"), env=SimpleNamespace(doc2path=lambda name, base: f"{name}.md")
    )
    source = [text]
    generate.mend_links(site, page, source)
    return source[0]


@pytest.mark.parametrize(
    ("page", "link", "wanted"),
    [
        ("peers", "[a](../figures/ped2/README.md)", "[a](/figures/ped2/README.md)"),
        ("peers", "![a](../figures/ped2/roc.png)", "![a](/figures/ped2/roc.png)"),
        ("figures/ped2/README", "![a](roc.png)", "![a](/figures/ped2/roc.png)"),
        ("how_to/gpu", "[a](../performance.md#goals)", "[a](/performance.md#goals)"),
        ("peers", "[layers](../params/base.yaml)", "layers"),
        ("peers", "[a](https://example.org/x)", "[a](https://example.org/x)"),
        ("peers", "[a](no_such_page.md)", "[a](no_such_page.md)"),
    ],
)
def test_links_lead_to_pages_of_the_site(generate, page: str, link: str, wanted: str) -> None:
    assert mended(generate, page, f"see {link}.") == f"see {wanted}."


def test_every_parameter_is_described_with_its_bounds(generate) -> None:
    from cagewatch.params import Parameters

    text = generate.list_parameters()
    for name, field in Parameters.model_fields.items():
        assert f"| `{name}` |" in text and field.description in text
    assert "| number, ≥ 0, ≤ 1 |" in text


def test_every_relative_link_of_the_pages_leads_somewhere(generate) -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/how_to").glob("*")]
    for page in pages:
        for match in generate.LINK.finditer(page.read_text("utf-8")):
            target = (page.parent / match["target"]).resolve()
            generated = target.is_relative_to(ROOT / "docs" / "generated")
            assert generated or target.exists() or target.with_suffix(".md").exists(), (
                f"{page.relative_to(ROOT)}: {match[0]}"
            )


def test_every_message_explained_is_one_of_the_library() -> None:
    page = (ROOT / "docs" / "how_to" / "messages.md").read_text("utf-8")
    quoted = re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)
    assert len(quoted) > 15
    # Strings that Python joins, in one piece, whatever stands between their parts.
    said = "\n".join(
        "".join(part.value for part in getattr(node, "values", [node]) if is_text(part))
        for path in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr) or is_text(node)
    )
    assert [one for one in quoted if one not in said] == []


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def public_functions() -> list[FunctionType]:
    """What the rooms of the library offer."""
    return [
        one
        for room in map(importlib.import_module, ROOMS)
        for name, one in vars(room).items()
        if isinstance(one, FunctionType) and one.__module__.startswith(room.__name__)
        if not name.startswith("_")
    ]


def test_every_public_function_describes_its_parameters_and_what_it_returns() -> None:
    functions = public_functions()
    assert len(functions) > 70
    for function in functions:
        doc, signature = inspect.getdoc(function), inspect.signature(function)
        _, _, described = doc.partition("\nParameters\n----------\n")
        for name in signature.parameters:
            named = rf"^(\w+, )*\**{name}(, \w+)*( : .+)?$"
            assert re.search(named, described, re.MULTILINE), f"{function.__qualname__}: {name}"
        # A class of the library says itself what it holds; an array or a table does not.
        bare = re.match(
            r"(np|pd)\.|tuple|dict|list|float|int|str|bool|Path", signature.return_annotation
        )
        said = re.search(r"^(Returns|Yields)\n-------?$", doc, re.MULTILINE)
        assert said or not bare, f"{function.__qualname__}: what it returns"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_in_docstrings_give_what_they_say(path: Path) -> None:
    name = ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__")
    tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried.attempted and not tried.failed
