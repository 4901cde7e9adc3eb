"""The batch: which runs a study consists of and what each of them depends on.

`read_study` turns the Snakefile's config into a `Study`, checked before anything runs. Each run
gets a file of resolved parameters, rewritten only when a value in it changes, and the list of
library files that its notebook imports: so editing a value or a module redoes its dependants only.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cagewatch import params
from cagewatch.detectors import DETECTORS
from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.params import Parameters
from cagewatch.study.artefacts.contents import Artefact, artefacts_for
from cagewatch.study.artefacts.variations import TRAINED, varied_values

LIBRARY = Path(__file__).resolve().parents[1]
# Pictures inside an executed run are drawn with these; a change of looks must not train anew.
LOOKS = ("cagewatch.plots", "cagewatch.study.tables")
CHOSEN = ("dataset", "data_dir", "target", "model", "seed", "scale", "results_dir", "cores")
SIMULATION = ("dataset", "data_dir", "results_dir") + tuple(
    name for name in Parameters.model_fields if name.startswith("simulate_")
)
# What decides the recordings and their store; the audit depends on nothing else.
PREPARATION = (
    ("dataset", "data_dir", "results_dir", "layout", "train_recordings", "test_recordings")
    + (
        "train_start",
        "train_stop",
        "test_start",
        "test_stop",
        "annotator_group",
        "label_tolerance",
        "labels_end",
        "region",
        "rotate",
        "gamma",
    )
    + ("resize_height", "resize_width", "crop_top", "crop_bottom", "flow_spacing", "frame_stride")
    + tuple(name for name in Parameters.model_fields if name.startswith("farneback_"))
)


class Study(NamedTuple):
    """A study's grid: every target with every model and every seed of one dataset."""

    dataset: str
    data_dir: Path
    layout: str
    targets: list[str]
    models: list[str]
    seeds: list[int]
    results: Path
    figures: Path
    kernel: str
    threads: int
    gpu: int
    given: dict[str, Any]

    def runs(
        self, models: Sequence[str] | None = None, targets: Sequence[str] | None = None
    ) -> Iterator[tuple[str, str, int]]:
        """Target, model and seed of every run."""
        for target in self.targets if targets is None else targets:
            for model in self.models if models is None else models:
                for seed in self.seeds:
                    yield target, model, seed

    def variations(self, question: str) -> dict[str, dict[str, Any]]:
        """Parameters of each variation to be trained for an ablation, of the first target."""
        return varied_values(question, self.given, self.targets[0], self.results)

    def artefacts(self) -> list[Artefact]:
        """The artefacts of the paper this study makes: those whose notebook is there."""
        made = artefacts_for(self.layout, self.targets, self.models)
        return [one for one in made if Path("notebooks", f"{one.notebook}.py").is_file()]


def read_study(config: Mapping[str, Any]) -> Study:
    """Check the Snakefile's config and fill in what follows from the dataset and the scale.

    Raises
    ------
    InputError
        For an unknown name, dataset, scale, model, target or kernel, or a missing data folder.
    """
    known = yaml.safe_load((params.project_root() / "config" / "study.yaml").read_text("utf-8"))
    for name in config:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}."
            raise InputError(f"Unknown name {name!r} in the study's config: {hint}")
    config = {**known, **{name: value for name, value in config.items() if value is not None}}
    given = {name: config[name] for name in ("dataset", "scale", "data_dir", "results_dir")}
    given |= read_own_values(config["params"])
    first = params.resolve(given)
    defaults = config["benchmark" if first.target == "anomaly" else "home_cage"]
    study = Study(
        dataset=first.dataset,
        data_dir=Path(first.data_dir).expanduser(),
        layout=first.layout,
        targets=as_list(config["targets"]) or defaults["targets"],
        models=as_list(config["models"]) or defaults["models"],
        seeds=[
            as_seed(seed)
            for seed in as_list(config["seeds"]) or config["seeds_of_scale"][first.scale]
        ],
        results=Path(first.results_dir),
        figures=Path(config["figures_dir"]) / first.dataset,
        kernel=check_kernel(config["kernel"]),
        threads=int(config["threads"]),
        gpu=count_gpus() if config["gpu"] is None else int(config["gpu"]),
        given=given,
    )
    if study.layout != "simulated" and not study.data_dir.is_dir():
        raise InputError(
            f"There is no data folder {study.data_dir}: put the dataset {study.dataset} there, or "
            "say where it is with DATA=<folder> (the README says where to get it)."
        )
    return study


def read_own_values(path: str | None) -> dict[str, Any]:
    """The user's own YAML file of values; it may not name what the grid chooses."""
    if path is None:
        return {}
    values = params.read_layer(Path(path))
    for name in CHOSEN:
        if name in values:
            raise InputError(f"{path} sets {name!r}, which the study chooses: remove it there.")
    return values


def as_list(value: Any) -> list[Any]:
    """One value, several in a list or several in a string become a list; None an empty one."""
    if value is None:
        return []
    return value.replace(",", " ").split() if isinstance(value, str) else list(_many(value))


