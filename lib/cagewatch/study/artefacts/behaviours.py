"""Figure 1: the two held-out behaviours, as recorded and as a model sees them."""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cagewatch.clips import index_training_clips, measure_flow_scale
from cagewatch.errors import InputError
from cagewatch.plots import plot_frames, save_figure
from cagewatch.recordings import Recording, load_recordings
from cagewatch.store import Store, stores_of
from cagewatch.store.preprocess import represent_flow
from cagewatch.study.artefacts.parameters import Given, figures_folder, is_simulated, settings_of
from cagewatch.study.overview import example_frames
from cagewatch.video.seek import read_frames_at

BEHAVIOURS = ("hang", "groom")


class Example(NamedTuple):
    """The liveliest clip of successive frames in a behaviour's longest bout.

    Attributes
    ----------
    frame : number of the clip's middle frame.
    recorded : (height, width) uint8, that frame as recorded.
    gray : (clip_length, rows, columns) uint8.
    flow : (clip_length, rows, columns, 1 or 3) float32 in [0, 1], speed or a colour picture.
    speed : median over the clip's frames of the largest speed in a frame, pixels per frame.
    """

    behaviour: str
    recording: str
    frame: int
    recorded: np.ndarray
    gray: np.ndarray
    flow: np.ndarray
    speed: float


def find_examples(given: Given) -> list[Example]:
    """One example of each behaviour, from all recordings the study uses.

    Raises
    ------
    InputError
        If a recording has no frame of either.
    """
    settings = settings_of(given)
    recordings = load_recordings(settings)
    stores = stores_of(recordings, settings, max(1, given.cores))
    train = [item for item in recordings if item.split == "train"]
    scale = measure_flow_scale(index_training_clips(train, stores, settings), stores, settings)
    # Two channels are no picture; what a model sees as (dx, dy) is shown in colour.
    shown = settings.flow_representation.replace("xy", "hsv")
    found = example_frames(recordings)
    examples = []
    for name in BEHAVIOURS:
        if name not in found:
            continue
        recording, middle = found[name]
        store = stores[recording.name]
        first = liveliest_clip(recording, store, middle, settings.clip_length)
        clip, frame = slice(first, first + settings.clip_length), first + settings.clip_length // 2
        flow = np.asarray(store.flow[clip], np.float32)
        times = store.times[frame : frame + 2]
        examples.append(
            Example(
                name,
                recording.name,
                frame,
                read_frames_at(recording.source, frame, times)[0],
                np.asarray(store.gray[clip]),
                np.stack(
                    [represent_flow(one, shown, settings.flow_scaling, scale) for one in flow]
                ),
                float(np.median(np.hypot(flow[..., 0], flow[..., 1]).max(axis=(1, 2)))),
            )
        )
    if not examples:
        raise InputError(
            f"No recording of {given.dataset} shows hang or groom: check its labels with the "
            "notebook prepare."
        )
    return examples


def liveliest_clip(recording: Recording, store: Store, middle: int, length: int) -> int:
    """First frame of the clip with the most motion in the middle half of the bout around `middle`.

    A behaviour has still moments, a picture of which would show no flow at all; and at the ends of
    a bout the animal is still coming from the one before, or on its way to the next.
    """
    same = recording.labels[: len(store)] == recording.labels[middle]
    start = middle - int(np.argmin(np.r_[same[middle::-1], False]))  # just before the bout
    stop = middle + int(np.argmin(np.r_[same[middle:], False]))
    quarter = (stop - start) // 4
    start, stop = start + quarter, stop - quarter
    flow = np.asarray(store.flow[start + 1 : stop], np.float32)
    if len(flow) <= length:
        return int(np.clip(middle - length // 2, 0, max(0, len(store) - length)))
    speed = np.hypot(flow[..., 0], flow[..., 1]).mean(axis=(1, 2))
    return start + 1 + int(np.argmax(np.convolve(speed, np.ones(length), "valid")))


def show_behaviours(given: Given, examples: list[Example]) -> Figure:
    """One row a behaviour: the frame as recorded, then the clip's gray and flow; written."""
    figure = plt.figure(figsize=(9.6, 2.2 * len(examples)), layout="constrained")
    parts = figure.subfigures(len(examples), 1, squeeze=False)[:, 0]
    for example, part in zip(examples, parts, strict=True):
        grid = part.add_gridspec(2, 2, width_ratios=(1, 2.6))
        frame = part.add_subplot(grid[:, 0])
        frame.imshow(example.recorded, cmap="gray", vmin=0, vmax=255)
        frame.set_axis_off()
        frame.set_title(f"{example.behaviour}, as recorded", fontsize=10)
        half = len(example.gray)
        strip = plot_frames(example.gray, n_columns=half, ax=part.add_subplot(grid[0, 1]))
        strip.set_title("what a model sees: gray", fontsize=10)
        flow = example.flow if example.flow.shape[-1] == 3 else example.flow[..., 0]
        strip = plot_frames(flow, n_columns=half, limits=(0, 1), ax=part.add_subplot(grid[1, 1]))
        strip.set_title("and flow (bright: fast)", fontsize=10)
    where = "; ".join(f"{one.behaviour}: {one.recording}, frame {one.frame}" for one in examples)
    caption = f"Figure 1: example frames of the held-out behaviours, {given.dataset} ({where})"
    folder = figures_folder(given)
    save_figure(figure, folder, "figure_1_behaviours", is_simulated(given), caption)
    return figure


def describe_behaviours(given: Given, examples: list[Example]) -> str:
    """Markdown: where the examples come from and how fast they move."""
    lines = [
        f"- {one.behaviour}: {one.recording}, frame {one.frame}; the fastest pixel of a frame "
        f"moves {one.speed:.2f} pixels (median over the clip, at the size a model sees)."
        for one in examples
    ]
    if is_simulated(given):
        lines.append("\nThe recordings are simulated.")
    return "\n".join(lines)
