"""The values of a study's runs: what was given, where it applies, over the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.params import Parameters

# Where things lie and how they are run: they change no result beyond its last digits.
PLACES = ("data_dir", "results_dir", "cores", "backend")
ADDED = ("curve_epochs",)  # a run with more of it than was asked for is the same run


def resolve_for(
    given: Mapping[str, Any], target: str | None = None, model: str | None = None, **own: Any
) -> Parameters:
    """Resolve what a study was given for one of its detectors, by default the base layer's.

    A given value that this detector does not read is left out, as the epochs of networks are for
    the mean image; each of its `own` must apply.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if model is not None:
        chosen["model"] = model
    base = params.read_layer(params.layers_root() / "params" / "base.yaml")
    applicable = base.keys() | params.read_model(str(chosen.get("model", base["model"]))).keys()
    kept = {name: value for name, value in chosen.items() if name in applicable}
    return params.resolve({**kept, "target": target or kept.get("target"), **own})


def find_difference(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """In words, the first value in which two runs differ as experiments; None if they do not.

    A parameter that came after a run counts as what it was before.
    """
    held, wanted = params.BEFORE | held, params.BEFORE | wanted
    for name in sorted((held.keys() | wanted.keys()) - set(PLACES)):
        if name in ADDED and wanted.get(name) is None:
            continue
        if held.get(name) != wanted.get(name):
            return f"{name} was {held.get(name)!r} and is {wanted.get(name)!r}"
    return None


def choose_seeds(runs: pd.DataFrame, values: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Of finished runs those whose seeds belong together, for a table or a figure.

    Where the seeds of a detector were made with several values, such as of several scales, those
    made with the study's `values` are kept, and the others are named. InputError if there are none,
    or no `values`: what belongs together is then unknown.
    """
    kept = []
    for (dataset, target, model), group in runs.groupby(["dataset", "target", "model"], sort=False):
        kept.append(group)
        held = [_of_experiment(params.read_layer(one / "params.yaml")) for one in group["folder"]]
        differences = [find_difference(one, held[0]) for one in held]
        if not any(differences):
            continue
        wanted = as_given(resolve_for({**(values or {}), "dataset": dataset}, target, model))
        own = [
            values is not None and find_difference(one, _of_experiment(wanted)) is None
            for one in held
        ]
        if not any(own):
            number = next(n for n, difference in enumerate(differences) if difference)
            raise InputError(
                f"{group['folder'].iloc[number]} and {group['folder'].iloc[0]} are no seeds of one"
                f" experiment ({differences[number]}): run one of them again or take it away."
            )
        for folder in group["folder"][[not one for one in own]]:
            print(f"{folder} is left out: it was made with other values than the study's")
        kept[-1] = group[own]
    return pd.concat(kept) if kept else runs


def _of_experiment(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the seeds of one experiment share."""
    return {name: value for name, value in values.items() if name not in ("seed", *ADDED)}


def as_given(parameters: Parameters) -> dict[str, Any]:
    """A run's values by name, those that apply to its detector, without its processor cores."""
    values = params.applicable(parameters)
    return {name: value for name, value in values.items() if name != "cores"}
