"""Fusion: several detectors, each by how rare its score is among normal frames, in one.

No look finds everything: what is left of a picture finds postures, movement finds speed. Their
scores have no common unit, so that each member's score is turned into the share of normal frames
that score as high (`looks.tails`), on recordings that the member was not fitted on. Shares are
combined by Fisher's rule, the sum of their logarithms, with weights (Good 1955, "On the weighted
combination of significance tests"). A member's part is its weighted logarithm, averaged over a
second; it is kept, so that a frame's score says what is unusual about it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d

from cagewatch.detectors.footage import Footage
from cagewatch.detectors.looks.measures import cut_pieces
from cagewatch.detectors.looks.tails import fit_tail, surprise
from cagewatch.detectors.registry import find_module
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.errors import InputError
from cagewatch.params import Parameters, applicable, resolve, validate

if TYPE_CHECKING:
    from cagewatch.detectors.detector import Computing, Detector

FOLDS = 3  # of the recordings; each is scored by members fitted on the other folds
SMOOTHING = 1.0  # seconds that a member's part is averaged over
FAILURES = (InputError, ValueError, ArithmeticError, ImportError)
# Members that look at everything, which is little of a reason.
ALL_LOOKS = ("habits", "gaussian_mixture", "isolation_forest", "ecod", "density")
UNUSUAL = 1.0  # a part that one normal frame in ten reaches
REASONS = {  # what is unusual where a member's part is the largest
    **{"mean_image": "posture", "pca_frames": "posture", "pca_clips": "posture"},
    **{"flow_magnitude": "speed", "mean_flow": "speed", "frame_difference": "speed"},
    **dict.fromkeys(ALL_LOOKS, "combination"),
    **{"dynamics": "change of posture", "density": "behaviour"},
}


class Member(NamedTuple):
    """A member, ready to score, and the tail of its normal scores (see `fit_tail`)."""

    name: str
    detector: Detector
    tail: dict[str, np.ndarray]
    weight: float


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Fit each member on all recordings, and the tail of its scores on held-out ones.

    Recordings are held out in FOLDS; a single one in halves, with a notice.

    Returns
    -------
    dict of str to ndarray
        'members' (k,) str, those that were fitted; of each ``<member>.state.<array>``, its state,
        ``<member>.tail.<array>`` and ``<member>.parameters``, as JSON.

    Raises
    ------
    InputError
        If a member fails and `members_may_fail` is false, or all of them fail.
    """
    parameters = training.parameters
    if len(parameters.member_weights) != len(parameters.members):
        raise InputError(
            f"{len(parameters.members)} members need as many member_weights, not"
            f" {len(parameters.member_weights)}."
        )
    folds = hold_out(training)
    state: dict[str, np.ndarray] = {}
    fitted = []
    for name in parameters.members:
        try:
            found = _fit_member(name, training, folds)
        except FAILURES as error:
            told = f"The member {name!r} of {parameters.model!r} failed: {str(error).rstrip('.')}."
            if not parameters.members_may_fail:
                raise InputError(
                    f"{told} Leave it out of members, or set members_may_fail to go without it."
                ) from error
            warnings.warn(f"{told} It is left out.", stacklevel=2)
            continue
        state |= {f"{name}.{part}": value for part, value in found.items()}
        fitted.append(name)
    if not fitted:
        raise InputError(f"No member of {parameters.model!r} could be fitted; see the notices.")
    return state | {"members": np.array(fitted)}


def hold_out(training: TrainingSet) -> list[tuple[TrainingSet, list[Footage]]]:
    """Part the training recordings: those to fit on, and the footage that is held out, by fold."""
    parameters, folder = training.parameters, training.folder
    names = [one.name for one in training.footage]
    if len(names) > 1:
        parts = [names[first::FOLDS] for first in range(min(FOLDS, len(names)))]
        return [
            (
                training.only([name for name in names if name not in held], parameters, folder),
                [one for one in training.footage if one.name in held],
            )
            for held in parts
        ]
    warnings.warn(
        f"There is one normal recording only, {names[0]}: each half tells what is rare in the"
        " other, and nothing tells how recordings differ. Give two or more for false alarms that"
        " hold.",
        stacklevel=3,
    )
    start, stop = parameters.train_start, parameters.train_stop
    middle = (start + stop) / 2
    halves = [
        replace(
            training,
            parameters=parameters.model_copy(update={"train_start": first, "train_stop": last}),
        )
        for first, last in ((start, middle), (middle, stop))
    ]
    return [(one, other.footage) for one, other in (halves, halves[::-1])]


