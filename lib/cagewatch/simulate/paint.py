"""Paints the mouse: filled discs along spine and head, strands for limbs and tail."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cagewatch.simulate.mouse.body import HEAD_RADII, SPINE_RADII, Build, Skeleton

SUBPIXEL = 3  # fractional bits of OpenCV's drawing coordinates
MARGIN = 20.0  # pixels about the skeleton that hold the whole mouse
AWAY = -0.3  # sine of the yaw below which the body hides the head
TRUNK = slice(1, 6)  # points of the spine that carry belly and sheen


@dataclass(frozen=True)
class Layout:
    """A block of n frames ready to be painted; coordinates and radii in fractions of a pixel.

    Attributes
    ----------
    zoom : canvas pixels per screen pixel.
    box : list of n (left, top, right, bottom), screen pixels that hold the mouse.
    spine, head, ears, tail, belly, sheen, pellet : (n, points, 2) int32.
    fore, hind : (n, 2, 4, 2) int32.
    spine_radii, belly_radii, sheen_radii : lists of n lists of int.
    shadow : list of n (column, row, half-width, half-height, opacity).
    behind : (n,) bool, whether the body hides the head.
    holds : (n,) bool, whether a pellet is held.
    near : (n,) int, which side (0 or 1) is nearer to the camera.
    """

    zoom: int
    box: list
    spine: np.ndarray
    head: np.ndarray
    ears: np.ndarray
    tail: np.ndarray
    belly: np.ndarray
    sheen: np.ndarray
    pellet: np.ndarray
    fore: np.ndarray
    hind: np.ndarray
    spine_radii: list
    belly_radii: list
    sheen_radii: list
    shadow: list
    behind: np.ndarray
    holds: np.ndarray
    near: np.ndarray


def lay_out(
    bones: Skeleton, build: Build, zoom: int, shift: np.ndarray, width: int, height: int
) -> Layout:
    """Turn a block's skeletons into coordinates to paint at, `zoom` canvas pixels a pixel.

    `shift` is the column and row by which the camera is off its usual place; width and height are
    the screen's, in pixels.
    """
    unit, size = zoom << SUBPIXEL, build.size

    def place(points: np.ndarray) -> np.ndarray:
        return np.rint((points + shift) * unit).astype(np.int32)

    def radii(shape: np.ndarray, share: float = 1.0) -> list:
        girth = (bones.girth * build.stout * size)[:, None]
        return np.maximum((shape * share * girth * unit).astype(int), 1).tolist()

    trunk = bones.spine[:, TRUNK]
    wide = bones.shadow[:, 2] * unit
    return Layout(
        zoom=zoom,
        box=_boxes(bones, build, shift, width, height),
        spine=place(bones.spine),
        head=place(bones.head),
        ears=place(bones.ears),
        tail=place(bones.tail),
        belly=place(trunk + (0, 4.0 * size)),
        sheen=place(trunk - (0, 5.0 * size)),
        pellet=place(bones.fore[:, :, 2].mean(axis=1, keepdims=True) - (0, 1.0)),
        fore=place(bones.fore),
        hind=place(bones.hind),
        spine_radii=radii(SPINE_RADII),
        belly_radii=radii(SPINE_RADII[TRUNK], 0.62),
        sheen_radii=radii(SPINE_RADII[TRUNK], 0.45),
        shadow=np.column_stack(
            [place(bones.shadow[:, :2]), wide, 0.22 * wide, 90 * bones.shadow[:, 3]]
        )
        .astype(int)
        .tolist(),
        behind=bones.toward < AWAY,
        holds=bones.pellet > 0.5,
        near=bones.near,
    )


def _boxes(bones: Skeleton, build: Build, shift: np.ndarray, width: int, height: int) -> list:
    """Screen rectangles around the mouse, cut at the picture's edge."""
    outline = [bones.spine, bones.head, bones.tail, bones.hind[:, :, 2]]
    points = np.concatenate(outline, axis=1) + shift
    margin = MARGIN * build.size
    low = np.maximum(np.floor(points.min(axis=1) - margin), 0)
    high = np.minimum(np.ceil(points.max(axis=1) + margin), (width, height))
    return np.hstack([low, high]).astype(int).tolist()


def draw(canvas: np.ndarray, layout: Layout, i: int, build: Build) -> None:
    """Paint frame `i` of a layout, luminance and opacity, into a cleared uint8 canvas.

    The canvas is (height, width, 2) and has the size of ``layout.box[i]`` times the zoom.
    """
    zoom, size, near = layout.zoom, build.size, layout.near[i]
    unit = zoom << SUBPIXEL
    left, top = (edge * unit for edge in layout.box[i][:2])
    corner = np.array((left, top), np.int32)
    back, belly, sheen, skin = (
        (tone, 255) for tone in (build.back, build.belly, build.sheen, build.skin)
    )

    def balls(points: np.ndarray, radii: list[int], ink: tuple[int, int]) -> None:
        for (column, row), radius in zip(points.tolist(), radii, strict=True):
            cv2.circle(canvas, (column - left, row - top), radius, ink, -1, 8, SUBPIXEL)

    def ball(point: np.ndarray, radius: float, ink: tuple[int, int]) -> None:
        place = (int(point[0]) - left, int(point[1]) - top)
        cv2.circle(canvas, place, int(radius * size * unit), ink, -1, 8, SUBPIXEL)

    def strand(points: np.ndarray, width: float, ink: tuple[int, int]) -> None:
        thick = max(round(width * size * zoom), 1)
        cv2.polylines(canvas, [points - corner], False, ink, thick, 8, SUBPIXEL)

    def draw_head() -> None:
        balls(layout.head[i], (HEAD_RADII * size * unit).astype(int).tolist(), back)
        balls(layout.ears[i], [int(build.ear * size * unit)] * 2, skin)

    def draw_fore(limb: np.ndarray) -> None:
        strand(limb[:3], 4.5, back)
        ball(limb[2], 1.9, skin)

    def draw_hind(limb: np.ndarray) -> None:
        ball(limb[1], 7.0, back)
        strand(limb[:3], 5.5, back)
        strand(limb[2:], 3.0, skin)

    column, row, wide, high, strength = layout.shadow[i]
    place = (column - left, row - top)
    cv2.ellipse(canvas, place, (wide, high), 0, 0, 360, (6, strength), -1, 8, SUBPIXEL)
    half = layout.tail.shape[1] // 2
    strand(layout.tail[i, : half + 1], 2.6, skin)
    strand(layout.tail[i, half:], 1.6, skin)
    draw_hind(layout.hind[i, 1 - near])
    draw_fore(layout.fore[i, 1 - near])
    if layout.behind[i]:
        draw_head()
    balls(layout.spine[i], layout.spine_radii[i], back)
    balls(layout.belly[i], layout.belly_radii[i], belly)
    balls(layout.sheen[i], layout.sheen_radii[i], sheen)
    if not layout.behind[i]:
        draw_head()
    draw_hind(layout.hind[i, near])
    draw_fore(layout.fore[i, near])
    if layout.holds[i]:
        ball(layout.pellet[i, 0], 3.0, (150, 255))
