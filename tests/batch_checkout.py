"""A checkout of its own for tests of the batch: the real Snakefile and library, stand-in notebooks.

A stand-in writes a run's files at once, unless a file in the checkout says otherwise:
``break-<model>`` makes it fail, ``break-once-<model>`` once only, ``wait-<model>`` makes it wait to
be killed, and ``meet`` makes it wait until a second run has started too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from cagewatch import params

ROOT = Path(__file__).resolve().parents[1]
HEAD = (ROOT / "notebooks" / "experiment.py").read_text().partition("# %%")[0]
FIRST = """
import glob, os, time
from cagewatch import params, runs

parameters = params.from_notebook(globals())
model = parameters.model
if os.path.exists(f"break-{model}"):
    raise RuntimeError("broken on purpose")
if os.path.exists(f"break-once-{model}"):
    os.remove(f"break-once-{model}")
    raise RuntimeError("broken once")
if os.path.exists(f"wait-{model}"):
    open(f"waiting-{model}", "w").close()
    time.sleep(600)
"""
EXPERIMENT = """
from cagewatch.runs.code import digest_run
from cagewatch.files import read_json, write_json
from cagewatch.runs.write import FORMAT, describe_file

if os.path.exists("meet"):
    open(f"met-{model}", "w").close()
    waited = 0
    while len(glob.glob("met-*")) < 2:
        assert waited < 60, "nobody came"
        waited += 1
        time.sleep(1)
folder = runs.run_folder(parameters)
folder.mkdir(parents=True, exist_ok=True)
print("epoch 1/1", model, parameters.cores)
params.write_params(parameters, folder / "params.yaml")
FILES = ("detector.npz", "history.csv", "scores.csv.gz", "metrics.json")
for name in FILES:
    (folder / name).write_text(f"{parameters.seed} {parameters.epochs}")
recordings = read_json(folder.parents[2] / "recordings.json")
provenance = {"format": FORMAT, "code": digest_run(model)}
provenance["files"] = {name: describe_file(folder / name) for name in ("params.yaml", *FILES)}
provenance["data"] = {name: one["source_sha256"] for name, one in recordings.items()}
write_json(folder / "provenance.json", provenance)
if False:  # for the files that the real one depends on
    from cagewatch import detectors, metrics, plots, scoring
"""
PREPARE = """
if False:
    from cagewatch import plots
    from cagewatch.study import overview
"""
STAND_INS = {"prepare": PREPARE, "experiment": EXPERIMENT}
GRID = ("--models", "rae cae mean_image", "--targets", "anomaly")


def copy_checkout(root: Path, notebooks: Sequence[str] = (), n_frames: int = 10) -> Path:
    """The batch's own files, the library, some of the notebooks or stand-ins, and noise as data."""
    for name in ("config", "params", "profiles", "lib"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", root)
    write_data(root / "data", n_frames)
    (root / "notebooks").mkdir()
    for name in notebooks:
        shutil.copy(ROOT / "notebooks" / f"{name}.py", root / "notebooks")
    if not notebooks:
        cell = "# %% tags=['parameters']\n" + params.parameters_cell()
        for name, body in STAND_INS.items():
            text = "\n\n# %%\n".join([HEAD + cell, FIRST, body])
            (root / "notebooks" / f"{name}.py").write_text(text)
    return root


def write_data(folder: Path, n_frames: int) -> None:
    """A Ped2 of one training clip and one test clip, both noise; frames 2 and 3 anomalous."""
    for split in ("Train", "Test"):
        write_clip(folder / "UCSDped2" / split / f"{split}001", n_frames)
    (folder / "UCSDped2" / "Test" / "UCSDped2.m").write_text(
        "TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [2:3];\n"
    )


def write_clip(folder: Path, n_frames: int) -> None:
    """Frames of noise."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (n_frames, 32, 32), np.uint8)
    for number, frame in enumerate(noise, start=1):
        cv2.imwrite(str(folder / f"{number:03}.tif"), frame)


def environment(root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAGEWATCH")}
    return kept | {"PYTHONPATH": str(root / "lib")}


def command(*arguments: str) -> list[str]:
    options = ["--dataset", "ped2", "--data", "data", "--scale", "smoke", *GRID, *arguments]
    return [sys.executable, "-m", "cagewatch.study", *options]


def study(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run ``make study``'s command in `root`."""
    return subprocess.run(
        command("--cores", "2", *arguments),
        cwd=root,
        env=environment(root) | variables,
        capture_output=True,
        text=True,
    )


def planned(root: Path, *arguments: str) -> dict[str, str]:
    """What a dry run would do: 'rule model' to its reason."""
    done = study(root, *arguments, "--", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = {}
    for block in done.stdout.split("\n\n") + re.split(r"\n(?=\[)", done.stdout):
        rule = re.search(r"^(?:local)?rule (\w+):", block, re.MULTILINE)
        reason = re.search(r"reason: (.*)", block)
        model = re.search(r"model=(\w+)", block)
        if rule and reason and block.count("rule ") == 1 and rule[1] != "all":
            jobs[f"{rule[1]} {model[1] if model else ''}".strip()] = reason[1]
    return jobs


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def wait_for(path: Path, process: subprocess.Popen) -> None:
    for _ in range(3000):
        if path.exists():
            return
        assert process.poll() is None
        time.sleep(0.1)
    pytest.fail(f"{path} did not appear")
