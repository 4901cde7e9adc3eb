"""Parameters: YAML layers and notebook values in, one frozen and validated object out.

A study is described by flat names. The layers under ``params/`` are applied in this order, later
ones winning: ``base``, ``dataset/<dataset>``, ``behaviour/<target>``, ``model/<model>``,
``scale/<scale>``, and last whatever the user gave (papermill's ``-p`` and ``-f``, or an edited
cell). A parameter left at ``None`` in a notebook means "as the layers say".
"""

from __future__ import annotations

import ast
import difflib
import reprlib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cagewatch.errors import InputError

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(ge=1, lt=1 << 31)]
NaturalInt = Annotated[int, Field(ge=0, lt=1 << 31)]
PositiveFloat = Annotated[float, Field(gt=0)]
MAX_LAYER_BYTES = 1 << 20
PACKAGED = Path(__file__).resolve().parent / "data"  # params/ and notebooks/ in a wheel
Scale = Literal["smoke", "quick", "medium", "paper"]
Schema = TypeVar("Schema", bound=BaseModel)


class Parameters(BaseModel):
    """Everything one run depends on; every open point of the paper is a field here."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # What is run
    dataset: str = Field(description="a layer of params/dataset: simulated, mit, ped2, folder, ...")
    data_dir: str = Field(description="folder the recordings lie in")
    target: str = Field(description="behaviour held out as pseudo-anomaly; anomaly on benchmarks")
    model: str = Field(description="a layer of params/model: rae, cae, hasan, density, ...")
    seed: NaturalInt = Field(description="seeds split, weights and batch order")
    scale: Scale = Field(description="smoke, quick, medium or paper")
    results_dir: str = Field(description="folder for runs and stores")
    backend: Literal["tensorflow", "jax", "torch"] = Field(description="Keras backend")
    cores: NaturalInt = Field(description="processor cores to use; 0: all this process may use")

    # Recordings
    layout: Literal["simulated", "mit", "ped1", "ped2", "avenue", "avenue_vol", "folder"] = Field(
        description="how the recordings lie on disk, so which reader reads them"
    )
    train_recordings: list[str] | None = Field(
        description="recordings to train and validate on; None: as the dataset splits them"
    )
    test_recordings: list[str] | None = Field(description="recordings to test on; None: likewise")
    test_start: Fraction = Field(description="where the tested part of a recording starts, 0 to 1")
    test_stop: Fraction = Field(description="where the tested part of a recording stops, 0 to 1")
    annotator_group: PositiveInt = Field(description="which MIT annotator group's labels to read")
    label_tolerance: NaturalInt = Field(
        description="frames by which labels and decoded video may differ in length"
    )

    image_fps: PositiveFloat = Field(
        description="frames per second of recordings that carry no time, such as image folders"
    )

    animals: Literal["one", "many"] = Field(
        default="one", description="what moves in the picture: one animal, or many things"
    )

    # The simulated cage
    simulate_recordings: PositiveInt = Field(description="simulated recordings")
    simulate_frames: PositiveInt = Field(description="frames per simulated recording")
    simulate_seed: NaturalInt = Field(description="seed of the simulated data set")
    simulate_rare: PositiveFloat = Field(
        description="how much oftener rare behaviours start than in the real ethogram; 1: as real"
    )

    # Preprocessing (decides the store)
    region: list[NaturalInt] | None = Field(
        description="part of the source frame to use: [left, top, width, height]; None: all"
    )
    rotate: Literal[0, 90, 180, 270] = Field(
        description="clockwise rotation of the source, degrees"
    )
    resize_height: PositiveInt = Field(description="rows after resizing")
    resize_width: PositiveInt = Field(description="columns after resizing")
    crop_top: NaturalInt = Field(description="rows dropped at the top after resizing")
    crop_bottom: NaturalInt = Field(description="rows dropped at the bottom after resizing")
    gamma: PositiveFloat = Field(description="exponent of gray on [0, 1]; below 1 brightens")
    farneback_pyr_scale: PositiveFloat = Field(description="Farneback pyramid scale")
    farneback_levels: PositiveInt = Field(description="Farneback pyramid levels")
    farneback_winsize: PositiveInt = Field(description="Farneback window, pixels")
    farneback_iterations: PositiveInt = Field(description="Farneback iterations per level")
    farneback_poly_n: Literal[5, 7] = Field(description="Farneback polynomial neighbourhood")
    farneback_poly_sigma: PositiveFloat = Field(description="Farneback polynomial smoothing")
    flow_spacing: Literal["source", "subsampled"] = Field(
        description="flow between successive source frames, or after the 1-in-n subsampling"
    )

    # Clips
    clip_length: PositiveInt = Field(description="frames in a clip")
    frame_stride: PositiveInt = Field(description="every n-th frame in training clips")
    clip_step: PositiveInt = Field(
        description="(subsampled) frames from one training clip's start to the next"
    )
    test_clip_step: PositiveInt = Field(description="frames from one test clip's start to the next")
    clips_across_gaps: Literal["never", "literal"] = Field(
        description="never span removed frames, or the paper's literal remove-then-reshape"
    )
    flips: bool = Field(description="add horizontally flipped training clips at random")
    validation_fraction: Fraction = Field(description="share of training clips held out")
    validation_split: Literal["random", "last"] = Field(description="which clips are held out")
    max_train_clips: PositiveInt | None = Field(
        description="at most this many training clips, evenly spread; None: all"
    )
    flow_representation: Literal["magnitude", "xy", "hsv"] = Field(description="flow channels")
    flow_scaling: Literal["constant", "per_frame"] = Field(
        description="one constant from the training frames, or each frame's own maximum"
    )
    flow_percentile: Annotated[float, Field(gt=0, le=100)] = Field(
        description="percentile of training flow that maps to 1"
    )

    # Model and training (Table 1 of the paper)
    image_loss_weight: Annotated[float, Field(ge=0)] = Field(description="loss weight, image")
    flow_loss_weight: Annotated[float, Field(ge=0)] = Field(description="loss weight, flow")
    dilation_rate: PositiveInt = Field(
        description="dilation: of every 3-D convolution (RAE), of the encoder's last two (CAE)"
    )
    fusion: Literal["bottleneck", "late"] = Field(
        description="two streams meet at the bottleneck, or only their scores do"
    )
    optimiser: Literal["adam", "sgd"] = Field(description="adam or sgd")
    learning_rate: PositiveFloat = Field(description="learning rate")
    beta_1: Fraction = Field(description="Adam's beta_1, the paper's 'momentum 0.5'")
    epochs: PositiveInt = Field(description="training epochs")
    max_epochs: PositiveInt | None = Field(description="cap on epochs; None: no cap")
    batch_size: PositiveInt = Field(description="clips per training step")
    weights: Literal["last", "best"] = Field(description="keep the last or best-validation weights")
    precision: Literal["float32", "mixed_bfloat16", "auto"] = Field(
        description="arithmetic; auto decides by a short timing"
    )
    supervised_loss: Literal["binary", "softmax"] = Field(
        description="supervised head: target or not, or one class per behaviour"
    )

    # Scores and metrics
    clip_score: Literal["norm", "frame_mse_norm"] = Field(
        description="per stream: norm(x - x_hat), or the l2 norm of per-frame MSEs"
    )
    stream_average: Literal["raw", "standardised"] = Field(
        description="mean of raw stream scores, or standardised on training scores first"
    )
    clip_alignment: Literal["mean", "centre", "end"] = Field(
        description="frame score from sliding clips: mean over windows, centre or end frame"
    )
    score_scaling: Literal["none", "per_video"] = Field(
        description="scaling before pooling of the headline AUC; both are always printed"
    )
    clip_label: Literal["half", "any"] = Field(
        description="a clip is anomalous if half of its frames are, or any"
    )
    roc_unit: Literal["frame", "clip"] = Field(description="unit of the headline ROC")
    bootstrap_samples: PositiveInt = Field(description="resamples behind every interval")
    interval: Annotated[float, Field(gt=0, lt=1)] = Field(description="coverage of intervals")


def project_root(start: Path | None = None) -> Path:
    """Return the folder that relative paths of parameters start from.

    That is the nearest folder, from `start` (default: here) upwards, that holds params/base.yaml;
    else the checkout the package runs from; else, when installed from a wheel, `start` itself.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "params" / "base.yaml").is_file():
            return folder
    return here


