"""The values of a study's runs: what was given, where it applies, over the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cagewatch import params
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


def as_given(parameters: Parameters) -> dict[str, Any]:
    """A run's values by name, those that apply to its detector, without its processor cores."""
    values = params.applicable(parameters)
    return {name: value for name, value in values.items() if name != "cores"}
