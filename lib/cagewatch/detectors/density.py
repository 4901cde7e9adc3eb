"""Densities of what objects do and look like: what is far from all normal objects is anomalous.

After Reiss & Hoshen 2022 ("Attribute-based representations for accurate and interpretable video
anomaly detection"), who score each object by the density of its velocity and by its distance to
the nearest normal look, take the largest of a frame, and add the attributes up on the scale of
normal scores. Their objects and looks come from pretrained networks; here they come from the
difference to the background, optical flow and gradient histograms (`looks.objects`).

In a crowd the attribute is the pace, and only what is faster than usual counts. Of one animal they
are its motion, its motion, place and look together, since a behaviour is often a combination, and
its rhythm, by half, since it describes motion too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import PCA
from sklearn.linear_model import HuberRegressor

from cagewatch.detectors.footage import Footage
from cagewatch.detectors.looks import foreground, objects
from cagewatch.detectors.looks.foreground import Scale
from cagewatch.detectors.looks.objects import Objects
from cagewatch.detectors.looks.outliers import MIXTURE, fit_mixture, open_mixture
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.errors import InputError
from cagewatch.params import Parameters

MOST_FRAMES = 20_000  # normal frames whose objects are kept, evenly spread
MOST_OBJECTS = 20_000  # behind a mixture, drawn at random
ATTRIBUTES = {"pace": 1.0, "motion": 1.0, "all": 1.0, "rhythm": 0.5}  # and their weights
LOOK_AXES = 8  # principal components of the look
COMPONENTS = 5  # Gaussians of a mixture
FOLDS = 4  # normal scores are those of objects that the density was not fitted to
SMOOTHING = 0.5  # seconds, standard deviation over time
BATCH = 256  # frames scored together


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Learn normal sizes, speeds, objects and scores from normal frames.

    Returns
    -------
    state : 'scale' (5,), the fields of `Scale`; 'speed' (3,), level, slope and median of normal
        speed over rows; of each attribute the arrays of its density, and '<attribute>_scores'
        (2,), median and 99th percentile of held-out normal frames.

    Raises
    ------
    InputError
        If nothing differs from the background anywhere.
    """
    videos, parameters = training.footage, training.parameters
    one = parameters.animals == "one"
    backgrounds, pieces = zip(*(_look_ahead(video, one) for video in videos), strict=True)
    found = np.vstack(pieces)
    if len(found) < FOLDS:
        raise InputError(
            "Nothing stands out from the background in the training recordings; the density"
            " detector needs a camera that stands still and something that moves."
        )
    scale = foreground.fit_scale(found, one)
    every = max(1, sum(map(len, videos)) // MOST_FRAMES)
    kept, folds = [], []
    for number, (video, background) in enumerate(zip(videos, backgrounds, strict=True)):
        for index, seen in enumerate(_describe(video, background, scale, one)):
            if index % every == 0:
                kept.append(seen)
                folds.append(number if len(videos) >= FOLDS else index * FOLDS // len(video))
    return fit_objects(kept, np.array(folds) % FOLDS, scale, one, parameters.seed)


def fit_objects(
    kept: Sequence[Objects], fold: np.ndarray, scale: Scale, one: bool, seed: int
) -> dict[str, np.ndarray]:
    """The state of `fit` from the objects of normal frames and each frame's fold ((n,) int)."""
    speed = _fit_speed(kept)
    counts = np.array([len(seen.row) for seen in kept])
    state = {"scale": np.array([getattr(scale, name) for name in Scale.__dataclass_fields__])}
    state["speed"] = speed
    for name, values in _attributes(kept, speed, one).items():
        state |= _fit_density(name, values, seed)
        state[f"{name}_scores"] = _normal_scores(name, values, counts, fold, seed)
    return state


def score(
    state: Mapping[str, np.ndarray], footage: Footage, parameters: Parameters
) -> dict[str, np.ndarray]:
    """The sum of the attributes' scores, smoothed over time; about 0 where all is as usual.

    One unit of an attribute is the distance from the median to the 99th percentile of the scores
    of normal frames. A frame without objects counts as the median frame.
    """
    one = parameters.animals == "one"
    footage = footage.counted()
    background, _ = _look_ahead(footage, one)
    scale = Scale(*state["scale"].tolist())
    described = (
        objects.describe_objects(run, background, scale, footage.fps, one) for run in footage.runs()
    )
    return {"score": score_objects(state, described, footage.fps, one)}


def score_objects(
    state: Mapping[str, np.ndarray], described: Iterable[Iterator[Objects]], fps: float, one: bool
) -> np.ndarray:
    """Scores of the frames of successive runs from the objects in them: (n_frames,) float64."""
    names = [name for name in ATTRIBUTES if f"{name}_scores" in state]
    densities = {name: _open_density(name, state) for name in names}
    parts = []
    for run in described:
        batches = iter(lambda run=run: list(islice(run, BATCH)), [])
        total = [_score_batch(batch, state, densities, one) for batch in batches]
        parts.append(gaussian_filter1d(np.concatenate(total), SMOOTHING * fps, mode="nearest"))
    return np.concatenate(parts)


def _look_ahead(video: Footage, one: bool) -> tuple[np.ndarray, np.ndarray]:
    """Background of a video, and the pieces that stand out from it in the frames it is made of."""
    cv2.setNumThreads(1)  # with more, the order of pieces may differ from run to run
    frames = [foreground.shrink(frame) for frame in video.sample(foreground.BACKGROUND_FRAMES)]
    background = foreground.find_background(frames, one)
    masks = (foreground.find_foreground(frame, background) for frame in frames)
    return background, np.vstack([foreground.find_pieces(mask, one) for mask in masks])


def _describe(video: Footage, background: np.ndarray, scale: Scale, one: bool) -> Iterator[Objects]:
    for run in video.runs():
        yield from objects.describe_objects(run, background, scale, video.fps, one)


def _fit_speed(kept: Sequence[Objects]) -> np.ndarray:
    """Level and slope over rows of the speed of what moves, and its median: (3,) float64."""
    row = np.concatenate([seen.row for seen in kept]).astype(float)
    speed = np.concatenate([seen.motion[:, 0] for seen in kept]).astype(float)
    moving = speed > 0.3 * np.median(speed)
    if moving.sum() < 10 or np.ptp(row) < 1:
        return np.array([max(float(np.median(speed)), 0.05), 0.0, max(np.median(speed), 0.05)])
    line = HuberRegressor().fit(row[moving, None] / foreground.MOST_ROWS, speed[moving])
    return np.array(
        [line.intercept_, line.coef_[0] / foreground.MOST_ROWS, np.median(speed[moving])]
    )


def _attributes(kept: Sequence[Objects], speed: np.ndarray, one: bool) -> dict[str, np.ndarray]:
    """All objects' attributes by name, (n, d) float each.

    Of many things that hide one another only the speed is sure; one animal also has a place, a
    look, and movements too small or quick to be flow. Columns of 'all': motion, place, look.
    """
    row = np.concatenate([seen.row for seen in kept])
    motion = np.concatenate([seen.motion for seen in kept])
    # One animal comes nearer to the camera and goes away, so its row says nothing about its speed.
    normal = speed[2] if one else np.maximum(speed[0] + speed[1] * row, speed[2] / 4)
    flow = np.log(motion[:, :2] / np.reshape(normal, (-1, 1)) + 0.05)
    if not one:
        return {"pace": flow[:, :1]}
    moved = np.hstack([flow, np.log(motion[:, 2:] + 0.02)])
    place = np.concatenate([seen.place for seen in kept])
    look = np.concatenate([seen.look for seen in kept])
    rhythm = np.concatenate([seen.rhythm for seen in kept])
    return {"motion": moved, "all": np.hstack([moved, place, look]), "rhythm": rhythm}


def _fit_density(name: str, values: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """What a density of (n, d) normal objects needs, arrays by name."""
    if name == "pace":
        middle = np.median(values)
        above = values[values > middle] - middle
        return {"pace": np.array([middle, np.sqrt(np.mean(above**2)) if len(above) else 1.0])}
    rng = np.random.default_rng(seed)
    drawn = values[rng.permutation(len(values))[:MOST_OBJECTS]].astype(np.float64)
    state = {}
    if name == "all":
        state["all_mean"], state["all_axes"] = _fit_axes(drawn)
        drawn = (drawn - state["all_mean"]) @ state["all_axes"]
    mixture = fit_mixture(drawn, min(COMPONENTS, len(drawn)), seed)
    return state | {f"{name}_{part}": value for part, value in mixture.items()}


def _fit_axes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and axes (d, k) that bring motion, place and the look's LOOK_AXES to variance 1."""
    plain = objects.N_MOTION + objects.N_PLACE
    looks = PCA(min(LOOK_AXES, len(values)), random_state=0).fit(values[:, plain:])
    axes = np.zeros((values.shape[1], plain + looks.n_components_))
    axes[:plain, :plain] = np.diag(1 / np.maximum(values[:, :plain].std(axis=0), 1e-6))
    axes[plain:, plain:] = looks.components_.T / np.sqrt(looks.explained_variance_ + 1e-9)
    return values.mean(axis=0), axes


def _open_density(name: str, state: Mapping[str, np.ndarray]) -> Callable:
    """A function from (n, d) objects to (n,) float64, how far from normal each is."""
    if name == "pace":  # standing still is not anomalous, however rare
        middle, width = state["pace"]
        return lambda values: np.maximum((values[:, 0] - middle) / width, 0) ** 2 / 2
    density = open_mixture({part: state[f"{name}_{part}"] for part in MIXTURE})
    mean, axes = state.get(f"{name}_mean", 0.0), state.get(f"{name}_axes")
    return density if axes is None else lambda values: density((values - mean) @ axes)


def _largest(distances: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The largest of each frame's objects, NaN where a frame has none: (n_frames,) float64."""
    frame = np.repeat(np.arange(len(counts)), counts)
    largest = np.full(len(counts), -np.inf)
    np.maximum.at(largest, frame, distances)
    return np.where(counts > 0, largest, np.nan)


def _normal_scores(
    name: str, values: np.ndarray, counts: np.ndarray, fold: np.ndarray, seed: int
) -> np.ndarray:
    """Median and 99th percentile of frames scored by densities of the other folds' objects."""
    frame = np.repeat(np.arange(len(counts)), counts)
    scores = []
    for held_out in np.unique(fold):
        mine = np.flatnonzero(fold == held_out)
        others, here = values[~np.isin(frame, mine)], values[np.isin(frame, mine)]
        if len(others) and len(here):
            state = _fit_density(name, others, seed)
            scores.append(_largest(_open_density(name, state)(here), counts[mine]))
    if not scores:
        raise InputError("There is too little normal video; give more training recordings.")
    return np.nanquantile(np.concatenate(scores), (0.5, 0.99))


def _score_batch(
    batch: Sequence[Objects],
    state: Mapping[str, np.ndarray],
    densities: Mapping[str, Callable],
    one: bool,
) -> np.ndarray:
    """The sum of the attributes' scores of a few frames, before smoothing: (n_frames,) float64."""
    counts = np.array([len(seen.row) for seen in batch])
    if not counts.any():
        return np.zeros(len(batch))
    scores = []
    for name, values in _attributes(batch, state["speed"], one).items():
        low, high = state[f"{name}_scores"]
        largest = _largest(densities[name](values), counts)
        scores.append(ATTRIBUTES[name] * (largest - low) / max(high - low, 1e-9))
    return np.nan_to_num(np.sum(scores, axis=0), nan=0.0)
