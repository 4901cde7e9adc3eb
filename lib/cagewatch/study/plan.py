"""The batch: which runs a study consists of, with which values, and what is made of them.

`read_study` turns the Snakefile's config into a `Study`, checked before anything runs; nothing is
written. What a job depends on is in `cagewatch.study.depends`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cagewatch import params
from cagewatch.errors import InputError, nearest_name
from cagewatch.names import safe_name
from cagewatch.study.ablations.variations import FOLDER, TRAINED, varied_values
from cagewatch.study.contents import Artefact, artefacts_for
from cagewatch.study.values import as_given, resolve_for

CHOSEN = ("dataset", "data_dir", "target", "model", "seed", "scale", "results_dir", "cores")


class Run(NamedTuple):
    """One run of a study."""

    target: str
    model: str
    seed: int
    variation: str = ""
    dataset: str = ""  # empty: the study's own


class Page(NamedTuple):
    """A notebook that shows results: the files it reads, and those it makes."""

    notebook: str
    reads: list[str]
    files: list[str]


@dataclass(frozen=True)
class Study:
    """A study's grid: every target with every model and every seed of one dataset.

    `also` names further layers of the same data, such as its halves exchanged, that each run is
    made for too.
    """

    dataset: str
    also: list[str]
    data_dir: Path
    layout: str
    targets: list[str]
    models: list[str]
    seeds: list[int]
    one_seed: list[str]
    results: Path
    kernel: str
    threads: int
    gpu: int
    given: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The dataset's folder of results."""
        return self.results / self.dataset

    @property
    def figures(self) -> Path:
        """The dataset's folder of figures and tables."""
        return self.folder / "figures"

    @property
    def prepared(self) -> Path:
        """The file that says what the recordings are, once their stores are built."""
        return self.folder / "recordings.json"

    def seeds_of(self, model: str) -> list[int]:
        """The seeds of a detector: one only, where nothing is drawn at random."""
        return self.seeds[:1] if model in self.one_seed else self.seeds

    def runs(
        self, models: Sequence[str] | None = None, targets: Sequence[str] | None = None
    ) -> list[Run]:
        """Every run of the given models and targets; of all by default."""
        return [
            Run(target, model, seed, dataset=dataset)
            for dataset in ("", *self.also)
            for target in (self.targets if targets is None else targets)
            for model in (self.models if models is None else models)
            for seed in self.seeds_of(model)
        ]

    def varied_runs(self, question: str) -> list[Run]:
        """The runs of an ablation: each variation of its network, on the first target."""
        return [
            Run(self.targets[0], TRAINED[question], seed, variation)
            for variation in self.variations(question)
            for seed in self.seeds
        ]

    def variations(self, question: str) -> dict[str, dict[str, Any]]:
        """Parameters of each variation to be trained for an ablation, of the first target."""
        return varied_values(question, self.given, self.targets[0], self.results)

    def folder_of(self, run: Run) -> str:
        """The run's folder, as `cagewatch.runs.run_folder` has it."""
        results = self.results / FOLDER / run.variation if run.variation else self.results
        dataset = run.dataset or self.dataset
        parts = (dataset, safe_name(run.target), run.model, f"seed-{run.seed}")
        return str(results.joinpath(*parts))

    def markers(self, runs: Sequence[Run]) -> list[str]:
        """The files that are written last of each run."""
        return [f"{self.folder_of(run)}/provenance.json" for run in runs]

    def find(self, wildcards: Any) -> Run:
        """The run that a job's wildcards name."""
        named = {safe_name(target): target for target in self.targets}
        variation = getattr(wildcards, "variation", "")
        target = self.targets[0] if variation else named.get(wildcards.target, wildcards.target)
        dataset = getattr(wildcards, "dataset", self.dataset)
        dataset = "" if dataset == self.dataset else dataset
        return Run(target, wildcards.model, int(wildcards.seed), variation, dataset)

    def name(self, run: Run) -> str:
        """A run's name before the lines that it prints."""
        words = (run.dataset, run.variation, run.target, run.model, str(run.seed))
        return " ".join(word for word in words if word)

    def values(self, run: Run) -> dict[str, Any]:
        """The resolved values of a run."""
        if run.variation:
            for question in TRAINED:
                if values := self.variations(question).get(run.variation):
                    return {**values, "seed": run.seed}
            raise InputError(f"There is no variation {run.variation!r} of {self.dataset}.")
        given = {**self.given, "dataset": run.dataset or self.dataset}
        return as_given(resolve_for(given, run.target, run.model, seed=run.seed))

    def values_of(self, names: Sequence[str]) -> dict[str, Any]:
        """Some of the values that are the same for all runs."""
        values = resolve_for(self.given).model_dump()
        return {name: values[name] for name in names}

    def artefact_values(self) -> dict[str, Any]:
        """What the notebook of an artefact is given."""
        given = {name: value for name, value in self.given.items() if value is not None}
        values = {name: value for name, value in given.items() if name != "results_dir"}
        return {"dataset": self.dataset, "results_dir": str(self.results), "values": values}

    def artefacts(self) -> list[Artefact]:
        """The artefacts of the paper this study makes: those whose notebook is there."""
        made = artefacts_for(self.layout, self.targets, self.models)
        return [one for one in made if Path("notebooks", f"{one.notebook}.py").is_file()]

    def pages(self) -> list[Page]:
        """The artefacts, and last a summary of them."""
        prepared = [str(self.prepared)]
        pages = [
            self._page(
                artefact.notebook,
                self.markers(self.runs(targets=artefact.targets)) + prepared * artefact.recordings,
                artefact.files(),
            )
            for artefact in self.artefacts()
        ]
        shown = [file for page in pages for file in page.files]
        if any(one.of_paper for one in self.artefacts()):
            pages.append(self._page("summary", shown, ["summary.csv", "summary.md", "summary.tex"]))
        return pages

    def ablations(self) -> list[Page]:
        """The ablations that are trained for, of the study's networks."""
        return [
            self._page(
                f"ablation_{question}",
                self.markers(self.varied_runs(question))
                + self.markers([Run(self.targets[0], model, seed) for seed in self.seeds]),
                [f"ablation_{question}.{kind}" for kind in ("svg", "png", "csv", "md", "tex")],
            )
            for question, model in TRAINED.items()
            if model in self.models and Path("notebooks", f"ablation_{question}.py").is_file()
        ]

    def _page(self, notebook: str, reads: list[str], names: list[str]) -> Page:
        return Page(notebook, reads, [str(self.figures / name) for name in names])