def layers_root(start: Path | None = None) -> Path:
    """Return the folder that holds ``params/`` and ``notebooks/``.

    That is `project_root` in a checkout, and a folder of the package where there is none.
    """
    root = project_root(start)
    return root if (root / "params" / "base.yaml").is_file() else PACKAGED


def name_path(path: Path) -> str:
    """A path as it may be given back as a parameter: from the project's root, if it lies in it."""
    path, root = Path(path).absolute(), project_root()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def read_layer(path: Path) -> dict[str, Any]:
    """Read one flat YAML layer, refusing names that are not parameters."""
    try:
        if path.stat().st_size > MAX_LAYER_BYTES:
            raise InputError(f"{path} is larger than {MAX_LAYER_BYTES} bytes, no parameter layer.")
        text = path.read_text(encoding="utf-8")
        # A value that refers to others can unfold to any size; flat layers have no need of it.
        if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise InputError(f"{path} uses a YAML alias (*name), which is not read; write it out.")
        layer = yaml.safe_load(text)
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
    refuse_unknown(layer, where=str(path))
    return layer


def refuse_unknown(
    given: Mapping[str, Any], where: str, schema: type[BaseModel] = Parameters
) -> None:
    """Raise InputError if `given` has a name that is no parameter, naming the nearest known one."""
    known = schema.model_fields
    for name in given:
        if name not in known:
            nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            every = "see params/base.yaml for all."
            every = every if schema is Parameters else f"known are {', '.join(known)}."
            hint = f"did you mean {nearest[0]!r}?" if nearest else every
            raise InputError(f"Unknown parameter {name!r} in {where}: {hint}")


