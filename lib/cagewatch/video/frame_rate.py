"""Recordings of different frame rates: refused by name, or brought to one rate.

Speeds and clip lengths are counted in frames, so a model trained at one rate means nothing at
another. Frames are never made up: a recording can only be brought to a lower rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

FrameRates = Literal["refuse", "resample"]
SAME = 0.02  # 29.97 and 30 are one rate: in a clip of 8 frames they differ by less than a frame


def same_rate(one: float, other: float) -> bool:
    """Whether two frame rates differ by too little to matter."""
    return abs(one - other) <= SAME * max(one, other)


def thin_frames(
    frames: Iterable[tuple[float, np.ndarray]], fps: float
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Keep the frame nearest to each tick of a lower rate: (number, time_s, frame).

    Ticks are ``k / fps`` from the first frame on; times are those of the frames kept, in seconds.
    """
    tick, last = 0, -1
    before: tuple[int, float, np.ndarray] | None = None
    for number, (time, frame) in enumerate(frames):
        wanted = tick / fps
        if time >= wanted - 1e-9:
            nearer = before is not None and wanted - before[1] < time - wanted
            kept = before if nearer and before[0] != last else (number, time, frame)
            last = kept[0]
            yield kept
            # After a gap in the source there is nothing to give for the ticks inside it.
            tick = max(tick + 1, int(np.floor(kept[1] * fps + 0.5)) + 1)
        before = (number, time, frame)
