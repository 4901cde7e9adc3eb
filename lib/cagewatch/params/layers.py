"""Layers of flat YAML: read, applied one over the other, checked.

The layers under ``params/`` are applied in this order, later ones winning: ``base``,
``family/<family>`` and ``model/<model>``, ``dataset/<dataset>``, ``behaviour/<target>``,
``scale/<scale>``, and last whatever the user gave. A parameter applies to every detector if
``base`` has it; else to those whose family or model layer has it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from cagewatch.errors import InputError, nearest_name
from cagewatch.params.schema import Parameters

MAX_LAYER_BYTES = 1 << 20
PACKAGED = Path(__file__).resolve().parents[1] / "data"  # params/ and notebooks/ in a wheel
Schema = TypeVar("Schema", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader that refuses a name given twice, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name!r} is given twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def project_root() -> Path:
    """Return the folder that relative paths of parameters start from.

    That is the nearest folder, from here upwards, that holds params/base.yaml; else the checkout
    the package runs from; else, when installed from a wheel, the current folder.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[3]):
        if (folder / "params" / "base.yaml").is_file():
            return folder
    return here


def layers_root() -> Path:
    """Return the folder that holds ``params/`` and ``notebooks/``.

    That is `project_root` in a checkout, and a folder of the package where there is none.
    """
    root = project_root()
    return root if (root / "params" / "base.yaml").is_file() else PACKAGED


def name_path(path: Path) -> str:
    """A path as it may be given back as a parameter: from the project's root, if it lies in it."""
    path, root = Path(path).absolute(), project_root()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def read_layer(path: Path) -> dict[str, Any]:
    """Read one flat YAML layer, refusing names that are not parameters."""
    layer = read_flat(path)
    refuse_unknown({name: None for name in layer if name != "family"}, where=str(path))
    return layer


def read_flat(path: Path) -> dict[str, Any]:
    """Read one flat YAML file of names and values, whatever they are."""
    try:
        if path.stat().st_size > MAX_LAYER_BYTES:
            raise InputError(f"{path} is larger than {MAX_LAYER_BYTES} bytes, no parameter layer.")
        text = path.read_text(encoding="utf-8")
        # A value that refers to others can unfold to any size; flat layers have no need of it.
        if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise InputError(f"{path} uses a YAML alias (*name), which is not read; write it out.")
        layer = _Loader(text).get_single_data()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"Cannot read the parameter layer {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML ({reason}); fix it there.") from error
    if layer is None:
        return {}
    if not isinstance(layer, dict):
        raise InputError(f"{path} must hold 'name: value' lines, not a {type(layer).__name__}.")
    return layer


def refuse_unknown(
    given: Mapping[str, Any], where: str, schema: type[BaseModel] = Parameters
) -> None:
    """Raise InputError if `given` has a name that is no parameter, naming the nearest known one."""
    known = schema.model_fields
    for name in given:
        if name not in known:
            every = "see params/base.yaml for all." if schema is Parameters else None
            hint = nearest_name(name, known, every)
            raise InputError(f"Unknown parameter {name!r} in {where}: {hint}")


def choices(kind: str) -> list[str]:
    """Names of the layers of one `kind`: 'dataset', 'behaviour', 'model' or 'scale'."""
    return sorted(path.stem for path in (layers_root() / "params" / kind).glob("*.yaml"))


def resolve(given: Mapping[str, Any] | None = None) -> Parameters:
    """Apply the layers that the names in `given` choose, then `given` itself.

    Parameters
    ----------
    given : dict
        Flat names and values; None means "as the layers say".

    Returns
    -------
    parameters : Parameters
        Those that the detector does not read are None.

    Raises
    ------
    InputError
        For an unknown name, layer or value, or a parameter that the detector does not read; the
        message names the nearest known one.
    """
    given = {name: value for name, value in (given or {}).items() if value is not None}
    refuse_unknown(given, where="the given parameters")
    base = read_layer(layers_root() / "params" / "base.yaml")
    # The dataset is looked at first: it may name the default target.
    dataset = _chosen_layer("dataset", "dataset", base | given)
    values = base | dataset
    target = _chosen_layer("behaviour", "target", values | given)
    model = read_model(str((values | target | given)["model"]))
    scale = _chosen_layer("scale", "scale", values | given)
    applicable = base.keys() | model.keys()
    for name in given:
        if name not in applicable:
            own = ", ".join(sorted(model.keys() - base.keys())) or "none of its own"
            raise InputError(
                f"{name} does not apply to the detector {(values | given)['model']!r}: leave it "
                f"out. It reads {own}."
            )
    for layer in (model, dataset, target, scale):
        values |= {name: value for name, value in layer.items() if value is not None}
    return validate({name: values.get(name) for name in applicable} | given)


def read_model(name: str) -> dict[str, Any]:
    """The layer of a detector over that of its family: all parameters it reads beside base.yaml's.

    A value of None is filled in by the dataset's or the scale's layer.
    """
    _check_choice("model", name, choices("model"))
    layers = layers_root() / "params"
    layer = read_layer(layers / "model" / f"{name}.yaml")
    family = layer.pop("family", None)
    if family is None:
        return layer
    return read_layer(layers / "family" / f"{family}.yaml") | layer


def _chosen_layer(kind: str, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The layer that `values[name]` names; empty for one's own labels, which have none."""
    chosen, known = str(values.get(name)), choices(kind)
    if kind == "behaviour" and chosen not in known and values.get("layout") == "folder":
        return {}
    _check_choice(name, chosen, known)
    layer = read_layer(layers_root() / "params" / kind / f"{chosen}.yaml")
    return {key: value for key, value in layer.items() if value is not None}


def _check_choice(name: str, chosen: str, known: Sequence[str]) -> None:
    if chosen not in known:
        hint = nearest_name(chosen, known, f"choose one of {', '.join(known)}.")
        raise InputError(f"Unknown {name} {chosen!r}: {hint}")


def validate(values: Mapping[str, Any], where: str = "the parameters") -> Parameters:
    """Check values against the schema; InputError in one sentence if they do not fit."""
    return check_values(values, Parameters, where)


def check_values(values: Mapping[str, Any], schema: type[Schema], where: str) -> Schema:
    """Check values against any flat schema; InputError in one sentence if they do not fit."""
    refuse_unknown(values, where, schema)
    for name, value in values.items():
        if isinstance(value, str) and not value.isprintable():
            raise InputError(f"{name} in {where} holds an unprintable character: {value[:60]!r}.")
    try:
        return schema(**values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}={_quote(problem['input'])}: {problem['msg']}"
            if problem["type"] != "missing"
            else f"{'.'.join(map(str, problem['loc']))} is missing"
            for problem in error.errors()
        )
        raise InputError(f"Wrong value in {where}: {problems}.") from error


def _quote(value: Any) -> str:
    """A wrong value as an error message shows it, of bounded length."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python does not write out integers of thousands of digits
        return "a giant number"


def applicable(parameters: Parameters) -> dict[str, Any]:
    """Names and values of the parameters that the detector reads, in the schema's order."""
    names = read_layer(layers_root() / "params" / "base.yaml").keys()
    names = names | read_model(parameters.model).keys()
    return {name: value for name, value in parameters.model_dump().items() if name in names}


def write_params(parameters: Parameters, path: Path) -> None:
    """Write every parameter that applies to a flat YAML file that `resolve` reads back equal."""
    path.write_text(yaml.safe_dump(applicable(parameters), sort_keys=False), encoding="utf-8")
