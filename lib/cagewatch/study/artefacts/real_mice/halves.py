"""Real mice: each detector's scores of 100 seconds, put together from the two halves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cagewatch.detectors import DETECTORS
from cagewatch.errors import InputError
from cagewatch.metrics import find_bouts
from cagewatch.metrics.uncertainty.within import Pairs, count_pairs, within_auc
from cagewatch.runs.read import FinishedRun
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.tables import read_seeds

FIRST, SECOND = "first half", "second half"
HALVES = {"mit_sample_reversed": FIRST, "mit_sample": SECOND}  # which half a layer tests
TARGETS = ("rear", "walk", "groom")
CLAIMED = ("rear", "walk")  # groom has two bouts, and no claim is made about it
RARE = 0.05  # share of the other frames that may be flagged where bouts are counted
INFERRED = "That the labels belong to the video is inferred."


class Scored(NamedTuple):
    """One detector's scores of all frames, each half by the detector fitted on the other.

    Attributes
    ----------
    frames : columns half, frame, time_s, label and anomalous, in order of time.
    scores : (n_seeds, n_frames) float64; they compare within a half only.
    kept : epochs that the networks were kept at, of all seeds and halves; empty for others.
    epochs : that they trained for.
    """

    target: str
    model: str
    frames: pd.DataFrame
    scores: np.ndarray
    kept: list[int]
    epochs: int

    @property
    def half(self) -> np.ndarray:
        """The half of each frame."""
        return self.frames["half"].to_numpy()

    @property
    def bouts(self) -> np.ndarray:
        """First frame and the one after the last of each bout of the target: (n_bouts, 2) int64."""
        return find_bouts(self.flags, self.half)

    @property
    def auc(self) -> float:
        """AUC over pairs of frames of the same half, the mean over seeds."""
        return float(within_auc(self.pairs()).mean())

    @property
    def flags(self) -> np.ndarray:
        """Where the target is shown, (n_frames,) bool."""
        return self.frames["anomalous"].to_numpy(bool)

    def pairs(self, kept: np.ndarray | None = None) -> Pairs:
        """Pairs of frames of the same half; of the frames where `kept` holds, if it is given."""
        of = np.ones(len(self.frames), bool) if kept is None else kept
        label = self.frames["label"].to_numpy()
        return count_pairs(self.scores[:, of], self.flags[of], self.half[of], label[of])


def read_targets(given: Given) -> dict[str, dict[str, Scored]]:
    """Scores by target and detector; InputError if no run was made in both directions."""
    found = {target: read_target(given, target) for target in TARGETS}
    if not any(found.values()):
        raise InputError(
            f"No detector was run in both directions: run {given.command}, or the notebook "
            f"experiment with dataset {' and '.join(HALVES)}."
        )
    return found


def read_target(given: Given, target: str) -> dict[str, Scored]:
    """Each detector's scores, by name, of those with a seed that was run in both directions."""
    runs = given.runs(target, every_dataset=True)
    found = {}
    for model in DETECTORS:
        of_model = runs[runs["model"] == model]
        by_half = {
            half: of_model[of_model["dataset"] == dataset].set_index("seed")["folder"]
            for dataset, half in HALVES.items()
        }
        seeds = sorted(set.intersection(*(set(folders.index) for folders in by_half.values())))
        if seeds:
            folders = {half: folders[seeds].tolist() for half, folders in by_half.items()}
            found[model] = join_halves(target, model, folders)
    return found


def join_halves(target: str, model: str, folders: dict[str, list[str]]) -> Scored:
    """Put the runs of both directions together, the same seeds of each."""
    frames, scores, kept, epochs = [], [], [], 0
    for half, own in folders.items():
        table, values, runs = read_seeds(own, edge_margin=0)  # see `tables`, which does without
        frames.append(table.assign(half=half))
        scores.append(values)
        for run in runs:
            trained = run.metrics.get("trained")
            if trained:
                kept.append(find_kept_epoch(run))
                epochs = max(epochs, trained["epochs"])
    columns = ["half", "frame", "time_s", "label", "anomalous"]
    joined = pd.concat(frames, ignore_index=True)[columns]
    return Scored(target, model, joined, np.concatenate(scores, axis=1), kept, epochs)


def find_kept_epoch(run: FinishedRun) -> int:
    """The epoch of the lowest validation loss, 1-based, the last of equals."""
    history = pd.read_csv(run.folder / "history.csv")
    lowest = history["val_loss"] <= history["val_loss"].min()
    return int(history.loc[lowest, "epoch"].max())


def count_found(one: Scored) -> np.ndarray:
    """Which bouts each seed finds: (n_seeds, n_bouts) bool.

    A bout is found if at least half of its frames score above all but `RARE` of the other frames
    of the same half. That threshold is known afterwards only: it describes, and promises nothing.
    """
    found = np.zeros((len(one.scores), len(one.bouts)), bool)
    for number, (start, stop) in enumerate(one.bouts):
        others = (one.half == one.half[start]) & ~one.flags
        limits = np.quantile(one.scores[:, others], 1 - RARE, axis=1)
        found[:, number] = np.mean(one.scores[:, start:stop] > limits[:, None], axis=1) >= 0.5
    return found


def describe_bouts(one: Scored) -> str:
    """How much there is of the target, in words."""
    frames, steps = one.flags, np.diff(one.frames["time_s"])
    step = float(np.median(steps))
    return (
        f"{len(one.bouts)} bouts, {frames.sum()} frames, {frames.sum() * step:.1f} s in "
        f"{len(frames) * step:.0f} s of one mouse"
    )
