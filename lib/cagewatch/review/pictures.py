"""The report's pictures, as data that stands in the page: a clock, animals, stills and clips."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.cages.cage import Cage
from cagewatch.cages.film import encode
from cagewatch.cages.results import read_times
from cagewatch.errors import InputError
from cagewatch.names import escape_math
from cagewatch.plots import mark_simulated
from cagewatch.plots.style import ANOMALOUS, NORMAL
from cagewatch.review.animals import Observed, split_at_midnight
from cagewatch.review.groups import MEASURES
from cagewatch.video import read_frames_at, stamps_between

CLIP_S = 3.0  # of a clip, around an alarm's peak
CLIP_WIDTH = 240  # pixels
MOST_BYTES = 3_000_000  # of stills and clips together, so that a page stays below 5 MB
DARK, WATCHED = "#D9D9D9", "#9AB8D3"


class Moment(NamedTuple):
    """An alarm shown: its row of the table, a still and a clip as data URIs ('' without one)."""

    alarm: dict[str, Any]
    still: str
    clip: str


def draw_clock(observed: Observed, dark: tuple[float, float]) -> str:
    """Alarms over the 24-hour clock, a row for each animal and day, as a data URI.

    `dark` has the hours at which the light goes off and on, 0 to 24; equal: always light.
    """
    rows: dict[tuple[str, str, str], dict[str, list[tuple[float, float]]]] = {}
    table, alarms = observed.recordings, observed.alarms
    spans = [("watched", *one) for one in zip_spans(table, table["start"], table["hours"])]
    long = (alarms["stop_s"] - alarms["start_s"]) / 3600
    spans += [("alarms", *one) for one in zip_spans(alarms, alarms["at"], long)]
    for kind, animal, group, start, hours in spans:
        row = rows.setdefault((group, animal, f"{start:%Y-%m-%d}"), {"watched": [], "alarms": []})
        row[kind].append(((start - start.normalize()).total_seconds() / 3600, hours))
    figure, ax = plt.subplots(figsize=(9, 1.2 + 0.17 * len(rows)), layout="constrained")
    off, on = dark
    for left, right in [(off, on)] if off <= on else [(0, on), (off, 24)]:
        ax.axvspan(left, right, color=DARK, lw=0, zorder=0)
    for place, key in enumerate(sorted(rows)):
        ax.broken_barh(rows[key]["watched"], (place - 0.4, 0.8), color=WATCHED, lw=0)
        # A line, so that an alarm of a second can be seen on a day.
        ax.broken_barh(rows[key]["alarms"], (place - 0.4, 0.8), color=ANOMALOUS, lw=0.6)
    names = [escape_math(" ".join(part for part in key if part)) for key in sorted(rows)]
    ax.set_yticks(range(len(rows)), names, fontsize=8)
    ax.set(xlim=(0, 24), ylim=(len(rows) - 0.5, -0.5), xticks=range(0, 25, 3), xlabel="hour of day")
    mark_simulated(figure, table["recording"])
    return as_png(figure)


def zip_spans(
    table: pd.DataFrame, start: pd.Series, hours: pd.Series
) -> Iterator[tuple[str, str, pd.Timestamp, float]]:
    """Animal, group, start and hours of stretches, those over midnight in two."""
    for animal, group, begun, long in zip(
        table["animal"], table["group"], start, hours, strict=True
    ):
        for part, own in split_at_midnight(begun, long):
            yield animal, group, part, own


def draw_animals(animals: pd.DataFrame) -> str:
    """Each animal's rate and share by group, with the groups' means, as a data URI."""
    groups = sorted(set(animals["group"]))
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for ax, (measure, words) in zip(axes, MEASURES.items(), strict=True):
        for place, group in enumerate(groups):
            values = animals.loc[animals["group"] == group, measure].to_numpy(float)
            spread = place + np.linspace(-0.15, 0.15, len(values))
            ax.plot(spread, np.sort(values), "o", color=NORMAL, alpha=0.7)
            ax.hlines(values.mean(), place - 0.3, place + 0.3, color=ANOMALOUS)
        names = [escape_math(group or "no group") for group in groups]
        ax.set_xticks(range(len(groups)), names)
        ax.set(ylabel=words, xlim=(-0.6, len(groups) - 0.4))
        ax.set_ylim(bottom=0)
    return as_png(figure)


def as_png(figure: Figure) -> str:
    """A figure as a data URI, closed."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=130)
    plt.close(figure)
    return as_uri(written.getvalue(), "image/png")


def as_uri(data: bytes, kind: str) -> str:
    """Bytes as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def show_moments(cage: Cage, observed: Observed, most: int) -> list[Moment]:
    """Stills and clips of the alarms with the highest scores, of each recording one at most.

    A video that is not there any more gives a moment without pictures.
    """
    files = observed.recordings.set_index("recording")["file"]
    top = observed.alarms.drop_duplicates("recording").head(most)
    moments, total = [], 0
    for _, alarm in top.iterrows():
        still, clip = "", ""
        try:
            still, clip = cut_moment(cage, alarm, Path(files[alarm["recording"]]))
        except (InputError, OSError):
            pass
        total += len(still)
        clip = clip if total + len(clip) <= MOST_BYTES else ""
        total += len(clip)
        moments.append(Moment(alarm.to_dict(), still, clip))
    return moments


def cut_moment(cage: Cage, alarm: pd.Series, source: Path) -> tuple[str, str]:
    """A still (JPEG) at an alarm's peak and a clip (MP4) around it, as data URIs."""
    times = read_times(cage, alarm["recording"])
    seconds, numbers = (times[name].to_numpy() for name in ("time_s", "frame"))
    start, stop = np.searchsorted(seconds, alarm["peak_s"] + np.array([-0.5, 0.5]) * CLIP_S)
    stamps = stamps_between(numbers[start:stop], seconds[start:stop])
    frames = [shrink(frame) for frame in read_frames_at(source, int(numbers[start]), stamps)]
    peak = frames[int(np.argmin(np.abs(stamps - alarm["peak_s"])))]
    still = cv2.imencode(".jpg", peak, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        fps = 1 / float(np.mean(np.diff(stamps))) if len(stamps) > 1 else 1.0
        encode(path, iter(frames), fps)
        return as_uri(still, "image/jpeg"), as_uri(path.read_bytes(), "video/mp4")


def shrink(frame: np.ndarray) -> np.ndarray:
    """A gray frame as (rows, columns, 3) uint8 of even sizes, CLIP_WIDTH wide at most."""
    share = min(1.0, CLIP_WIDTH / frame.shape[1])
    size: Sequence[int] = [max(2, 2 * round(length * share / 2)) for length in frame.shape[::-1]]
    small = cv2.resize(frame, (size[0], size[1]), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
