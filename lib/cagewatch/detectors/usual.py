"""How usual a moment is: detectors that compare a look at it (`detectors.looks`) with normal ones.

- ``place``, ``rhythm``: minus the log density of a Gaussian mixture, of where the animal is and how
  large, of how quick its movements are;
- ``habits``: the distance to the nearest normal moments in movement, place, rhythm and the
  picture's principal components together, since a usual movement in a usual place may be an
  unusual pair; ``gaussian_mixture``, ``isolation_forest`` and ``ecod`` see the same, see
  `looks.outliers`;
- ``speed``, ``stillness``: how much more, or less, moves than usual over seconds;
- ``dynamics``: what a linear prediction of the picture's components from the last frames misses by
  (Doretto, Chiuso, Wu and Soatto 2003, "Dynamic textures").

The picture is the small one that the networks see less the recording's own background, so that a
light or a cage of its own is not unusual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.linalg import block_diag
from scipy.ndimage import uniform_filter1d
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from cagewatch.detectors.footage import Footage
from cagewatch.detectors.looks import measures
from cagewatch.detectors.looks.outliers import fit_outliers, open_outliers
from cagewatch.detectors.looks.rhythm import BANDS
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.errors import InputError
from cagewatch.params import Parameters

MOST_FRAMES = 20_000  # training frames behind the components, evenly spread
MOST_MOMENTS = 4_000  # behind a mixture, and kept as neighbours
COMPONENTS = 20  # of the picture
HABIT_AXES = {"movement": 8, "picture": 6}  # of all four looks, those that `habits` measures in
RHYTHM_WEIGHT = 0.7  # of a rhythm's axes beside the others, in `habits`
AROUND = 32.0  # seconds around a frame, beyond which only the background tells on its score
ORDER = 3  # frames that the next one is predicted from
NOISE = 1e-3  # of a component, so that a picture that never moves has a spread: 1/4 gray level
LEAST_WIDTH = 1e-3  # spread of a look, below which it does not change
SPEED_SCALES, STILL_SCALES = slice(0, 2), slice(1, 3)  # of measures.SCALES
WHOLE = {  # detectors that see all four looks together
    "habits": "nearest_neighbours",
    **{name: name for name in ("gaussian_mixture", "isolation_forest", "ecod")},
}


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Learn what is usual.

    Returns
    -------
    dict of str to ndarray of float
        'middle' and 'width' (d,), mean and standard deviation of the look; 'axes' (d, m) of all
        looks together; what `fit_outliers` gives for moments in these units; 'mean' (p,) and
        'components' (k, p) of the picture; 'matrix', 'offset' and 'whitening' of the prediction.
        Each where the detector needs it.

    Raises
    ------
    InputError
        If nothing moves, or there are too few frames, or PyOD is needed and not installed.
    """
    name, seed = training.parameters.model, training.parameters.seed
    one = training.parameters.animals == "one"
    state = _fit_components(training.footage, one) if name in (*WHOLE, "dynamics") else {}
    if name == "dynamics":
        return state | _fit_prediction(state, training.footage, one)
    parts = [part for video in training.footage for part in look(state, video, name, one)]
    described = np.concatenate(parts)
    middle, width = described.mean(axis=0), described.std(axis=0)
    if width.max() < LEAST_WIDTH:
        raise InputError(
            "Nothing moves in the training recordings; give video of an animal that does."
        )
    width = np.maximum(width, LEAST_WIDTH)  # a measure that never changes says nothing
    state |= {"middle": middle, "width": width}
    if name in ("speed", "stillness"):
        return state
    moments = (_spread(described, MOST_MOMENTS) - middle) / width
    if name in WHOLE:
        state["axes"] = _fit_axes(moments)
        moments = moments @ state["axes"]
    return state | fit_outliers(WHOLE.get(name, "gaussian_mixture"), moments, seed)


def score(
    state: Mapping[str, np.ndarray], footage: Footage, parameters: Parameters
) -> dict[str, np.ndarray]:
    """How unusual each frame is by the look that `parameters.model` names: 'score', (n_frames,)."""
    name, one = parameters.model, parameters.animals == "one"
    if name == "dynamics":
        parts = look_at_picture(state, footage, one)
        return {"score": np.concatenate([_miss(state, path, footage.fps) for path in parts])}
    described = np.concatenate(look(state, footage, name, one))
    described -= state["middle"]  # in place: hours of video are a large table
    described /= state["width"]
    if name in ("speed", "stillness"):
        return {"score": (1 if name == "speed" else -1) * described.mean(axis=1)}
    judge = open_outliers(WHOLE.get(name, "gaussian_mixture"), state, parameters.seed)
    return {"score": judge(described @ state["axes"] if name in WHOLE else described)}


