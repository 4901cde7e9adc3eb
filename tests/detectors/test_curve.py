"""Learning curves: the test is scored after the epochs asked for, and training does not heed it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cagewatch import detectors, params, runtime
from cagewatch.metrics import frame_auc, labelled_frames
from cagewatch.scoring import score_recordings, watch_training


def test_the_last_point_is_what_the_trained_network_has(small_cage, eagerly, tmp_path):
    runtime.configure("tensorflow", 1)
    train, test = ([r for r in small_cage.recordings if r.split == s] for s in ("train", "test"))
    given = {"model": "cae_image", "max_train_clips": 6, "max_epochs": 2, "batch_size": 2}
    states = []
    for asked in ([1, 2], None):
        parameters = params.resolve(small_cage.given | given | {"curve_epochs": asked})
        folder = tmp_path / str(asked)
        training = detectors.TrainingSet(train, small_cage.stores, parameters, folder)
        watched = watch_training(training, test, small_cage.stores)
        detector = detectors.fit_detector(watched, detectors.Computing("keras"))
        states.append(detector.state)
    curve = pd.read_csv(tmp_path / "[1, 2]" / "curve.csv")
    assert curve["epoch"].tolist() == [1, 2] and not (tmp_path / "None" / "curve.csv").exists()
    assert curve["step"].tolist() == [int(states[0]["steps"]) // 2, int(states[0]["steps"])]
    for name in states[0]:
        np.testing.assert_array_equal(states[0][name], states[1][name])
    frames = labelled_frames(score_recordings(detector, test, small_cage.stores))
    score, flags, names = (frames[c].to_numpy() for c in ("score", "anomalous", "recording"))
    expected = frame_auc(score, flags, names, "pooled").value
    assert abs(curve["auc_pooled"].iloc[-1] - expected) < 1e-9


@pytest.mark.parametrize("asked", [[2], None])
def test_points_of_a_killed_run_with_other_parameters_are_no_part_of_a_curve(
    small_cage, tmp_path, monkeypatch, asked
):
    train, test = ([r for r in small_cage.recordings if r.split == s] for s in ("train", "test"))
    given = {"model": "cae_image", "max_train_clips": 6, "curve_epochs": asked}
    parameters = params.resolve(small_cage.given | given)
    path = tmp_path / "curve.csv"
    path.write_text("step,epoch,loss,val_loss,auc_pooled,auc_scaled\n3,1,0.1,0.1,0.9,0.9\n")
    training = detectors.TrainingSet(train, small_cage.stores, parameters, tmp_path)
    watched = watch_training(training, test, small_cage.stores)
    if asked:
        watched.after_epoch(None, {"epoch": 1})  # the first epoch of a run that starts anew
    assert not path.exists()
