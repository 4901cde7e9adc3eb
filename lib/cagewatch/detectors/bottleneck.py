"""How far the bottleneck of a CAE is from those of normal clips, instead of what it gets wrong.

What is unusual may be rebuilt well all the same: a network gives back more than it was shown. Its
bottleneck tells what it takes a clip for. The network is ``cae``, trained alike; a clip's code is
its bottleneck averaged over the clip's frames and in CELLS of the picture, the score the logarithm
of the mean distance to the nearest codes of training frames (`looks.outliers`), as Perera and
Patel 2019, "Learning deep features for one-class classification", compare features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cagewatch.detectors import network
from cagewatch.detectors.footage import Footage, limit_frames
from cagewatch.detectors.looks.outliers import fit_outliers, open_outliers
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.params import Parameters

if TYPE_CHECKING:
    import keras

    from cagewatch.detectors.detector import Computing

MOST_FRAMES = 4_000  # whose codes are kept
CELLS = (3, 4)  # rows and columns that a code still tells apart, where the picture divides so
KIND = "nearest_neighbours"


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Train the CAE, and keep the codes of training frames.

    Returns
    -------
    dict of str to ndarray
        What `network.fit` gives; 'normal', (n, d) float32: codes of at most about MOST_FRAMES
        frames, evenly spread.
    """
    return keep_normal(network.fit(training), training.footage, training.parameters)


def keep_normal(
    state: Mapping[str, np.ndarray], footage: Sequence[Footage], parameters: Parameters
) -> dict[str, np.ndarray]:
    """The state of a trained CAE with the codes of normal frames, see `fit`."""
    from cagewatch.detectors.detector import Computing

    scorer = _open_coder(state, parameters, Computing())
    codes = [_encode(scorer, one, parameters) for one in limit_frames(footage, MOST_FRAMES)]
    normal = np.concatenate([part for one in codes for part in one])
    return dict(state) | fit_outliers(KIND, normal, parameters.seed)


def prepare(
    state: Mapping[str, np.ndarray], parameters: Parameters, computing: Computing
) -> tuple[Any, Callable[[np.ndarray], np.ndarray]]:
    """What gives codes, and what gives their distances."""
    scorer = _open_coder(state, parameters, computing)
    return scorer, open_outliers(KIND, state, parameters.seed)


def score(
    ready: tuple[Any, Callable[[np.ndarray], np.ndarray]], footage: Footage, parameters: Parameters
) -> dict[str, np.ndarray]:
    """How far each frame is from normal: 'score', (n_frames,) float64."""
    scorer, judge = ready
    return {"score": np.concatenate([judge(part) for part in _encode(scorer, footage, parameters)])}


def _open_coder(
    state: Mapping[str, np.ndarray], parameters: Parameters, computing: Computing
) -> Any:
    from cagewatch.detectors.inference.stream import open_scorer

    model = add_code(network.rebuild(state, parameters), parameters.clip_length)
    return open_scorer(model, parameters, float(state["flow_scale"]), computing)


def add_code(model: keras.Model, clip_length: int) -> keras.Model:
    """A model that gives the codes of clips, 'target' (batch, d), instead of rebuilding them."""
    import keras

    held = {id(x): x for x in (model.get_layer(f"{s}_d1_conv").input for s in model.output)}
    codes = []
    for frames in held.values():  # (batch * clip_length, rows / 4, columns / 4, 16)
        size = [max(1, n // most) for n, most in zip(frames.shape[1:3], CELLS, strict=True)]
        pool = keras.layers.AveragePooling2D(size, padding="same", data_format="channels_last")
        cells = pool(frames)
        clips = keras.ops.reshape(cells, (-1, clip_length, int(np.prod(cells.shape[1:]))))
        codes.append(keras.ops.mean(clips, axis=1))
    return keras.Model(model.input, {"target": keras.ops.concatenate(codes, axis=1)})


def _encode(scorer: Any, footage: Footage, parameters: Parameters) -> list[np.ndarray]:
    """Codes of the frames of each run, (n_frames, d): the mean of the clips that hold a frame."""
    from cagewatch.detectors.inference.stream import score_stream

    return [run["target"] for run in score_stream(scorer, footage, parameters)]
