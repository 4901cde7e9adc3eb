"""One look for all figures, and how they are written."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cagewatch.files import whole_file, write_json

STYLE = Path(__file__).resolve().parents[1] / "cagewatch.mplstyle"
NORMAL, ANOMALOUS, BOUT, THRESHOLD = "#0072B2", "#D55E00", "#F2C9A8", "#000000"
MODEL_NAMES = {
    "rae": "two-stream RAE",
    "cae": "two-stream CAE",
    "cae_image": "single-stream CAE (image)",
    "cae_flow": "single-stream CAE (flow)",
    "cae_bottleneck": "two-stream CAE (bottleneck)",
    "supervised": "supervised",
    "hasan": "2D CAE (Hasan et al.)",
    "stae_image": "STAE (image)",
    "stae_flow": "STAE (flow)",
    "conv3d": "two-stream 3-D CAE",
    "memory": "two-stream CAE with memory",
    "density": "density of objects",
    "recommended": "recommended (six in one)",
    "sparse": "sparse combinations (150 FPS)",
    "mean_image": "mean image",
    "pca_frames": "PCA of frames",
    "pca_clips": "PCA of clips",
    "mean_flow": "mean flow",
    "frame_index": "frame index",
    "frame_difference": "frame difference",
    "flow_magnitude": "flow magnitude",
}
_MARK = "simulated-mark"
SIMULATED = "simulated_"  # what names of simulated recordings begin with


def use_style() -> None:
    """Use the study's style for every figure made from here on."""
    plt.style.use(STYLE)


def name_model(model: str) -> str:
    """A model's name as figures and tables show it; an unknown one with its underscores spaced.

    Parameters
    ----------
    model : str
        Of a layer of ``params/model``.

    Returns
    -------
    name : str
    """
    return MODEL_NAMES.get(model, model.replace("_", " "))


def axes_or_new(ax: Axes | None, **figure: Any) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    return ax if ax is not None else plt.subplots(layout="constrained", **figure)[1]


def cycle_style(index: int) -> dict[str, Any]:
    """Colour and dash number `index` of the style's cycle, the same whichever axes they are on.

    Once the colours are used up they come again with other dashes.

    Parameters
    ----------
    index : int
        From 0.

    Returns
    -------
    style : dict
        color and linestyle, for Matplotlib.
    """
    with plt.style.context(STYLE):
        styles = list(plt.rcParams["axes.prop_cycle"])
    again, place = divmod(index, len(styles))
    return styles[place] | {"linestyle": styles[(place + again) % len(styles)]["linestyle"]}


def mark_simulated(figure: Figure, recordings: Iterable[str] | None = None) -> None:
    """Write "simulated data" above the figure's right corner, once; the layout stays as it is.

    Given names of recordings, only if one is of the simulated cage: its recordings keep their
    names wherever they are copied, while a dataset's name says nothing about a folder of videos.

    The words lie outside the figure's own area, so they never cover anything; the style's tight
    bounding box makes room for them.

    Parameters
    ----------
    figure : Figure
    recordings : iterable of str, optional
        Names of what is shown.
    """
    if recordings is not None and not any(name.startswith(SIMULATED) for name in recordings):
        return
    if any(text.get_gid() == _MARK for text in figure.texts):
        return
    figure.text(
        1.0,
        1.005,
        "simulated data",
        ha="right",
        va="bottom",
        fontsize=11,
        fontweight="bold",
        color="white",
        gid=_MARK,
        bbox={"boxstyle": "square,pad=0.25", "facecolor": "#7A1F00", "edgecolor": "none"},
    )


def save_figure(
    figure: Figure, folder: Path, name: str, simulated: bool = False, caption: str | None = None
) -> list[Path]:
    """Write ``<name>.svg`` and ``<name>.png`` into `folder`, each whole or not at all.

    The same figure gives the same bytes: no date, no version, fixed ids in the svg. A `caption`
    goes into ``<name>.json``, where the gallery finds it.

    Parameters
    ----------
    figure : Figure
    folder : Path
    name : str
        Of the files, without their ending.
    simulated : bool
        Say in the figure that the data is simulated.
    caption : str, optional

    Returns
    -------
    paths : of the svg and the png.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    if simulated:
        mark_simulated(figure)
    paths = []
    for kind, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
        picture = io.BytesIO()
        with plt.style.context(STYLE), matplotlib.rc_context({"svg.hashsalt": "cagewatch"}):
            figure.savefig(picture, format=kind, metadata=metadata, bbox_inches="tight")
        path = Path(folder) / f"{name}.{kind}"
        with whole_file(path) as partial:
            partial.write_bytes(picture.getvalue())
        paths.append(path)
    if caption is not None:
        write_json(Path(folder) / f"{name}.json", {"caption": caption, "simulated": simulated})
    return paths
