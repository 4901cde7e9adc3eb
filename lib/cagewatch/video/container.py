"""A video file opened: what it says of its rate and length, and the luminance of a frame."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from cagewatch.errors import InputError
from cagewatch.video.frame_rate import same_rate
from cagewatch.video.stills import refuse_giant, refuse_missing
from cagewatch.video.truncation import missing_bytes

FALLBACK_FPS = 25.0
JUMP = 3.5  # nominal frames without a picture before a gap is worth a warning
LOOKED_AT = 300  # packets that tell a frame rate where gaps have changed the average

# Video luma is 16 (black) to 235 (white) unless marked full range.
_BLACK, _STRETCH = 16, 255 / 219
_FULL_RANGE = 2


def open_video(source: Path) -> av.container.InputContainer:
    """Open a local video file; `InputError` if it is missing or is no video."""
    refuse_missing(source)
    try:
        # Only local files: a playlist posing as a video must not reach the network.
        return av.open(
            str(source), options={"protocol_whitelist": "file"}, metadata_errors="ignore"
        )
    except (av.FFmpegError, ValueError) as error:
        cut = "the file is cut short" if missing_bytes(source) else "not a video, or damaged"
        raise InputError(
            f"{source} cannot be opened as a video: {cut}; copy or download it again."
        ) from error


def video_stream(container: av.container.InputContainer, source: Path) -> av.VideoStream:
    """The first moving-picture stream (cover art of a sound file is none)."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    if not streams:
        raise InputError(f"{source} holds no video stream; give a file with moving pictures.")
    if streams[0].codec_context is None:
        raise InputError(f"{source} is coded in a way that no decoder here knows; re-encode it.")
    refuse_giant(source, streams[0].width, streams[0].height)
    return streams[0]


def carries_time(container: av.container.InputContainer) -> bool:
    """Whether frames have stamps; FFmpeg makes them up for coded pictures without a container."""
    return not container.format.flags & av.format.Flags.no_timestamps.value


def shown_frames(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """Decode frames in the order in which they are shown, each with the stamp of its place in it.

    AVI stamps pictures in the order of decoding alone, which B-frames change: a frame there has the
    stamp of the packet after which it came out, and the last ones, after no packet, follow on.
    """
    last = None
    for frame in container.decode(stream):
        if container.format.name == "avi":
            frame.pts = frame.dts if frame.dts is not None or last is None else last + 1
            last = frame.pts
        yield frame


def stated_rate(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """Frames per second that the container, or without one the coded pictures, state; 0 if none.

    Where the container's average is not the rate of its stamps, gaps may have lowered it: then it
    is the rate between them.
    """
    if not carries_time(container):
        return float(stream.codec_context.framerate or 0)
    average = float(stream.average_rate or stream.guessed_rate or 0)
    if not average or same_rate(average, float(stream.base_rate or average)):
        return average
    steady = _rate_between_gaps(Path(container.name))
    return average if not steady or same_rate(average, steady) else steady


def _rate_between_gaps(source: Path) -> float:
    """Frames per second of a video's first packets, gaps left out; 0 if they do not say."""
    with open_video(source) as container:
        stream = video_stream(container, source)
        try:
            packets = list(islice(container.demux(stream), LOOKED_AT))
        except (av.FFmpegError, ValueError):
            return 0.0
        stamps = sorted({packet.pts for packet in packets if packet.pts is not None})
        steps = np.diff(stamps) * float(stream.time_base or 0)
    # A mean, not the median: a millisecond is a coarse step at 120 frames per second.
    steps = steps[steps <= JUMP * np.median(steps)] if len(steps) else steps
    return float(1 / steps.mean()) if steps.sum() else 0.0


def stated_seconds(
    container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[float, float]:
    """Seconds the header says the pictures last, 0 if it does not, and what falls short of it."""
    seconds, interval = 0.0, 1 / (stated_rate(container, stream) or FALLBACK_FPS)
    if not carries_time(container):
        pass  # FFmpeg's guess from the bit rate
    elif stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration and len(container.streams) == 1:  # else sound may last longer
        seconds = container.duration / av.time_base
    return seconds, JUMP * interval


def luminance(frame: av.VideoFrame) -> np.ndarray:
    """(height, width) uint8, 0 to 255, straight from the luma plane where there is one."""
    pixels = frame.format
    first = pixels.components[0]
    is_gray = pixels.name == "gray"
    has_luma_plane = is_gray or (
        pixels.is_planar and not pixels.is_rgb and first.is_luma and first.bits == 8
    )
    if not has_luma_plane:
        return frame.to_ndarray(format="gray")
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    full = frame.color_range == _FULL_RANGE or pixels.name.startswith("yuvj")
    if full or (is_gray and not frame.color_range):
        return rows.copy()
    # Saturating and vectorised: twice as fast as a lookup table, and the same to the last bit.
    return cv2.addWeighted(rows, _STRETCH, rows, 0, -_BLACK * _STRETCH)
