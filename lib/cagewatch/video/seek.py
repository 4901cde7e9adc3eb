"""Frames from the middle of a recording, found by their time stamps.

Seeking lands on a keyframe and is not exact, so what comes out is checked against the stamps that
sequential decoding gave; where they do not fit, the recording is decoded from its start.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import numpy as np

from cagewatch.errors import InputError
from cagewatch.video.container import (
    carries_time,
    luminance,
    open_video,
    shown_frames,
    video_stream,
)
from cagewatch.video.decode import read_frames

BEFORE_S = 2.0  # seek this much too early: some containers land after the frame asked for


def stamps_between(numbers: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Seconds of all frames from the first to the last of some, (last - first + 1,) float64.

    Of `numbers`, (n,) int and growing, the `times` are known, (n,) float seconds; where frames were
    left out, those in between are evenly spaced.
    """
    return np.interp(np.arange(numbers[0], numbers[-1] + 1), numbers, times.astype(float))


def read_frames_at(source: Path, first: int, times: np.ndarray) -> list[np.ndarray]:
    """Frames number `first` and on of a source, (height, width) uint8 each.

    Parameters
    ----------
    first : number of the first frame wanted, 0-based.
    times : (n,) float, the stamps that `cagewatch.video.read_frames` gives the n frames wanted.

    Raises
    ------
    InputError
        If the source is missing, damaged or has fewer frames.
    """
    source = Path(source)
    frames: list[np.ndarray] | None = None
    if len(times) > 1 and not source.is_dir() and source.suffix.lower() != ".mat":
        frames = _seek(source, np.asarray(times, float))
    if frames is None:
        frames = [frame for _, frame in islice(read_frames(source), first, first + len(times))]
    if len(frames) != len(times):
        raise InputError(
            f"{source} ends before frame {first + len(times)}; it is not the recording that was "
            "scored."
        )
    return frames


def _seek(source: Path, times: np.ndarray) -> list[np.ndarray] | None:
    """The frames with these stamps; None if the source's own stamps do not give them."""
    tolerance = 0.4 * float(np.min(np.diff(times)))
    found: list[np.ndarray] = []
    with open_video(source) as container:
        stream = video_stream(container, source)
        if not carries_time(container):
            return None
        try:
            # Not the stated start: the first frame of an AVI has a later stamp.
            first = next(shown_frames(container, stream), None)
            if first is None or first.time is None:
                return None
            origin = first.time
            target = max(0.0, origin + times[0] - BEFORE_S)
            container.seek(int(target / stream.time_base), stream=stream, backward=True)
            for frame in shown_frames(container, stream):
                if frame.time is None or frame.time - origin > times[-1] + tolerance:
                    break
                if abs(frame.time - origin - times[len(found)]) < tolerance:
                    found.append(luminance(frame))
                    if len(found) == len(times):
                        return found
        except (av.FFmpegError, ValueError):
            return None
    return None
