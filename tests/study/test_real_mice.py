"""The study of real mice: its plan, and what it says of data that is absent or another's."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cagewatch.detectors import DETECTORS
from cagewatch.errors import InputError
from cagewatch.metrics.uncertainty.within import within_auc
from cagewatch.params import read_layer, resolve
from cagewatch.study import plan
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.artefacts.real_mice import figures, halves, tables

LAYERS = Path(__file__).resolve().parents[2] / "params" / "dataset"


@pytest.fixture
def study(tmp_path: Path) -> plan.Study:
    return plan.read_study({"dataset": "mit_sample", "data_dir": str(tmp_path)})


def test_the_two_directions_differ_in_nothing_but_their_halves() -> None:
    parts = ("train_start", "train_stop", "test_start", "test_stop")
    layers = ("mit_sample", "mit_sample_reversed")
    forward, reverse = (resolve({"dataset": layer, "target": "walk"}) for layer in layers)
    assert forward.train_stop == forward.test_start == reverse.train_start == reverse.test_stop
    same = forward.model_dump() | {name: None for name in (*parts, "dataset")}
    assert same == reverse.model_dump() | {name: None for name in (*parts, "dataset")}


def test_what_the_dataset_says_wins_over_the_detector() -> None:
    layer = read_layer(LAYERS / "mit_sample.yaml")
    for model in ("cae", "rae"):
        found = resolve({"dataset": "mit_sample", "model": model, "scale": "medium"})
        assert found.batch_size == layer["batch_size"] == 4
        assert found.validation_split == "last" and found.weights == "best"
        assert found.max_epochs == 16  # the scale wins over the dataset


def test_every_run_is_made_in_both_directions(study: plan.Study) -> None:
    runs = study.runs()
    folders = [study.folder_of(run) for run in runs]
    assert len(set(folders)) == len(folders)
    forward = {name.replace("/mit_sample_reversed/", "/mit_sample/") for name in folders}
    assert 2 * len(forward) == len(folders)
    values = {study.folder_of(run): study.values(run) for run in runs}
    for folder, held in values.items():
        assert held["dataset"] in folder
        assert held["train_start"] == (0.5 if "reversed" in folder else 0.0)
        assert held["scale"] == "medium"
    assert {run.target for run in runs} == {"rear", "walk", "groom"}


def test_a_run_is_found_again_by_its_folder(study: plan.Study) -> None:
    for run in study.runs():
        dataset, target, model, seed = Path(study.folder_of(run)).parts[-4:]

        class Wildcards:
            pass

        wildcards = Wildcards()
        vars(wildcards).update(dataset=dataset, target=target, model=model, seed=seed[5:])
        assert study.find(wildcards) == run


def test_the_page_reads_both_directions_and_no_summary_of_the_paper_is_made(
    study: plan.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(LAYERS.parents[1])
    (page,) = study.pages()
    assert page.notebook == "real_mice"
    assert set(study.markers(study.runs())) <= set(page.reads)


@pytest.mark.parametrize("fault", ["absent", "cut", "another"])
def test_data_that_is_absent_cut_or_anothers_is_one_sentence(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cagewatch.study import steps

    data, output = tmp_path / "data", tmp_path / "results" / "recordings.json"
    data.mkdir()
    if fault != "absent":
        size = {"cut": 1000, "another": 3_592_312}[fault]
        (data / "predicted_new.avi").write_bytes(b"x" * size)
        (data / "mice2.txt").write_text("frame: 00000001-00003001 rest\n")
    values = {"dataset": "mit_sample", "data_dir": str(data), "results_dir": str(tmp_path / "made")}
    with pytest.raises(InputError) as error:
        steps.preprocess(resolve(values), 1)
    said = str(error.value)
    assert "predicted_new.avi" in said and "\n" not in said
    assert "cagewatch download mit_sample" in said
    assert not output.exists() and not (tmp_path / "made").exists()
    shutil.rmtree(data)
    with pytest.raises(InputError, match="DATA=<folder>"):
        plan.read_study({"dataset": "mit_sample", "data_dir": str(data)})


def score_frames(target: str, model: str, quality: float, seeds: int = 2) -> halves.Scored:
    """Made-up scores of 600 frames in two halves, on different scales; `quality` 0 is chance."""
    label = np.repeat(["rest", "walk", "rear", "walk", "groom", "rear"] * 2, 50)
    frames = pd.DataFrame(
        {
            "half": np.repeat([halves.FIRST, halves.SECOND], 300),
            "frame": np.arange(600),
            "time_s": np.arange(600) / 30,
            "label": label,
            "anomalous": label == target,
        }
    )
    noise = np.random.default_rng(0).normal(size=(seeds, 600))
    scores = noise + quality * (label == target)
    scores[:, 300:] = 50 * scores[:, 300:] + 1000
    return halves.Scored(target, model, frames, scores, [16, 9], 16)


def test_a_curve_has_the_area_that_the_table_gives() -> None:
    one = score_frames("rear", "cae", 1.0)
    roc = figures.roc_within(one)
    area = np.trapezoid(roc.true_positive_rate, roc.false_positive_rate)
    assert area == pytest.approx(within_auc(one.pairs()).mean(), abs=0.002)


def test_every_network_with_runs_has_its_curve(tmp_path: Path) -> None:
    given = Given(dataset="mit_sample", results_dir=str(tmp_path))
    networks = ("cae", "cae_flow", "hasan")
    scored = {t: {n: score_frames(t, n, 1.0) for n in networks} for t in ("rear", "walk")}
    scored["rear"]["mean_image"] = score_frames("rear", "mean_image", 0.5)._replace(kept=[])
    above, below = figures.draw_curves(given, scored).subfigs
    assert [len(ax.lines) for part in (above, below) for ax in part.axes] == [4, 4, 2, 0]
    named = [text.get_text() for text in above.legends[0].texts]
    area = scored["walk"]["hasan"].auc
    assert len(named) == 3 and named[-1].startswith("2D CAE") and f"walk {area:.3f}" in named[-1]


def test_a_bout_is_found_where_half_of_it_is_above_the_others() -> None:
    one = score_frames("rear", "cae", 100.0)
    assert halves.count_found(one).all() and halves.count_found(one).shape == (2, 4)
    one.scores[0, 100:126] = one.scores.min()  # 26 of the first bout's 50 frames
    assert halves.count_found(one).tolist() == [[False, True, True, True], [True] * 4]


def test_stills_are_apart_and_from_both_halves() -> None:
    one = score_frames("rear", "cae", 1.0)
    chosen = np.array(figures.find_highest(one))
    assert (chosen < 300).sum() == (chosen >= 300).sum() == figures.STILLS
    assert np.diff(chosen[chosen < 300]).min() >= figures.APART
    rank = figures.rank_within(one)
    assert rank[chosen].max() > 0.99 and rank.max() <= 1


def test_a_table_says_what_was_not_run_and_what_is_known(tmp_path: Path) -> None:
    given = Given(dataset="mit_sample", results_dir=str(tmp_path))
    scored = {"mean_image": score_frames("rear", "mean_image", 0.5)}
    scored["cae"] = score_frames("rear", "cae", 3.0)
    table = tables.tabulate_target(given, "rear", scored)
    assert table["Detector"].tolist()[:2] == ["two-stream CAE", "mean image"]
    assert (table["AUC"].iloc[2:] == "not run").all() and len(table) == len(DETECTORS)
    written = (tmp_path / "mit_sample" / "figures" / "real_mice_rear.md").read_text()
    assert "4 bouts, 200 frames, 6.7 s in 20 s" in written and "inferred" in written
    groom = tables.tabulate_target(given, "groom", {"cae": score_frames("groom", "cae", 3.0)})
    assert "[" not in groom["AUC"].iloc[0]  # no interval where no claim is made


def test_only_the_comparisons_of_the_protocol_are_made(tmp_path: Path) -> None:
    given = Given(dataset="mit_sample", results_dir=str(tmp_path))
    names = ("cae", "density", "rae", "pca_frames", "flow_magnitude")
    scored = {
        target: {name: score_frames(target, name, quality=name == "cae") for name in names}
        for target in halves.TARGETS
    }
    pairs = tables.compare_pairs(given, scored)
    assert len(pairs) == 8 and set(pairs["Target"]) == {"rear", "walk"}
    same = pairs[pairs["Detector"] == "density of objects"]
    assert (same["Difference"] == 0).all() and (same["Verdict"] == "no difference shown").all()
    words = tables.describe_target("rear", scored["rear"], pairs)
    assert "2 of 4 planned comparisons show no difference" in words
    assert "better than PCA of frames" in words


def test_a_page_without_runs_is_one_sentence(tmp_path: Path) -> None:
    given = Given(dataset="mit_sample", results_dir=str(tmp_path))
    with pytest.raises(InputError, match="make study DATASET=mit_sample DATA=<folder>"):
        halves.read_targets(given)


def test_every_figure_in_the_words_stands_in_a_table() -> None:
    root = LAYERS.parents[1]
    words = (root / "docs" / "real_mice.md").read_text("utf-8").partition("## What came out")[2]
    tables = " ".join(
        path.read_text("utf-8") for path in (root / "figures" / "mit_sample").glob("real_mice_*.md")
    )
    elsewhere = {"0.955"}  # density's walk on the simulated cage, quoted from before
    figures = set(re.findall(r"\d\.\d{3}", words)) - elsewhere
    assert len(figures) > 10 and {figure for figure in figures if figure not in tables} == set()
