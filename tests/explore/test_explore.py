"""The explorer: finished runs of any detector, or a sentence where there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from cagewatch import explore, runs
from cagewatch.cages.cage import CageSettings, write_settings
from cagewatch.detectors import Detector, TrainingSet, fit_detector
from cagewatch.errors import InputError
from cagewatch.explore import frames
from cagewatch.explore.bundle import RULES, budget_thresholds, bundle_run, read_clocks
from cagewatch.explore.frames import picture_moments
from cagewatch.explore.reasons import find_motion
from cagewatch.metrics import apply_rule, choose_threshold, compute_metrics
from cagewatch.params import resolve
from cagewatch.recordings import load_recordings
from cagewatch.runs import FinishedRun
from cagewatch.runs.read import find_run, list_runs, read_run
from cagewatch.runs.thresholds import read_threshold, select_scores
from cagewatch.scoring import score_recordings
from cagewatch.store import stores_of
from cagewatch.store.preprocess import preprocessing_of


def write_run(
    folder: Path,
    score: np.ndarray,
    anomalous: np.ndarray | None,
    model: str = "frame_index",
    n_recordings: int = 2,
    given: Mapping[str, Any] | None = None,
) -> Path:
    """A finished run with these scores, as an experiment leaves it, of 30 frames a second."""
    n_frames = len(score)
    each = -(-n_frames // n_recordings)
    within = np.arange(n_frames) % each
    frames = pd.DataFrame(
        {
            "recording": np.repeat([f"r{k}" for k in range(n_recordings)], each)[:n_frames],
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
    parameters = resolve(names | dict(given or {}))
    run = runs.start_run(parameters)
    values = np.asarray(score, float)
    state = {"learnt": np.zeros(0), "reference_score": values, "reference_score_image": values / 2}
    detector = Detector(parameters, state)
    runs.finish_run(run, detector, frames, compute_metrics(frames, parameters), {}, {})
    return run.folder


@pytest.fixture
def known(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A run of 600 frames with two bouts, and its true flags."""
    generator = np.random.default_rng(3)
    anomalous = np.zeros(600, bool)
    anomalous[[*range(50, 90), *range(400, 430)]] = True
    score = np.round(generator.normal(0, 1, 600) + 2 * anomalous, 4)
    write_run(tmp_path, score, anomalous)
    return tmp_path, score, anomalous


def test_a_recording_whose_start_is_known_has_a_time_of_day(tmp_path: Path) -> None:
    assert read_clocks(tmp_path, ["a", "b"]) == [None, None]
    rows = "recording,start_time\nb,2024-05-01 18:30:05\na,\nc,no time\n"
    (tmp_path / "recordings.csv").write_text(rows)
    assert read_clocks(tmp_path, ["a", "b", "c", "d"]) == [None, 66605.0, None, None]
    rows = "recording,start_time\na,2024-05-01 18:30:05+02:00\nb,2024-05-01 18:30:05\n"
    (tmp_path / "recordings.csv").write_text(rows + "c,2024-11-01 18:30:05+01:00\n")
    assert read_clocks(tmp_path, ["a", "b", "c"]) == [66605.0] * 3
    scores = np.random.default_rng(0).normal(size=40)
    run = read_run(write_run(tmp_path / "folder", scores, None, n_recordings=1))
    assert bundle_run(run).about["clocks"] == [None]
    (run.folder.parents[3] / "recordings.csv").write_text("recording,start_time\nr0,2024-05-01\n")
    assert bundle_run(run).about["clocks"] == [0.0]


def test_a_wrong_name_gets_the_nearest(known) -> None:
    folder, *_ = known
    table = list_runs(folder)
    keys = ["dataset", "target", "model", "seed"]
    assert table[keys].to_numpy().tolist() == [["mit", "hang", "frame_index", 0]]
    with pytest.raises(InputError, match="did you mean 'hang'"):
        find_run(table, target="hangs")


def test_no_run_is_a_sentence_on_the_page_and_no_error(tmp_path: Path) -> None:
    explorer = explore.Explorer(str(tmp_path))
    (answer,) = hear(explorer, {"kind": "open"})
    assert answer[0]["kind"] == "none" and "no finished run" in answer[0]["text"]
    assert explorer.draw() is None


def hear(explorer: explore.Explorer, message: dict[str, Any]) -> list[tuple]:
    """What the explorer answers to a message of its page: content and buffers."""
    answers: list[tuple] = []
    explorer.send = lambda content, buffers=None: answers.append((content, buffers))
    explorer.hear(message)
    return answers


