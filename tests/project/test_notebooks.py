"""The committed notebooks, as a reader opens them: edit the parameters cell, run all cells."""

from __future__ import annotations

import nbformat
from nbclient import NotebookClient

from cagewatch.params import project_root


def run_edited(name: str, **edits: object) -> nbformat.NotebookNode:
    """Run a committed notebook after its parameters cell was edited, as JupyterLab would."""
    book = nbformat.read(project_root() / "notebooks" / f"{name}.ipynb", as_version=4)
    (cell,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    lines = cell.source.splitlines()
    for parameter, value in edits.items():
        (row,) = [row for row, line in enumerate(lines) if line.startswith(f"{parameter}: ")]
        lines[row] = f"{parameter} = {value!r}"
    cell.source = "\n".join(lines)
    folder = {"metadata": {"path": str(project_root() / "notebooks")}}
    NotebookClient(book, timeout=600, kernel_name="python3", resources=folder).execute()
    return book


def test_edited_parameters_are_used_without_papermill(tmp_path, write_video, moving_disc) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("a", "b"):
        write_video(tmp_path / "mine" / f"{name}.mp4", moving_disc(90), 25)
    cage = tmp_path / "cage"
    common = {"frame_stride": 1, "cores": 1}
    run_edited("train_on_your_cage", videos=str(tmp_path / "mine"), into=str(cage), **common)
    assert (cage / "cage.yaml").is_file()
    run_edited(
        "score_recording", recording=str(tmp_path / "mine" / "a.mp4"), cage=str(cage), cores=1
    )
    assert (cage / "scored" / "a" / "scores.csv").is_file()
    shown = run_edited("explore_thresholds", results_dir=str(cage), cores=1)
    assert any("image/png" in output.get("data", {}) for c in shown.cells for output in
               c.get("outputs", []))  # fmt: skip
