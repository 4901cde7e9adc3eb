"""Sparse combination learning, "Abnormal event detection at 150 FPS" (Lu, Shi and Jia 2013).

A frame is looked at in three sizes, each cut into patches of 10x10 pixels; five frames of a patch
are a cuboid, described by its gradients in time, rows and columns and compressed by PCA. For each
patch of the picture, sets of 20 basis vectors ("combinations") are learnt one after the other, each
to represent as many of the still unrepresented cuboids as it can; a cuboid that no combination
represents is unusual. The score of a frame is the error of its worst cuboid, and the paper's
decision, any cuboid above a threshold, is a threshold on it.

The paper alternates gradient steps on a combination with choosing the cuboids it represents. For
chosen cuboids the best combination is known in closed form, the truncated singular value
decomposition, and is used instead.

Cuboids are brought to unit length, so that errors lie in [0, 1]; the bound on the error is the
paper's, the threshold of motion is ours. A patch where nothing moved in training has no
combination, so that whatever moves there later has the largest error, 1: with little training
video many frames tie at it. The seed is unused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import cv2
import numpy as np
from scipy.linalg import eigh

from cagewatch.detectors.footage import Footage
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.errors import InputError
from cagewatch.params import Parameters

SIZES = ((20, 20), (30, 40), (120, 160))  # rows, columns the whole frame is brought to
PATCH, LENGTH = 10, 5
REGIONS = sum(rows * columns for rows, columns in SIZES) // PATCH**2  # 4 + 12 + 192
DIMENSIONS = 100  # after PCA
BASIS = 20  # vectors in a combination
BOUND = 0.04  # squared error up to which a cuboid counts as represented
MOST = 30  # combinations per region; the first ones represent nearly all there is
MOTION = 0.002  # mean change between frames, half a gray level, up to which a cuboid is still
SAMPLE = 1000  # frames whose cuboids are learnt from, at most about so many


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Learn the compression, then each region's combinations, in two passes over normal frames.

    Returns
    -------
    mean (1500,), components (1500, d) with d up to 100, bases (n, d, 20) with orthonormal columns
    (zero where a region shows less), region (n,): whose combination each is.

    Raises
    ------
    InputError
        If nothing moves in the training frames.
    """
    videos = training.footage
    every = max(1, sum(map(len, videos)) // SAMPLE)
    state = learn_compression(cuboids for _, cuboids in _training_cuboids(videos, every))
    points: list[list[np.ndarray]] = [[] for _ in range(REGIONS)]
    for regions, cuboids in _training_cuboids(videos, every):
        for region, point in zip(regions, compress(cuboids, state), strict=True):
            points[region].append(point)
    learnt = [learn_combinations(np.array(own), BASIS, BOUND) if own else [] for own in points]
    counts = [len(bases) for bases in learnt]
    state["bases"] = np.concatenate([bases for bases in learnt if len(bases)])
    state["region"] = np.repeat(np.arange(REGIONS, dtype=np.int16), counts)
    return state


def score(
    state: Mapping[str, np.ndarray], footage: Footage, parameters: Parameters
) -> dict[str, np.ndarray]:
    """The largest error of a moving cuboid around each frame: (n_frames,) float64 in [0, 1]."""
    own = [state["bases"][state["region"] == region] for region in range(REGIONS)]
    scores = []
    for run in footage.runs():
        for regions, cuboids in cut_cuboids(run):
            points = compress(cuboids, state)
            errors = [
                squared_error(point[None], own[region])[0]
                for region, point in zip(regions, points, strict=True)
            ]
            scores.append(max(errors, default=0.0))
    return {"score": np.array(scores, np.float64)}


def learn_compression(cuboids: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Principal components of cuboids that come as arrays (n, 1500): 'mean' and 'components'.

    InputError if there is not one cuboid.
    """
    total, product, count = 0.0, 0.0, 0
    waiting: list[np.ndarray] = []
    for part in chain(cuboids, [None]):
        waiting += [] if part is None else [part]
        if waiting and (part is None or sum(map(len, waiting)) > 2000):  # few large products
            rows = np.concatenate(waiting)
            total, product = total + rows.sum(0, np.float64), product + rows.T @ rows
            waiting, count = [], count + len(rows)
    if not count:
        raise InputError(
            "Nothing moves in the training frames, so there is nothing to learn from; check that "
            "train_recordings and region show the animal."
        )
    mean = np.asarray(total / count)
    last = len(mean) - 1
    covariance = product / count - np.outer(mean, mean)
    _, components = eigh(covariance, subset_by_index=(last + 1 - min(DIMENSIONS, count), last))
    return {"mean": mean.astype(np.float32), "components": components.astype(np.float32)}


def learn_combinations(points: np.ndarray, size: int, bound: float) -> np.ndarray:
    """Learn combinations greedily until each of (n, d) points is represented, `MOST` at most.

    A point is represented up to a squared error of `bound` (lambda in the paper). (k, d, size)
    float32, each with orthonormal columns; columns are zero where d or the points' rank is smaller.
    """
    bases, left = [], points
    while len(left) and len(bases) < MOST:
        basis, represented = best_basis(left, size), np.zeros(len(left), bool)
        for _ in range(5):  # alternate: which points it represents, what represents them best
            now = squared_error(left, basis[None]) <= bound
            if not now.any():  # too diverse: begin with one point and those most like it
                near = np.argsort(-(left @ left[0]))[:size]
                now = np.isin(np.arange(len(left)), near)
            if (now == represented).all():
                break
            basis, represented = best_basis(left[now], size), now
        represented |= squared_error(left, basis[None]) <= bound
        bases.append(basis)
        left = left[~represented]
    return np.array(bases, np.float32)


def best_basis(points: np.ndarray, size: int) -> np.ndarray:
    """The (d, size) orthonormal columns that represent points with the least squared error.

    They are the leading right singular vectors of the (n, d) points (Eckart and Young 1936).
    """
    values, vectors = np.linalg.eigh(points.T.astype(np.float64) @ points)
    basis = np.zeros((points.shape[1], size))
    rank = min(size, int((values > 1e-9 * max(values[-1], 1e-30)).sum()))
    basis[:, :rank] = vectors[:, ::-1][:, :rank]
    return basis


def squared_error(points: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """Least squared error of each point, (n, d), under its best combination: (n,) float >= 0.

    `bases` is (k, d, size) with orthonormal (or zero) columns; without any the error is the length.
    """
    whole = np.square(points).sum(axis=1)
    if not len(bases):
        return whole
    explained = np.square(np.einsum("nd,kds->nks", points, bases)).sum(axis=2)
    return np.maximum(whole - explained.max(axis=1), 0)


def compress(cuboids: np.ndarray, state: Mapping[str, np.ndarray]) -> np.ndarray:
    """Cuboids (n, 1500) on the principal components, at unit length: (n, d) float32."""
    points = (cuboids - state["mean"]) @ state["components"]
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-6)


def cut_cuboids(
    frames: Iterable[np.ndarray], every: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the moving cuboids around each of successive uint8 frames, or every n-th.

    `regions`: (n,) int, the patches that move, the coarsest size first; `cuboids`: (n, 1500)
    float32, gradients in time, rows and columns. The ends are repeated.
    """
    half = LENGTH // 2
    window: deque[np.ndarray] = deque(maxlen=LENGTH)
    centre = -half - 1
    for gradients in chain(measure_gradients(frames), [None] * half):
        if gradients is None and not window:
            return
        gradients = window[-1] if gradients is None else gradients
        window.extend([gradients] * (1 if window else half + 1))
        centre += 1
        if centre >= 0 and centre % every == 0:
            yield _join(window)


def _join(window: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    change = np.mean([np.abs(one[:, : PATCH**2]).mean(axis=1) for one in window], axis=0)
    regions = np.flatnonzero(change > MOTION)
    cuboids = np.stack([one[regions] for one in window], axis=1)  # (n, 5, 300)
    return regions, cuboids.reshape(len(regions), 3 * PATCH**2 * LENGTH)


def measure_gradients(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield per frame the gradients of every patch at every size: (208, 300) float32."""
    before: list[np.ndarray] = []
    for frame in frames:
        gray = frame.astype(np.float32) / 255
        small = [
            cv2.GaussianBlur(cv2.resize(gray, size[::-1], interpolation=cv2.INTER_AREA), (3, 3), 1)
            for size in SIZES
        ]
        patches = []
        for now, earlier in zip(small, before or small, strict=True):
            rows = cv2.Sobel(now, -1, 0, 1, ksize=1, scale=0.5)
            columns = cv2.Sobel(now, -1, 1, 0, ksize=1, scale=0.5)
            patches.append(_cut_patches(np.stack([now - earlier, rows, columns])))
        yield np.concatenate(patches)
        before = small


def _cut_patches(gradients: np.ndarray) -> np.ndarray:
    """(3, rows, columns) -> (patches, 300), row by row."""
    three, rows, columns = gradients.shape
    parts = gradients.reshape(three, rows // PATCH, PATCH, columns // PATCH, PATCH)
    return parts.transpose(1, 3, 0, 2, 4).reshape(-1, three * PATCH**2)


def _training_cuboids(
    videos: Sequence[Footage], every: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for video in videos:
        for run in video.runs():
            yield from cut_cuboids(run, every)
