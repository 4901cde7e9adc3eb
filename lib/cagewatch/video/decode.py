"""Luminance frames of a recording, in order, with time stamps.

A recording's frames come from a video file, a folder of images, or a MATLAB ``.mat`` volume (as
Avenue's ``vol`` and the home cage's clips are published). All three give the same thing: full-range
(0 black, 255 white) luminance. Decoding is sequential only, and one frame is held at a time.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from cagewatch.errors import InputError
from cagewatch.video.stills import (
    MAX_PIXELS,
    list_images,
    read_image,
    read_images,
    read_volume,
    refuse_giant,
    refuse_missing,
    volume_shape,
)
from cagewatch.video.truncation import missing_bytes

VIDEO_SUFFIXES = frozenset(
    ".mpg .mpeg .mp4 .m4v .mov .avi .mkv .webm .wmv .gif .mts .m2ts .ts .flv".split()
)
FALLBACK_FPS = 25.0
JUMP = 3.5  # nominal frames without a picture before a gap is worth a warning

# Video luma is 16 (black) to 235 (white) unless marked full range.
_BLACK, _STRETCH = 16, 255 / 219
_FULL_RANGE = 2


class Header(NamedTuple):
    """What a source says about itself before decoding; `frames` is a hint, None if not stated."""

    width: int
    height: int
    fps: float
    frames: int | None


def read_frames(
    source: Path, threads: int = 1, fps: float = FALLBACK_FPS
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield every frame of `source` in presentation order.

    Parameters
    ----------
    source : a video file; a folder of jpg, png, tif or bmp images, taken in natural order
        (``9.jpg`` before ``10.jpg``); or a ``.mat`` file with a uint8 volume ``vol`` or ``I``.
    threads : decoder threads, at least 1.
    fps : frames per second assumed for images and volumes, which carry no time.

    Yields
    ------
    time : float, seconds since the first frame, strictly increasing. A variable frame rate is kept.
        A missing stamp, or one that does not increase (joined recordings restart their clock),
        continues one nominal frame after the previous one, and later stamps move along with it.
    frame : (height, width) uint8 luminance, 0 black to 255 white, as stored: rotation marks in the
        file are not applied (the parameter `rotate` turns a recording).

    Raises
    ------
    InputError
        If the source is missing, empty, no video, cut short, damaged so that decoding stops, larger
        than 2**26 pixels a frame, or changes its frame size on the way. A frame the decoder could
        only repair is kept, with a warning; so is a recording whose header states another number
        of frames, or whose time jumps.
    """
    source = Path(source)
    if source.is_dir():
        frames = read_images(source, fps)
    elif source.suffix.lower() == ".mat":
        frames = read_volume(source, fps)
    else:
        frames = _read_video(source, threads)
    shape = None
    for index, (time, frame) in enumerate(frames):
        if shape is None:
            shape = frame.shape
        elif frame.shape != shape:
            raise InputError(
                f"{source} changes its frame size from {shape[1]}x{shape[0]} to "
                f"{frame.shape[1]}x{frame.shape[0]} at frame {index}; split it there."
            )
        yield time, frame
    if shape is None:
        raise InputError(f"{source} holds no frame that can be decoded; replace the file.")


def count_frames(source: Path, threads: int = 1) -> int:
    """Number of frames `source` really has: decoded for a video, listed for images and volumes."""
    source = Path(source)
    if source.is_dir():
        return len(list_images(source))
    if source.suffix.lower() == ".mat":
        return volume_shape(source)[1][-1]
    count = sum(1 for _ in _decode(source, threads))
    if not count:
        raise InputError(f"{source} holds no frame that can be decoded; replace the file.")
    return count


