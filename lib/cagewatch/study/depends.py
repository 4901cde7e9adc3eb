"""What each job of the batch depends on: the values it is given, its code and its data.

They go through Snakemake's ``params``, which remembers those of every file that it made: a change
of one of them makes the file anew, and nothing else does.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import fields
from functools import cache
from typing import Any

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.runs.code import LIBRARY, SILENT, digest, digest_run
from cagewatch.store.preprocess import Preprocessing
from cagewatch.study.plan import Study

SIMULATION = ("dataset", "data_dir", "results_dir") + tuple(
    name for name in Parameters.model_fields if name.startswith("simulate_")
)
# What decides the recordings and their stores.
PREPARATION = (
    ("dataset", "data_dir", "results_dir", "layout", "train_recordings", "test_recordings")
    + ("train_start", "train_stop", "test_start", "test_stop", "annotator_group")
    # The lag of flow follows from the last two.
    + ("label_tolerance", "labels_end", "flow_spacing", "frame_stride")
    + tuple(one.name for one in fields(Preprocessing) if one.name in Parameters.model_fields)
)
# An artefact shows what the library draws, so of that all counts.
SHOWING = ("runs", "plots", "study", "metrics.uncertainty.comparisons")
UNSHOWN = tuple(name for name in SILENT if name.partition(".")[2] not in SHOWING)
STEPS = {"simulate": SIMULATION, "preprocess": PREPARATION}


def of_step(study: Study, step: str) -> dict[str, Any]:
    """Params of a step that is no notebook: 'simulate' or 'preprocess'."""
    room = {"simulate": "simulate", "preprocess": "store"}[step]
    return {
        "step": step,
        "values": json.dumps(study.values_of(STEPS[step])),
        "code": code_of_room(room),
        "data": digest_data(study),
    }


def of_page(study: Study, notebook: str) -> dict[str, Any]:
    """Params of a notebook that shows recordings or results."""
    overview = notebook == "prepare"
    values = study.values_of(PREPARATION) if overview else study.artefact_values()
    code = code_of_page(notebook)
    return {"notebook": notebook, "values": json.dumps(values), "code": code, "name": notebook}


def of_runs(study: Study) -> dict[str, Any]:
    """Params of every run, as functions of its wildcards."""
    return {
        "notebook": "experiment",
        "values": lambda wildcards: json.dumps(study.values(study.find(wildcards))),
        "code": lambda wildcards: code_of_run(study.find(wildcards).model),
        "data": digest_data(study),
        "name": lambda wildcards: study.name(study.find(wildcards)),
    }


@cache
def code_of_run(model: str) -> str:
    """Digest of the code that makes a run of this model."""
    return digest_run(model)


@cache
def code_of_room(room: str) -> str:
    """Digest of a room of the library, and of what it imports."""
    return digest([LIBRARY / room / "__init__.py"])


@cache
def code_of_page(notebook: str) -> str:
    """Digest of a notebook that shows results: its text, its code and all that it draws with."""
    path = params.layers_root() / "notebooks" / f"{notebook}.py"
    text = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return f"{text} {digest([path], UNSHOWN)}"


def digest_data(study: Study) -> str:
    """Changes when a file of the data does: a name, a size or a time; or what simulates them."""
    if study.layout == "simulated":
        return code_of_room("simulate")
    return hashlib.sha256(list_data(study).encode()).hexdigest()[:16]


def list_data(study: Study) -> str:
    """One line a data file, with its size and time: changes when any of them does."""
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
