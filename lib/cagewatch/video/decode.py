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
import numpy as np

from cagewatch.errors import InputError
from cagewatch.video.container import (
    FALLBACK_FPS,
    JUMP,
    carries_time,
    luminance,
    open_video,
    shown_frames,
    stated_rate,
    stated_seconds,
    video_stream,
)
from cagewatch.video.stills import (
    MAX_PIXELS,
    list_images,
    read_image,
    read_images,
    read_volume,
    volume_shape,
)
from cagewatch.video.truncation import missing_bytes

VIDEO_SUFFIXES = frozenset(
    ".mpg .mpeg .mp4 .m4v .mov .avi .mkv .webm .wmv .gif .mts .m2ts .ts .flv".split()
)

# Nominal frames by which stamps in the wrong order step back, H.264's most; a clock that has
# started again steps back further.
REORDERED = 16


class Header(NamedTuple):
    """What a source says about itself before decoding; `frames` is a hint, None if not stated.

    `timed` is False where the source carries no time and states no frame rate: `fps` is assumed.
    """

    width: int
    height: int
    fps: float
    frames: int | None
    timed: bool = True


def read_frames(
    source: Path, threads: int = 1, fps: float = FALLBACK_FPS
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield every frame of `source` in presentation order.

    Parameters
    ----------
    source : a video file; a folder of jpg, png, tif or bmp images, taken in natural order
        (``9.jpg`` before ``10.jpg``); or a ``.mat`` file with a uint8 volume ``vol`` or ``I``.
    threads : decoder threads, at least 1.
    fps : frames per second assumed for what carries no time: images, volumes, and bare coded
        pictures without a container that state no rate either.

    Yields
    ------
    time : float, seconds since the first frame, strictly increasing. A variable frame rate is kept.
        A missing stamp, or one that does not increase, continues one nominal frame after the
        previous one, and a warning says so. Later stamps move along with it where the clock has
        started again, as in joined recordings.
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
        frames = _read_video(source, threads, fps)
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


def count_frames(source: Path) -> int:
    """Number of frames `source` really has: decoded for a video, listed for images and volumes."""
    source = Path(source)
    if source.is_dir():
        return len(list_images(source))
    if source.suffix.lower() == ".mat":
        return volume_shape(source)[1][-1]
    count = sum(1 for _ in _decode(source, threads=1))
    if not count:
        raise InputError(f"{source} holds no frame that can be decoded; replace the file.")
    return count


def probe(source: Path, fps: float = FALLBACK_FPS) -> Header:
    """Width, height, frame rate and frame count `source` states; hints, not decoded facts."""
    source = Path(source)
    if source.is_dir():
        images = list_images(source)
        height, width = read_image(images[0]).shape
        return Header(width, height, fps, len(images), timed=False)
    if source.suffix.lower() == ".mat":
        _, shape = volume_shape(source)
        return Header(shape[1], shape[0], fps, shape[-1], timed=False)
    with open_video(source) as container:
        stream = video_stream(container, source)
        rate = stated_rate(container, stream)
        return Header(stream.width, stream.height, rate or fps, stream.frames or None, bool(rate))


def say_assumed_rate(source: Path, fps: float) -> None:
    """Warn that a source carries no time and is taken at `fps` frames per second."""
    warnings.warn(
        f"{source} carries no time stamps and states no frame rate; it is taken at {fps:g} frames"
        " per second. If that is wrong, set image_fps, or copy it into a container: ffmpeg"
        " -framerate RATE -i IN -c copy OUT.mp4.",
        stacklevel=2,
    )


def _read_video(source: Path, threads: int, fps: float) -> Iterator[tuple[float, np.ndarray]]:
    with open_video(source) as container:
        rate = stated_rate(container, video_stream(container, source))
        stamped = carries_time(container)
    interval = 1 / (rate or fps)
    previous: float | None = None
    latest: float | None = None
    shift = 0.0
    jumps: list[tuple[int, float]] = []
    mended: list[int] = []
    for index, frame in enumerate(_decode(source, threads)):
        stamp = frame.time if stamped else index * interval
        if stamp is None:
            mended.append(index)
        if previous is None:
            time, shift = 0.0, -(stamp or 0.0)
        else:
            time = previous + interval if stamp is None else stamp + shift
            if time <= previous:
                mended.append(index)
                time = previous + interval
                if latest is None or latest - stamp > REORDERED * interval:
                    shift = time - stamp
            if time - previous > JUMP * interval:
                jumps.append((index, time - previous))
        previous, latest = time, latest if stamp is None else stamp
        try:
            gray = luminance(frame)
        except (av.FFmpegError, ValueError) as error:
            raise InputError(
                f"{source} has pixels of a kind ({frame.format.name}) that cannot be turned into "
                "gray; re-encode it."
            ) from error
        yield time, gray
    if mended:
        warnings.warn(
            f"{source}: {len(mended)} frames have no time stamp or one that does not grow, first"
            f" frame {mended[0]}; each is put one frame after the one before it.",
            stacklevel=2,
        )
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
        stated, lasts = stream.frames, stated_seconds(container, stream)
        first_time = last_time = None
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = max(1, threads)
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        frames = shown_frames(container, stream)
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
