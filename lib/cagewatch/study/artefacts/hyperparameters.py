"""Table 1: the hyperparameters, and a check that the compiled models really have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd

from cagewatch.detectors.networks import compile_model
from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.plots import name_model
from cagewatch.study.artefacts.architectures import build_models
from cagewatch.study.artefacts.parameters import Given, figures_folder, is_simulated, settings_of
from cagewatch.study.tables import write_table

MODELS = ("rae", "cae", "cae_image", "supervised")
# Table 1, and section 3.4 for the supervised model; what is not stated is left out.
STATED = {
    "rae": {
        "loss": "MSE",
        "image_loss_weight": 0.75,
        "flow_loss_weight": 1.0,
        "optimiser": "adam",
        "learning_rate": 0.0002,
        "beta_1": 0.5,
        "epochs": 120,
        "batch_size": 64,
        "dilation_rate": 1,
    },
    "cae": {
        "loss": "MSE",
        "image_loss_weight": 1.0,
        "flow_loss_weight": 1.0,
        "optimiser": "adam",
        "learning_rate": 0.0002,
        "beta_1": 0.5,
        "epochs": 60,
        "batch_size": 32,
        "dilation_rate": 2,
    },
    "supervised": {"optimiser": "sgd", "learning_rate": 0.0005, "epochs": 120},
}
NAMES = {
    "loss": "Loss function",
    "image_loss_weight": "Loss weight, image",
    "flow_loss_weight": "Loss weight, optical flow",
    "optimiser": "Optimiser",
    "learning_rate": "Learning rate",
    "beta_1": "Momentum (Adam's beta_1)",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "dilation_rate": "Dilation rate (CAE: last two layers of the encoder)",
}


def check_models(given: Given, models: Sequence[str] = MODELS) -> dict[str, dict[str, Any]]:
    """Build, compile and check each model; returns its hyperparameters by name.

    Raises
    ------
    InputError
        If a compiled model has another value than its parameters say.
    """
    checked = {}
    for name, model in build_models(given, models).items():
        settings = settings_of(given, model=name)
        compile_model(model, settings)
        wanted = values_of(settings, model)
        compare(name, wanted, compiled_values(model))
        checked[name] = wanted
    return checked


def values_of(settings: Parameters, model: keras.Model) -> dict[str, Any]:
    """A model's hyperparameters as the parameters say; those that do not concern it left out."""
    values = {name: getattr(settings, name) for name in NAMES if name != "loss"}
    # A cap on epochs, as quick studies have, is what is really run.
    values["epochs"] = min(settings.epochs, settings.max_epochs or settings.epochs)
    reconstructs = "target" not in model.output
    binary = settings.supervised_loss == "binary"
    values["loss"] = "MSE" if reconstructs else f"{'binary ' if binary else ''}cross-entropy"
    for stream in ("image", "flow"):
        if not reconstructs or stream not in model.output:
            del values[f"{stream}_loss_weight"]
    if settings.optimiser != "adam":
        del values["beta_1"]
    return {name: values[name] for name in NAMES if name in values}


def compiled_values(model: keras.Model) -> dict[str, Any]:
    """What a compiled model itself says: optimiser, loss, loss weights and dilation."""
    optimiser = model.optimizer.get_config()
    compiled = model.get_compile_config()
    losses = {
        "mean_squared_error": "MSE",
        "binary_crossentropy": "binary cross-entropy",
        "sparse_categorical_crossentropy": "cross-entropy",
    }
    # Keras describes a loss that was given as a function by a dict with its name.
    given = [one["config"] if isinstance(one, dict) else one for one in compiled["loss"].values()]
    found = {
        "loss": ", ".join(sorted({losses.get(name, name) for name in given})),
        "optimiser": type(model.optimizer).__name__.lower(),
        # Kept in single precision, so rounded to what was given.
        "learning_rate": float(f"{optimiser['learning_rate']:.6g}"),
        "dilation_rate": dilation_of(model),
    }
    if "beta_1" in optimiser:
        found["beta_1"] = optimiser["beta_1"]
    for stream, weight in (compiled["loss_weights"] or {}).items():
        if stream in model.input:  # a classifier's only loss has no weight to speak of
            found[f"{stream}_loss_weight"] = weight
    return found


def dilation_of(model: keras.Model) -> int:
    """The one dilation that the model's dilated convolutions have; 1 if none is dilated.

    Raises
    ------
    InputError
        If they differ, or, in a model of 2-D convolutions, are not the encoder's last two.
    """
    rates = {
        layer.name: max(layer.dilation_rate)
        for layer in model.layers
        if hasattr(layer, "dilation_rate") and max(layer.dilation_rate) > 1
    }
    if len(set(rates.values())) > 1:
        raise InputError(f"{model.name} has several dilation rates: {rates}; correct its layers.")
    two_d = not any(isinstance(layer, keras.layers.Conv3D) for layer in model.layers)
    stages = {f"{stream}_{stage}" for stream in model.input for stage in ("e3", "e4")}
    if two_d and rates and {"_".join(name.split("_")[:2]) for name in rates} != stages:
        raise InputError(
            f"{model.name} dilates {', '.join(sorted(rates))} rather than the last two layers of "
            "its encoder; correct its layers."
        )
    return next(iter(rates.values()), 1)


def compare(name: str, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise InputError at the first value that the compiled model `name` has not as wanted."""
    for key, value in found.items():
        expected = wanted.get(key)
        same = (
            np.isclose(value, expected, rtol=1e-6)
            if isinstance(value, float) and isinstance(expected, int | float)
            else value == expected
        )
        if not same:
            raise InputError(
                f"The compiled model {name!r} has {key} {value!r}, but its parameters say "
                f"{expected!r}: models/build.py and params disagree; correct one of them."
            )


def write_hyperparameters(given: Given, checked: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Write Table 1 and return it: a row a hyperparameter, ours and the paper's side by side."""
    table = pd.DataFrame({"Hyperparameter": list(NAMES.values())})
    for model, values in checked.items():
        table[name_model(model)] = [in_words(values.get(name)) for name in NAMES]
        if model in STATED:
            stated = STATED[model]
            table[f"{name_model(model)}, paper"] = [in_words(stated.get(name)) for name in NAMES]
    caption = f"Table 1: hyperparameters, {given.dataset}, checked against the compiled models"
    write_table(table, figures_folder(given), "table_1", caption, simulated=is_simulated(given))
    return table


def in_words(value: Any) -> str:
    """A value as the paper writes it; a dash where there is none."""
    if value is None:
        return "–"
    return value.upper() if value == "sgd" else {"adam": "Adam"}.get(value, str(value))


def describe_hyperparameters(given: Given, checked: dict[str, dict[str, Any]]) -> str:
    """Markdown: that the check passed, and each value that is not the paper's."""
    lines = [
        f"{len(checked)} models were compiled; each has the optimiser, losses, weights and dilation"
        " that its parameters say."
    ]
    for model, values in checked.items():
        for name, stated in STATED.get(model, {}).items():
            if values.get(name) != stated:
                scale = settings_of(given, model=model).scale
                lines.append(
                    f"- {name_model(model)}: {NAMES[name].lower()} {in_words(values.get(name))}, "
                    f"the paper {in_words(stated)} (scale {scale})."
                )
    if len(lines) == 1:
        lines.append("Every value the paper states is the one used.")
    return "\n\n".join([lines[0], "\n".join(lines[1:])])
