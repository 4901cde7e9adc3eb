"""The variations of the ablations: read from ``params/ablations.yaml``, a run's values for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.study.contents import BENCHMARK, KINDS
from cagewatch.study.values import as_given, resolve_for

MODEL = "cae"  # the paper's better two-stream network is what is varied, where nothing else is said
# Questions whose variations have to be trained, and the network of each.
TRAINED = {"flow": MODEL, "clips": MODEL, "training": MODEL, "width": "rae"}
FOLDER = "ablations"  # of the varied runs, in the folder of results


def read_variations(question: str, path: Path | None = None) -> dict[str, dict[str, Any]]:
    """The variations of one question of ``params/ablations.yaml``: the values each changes.

    InputError if the file cannot be read, has no such question, or names what is no parameter.
    """
    path = path or params.layers_root() / "params" / "ablations.yaml"
    found = params.read_flat(path).get(question)
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise InputError(f"{path} has no question {question!r} with variations; add it there.")
    for name, values in found.items():
        params.refuse_unknown(values, where=f"{name} of {path}")
    return found


def varied_values(
    question: str, given: Mapping[str, Any], target: str, results: Path
) -> dict[str, dict[str, Any]]:
    """A run's resolved values for each variation of a question that changes anything.

    `given` is what the study was given; the results of a variation are in
    ``<results>/ablations/<variation>``.
    """
    model = network_of(question)
    plain = resolve_for(given, target, model)
    idle = set()  # parameters that change no clip: nothing is skipped, or cut out of what is fitted
    if plain.frame_stride == 1:
        idle.add("flow_spacing")
    if KINDS.get(plain.layout) == BENCHMARK:  # trained on whole recordings, all of them normal
        idle.add("clips_across_gaps")
    values = {}
    for name, changed in read_variations(question).items():
        if any(key not in idle and getattr(plain, key) != new for key, new in changed.items()):
            own = {"results_dir": str(results / FOLDER / name)}
            values[name] = as_given(resolve_for(given, target, model, **changed, **own))
    return values


def network_of(question: str) -> str:
    """The network that a question varies, a name of ``params/model``."""
    return TRAINED.get(question, MODEL)


def in_words(question: str, variation: str) -> str:
    """A variation as tables and figures name it: ``gamma 0.4``, or by its name."""
    values = read_variations(question).get(variation, {})
    if not 0 < len(values) <= 2:
        return variation.replace("_", " ")
    return ", ".join(f"{name} {value}" for name, value in values.items())
