"""The rooms of the library, read from its source: what each is for, its size, what it imports."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import matplotlib.pyplot as plt

LIBRARY = Path(__file__).resolve().parents[1] / "lib" / "cagewatch"


def read_imports(library: Path = LIBRARY) -> dict[str, set[str]]:
    """Rooms, and files beside them, that each room imports."""
    found: dict[str, set[str]] = {}
    for path in sorted(library.rglob("*.py")):
        name = name_room(path, library)
        found.setdefault(name, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == library.name:
                found[name].update(one.name for one in node.names)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(library.name):
                found[name].add((node.module or "").split(".")[1])
    return {name: (others & set(found)) - {name} for name, others in found.items()}


def name_room(path: Path, library: Path = LIBRARY) -> str:
    """The room that a module lies in; a module at the root is a room of its own."""
    return path.relative_to(library).parts[0].removesuffix(".py")


def order_rooms(imports: dict[str, set[str]]) -> list[str]:
    """Rooms such that each imports earlier ones only; `graphlib.CycleError` if there is no way."""
    return list(graphlib.TopologicalSorter(imports).static_order())


def describe_rooms(picture: str) -> str:
    """The page: the picture, and a row per room in order, its own rooms below it."""
    imports = read_imports()
    lines = [
        "# Rooms of the library",
        "",
        "A dot: the room of the row imports that of the column. All lie below the line.",
        "",
    ]
    lines += [f"![Rooms and their imports]({picture})", "", "| room | what it is | lines |"]
    lines += ["| --- | --- | ---: |"]
    for name in order_rooms(imports):
        for face in sorted(LIBRARY.glob(f"{name}/**/__init__.py")):
            text = ast.get_docstring(ast.parse(face.read_text()))
            size = sum(len(path.read_text().splitlines()) for path in face.parent.rglob("*.py"))
            place = face.parent.relative_to(LIBRARY).as_posix()
            lines.append(f"| `{place}` | {(text or '').splitlines()[0]} | {size:,} |")
    return "\n".join([*lines, ""])


def draw_rooms(path: Path) -> None:
    """Draw a dot where the room of a row imports that of a column: below the diagonal, all of them.

    Rooms stand in the order of `order_rooms`.
    """
    imports = read_imports()
    rooms = [name for name in order_rooms(imports) if (LIBRARY / name).is_dir()]
    pairs = [(rooms.index(b), rooms.index(a)) for a in rooms for b in imports[a] if b in rooms]
    figure, ax = plt.subplots(figsize=(6.4, 5.2))
    ax.plot([-0.5, len(rooms) - 0.5], [-0.5, len(rooms) - 0.5], color="0.8", lw=1)
    ax.scatter(*zip(*pairs, strict=True), s=50, color="#0072b2")
    ax.set_xticks(range(len(rooms)), rooms, rotation=90)
    ax.set_yticks(range(len(rooms)), rooms)
    ax.set(xlabel="is imported", ylabel="imports")
    ax.invert_yaxis()
    ax.set_aspect("equal")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(
        path, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else {}
    )
    plt.close(figure)
