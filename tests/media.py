"""Small recordings that several test modules write and read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from cagewatch import video


def write_images(into: Path, count: int, suffix: str = "tif", value: int = 100) -> None:
    """Write `count` equal images of 12 rows and 16 columns, named from 001 on."""
    into.mkdir(parents=True)
    for number in range(1, count + 1):
        cv2.imwrite(str(into / f"{number:03d}.{suffix}"), np.full((12, 16), value, np.uint8))


def decode(source: Path, **keywords) -> tuple[np.ndarray, np.ndarray]:
    """Read all times and frames of a source."""
    times, frames = zip(*video.read_frames(source, **keywords), strict=True)
    return np.array(times), np.stack(frames)