def look(
    state: Mapping[str, np.ndarray], footage: Footage, name: str, one: bool
) -> list[np.ndarray]:
    """What the detector `name` looks at: (n_frames, d) float64 for each run of frames."""
    if name == "place":
        return measures.look_at_place(footage, one)
    if name == "rhythm":
        return measures.look_at_rhythm(footage)
    movement = measures.look_at_movement(footage)
    if name not in WHOLE:
        scales = SPEED_SCALES if name == "speed" else STILL_SCALES
        shape = (len(measures.SCALES), -1)
        return [
            part.reshape(len(part), *shape)[:, scales].reshape(len(part), -1) for part in movement
        ]
    others = (
        measures.look_at_place(footage, one),
        measures.look_at_rhythm(footage),
        [part[:, : HABIT_AXES["picture"]] for part in look_at_picture(state, footage, one)],
    )
    return [np.hstack(parts) for parts in zip(movement, *others, strict=True)]


def look_at_picture(
    state: Mapping[str, np.ndarray], footage: Footage, one: bool
) -> list[np.ndarray]:
    """The picture's principal components: (n_frames, k) float64 for each run."""

    def project(block: np.ndarray) -> np.ndarray:
        values = block.reshape(len(block), -1) / 255 - state["mean"]
        return (values @ state["components"].T).astype(np.float64)

    runs = measures.read_changes(footage, one)
    return [np.concatenate([project(block) for block in run]) for run in runs]


def _spread(values: np.ndarray, most: int) -> np.ndarray:
    """At most `most` rows, evenly spread."""
    return values[np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(int)]


def _fit_axes(moments: np.ndarray) -> np.ndarray:
    """Axes (d, m) of `habits`: movement's measures say nearly the same, so they are made white."""
    n_movement = 5 * len(measures.SCALES)
    n_rhythm = len(BANDS) - 1
    count = min(HABIT_AXES["movement"], len(moments))
    movement = PCA(count, random_state=0).fit(moments[:, :n_movement])
    white = movement.components_.T / np.sqrt(movement.explained_variance_ + LEAST_WIDTH)
    weights = np.ones(moments.shape[1] - n_movement)
    weights[measures.N_PLACE : measures.N_PLACE + n_rhythm] = RHYTHM_WEIGHT
    return block_diag(white, np.diag(weights))


def _fit_components(videos: Sequence[Footage], one: bool) -> dict[str, np.ndarray]:
    """Mean and principal components of the pictures, in [-1, 1]."""
    every = max(1, sum(map(len, videos)) // MOST_FRAMES)
    blocks = (
        block for video in videos for run in measures.read_changes(video, one) for block in run
    )
    held = np.concatenate(
        [block[::every].reshape(len(block[::every]), -1) / 255 for block in blocks]
    )
    if len(held) <= COMPONENTS:
        raise InputError(f"{len(held)} training frames are too few; give longer recordings.")
    with np.errstate(invalid="ignore"):  # pictures that are all alike have no variance to share out
        found = PCA(min(COMPONENTS, held.shape[1]), svd_solver="covariance_eigh").fit(held)
    return {"mean": found.mean_, "components": found.components_}


def _fit_prediction(
    state: Mapping[str, np.ndarray], videos: Sequence[Footage], one: bool
) -> dict[str, np.ndarray]:
    """The prediction's 'matrix' and 'offset', and what makes white what it misses by."""
    paths = [path for video in videos for path in look_at_picture(state, video, one)]
    paths = [path for path in paths if len(path) > ORDER]
    if not paths:
        raise InputError(f"No stretch of training video has more than {ORDER} frames.")
    before = np.concatenate([earlier(path) for path in paths])
    after = np.concatenate([path[ORDER:] for path in paths])
    line = Ridge(alpha=NOISE**2 * len(after)).fit(before, after)
    spread, axes = np.linalg.eigh(np.atleast_2d(np.cov((after - line.predict(before)).T)))
    whitening = axes / np.sqrt(np.maximum(spread, 0) + NOISE**2)
    return {"matrix": line.coef_.T, "offset": line.intercept_, "whitening": whitening}


def earlier(path: np.ndarray) -> np.ndarray:
    """The ORDER points before each but the first ORDER: (n, k) to (n - ORDER, ORDER * k)."""
    return np.hstack([path[ORDER - lag : len(path) - lag] for lag in range(1, ORDER + 1)])


def _miss(state: Mapping[str, np.ndarray], path: np.ndarray, fps: float) -> np.ndarray:
    """Logarithm of the mean squared length, over half a second, of what is missed: (n,) float64.

    The first frames, which nothing predicts, get what the first that is predicted has.
    """
    missed = np.zeros(len(path))
    if len(path) > ORDER:
        ahead = earlier(path) @ state["matrix"] + state["offset"]
        missed[ORDER:] = np.square((path[ORDER:] - ahead) @ state["whitening"]).mean(axis=1)
        missed[:ORDER] = missed[ORDER]
    window = max(1, round(measures.SMOOTHING * fps))
    return np.log(uniform_filter1d(missed, window, mode="nearest") + NOISE)
