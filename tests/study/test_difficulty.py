"""The heat map of every behaviour and detector, and who is ahead where."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from study_runs import given_for, make_run, texts

from cagewatch.study.artefacts import difficulty


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_heat_map_tells_seeds_and_intervals(tmp_path: Path) -> None:
    given = given_for(tmp_path, "simulated")
    looks = pd.DataFrame({look: [0.6, 0.7] for look in difficulty.LOOKS}, index=["eat", "groom"])
    bare = difficulty.show_difficulty(given, looks, difficulty.collect_models(given))
    assert "[" not in texts(bare) and "seed" not in texts(bare)
    for seed in (0, 1):
        make_run(tmp_path / "results", "simulated", "groom", "cae", 0.5 + seed, seed=seed)
    make_run(tmp_path / "results", "simulated", "eat", "cae", 0.5)
    make_run(tmp_path / "results", "simulated", "groom", "hasan", 1.0)
    rows = difficulty.collect_models(given)
    table = looks.assign(**{"two-stream CAE": [0.6, 0.75], "2D CAE (Hasan et al.)": [np.nan, 0.5]})
    figure = difficulty.show_difficulty(given, table, rows)
    spread = rows.set_index(["target", "model"]).loc["groom", "cae"]
    interval = f"[{spread['pooled_low']:.2f}, {spread['pooled_high']:.2f}]"
    shown = texts(figure)
    assert f"0.75\n{interval}" in shown and shown.count("–") == 1  # dashes: what was not run
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[-2:] == ["two-stream CAE, 1 to 2 seeds", "2D CAE (Hasan et al.), 1 seed"]


def test_the_highest_row_is_compared_where_others_were_run(tmp_path: Path) -> None:
    given = given_for(tmp_path, "simulated")
    assert not len(difficulty.collect_models(given))
    assert not len(difficulty.write_models(given, difficulty.collect_models(given))[0])
    for target, ours, network in [("groom", 4.0, 0.2), ("eat", 0.2, 4.0), ("walk", 2.0, None)]:
        make_run(tmp_path / "results", "simulated", target, "density", ours)
        if network is not None:
            make_run(tmp_path / "results", "simulated", target, "cae", network)
    rows = difficulty.collect_models(given)
    shown, words = difficulty.write_models(given, rows)
    best = shown.set_index("Target")["Is better"].to_dict()
    assert best == {"groom": "density of objects", "eat": "two-stream CAE"}
    assert set(shown["Verdict"]) == {"better, of one seed"}
    assert "**groom**: density of objects is ahead of every other row" in words
    folder = given.figures
    assert "never on its own labels" in (folder / "difficulty_events.md").read_text()
    everything = (folder / "difficulty_models.md").read_text()
    assert "95% intervals" in everything and everything.count("density of objects") == 3
    assert "Simulated data." in (folder / "difficulty_events.md").read_text()