def probe(source: Path, fps: float = FALLBACK_FPS) -> Header:
    """Width, height, frame rate and frame count `source` states; hints, not decoded facts."""
    source = Path(source)
    if source.is_dir():
        images = list_images(source)
        height, width = read_image(images[0]).shape
        return Header(width, height, fps, len(images))
    if source.suffix.lower() == ".mat":
        _, shape = volume_shape(source)
        return Header(shape[1], shape[0], fps, shape[-1])
    with open_video(source) as container:
        stream = video_stream(container, source)
        rate = float(stream.average_rate or stream.guessed_rate or FALLBACK_FPS)
        return Header(stream.width, stream.height, rate, stream.frames or None)


def _read_video(source: Path, threads: int) -> Iterator[tuple[float, np.ndarray]]:
    interval = 1 / probe(source).fps
    previous, shift = None, 0.0
    jumps: list[tuple[int, float]] = []
    for index, frame in enumerate(_decode(source, threads)):
        stamp = frame.time
        if previous is None:
            time, shift = 0.0, -(stamp or 0.0)
        else:
            time = previous + interval if stamp is None else stamp + shift
            if time <= previous:
                time = previous + interval
                shift = time - stamp
            if time - previous > JUMP * interval:
                jumps.append((index, time - previous))
        previous = time
        try:
            gray = luminance(frame)
        except (av.FFmpegError, ValueError) as error:
            raise InputError(
                f"{source} has pixels of a kind ({frame.format.name}) that cannot be turned into "
                "gray; re-encode it."
            ) from error
        yield time, gray
    if jumps:
        warnings.warn(
            f"{source}: time jumps {len(jumps)} times, first by {jumps[0][1]:.2f} s before frame "
            f"{jumps[0][0]}; frames may be lost there.",
            stacklevel=2,
        )


def _decode(source: Path, threads: int) -> Iterator[av.VideoFrame]:
    """Every frame the file decodes to, checked for damage and for an early end."""
    missing = missing_bytes(source) if source.is_file() else 0
    index, damaged, first_damaged, last_is_damaged = 0, 0, 0, False
    with open_video(source) as container:
        stream = video_stream(container, source)
        stated, lasts = stream.frames, _stated_seconds(container, stream)
        first_time = last_time = None
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = max(1, threads)
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        frames = container.decode(stream)
        while True:
            try:
                frame = next(frames, None)
            except (av.FFmpegError, ValueError) as error:
                raise InputError(
                    f"{source} cannot be decoded beyond frame {index}"
                    f"{' of ' + str(stream.frames) if stream.frames else ''}: it is damaged or cut "
                    "short; copy or download it again."
                ) from error
            if frame is None:
                break
            last_is_damaged = frame.is_corrupt
            if last_is_damaged:
                first_damaged = first_damaged if damaged else index
                damaged += 1
            index += 1
            last_time = last_time if frame.time is None else frame.time
            first_time = last_time if first_time is None else first_time
            yield frame
    if missing or (last_is_damaged and index):
        raise InputError(
            f"{source} is cut short after frame {index}"
            f"{f' (at least {missing} bytes are missing)' if missing else ''}; copy or download it "
            "again, or re-encode it to keep what is there."
        )
    if damaged:
        warnings.warn(
            f"{source}: {damaged} of {index} frames are damaged and were repaired by the decoder, "
            f"the first is frame {first_damaged}.",
            stacklevel=2,
        )
    if last_time is not None and last_time - first_time + lasts[1] < lasts[0]:
        warnings.warn(
            f"{source}: its header says {lasts[0]:.2f} s but the pictures end at "
            f"{last_time - first_time:.2f} s; some may be lost.",
            stacklevel=2,
        )
    if stated and index and index != stated:
        warnings.warn(
            f"{source}: its header says {stated} frames, {index} were decoded; some may be lost.",
            stacklevel=2,
        )


def _stated_seconds(
    container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[float, float]:
    """Seconds the header says the pictures last, 0 if it does not, and what falls short of it."""
    interval = float(1 / (stream.average_rate or stream.guessed_rate or FALLBACK_FPS))
    seconds = 0.0
    if stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration and len(container.streams) == 1:  # else sound may last longer
        seconds = container.duration / av.time_base
    return seconds, JUMP * interval


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
