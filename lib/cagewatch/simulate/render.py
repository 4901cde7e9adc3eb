"""Renders one simulated recording: its bouts, the poses that follow from them, and its frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from cagewatch.simulate import cage, paint, scene
from cagewatch.simulate.ethogram import Bout, draw_bouts
from cagewatch.simulate.mouse import body
from cagewatch.simulate.mouse.motion import move_mouse

ZOOM = 2  # the mouse is painted this many times larger, then averaged down


def recording_bouts(name: str, seed: int, n_frames: int, rare: float = 1.0) -> list[Bout]:
    """Bouts of one recording, in order and without gaps over `n_frames` frames."""
    return draw_bouts(_chance(seed, name)[0], n_frames, rare)


def recording_build(name: str, seed: int) -> body.Build:
    """The mouse of one recording; every fourth is agouti, the others are black."""
    number = name.split("_")[-1].partition("-")[0]
    return body.draw_build(_chance(seed, name)[1], agouti=int(number) % 4 == 3)


def recording_poses(name: str, seed: int, bouts: Sequence[Bout]) -> Iterator[np.ndarray]:
    """Yield the poses of one recording in blocks of (n, len(Part)) float64."""
    return move_mouse(bouts, recording_build(name, seed), _chance(seed, name)[2])


def render_frames(name: str, seed: int, bouts: Sequence[Bout]) -> Iterator[np.ndarray]:
    """Yield the frames of one recording in order, (240, 320) uint8 full-range luminance."""
    _, _, _, looks, noise = _chance(seed, name)
    place = scene.draw_scene(looks, night="night" in name)
    build = recording_build(name, seed)
    spare = np.array(place.noise.shape) - (cage.HEIGHT, cage.WIDTH) + 1
    start = 0
    for poses in recording_poses(name, seed, bouts):
        gains = scene.light(place, np.arange(start, start + len(poses)))
        gains = gains * (1 + noise.normal(0, 0.002, len(poses)))
        corners = noise.integers(0, spare, (len(poses), 2)).tolist()
        bones = body.skeleton(poses, build)
        layout = paint.lay_out(bones, build, ZOOM, place.shift, cage.WIDTH, cage.HEIGHT)
        for i in range(len(poses)):
            frame = place.picture.copy()
            _add_mouse(frame, place, layout, i, build)
            yield scene.finish_frame(place, frame, gains[i], corners[i])
        start += len(poses)


def _chance(seed: int, name: str) -> list[np.random.Generator]:
    """Random numbers for bouts, build, movement, looks and noise.

    They depend on the seed and the recording's name and on nothing else, so that a recording is
    the same whatever else is rendered and however many processes do it. ``simulated_day_01-02`` is
    another recording of the cage and the mouse of ``simulated_day_01``.
    """
    bouts, build, movement, looks, noise = np.random.default_rng([seed, *name.encode()]).spawn(5)
    cage_name, dash, _ = name.partition("-")
    if dash:
        _, build, _, looks, _ = _chance(seed, cage_name)
    return [bouts, build, movement, looks, noise]


def _add_mouse(
    frame: np.ndarray, place: scene.Scene, layout: paint.Layout, i: int, build: body.Build
) -> None:
    """Paint the mouse enlarged, average it down and lay it into the frame."""
    left, top, right, bottom = layout.box[i]
    canvas = np.zeros(((bottom - top) * ZOOM, (right - left) * ZOOM, 2), np.uint8)
    paint.draw(canvas, layout, i, build)
    ink = cv2.resize(canvas, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    ink = cv2.GaussianBlur(ink, (5, 5), 0.9).astype(np.float32)
    near_wall = min(abs(left - cage.WALLS[0]), abs(right - cage.WALLS[1])) < 25
    scene.lay_mouse(place, ink, left, top, frame, near_wall)
