"""Detectors that are no network: what they are shown, what a run leaves, a new video scored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from cagewatch.detectors.run import load_state, save_state
from cagewatch.detectors.video import PIECE, Video, limit_frames

from cagewatch import detectors, params, stream_scores
from cagewatch.errors import InputError
from cagewatch.runs.read import read_run
from cagewatch.simulate import write_dataset

ROOT = params.project_root()


def counted(kept: list[int] | np.ndarray) -> Video:
    """A video whose frames hold their own number."""
    kept = np.asarray(kept, bool)
    return Video(lambda: (np.full((2, 2), i) for i in range(len(kept))), kept, 25.0)


def numbers(frames) -> list[int]:
    return [int(frame[0, 0]) for frame in frames]


def test_runs_hand_out_kept_frames_only_and_cut_at_gaps():
    video = counted([0, 1, 1, 0, 0, 1, 1, 1, 0])
    assert [numbers(run) for run in video.runs()] == [[1, 2], [5, 6, 7]]
    assert len(video) == 5


def test_runs_that_are_not_read_are_skipped():
    assert [numbers([next(run)]) for run in counted([1, 1, 0, 1, 1]).runs()] == [[0], [3]]


def test_sample_is_spread_over_the_kept_frames():
    video = counted(np.arange(100) >= 40)
    assert numbers(video.sample(3)) == [40, 70, 99] or numbers(video.sample(3)) == [40, 69, 99]
    assert numbers(video.sample(1000)) == list(range(40, 100))


def test_limit_keeps_about_as_many_frames_from_every_video():
    videos = [counted(np.ones(40 * PIECE)), counted(np.ones(40 * PIECE))]
    few = limit_frames(videos, 8 * PIECE)
    assert [len(video) for video in few] == [4 * PIECE, 4 * PIECE]
    assert all(len(numbers(next(video.runs()))) == PIECE for video in few)
    assert limit_frames(videos, 80 * PIECE) == videos


def test_limit_never_adds_frames():
    kept = np.random.default_rng(0).random(5000) < 0.9
    (few,) = limit_frames([counted(kept)], 500)
    assert 0 < len(few) <= 1000 and not (few.kept & ~kept).any()


def test_state_is_read_back_as_it_was_and_damage_is_named(tmp_path):
    state = {"mean": np.arange(3.0), "name": np.array("crowd")}
    save_state(state, tmp_path)
    back = load_state(tmp_path)
    assert back["mean"].tolist() == [0, 1, 2] and str(back["name"]) == "crowd"
    path = tmp_path / "detector.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="damaged"):
        load_state(tmp_path)


def test_state_holds_no_objects(tmp_path):
    with pytest.raises(TypeError, match="weights"):
        save_state({"weights": np.array([None])}, tmp_path)
    np.savez(tmp_path / "detector.npz", weights=np.array([{}], object))  # a pickle
    with pytest.raises(InputError, match="damaged"):
        load_state(tmp_path)


def test_every_detector_has_a_layer_and_the_two_functions():
    assert set(detectors.DETECTORS) <= set(params.choices("model"))
    for name in detectors.DETECTORS:
        module = detectors.load_detector(name)
        assert callable(module.fit) and callable(module.score)
    with pytest.raises(InputError, match="choose one of density"):
        detectors.load_detector("cae")


@pytest.mark.parametrize("name", ["experiment", "baselines", "prepare", "detector"])
def test_the_parameters_cell_is_the_generated_one(name):
    text = (ROOT / "notebooks" / f"{name}.py").read_text()
    cell = params.parameters_cell()
    if name == "detector":  # opened by hand it runs as it is
        cell = cell.replace("model: str = 'cae'", "model: str = 'density'")
    assert cell in text


@pytest.fixture(scope="module")
def cage_run(tmp_path_factory) -> tuple[Path, Path, subprocess.CompletedProcess]:
    """Data, results and papermill's word on a tiny simulated cage."""
    data, results = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("results")
    write_dataset(data, seed=0, n_recordings=2, n_frames=500, rare=20.0)
    names = sorted(path.stem for path in (data / "full_database").glob("*.mpg"))
    given = {"data_dir": str(data), "results_dir": str(results), "scale": "smoke", "cores": 1}
    given |= {"train_recordings": names[:1], "test_recordings": names[1:], "test_stop": 1.0}
    given |= {"model": "density", "target": "micromovement"}
    (results / "given.yaml").write_text(yaml.safe_dump(given))
    command = [sys.executable, "-m", "papermill", "notebooks/detector.ipynb"]
    command += [str(results / "out.ipynb"), "-k", "python3", "--no-progress-bar"]
    command += ["-f", str(results / "given.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return data, results, done


def test_the_notebook_leaves_a_whole_run(cage_run):
    _, results, done = cage_run
    assert done.returncode == 0, done.stderr[-3000:]
    folder = results / "simulated" / "micromovement" / "density" / "seed-0"
    files = {"params.yaml", "scores.csv.gz", "metrics.json", "provenance.json", "detector.npz"}
    assert files <= {path.name for path in folder.iterdir()}
    run = read_run(folder)
    assert len(run.frames) == 500 and run.frames["score"].notna().all()
    assert run.frames["score_image"].isna().all() and run.frames["score_flow"].isna().all()
    reference = run.metrics["reference_scores"]["score"]
    assert reference["quantiles"]["0.5"] <= reference["quantiles"]["0.99"]
    provenance = json.loads((folder / "provenance.json").read_text())
    assert len(provenance["data"]) == 2


def test_a_run_scores_a_new_video_as_it_scored_the_test(cage_run):
    data, results, _ = cage_run
    run = read_run(results / "simulated" / "micromovement" / "density" / "seed-0")
    (source,) = data.glob(f"full_database/{run.frames['recording'].iloc[0]}.mpg")
    frames = stream_scores.score_source(run, source, progress=False)
    assert isinstance(frames, pd.DataFrame) and frames["frame"].tolist() == list(range(500))
    np.testing.assert_allclose(frames["score"], run.frames["score"], rtol=1e-6, atol=1e-6)
