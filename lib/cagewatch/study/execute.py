"""Run one notebook with given values, by hand or from the batch.

``cagewatch run experiment -p model cae -p target hang -f own.yaml -o out.ipynb``

The values are checked first and then written into the lines of the notebook's parameters cell, so
that the executed notebook shows what it was made with and nothing has to be injected.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import jupytext
import nbformat
import yaml

from cagewatch import params
from cagewatch.errors import InputError, nearest_name
from cagewatch.params.notebook import RUN_HEADING, parameters_cell
from cagewatch.study.plan import check_kernel

OF_A_RUN = {"dataset", "target", "model", "seed", "layout"}  # in the cell of a run's notebook


def execute(
    notebook: Path,
    output: Path,
    values: Mapping[str, Any],
    kernel: str = "python3",
    name: str = "",
) -> Path:
    """Run a notebook with the given values; its executed copy appears when it is complete.

    It is executed cell by cell as ``<output>.unfinished.ipynb``, which can be read while it runs
    and stays after an error.

    Parameters
    ----------
    notebook : Path
        A percent script, or the name of one of ``notebooks/``.
    output : Path
        Where the executed ``.ipynb`` goes; it is given back.
    values : dict
        Parameters by name. A notebook that makes a run gets all parameters that the layers resolve
        them to; another notebook only those given.
    kernel, name : str
        The Jupyter kernel, and what stands before each line that the notebook prints.

    Raises
    ------
    InputError
        For a name or value that is no parameter, before anything runs; and if the notebook does not
        end, with its own reason.
    """
    book = fill_parameters(read_notebook(notebook), values, str(notebook))
    check_kernel(kernel)
    output = Path(output).absolute()
    unfinished = output.with_suffix(".unfinished.ipynb")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(book, unfinished)
    except OSError as error:
        raise InputError(f"Cannot write {unfinished}: {error.strerror}.") from error

    import papermill  # here: takes a second, and wrong values are refused before
    from nbclient.exceptions import DeadKernelError

    place = str(unfinished).replace("{", "{{").replace("}", "}}")
    said = _Prefixed(f"{name}: " if name else "", sys.stderr)
    try:
        papermill.execute_notebook(
            place,
            place,
            kernel_name=kernel,
            cwd=str(params.project_root()),
            progress_bar=False,
            stdout_file=said,
            extra_arguments=["--log-level=ERROR"],
        )
    except papermill.PapermillExecutionError as error:
        raise InputError(why_unfinished(unfinished)) from error
    except DeadKernelError as error:
        why = "its kernel died, as it does when memory runs out"
        raise InputError(f"{unfinished} did not finish: {why}; run it again.") from error
    os.replace(unfinished, output)
    return output


def read_notebook(notebook: Path) -> nbformat.NotebookNode:
    """Read a notebook's percent script, by path or name; InputError if there is none."""
    folder = params.layers_root() / "notebooks"
    path = Path(notebook)
    path = path.with_suffix(".py") if path.suffix else folder / f"{path.name}.py"
    try:
        return jupytext.read(path)
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(one.stem for one in folder.glob("*.py")))
        raise InputError(f"Cannot read the notebook {path}: choose one of {known}.") from error