def read_study(config: Mapping[str, Any]) -> Study:
    """Check the Snakefile's config and fill in what follows from the dataset and the scale.

    InputError for an unknown name, dataset, scale, model, target or kernel, or a missing data
    folder.
    """
    known = yaml.safe_load((params.project_root() / "config" / "study.yaml").read_text("utf-8"))
    for name in config:
        if name not in known:
            hint = nearest_name(name, known)
            raise InputError(f"Unknown name {name!r} in the study's config: {hint}")
    config = {**known, **{name: value for name, value in config.items() if value is not None}}
    given = {name: config[name] for name in ("dataset", "scale", "data_dir", "results_dir")}
    own = read_own_values(config["params"])
    of_dataset = config["of_dataset"].get(str(config["dataset"]), {})
    given["scale"] = config["scale"] or of_dataset.get("scale")
    given |= own
    first = resolve_for(given)
    defaults = config["benchmark" if first.target == "anomaly" else "home_cage"] | of_dataset
    study = Study(
        dataset=first.dataset,
        also=list(of_dataset.get("also", [])),
        data_dir=Path(first.data_dir).expanduser(),
        layout=first.layout,
        targets=[str(one) for one in as_list(config["targets"]) or defaults["targets"]],
        models=[str(one) for one in as_list(config["models"]) or defaults["models"]],
        seeds=list(map(as_seed, as_list(config["seeds"]) or config["seeds_of_scale"][first.scale])),
        one_seed=config["one_seed"],
        results=Path(first.results_dir).expanduser(),
        kernel=check_kernel(config["kernel"]),
        threads=int(config["threads"]),
        gpu=count_gpus() if config["gpu"] is None else int(config["gpu"]),
        given=given,
    )
    if study.layout != "simulated" and not study.data_dir.is_dir():
        raise InputError(
            f"There is no data folder {study.data_dir}: put the dataset {study.dataset} there, or "
            "say where it is with DATA=<folder> ('cagewatch download' fetches public ones)."
        )
    used = {name for run in study.runs() for name in study.values(run)}
    if idle := [name for name in own if name not in used]:
        raise InputError(f"{config['params']} sets {idle[0]!r}, which no model of the study reads.")
    return study


def read_own_values(path: str | None) -> dict[str, Any]:
    """The user's own YAML file of values; it may not name what the grid chooses."""
    values = {} if path is None else params.read_layer(Path(path))
    if chosen := [name for name in CHOSEN if name in values]:
        raise InputError(f"{path} sets {chosen[0]!r}, which the study chooses: remove it there.")
    return values


def as_list(value: Any) -> list[Any]:
    """One value, several in a list or several in a string become a list; None an empty one."""
    if value is None:
        return []
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return list(value) if isinstance(value, list | tuple) else [value]


def as_seed(value: Any) -> int:
    """A seed as a number; InputError in one sentence otherwise."""
    if not str(value).isdecimal():
        raise InputError(f"The seed {value!r} is not a whole number: give for instance 0 1 2.")
    return int(value)


def check_kernel(name: str) -> str:
    """The kernel's name if Jupyter knows it; InputError names the known ones otherwise."""
    from jupyter_client.kernelspec import KernelSpecManager

    known = sorted(KernelSpecManager().find_kernel_specs())
    if name not in known:
        raise InputError(
            f"There is no Jupyter kernel {name!r}: install it with 'python -m ipykernel install "
            f"--user --name {name}' in its environment, or choose one of {', '.join(known)}."
        )
    return name


def count_gpus() -> int:
    """1 where the NVIDIA driver sees a GPU, so that runs take turns on it; else 0."""
    if shutil.which("nvidia-smi") is None:
        return 0
    return int(subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0)
