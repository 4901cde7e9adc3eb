"""Learning curves: how well a network would do if it stopped after an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cagewatch.clips import measure_flow_scale
from cagewatch.detectors import Computing, Detector, TrainingSet
from cagewatch.files import whole_file
from cagewatch.metrics import frame_auc, scored_frames
from cagewatch.recordings import Recording
from cagewatch.scoring.table import score_recordings
from cagewatch.store import Store

if TYPE_CHECKING:
    import keras

CURVE = "curve.csv"
PROTOCOLS = {"auc_pooled": "pooled", "auc_scaled": "per_video_scaled"}


def watch_training(
    training: TrainingSet, test: Sequence[Recording], stores: Mapping[str, Store]
) -> TrainingSet:
    """Have the test scored after each epoch of `curve_epochs`; the training does not heed it.

    Parameters
    ----------
    training : TrainingSet
    test : sequence of Recording
        What is scored on the way.
    stores : mapping of str to Store
        By name of the recording.

    Returns
    -------
    TrainingSet
        The same, but its folder gets ``curve.csv``: step, epoch, loss, val_loss, auc_pooled and
        auc_scaled (frame AUC), one row for each of these epochs. Nothing changes where none is
        asked for.
    """
    parameters, path = training.parameters, training.folder / CURVE
    if not parameters.curve_epochs:
        path.unlink(missing_ok=True)
        return training
    scale = np.array(measure_flow_scale(training.clips[0], training.stores, parameters))
    steps = -(-len(training.clips[0]) // parameters.batch_size)  # of the optimiser, an epoch

    def add_point(model: keras.Model, row: dict[str, float]) -> None:
        if row["epoch"] == 1:
            path.unlink(missing_ok=True)  # of a killed run with other parameters
        if row["epoch"] not in parameters.curve_epochs:
            return
        weights = enumerate(model.get_weights())
        state = {f"weight_{number:04d}": np.asarray(weight) for number, weight in weights}
        detector = Detector(parameters, {**state, "flow_scale": scale}, Computing("keras"))
        frames = score_recordings(detector, test, stores)
        frames = scored_frames(frames, parameters.edge_margin)
        score, flags, names = (frames[c].to_numpy() for c in ("score", "anomalous", "recording"))
        point = {"step": row["epoch"] * steps}
        point |= {name: row[name] for name in ("epoch", "loss", "val_loss")}
        for name, protocol in PROTOCOLS.items():
            point[name] = frame_auc(score, flags, names, protocol).value
        # A run that goes on from a checkpoint has its earlier points in the file.
        before = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        before = before[before["epoch"] < row["epoch"]] if len(before) else before
        with whole_file(path) as partial:
            pd.concat([before, pd.DataFrame([point])]).to_csv(partial, index=False)

    return replace(training, after_epoch=add_point)