def test_the_page_is_given_the_runs_scores(known) -> None:
    folder, score, anomalous = known
    explorer = explore.Explorer(str(folder))
    ((content, buffers),) = hear(explorer, {"kind": "open"})
    arrays = dict(zip(content["names"], buffers, strict=True))
    np.testing.assert_array_equal(np.frombuffer(arrays["score"], "<f8"), score)
    np.testing.assert_array_equal(np.frombuffer(arrays["anomalous"], np.uint8), anomalous)
    about = content["about"]
    assert about["starts"] == [0, 300, 600] and about["names"] == ["r0", "r1"]
    assert about["seconds"] == pytest.approx(20)
    scored = select_scores(read_run(find_run(list_runs(folder))))
    assert about["tracks"][0]["threshold"] == apply_rule(scored, "eer")


@pytest.mark.parametrize("labelled", [True, False])
def test_the_budget_is_that_of_the_rule(known, labelled: bool) -> None:
    folder, score, anomalous = known
    write_run(folder, score, anomalous if labelled else None)
    scored = select_scores(read_run(find_run(list_runs(folder))))
    thresholds, hours = budget_thresholds(scored)
    flags = anomalous if labelled else np.zeros(600, bool)
    assert hours == pytest.approx((~flags).sum() / 30 / 3600)
    for allowed in (0, 1, 5, 40):
        rule = f"false_alarms_per_hour<={(allowed + 1e-6) / hours}"
        expected = choose_threshold(rule, score, flags, scored.codes, scored.time_s)
        assert thresholds[allowed] == expected


def test_rules_that_need_labels_are_not_offered_without(known) -> None:
    folder, score, anomalous = known
    offered = bundle_run(read_run(find_run(list_runs(folder)))).about["rules"]
    assert "90 % of bouts" in dict(offered) and len(offered) == len(RULES) + 5
    write_run(folder, score, None)
    unlabelled = bundle_run(read_run(find_run(list_runs(folder)))).about["rules"]
    assert unlabelled and all("quantile" in name for name, _ in unlabelled)


def test_a_saved_threshold_comes_back_only_for_the_same_scores(known) -> None:
    folder, score, anomalous = known
    explorer = explore.Explorer(str(folder))
    hear(explorer, {"kind": "open", "run": 0, "score": "image", "smoothing": 5})
    (answer,) = hear(explorer, {"kind": "save", "threshold": 0.4321})
    assert "saved" in answer[0]["text"]
    path = explorer.run.folder / "threshold.json"
    assert read_threshold(path, explorer.run) == (0.4321, "image", 5)
    write_run(folder, score + 1, anomalous)
    with pytest.raises(InputError, match="other scores"):
        read_threshold(path, read_run(explorer.run.folder))


@pytest.mark.parametrize("kind", ["no labels", "all normal", "all anomalous", "constant", "two"])
def test_odd_runs_open(tmp_path: Path, kind: str) -> None:
    score = np.linspace(0, 1, 200)
    odd = {"no labels": None, "all anomalous": np.ones(200, bool)}
    anomalous = odd.get(kind, np.zeros(200, bool))
    if kind == "constant":
        score, anomalous = np.ones(200), np.arange(200) < 20
    if kind == "two":
        score, anomalous = score[:2], np.array([False, True])
    write_run(tmp_path, score, anomalous, n_recordings=1)
    explorer = explore.Explorer(str(tmp_path))
    (answer,) = hear(explorer, {"kind": "open"})
    assert answer[0]["kind"] == "run"
    json.dumps(answer[0], allow_nan=False)
    assert len(explorer.draw().axes) == 1


def test_a_damaged_run_is_a_sentence_on_the_page(known) -> None:
    folder, *_ = known
    place = find_run(list_runs(folder)) / "scores.csv.gz"
    place.write_bytes(place.read_bytes()[:200])
    (answer,) = hear(explore.Explorer(str(folder)), {"kind": "open"})
    assert answer[0]["kind"] == "say" and "damaged" in answer[0]["text"]


def test_frames_that_are_not_there_are_a_sentence(known) -> None:
    explorer = explore.Explorer(str(known[0]))
    hear(explorer, {"kind": "open"})
    ((content, pictures),) = hear(explorer, {"kind": "frames", "first": 290, "count": 32})
    assert pictures == [] and len(content["captions"]) == 10  # up to the recording's end
    assert content["text"]


@pytest.mark.parametrize("score", ["both", "image"])
def test_quantiles_are_those_of_the_chosen_scores_training(known, score: str) -> None:
    folder, values, _ = known
    scored = select_scores(read_run(find_run(list_runs(folder))), score)
    expected = np.quantile(values / (2 if score == "image" else 1), 0.9)
    assert apply_rule(scored, "quantile=0.9") == pytest.approx(expected)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, write_video, moving_disc) -> Path:
    """A folder with two videos of a moving disc."""
    folder = tmp_path_factory.mktemp("videos")
    for name in ("a", "b"):
        write_video(folder / f"{name}.mp4", moving_disc(60), 25)
    return folder


