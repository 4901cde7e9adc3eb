"""Figure 1: the two held-out behaviours, as recorded and as a model sees them."""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.plots import plot_frames
from cagewatch.recordings import Recording
from cagewatch.store import Store
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.overview import example_frames
from cagewatch.video.seek import read_frames_at

BEHAVIOURS = ("hang", "groom")


class Example(NamedTuple):
    """The liveliest clip of successive frames in a behaviour's longest bout.

    Attributes
    ----------
    frame : number of the clip's middle frame.
    recorded : that frame as recorded, (height, width) uint8.
    gray : (clip_length, rows, columns) uint8.
    speed : likewise float32, of the flow, pixels per frame.
    """

    behaviour: str
    recording: str
    frame: int
    recorded: np.ndarray
    gray: np.ndarray
    speed: np.ndarray


def find_examples(given: Given) -> list[Example]:
    """One example of each behaviour, from all recordings; InputError if none shows either."""
    settings = given.settings()
    recordings, stores = given.prepare(settings)
    found = example_frames(recordings)
    examples = []
    for name in (one for one in BEHAVIOURS if one in found):
        recording, middle = found[name]
        store, length = stores[recording.name], settings.clip_length
        first = liveliest_clip(recording, store, middle, length)
        clip, frame = slice(first, first + length), first + length // 2
        flow = np.asarray(store.flow[clip], np.float32)
        (recorded, *_) = read_frames_at(recording.source, frame, store.times[frame : frame + 2])
        gray, speed = np.asarray(store.gray[clip]), np.linalg.norm(flow, axis=-1)
        examples.append(Example(name, recording.name, frame, recorded, gray, speed))
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
    """One row a behaviour: the frame as recorded, then the clip's gray and speed; written."""
    figure = plt.figure(figsize=(9.6, 2.1 * len(examples)), layout="constrained")
    grid = figure.add_gridspec(2 * len(examples), 2, width_ratios=(1, 2.9))
    fastest = max(float(example.speed.max()) for example in examples)
    strips = []
    for row, example in enumerate(examples):
        frame = figure.add_subplot(grid[2 * row : 2 * row + 2, 0])
        frame.imshow(example.recorded, cmap="gray", vmin=0, vmax=255)
        frame.set_axis_off()
        frame.set_title(f"{example.behaviour}, as recorded", fontsize=10)
        strip = plot_frames(example.gray, ax=figure.add_subplot(grid[2 * row, 1]))
        strip.set_title("what a model sees: gray", fontsize=10)
        below = figure.add_subplot(grid[2 * row + 1, 1])
        strip = plot_frames(example.speed, (0, fastest), "magma_r", below)
        strip.set_title("and the speed of its flow", fontsize=10)
        strips.append(strip)
    figure.colorbar(
        strips[0].images[0], ax=strips, label="Speed (pixels a frame)", fraction=0.02, pad=0.01
    )
    where = "; ".join(f"{one.behaviour}: {one.recording}, frame {one.frame}" for one in examples)
    caption = (
        f"Figure 1: example frames of the held-out behaviours, {given.dataset} ({where}). "
        "Speed has one scale for all strips, in pixels of the small picture"
    )
    return given.save(figure, "figure_1_behaviours", caption)


def describe_behaviours(given: Given, examples: list[Example]) -> str:
    """Markdown: where the examples come from and how fast they move."""
    lines = [
        f"- {one.behaviour}: {one.recording}, frame {one.frame}; the fastest pixel of a frame "
        f"moves {np.median(one.speed.max(axis=(1, 2))):.2f} pixels (median over the clip, at the "
        "size a model sees)."
        for one in examples
    ]
    return "\n".join(lines + ["\nThe recordings are simulated."] * given.is_simulated)
