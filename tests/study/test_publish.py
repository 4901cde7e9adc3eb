"""Published notebooks: what stays of an executed one, and what is refused."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cagewatch.errors import InputError
from cagewatch.params import project_root
from cagewatch.study.publish import publish_notebook

SOURCE = '# %% [markdown]\n# Words\n\n# %% tags=["parameters"]\na = 1\n\n# %%\nprint(a)\n'


def executed(text: str = "1\n") -> nbformat.NotebookNode:
    """What papermill leaves of SOURCE, run with ``-p a 2``: a cell that overrides the first."""
    cells = [
        new_markdown_cell("Words"),
        new_code_cell("a = 1", execution_count=1, metadata={"tags": ["parameters"]}),
        new_code_cell("a = 2", execution_count=2, metadata={"tags": ["injected-parameters"]}),
        new_code_cell(
            "print(a)",
            execution_count=3,
            metadata={"papermill": {"duration": 1.5}},
            outputs=[
                new_output("stream", name="stdout", text=text),
                new_output("stream", name="stderr", text="a warning"),
            ],
        ),
    ]
    return new_notebook(cells=cells, metadata={"papermill": {"input_path": "x"}})


def publish(folder: Path, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    (folder / "a.py").write_text(SOURCE)
    publish_notebook(notebook, folder / "a.py", folder / "a.ipynb")
    return nbformat.read(folder / "a.ipynb", as_version=4)


def test_a_published_notebook_keeps_results_and_drops_the_rest(tmp_path):
    shown = publish(tmp_path, executed())
    assert [cell.source for cell in shown.cells] == ["Words", "a = 1", "print(a)"]
    assert [output.text for output in shown.cells[2].outputs] == ["1\n"]
    assert "papermill" not in nbformat.writes(shown)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: n.cells[3].update(source="print(b)"), "has changed since"),
        (lambda n: n.cells[3].update(execution_count=None), "not executed to its end"),
        (lambda n: n.cells[3].outputs[0].update(text=f"{project_root()}/x"), "shows the folder"),
        (lambda n: n.cells[3].outputs[0].update(text="x" * 1_000_001), "smaller"),
    ],
)
def test_what_must_not_be_published_is_refused_and_nothing_is_written(tmp_path, change, message):
    notebook = executed()
    change(notebook)
    with pytest.raises(InputError, match=message):
        publish(tmp_path, notebook)
    assert not (tmp_path / "a.ipynb").exists()
