"""The heat map of every behaviour and model, and whether our detector is ahead of the paper's."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from test_artefacts import given_for, make_run, texts

from cagewatch.detectors.trivial import BASELINES
from cagewatch.params import project_root
from cagewatch.study.artefacts import alternates, difficulty, parameters


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_heat_map_has_a_column_for_every_model():
    known = {path.stem for path in (project_root() / "params" / "model").glob("*.yaml")}
    assert set(difficulty.MODELS) == known - set(BASELINES)


def test_the_heat_map_tells_seeds_and_their_range(tmp_path: Path) -> None:
    given = given_for(tmp_path, "simulated")
    looks = pd.DataFrame({look: [0.6, 0.7] for look in difficulty.LOOKS}, index=["eat", "groom"])
    bare = difficulty.show_difficulty(given, looks, difficulty.collect_models(given))
    assert "±" not in texts(bare) and "seed" not in texts(bare)
    for seed in (0, 1):
        make_run(tmp_path / "results", "simulated", "groom", "cae", 0.5 + seed, seed=seed)
    make_run(tmp_path / "results", "simulated", "groom", "hasan", 1.0)
    rows = difficulty.collect_models(given)
    table = looks.assign(
        **{"two-stream CAE": [np.nan, 0.75], "2D CAE (Hasan et al.)": [np.nan, 0.5]}
    )
    figure = difficulty.show_difficulty(given, table, rows)
    spread = rows.set_index("model").loc["cae"]
    half = (spread["pooled_max"] - spread["pooled_min"]) / 2
    assert half > 0.005
    shown = texts(figure)
    assert f"0.75 ± {half:.2f}" in shown and shown.count("±") == 1
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[-2:] == ["two-stream CAE, 2 seeds", "2D CAE (Hasan et al.), 1 seed"]


def test_our_detector_is_compared_where_both_were_run(tmp_path: Path) -> None:
    given = given_for(tmp_path, "simulated")
    assert not len(difficulty.collect_models(given))
    assert "nothing can be compared" in difficulty.describe_pairs(
        alternates.compare_claims(given, difficulty.collect_models(given), difficulty.PAIRS)
    )
    for target, ours, network in [("groom", 4.0, 0.2), ("eat", 0.2, 4.0), ("walk", 2.0, None)]:
        make_run(tmp_path / "results", "simulated", target, "density", ours)
        if network is not None:
            make_run(tmp_path / "results", "simulated", target, "cae", network)
    rows = difficulty.collect_models(given)
    pairs = alternates.compare_claims(given, rows, difficulty.PAIRS)
    assert set(pairs["target"]) == {"groom", "eat"} and set(pairs["second"]) == {"cae"}
    said = difficulty.describe_pairs(pairs)
    assert "**better** than the two-stream CAE, pooled and scaled" in said
    assert "1 of 2 behaviours: groom." in said and "1 of 2 behaviours: eat." in said
    difficulty.write_models(given, rows, pairs)
    folder = parameters.figures_folder(given)
    wins = pd.read_csv(folder / "difficulty_pairs.csv").set_index("Target")["Verdict"]
    assert wins.to_dict() == {"groom": "better", "eat": "worse"}
    assert "never on its own labels" in (folder / "difficulty_events.md").read_text()
    everything = (folder / "difficulty_models.md").read_text()
    assert "95% interval" in everything and everything.count("density of objects") == 3
    assert "Simulated data." in (folder / "difficulty_events.md").read_text()
