"""What a forge shows: figures, tables and executed notebooks of finished studies: ``make publish``.

A study writes below ``results/``. On purpose only, its figures are copied into
``figures/<dataset>/`` and its executed notebooks into ``notebooks/``, without what belongs to the
machine they ran on; the three notebooks for a user's own videos are run on simulated recordings,
and the README's table of results is written anew.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import jupytext
import nbformat

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.files import read_json, whole_file, write_json
from cagewatch.params import Scale
from cagewatch.runs import list_runs
from cagewatch.study.ablations.variations import TRAINED
from cagewatch.study.contents import ARTEFACTS
from cagewatch.study.execute import execute
from cagewatch.study.tables.gallery import write_gallery
from cagewatch.study.tables.readme import write_results

DATASETS = ("simulated", "ped2", "mit_sample")  # a notebook is shown as of the first that has it
# In this order: the second reads the cage that the first leaves.
OWN_VIDEOS = ("train_on_your_cage", "score_recording", "explore_thresholds")
RECORD = "published.json"
SCALES = get_args(Scale)  # from the smallest to the paper's
KEPT = {"jupytext", "kernelspec", "language_info"}
LARGEST = 1_000_000  # bytes


def publish_figures(dataset: str, results: Path, figures: Path, alone: str = "") -> list[str]:
    """Copy a study's figures and tables to where they are published, and record their scale.

    A study of one target `alone`, such as with more seeds, has a folder of that name within the
    dataset's. Files that an earlier publication made and this one lacks are removed; others stay.
    The names of what was published are given back. InputError if there is nothing to publish, or
    what is published already is of a larger scale.
    """
    source, target = results / dataset / "figures", figures / dataset / alone
    names = sorted(path.name for path in source.glob("*.*") if path.name != "README.md")
    if not names:
        raise InputError(f"There is no figure in {source}: run make study DATASET={dataset} first.")
    scale = scale_of(dataset, results)
    held = read_json(target / RECORD) if (target / RECORD).is_file() else {}
    if SCALES.index(scale) < SCALES.index(held.get("scale", SCALES[0])):
        raise InputError(
            f"{target} shows a study of scale {held['scale']!r}, and {source} is one of scale "
            f"{scale!r}: run the larger one, or delete {target / RECORD} if it is to be replaced."
        )
    for name in names:
        with whole_file(target / name) as partial:
            shutil.copyfile(source / name, partial)
    for name in set(held.get("files", [])) - set(names):
        (target / name).unlink(missing_ok=True)
    write_json(target / RECORD, {"scale": scale, "files": names})
    write_gallery(target, f"{dataset}, {alone}" if alone else dataset)
    if alone and (figures / dataset / "README.md").is_file():
        write_gallery(figures / dataset, dataset)  # which leads to it
    return names


def scale_of(dataset: str, results: Path) -> str:
    """The smallest scale of a dataset's finished runs; InputError if there is none."""
    runs = list_runs(results)
    folders = runs.loc[runs["dataset"] == dataset, "folder"]
    found = {str(params.read_layer(folder / "params.yaml")["scale"]) for folder in folders}
    if not found:
        raise InputError(f"There is no finished run of {dataset} in {results}: run the study.")
    return min(found, key=SCALES.index)


def executed_notebooks(results: Path) -> dict[str, Path]:
    """Name of each notebook that the batch executes -> where its executed copy would be."""
    places = {
        "prepare": "prepare.ipynb",
        "experiment": "hang/cae/seed-0/experiment.ipynb",
        **{one.notebook: f"artefacts/{one.notebook}.ipynb" for one in ARTEFACTS},
        **{f"ablation_{one}": f"artefacts/ablation_{one}.ipynb" for one in TRAINED},
        "summary": "artefacts/summary.ipynb",
    }
    found = {}
    for name, place in places.items():
        paths = [results / dataset / place for dataset in DATASETS]
        found[name] = next((path for path in paths if path.is_file()), paths[0])
    return found


