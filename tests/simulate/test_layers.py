"""The data sets of simulated recordings: what they name exists and is used once."""

from __future__ import annotations

import pytest

from cagewatch import params
from cagewatch.simulate import name_recordings
from cagewatch.simulate.ethogram import BEHAVIOURS
from cagewatch.simulate.render import recording_bouts

SIZES = {"simulated": (6, 1), "simulated_long": (6, 12), "simulated_paper": (6, 6)}


@pytest.mark.parametrize("dataset", SIZES)
def test_recordings_exist_and_are_used_once(dataset):
    p = params.resolve({"dataset": dataset})
    train, test = set(p.train_recordings), set(p.test_recordings)
    assert (len(train), len(test)) == SIZES[dataset]
    assert not train & test
    assert train | test <= set(name_recordings(p.simulate_recordings))


@pytest.mark.parametrize("dataset", SIZES)
def test_every_test_recording_shows_every_behaviour_several_times(dataset):
    p = params.resolve({"dataset": dataset})
    for name in p.test_recordings:
        bouts = recording_bouts(name, p.simulate_seed, p.simulate_frames, p.simulate_rare)
        shown = [bout.behaviour for bout in bouts if bout.start < p.test_stop * p.simulate_frames]
        assert min(shown.count(behaviour) for behaviour in BEHAVIOURS) >= 2


def test_data_sets_of_other_layouts_say_nothing_of_simulation():
    assert params.resolve({"dataset": "mit"}).simulate_frames is None
