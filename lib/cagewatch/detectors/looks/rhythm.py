"""How quick the movements in a picture are: the spectrum of gray values around each frame.

An animal that sits and washes moves about as much as one that sits and looks about, but faster and
more regularly. One animal before a still camera is all that moves, so that the whole picture tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
from scipy.fft import rfft

# Hz. Up to 7, each band holds one frequency of the window at 30 frames per second.
BANDS = (0.5, 1.4, 2.3, 3.3, 4.2, 5.2, 6.1, 7.0, 8.9, 11.7, 15.5)
SPAN = 32 / 30  # seconds of video behind a rhythm
ROWS = 60  # frames are shrunk to so many rows
STEP = 4  # frames from one to the next
MOVING = 0.05  # share of the pixels that stands for what moves


def describe_rhythm(
    frames: Iterable[np.ndarray], fps: float, shrink: bool = True
) -> Iterator[np.ndarray]:
    """Yield what frequencies the movement around each frame of a run is made of: (10,) float32.

    Frames are (height, width) uint8, shrunk to ROWS first if `shrink`. A rhythm is the logarithm of
    the power in each of BANDS, less their mean, so that it tells how quick movements are and not
    how large. Power is that of gray values over SPAN, averaged over the MOVING share of pixels
    where the band is strongest. Bands above half the frame rate are 0.
    """
    length = max(4, round(SPAN * fps))
    held: deque[np.ndarray] = deque(maxlen=length)
    rhythm, read, given = None, 0, 0
    for frame in frames:
        if shrink:
            width = max(1, round(frame.shape[1] * ROWS / frame.shape[0]))
            frame = cv2.resize(frame, (width, ROWS), interpolation=cv2.INTER_AREA)
        held.append(frame.ravel())
        read += 1
        if len(held) == length and (read - length) % STEP == 0:
            rhythm = _measure_rhythm(held, fps)
            # Each frame gets the rhythm whose middle is nearest.
            while given < read - length // 2 + STEP // 2:
                yield rhythm
                given += 1
    if rhythm is None and held:
        rhythm = _measure_rhythm(held, fps)
    for _ in range(given, read):
        yield rhythm


def _measure_rhythm(held: Sequence[np.ndarray], fps: float) -> np.ndarray:
    gray = np.stack(held).astype(np.float32)
    window = np.hanning(len(gray)).astype(np.float32)
    power = np.abs(rfft((gray - gray.mean(axis=0)) * window[:, None], axis=0)) ** 2
    band = np.searchsorted(BANDS, np.fft.rfftfreq(len(gray), 1 / fps), side="right") - 1
    found = np.unique(band[(band >= 0) & (band < len(BANDS) - 1)])
    strongest = max(1, round(MOVING * power.shape[1]))
    levels = [
        np.log(np.partition(power[band == one].sum(axis=0), -strongest)[-strongest:].mean() + 1e-3)
        for one in found
    ]
    rhythm = np.zeros(len(BANDS) - 1, np.float32)
    rhythm[found] = np.array(levels) - np.mean(levels) if len(found) else 0
    return rhythm
