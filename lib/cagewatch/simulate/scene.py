"""The scene: the cage as one camera sees it, its light and its noise, and the mouse laid into it.

The picture without the mouse is drawn once per recording (`cage.draw_cage`); a frame is that
picture with the mouse laid into it, times the light of the moment, plus sensor noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from cagewatch.simulate.cage import HEIGHT, WALLS, WIDTH, draw_cage


@dataclass(frozen=True)
class Scene:
    """The static picture and the light of one recording.

    Attributes
    ----------
    picture : (240, 320) float32, luminance 0 to 255 without the mouse under steady light.
    clear : (240, 320) float32, 0 to 1, how clearly the mouse shows through what is before it.
    noise : (rows, columns) int8, sensor noise, cropped at a random place for every frame.
    shift : column and row by which the camera is off its usual place.
    brightness : light on the mouse relative to full light.
    drift : (k, 3) float64, amplitude, period in frames and phase of the slow changes of light.
    """

    picture: np.ndarray
    clear: np.ndarray
    noise: np.ndarray
    shift: tuple[float, float]
    brightness: float
    drift: np.ndarray


def draw_scene(rng: Generator, night: bool) -> Scene:
    """Draw the cage of one recording, by day or by night."""
    picture, clear = draw_cage(rng)
    picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    clear = cv2.resize(clear, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    shift = tuple(rng.uniform(-4, 4, 2).round(1))
    move = np.float32([[1, 0, shift[0]], [0, 1, shift[1]]])
    picture, clear = (
        cv2.warpAffine(plane, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        for plane in (cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 0.8)), clear)
    )
    brightness = rng.uniform(0.4, 0.54) if night else rng.uniform(0.85, 1.1)
    picture = picture * brightness * _lamp(rng, night) + (6 if night else 0)
    grainy = rng.uniform(2.2, 4.2) if night else rng.uniform(1.0, 2.0)
    grain = rng.normal(0, grainy, (HEIGHT + 97, WIDTH + 89)).astype(np.float32)
    noise = np.rint(cv2.GaussianBlur(grain, (0, 0), 0.5) * 1.4).astype(np.int8)
    drift = np.column_stack(
        [
            rng.uniform(0.005, 0.03, 3),
            rng.uniform([900, 3000, 9000], [2500, 8000, 30000]),
            rng.uniform(0, 2 * np.pi, 3),
        ]
    )
    return Scene(picture.astype(np.float32), clear, noise, shift, brightness, drift)


def light(scene: Scene, frame: np.ndarray) -> np.ndarray:
    """Light at each frame relative to the average: a slow drift of a few per cent, (n,) float."""
    amplitude, period, phase = scene.drift.T[..., None]
    return 1 + (amplitude * np.sin(2 * np.pi * frame / period + phase)).sum(axis=0)


def lay_mouse(
    scene: Scene, ink: np.ndarray, left: int, top: int, out: np.ndarray, mirrored: bool
) -> None:
    """Lay a painted mouse into a frame, (240, 320) float32, changed in place.

    `ink` is (rows, columns, 2) float32, luminance times opacity (0 to 255) and opacity (0 to 255),
    at the scale of the frame and wholly inside it, its corner at `left` and `top`. `mirrored` also
    shows the mouse's faint reflection in the nearer side wall.
    """
    rows, columns = slice(top, top + ink.shape[0]), slice(left, left + ink.shape[1])
    opacity = ink[..., 1] * scene.clear[rows, columns]
    opacity *= 1 / 255
    part = out[rows, columns]
    part -= part * opacity
    lit = ink[..., 0] * scene.clear[rows, columns]
    lit *= scene.brightness
    part += lit
    if mirrored:
        _lay_reflection(scene, ink[..., 1], left, top, out)


def _lay_reflection(
    scene: Scene, opacity: np.ndarray, left: int, top: int, out: np.ndarray
) -> None:
    """Darken the side wall by a mirror image of the mouse, a sixth as strong."""
    middle = left + opacity.shape[1] / 2
    wall = round((WALLS[0] if middle < WIDTH / 2 else WALLS[1]) + scene.shift[0])
    start = 2 * wall - (left + opacity.shape[1])
    band = (max(start, wall - 12, 0), wall) if middle < WIDTH / 2 else (wall, wall + 12)
    stop = min(band[1], start + opacity.shape[1], WIDTH)
    begin = max(band[0], start)
    if stop > begin:
        mirror = opacity[:, ::-1][:, begin - start : stop - start]
        out[top : top + opacity.shape[0], begin:stop] *= 1 - mirror * (0.3 / 255)


def finish_frame(
    scene: Scene, frame: np.ndarray, gain: float, corner: tuple[int, int]
) -> np.ndarray:
    """Apply the light and add the noise crop at `corner`; (240, 320) uint8 luminance."""
    row, column = corner
    lit = cv2.convertScaleAbs(frame, alpha=float(gain))
    crop = scene.noise[row : row + HEIGHT, column : column + WIDTH]
    return cv2.add(lit, crop, dtype=cv2.CV_8U)


def _lamp(rng: Generator, night: bool) -> np.ndarray:
    """Uneven light over the picture: a gentle slope by day, one lamp's spot by night."""
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    if not night:
        return 1 + 0.08 * (column / WIDTH - 0.5) * rng.choice([-1, 1]) - 0.06 * (row / HEIGHT - 0.5)
    centre = WIDTH * rng.uniform(0.35, 0.65), HEIGHT * rng.uniform(0.25, 0.5)
    away = ((column - centre[0]) / 210) ** 2 + ((row - centre[1]) / 170) ** 2
    return 0.62 + 0.62 * np.exp(-away)
