"""What computes a run: the modules that a notebook imports, and a digest of what they mean.

A run is out of date when the code that computed it means something else now. Comments, docstrings,
formatting and type hints of functions mean nothing to it; nor do the modules that only say, show or
write down what was computed.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from cagewatch.detectors import DETECTORS
from cagewatch.errors import InputError
from cagewatch.params import choices, layers_root, read_model

LIBRARY = Path(__file__).resolve().parents[1]
# Modules that change no number: values are compared as such, wherever they come from.
SILENT = tuple(
    f"cagewatch.{name}"
    for name in ("params", "errors", "files", "names", "runtime", "cli", "runs", "plots", "explore")
    + (
        "study",
        "cages",
        "metrics.uncertainty.comparisons",
        "metrics.uncertainty.claims",
        "detectors.registry",
    )
)


def digest_run(model: str) -> str:
    """Digest of the code that computes a run of one detector, of ``params/model``.

    16 hexadecimal digits: the same for code of the same meaning, on any machine. Modules that only
    other detectors are made of do not count.
    """
    path = layers_root() / "notebooks" / "experiment.py"
    return digest([path, *made_of(model)], [*SILENT, *other_detectors(model)])


@cache
def _digest(sources: tuple[Path, ...], without: tuple[str, ...]) -> str:
    files = {*sources, *(file for source in sources for file in library(source, without))}
    # By name and not by place, so that a module that moves to another room means the same.
    found = {f"{file.stem}\n{meaning_of(file)}\n" for file in files}
    return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()[:16]


def digest(sources: Iterable[Path], without: Sequence[str] = SILENT) -> str:
    """Digest of the meaning of notebooks or modules, and of what they import from cagewatch.

    `without` names modules and packages that are left out, with what only they import.
    """
    return _digest(tuple(Path(source).resolve() for source in sources), tuple(without))


def made_of(model: str) -> list[Path]:
    """The modules a detector is made of, those of its layer's members among them.

    A network's own module is named by the first word of its name.
    """
    members = read_model(model).get("members", ()) if model in DETECTORS else ()
    if members:
        return [
            *(path for path in [find_module(DETECTORS[model])] if path),
            *(path for member in members for path in made_of(member)),
        ]
    network = f"cagewatch.detectors.networks.{model.partition('_')[0]}"
    found = [find_module(name) for name in (DETECTORS.get(model, ""), network)]
    return [path for path in found if path]


def other_detectors(model: str) -> list[str]:
    """Modules that other detectors are made of, and this one is not."""
    own = made_of(model)
    needed = {*own, *(file for path in own for file in imported_files(path))}
    others = {path for name in choices("model") for path in made_of(name)} - needed
    parts = sorted(path.relative_to(LIBRARY).with_suffix("").parts for path in others)
    return [".".join(("cagewatch", *one)) for one in parts]


def library(source: Path, without: Sequence[str] = SILENT) -> list[Path]:
    """Files of lib/cagewatch that a notebook or module imports, directly or through others.

    A module is listed itself. Modules named in `without`, and whatever only they import, are not.
    """
    waiting = [Path(source).resolve()]
    found = {path for path in waiting if LIBRARY in path.parents}
    skipped = {file for name in without for file in _inside(name)}
    while waiting:
        for path in imported_files(waiting.pop()) - skipped - found:
            found.add(path)
            waiting.append(path)
    return sorted(found)


def _inside(name: str) -> set[Path | None]:
    """The file of a module; of a package, those of all its modules."""
    return {find_module(name), *LIBRARY.joinpath(*name.split(".")[1:]).rglob("*.py")}


@cache
def imported_files(source: Path) -> frozenset[Path]:
    """Files of lib/cagewatch that one Python file imports itself, wherever in it."""
    names: set[str] = set()
    for node in _executed_nodes(parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    # Importing a.b.c runs a and a.b too.
    names |= {".".join(name.split(".")[:depth]) for name in names for depth in range(1, 9)}
    return frozenset(path for name in names if (path := find_module(name)))


def find_module(name: str) -> Path | None:
    """The file of a module of cagewatch; None for anything else."""
    first, *parts = name.split(".")
    place = LIBRARY.joinpath(*parts)
    files = [place / "__init__.py", place.with_suffix(".py")]
    return next((file for file in files if first == "cagewatch" and file.is_file()), None)


def parse(source: Path) -> ast.Module:
    """The syntax tree of a module or of a notebook's percent script.

    InputError if the file cannot be read or is no Python.
    """
    try:
        return ast.parse(source.read_text(encoding="utf-8"), filename=str(source))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"Cannot read {source} as Python: {error}.") from error


def _executed_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if not _for_type_checkers(child):
            yield child
            yield from _executed_nodes(child)


def _for_type_checkers(node: object) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


@cache
def meaning_of(source: Path) -> str:
    """What a Python file means, as text: its syntax tree without what only people read.

    The values in a notebook's parameters cell are left out, since they are compared as values. The
    text is the same in every version of Python, which `ast.dump` is not.
    """
    tree = parse(source)
    if source.parent.name == "notebooks":
        tree.body = [node for node in tree.body if not isinstance(node, ast.AnnAssign)]
    return write_tree(tree)


def write_tree(node: object) -> str:
    """A syntax tree as text, without types, docstrings and what only a type checker sees."""
    if isinstance(node, list):
        return f"[{','.join(write_tree(one) for one in node if not _for_type_checkers(one))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.arg | ast.FunctionDef | ast.AsyncFunctionDef):
        fields |= {"annotation": None, "returns": None}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = node.body[ast.get_docstring(node, clean=False) is not None :]
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cagewatch."):
        fields["module"] = node.module.rpartition(".")[2]  # wherever it lies
    if isinstance(node, ast.JoinedStr):  # Python 3.12 ends some with an empty string
        fields["values"] = [one for one in node.values if getattr(one, "value", None) != ""]
    kept = {name: value for name, value in fields.items() if value not in (None, [])}
    inside = ",".join(
        f"{name}={write_tree(value)}" for name, value in kept.items() if name != "kind"
    )
    return f"{type(node).__name__}({inside})"
