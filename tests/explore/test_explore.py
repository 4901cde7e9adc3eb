"""The explorer: finished runs of any detector, or a sentence where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from cagewatch import explore, runs
from cagewatch.detectors import Detector, TrainingSet, fit_detector
from cagewatch.errors import InputError
from cagewatch.explore.frames import picture_moments
from cagewatch.metrics import compute_metrics
from cagewatch.params import resolve
from cagewatch.recordings import load_recordings
from cagewatch.runs.read import find_run, list_runs, read_run
from cagewatch.scoring import score_recordings
from cagewatch.store import stores_of


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


def test_a_wrong_name_gets_the_nearest(known) -> None:
    folder, *_ = known
    table = list_runs(folder)
    keys = ["dataset", "target", "model", "seed"]
    assert table[keys].to_numpy().tolist() == [["mit", "hang", "frame_index", 0]]
    with pytest.raises(InputError, match="did you mean 'hang'"):
        find_run(table, target="hangs")


def test_no_run_is_a_sentence_on_the_page_and_no_error(tmp_path: Path) -> None:
    explorer = explore.Explorer(str(tmp_path))
    assert "no finished run" in explorer.box.value
    assert explorer.draw() is None


@pytest.mark.parametrize("score", ["both", "image"])
def test_quantiles_are_those_of_the_chosen_scores_training(known, score: str) -> None:
    folder, values, _ = known
    scored = explore.select_scores(read_run(find_run(list_runs(folder))), score)
    expected = np.quantile(values / (2 if score == "image" else 1), 0.9)
    assert explore.apply_rule(scored, "quantile=0.9") == pytest.approx(expected)


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
