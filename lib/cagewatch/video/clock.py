"""When each frame of a recording is shown, and which frame is shown at a time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from cagewatch.video.container import FALLBACK_FPS, carries_time, open_video, video_stream
from cagewatch.video.decode import count_frames, probe, read_frames

SHORT = 0.5  # of the usual step: a packet that follows so closely may hold no picture of its own


class Clock(NamedTuple):
    """Seconds at which each frame is shown, (n_frames,) float, and the frames per second stated."""

    times: np.ndarray
    fps: float

    def frame_at(self, time_s: float) -> int:
        """Number of the frame shown at a time; beyond the last frame they are counted on."""
        number = max(int(np.searchsorted(self.times, time_s, side="right")) - 1, 0)
        if number == len(self.times) - 1:
            number += int(np.floor((time_s - self.times[-1]) * self.fps))
        return number


def read_clock(source: Path, fps: float = FALLBACK_FPS) -> Clock:
    """Read the clock of a source; `fps` is the rate of what carries no time.

    Times are those of `cagewatch.video.read_frames`. They come from a video's packets, which is
    quick; it is decoded only where these do not tell them.
    """
    rate = probe(source, fps).fps
    if source.is_dir() or source.suffix.lower() == ".mat":
        return Clock(np.arange(count_frames(source)) / rate, rate)
    times = _packet_times(source)
    if times is None:
        times = np.array([time for time, _ in read_frames(source, fps=fps)])
    return Clock(times, rate)


def _packet_times(source: Path) -> np.ndarray | None:
    """Seconds of each frame by the packets' stamps; None if these are missing or in doubt."""
    with open_video(source) as container:
        stream = video_stream(container, source)
        reordered = container.format.name == "avi" and stream.codec_context.has_b_frames
        if reordered or not carries_time(container):
            return None
        try:
            packets = [packet for packet in container.demux(stream) if packet.size]
        except (av.FFmpegError, ValueError):
            return None
        stamps = [packet.pts for packet in packets if packet.pts is not None]
        if not stamps or len(stamps) < len(packets) or any(one.is_discard for one in packets):
            return None
        times = np.sort(np.array(stamps) - min(stamps)) * float(stream.time_base or 0)
    steps = np.diff(times)
    return times if len(steps) == 0 or steps.min() > SHORT * np.median(steps) else None
