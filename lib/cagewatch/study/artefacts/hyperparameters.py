"""Table 1: the hyperparameters, and a check that the compiled models really have them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd

from cagewatch.detectors.networks import compile_model
from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.plots import name_model
from cagewatch.study.artefacts.architectures import build_models
from cagewatch.study.artefacts.parameters import Given

# Table 1, and section 3.4 for the supervised model; what is not stated is left out.
OF_BOTH = {"loss": "MSE", "optimiser": "adam", "learning_rate": 0.0002, "beta_1": 0.5}
OF_BOTH |= {"image_loss_weight": 1.0, "flow_loss_weight": 1.0}
OF_RAE = {"image_loss_weight": 0.75, "epochs": 120, "batch_size": 64, "dilation_rate": 1}
STATED: dict[str, dict[str, Any]] = {
    "rae": OF_BOTH | OF_RAE,
    "cae": OF_BOTH | {"epochs": 60, "batch_size": 32, "dilation_rate": 2},
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
LOSSES = {
    "mean_squared_error": "MSE",
    "binary_crossentropy": "binary cross-entropy",
    "sparse_categorical_crossentropy": "cross-entropy",
}


def check_models(given: Given) -> dict[str, dict[str, Any]]:
    """Build, compile and check each model; returns its hyperparameters by name.

    InputError if a compiled model has another value than its parameters say.
    """
    checked = {}
    for name, model in build_models(given).items():
        settings = given.settings(model=name)
        compile_model(model, settings)
        checked[name] = values_of(settings, model)
        compare(name, checked[name], compiled_values(model))
    return checked


def values_of(settings: Parameters, model: keras.Model) -> dict[str, Any]:
    """A model's hyperparameters as the parameters say; those that do not concern it left out."""
    values = settings.model_dump(include=NAMES.keys())
    # A cap on epochs, as quick studies have, is what is really run.
    values["epochs"] = min(settings.epochs, settings.max_epochs or settings.epochs)
    classifies = "target" in model.output
    kind = "cross-entropy" if settings.supervised_loss != "binary" else "binary cross-entropy"
    values["loss"] = kind if classifies else "MSE"
    without = set() if settings.optimiser == "adam" else {"beta_1"}
    without |= {
        f"{stream}_loss_weight"
        for stream in ("image", "flow")
        if classifies or stream not in model.output
    }
    return {name: values[name] for name in NAMES if name not in without}


def compiled_values(model: keras.Model) -> dict[str, Any]:
    """What a compiled model itself says: optimiser, loss, loss weights and dilation."""
    optimiser = model.optimizer.get_config()
    compiled = model.get_compile_config()
    # Keras describes a loss that was given as a function by a dict with its name.
    given = [one["config"] if isinstance(one, dict) else one for one in compiled["loss"].values()]
    found = {
        "loss": ", ".join(sorted({LOSSES.get(name, name) for name in given})),
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

    InputError if they differ, or, in a model of 2-D convolutions, are not the encoder's last two.
    """
    layers = [layer for layer in model.layers if hasattr(layer, "dilation_rate")]
    rates = {layer.name: max(layer.dilation_rate) for layer in layers}
    rates = {name: rate for name, rate in rates.items() if rate > 1}
    two_d = not any(isinstance(layer, keras.layers.Conv3D) for layer in layers)
    stages = {f"{stream}_{stage}" for stream in model.input for stage in ("e3", "e4")}
    elsewhere = {"_".join(name.split("_")[:2]) for name in rates} != stages
    if len(set(rates.values())) > 1 or (two_d and rates and elsewhere):
        raise InputError(
            f"{model.name} dilates {rates} rather than the last two layers of its encoder by one "
            "rate; correct its layers."
        )
    return next(iter(rates.values()), 1)


def compare(name: str, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise InputError at the first value that the compiled model `name` has not as wanted."""
    for key, value in found.items():
        expected = wanted.get(key)
        close = isinstance(value, float) and isinstance(expected, int | float)
        if not (np.isclose(value, expected, rtol=1e-6) if close else value == expected):
            raise InputError(
                f"The compiled model {name!r} has {key} {value!r}, but its parameters say "
                f"{expected!r}: detectors/networks/build.py and params disagree; correct one."
            )


def write_hyperparameters(given: Given, checked: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Write Table 1 and return it: a row a hyperparameter, ours and the paper's side by side."""
    table = pd.DataFrame({"Hyperparameter": list(NAMES.values())})
    for model, values in checked.items():
        table[name_model(model)] = [in_words(values.get(name)) for name in NAMES]
        if stated := STATED.get(model):
            table[f"{name_model(model)}, paper"] = [in_words(stated.get(name)) for name in NAMES]
    caption = f"Table 1: hyperparameters, {given.dataset}, checked against the compiled models"
    given.write(table, "table_1", caption)
    return table


def in_words(value: Any) -> str:
    """A value as the paper writes it; a dash where there is none."""
    return {None: "–", "sgd": "SGD", "adam": "Adam"}.get(value, str(value))


def describe_hyperparameters(given: Given, checked: dict[str, dict[str, Any]]) -> str:
    """Markdown: that the check passed, and each value that is not the paper's."""
    lines = [
        f"- {name_model(model)}: {NAMES[name].lower()} {in_words(values.get(name))}, the paper "
        f"{in_words(stated)} (scale {given.settings(model=model).scale})."
        for model, values in checked.items()
        for name in NAMES
        if (stated := STATED.get(model, {}).get(name)) not in (None, values.get(name))
    ]
    return (
        f"{len(checked)} models were compiled; each has the optimiser, losses, weights and dilation"
        " that its parameters say.\n\n"
        + ("\n".join(lines) or "Every value the paper states is the one used.")
    )
