"""The cage: a translucent tub with rim and lid, a wedge-shaped hopper, a spout and bedding."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

WIDTH, HEIGHT = 320, 240

# Places in the cage, columns and rows of the picture before the camera's small shift
WALLS = (27.0, 292.0)  # inner faces of the side walls
FLOOR = (199.0, 209.0)  # where the feet stand: far and near side of the bedding
LID = 107.0  # bars under the lid, where a mouse hangs
SPOUT = (101.0, 152.0)  # its tip
HOPPER = ((91.0, 107.0), (258.0, 107.0), (131.0, 177.0))
DETAIL = 2  # the static picture is drawn this many times larger


def draw_cage(rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the cage of one recording, seen from the side under even light, without the mouse.

    Both (480, 640) float32, `DETAIL` times the size of a frame: luminance, 0 to 255, and, 0 to 1,
    how clearly the mouse shows through what is before it.
    """
    picture = _draw_wall(rng)
    _draw_bedding(picture, rng)
    clear = np.ones((HEIGHT * DETAIL, WIDTH * DETAIL), np.float32)
    _draw_tub(picture, clear)
    _draw_glare(picture, clear, rng)
    return picture, clear


def _texture(rng: Generator, smooth: float) -> np.ndarray:
    """Smooth noise of unit deviation over the enlarged picture, float32."""
    grain = rng.normal(size=(HEIGHT * DETAIL, WIDTH * DETAIL)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), smooth)
    return grain / grain.std()


def _points(*places: tuple[float, float]) -> np.ndarray:
    return np.rint(np.array(places) * DETAIL).astype(np.int32)


def _shade(picture: np.ndarray, factor: float, add: float, *corners: tuple[float, float]) -> None:
    """Multiply and lift the luminance inside a polygon, as a sheet of plastic does."""
    mask = np.zeros(picture.shape, np.uint8)
    cv2.fillPoly(mask, [_points(*corners)], 255, cv2.LINE_AA)
    weight = mask.astype(np.float32) / 255
    picture += weight * (picture * (factor - 1) + add)


def _line(picture: np.ndarray, tone: float, width: float, *places: tuple[float, float]) -> None:
    cv2.polylines(picture, [_points(*places)], False, tone, max(round(width * DETAIL), 1), 8)


def _draw_wall(rng: Generator) -> np.ndarray:
    """Wall behind the cage, and the white cloth it stands on."""
    picture = np.full((HEIGHT * DETAIL, WIDTH * DETAIL), rng.uniform(142, 158), np.float32)
    picture += 3 * _texture(rng, 30) + 1.5 * _texture(rng, 1.5)
    band = int(rng.uniform(120, 165) * DETAIL)  # the far edge of the table shows as a soft step
    picture[band:] -= rng.uniform(4, 16)
    cloth = np.full_like(picture, 186) + 4 * _texture(rng, 12) + 2 * _texture(rng, 1)
    edge = int(rng.uniform(184, 190) * DETAIL)
    picture[edge:] = cloth[edge:]
    return cv2.GaussianBlur(picture, (1, 0), sigmaX=0.01, sigmaY=3)


def _draw_bedding(picture: np.ndarray, rng: Generator) -> None:
    """Wood shavings with an uneven top edge, darker toward the front and in the hollows."""
    columns = np.arange(30, 294, 3)
    wander = np.cumsum(rng.normal(0, 1.0, len(columns)))
    wander -= np.linspace(wander[0], wander[-1], len(columns))
    middle = np.sin((columns - 30) / 264 * np.pi)
    tops = 206 - rng.uniform(6, 12) * middle**0.5 + wander + rng.normal(0, 1.1, len(columns))
    outline = [*zip(columns, tops, strict=True), (294, 211), (287, 217), (38, 217), (30, 210)]
    mask = np.zeros(picture.shape, np.uint8)
    cv2.fillPoly(mask, [_points(*outline)], 255, cv2.LINE_AA)
    shavings = (
        rng.uniform(84, 102)
        + 10 * _texture(rng, 1.0)
        + 11 * _texture(rng, 2.2)
        + 7 * _texture(rng, 8)
    )
    row = np.arange(picture.shape[0], dtype=np.float32)[:, None] / DETAIL
    shavings += np.clip((204 - row) * 1.5, -18, 8)
    weight = mask.astype(np.float32) / 255
    picture += weight * (shavings - picture)


