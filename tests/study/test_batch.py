"""The batch: what reruns after which change, and what failures and kills leave behind.

See batch_checkout.py for the checkout these run in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from batch_checkout import (
    ROOT,
    command,
    copy_checkout,
    edit,
    environment,
    planned,
    study,
    wait_for,
)
from nbclient import NotebookClient

from cagewatch import batch
from cagewatch.detectors.trivial import BASELINES
from cagewatch.errors import InputError
from cagewatch.study import processes_in

ALL = {"preprocess", "prepare", "experiment", "baselines"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout, with a space in its path, whose study has run."""
    root = copy_checkout(tmp_path_factory.mktemp("a checkout"))
    done = study(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "epoch 1/1 rae 1" in done.stderr  # progress reaches the user while it runs
    return root


@pytest.fixture
def checkout(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished checkout, time stamps included, to be changed at will."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


# What reruns


def test_finished_study_has_every_run_and_nothing_to_do(finished: Path) -> None:
    for model in ("rae", "cae", *BASELINES):
        folder = finished / "results" / "ped2" / "anomaly" / model / "seed-0"
        assert {"scores.csv.gz", "metrics.json", "params.yaml"} <= set(os.listdir(folder))
    assert not list(finished.rglob("*.unfinished.ipynb"))
    assert planned(finished) == {}


def test_executed_run_holds_its_resolved_parameters(finished: Path) -> None:
    folder = finished / "results" / "ped2" / "anomaly" / "rae" / "seed-0"
    values = yaml.safe_load((folder / "params.yaml").read_text())
    assert (values["model"], values["target"], values["cores"]) == ("rae", "anomaly", 1)
    notebook = nbformat.read(folder / "experiment.ipynb", as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.papermill.parameters["epochs"] == 120


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("params/model/rae.yaml", "epochs: 120", "epochs: 7", {"experiment rae"}),
        ("params/base.yaml", "weights: last", "weights: best", {"experiment", "baselines"}),
        ("params/dataset/ped2.yaml", "gamma: 1.0", "gamma: 0.5", ALL),
        ("lib/cagewatch/models/rae.py", '"""', '"""Edited. ', {"experiment rae"}),
        ("lib/cagewatch/models/blocks.py", '"""', '"""Edited. ', {"experiment"}),
        ("lib/cagewatch/audit.py", '"""', '"""Edited. ', {"prepare"}),
        ("lib/cagewatch/store.py", '"""', '"""Edited. ', ALL),
        ("lib/cagewatch/baselines.py", '"""', '"""Edited. ', {"baselines"}),
        ("lib/cagewatch/study.py", '"""', '"""Edited. ', set()),
        ("notebooks/experiment.py", "epoch 1/1", "epoch one", {"experiment"}),
        ("notebooks/prepare.py", "import glob", "import math, glob", {"prepare"}),
        ("data/UCSDped2/Test/UCSDped2.m", "2:3", "2:4", ALL),
    ],
)
def test_a_change_reruns_its_dependants_only(
    path: str, old: str, new: str, expected: set[str], checkout: Path
) -> None:
    edit(checkout / path, old, new)
    jobs = planned(checkout)
    for name in expected:
        assert any(job.startswith(name) for job in jobs), jobs
    for job, reason in jobs.items():
        assert any(job.startswith(name) for name in expected), (job, reason)
        assert "pdated" in reason  # names the file: the dry run explains itself


def test_rerun_of_one_value_is_done_and_settles(checkout: Path) -> None:
    edit(checkout / "params/model/rae.yaml", "epochs: 120", "epochs: 7")
    assert study(checkout).returncode == 0
    folder = checkout / "results" / "ped2" / "anomaly"
    assert (folder / "rae" / "seed-0" / "metrics.json").read_text() == "0 7"
    assert (folder / "cae" / "seed-0" / "metrics.json").read_text() == "0 60"
    assert planned(checkout) == {}


def test_value_changed_and_changed_back_reruns_nothing(checkout: Path) -> None:
    edit(checkout / "params/model/rae.yaml", "epochs: 120", "epochs: 7")
    assert planned(checkout)
    edit(checkout / "params/model/rae.yaml", "epochs: 7", "epochs: 120")
    assert planned(checkout) == {}


def test_deleted_result_is_made_again_alone(checkout: Path) -> None:
    (checkout / "results/ped2/anomaly/cae/seed-0/metrics.json").unlink()
    assert set(planned(checkout)) == {"experiment cae"}


def test_one_file_can_be_asked_for(checkout: Path) -> None:
    wanted = "results/ped2/anomaly/cae/seed-0/metrics.json"
    (checkout / wanted).unlink()
    (checkout / wanted.replace("cae", "rae")).unlink()
    done = study(checkout, "--", wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / wanted).is_file()
    assert not (checkout / wanted.replace("cae", "rae")).exists()


def test_a_detector_runs_in_its_own_notebook(checkout: Path) -> None:
    plan = planned(checkout, "--models", "rae density")
    assert "detector" in plan and "experiment rae" not in plan
    done = study(checkout, "--models", "rae density")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = checkout / "results/ped2/anomaly/density/seed-0"
    assert {"detector.npz", "detector.ipynb", "metrics.json"} <= set(os.listdir(folder))
    edit(checkout / "lib/cagewatch/detectors/density.py", '"""A', '"""The')
    assert set(planned(checkout, "--models", "rae density")) == {"detector"}


def test_another_seed_and_kernel_add_a_run(checkout: Path) -> None:
    own = checkout / "jupyter" / "kernels" / "own"
    own.mkdir(parents=True)
    start = f"touch kernel-used; exec '{sys.executable}' -m ipykernel_launcher -f \"$0\""
    spec = {"argv": ["sh", "-c", start, "{connection_file}"], "display_name": "Own"}
    (own / "kernel.json").write_text(json.dumps(spec))
    given = ("--seeds", "0 1", "--models", "cae", "--kernel", "own")
    done = study(checkout, *given, JUPYTER_PATH=str(checkout / "jupyter"))
    assert done.returncode == 0, done.stdout + done.stderr
    folder = checkout / "results/ped2/anomaly/cae/seed-1"
    assert (folder / "metrics.json").read_text() == "1 60"
    assert (checkout / "kernel-used").exists()


def test_own_values_win_over_the_layers(checkout: Path) -> None:
    (checkout / "own.yaml").write_text("epochs: 3\nbackend: jax\n")
    assert {"experiment rae", "experiment cae"} <= set(planned(checkout, "--params", "own.yaml"))
    values = yaml.safe_load((checkout / "results/grid/ped2/anomaly/cae.yaml").read_text())
    assert (values["epochs"], values["backend"]) == (3, "jax")


def test_report_is_written_offline(checkout: Path) -> None:
    done = study(checkout, "--", "--report", "report.html")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "experiment" in (checkout / "report.html").read_text()


# Failures, kills and neighbours


def test_an_unfinished_notebook_says_why_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "experiment.unfinished.ipynb"
    code = "class InputError(ValueError): pass\nraise InputError('labels.txt: a gap;\\n mend it.')"
    for cell, words in [
        (code, "open it to see where. labels.txt: a gap; mend it."),
        ("1 / 0", "open it to see where. ZeroDivisionError: division by zero"),
        ("1", "was stopped before its end; run the study again."),
    ]:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        NotebookClient(book, kernel_name="python3", allow_errors=True).execute()
        nbformat.write(book, path)
        assert batch.why_unfinished(path).endswith(words)
    path.write_text(path.read_text()[:50])
    assert "was cut short" in batch.why_unfinished(path)


def test_failed_run_keeps_its_notebook_and_others_go_on(checkout: Path) -> None:
    runs = checkout / "results" / "ped2" / "anomaly"
    for model in ("rae", "cae"):
        shutil.rmtree(runs / model)
    (checkout / "break-rae").touch()
    done = study(checkout)
    assert done.returncode != 0
    text = (runs / "rae" / "seed-0" / "experiment.unfinished.ipynb").read_text()
    assert "broken on purpose" in text
    # The user is told where to look, and why without looking.
    assert re.search(
        r"experiment\.unfinished\.ipynb did not finish.*broken on purpose", done.stderr
    )
    assert not (runs / "rae" / "seed-0" / "metrics.json").exists()
    assert (runs / "cae" / "seed-0" / "metrics.json").exists()
    (checkout / "break-rae").unlink()
    assert set(planned(checkout)) == {"experiment rae"}


def test_killed_study_goes_on_and_leaves_no_process(checkout: Path) -> None:
    shutil.rmtree(checkout / "results/ped2/anomaly/rae")
    (checkout / "wait-rae").touch()
    process = subprocess.Popen(
        command("--cores", "2"), cwd=checkout, env=environment(checkout), stderr=subprocess.DEVNULL
    )
    wait_for(checkout / "waiting-rae", process)
    refused = study(checkout)
    assert "A study is already running in" in refused.stderr and refused.returncode != 0

    os.kill(process.pid, signal.SIGKILL)  # Snakemake dies; its notebook does not notice
    process.wait()
    assert list((checkout / ".snakemake" / "locks").iterdir())
    orphans = notebooks_in(checkout)
    assert orphans
    (checkout / "wait-rae").unlink()
    done = study(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / "results/ped2/anomaly/rae/seed-0/metrics.json").read_text() == "0 120"
    assert not set(orphans) & set(notebooks_in(checkout))
    assert planned(checkout) == {}


def notebooks_in(root: Path) -> list[int]:
    """Process ids of papermill and kernels at work in `root`."""
    running = processes_in(root)
    return [process.pid for process in running if "ipykernel" in str(process.info["cmdline"])]


def test_two_checkouts_run_side_by_side(checkout: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(checkout, tmp_path / "other"))
    both = []
    for root, epochs in ((checkout, 7), (other, 8)):
        edit(root / "params/model/rae.yaml", "epochs: 120", f"epochs: {epochs}")
        both.append(
            subprocess.Popen(
                command("--cores", "2"), cwd=root, env=environment(root), stderr=subprocess.DEVNULL
            )
        )
    assert [process.wait() for process in both] == [0, 0]
    for root, epochs in ((checkout, 7), (other, 8)):
        metrics = root / "results/ped2/anomaly/rae/seed-0/metrics.json"
        assert metrics.read_text() == f"0 {epochs}"


# Bad input


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dataset", "ped3"], "Unknown dataset 'ped3': did you mean 'ped2'?"),
        (["--models", "rea"], "Unknown model 'rea': did you mean 'rae'?"),
        (["--targets", "hagn"], "Unknown target 'hagn': did you mean 'hang'?"),
        (["--scale", "papr"], "Unknown scale 'papr': did you mean 'paper'?"),
        (["--kernel", "gpu"], "There is no Jupyter kernel 'gpu': install it with"),
        (
            ["--profile", "profiles/slurm"],
            "has a space in it, which Slurm's jobs cannot start from",
        ),
        (["--seeds", "one"], "The seed 'one' is not a whole number"),
        (["--data", "nowhere"], "There is no data folder nowhere: put the dataset ped2 there"),
        (["--params", "typo.yaml"], "Unknown parameter 'epoch' in typo.yaml: did you mean 'epoch"),
        (["--params", "seed.yaml"], "seed.yaml sets 'seed', which the study chooses"),
        (["--params", "none.yaml"], "Cannot read the parameter layer none.yaml"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_runs(
    arguments: list[str], sentence: str, finished: Path
) -> None:
    (finished / "typo.yaml").write_text("epoch: 3\n")
    (finished / "seed.yaml").write_text("seed: 3\n")
    done = study(finished, *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("cagewatch: ") and sentence in line
    assert done.stdout == ""


def test_unknown_config_name_is_refused() -> None:
    with pytest.raises(InputError, match="Unknown name 'datset' in .* did you mean 'dataset'?"):
        batch.read_study({"datset": "ped2"})


def test_config_lists_may_be_strings_or_lists() -> None:
    assert batch.as_list("rae, cae") == batch.as_list(["rae", "cae"]) == ["rae", "cae"]
    assert batch.as_list(None) == [] and batch.as_list(3) == [3]


# What a notebook depends on


def test_library_follows_imports_and_leaves_out_looks() -> None:
    files = {Path(path).name for path in batch.library(str(ROOT / "notebooks" / "experiment.py"))}
    assert {"clips.py", "store.py", "params.py", "errors.py", "ucsd.py", "rae.py"} <= files
    assert not {"plots.py", "batch.py", "study.py", "explore.py"} & files


def test_a_model_does_not_depend_on_the_others() -> None:
    assert "cagewatch.detectors.networks.rae" in batch.other_models("cae_image")
    assert "cagewatch.detectors.networks.cae" not in batch.other_models("cae_image")
    assert "cagewatch.detectors.networks.cae" not in batch.other_models("supervised")
    assert batch.other_models("unheard_of") == []


def test_planning_imports_no_backend() -> None:
    code = "import sys; from cagewatch import batch, study; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "jax", "torch", "cv2"} & set(done.stdout.split())