def read_values(
    notebook: str | Path, files: Sequence[Path], named: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Read what a user gives for a notebook: YAML files, then names with values as text.

    Later files win over earlier ones, and names over files. A text is read as YAML unless the
    notebook says that the parameter is a ``str``. InputError for a name that it does not have.
    """
    cell = _parameters_cell(read_notebook(Path(notebook)), str(notebook))
    kinds = {name: line.annotation for name, line in _lines_of(cell.source).items()}
    values: dict[str, Any] = {}
    for file in files:
        values |= params.read_flat(file)
    _refuse_unknown(values, kinds, str(notebook))
    for name, text in named:
        _refuse_unknown([name], kinds, str(notebook))
        try:
            values[name] = text if ast.unparse(kinds[name]) == "str" else yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InputError(f"{name} has the value {text!r}, which is not valid YAML.") from error
    return values


def fill_parameters(
    book: nbformat.NotebookNode, values: Mapping[str, Any], where: str
) -> nbformat.NotebookNode:
    """Write values into the lines of the cell tagged ``parameters``, and give back the notebook.

    InputError for a name that has no line there, or a value that is not one of a parameter.
    """
    cell = _parameters_cell(book, where)
    if _lines_of(cell.source).keys() >= OF_A_RUN:
        values = params.applicable(params.resolve(values))
        cell.source = "\n".join([RUN_HEADING, *parameters_cell().splitlines()[1:]])
    lines = _lines_of(cell.source)
    _refuse_unknown(values, lines, where)
    text = cell.source.splitlines()
    for name, line in lines.items():
        if name in values and line.value is not None:
            row, old = line.lineno - 1, line.value
            head = text[row].encode()[: old.col_offset].decode()
            tail = text[row].encode()[old.end_col_offset :].decode()
            text[row] = f"{head}{_as_python(name, values[name])}{tail}"
    cell.source = "\n".join(text)
    return book


def _parameters_cell(book: nbformat.NotebookNode, where: str) -> nbformat.NotebookNode:
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", []):
            return cell
    raise InputError(f"{where} has no cell tagged 'parameters' to write values into.")


def _lines_of(source: str) -> dict[str, ast.AnnAssign]:
    """The ``name: type = value`` lines of a cell, by name."""
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise InputError(
            f"The cell tagged 'parameters' is no Python ({error}); mend it."
        ) from error
    nodes = (node for node in body if isinstance(node, ast.AnnAssign))
    return {node.target.id: node for node in nodes if isinstance(node.target, ast.Name)}


def _refuse_unknown(given: Iterable[str], known: Mapping[str, Any], where: str) -> None:
    for name in given:
        if name not in known:
            hint = nearest_name(name, known)
            raise InputError(f"The notebook {where} has no parameter {name!r}: {hint}")


def _as_python(name: str, value: Any) -> str:
    """A value as source: plain data only, which is all that a parameter can be."""
    written = repr(value)
    try:
        if ast.literal_eval(written) == value and "\n" not in written:
            return written
    except (ValueError, SyntaxError):
        pass
    raise InputError(f"{name} has the value {written[:60]}, which is no plain value.")


class _Prefixed:
    """A text file that puts the same words before each line and passes it on."""

    def __init__(self, words: str, file: TextIO) -> None:
        self.words, self.file, self.at_start = words, file, True

    def write(self, text: str) -> int:
        for line in text.splitlines(keepends=True):
            self.file.write(f"{self.words}{line}" if self.at_start else line)
            self.at_start = line.endswith("\n")
        return len(text)

    def flush(self) -> None:
        self.file.flush()


def why_unfinished(notebook: Path) -> str:
    """One line on why a notebook has not ended: its error, or that it was stopped from outside."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        errors = [output for output in outputs if output["output_type"] == "error"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{notebook} was cut short; run it again."
    if not errors:
        return f"{notebook} was stopped before its end; run it again."
    name, words = errors[-1]["ename"], " ".join(errors[-1]["evalue"].split())[:600]
    said = words if name == "InputError" else f"{name}: {words}"
    return f"{notebook} did not finish; open it to see where. {said}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one notebook; its failure is one sentence."""
    parser = argparse.ArgumentParser(
        prog="cagewatch run", description="Run a notebook with parameters that are checked first."
    )
    parser.add_argument("notebook", help="one of notebooks/, for instance experiment")
    named = {"nargs": 2, "action": "append", "default": [], "metavar": ("NAME", "VALUE")}
    parser.add_argument("-p", **named, help="a parameter; may be repeated, wins over -f")
    files = {"type": Path, "action": "append", "default": [], "metavar": "FILE"}
    parser.add_argument("-f", **files, help="a YAML file of 'name: value' lines; may be repeated")
    parser.add_argument("--values", type=json.loads, default={}, help="parameters as JSON")
    parser.add_argument("-o", "--output", type=Path, help="the executed notebook")
    parser.add_argument("-k", "--kernel", default="python3", help="the Jupyter kernel")
    parser.add_argument("--cores", type=int, help="processor cores to use")
    parser.add_argument("--name", default="", help="stands before what the notebook prints")
    given = parser.parse_args(arguments)
    cores = {} if given.cores is None else {"cores": given.cores}
    try:
        if not isinstance(given.values, dict):
            raise InputError("--values takes names with their values, such as '{\"seed\": 1}'.")
        values = read_values(given.notebook, given.f, given.p) | given.values | cores
        output = given.output or Path(f"{Path(given.notebook).stem}.ipynb")
        execute(Path(given.notebook), output, values, given.kernel, given.name)
    except InputError as error:
        sys.exit(f"cagewatch: {error}")


if __name__ == "__main__":
    main()
