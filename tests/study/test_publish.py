"""Published notebooks, and the three for one's own videos run for real by papermill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cagewatch.errors import InputError
from cagewatch.params import project_root
from cagewatch.simulate import write_dataset
from cagewatch.study.publish import publish_notebook

SOURCE = '# %% [markdown]\n# Words\n\n# %% tags=["parameters"]\na = 1\n\n# %%\nprint(a)\n'


def executed(text: str = "1\n") -> nbformat.NotebookNode:
    """What papermill leaves of SOURCE, run with ``-p a 2``."""
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


def test_a_published_notebook_keeps_results_and_given_values_and_drops_the_rest(tmp_path):
    shown = publish(tmp_path, executed())
    assert [cell.source for cell in shown.cells] == ["Words", "a = 1", "a = 2", "print(a)"]
    assert [output.text for output in shown.cells[3].outputs] == ["1\n"]
    assert "papermill" not in nbformat.writes(shown)


def test_all_values_of_a_run_of_the_batch_are_left_out(tmp_path):
    notebook = executed()
    notebook.cells[2].source = "\n".join(f"a{n} = {n}" for n in range(70))
    assert len(publish(tmp_path, notebook).cells) == 3


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


def papermill(name: str, output: Path, **given: object) -> nbformat.NotebookNode:
    """Run a paired notebook as a user does from a shell."""
    command = [sys.executable, "-m", "papermill", f"notebooks/{name}.ipynb", str(output)]
    command += ["-k", "python3", "--cwd", ".", "--no-progress-bar"]
    for key, value in given.items():
        command += ["-p", key, str(value)]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, cwd=project_root(), capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.read(output, as_version=4)


def count_figures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_own_videos_from_training_to_highlights_and_a_threshold(tmp_path):
    """Three simulated recordings stand for a user's: no labels are read."""
    write_dataset(tmp_path / "cage", seed=5, n_recordings=3, n_frames=400, cores=1, progress=False)
    videos, results = tmp_path / "cage" / "full_database", tmp_path / "results"
    common = {"cores": 1}
    trained = papermill(
        "train_on_your_cage",
        tmp_path / "train.ipynb",
        data_dir=videos,
        results_dir=results,
        scale="smoke",
        **common,
    )
    run = results / "folder" / "anomaly" / "cae" / "seed-0"
    assert (run / "metrics.json").is_file() and count_figures(trained) >= 4
    scored = papermill(
        "score_recording",
        tmp_path / "score.ipynb",
        recording=videos / "simulated_day_02.mpg",
        run=run,
        rule="quantile=0.9",
        highlights=2,
        **common,
    )
    assert count_figures(scored) >= 2
    (folder,) = (run / "scored").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert {"scores.csv", "bouts.csv", "highlights.mp4", "timeline.png"} <= names
    table = pd.read_csv(folder / "scores.csv")
    assert table["frame"].is_monotonic_increasing and table["score"].notna().all()
    explored = papermill(
        "explore_thresholds", tmp_path / "explore.ipynb", results_dir=results, **common
    )
    assert count_figures(explored) >= 1
