"""Parameters of a notebook: the cell tagged `parameters`, and what papermill puts after it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cagewatch.params.layers import (
    Schema,
    check_values,
    layers_root,
    read_layer,
    refuse_unknown,
    resolve,
)
from cagewatch.params.schema import Parameters

# Above the parameters cell of an executed run: every value in it counts as given.
RUN_HEADING = "# Parameters of this run: None means that it does not apply, or is not set."


def from_notebook(namespace: Mapping[str, Any]) -> Parameters:
    """Resolve a notebook's parameters, to be called in the cell after the one tagged `parameters`.

    `namespace` is the notebook's ``globals()``. Every name set in the notebook's own parameters
    cell, and in the one papermill injects after it, must be a parameter, so a mistyped one is
    refused rather than silently ignored. Both cells start with ``# Parameters``. What papermill
    injects always counts as given; a line of the notebook's own cell does once it is edited. Under
    `RUN_HEADING`, as `cagewatch.study.execute` writes it, every line does.
    """
    cells = namespace.get("In", [])
    own = _assigned_names(cells, "# Parameters:")
    injected = _assigned_names(cells, RUN_HEADING) + _assigned_names(cells, "# Parameters\n")
    refuse_unknown(dict.fromkeys([*own, *injected]), where="the notebook")
    defaults = read_layer(layers_root() / "params" / "base.yaml")
    edited = [name for name in own if namespace[name] != defaults.get(name)]
    return resolve({name: namespace[name] for name in [*edited, *injected]})


def read_cell(namespace: Mapping[str, Any], schema: type[Schema]) -> Schema:
    """Check the parameters cell of a notebook that has a few parameters of its own.

    `namespace` is the notebook's ``globals()``. As with `from_notebook`, every name set in the
    notebook's parameters cell, or in the one papermill injects, must be a field of `schema`.
    """
    cells = namespace.get("In", [])
    names = [*_assigned_names(cells, "# Parameters:"), *_assigned_names(cells, "# Parameters\n")]
    return check_values({name: namespace[name] for name in names}, schema, "the notebook")


def _assigned_names(cells: list[str], start: str) -> list[str]:
    """Names assigned in the last executed cell whose source begins with `start`."""
    last = [source for source in cells if source.startswith(start)][-1:]
    nodes = [node for source in last for node in ast.walk(ast.parse(source))]
    return [
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def parameters_cell() -> str:
    """The source of the cell tagged `parameters`, the same in every notebook of one run."""
    defaults = read_layer(layers_root() / "params" / "base.yaml")
    lines = ["# Parameters: None means as the layers under params/ say, or that it does not apply."]
    for name, field in Parameters.model_fields.items():
        kind = _kind_in_words(field.annotation)
        lines.append(f"{name}: {kind} = {defaults.get(name)!r}  # {field.description}")
    return "\n".join(lines)


def _kind_in_words(annotation: Any) -> str:
    """A plain type for a field's annotation, as papermill shows it: str, int, float, bool, list."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return _kind_in_words(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return type(get_args(annotation)[0]).__name__
    if get_origin(annotation) is list:
        return "list"
    return annotation.__name__


if __name__ == "__main__":  # prints the cell, to be pasted into a new notebook
    print(parameters_cell())
