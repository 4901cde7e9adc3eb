"""The notebooks end to end: a tiny Ped2 of moving discs, through real papermill and kernels."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml
from faults.experiment import run_cells

from cagewatch.errors import InputError
from cagewatch.params import project_root

ROOT = project_root()
RUN_FILES = {
    "params.yaml",
    "detector.npz",
    "scores.csv.gz",
    "metrics.json",
    "provenance.json",
}


def write_disc(folder: Path, n_frames: int, speeds: np.ndarray) -> None:
    """A folder of images in which a disc goes round; `speeds` in pixels per frame."""
    folder.mkdir(parents=True)
    position = 20.0
    for number in range(n_frames):
        position += speeds[number]
        frame = np.full((60, 90), 120, np.uint8)
        cv2.circle(frame, (int(10 + position % 70), 30), 8, 20, -1)
        cv2.imwrite(str(folder / f"{number + 1:03}.png"), frame)


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """UCSD's layout; the disc moves 1 pixel a frame, and 6 in the second half of the test clips."""
    data = tmp_path_factory.mktemp("data")
    top = data / "UCSD_Anomaly_Dataset.v1p2" / "UCSDped2"
    for number in (1, 2):
        write_disc(top / "Train" / f"Train00{number}", 48, np.ones(48))
        write_disc(top / "Test" / f"Test00{number}", 48, np.repeat([1, 6], 24))
    ranges = "TestVideoFile = {};\n" + "TestVideoFile{end+1}.gt_frame = [25:48];\n" * 2
    (top / "Test" / "UCSDped2.m").write_text(ranges)
    return data


def papermill(notebook: str, output: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "papermill", f"notebooks/{notebook}.ipynb", str(output)]
    command += ["-k", "python3", "--no-progress-bar", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def settings(data: Path, results: Path) -> list[str]:
    given = {"dataset": "ped2", "data_dir": data, "results_dir": results, "scale": "smoke"}
    return [word for name, value in given.items() for word in ("-p", name, str(value))]


@pytest.mark.parametrize("model", ["cae_image", "pca_frames"])
def test_an_experiment_leaves_a_whole_run(discs, tmp_path, model):
    results = tmp_path / "results"
    given = [*settings(discs, results), "-p", "model", model, "-p", "cores", "1"]
    done = papermill("experiment", tmp_path / "out.ipynb", *given)
    assert done.returncode == 0, done.stderr[-3000:]
    folder = results / "ped2" / "anomaly" / model / "seed-0"
    assert RUN_FILES <= {path.name for path in folder.iterdir()}
    frames = pd.read_csv(folder / "scores.csv.gz")
    assert len(frames) == 96 and frames["anomalous"].sum() == 48
    assert frames["score"].notna().all()
    assert (folder / "history.csv").is_file() == (model == "cae_image")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 0 <= metrics["auc"] <= 1
    assert yaml.safe_load((folder / "params.yaml").read_text())["model"] == model
    provenance = json.loads((folder / "provenance.json").read_text())
    assert set(provenance["data"]) == {"Train001", "Train002", "Test001", "Test002"}
    if model == "pca_frames":  # that networks follow their seed is shown in tests/detectors
        # By hand, the cells one after the other: the same run.
        again = run_by_hand(discs, tmp_path / "again", model=model)
        for name in ("detector.npz", "scores.csv.gz", "metrics.json"):
            assert (again / name).read_bytes() == (folder / name).read_bytes()


def run_by_hand(data: Path, results: Path, **more: object) -> Path:
    """Run the cells one after the other, with the parameters edited; the run's folder."""
    given = {"dataset": "ped2", "data_dir": str(data), "results_dir": str(results)}
    with plt.rc_context():
        return run_cells(given | {"scale": "smoke", "cores": 1} | more)


def test_prepare_runs(discs, tmp_path):
    done = papermill("prepare", tmp_path / "out.ipynb", *settings(discs, tmp_path / "results"))
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_wrong_parameter_stops_papermill_with_a_sentence(discs, tmp_path):
    results = tmp_path / "results"
    given = [*settings(discs, results), "-p", "modle", "cae"]
    done = papermill("experiment", tmp_path / "out.ipynb", *given)
    assert done.returncode != 0
    assert "did you mean 'model'" in done.stderr[-1500:]
    assert not list(results.rglob("metrics.json"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gamma": "bright"}, "gamma='bright'"),
        ({"data_dir": "nowhere"}, "is not a folder"),
        ({"results_dir": "FILE"}, "choose another folder"),
    ],
)
def test_what_cannot_be_used_stops_the_cells_with_a_sentence(discs, tmp_path, wrong, said):
    (tmp_path / "file").write_text("")
    wrong = {name: value.replace("FILE", str(tmp_path / "file")) for name, value in wrong.items()}
    with pytest.raises(InputError, match=said):
        run_by_hand(discs, tmp_path / "results", **wrong)
    assert not list(tmp_path.rglob("metrics.json"))
