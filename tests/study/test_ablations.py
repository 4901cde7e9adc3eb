"""Ablations: differences paired by seed, shares that add up, and the same scores as the run's."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import jupytext
import numpy as np
import pandas as pd
import pytest
import yaml

from cagewatch import runtime

runtime.configure(os.environ.get("KERAS_BACKEND", "tensorflow"), 1)
runtime.load_backend()

from study_runs import make_run, texts  # noqa: E402

from cagewatch import clips, metrics, params, runs  # noqa: E402
from cagewatch.clips.batches import ClipBatches  # noqa: E402
from cagewatch.detectors import Detector, TrainingSet, fit_detector  # noqa: E402
from cagewatch.detectors.network import rebuild  # noqa: E402
from cagewatch.errors import InputError  # noqa: E402
from cagewatch.recordings import load_recordings  # noqa: E402
from cagewatch.runs.read import read_run  # noqa: E402
from cagewatch.scoring import score_recordings  # noqa: E402
from cagewatch.store import stores_of  # noqa: E402
from cagewatch.study import plan  # noqa: E402
from cagewatch.study.ablations import bottleneck, results, variations  # noqa: E402
from cagewatch.study.ablations import scores as scoring  # noqa: E402
from cagewatch.study.artefacts.parameters import Given  # noqa: E402

TARGET, ELSEWHERE = "hang", "elsewhere"
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def short_run(parameters: params.Parameters, fitted: Detector | None = None) -> Detector:
    """What the notebook experiment leaves, of a detector that was fitted before if it is given."""
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters, 1)
    train, test = ([one for one in recordings if one.split == s] for s in ("train", "test"))
    run = runs.start_run(parameters)
    if fitted is None:
        detector = fit_detector(TrainingSet(train, stores, parameters, run.aside))
    else:
        detector = type(fitted)(parameters, fitted.state)
        (run.aside / "history.csv").write_text("loss,val_loss\n1,1\n")
    frames = score_recordings(detector, test, stores)
    runs.finish_run(run, detector, frames, metrics.compute_metrics(frames, parameters), {}, stores)
    return detector


@pytest.fixture(scope="module")
def cage(small_cage, eagerly) -> Given:
    """Two short runs of the CAE on the small cage; elsewhere the second one, standardised."""
    given = small_cage.given | {"model": "cae", "max_train_clips": 16}
    fitted = short_run(params.resolve({**given, "seed": 0}))
    elsewhere = {"results_dir": f"{given['results_dir']}/{ELSEWHERE}"}
    for more in ({}, {**elsewhere, "stream_average": "standardised"}):
        short_run(params.resolve({**given, "seed": 1, **more}), fitted)
    return Given(dataset="simulated", results_dir=given["results_dir"], cores=1)


@pytest.fixture(scope="module")
def rescored(cage) -> tuple[pd.DataFrame, pd.DataFrame]:
    return scoring.rescore_runs(cage)


def run_folder(cage: Given, seed: int, where: str = "") -> Path:
    return Path(cage.results_dir) / where / "simulated" / "micromovement" / "cae" / f"seed-{seed}"


def metrics_of(cage: Given, seed: int, where: str = "") -> dict:
    """What the run itself reports."""
    return read_run(run_folder(cage, seed, where)).metrics


def auc_of(cage: Given, seed: int, where: str = "") -> float:
    return metrics_of(cage, seed, where)["auc"]


def test_rescoring_gives_what_the_run_reported(cage, rescored):
    scores = rescored[0].set_index(["seed", "variation"])["pooled"]
    assert scores[0, ""] == pytest.approx(auc_of(cage, 0), abs=1e-3)
    assert scores[1, "standardised"] == pytest.approx(auc_of(cage, 1, ELSEWHERE), abs=1e-3)
    assert len(scores) == 2 * (1 + len(variations.read_variations("scores")) + 2)
    assert scores.between(0, 1).all()


def test_distance_is_the_mean_to_the_nearest_normal_clips_without_the_clip_itself():
    normal = np.arange(7.0)[:, None]
    found = bottleneck.measure_distances(normal, np.array([[3.0], [10.0]]))
    assert found["clips"] == pytest.approx([(0 + 1 + 1 + 2 + 2) / 5, (4 + 5 + 6 + 7 + 8) / 5])
    assert found["normal"][[0, 3]] == pytest.approx([3.0, (1 + 1 + 2 + 2 + 3) / 5])


def test_a_clip_is_described_by_the_mean_of_its_frames_bottlenecks(cage):
    run = read_run(run_folder(cage, 0))
    recordings = load_recordings(run.parameters)
    stores = stores_of(recordings, run.parameters, 1)
    index = clips.index_test_clips(recordings[1:], stores, run.parameters).take(np.arange(3))
    state = runs.open_detector(run.folder).state
    model = rebuild(state, run.parameters)

    # The clips, and after them a clip of each of their frames over and over.
    length = index.frames.shape[1]
    still = [np.repeat(index.frames[:, [place]], length, axis=1) for place in range(length)]
    chosen = index.take(np.tile(np.arange(len(index)), 1 + length))
    chosen = dataclasses.replace(chosen, frames=np.concatenate([index.frames, *still]))
    batches = ClipBatches(chosen, stores, run.parameters, float(state["flow_scale"]))
    values, *frame_by_frame = np.split(bottleneck.describe_clips(model, batches), 1 + length)
    assert values.shape == (len(index), 2 * 4 * 16)
    np.testing.assert_allclose(values, np.mean(frame_by_frame, axis=0), atol=1e-5)


def test_shares_of_the_streams_add_up(rescored):
    streams = rescored[1]
    assert streams["seed"].tolist() == [0, 1]
    np.testing.assert_allclose(streams["share_image"] + streams["share_flow"], 1)


def test_tables_figure_and_words(cage, rescored):
    table = results.write_variations(cage, "scores", rescored[0])
    scoring.write_streams(cage, rescored[1])
    figure = results.show_variations(cage, "scores", rescored[0])
    assert "clip_score frame_mse_norm" in texts(figure) and "another seed" in texts(figure)
    assert len(table) == len(variations.read_variations("scores")) + 2
    assert {"bottleneck", "bottleneck and error"} <= set(table["changed"])
    for name in ("ablation_scores.md", "ablation_streams.md", "ablation_scores.svg"):
        assert (cage.figures / name).is_file()
    assert "Simulated data." in (cage.figures / "ablation_scores.md").read_text()
    words = scoring.describe_scores(cage, *rescored)
    assert "micromovement" in words and "standardised" in words


def test_a_stream_that_does_not_vary_has_no_share():
    varying = np.random.default_rng(0).random(50)
    frames = pd.DataFrame({"score_image": 3.0, "score_flow": varying, "recording": "a"})
    frames["anomalous"] = varying > 0.5

    class Run:
        metrics = {"reference_scores": dict.fromkeys(("score_image", "score_flow"), {"std": 2.0})}

    found = scoring.describe_streams(Run(), frames)
    assert found["share_image"] == pytest.approx(0) and found["share_flow"] == pytest.approx(1)
    assert found["auc_flow"] == 1 and found["auc_image"] == 0.5 and found["noise_flow"] == 2


def scores_of(**by_value: list[float]) -> pd.DataFrame:
    """Pooled AUCs by variation, one a seed; 'plain' is the unvaried score."""
    rows = []
    for name, aucs in by_value.items():
        for seed, auc in enumerate(aucs):
            rows.append((TARGET, seed, "" if name == "plain" else name, auc))
    return pd.DataFrame(rows, columns=["target", "seed", "variation", "pooled"])


def test_differences_are_paired_by_seed_and_held_against_the_spread():
    table = results.compare_variations(
        scores_of(plain=[0.80, 0.84], centre=[0.86, 0.90], end=[0.82, 0.86], other=[0.90, 0.80])
    ).set_index("variation")
    np.testing.assert_allclose(table["difference"], [0.06, 0.02, 0.03], atol=1e-12)
    np.testing.assert_allclose(table["spread"], 0.04)
    np.testing.assert_allclose(table.loc["other", ["least", "most"]].astype(float), [-0.04, 0.1])
    # 0.02 is less than the spread of 0.04; the last one's sign differs between the seeds.
    assert table["moves"].tolist() == [True, False, False]


def test_one_seed_says_nothing_about_spread(tmp_path):
    scores = scores_of(plain=[0.8], centre=[0.9])
    table = results.compare_variations(scores)
    assert np.isnan(table["spread"]).all() and table["moves"].tolist() == [None]


def test_what_moves_by_one_protocol_only_is_not_said_to_matter():
    scores = scores_of(plain=[0.80, 0.81], centre=[0.90, 0.92])
    scores["per_video_scaled"] = scores["pooled"]
    told = results.describe_variations("scores", scores)
    assert "by more than a seed does (pooled, scaled per recording): centre (" in told
    assert results.judge_variations(results.compare_by_protocol(scores)).tolist() == ["yes"]
    varied = scores["variation"] != ""
    for scaled in (0.805, 0.70):  # by no more than a seed; in the other direction
        scores.loc[varied, "per_video_scaled"] = scaled
        told = results.describe_variations("scores", scores)
        assert "recording): none." in told and "directions, so not shown: centre (" in told
        compared = results.compare_by_protocol(scores)
        assert results.judge_variations(compared).tolist() == ["not alike"]
    told = results.describe_variations("scores", scores[scores["seed"] == 0])
    assert "One seed only, so nothing can be said: centre (" in told


def test_a_variation_trained_elsewhere_is_told():
    scores = scores_of(plain=[0.80, 0.81], centre=[0.90, 0.92])
    scores["made_with"] = "jax on H200"
    assert results._made_differently("scores", scores) == ""
    scores.loc[scores["variation"] != "", "made_with"] = "tensorflow on CPU"
    told = results._made_differently("scores", scores)
    assert told == "; centre: tensorflow on CPU, the unchanged one: jax on H200"


def test_every_variation_has_valid_values():
    path = params.project_root() / "params" / "ablations.yaml"
    for question in yaml.safe_load(path.read_text()):
        base = {"dataset": "ped2", "data_dir": "unused", "model": variations.network_of(question)}
        for variation, values in variations.read_variations(question).items():
            # Whether it changes anything depends on the dataset; that it is valid does not.
            changed = params.resolve(base | values).model_dump()
            assert {name: changed[name] for name in values} == values
            assert variation.replace(".", "").replace("_", "").isalnum()  # a folder's name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flow: {a: {gama: 0.4}}", "did you mean 'gamma'"),
        ("other: {a: {gamma: 0.4}}", "no question 'flow'"),
        ("flow: [", "not valid YAML"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, words):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        variations.read_variations("flow", tmp_path / "a.yaml")


def test_without_a_run_the_command_is_named(tmp_path):
    with pytest.raises(InputError, match="make study DATASET=simulated"):
        scoring.rescore_runs(Given(dataset="simulated", results_dir=str(tmp_path)))


# Variations that are trained


def test_a_variation_is_named_in_few_words():
    assert variations.in_words("training", "gamma_0.4") == "gamma 0.4"
    assert variations.in_words("training", "uncropped_48x64") == "uncropped 48x64"


def test_what_changes_nothing_is_not_trained():
    given = {"dataset": "ped2", "data_dir": "unused", "scale": "smoke"}
    training = variations.varied_values("training", given, "anomaly", Path("results"))
    assert "gamma_1" not in training  # Ped2 has gamma 1
    assert training["gamma_0.4"]["gamma"] == 0.4
    assert training["gamma_0.4"]["results_dir"] == "results/ablations/gamma_0.4"
    cage = {**given, "dataset": "simulated"}
    assert "gamma_1" in variations.varied_values("training", cage, "hang", Path("results"))
    clips_here = variations.varied_values("clips", given, "anomaly", Path("results"))
    # All of it is normal and no frame is skipped, so gaps and the spacing of flow change nothing.
    rest = {"last_fifth_validates", "test_clips_apart"}
    assert set(clips_here) == {"every_2nd_frame", "every_5th_frame"} | rest
    clips_there = variations.varied_values("clips", cage, "hang", Path("results"))
    assert {"across_gaps", "flow_after_subsampling", "every_frame"} <= set(clips_there)


def test_varied_runs_are_compared_with_the_studys_own(tmp_path):
    folder, varied = tmp_path / "results", tmp_path / "results" / "ablations" / "dx_dy"
    given = Given(dataset="ped2", results_dir=str(folder))
    with pytest.raises(InputError, match="make ablations DATASET=ped2"):
        results.collect_variations(given, "flow")
    for seed in (0, 1):
        make_run(folder, "ped2", "anomaly", "cae", 1.0, seed)
        make_run(varied, "ped2", "anomaly", "cae", 4.0, seed)
    found = results.collect_variations(given, "flow")
    assert found["variation"].tolist() == ["", "", "dx_dy", "dx_dy"]
    assert len(results.write_variations(given, "flow", found)) == 1
    assert "flow_representation xy" in texts(results.show_variations(given, "flow", found))
    assert "flow_representation xy (anomaly, +" in results.describe_variations("flow", found)
    with pytest.raises(InputError, match="no finished run of the ablation 'clips'"):
        results.collect_variations(given, "clips")


@pytest.mark.parametrize("question", variations.TRAINED)
def test_each_question_has_a_thin_notebook(question):
    cells = jupytext.read(params.project_root() / "notebooks" / f"ablation_{question}.py").cells
    [cell] = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    space: dict[str, object] = {"In": [cell.source]}
    exec(cell.source, space)
    assert params.read_cell(space, Given) == Given(dataset="simulated")
    assert any(f'collect_variations(given, "{question}")' in cell.source for cell in cells)


def test_the_batch_plans_each_variation_with_each_seed(tmp_path):
    given = {"dataset": "ped2", "data_dir": str(tmp_path), "scale": "smoke"}
    config = {**given, "models": "cae", "seeds": "0 1", "results_dir": str(tmp_path)}
    study = plan.read_study(config)
    runs_planned = study.varied_runs("flow")
    assert {(run.variation, run.seed) for run in runs_planned} >= {("dx_dy", 0), ("dx_dy", 1)}
    (run,) = [one for one in runs_planned if (one.variation, one.seed) == ("dx_dy", 1)]
    values = study.values(run)
    assert values["flow_representation"] == "xy" and values["seed"] == 1
    assert values["results_dir"] == f"{tmp_path}/ablations/dx_dy"
    assert study.folder_of(run) == str(runs.run_folder(params.resolve(values)))
    (page,) = [one for one in study.ablations() if one.notebook == "ablation_flow"]
    assert set(study.markers(runs_planned)) <= set(page.reads)


def test_the_width_is_the_raes_and_asked_for_with_it(tmp_path):
    config = {"dataset": "simulated", "scale": "smoke", "targets": "hang", "seeds": "0"}
    config["results_dir"] = str(tmp_path)
    study = plan.read_study({**config, "models": "rae"})
    (page,) = study.ablations()
    (narrow, _) = study.varied_runs("width")
    assert page.notebook == "ablation_width" and study.folder_of(narrow).endswith("rae/seed-0")
    assert study.values(narrow)["model"] == "rae" and study.values(narrow)["width"] == 0.25
    assert set(study.markers([narrow, plan.Run("hang", "rae", 0)])) <= set(page.reads)
    without = plan.read_study({**config, "models": "cae"})
    assert "ablation_width" not in [one.notebook for one in without.ablations()]


def test_each_networks_runs_are_compared_with_its_own(tmp_path):
    given = Given(dataset="simulated", results_dir=str(tmp_path))
    for seed in (0, 1):
        make_run(tmp_path, "simulated", "hang", "cae", 9.0, seed)
        make_run(tmp_path, "simulated", "hang", "rae", 1.0, seed)
        make_run(tmp_path / "ablations" / "width_0.25", "simulated", "hang", "rae", 1.0, seed)
    scores = results.collect_variations(given, "width")
    results.write_variations(given, "width", scores)
    assert scores.groupby("variation").size().to_dict() == {"": 2, "width_0.25": 2}
    assert scores.groupby("seed")["pooled"].nunique().eq(1).all()  # the CAE's is another
    assert "two-stream RAE on simulated" in (given.figures / "ablation_width.md").read_text()


def test_a_variation_is_scored_as_a_run_with_its_parameters_would_be(cage, rescored):
    """Centre alignment from clip errors equals what the detector itself gives with it."""
    run = read_run(run_folder(cage, 0))
    recordings = load_recordings(run.parameters)
    stores = stores_of(recordings, run.parameters, 1)
    detector = runs.open_detector(run.folder)
    changed = run.parameters.model_copy(update={"clip_alignment": "centre"})
    frames = score_recordings(type(detector)(changed, detector.state), recordings[1:], stores)
    found = rescored[0].set_index(["seed", "variation"])["pooled"][0, "centre_frame"]
    assert found == pytest.approx(metrics.compute_metrics(frames, changed)["auc"], abs=1e-3)
