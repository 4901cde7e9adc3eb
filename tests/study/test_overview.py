"""What a dataset holds, as the notebook prepare shows it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from study_runs import texts

from cagewatch.study import overview


class Flow:
    """A store of one pixel's worth of motion: the first half still but for noise, then fast."""

    gray = np.zeros((40, 8, 8), np.uint8)
    flow = np.concatenate([np.full((20, 8, 8, 2), 0.01), np.full((20, 8, 8, 2), 3.0)])
    times = np.arange(40) / 10

    def __len__(self) -> int:
        return 40


def test_a_still_frame_is_dark_beside_a_fast_one(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.repeat([0, 1], 20)
    recording = SimpleNamespace(
        name="simulated_day_01", source=Path("none"), labels=labels, behaviours=("rest", "walk")
    )
    monkeypatch.setattr(overview, "read_frames_at", lambda *given: [np.zeros((8, 8))])
    figure = overview.show_examples([recording], {recording.name: Flow()})
    still, fast = (figure.axes[2 * 2 + n].images[0].get_array().max() for n in (0, 1))
    assert fast == pytest.approx(1, abs=0.01) and still < 0.02
    assert "simulated data" in texts(figure)
    plt.close(figure)


def test_speed_of_nothing_that_moves_divides_by_no_zero() -> None:
    store = Flow()
    store.flow = np.zeros((40, 8, 8, 2))
    assert overview.measure_speed(store) > 0
