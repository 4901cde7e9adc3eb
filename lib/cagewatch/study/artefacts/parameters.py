"""What an artefact notebook is told: whose runs it reads and where its figures go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from cagewatch import params, runtime
from cagewatch.errors import InputError
from cagewatch.names import safe_name
from cagewatch.params import NaturalInt, Parameters, project_root
from cagewatch.plots import use_style
from cagewatch.recordings.annotations import nearest_name
from cagewatch.runs.read import KEY, list_runs
from cagewatch.study.contents import BENCHMARK, KINDS
from cagewatch.study.values import resolve_for

LARGE = "_large"  # suffix of a benchmark's layer with a larger input size


class Given(BaseModel):
    """The parameters of every artefact notebook."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(description="whose runs to show, a layer of params/dataset")
    results_dir: str = Field("results", description="folder the runs are in")
    values: dict[str, Any] | None = Field(
        None,
        description="values of the study that win over the layers; None: as its runs have them",
    )
    cores: NaturalInt = Field(0, description="processor cores to use; 0: all this process may use")


def start(namespace: Mapping[str, Any]) -> Given:
    """Check a notebook's parameters cell, limit the cores and set the look of figures.

    `namespace` is the notebook's ``globals()``; call it before anything imports Keras.

    Raises
    ------
    InputError
        For an unknown name, a wrong value or an unknown dataset.
    """
    given = params.read_cell(namespace, Given)
    known = params.choices("dataset")
    if given.dataset not in known:
        raise InputError(f"Unknown dataset {given.dataset!r}; {nearest_name(given.dataset, known)}")
    runtime.configure(settings_of(given).backend, given.cores)
    use_style()
    return given


def settings_of(given: Given, target: str | None = None, model: str = "cae") -> Parameters:
    """The parameters that the study's runs of `target` and `model` have.

    They follow from the study's values, as the batch gives them; by hand, without those, they are
    read from a finished run, and without one they are what the layers under ``params/`` say.
    """
    own = {"results_dir": given.results_dir}
    chosen = {"dataset": given.dataset, **(given.values or {}), **own}
    parameters = resolve_for(chosen, target, model)
    if given.values is None:
        results = project_root() / Path(given.results_dir).expanduser()
        finished = results / given.dataset / safe_name(parameters.target) / model
        for path in sorted(finished.glob("seed-*/params.yaml")):
            held = params.read_layer(path) | own | {"seed": 0, "cores": 0}
            parameters = params.validate(held, where=str(path))
            break
    return parameters.model_copy(update={"cores": given.cores})


def is_benchmark(given: Given) -> bool:
    """True for datasets whose only target is their anomaly, such as Ped2 and Avenue."""
    return KINDS.get(settings_of(given).layout) == BENCHMARK


def is_simulated(given: Given) -> bool:
    """True if no camera saw what is shown; figures and captions then say so."""
    return settings_of(given).layout == "simulated"


def figures_folder(given: Given) -> Path:
    """``results_dir/dataset/figures``, relative to the project's root."""
    return project_root() / Path(given.results_dir).expanduser() / given.dataset / "figures"


def sizes_of(given: Given) -> list[str]:
    """The dataset's layers by input size, smaller first, the given one always among them."""
    name = given.dataset.removesuffix(LARGE)
    found = runs_of(given)["dataset"].unique()
    return [one for one in (name, name + LARGE) if one in found or one == given.dataset]


def runs_of(given: Given, target: str | None = None) -> pd.DataFrame:
    """Finished runs below `results_dir`, of every dataset; an empty table if there are none."""
    try:
        runs = list_runs(given.results_dir)
    except InputError:
        return pd.DataFrame(columns=[*KEY, "folder"])
    return runs if target is None else runs[runs["target"] == target]


def command(given: Given) -> str:
    """What to type to run the study that this artefact is of."""
    data = "" if is_simulated(given) else " DATA=<folder>"
    return f"make study DATASET={given.dataset}{data}"
