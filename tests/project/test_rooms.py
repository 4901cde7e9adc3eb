"""The library's rooms: imports go one way, in the order that CONTRIBUTING.md gives."""

from __future__ import annotations

import graphlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import rooms  # noqa: E402


def test_no_room_imports_a_later_one() -> None:
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    (listed,) = re.findall(r"rooms of `lib/cagewatch`: ([^.]+)\.", text)
    order = listed.split(", ")
    imports = rooms.read_imports()
    assert set(order) == {name for name in imports if (rooms.LIBRARY / name).is_dir()}
    for name in order:
        later = order[order.index(name) + 1 :]
        assert not imports[name] & set(later), f"{name} imports a later room"
    rooms.order_rooms(imports)  # the files beside the rooms too


def test_a_circle_of_imports_is_found(tmp_path: Path) -> None:
    for name, line in {"a": "from lib.b import x", "b": "from lib import a"}.items():
        (tmp_path / "lib" / name).mkdir(parents=True)
        (tmp_path / "lib" / name / "__init__.py").write_text(line)
    with pytest.raises(graphlib.CycleError):
        rooms.order_rooms(rooms.read_imports(tmp_path / "lib"))
