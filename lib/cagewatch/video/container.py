"""A video file opened: what it says of its rate and length, and the luminance of a frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from cagewatch.errors import InputError
from cagewatch.video.stills import refuse_giant, refuse_missing
from cagewatch.video.truncation import missing_bytes

FALLBACK_FPS = 25.0
JUMP = 3.5  # nominal frames without a picture before a gap is worth a warning

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
    """Frames per second that the container, or without one the coded pictures, state; 0 if none."""
    if carries_time(container):
        return float(stream.average_rate or stream.guessed_rate or 0)
    return float(stream.codec_context.framerate or 0)


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
