"""Check the notebooks: each `.ipynb` has the cells of its `.py`, and no injected parameters."""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def find_faults(folder: Path = NOTEBOOKS) -> list[str]:
    """Say of each notebook in `folder` what is wrong with it, one line per fault."""
    faults = []
    for script in sorted(folder.glob("*.py")):
        shown = script.with_suffix(".ipynb")
        if not shown.is_file():
            faults.append(f"{shown.name} is missing: jupytext --sync {script.name}")
            continue
        notebook = nbformat.read(shown, as_version=4)
        if any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells):
            faults.append(f"{shown.name} carries injected parameters: they override the first cell")
        if list_sources(notebook) != list_sources(jupytext.read(script)):
            faults.append(f"{shown.name} and {script.name} differ: jupytext --sync {script.name}")
    return faults


def list_sources(notebook: nbformat.NotebookNode) -> list[str]:
    """The cells' text; a parameters cell only counts as such, since a run may show its values."""
    return [
        "parameters" if "parameters" in cell.metadata.get("tags", []) else cell.source.strip()
        for cell in notebook.cells
    ]


if __name__ == "__main__":
    sys.exit("\n".join(find_faults()))