def _draw_tub(picture: np.ndarray, clear: np.ndarray) -> None:
    """Lid, bottle, hopper, spout, tub and rim; the rim and the walls also veil the mouse."""
    _shade(picture, 0.9, 2, (22, 6), (288, 6), (299, 84), (11, 84))
    _shade(picture, 0.6, 6, (32, 12), (280, 12), (274, 22), (40, 24))
    _shade(picture, 0.78, 4, (40, 24), (274, 22), (268, 36), (48, 40))
    for column in range(52, 262, 22):
        _line(picture, 84, 1.3, (column, 24), (column + 1, 34))
        _line(picture, 140, 1, (column + 4, 25), (column + 16, 25))
    _line(picture, 52, 1.6, (11, 84), (20, 10), (25, 6), (285, 6), (290, 10), (299, 84))
    _line(picture, 165, 1, (24, 9), (286, 9))
    for wall in (9, 301):
        _line(picture, 96, 1, (wall, 52), (wall, 84))
    _shade(picture, 1.06, 4, (166, 84), (234, 46), (250, 54), (264, 84))
    _line(picture, 112, 1.2, (166, 84), (234, 46), (242, 46), (250, 54), (264, 84))
    _line(picture, 176, 1.2, (222, 58), (236, 62), (246, 59))
    _line(picture, 120, 1, (244, 52), (252, 66), (256, 82))
    tub = (
        (14, 106),
        (303, 106),
        (299, 204),
        (294, 214),
        (284, 219),
        (36, 219),
        (25, 214),
        (20, 204),
    )
    _shade(picture, 0.95, 0, *tub)
    _draw_hopper(picture)
    for wall, lean in ((16, 4), (302, -3)):
        side = ((wall, 108), (wall + lean, 204), (wall + 2.2 * lean, 214), (wall + 5 * lean, 219))
        _line(picture, 66, 1.6, *side)
        _line(picture, 104, 1.2, (wall + 2.6 * lean, 112), (wall + 2.8 * lean, 160))
        _shade(
            picture, 0.86, 22, (wall, 108), (wall + 2 * lean, 108), (wall + 3 * lean, 205),
            (wall + lean, 205),
        )  # fmt: skip
    _line(picture, 62, 1.6, (34, 219), (287, 219))
    _line(picture, 206, 1.4, (34, 221.5), (288, 221.5))
    rim = ((2, 83), (312, 83), (308, 106), (4, 106))
    _shade(picture, 0.72, 12, *rim)
    _shade(clear, 0.45, 0, *rim)
    lines = ((83, 50, 2.2), (86, 168, 1), (89, 96, 1), (92, 140, 1), (95, 82, 1.2), (99, 132, 1))
    for row, tone, width in (*lines, (102, 90, 1), (105.5, 58, 1.8)):
        _line(picture, tone, width, (3, row), (160, row + 0.6), (311, row))
    for column in (78, 140, 233, 270):
        _line(picture, 70, 1, (column, 88), (column, 102))
        _line(picture, 172, 1, (column + 8, 97), (column + 26, 97))
    clear[int(216 * DETAIL) :] = 0.5


def _draw_hopper(picture: np.ndarray) -> None:
    """The wedge, with the bottle's and the food's shadow showing through, and the spout."""
    inside = picture.copy()
    _shade(inside, 0.4, 4, *HOPPER)
    shadow = np.ones_like(picture)
    _shade(shadow, 0.6, 0, (120, 104), (158, 104), (160, 140), (146, 156), (126, 140))
    _shade(shadow, 0.8, 0, (158, 104), (258, 104), (200, 128))
    inside *= cv2.GaussianBlur(shadow, (0, 0), 5 * DETAIL)
    mask = np.zeros(picture.shape, np.uint8)
    cv2.fillPoly(mask, [_points(*HOPPER)], 255, cv2.LINE_AA)
    weight = mask.astype(np.float32) / 255
    picture += weight * (inside - picture)
    _line(picture, 40, 1.3, HOPPER[0], HOPPER[2], HOPPER[1])
    _line(picture, 52, 4.5, (112, 145), SPOUT)
    _line(picture, 120, 1.2, (112, 143.5), (102, 150.5))


def _draw_glare(picture: np.ndarray, clear: np.ndarray, rng: Generator) -> None:
    """Reflections on the front wall: a few soft upright stripes, the same on wall and mouse."""
    for _ in range(3):
        left, wide = rng.uniform(30, 280), rng.uniform(4, 12)
        corners = ((left, 112), (left + wide, 112), (left + wide - 6, 198), (left - 6, 198))
        _shade(picture, 1.0, rng.uniform(3, 9), *corners)
        _shade(clear, rng.uniform(0.93, 0.97), 0, *corners)