def _fit_member(
    name: str, training: TrainingSet, folds: list[tuple[TrainingSet, list[Footage]]]
) -> dict[str, np.ndarray]:
    """State, tail and parameters of one member; `fit` says how they are named."""
    from cagewatch.detectors.detector import Detector  # here: it reads the registry, as this does

    if name == training.parameters.model:
        raise InputError("it would be a member of itself.")
    module = find_module(name)
    normal = []
    for number, (rest, held) in enumerate(folds):
        part = _for_member(name, rest, f"fold-{number}")
        detector = Detector(part.parameters, module.fit(part))
        normal += [detector.score(one)["score"] for one in held]
    tail = fit_tail(np.concatenate(normal))
    whole = _for_member(name, training, "all")
    found = {f"state.{part}": value for part, value in module.fit(whole).items()}
    found |= {f"tail.{part}": value for part, value in tail.items()}
    return found | {"parameters": np.array(json.dumps(applicable(whole.parameters)))}


def _for_member(name: str, training: TrainingSet, part: str) -> TrainingSet:
    """The same recordings for a member, with what the fusion's parameters say of its own."""
    given = applicable(training.parameters)
    own = applicable(resolve({"model": name})).keys() - {"model"}
    parameters = resolve({key: given[key] for key in given if key in own} | {"model": name})
    names = [one.name for one in training.footage]
    return training.only(names, parameters, training.folder / "members" / name / part)


def prepare(
    state: Mapping[str, np.ndarray], parameters: Parameters, computing: Computing
) -> list[Member]:
    """The members, ready to score."""
    from cagewatch.detectors.detector import Detector

    members = []
    for name in state["members"].tolist():
        own = validate(json.loads(str(state[f"{name}.parameters"])), where=f"the member {name}")
        arrays = {
            kind: {
                key.removeprefix(f"{name}.{kind}."): value
                for key, value in state.items()
                if key.startswith(f"{name}.{kind}.")
            }
            for kind in ("state", "tail")
        }
        weight = parameters.member_weights[parameters.members.index(name)]
        detector = Detector(own, arrays["state"], computing)
        members.append(Member(name, detector, arrays["tail"], weight))
    return members


def score(members: list[Member], footage: Footage, parameters: Parameters) -> dict[str, np.ndarray]:
    """How rare each frame is.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_frames,)
        ``score_<member>``: its weight times minus log10 of the share of normal frames that score as
        high; 'score', their sum.
    """
    local = [getattr(find_module(member.name), "AROUND", np.inf) for member in members]
    with footage.at_hand() as near:
        pieces = [
            {
                f"score_{member.name}": member.weight
                * surprise(member.detector.score(piece)["score"][own], member.tail)
                for member in members
            }
            for piece, own in cut_pieces(near, max(local), parameters.animals == "one")
        ]
    # In place, and pieces go as they are joined: hours of frames are held once.
    parts = {name: np.concatenate([piece.pop(name) for piece in pieces]) for name in [*pieces[0]]}
    lengths = [len(run) for run in held_runs(footage, len(parts["score_" + members[0].name]))]
    window = max(1, round(SMOOTHING * footage.fps))
    total = np.zeros(sum(lengths))
    for part in parts.values():
        for run in np.split(part, np.cumsum(lengths)[:-1]):
            uniform_filter1d(run, window, mode="nearest", output=run)
        total += part
    return parts | {"score": total}


def held_runs(footage: Footage, n_frames: int) -> list[np.ndarray]:
    """Numbers of the frames of each run of kept frames; of all `n_frames` if none was left out."""
    held = np.arange(n_frames) if footage.kept is None else np.flatnonzero(footage.kept)
    return np.split(held, np.flatnonzero(np.diff(held) > 1) + 1)


def find_reasons(frames: pd.DataFrame) -> pd.Series:
    """What is most unusual about each frame, in a word.

    A member of ALL_LOOKS is the reason only where no other part is UNUSUAL.

    Parameters
    ----------
    frames : DataFrame
        Scores of a fusion, with its ``score_<member>`` columns.

    Returns
    -------
    Series of str
        Of REASONS, or the member's name; '' where the table has no members' columns.
    """
    names = [
        name
        for name in frames.columns
        if name.startswith("score_") and name not in ("score_image", "score_flow")
    ]
    if not names:
        return pd.Series("", frames.index)
    own = [name for name in names if name.removeprefix("score_") not in ALL_LOOKS]
    parts = frames[names].astype(float)
    parts.loc[parts[own].max(axis=1) >= UNUSUAL, parts.columns.difference(own)] = -np.inf
    largest = parts.idxmax(axis=1).str.removeprefix("score_")
    return largest.map(lambda name: REASONS.get(name, name))
