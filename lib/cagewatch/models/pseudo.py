"""Pseudo-anomalies made of normal video: a cut-out of it moved too fast, too large or turned."""

from __future__ import annotations

import cv2
import numpy as np


def cut_out(
    clip: np.ndarray,
    background: np.ndarray,
    heights: tuple[int, int],
    widths: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """A thing of the right size that is not background: its pixels, mask and foot's row.

    `clip` is (n_frames, height, width) uint8, `background` (height, width) uint8; the pixels are
    (h, w) uint8 and the mask (h, w) float32, 0 or 1. None if 100 random frames show no such thing.
    """
    for _ in range(100):
        frame = clip[rng.integers(len(clip))]
        mask = (cv2.absdiff(frame, background) > 18).astype(np.uint8)
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        count, names, boxes, _ = cv2.connectedComponentsWithStats(mask)
        for name in rng.permutation(np.arange(1, count)):
            x, y, w, h, area = boxes[name]
            inside = x > 2 and y > 2 and x + w < frame.shape[1] - 2 and y + h < frame.shape[0] - 2
            fits = heights[0] <= h <= heights[1] and widths[0] <= w <= widths[1]
            if inside and fits and area > 0.4 * w * h:
                box = np.s_[y : y + h, x : x + w]
                return frame[box].copy(), (names[box] == name).astype(np.float32), int(y + h)
    return None


def paste_along(
    clip: np.ndarray,
    kind: str,
    cut: tuple[np.ndarray, np.ndarray, int],
    speed: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Move a cut-out along its row: the changed clip, and where it is, each like `clip`.

    The second is float32, 0 to 1. `speed` is what flow shows of normal motion there, pixels per
    frame; `kind` is 'glide' (1.5 to 2.5 times as fast), 'large', 'turned' or 'control' (unchanged).
    """
    patch, mask, foot = cut
    # Flow is blurred and so about 1.18 times too slow, as measured by following cut-outs on Ped2.
    pace = 1.18 * speed * (rng.uniform(1.5, 2.5) if kind == "glide" else rng.uniform(0.8, 1.2))
    if kind == "turned":
        patch, mask = np.rot90(patch).copy(), np.rot90(mask).copy()
    if kind == "large":
        factor = rng.uniform(1.6, 2.2)
        patch = cv2.resize(patch, None, fx=factor, fy=factor)
        mask = cv2.resize(mask, (patch.shape[1], patch.shape[0]))
    height, width = clip.shape[1:]
    room, span = width - patch.shape[1], pace * len(clip)
    start, sign = rng.uniform(0, max(room - span, 1)), rng.choice([-1, 1])
    start = start if sign > 0 else room - start
    top = max(min(foot, height - 4) - patch.shape[0], 0)
    soft = cv2.GaussianBlur(np.pad(mask, 3), (3, 3), 0)
    pixels = np.pad(patch, 3, mode="edge").astype(np.float32)
    pasted, covered = np.empty_like(clip), np.empty(clip.shape, np.float32)
    for index, frame in enumerate(clip):
        shift = np.float32([[1, 0, start + sign * pace * index - 3], [0, 1, top - 3]])
        alpha = cv2.warpAffine(soft, shift, (width, height))
        over = cv2.warpAffine(pixels, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
        pasted[index] = np.round(frame * (1 - alpha) + over * alpha)
        covered[index] = alpha
    return pasted, covered
