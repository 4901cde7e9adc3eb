"""What an artefact notebook is told: whose runs it reads, and where its tables and figures go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict, Field

from cagewatch import params, runtime
from cagewatch.errors import InputError, nearest_name
from cagewatch.names import safe_name
from cagewatch.params import NaturalInt, Parameters, project_root
from cagewatch.plots import save_figure, use_style
from cagewatch.recordings import Recording, load_recordings
from cagewatch.runs.read import KEY, list_runs
from cagewatch.store import Store, stores_of
from cagewatch.study.contents import BENCHMARK, KINDS
from cagewatch.study.tables.writing import write_table
from cagewatch.study.values import choose_seeds, resolve_for


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

    def settings(self, target: str | None = None, model: str = "cae") -> Parameters:
        """The parameters that the study's runs of `target` and `model` have.

        They follow from the study's values, as the batch gives them; by hand, without those, they
        are read from a finished run, and without one they are what the layers say.
        """
        own = {"results_dir": self.results_dir}
        chosen = {"dataset": self.dataset, **(self.values or {}), **own}
        parameters = resolve_for(chosen, target, model)
        if self.values is None:
            finished = self.figures.parent / safe_name(parameters.target) / model
            for path in sorted(finished.glob("seed-*/params.yaml"))[:1]:
                held = params.read_layer(path) | own | {"seed": 0, "cores": 0}
                parameters = params.validate(held, where=str(path))
        return parameters.model_copy(update={"cores": self.cores})

    @property
    def is_benchmark(self) -> bool:
        """True for datasets whose only target is their anomaly, such as Ped2 and Avenue."""
        return KINDS.get(self.settings().layout) == BENCHMARK

    @property
    def is_simulated(self) -> bool:
        """True if no camera saw what is shown; figures and captions then say so."""
        return self.settings().layout == "simulated"

    @property
    def figures(self) -> Path:
        """The dataset's folder of figures and tables."""
        return project_root() / Path(self.results_dir).expanduser() / self.dataset / "figures"

    @property
    def command(self) -> str:
        """What to type to run the study that this artefact is of."""
        data = "" if self.is_simulated else " DATA=<folder>"
        return f"make study DATASET={self.dataset}{data}"

    def runs(self, target: str | None = None, every_dataset: bool = False) -> pd.DataFrame:
        """Finished runs of the dataset as `list_runs` has them; an empty table if none."""
        try:
            runs = list_runs(self.results_dir)
        except InputError:
            return pd.DataFrame(columns=[*KEY, "folder"])
        runs = runs if every_dataset else runs[runs["dataset"] == self.dataset]
        return choose_seeds(runs if target is None else runs[runs["target"] == target], self.values)

    def refuse(self, what: str) -> InputError:
        """The error that there is no finished run of `what`, with the command that makes it."""
        return InputError(
            f"There is no finished run of {what} on {self.dataset}: run {self.command}."
        )

    def prepare(self, settings: Parameters) -> tuple[list[Recording], dict[str, Store]]:
        """The recordings that runs of these parameters read, and their stores."""
        recordings = load_recordings(settings)
        return recordings, stores_of(recordings, settings, max(1, self.cores))

    def write(self, table: pd.DataFrame, name: str, caption: str, protocol: str = "") -> None:
        """Write a table as csv, md and tex; see `cagewatch.study.tables.write_table`."""
        write_table(table, self.figures, name, caption, protocol, self.is_simulated)

    def save(self, figure: Figure, name: str, caption: str | None = None) -> Figure:
        """Write a figure as svg and png, with its caption beside it, and give it back."""
        save_figure(figure, self.figures, name, self.is_simulated, caption)
        return figure


def start(namespace: Mapping[str, Any]) -> Given:
    """Check a notebook's parameters cell, limit the cores and set the look of figures.

    `namespace` is the notebook's ``globals()``; call it before anything imports Keras. InputError
    for an unknown name, a wrong value or an unknown dataset.
    """
    given = params.read_cell(namespace, Given)
    known = params.choices("dataset")
    if given.dataset not in known:
        raise InputError(f"Unknown dataset {given.dataset!r}; {nearest_name(given.dataset, known)}")
    runtime.configure(given.settings().backend, given.cores)
    use_style()
    return given
