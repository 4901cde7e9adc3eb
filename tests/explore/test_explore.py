"""The explorer: its numbers are those of the run's files, at any threshold and for any run."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from cagewatch import explore, runs
from cagewatch.errors import InputError
from cagewatch.explore.frames import choose_window
from cagewatch.explore.widgets import RULES, Explorer
from cagewatch.metrics import compute_metrics, event_metrics
from cagewatch.params import resolve
from cagewatch.runs.read import find_run, list_runs, read_run


def write_run(folder, score, anomalous, model="cae", n_recordings=2, reference=True, given=None):
    """A finished run with these scores, as an experiment leaves it."""
    n_frames = len(score)
    each = -(-n_frames // n_recordings)
    recording = np.repeat([f"r{k}" for k in range(n_recordings)], each)
    within = np.arange(n_frames) % each
    frames = pd.DataFrame(
        {
            "recording": recording[:n_frames],
            "frame": within,
            "time_s": within / 30,
            "label": "" if anomalous is None else np.where(anomalous, "hang", "rest"),
            "anomalous": pd.array(
                [None] * n_frames if anomalous is None else anomalous, dtype="boolean"
            ),
            "score_image": np.asarray(score) / 2,
            "score_flow": np.nan,
            "score": score,
        }
    )
    names = {"dataset": "mit", "target": "hang", "model": model, "results_dir": str(folder)}
    parameters = resolve(names | (given or {}))
    place = runs.start_run(parameters)
    runs.save_scores(frames, place)
    results = compute_metrics(frames, parameters)
    if reference:
        values = np.asarray(score, float)
        results["reference_scores"] = runs.describe_reference({"image": values / 2}, values)
    runs.finish_run(place, results, {}, {}, time.time())
    return place


@pytest.fixture
def known(tmp_path):
    """A run of 600 frames with two bouts, and its true flags."""
    generator = np.random.default_rng(3)
    anomalous = np.zeros(600, bool)
    anomalous[[*range(50, 90), *range(400, 430)]] = True
    score = np.round(generator.normal(0, 1, 600) + 2 * anomalous, 4)
    write_run(tmp_path, score, anomalous)
    return tmp_path, score, anomalous


def shown(explorer: Explorer, name: str) -> str:
    """The text that the explorer's table shows for one number."""
    return explorer.numbers.value.split(f'class="cw-{name}">')[1].split("<")[0]


def test_finished_runs_are_listed_and_a_wrong_name_gets_the_nearest(known):
    folder, *_ = known
    table = list_runs(folder)
    assert table[["dataset", "target", "model", "seed"]].values.tolist() == [
        ["mit", "hang", "cae", 0]
    ]
    with pytest.raises(InputError, match="did you mean 'hang'"):
        find_run(table, target="hangs")
    with pytest.raises(InputError, match="no finished run"):
        list_runs(folder / "nowhere")
    (folder / "mit/hang/cae/seed-0/metrics.json").unlink()
    with pytest.raises(InputError, match="no finished run"):
        list_runs(folder)


def test_damaged_scores_are_refused(known):
    folder, *_ = known
    place = find_run(list_runs(folder))
    scores = place / "scores.csv.gz"
    scores.write_bytes(scores.read_bytes()[:200])
    with pytest.raises(InputError, match="missing or damaged"):
        read_run(place)


@pytest.mark.parametrize("threshold", [-10.0, 0.0, 0.7, 1.5, 10.0])
def test_shown_numbers_are_those_of_the_files(known, threshold):
    folder, score, anomalous = known
    explorer = Explorer(folder)
    explorer.typed.value = threshold
    flagged = score >= threshold
    tn, fp, fn, tp = sklearn_metrics.confusion_matrix(anomalous, flagged).ravel()
    assert shown(explorer, "confusion") == f"{tp:,} / {fp:,} / {fn:,} / {tn:,}"
    recall = sklearn_metrics.recall_score(anomalous, flagged)
    assert shown(explorer, "recall") == f"{recall:.3f}"
    if flagged.any():
        precision = sklearn_metrics.precision_score(anomalous, flagged)
        assert shown(explorer, "precision") == f"{precision:.3f}"
    codes = np.repeat([0, 1], 300)
    truth = event_metrics(score, anomalous, codes, threshold, fps=30)
    assert shown(explorer, "false-alarms") == f"{truth.false_alarms_per_hour:.1f}"
    assert shown(explorer, "bouts").startswith(f"{truth.bouts_caught} of {truth.n_bouts}")


def test_dragging_typing_and_rules_agree(known):
    folder, score, anomalous = known
    explorer = Explorer(folder)
    explorer.slider.value = 600
    where = score.min() + 600 / 999 * np.ptp(score)
    assert explorer.typed.value == explorer.threshold == pytest.approx(where)
    explorer.slider.value = explorer.slider.max
    assert shown(explorer, "flagged").startswith("0 ")
    explorer.slider.value = explorer.slider.min
    assert shown(explorer, "flagged") == "600 (100.0%)"
    for name, (form, value) in RULES.items():
        explorer.rule_name.value = name
        explorer.apply_rule()
        rule = form if value is None else f"{form}{value:g}"
        assert explorer.threshold == explore.apply_rule(explorer.scored, rule)
        assert explorer.typed.value == explorer.threshold
    explorer.rule_name.value = "recall, at least"
    explorer.rule_value.value = 1.0
    explorer.apply_rule()
    assert explorer.threshold == score[anomalous].min()
    explorer.rule_value.value = 7.0
    explorer.apply_rule()
    assert "between 0 and 1" in explorer.message.value