def choices(kind: str, root: Path | None = None) -> list[str]:
    """Names of the layers of one `kind`: 'dataset', 'behaviour', 'model' or 'scale'."""
    return sorted(path.stem for path in ((root or layers_root()) / "params" / kind).glob("*.yaml"))


def resolve(given: Mapping[str, Any] | None = None, root: Path | None = None) -> Parameters:
    """Apply the layers that the names in `given` choose, then `given` itself.

    Parameters
    ----------
    given : flat names and values; None means "as the layers say".
    root : the checkout whose ``params/`` is read; by default the one around the current folder.

    Raises
    ------
    InputError
        For an unknown name, layer or value; the message names the nearest known one.
    """
    root = root or layers_root()
    given = {name: value for name, value in (given or {}).items() if value is not None}
    refuse_unknown(given, where="the given parameters")
    values = read_layer(root / "params" / "base.yaml")
    # The dataset is looked at first: it may name the default target.
    for kind, name in [
        ("dataset", "dataset"),
        ("behaviour", "target"),
        ("model", "model"),
        ("scale", "scale"),
    ]:
        chosen = str(given.get(name, values.get(name)))
        known = choices(kind, root)
        if kind == "behaviour" and chosen not in known and values.get("layout") == "folder":
            continue  # one's own labels have names of their own, and no layer
        if chosen not in known:
            nearest = difflib.get_close_matches(chosen, known, n=1, cutoff=0.5)
            hint = (
                f"did you mean {nearest[0]!r}?" if nearest else f"choose one of {', '.join(known)}."
            )
            raise InputError(f"Unknown {name} {chosen!r}: {hint}")
        layer = read_layer(root / "params" / kind / f"{chosen}.yaml")
        values.update({key: value for key, value in layer.items() if value is not None})
    return validate(values | given)


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


def from_notebook(namespace: Mapping[str, Any]) -> Parameters:
    """Resolve a notebook's parameters, to be called in the cell after the one tagged `parameters`.

    `namespace` is the notebook's ``globals()``. Every name set in the notebook's own parameters
    cell, and in the one papermill injects after it, must be a parameter, so a mistyped one is
    refused rather than silently ignored. Both cells start with ``# Parameters``. What papermill
    injects always counts as given; a line of the notebook's own cell does once it is edited.
    """
    cells = namespace.get("In", [])
    own = _assigned_names(cells, "# Parameters:")
    injected = _assigned_names(cells, "# Parameters\n")
    refuse_unknown(dict.fromkeys([*own, *injected]), where="the notebook")
    defaults = read_layer(layers_root() / "params" / "base.yaml")
    edited = [name for name in own if namespace[name] != defaults[name]]
    return resolve({name: namespace[name] for name in [*edited, *injected]})


def read_cell(namespace: Mapping[str, Any], schema: type[Schema]) -> Schema:
    """Check the parameters cell of a notebook that has a few parameters of its own.

    `namespace` is the notebook's ``globals()``. As with `from_notebook`, every name set in the
    notebook's parameters cell, or in the one papermill injects, must be a field of `schema`.
    """
    cells = namespace.get("In", [])
    names = [*_assigned_names(cells, "# Parameters:"), *_assigned_names(cells, "# Parameters\n")]
    return check_values({name: namespace[name] for name in names}, schema, "the notebook")


def _assigned_names(cells: list[str], start: str) -> list[str]:
    """Names assigned in the last executed cell whose source begins with `start`."""
    last = [source for source in cells if source.startswith(start)][-1:]
    nodes = [node for source in last for node in ast.walk(ast.parse(source))]
    return [
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def parameters_cell() -> str:
    """The source of the cell tagged `parameters`, the same in every notebook of one run."""
    defaults = read_layer(layers_root() / "params" / "base.yaml")
    lines = ["# Parameters: None means as the layers under params/ say."]
    for name, field in Parameters.model_fields.items():
        kind = _kind_in_words(field.annotation)
        lines.append(f"{name}: {kind} = {defaults[name]!r}  # {field.description}")
    return "\n".join(lines)


def _kind_in_words(annotation: Any) -> str:
    """A plain type for a field's annotation, as papermill shows it: str, int, float, bool, list."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return _kind_in_words(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return type(get_args(annotation)[0]).__name__
    if get_origin(annotation) is list:
        return "list"
    return annotation.__name__


def write_params(parameters: Parameters, path: Path) -> None:
    """Write every resolved parameter to a flat YAML file that `resolve` reads back equal."""
    path.write_text(yaml.safe_dump(parameters.model_dump(), sort_keys=False), encoding="utf-8")


if __name__ == "__main__":  # prints the cell, to be pasted into a new notebook
    print(parameters_cell())
