"""Figure 2: the networks, drawn from the Keras models themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cagewatch.detectors.networks import build_model, summary_rows
from cagewatch.plots import name_model, save_figure
from cagewatch.store.seen import flow_channels
from cagewatch.study.artefacts.parameters import Given

MODELS = ("rae", "cae", "cae_image", "supervised")
# What a box names in its first lines; normalisation and activation have one of their own.
NAMED = ("Conv", "Dense", "UpSampling", "Flatten", "Concatenate")
COLOURS = {"image": "#D6E8F5", "flow": "#FBE3CF", "both": "#E4E4E4"}
LINE = 36  # characters in a line of a box
ARROW = {"arrowstyle": "-|>", "color": "0.3", "shrinkA": 0, "shrinkB": 0}
WIDTH, HEIGHT = 0.94, 0.76  # of a box; lanes and rows are 1 apart


class Box(NamedTuple):
    """One stage of a network: its lane ('image', 'flow' or 'both'), row from the top and text."""

    lane: str
    row: int
    title: str
    text: str


def build_models(given: Given) -> dict[str, keras.Model]:
    """The networks by name, for frames of this dataset, as wide as Figure 2 has them."""
    built = {}
    for name in MODELS:
        settings = given.settings(model=name)
        drawn = {"precision": "float32", "width": settings.width and 1.0}
        settings = settings.model_copy(update=drawn)
        built[name] = build_model(settings, flow_channels(settings.flow_representation))
    return built


def lay_out(model: keras.Model) -> list[Box]:
    """The boxes of a network: inputs, stages with a named operation, in the order of the layers."""
    boxes = [
        Box(stream, 0, stream, f"input {in_words(tensor.shape[1:])}")
        for stream, tensor in model.input.items()
    ]
    depth = dict.fromkeys(model.input, 0)
    for stage, operations, shape, count in summary_rows(model):
        named = shorten_operations(operations)
        if not named:
            continue
        first, _, rest = stage.partition("_")
        lane = first if first in depth else "both"
        row = max(depth.values() if lane == "both" else [depth[lane]]) + 1
        depth = {one: row if lane in (one, "both") else own for one, own in depth.items()}
        shown = in_words(shape) + {
            1: " values" if shape != (1,) else " value",
            3: " per frame",
        }.get(len(shape), "")
        title = rest.upper() if rest and first in depth else first
        if lane == "both" and first == "fuse" and len(depth) == 1:
            title = "middle"
        after = name_after(model, stage, operations)
        text = f"{textwrap.fill(named, LINE)}\n{after}{shown}, {count:,} parameters"
        boxes.append(Box(lane, row, title, text))
    return boxes


def shorten_operations(operations: str) -> str:
    """A stage's convolutions and what else it names, in a line; '' if it has none of them."""
    parts = operations.split(", ")
    kept = [part for part in parts if part.startswith(NAMED)]
    if "Add" in parts:
        kept = [part for part in kept if "1x1x1" not in part] + ["shortcut 1x1x1"]
    same = len(kept) > 1 and kept[-1] == kept[-2]
    return " + ".join(kept[:-1] if same else kept).replace("Conv2DTranspose", "Conv2D transposed")


def name_after(model: keras.Model, stage: str, operations: str) -> str:
    """What follows a stage's convolutions, as a line with its end: ``batch norm, LeakyReLU``."""
    found = ["batch norm"] * ("BatchNormalization" in operations)
    found += ["LeakyReLU"] * ("LeakyReLU" in operations)
    for layer in model.layers:
        name = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if layer.name.startswith(stage) and name != "linear" and name not in found:
            found.append(name)
    return f"{', '.join(found)}\n" if found else ""


def in_words(shape: Sequence[int]) -> str:
    """``8x24x32x1``."""
    return "x".join(map(str, shape))


def draw_network(model: keras.Model, ax: Axes) -> Axes:
    """Draw a network from top to bottom: encoders side by side, fusion across, then decoders."""
    boxes = lay_out(model)
    lanes = list(model.input)
    last: dict[str, float] = {}
    for box in boxes:
        own = lanes if box.lane == "both" else [box.lane]
        centre = sum(map(lanes.index, own)) / len(own)
        for lane in own:
            x = lanes.index(lane)
            if lane in last:
                ax.annotate("", (x, box.row - HEIGHT / 2), (x, last[lane]), arrowprops=ARROW)
            last[lane] = box.row + HEIGHT / 2
        width = len(own) - 1 + WIDTH
        left, size = centre - width / 2 + 0.03, (width - 0.06, HEIGHT - 0.06)
        colour = COLOURS[box.lane if len(lanes) > 1 else lanes[0]]
        look = {"boxstyle": "round,pad=0.03", "edgecolor": "0.3", "linewidth": 0.9}
        place = (left, box.row - HEIGHT / 2 + 0.03)
        ax.add_patch(FancyBboxPatch(place, *size, facecolor=colour, **look))
        ax.text(left, box.row, box.title, va="center", fontsize=10, fontweight="bold")
        shift = 0.08 if len(own) == 1 else 0
        ax.text(centre + shift, box.row, box.text, ha="center", va="center", fontsize=9)
    ax.set(
        xlim=(-0.5, len(lanes) - 0.5),
        ylim=(max(box.row for box in boxes) + 0.5, -0.5),
        title=f"{name_model(model.name)}: {model.count_params():,} parameters",
    )
    ax.set_axis_off()
    return ax


def show_architectures(given: Given, models: dict[str, keras.Model]) -> list[Figure]:
    """Figure 2: RAE and CAE, one figure each, then the two alternates side by side; written."""
    figures = []
    groups = {"rae": ["rae"], "cae": ["cae"], "alternates": ["cae_image", "supervised"]}
    for group, names in groups.items():
        figure, axes = plt.subplots(
            1, len(names), figsize=(8.4, 8.2), layout="constrained", squeeze=False
        )
        for ax, name in zip(axes[0], names, strict=True):
            draw_network(models[name], ax)
        caption = (
            f"Figure 2, drawn from the models: {', '.join(map(name_model, names))}. The line below "
            "a box's convolutions names what follows them"
        )
        save_figure(figure, given.figures, f"figure_2_{group}", caption=caption)
        figures.append(figure)
    return figures


def describe_architectures(models: dict[str, keras.Model]) -> str:
    """Markdown: parameters of each network, and of its parts."""
    lines = []
    for name, model in models.items():
        encoders = sum(row[3] for row in summary_rows(model) if "_e" in row[0])
        fusion = sum(row[3] for row in summary_rows(model) if row[0] == "fuse")
        rest = model.count_params() - encoders - fusion
        after = "head" if name == "supervised" else "decoders"
        lines.append(
            f"- {name_model(name)}: **{model.count_params():,}** parameters; encoders "
            f"{encoders:,}, fusion {fusion:,}, {after} {rest:,}."
        )
    return "\n".join(lines)
