"""The most anomalous moments of a recording: a film of them with the score's curve, and stills."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cagewatch import plots
from cagewatch.cages.alarms import Level
from cagewatch.cages.scoring import Result
from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.names import escape_math
from cagewatch.video import read_frames_at, stamps_between

WIDTH = 960  # pixels at most
SHOWN_FPS = 30  # about as many frames of the source are shown a second at most
ALARM_S = 1.0  # an alarm is slowed until it lasts about as long
BAND = 90  # pixels below the picture for the score's curve
WHITE, GREY, ORANGE, YELLOW = (255, 255, 255), (150, 150, 150), (0, 94, 213), (66, 228, 240)


class Moment(NamedTuple):
    """Positions of scored frames: ``start`` to ``stop`` (exclusive), the peak, and the alarm's.

    A moment that is no alarm has ``alarm`` and ``after``, the first frame behind it, at 0.
    """

    start: int
    stop: int
    peak: int
    alarm: int = 0
    after: int = 0


def write_film(path: Path, result: Result, level: Level, moments: Sequence[Moment]) -> None:
    """Write moments in order as H.264 (or MPEG-4) with score, time and speed drawn in.

    A video of 45 frames a second or more is slowed to about 30, and within it an alarm's frames are
    repeated until the alarm lasts about a second. InputError if there is no moment, the source has
    changed, or the video cannot be written.
    """
    if not moments:
        raise InputError("There is no moment to show: no frame has a score.")
    frame, times, score = _columns(result)
    # The mean, as stamps are rounded to the container's clock.
    fps = 1 / float(np.mean(np.diff(times)))
    span = (float(np.min(score)), max(float(np.max(score)), float(np.min(score)) + 1e-9))
    slower = max(1, round(fps / SHOWN_FPS))

    def draw() -> Iterator[np.ndarray]:
        for rank, moment in enumerate(moments, start=1):
            start, stop = max(moment.start, moment.alarm), min(moment.stop, moment.after)
            again = max(1, math.ceil(ALARM_S * fps / slower / max(stop - start, 1) - 0.05))
            part = slice(moment.start, moment.stop)
            first = int(frame[part][0])
            stamps = stamps_between(frame[part], times[part])
            pictures = read_frames_at(result.source, first, stamps)
            for i in range(moment.start, moment.stop):
                repeat = again if start <= i < stop else 1
                text = f"no. {rank}   {clock(times[i])}   frame {frame[i]}   score {score[i]:.4g}"
                text += f"   1/{slower * repeat} speed" if slower * repeat > 1 else ""
                picture, offset = pictures[frame[i] - first], i - moment.start
                drawn = annotate(picture, score[part], offset, span, level.threshold, text)
                yield from [drawn] * repeat

    with whole_file(path) as partial:
        encode(partial, draw(), fps / slower)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, as 0:01:02.50."""
    minutes, seconds = divmod(round(float(seconds), 2), 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{seconds:05.2f}"


def annotate(
    picture: np.ndarray,
    curve: np.ndarray,
    offset: int,
    span: tuple[float, float],
    threshold: float,
    text: str,
) -> np.ndarray:
    """A frame with its moment's score curve below: (rows, columns, 3) uint8, even sizes, BGR."""
    shrink = min(1.0, WIDTH / picture.shape[1])
    size = tuple(max(2, 2 * round(length * shrink / 2)) for length in picture.shape[::-1])
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    picture = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    band = np.zeros((BAND, size[0], 3), np.uint8)
    top, bottom = 28, BAND - 6

    def row(value: float | np.ndarray) -> np.ndarray:
        share = np.clip((np.asarray(value) - span[0]) / (span[1] - span[0]), 0, 1)
        return np.rint(bottom - share * (bottom - top)).astype(int)

    x = np.rint(np.linspace(4, size[0] - 5, len(curve))).astype(int)
    if np.isfinite(threshold):
        level = int(row(threshold))
        cv2.line(band, (0, level), (size[0], level), GREY, 1)
    cv2.polylines(band, [np.column_stack([x, row(curve)]).astype(np.int32)], False, YELLOW, 1)
    flagged = curve[offset] >= threshold
    colour, place = ORANGE if flagged else WHITE, (int(x[offset]), int(row(curve[offset])))
    cv2.circle(band, place, 4, colour, -1)
    scale, text = min(0.55, size[0] / 900), text + ("   ALARM" if flagged else "")
    cv2.putText(band, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
    return np.vstack([picture, band])


def encode(path: Path, pictures: Iterator[np.ndarray], fps: float) -> None:
    """Encode BGR pictures of one even size as H.264 where FFmpeg can, else as MPEG-4."""
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    options = {"crf": "23", "preset": "veryfast"} if codec == "libx264" else {"qscale": "4"}
    options["threads"] = "2"  # not the machine's number, on which the bytes written depend
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.pix_fmt, stream.options = "yuv420p", options
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def choose_moments(
    score: np.ndarray,
    times: np.ndarray,
    count: int,
    seconds: float,
    alarms: Iterable[tuple[int, int, int]] = (),
) -> list[Moment]:
    """The stretch around each alarm's peak, highest first, then those around the scores left.

    `score` and `times` are (n,) float, in seconds; `seconds` is the length of each stretch, and
    each alarm its first frame, the one after it, and its peak. Only those of two alarms close
    together may share frames.
    """

    def around(peak: int, reach: float) -> tuple[int, int]:
        first, last = np.searchsorted(times, times[peak] + np.array([-reach, reach]))
        return int(first), max(int(last), peak + 1)

    left = np.array(score, float)
    moments = []
    for start, stop, peak in alarms:
        moments.append(Moment(*around(peak, seconds / 2), peak, start, stop))
        left[slice(*around(peak, seconds))] = left[start:stop] = -np.inf
    moments = sorted(moments, key=lambda moment: -score[moment.peak])[:count]
    while len(moments) < count and np.isfinite(left).any() and left.max() > -np.inf:
        peak = int(np.argmax(left))
        moments.append(Moment(*around(peak, seconds / 2), peak))
        # Half a stretch on either side, so that no later stretch reaches into this one.
        left[slice(*around(peak, seconds))] = -np.inf
    return moments


def moments_of(result: Result, count: int, seconds: float) -> list[Moment]:
    """`choose_moments` of a scored recording."""
    number, times, score = _columns(result)
    columns = result.alarms[["start_frame", "stop_frame", "peak_frame"]].to_numpy(int)
    alarms = np.searchsorted(number, columns + [0, 1, 0]).tolist()
    return choose_moments(score, times, count, seconds, alarms)


def _columns(result: Result) -> list[np.ndarray]:
    return [result.frames[name].to_numpy() for name in ("frame", "time_s", "smooth")]


def cut_highlights(
    folder: Path, result: Result, level: Level, count: int, seconds: float
) -> list[Moment]:
    """Write highlights.mp4 and moments.csv into `folder`; the moments, those of alarms first."""
    moments = moments_of(result, count, seconds)
    write_film(folder / "highlights.mp4", result, level, moments)
    peaks = result.frames.iloc[[moment.peak for moment in moments]]
    table = peaks[["frame", "time_s", "smooth"]].rename(columns={"smooth": "score"})
    with whole_file(folder / "moments.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.9g")
    return moments


def cut_clips(folder: Path, result: Result, level: Level, seconds: float) -> list[Path]:
    """Write ``clips/alarm_001.mp4`` and so on into `folder`, one for each row of alarms.csv."""
    for old in (folder / "clips").glob("alarm_*.mp4"):
        old.unlink()
    moments = sorted(moments_of(result, len(result.alarms), seconds), key=lambda one: one.alarm)
    paths = [folder / "clips" / f"alarm_{row:03d}.mp4" for row in range(1, len(moments) + 1)]
    for path, moment in zip(paths, moments, strict=True):
        write_film(path, result, level, [moment])
    return paths


def show_moments(result: Result, count: int, seconds: float) -> Figure:
    """The frame at the peak of each moment that `cut_highlights` cuts, with its time and score."""
    source, (number, times, score) = result.source, _columns(result)
    moments = moments_of(result, count, seconds)
    figure, axes = plt.subplots(
        1, len(moments), figsize=(2.7 * len(moments), 2.9), layout="constrained", squeeze=False
    )
    for ax, moment in zip(axes[0], moments, strict=True):
        peak = min(moment.peak, len(score) - 2)
        part = slice(peak, peak + 2)
        # Two neighbours, so that the seek knows how far apart frames are.
        stamps = stamps_between(number[part], times[part])
        frame = read_frames_at(source, int(number[part][0]), stamps)[
            0 if peak == moment.peak else -1
        ]
        ax.imshow(frame, cmap="gray", vmin=0, vmax=255)
        text = f"{clock(times[moment.peak])}\nscore {score[moment.peak]:.4g}"
        ax.set(title=text, xticks=[], yticks=[])
    figure.suptitle(escape_math(source.name))
    plots.mark_simulated(figure, [source.name])
    return figure