def publish_notebook(executed: nbformat.NotebookNode, source: Path, target: Path) -> None:
    """Write an executed notebook to `target` as far as it says something to another reader.

    Text and parameters cell are those of the source: the values of one run would win over what a
    reader edits, and no cell that papermill injected stays, which would do so too.

    `source` is the percent ``.py`` of the same notebook. InputError if its code is not what was
    executed, a cell failed or was not run, or the result is too large or names a folder of this
    machine.
    """
    shown = jupytext.read(source)
    ran, code = (
        [cell for cell in one.cells if cell.cell_type == "code"] for one in (executed, shown)
    )
    ran = [cell for cell in ran if "injected-parameters" not in tags_of(cell)]
    if [_code_of(cell) for cell in ran] != [_code_of(cell) for cell in code]:
        raise InputError(f"{source} has changed since it was executed: run 'make study' again.")
    for cell, done in zip(code, ran, strict=True):
        if done.execution_count is None:
            raise InputError(f"{source.stem} was not executed to its end: run it again.")
        cell.execution_count = done.execution_count
        cell.outputs = [one for one in done.outputs if not is_noise(one)]
    for cell in shown.cells:
        cell.metadata = {"tags": tags_of(cell)} if tags_of(cell) else {}
    shown.metadata = {name: executed.metadata[name] for name in KEPT & set(executed.metadata)}
    shown.metadata["jupytext"] = {"formats": "ipynb,py:percent"}
    text = nbformat.writes(shown, version=4) + "\n"
    for folder in {str(params.project_root()), str(Path.home()), tempfile.gettempdir()}:
        if re.search(re.escape(folder.rstrip("/")) + "/", text):
            raise InputError(f"{source.stem} shows the folder {folder}: give relative paths.")
    if len(text) > LARGEST:
        raise InputError(f"{source.stem} has {len(text):,} bytes: make its figures smaller.")
    with whole_file(target) as partial:
        partial.write_text(text, encoding="utf-8")


def _code_of(cell: Mapping) -> str:
    """A cell's code; of the parameters cell only that it is one."""
    return "parameters" if "parameters" in tags_of(cell) else cell["source"]


def tags_of(cell: Mapping) -> list[str]:
    """A cell's tags, without those that papermill adds for itself."""
    return [tag for tag in cell["metadata"].get("tags", []) if not tag.startswith("papermill")]


def is_noise(output: Mapping) -> bool:
    """Whether an output is a library's words on standard error or a progress bar."""
    widget = "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    return output.get("name") == "stderr" or widget


def publish_notebooks(root: Path, results: Path) -> None:
    """Publish every notebook that there is an executed copy of, and run those of own videos."""
    folder = root / "notebooks"
    for name, path in executed_notebooks(results).items():
        if not path.is_file():
            print(f"{path} not found: the notebook {name} stays as it is")
            continue
        notebook = nbformat.read(path, as_version=4)
        publish_notebook(notebook, folder / f"{name}.py", folder / f"{name}.ipynb")
    for name in OWN_VIDEOS:
        print(f"executing {name}", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            done = execute(Path(name), Path(scratch) / f"{name}.ipynb", {})
            notebook = nbformat.read(done, as_version=4)
        publish_notebook(notebook, folder / f"{name}.py", folder / f"{name}.ipynb")


def main(arguments: Sequence[str] | None = None) -> None:
    """Publish the figures of the named datasets, of all by default, and then the notebooks."""
    parser = argparse.ArgumentParser(prog="python -m cagewatch.study.publish", description=__doc__)
    parser.add_argument("datasets", nargs="*", help="whose figures; by default all there are")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--figures-only", action="store_true", help="leave the notebooks")
    parser.add_argument("--alone", default="", help="the one target that the study is of")
    given = parser.parse_args(arguments)
    root = params.project_root()
    results = root / given.results
    try:
        found = given.datasets or sorted(path.parent.name for path in results.glob("*/figures"))
        if not found:
            raise InputError(f"There is no study in {results}: run 'make study' first.")
        for dataset in found:
            names = publish_figures(dataset, results, root / "figures", given.alone)
            print(f"figures/{dataset}: {len(names)} files")
        write_results(root)
        if not given.figures_only:
            publish_notebooks(root, results)
    except InputError as error:
        sys.exit(f"cagewatch: {error}")


if __name__ == "__main__":
    main()
