"""A fitted detector: its parameters and its state, saved as arrays, loaded, and scoring footage."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from cagewatch.detectors.footage import Footage, limit_frames
from cagewatch.detectors.registry import find_module
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.errors import InputError
from cagewatch.files import read_arrays, whole_file
from cagewatch.params import Parameters, read_layer, validate, write_params

STATE, PARAMETERS = "detector.npz", "params.yaml"
MAX_STATE_BYTES = 1 << 30  # ten times the largest network's
REFERENCE_FRAMES = 4096  # normal training frames behind the reference scores, evenly spread
REFERENCE = "reference_"


class Computing(NamedTuple):
    """What computes a network's scores; other detectors read `cores` alone.

    Attributes
    ----------
    engine : 'auto' is OpenVINO where it is installed and the model computes on a processor.
    precision : arithmetic of OpenVINO.
    cores : threads that decode, compute flow and infer.
    """

    engine: Literal["auto", "openvino", "keras"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    cores: int = 1


@dataclass
class Detector:
    """A fitted detector.

    Attributes
    ----------
    parameters : of the run it was fitted in; `parameters.model` is its name.
    state : what it learnt, and ``reference_<column>``: its scores of normal training frames.
    computing : what computes its scores.
    kept : what its module made of the state and keeps, such as the network.
    """

    parameters: Parameters
    state: dict[str, np.ndarray]
    computing: Computing = Computing()
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def ready(self) -> Any:
        """What the detector's module scores with, made once for many recordings."""
        prepare = getattr(find_module(self.parameters.model), "prepare", None)
        return prepare(self.state, self.parameters, self.computing) if prepare else self.state

    @property
    def reference(self) -> dict[str, np.ndarray]:
        """Scores of normal training frames by column: what normal looks like to the detector."""
        names = [name for name in self.state if name.startswith(REFERENCE)]
        return {name.removeprefix(REFERENCE): self.state[name] for name in names}

    def score(self, footage: Footage) -> dict[str, np.ndarray]:
        """Score the kept frames of one recording.

        Returns
        -------
        dict of str to ndarray of float64, shape (n_frames,)
            'score', higher is more anomalous, and 'score_<part>' where the detector has parts.
        """
        module = find_module(self.parameters.model)
        scores = module.score(self.ready, footage, self.parameters)
        scores = {name: np.asarray(value, np.float64) for name, value in scores.items()}
        for name, value in scores.items():
            if value.shape != scores["score"].shape or not np.isfinite(value).all():
                raise ValueError(f"{self.parameters.model} gave no finite {name} for each frame")
        return scores

    @property
    def rebuilds(self) -> bool:
        """Whether the detector gives clips back, so that what it gets wrong can be shown."""
        module = find_module(self.parameters.model)
        return hasattr(module, "rebuild_clip") and self.parameters.model != "supervised"

    def rebuild_clip(
        self, gray: np.ndarray, flow: np.ndarray
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """One clip as the detector saw it, and what it gave back, by stream; see `rebuilds`."""
        return find_module(self.parameters.model).rebuild_clip(self, gray, flow)

    def save(self, folder: Path) -> None:
        """Write ``detector.npz`` and ``params.yaml`` into `folder`, each whole or not at all."""
        objects = [name for name, value in self.state.items() if np.asarray(value).dtype.hasobject]
        if objects:
            raise TypeError(f"a detector's state must hold no objects: {objects[0]}")
        with whole_file(folder / PARAMETERS) as partial:
            write_params(self.parameters, partial)
        with whole_file(folder / STATE) as partial, open(partial, "wb") as file:
            np.savez(file, allow_pickle=False, **self.state)


def fit_detector(training: TrainingSet, computing: Computing | None = None) -> Detector:
    """Fit the detector `training.parameters.model` and measure what normal scores like.

    Parameters
    ----------
    training : TrainingSet
        Normal recordings, their stores and the parameters.
    computing : Computing, optional
        What computes a network's scores.

    Raises
    ------
    InputError
        If there is too little to fit it on.
    """
    module = find_module(training.parameters.model)
    state = module.fit(training)
    detector = Detector(training.parameters, state, computing or Computing())
    parts = [one for one in limit_frames(training.footage, REFERENCE_FRAMES) if len(one)]
    scores = [detector.score(one) for one in parts]
    reference = {name: np.concatenate([one[name] for one in scores]) for name in scores[0]}
    detector.state |= {f"{REFERENCE}{name}": value for name, value in reference.items()}
    if training.parameters.stream_average == "standardised" and len(reference) > 1:
        # The streams' references, by which they are standardised, were not known before.
        streams = {name: value for name, value in reference.items() if name != "score"}
        average = module.average_streams(streams, detector.state, "standardised")
        detector.state[f"{REFERENCE}score"] = average
    return detector


def load_detector(folder: Path, computing: Computing | None = None) -> Detector:
    """Read what `Detector.save` wrote.

    Parameters
    ----------
    folder : Path
        With ``detector.npz`` and ``params.yaml``.
    computing : Computing, optional
        What computes a network's scores.

    Raises
    ------
    InputError
        If a file is missing, damaged or too large, or of another version.
    """
    folder = Path(folder)
    parameters = validate(read_layer(folder / PARAMETERS), where=str(folder / PARAMETERS))
    path = folder / STATE
    state = read_arrays(path, MAX_STATE_BYTES)
    if not state:
        raise InputError(f"{path} holds no arrays; fit the detector again.")
    return Detector(parameters, state, computing or Computing())
