"""Learning curves: what was measured while networks were trained, beside what is not trained."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from study_runs import given_for, make_run, texts

from cagewatch.errors import InputError
from cagewatch.study.artefacts import learning


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_line_looks_the_same_for_every_target(tmp_path: Path) -> None:
    given = given_for(tmp_path, "simulated")
    for target, detectors in (("hang", ["mean_flow", "pca_frames"]), ("groom", ["pca_frames"])):
        for model in ("cae", *detectors):
            make_run(tmp_path / "results", "simulated", target, model, 1.0)
    curves = learning.collect_curves(given)
    figure = learning.show_curves(given, curves, learning.collect_lines(given))
    looks = {
        (line.get_label(), line.get_linestyle(), getattr(line, "_unscaled_dash_pattern", None))
        for ax in figure.axes
        for line in ax.get_lines()
        if line.get_label() in ("mean flow", "PCA of frames")
    }
    assert len(looks) == 2


def test_learning_curves_join_what_was_measured_and_the_lines(tmp_path: Path) -> None:
    given = given_for(tmp_path, "simulated")
    with pytest.raises(InputError, match="no finished run of a network"):
        learning.collect_curves(given)
    folder = make_run(tmp_path / "results", "simulated", "hang", "cae", 1.0)
    make_run(tmp_path / "results", "simulated", "hang", "pca_frames", 3.0)
    (folder / "curve.csv").write_text(
        "step,epoch,loss,val_loss,auc_pooled,auc_scaled\n10,1,0.2,0.3,0.51,0.52\n"
    )
    curves = learning.collect_curves(given)
    assert curves["step"].tolist() == [10, 20] and curves["loss"].tolist() == [0.2, 0.1]
    assert curves["auc_pooled"][0] == 0.51 and 0.6 < curves["auc_pooled"][1] < 1
    lines = learning.collect_lines(given)
    assert lines["model"].tolist() == ["pca_frames"]
    figure = learning.show_curves(given, curves, lines)
    assert "PCA of frames" in texts(figure) and "simulated data" in texts(figure)
    assert len(learning.write_curves(given, curves)) == 2
    said = learning.describe_curves(curves, lines)
    assert "after 20 steps" in said and "higher, pooled and scaled: PCA of frames" in said
