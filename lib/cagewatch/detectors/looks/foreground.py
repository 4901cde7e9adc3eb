"""What stands out from the background of a still camera, and how large normal things are.

Where there is one animal, all that differs is that animal. Where there are many, each connected
piece is looked at through windows of the size that normal things have at that row of the picture,
so that a group is seen one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from sklearn.linear_model import HuberRegressor

MOST_ROWS = 240  # larger frames are shrunk to so many rows
BACKGROUND_FRAMES = 100
DIFFERS = 15  # gray levels from the background
SMALLEST = 50  # pixels of an object; less is noise


@dataclass(frozen=True)
class Scale:
    """How large normal things are at each row of the picture.

    Attributes
    ----------
    slope, level : height in pixels = level + slope * row.
    smallest, largest : bounds of that height.
    ratio : width over height.
    """

    slope: float
    level: float
    smallest: float
    largest: float
    ratio: float

    def at(self, row: float) -> tuple[float, float]:
        """Height and width in pixels of a normal thing whose middle is at `row`."""
        height = min(max(self.level + self.slope * row, self.smallest), self.largest)
        return height, height * self.ratio


def shrink(frame: np.ndarray) -> np.ndarray:
    """A frame of at most MOST_ROWS rows, (rows, columns) uint8."""
    if frame.shape[0] <= MOST_ROWS:
        return frame
    width = round(frame.shape[1] * MOST_ROWS / frame.shape[0])
    return cv2.resize(frame, (width, MOST_ROWS), interpolation=cv2.INTER_AREA)


def find_background(frames: Sequence[np.ndarray], one: bool) -> np.ndarray:
    """The picture without objects, from frames spread over a recording: (rows, columns) uint8.

    The median. One animal may rest in one place for most of the time; since a cage's animal is
    darker than what is behind it, there it is the 90th percentile.
    """
    return np.percentile(np.stack(frames), 90 if one else 50, axis=0).astype(np.uint8)


def find_foreground(frame: np.ndarray, background: np.ndarray) -> np.ndarray:
    """(rows, columns) uint8, 1 where a frame differs from the background by more than DIFFERS.

    A change of the light of the whole picture is divided out first.
    """
    gain = float(np.median(frame[::4, ::4])) / max(float(np.median(background[::4, ::4])), 1.0)
    change = cv2.absdiff(frame, cv2.convertScaleAbs(background, alpha=gain))
    mask = (cv2.GaussianBlur(change, (3, 3), 0) > DIFFERS).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))


def find_pieces(mask: np.ndarray, one: bool) -> np.ndarray:
    """Left, top, width, height and area of each connected piece: (n, 5) int.

    With `one`, a single box around the largest piece and whatever is a fifth as large at least.
    """
    pieces = cv2.connectedComponentsWithStats(mask)[2][1:]
    pieces = pieces[pieces[:, 4] >= SMALLEST]
    if not one or not len(pieces):
        return pieces
    pieces = pieces[pieces[:, 4] >= pieces[:, 4].max() / 5]
    left, top = pieces[:, 0].min(), pieces[:, 1].min()
    right, bottom = (pieces[:, :2] + pieces[:, 2:4]).max(axis=0)
    return np.array([[left, top, right - left, bottom - top, pieces[:, 4].sum()]])


def fit_scale(pieces: np.ndarray, one: bool) -> Scale:
    """Normal sizes from the pieces of many frames ((n, 5) int).

    One animal needs a window that holds it in every posture; of many things the height follows the
    row by a robust line (Huber 1964), as perspective has it.
    """
    height, width = pieces[:, 3].astype(float), pieces[:, 2].astype(float)
    if one:
        tall, wide = np.percentile(height, 95), np.percentile(width, 95)
        return Scale(0.0, tall, tall, tall, wide / tall)
    row = pieces[:, 1] + height / 2
    low, high = np.percentile(height, [10, 90])
    line = HuberRegressor().fit(row[:, None] / MOST_ROWS, height)
    scale = Scale(line.coef_[0] / MOST_ROWS, line.intercept_, low, high, 1.0)
    normal = np.array([scale.at(middle)[0] for middle in row])
    alone = (height > 0.75 * normal) & (height < 1.35 * normal)
    ratio = np.median(width[alone] / height[alone]) if alone.any() else 1.0
    return Scale(scale.slope, scale.level, low, high, float(ratio))


def place_windows(pieces: np.ndarray, scale: Scale, one: bool) -> list[tuple[float, float]]:
    """Column and row of the middle of each window, so that windows of normal size cover a piece."""
    middles = []
    for left, top, width, height, _ in pieces.tolist():
        middle = (left + width / 2, top + height / 2)
        tall, wide = scale.at(middle[1])
        down, across = max(1, round(height / tall)), max(1, round(width / wide))
        if one or (down == 1 and across == 1):
            middles.append(middle)
            continue
        rows = _spread(top, height, tall, down)
        columns = _spread(left, width, wide, across)
        middles += [(column, row) for row in rows for column in columns]
    return middles


def _spread(start: float, length: float, size: float, count: int) -> list[float]:
    if count == 1:
        return [start + length / 2]
    return np.linspace(start + size / 2, start + length - size / 2, count).tolist()