def test_every_alarm_can_be_stepped_to(known):
    folder, score, anomalous = known
    explorer = Explorer(folder)
    explorer.set_threshold(1.5)
    starts = []
    for number in range(explorer.consequences.n_alarms):
        explorer.number.value = number + 1
        alarm = explorer.chosen_alarm()
        assert (score[alarm.start : alarm.stop] >= 1.5).all()
        assert alarm.caught == anomalous[alarm.start : alarm.stop].any()
        starts.append(alarm.start)
    assert starts == sorted(set(starts))
    assert "there" in explorer.message.value or "not in" in explorer.message.value  # no video here


def test_zooming_keeps_the_threshold(known):
    explorer = Explorer(known[0])
    before = explorer.threshold
    explorer.part.value = "r1"
    assert explorer.zoom.min == pytest.approx(10.0)
    explorer.zoom.value = (11.0, 12.0)
    explorer.zoom_to_alarm()
    assert explorer.threshold == before


def test_a_saved_threshold_comes_back_only_for_the_same_scores(known):
    folder, score, anomalous = known
    explorer = Explorer(folder, score="image", smoothing=5)
    explorer.set_threshold(0.4321)
    explorer.save()
    path = explorer.run.folder / "threshold.json"
    assert explore.read_threshold(path, explorer.run) == (0.4321, "image", 5)
    write_run(folder, score + 1, anomalous)
    with pytest.raises(InputError, match="other scores"):
        explore.read_threshold(path, read_run(explorer.run.folder))
    path.write_text("{}")
    with pytest.raises(InputError, match="no threshold"):
        explore.read_threshold(path, explorer.run)


@pytest.mark.parametrize("kind", ["no labels", "all normal", "all anomalous", "constant", "two"])
def test_the_explorer_stays_usable_on_odd_runs(tmp_path, kind):
    score = np.linspace(0, 1, 200)
    anomalous = {"no labels": None, "all anomalous": np.ones(200, bool)}.get(
        kind, np.zeros(200, bool)
    )
    if kind == "constant":
        score, anomalous = np.ones(200), np.arange(200) < 20
    if kind == "two":
        score, anomalous = score[:2], np.array([False, True])
    write_run(tmp_path, score, anomalous, n_recordings=1)
    explorer = Explorer(tmp_path)
    assert explorer.message.value in ("", '<span class="cw-message"></span>')
    explorer.set_threshold(score.max())  # the highest score and its equals
    flagged = int((score == score.max()).sum())
    assert shown(explorer, "flagged").startswith(f"{flagged:,} ")
    explorer.set_threshold(score.max() + 1)
    assert shown(explorer, "flagged").startswith("0 ")
    assert "nothing is flagged" in explorer.alarm_text.value
    explorer.step_alarm(1)
    explorer.zoom_to_alarm()
    explorer.set_threshold(score.min() - 1)
    assert shown(explorer, "flagged") == f"{len(score)} (100.0%)"
    if kind in ("no labels", "all normal", "all anomalous"):
        assert "cannot be computed" in explorer.numbers.value
        explorer.rule_name.value = "equal error rate"
        explorer.apply_rule()
        assert "quantile" in explorer.message.value
    figure = explore.plot_explorer(explorer.scored, explorer.threshold)
    assert len(figure.axes) == 4


def test_an_unlabelled_run_takes_its_threshold_from_training_scores(tmp_path):
    write_run(tmp_path, np.linspace(0, 1, 1001), None)
    scored = explore.select_scores(read_run(find_run(list_runs(tmp_path))))
    assert explore.default_rule(scored) == "quantile=0.99"
    assert explore.apply_rule(scored, "quantile=0.99") == pytest.approx(0.99)
    with pytest.raises(InputError, match="only these quantiles"):
        explore.apply_rule(scored, "quantile=0.123")


def test_a_baseline_without_training_scores_lends_its_own(tmp_path):
    write_run(tmp_path, np.linspace(0, 1, 1001), None, "frame_index", reference=False)
    scored = explore.select_scores(read_run(find_run(list_runs(tmp_path))))
    assert explore.apply_rule(scored, "quantile=0.5") == pytest.approx(0.5)


def test_a_score_the_run_lacks_is_not_offered(known):
    explorer = Explorer(known[0], score="flow")
    assert list(explorer.score.options) == ["both", "image"]
    with pytest.raises(InputError, match="no score 'flow'"):
        explore.select_scores(explorer.run, "flow")


def test_another_model_can_be_chosen(known):
    folder, score, anomalous = known
    write_run(folder, score[::-1].copy(), anomalous, "rae")
    explorer = Explorer(folder, {"model": "rae"})
    first = explorer.scored.score.copy()
    explorer.key["model"].value = "cae"
    assert explorer.run.parameters.model == "cae"
    np.testing.assert_allclose(explorer.scored.score, first[::-1])


def test_a_long_alarm_is_shown_around_its_peak():
    assert choose_window(100, 110, 105, 1000) == (88, 122)
    first, last = choose_window(0, 5000, 2500, 5000)
    assert first <= 2500 < last and last - first == 160
    assert choose_window(0, 3, 0, 10) == (0, 10)
