"""The notebooks as a forge shows them: ``make notebooks``.

Takes the executed notebooks of the finished default study back into ``notebooks/``, runs the three
that are for a user's own videos on simulated recordings, and removes what belongs to the machine
they ran on.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import jupytext
import nbformat
import papermill

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.study.contents import ARTEFACTS

STUDY = Path("results") / "simulated"
PED2 = Path("results") / "ped2"
# In this order: the second reads the cage that the first leaves.
OWN_VIDEOS = ("train_on_your_cage", "score_recording", "explore_thresholds")
KEPT = {"jupytext", "kernelspec", "language_info"}
LARGEST = 1_000_000  # bytes


def executed_notebooks() -> dict[str, Path]:
    """Name of each notebook that the batch executes -> its executed copy."""
    runs = {
        "prepare": STUDY / "prepare.ipynb",
        "baselines": STUDY / "hang" / "baselines.ipynb",
        "experiment": STUDY / "hang" / "cae" / "seed-0" / "experiment.ipynb",
        "detector": STUDY / "hang" / "density" / "seed-0" / "detector.ipynb",
    }
    names = [artefact.notebook for artefact in ARTEFACTS] + ["summary"]
    for name in names:
        on_cage = STUDY / "artefacts" / f"{name}.ipynb"
        runs[name] = on_cage if on_cage.is_file() else PED2 / "artefacts" / f"{name}.ipynb"
    return runs


def publish_notebook(executed: nbformat.NotebookNode, source: Path, target: Path) -> None:
    """Write an executed notebook to `target` as far as it says something to another reader.

    No cell that papermill injected stays: it would override what a reader edits above it.

    Parameters
    ----------
    source : the percent ``.py`` of the same notebook, which must be what was executed.

    Raises
    ------
    InputError
        If it is not, a cell failed or was not run, or the result is too large or names a folder
        of this machine.
    """
    wanted = jupytext.read(source).cells
    cells = [cell for cell in executed.cells if "injected-parameters" not in tags_of(cell)]
    same = [(cell.cell_type, cell.source) for cell in cells]
    if same != [(cell.cell_type, cell.source) for cell in wanted]:
        raise InputError(f"{source} has changed since it was executed: run 'make study' again.")
    for cell in cells:
        cell.metadata = {"tags": tags_of(cell)} if tags_of(cell) else {}
        if cell.cell_type == "code":
            if cell.execution_count is None:
                raise InputError(f"{source.stem} was not executed to its end: run it again.")
            cell.outputs = [one for one in cell.outputs if not is_noise(one)]
    executed.cells = cells
    executed.metadata = {name: executed.metadata[name] for name in KEPT & set(executed.metadata)}
    executed.metadata["jupytext"] = {"formats": "ipynb,py:percent"}
    text = nbformat.writes(executed, version=4) + "\n"
    for folder in {str(params.project_root()), str(Path.home()), tempfile.gettempdir()}:
        if re.search(re.escape(folder.rstrip("/")) + "/", text):
            raise InputError(f"{source.stem} shows the folder {folder}: give relative paths.")
    if len(text) > LARGEST:
        raise InputError(f"{source.stem} has {len(text):,} bytes: make its figures smaller.")
    with whole_file(target) as partial:
        partial.write_text(text, encoding="utf-8")


def tags_of(cell: Mapping) -> list[str]:
    """A cell's tags, without those that papermill adds for itself."""
    return [tag for tag in cell["metadata"].get("tags", []) if not tag.startswith("papermill")]


def is_noise(output: Mapping) -> bool:
    """Whether an output is a library's words on standard error or a progress bar."""
    widget = "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    return output.get("name") == "stderr" or widget


def main() -> None:
    """Publish every notebook there is a finished run of; the default study must have finished."""
    root = params.project_root()
    folder = root / "notebooks"
    executed = executed_notebooks()
    if not (root / executed["summary"]).is_file():
        raise InputError(f"{executed['summary']} not found: run 'make study' first.")
    for name, path in executed.items():
        if not (root / path).is_file():
            print(f"{path} not found: the notebook {name} stays as it is")
            continue
        notebook = nbformat.read(root / path, as_version=4)
        publish_notebook(notebook, folder / f"{name}.py", folder / f"{name}.ipynb")
    for name in OWN_VIDEOS:
        print(f"executing {name}", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            start = Path(scratch) / f"{name}.ipynb"
            jupytext.write(jupytext.read(folder / f"{name}.py"), start)
            notebook = papermill.execute_notebook(
                start, None, kernel_name="python3", cwd=root, progress_bar=False
            )
        publish_notebook(notebook, folder / f"{name}.py", folder / f"{name}.ipynb")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"cagewatch: {error}")
