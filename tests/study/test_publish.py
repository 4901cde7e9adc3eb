"""Published notebooks: what stays of an executed one, and what is refused."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from study_runs import make_run

from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.params import project_root
from cagewatch.study.publish import publish_figures, publish_notebook
from cagewatch.study.tables import write_table

SOURCE = '# %% [markdown]\n# Words\n\n# %% tags=["parameters"]\na = 1\n\n# %%\nprint(a)\n'


def executed(text: str = "1\n") -> nbformat.NotebookNode:
    """SOURCE as run with other values: in its own cell, and in one that papermill injects."""
    cells = [
        new_markdown_cell("Other words"),
        new_code_cell("a = 5", execution_count=1, metadata={"tags": ["parameters"]}),
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


def test_figures_are_published_on_purpose_and_never_of_a_smaller_scale(tmp_path: Path) -> None:
    results, figures = tmp_path / "results", tmp_path / "figures"
    with pytest.raises(InputError, match="There is no figure"):
        publish_figures("ped2", results, figures)
    made = results / "ped2" / "figures"
    made.mkdir(parents=True)
    make_run(results, "ped2", "anomaly", "cae", 1.0, scale="quick")
    write_table(pd.DataFrame({"a": [1]}), made, "table_2", "New")
    shown = figures / "ped2"
    shown.mkdir(parents=True)
    (shown / "photo.png").write_bytes(b"png")  # made by something else
    (shown / "old.md").write_text("### Old.\n")
    write_json(shown / "published.json", {"scale": "smoke", "files": ["old.md"]})
    assert publish_figures("ped2", results, figures) == ["table_2.csv", "table_2.md", "table_2.tex"]
    assert read_json(shown / "published.json")["scale"] == "quick"
    assert "photo.png" in (shown / "README.md").read_text() and not (shown / "old.md").exists()

    publish_figures("ped2", results, figures, alone="anomaly")
    assert "# ped2, anomaly" in (shown / "anomaly" / "README.md").read_text()
    assert "[anomaly](anomaly/README.md)" in (shown / "README.md").read_text()
    assert (shown / "table_2.md").is_file() and (shown / "anomaly" / "table_2.md").is_file()

    make_run(results, "ped2", "anomaly", "cae", 1.0, seed=1, scale="smoke")
    write_table(pd.DataFrame({"a": [2]}), made, "table_2", "Smaller")
    with pytest.raises(InputError, match="shows a study of scale 'quick'"):
        publish_figures("ped2", results, figures)
    assert "New" in (shown / "table_2.md").read_text()
