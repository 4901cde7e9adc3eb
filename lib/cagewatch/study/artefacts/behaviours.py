"""Figure 1: the two held-out behaviours, as recorded and as a model sees them."""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cagewatch.clips import index_training_clips, measure_flow_scale
from cagewatch.errors import InputError
from cagewatch.plots import plot_frames
from cagewatch.recordings import Recording
from cagewatch.store import Store
from cagewatch.store.preprocess import represent_flow
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.overview import example_frames
from cagewatch.video.seek import read_frames_at

BEHAVIOURS = ("hang", "groom")


class Example(NamedTuple):
    """The liveliest clip of successive frames in a behaviour's longest bout.

    Attributes
    ----------
    behaviour, recording : str
    frame : int
        Number of the clip's middle frame.
    recorded : ndarray of uint8, shape (height, width)
        That frame as recorded.
    gray : ndarray of uint8, shape (clip_length, rows, columns)
    flow : ndarray of float32 in [0, 1], shape (clip_length, rows, columns, 1 or 3)
        Speed or a colour picture.
    speed : float
        Median over the clip's frames of the largest speed in a frame, pixels per frame.
    white : str
        The speed that is drawn brightest.
    """

    behaviour: str
    recording: str
    frame: int
    recorded: np.ndarray
    gray: np.ndarray
    flow: np.ndarray
    speed: float
    white: str


def find_examples(given: Given) -> list[Example]:
    """One example of each behaviour, from all recordings; InputError if none shows either."""
    settings = given.settings()
    recordings, stores = given.prepare(settings)
    train = [item for item in recordings if item.split == "train"]
    scale = measure_flow_scale(index_training_clips(train, stores, settings), stores, settings)
    # Two channels are no picture; what a model sees as (dx, dy) is shown in colour.
    shown = (settings.flow_representation.replace("xy", "hsv"), settings.flow_scaling, scale)
    found = example_frames(recordings)
    white = f"{scale:.2g} pixels a frame"
    white = white if settings.flow_scaling == "constant" else "the fastest of each frame"
    examples = []
    for name in (one for one in BEHAVIOURS if one in found):
        recording, middle = found[name]
        store, length = stores[recording.name], settings.clip_length
        first = liveliest_clip(recording, store, middle, length)
        clip, frame = slice(first, first + length), first + length // 2
        flow = np.asarray(store.flow[clip], np.float32)
        (recorded, *_) = read_frames_at(recording.source, frame, store.times[frame : frame + 2])
        pictures = np.stack([represent_flow(one, *shown) for one in flow])
        speed = float(np.median(np.linalg.norm(flow, axis=-1).max(axis=(1, 2))))
        seen = (recorded, np.asarray(store.gray[clip]), pictures)
        examples.append(Example(name, recording.name, frame, *seen, speed, white))
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
    speed = np.linalg.norm(flow, axis=-1).mean(axis=(1, 2))
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
        strip.set_title(f"and flow (white: {example.white})", fontsize=10)
    where = "; ".join(f"{one.behaviour}: {one.recording}, frame {one.frame}" for one in examples)
    caption = f"Figure 1: example frames of the held-out behaviours, {given.dataset} ({where})"
    return given.save(figure, "figure_1_behaviours", caption)


def describe_behaviours(given: Given, examples: list[Example]) -> str:
    """Markdown: where the examples come from and how fast they move."""
    lines = [
        f"- {one.behaviour}: {one.recording}, frame {one.frame}; the fastest pixel of a frame "
        f"moves {one.speed:.2f} pixels (median over the clip, at the size a model sees)."
        for one in examples
    ]
    return "\n".join(lines + ["\nThe recordings are simulated."] * given.is_simulated)