def _many(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


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


def write_grid(study: Study) -> Path:
    """Write the parameter files of every step of the study, and the list of its data.

    Returns
    -------
    The folder of these files: ``<target>/<model>.yaml`` holds a run's values (but its seed and
    cores), ``ablations/<variation>.yaml`` those of a varied one, ``prepare.yaml``,
    ``simulate.yaml`` and ``data.txt`` those of the first steps, and ``artefacts.yaml`` those of the
    notebooks that make the figures.
    """
    folder = study.results / "grid" / study.dataset
    for target in study.targets:
        for model in [*study.models, "frame_index"]:
            values = params.resolve({**study.given, "target": target, "model": model}).model_dump()
            if model == "frame_index":
                values.pop("model")
                model = "baselines"
            write_values(folder / target / f"{model}.yaml", values, without=("seed", "cores"))
    for question in TRAINED:
        for variation, values in study.variations(question).items():
            place = folder / "ablations" / f"{variation}.yaml"
            write_values(place, values, without=("seed", "cores"))
    values = params.resolve(study.given).model_dump()
    for name, only in (("prepare", PREPARATION), ("simulate", SIMULATION)):
        write_values(folder / f"{name}.yaml", {field: values[field] for field in only})
    write_text(folder / "data.txt", list_data(study))
    places = {"results_dir": str(study.results), "figures_dir": str(study.figures.parent)}
    write_values(folder / "artefacts.yaml", {"dataset": study.dataset, **places})
    return folder


def write_values(path: Path, values: Mapping[str, Any], without: Sequence[str] = ()) -> None:
    """Write parameters as flat YAML that papermill's -f takes, unless the file says so already."""
    kept = {name: value for name, value in values.items() if name not in without}
    write_text(path, yaml.safe_dump(kept, sort_keys=False))


def write_text(path: Path, text: str) -> None:
    """Write a file unless it holds that text already: its time stamp means 'changed since'."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")


def list_data(study: Study) -> str:
    """One line a data file, with its size and time: changes when any of them does."""
    if study.layout == "simulated":
        return "simulated: see simulate.yaml\n"
    lines = []
    seen: set[str] = set()
    for folder, folders, names in os.walk(study.data_dir, followlinks=True):
        folders.sort()
        if (place := os.path.realpath(folder)) in seen:  # a link back into the data
            folders.clear()
            continue
        seen.add(place)
        for name in names:
            try:
                stat = os.stat(os.path.join(folder, name))
            except OSError as error:
                raise InputError(
                    f"{os.path.join(folder, name)} is a link that leads nowhere"
                    f" ({error.strerror}); bring its file back, or remove the link."
                ) from error
            place = os.path.relpath(os.path.join(folder, name), study.data_dir)
            lines.append(f"{place}\t{stat.st_size}\t{stat.st_mtime_ns}\n")
    return "".join(sorted(lines))


def library(source: str, without: Sequence[str] = LOOKS) -> list[str]:
    """Files of lib/cagewatch that a notebook or module imports, directly or through others.

    A module is listed itself. Modules named in `without`, and whatever only they import, are not.
    """
    waiting = [Path(source).resolve()]
    found = {path for path in waiting if LIBRARY in path.parents}
    skipped = {file for name in without for file in [find_module(name), *_inside(name)]}
    while waiting:
        for path in imported_files(waiting.pop()):
            if path not in found | skipped:
                found.add(path)
                waiting.append(path)
    return sorted(os.path.relpath(path) for path in found)


def _inside(name: str) -> list[Path]:
    """The modules of a package of cagewatch."""
    return sorted(LIBRARY.joinpath(*name.split(".")[1:]).rglob("*.py"))


@cache
def imported_files(source: Path) -> frozenset[Path]:
    """Files of lib/cagewatch that one Python file imports itself, wherever in it."""
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"), filename=str(source))
    except OSError as error:
        raise InputError(f"Cannot read {source}: {error.strerror}.") from error
    names: set[str] = set()
    for node in _executed_nodes(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    # Importing a.b.c runs a and a.b too.
    names |= {".".join(name.split(".")[:depth]) for name in names for depth in range(1, 9)}
    return frozenset(path for name in names if (path := find_module(name)))


def _executed_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            continue
        yield child
        yield from _executed_nodes(child)


def other_models(model: str) -> list[str]:
    """Modules of cagewatch.detectors.networks that other models are built from and `model` is not.

    A model, say ``cae_image``, is built from the module of its first word, ``models/cae.py``.
    """
    first_words = {name.partition("_")[0] for name in params.choices("model")}
    modules = {word: find_module(f"cagewatch.detectors.networks.{word}") for word in first_words}
    own = modules.get(model.partition("_")[0])
    if own is None:
        return []
    needed = {None, own} | imported_files(own)
    return [
        f"cagewatch.detectors.networks.{word}"
        for word in sorted(modules)
        if modules[word] not in needed
    ]


def notebook_of(model: str) -> str:
    """The notebook that makes a run of this model: 'detector' or 'experiment'."""
    return "detector" if model in DETECTORS else "experiment"


def detector_library(name: str) -> list[str]:
    """Files of lib/cagewatch that a run of this detector depends on."""
    module = str(find_module(DETECTORS[name]))
    return sorted({*library("notebooks/detector.py"), *library(module)})


def find_module(name: str) -> Path | None:
    """The file of a module of cagewatch; None for anything else."""
    first, *parts = name.split(".")
    place = LIBRARY.joinpath(*parts)
    files = [place / "__init__.py", place.with_suffix(".py")]
    return next((file for file in files if first == "cagewatch" and file.is_file()), None)


def why_unfinished(notebook: Path) -> str:
    """One line on why a notebook has not ended: its error, or that it was stopped from outside."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        errors = [output for output in outputs if output["output_type"] == "error"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{notebook} was cut short; run the study again."
    if not errors:
        return f"{notebook} was stopped before its end; run the study again."
    name, words = errors[-1]["ename"], " ".join(errors[-1]["evalue"].split())[:600]
    said = words if name == "InputError" else f"{name}: {words}"
    return f"{notebook} did not finish; open it to see where. {said}"
