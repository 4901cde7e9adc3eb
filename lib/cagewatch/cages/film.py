"""A film of the most anomalous moments of a recording, with the score's curve drawn in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.video import read_frames_at

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


def write_highlights(
    path: Path,
    source: Path,
    frame: np.ndarray,
    times: np.ndarray,
    score: np.ndarray,
    moments: Sequence[Moment],
    threshold: float,
    fps: float,
) -> None:
    """Write the moments, best first, as H.264 (or MPEG-4) with score, time and speed drawn in.

    A video of 45 frames a second or more is slowed to about 30, and within it an alarm's frames are
    repeated until the alarm lasts about a second.

    Parameters
    ----------
    frame, times, score : (n,) number in the source, seconds and score of the scored frames.
    fps : frames per second of those scored.

    Raises
    ------
    InputError
        If there is no moment, the source has changed, or the video cannot be written.
    """
    if not moments:
        raise InputError("There is no moment to show: no frame has a score.")
    span = (float(np.min(score)), max(float(np.max(score)), float(np.min(score)) + 1e-9))
    slower = max(1, round(fps / SHOWN_FPS))

    def draw() -> Iterator[np.ndarray]:
        for rank, moment in enumerate(moments, start=1):
            start, stop = max(moment.start, moment.alarm), min(moment.stop, moment.after)
            again = max(1, math.ceil(ALARM_S * fps / slower / max(stop - start, 1) - 0.05))
            curve = score[moment.start : moment.stop]
            shown = _moment(source, frame, times, score, moment, rank)
            for offset, (picture, text) in enumerate(shown):
                repeat = again if start <= moment.start + offset < stop else 1
                text += f"   1/{slower * repeat} speed" if slower * repeat > 1 else ""
                yield from [annotate(picture, curve, offset, span, threshold, text)] * repeat

    with whole_file(path) as partial:
        encode(partial, draw(), fps / slower)


def _moment(
    source: Path, frame: np.ndarray, times: np.ndarray, score: np.ndarray, moment: Moment, rank: int
) -> Iterator[tuple[np.ndarray, str]]:
    """A moment's pictures, each with the line written above the curve."""
    numbers = frame[moment.start : moment.stop]
    first, last = int(numbers[0]), int(numbers[-1])
    # Where frames were left out, the source's own times in between are evenly spaced.
    stamps = np.interp(np.arange(first, last + 1), numbers, times[moment.start : moment.stop])
    pictures = read_frames_at(source, first, stamps)
    for position, number in enumerate(numbers, start=moment.start):
        text = (
            f"no. {rank}   {clock(times[position])}   frame {number}   score {score[position]:.4g}"
        )
        yield pictures[number - first], text


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
    picture = cv2.cvtColor(
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR
    )
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
    place = (int(x[offset]), int(row(curve[offset])))
    cv2.circle(band, place, 4, ORANGE if flagged else WHITE, -1)
    scale = min(0.55, size[0] / 900)
    cv2.putText(band, text + ("   ALARM" if flagged else ""), (6, 18), cv2.FONT_HERSHEY_SIMPLEX,
                scale, ORANGE if flagged else WHITE, 1, cv2.LINE_AA)  # fmt: skip
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