@pytest.mark.parametrize(("model", "rebuilds"), [("pca_frames", True), ("frame_difference", False)])
def test_any_detector_shows_its_frames_and_its_reason(
    tmp_path: Path, videos: Path, model: str, rebuilds: bool
) -> None:
    given = {"dataset": "folder", "data_dir": str(videos), "results_dir": str(tmp_path)}
    given |= {"model": model, "train_recordings": ["a"], "test_recordings": ["b"]}
    given |= {"frame_stride": 1, "components": 2} if rebuilds else {}
    parameters = resolve(given)
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters, 1)
    run = runs.start_run(parameters)
    detector = fit_detector(TrainingSet(recordings[:1], stores, parameters, run.aside))
    frames = score_recordings(detector, recordings[1:], stores)
    runs.finish_run(run, detector, frames, compute_metrics(frames, parameters), {}, stores)
    finished = read_run(run.folder)
    moments = picture_moments(finished, "b", finished.frames.iloc[20:33])
    assert moments.problems == []
    assert len(moments.pictures) == len(moments.captions) == 13
    shape = cv2.imdecode(np.frombuffer(moments.pictures[5], np.uint8), 1).shape
    if rebuilds:
        assert shape[1] > shape[0] * 2  # the frame, and beside it seen, given back and error
    else:
        assert all("pixels/s" in caption for caption in moments.captions)
        parts = finished.frames.iloc[20:22].assign(score_place=[3.0, 1.0], score_rhythm=2.0)
        why = [caption.split(";")[0] for caption in picture_moments(finished, "b", parts).captions]
        assert why == ["reason: place", "reason: rhythm"]


def cage_run(folder: Path) -> FinishedRun:
    """The run of a cage that was trained on one video."""
    given = {"dataset": "folder", "data_dir": str(folder / "gone"), "target": "anomaly"}
    scores = np.random.default_rng(0).normal(size=60)
    run = read_run(write_run(folder, scores, None, "frame_difference", 1, given))
    write_settings(folder, CageSettings(run=str(run.folder.relative_to(folder))))
    return run._replace(frames=run.frames.assign(recording="deep-a", time_s=np.arange(60) / 25))


def test_the_videos_of_a_cages_run_are_those_of_its_table(tmp_path: Path, videos: Path) -> None:
    run, table = cage_run(tmp_path), tmp_path / "recordings.csv"
    rows = run.frames.iloc[20:30]
    table.write_text(f"recording,file\ndeep/a,{videos / 'a.mp4'}\n")
    moments = picture_moments(run, "deep-a", rows)
    assert moments.problems == [] and len(moments.pictures) == 10
    table.write_text("recording,file\n")
    moments = picture_moments(run, "deep-a", rows)
    assert moments.pictures == [] and "has no file for the recording" in moments.problems[0]


def test_frames_between_those_scored_have_times_between_theirs(
    tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = cage_run(tmp_path), []

    def read(source: Path, first: int, times: np.ndarray) -> list[np.ndarray]:
        asked.append((first, times))
        return [np.zeros((32, 32), np.uint8) for _ in times]

    monkeypatch.setattr(frames, "read_frames_at", read)
    (tmp_path / "recordings.csv").write_text(f"recording,file\ndeep/a,{videos / 'a.mp4'}\n")
    rows = run.frames.iloc[[3, 4, 8]].assign(time_s=[0.12, 0.16, 0.52])  # the camera stood still
    assert len(picture_moments(run, "deep-a", rows).captions) == 3
    ((first, times),) = asked
    assert first == 3 and times == pytest.approx([0.12, 0.16, 0.25, 0.34, 0.43, 0.52])


@pytest.mark.parametrize("seed", range(5))
def test_the_camera_s_noise_is_not_taken_for_motion(seed: int) -> None:
    settings = preprocessing_of(resolve({"dataset": "folder", "model": "density"}))
    rng = np.random.default_rng(seed)

    def film(x: int, noise: float = 3.0) -> np.ndarray:
        """A dark disc around (x, 160) on an even wall, with the noise of a camera at night."""
        picture = np.full((240, 320), 90.0)
        cv2.circle(picture, (x, 160), 22, 20.0, -1)
        return np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)

    assert find_motion(film(100), film(100), 0.04, settings) is None
    moved = find_motion(film(100), film(104), 0.04, settings)
    left, top, right, bottom = moved.box
    assert 70 < (left + right) / 2 < 135 and 130 < (top + bottom) / 2 < 190
    assert moved.place.endswith("left") and 20 < moved.speed < 150  # 100 pixels/s, less at an edge
