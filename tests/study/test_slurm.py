"""The same Snakefile on a real Slurm: jobs at once, retried, killed, resumed; the same tables."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from batch_checkout import command, copy_checkout, study
from slurm_cluster import run_cluster, why_not

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands reach a cluster of one node."""
    if reason := why_not():
        pytest.skip(reason)
    with run_cluster(tmp_path_factory.mktemp("slurm")) as slurm:
        yield slurm


def edit_profile(root: Path) -> None:
    """What a user with neither accounting nor patience writes into the profile."""
    path = root / "profiles" / "slurm" / "config.yaml"
    profile = yaml.safe_load(path.read_text())
    del profile["default-resources"]["slurm_account"]
    profile |= {
        "slurm-no-account": True,
        "slurm-status-command": "squeue",
        "slurm-init-seconds-before-status-checks": 1,
        "seconds-between-status-checks": 1,
    }
    path.write_text(yaml.safe_dump(profile))


@contextmanager
def started(root: Path, cluster: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen]:
    """A study on the cluster that runs meanwhile; its output goes to ``slurm.out``."""
    edit_profile(root)
    process = subprocess.Popen(
        command(*arguments, "--profile", "profiles/slurm"),
        cwd=root,
        env=cluster | {"PYTHONPATH": str(root / "lib")},
        stdout=open(root / "slurm.out", "w"),
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        print((root / "slurm.out").read_text())  # shown by pytest when the test fails


def jobs_of(cluster: dict[str, str], model: str) -> list[str]:
    """Ids of the running jobs of a model, by the comment Snakemake gives them."""
    query = ["squeue", "--noheader", "--states=RUNNING", "--format=%A %k"]
    done = subprocess.run(query, env=cluster, capture_output=True, text=True, check=True)
    return [line.split()[0] for line in done.stdout.splitlines() if f"_{model}_" in line]


def cancel_when(path: Path, model: str, cluster: dict[str, str], process: subprocess.Popen) -> None:
    """Cancel a model's job once `path` is there."""
    for _ in range(3000):
        if path.exists() and (jobs := jobs_of(cluster, model)):
            subprocess.run(["scancel", *jobs], env=cluster, check=True)
            return
        assert process.poll() is None, (path.parents[-2], "ended too early")
        time.sleep(0.2)
    queue = subprocess.run(["squeue", "-l"], env=cluster, capture_output=True, text=True)
    pytest.fail(f"{path} did not appear: {queue.stdout}")


def test_jobs_at_once_retried_and_killed(cluster: dict[str, str], tmp_path: Path) -> None:
    root = copy_checkout(tmp_path / "checkout")
    (root / "meet").touch()  # two runs wait for each other: one after the other would fail
    (root / "break-once-cae_image").touch()
    (root / "wait-cae_flow").touch()
    models = ("rae", "cae", "cae_image", "cae_flow")
    with started(root, cluster, "--models", " ".join(models)) as process:
        cancel_when(root / "waiting-cae_flow", "cae_flow", cluster, process)
        (root / "wait-cae_flow").unlink()
        assert process.wait() == 0
    output = (root / "slurm.out").read_text()
    assert not (root / "break-once-cae_image").exists()
    assert output.count("Trying to restart job") == 2
    for model in models:
        assert (root / f"results/ped2/anomaly/{model}/seed-0/metrics.json").read_text()


def test_same_tables_as_locally_even_when_killed(cluster: dict[str, str], tmp_path: Path) -> None:
    own = "frame_stride: 1\nclip_step: 1\nepochs: 8\nmax_epochs: 8\n"
    grid = ("--models", "cae_image", "--params", "own.yaml")
    notebooks = ("prepare", "experiment", "table_2_benchmark", "summary")
    roots = [copy_checkout(tmp_path / name, notebooks, n_frames=40) for name in ("local", "remote")]
    for root in roots:
        (root / "own.yaml").write_text(own)
    local, remote = roots
    done = study(local, *grid)
    assert done.returncode == 0, done.stdout + done.stderr
    run = remote / "results/ped2/anomaly/cae_image/seed-0"
    with started(remote, cluster, *grid) as process:
        cancel_when(
            run / "unfinished" / "history.csv", "cae_image", cluster, process
        )  # after its first epoch
        assert process.wait() == 0
    assert "Trying to restart job" in (remote / "slurm.out").read_text()
    resumed = (run / "experiment.ipynb").read_text()
    assert "epoch 8/8" in resumed and "epoch 1/8" not in resumed
    runs = local.glob("results/ped2/*/*/*/*")
    tables = [path for path in runs if path.name in ("scores.csv.gz", "metrics.json")]
    tables += local.glob("results/ped2/figures/*.csv")
    assert len(tables) > 2  # the run's scores and metrics, and what is made of them
    for table in tables:
        copy = remote / table.relative_to(local)
        assert table.read_bytes() == copy.read_bytes(), copy


def test_a_folder_is_scored_by_jobs_of_the_cluster(
    cluster: dict[str, str], tmp_path: Path, write_video, moving_disc
) -> None:
    root = copy_checkout(tmp_path / "checkout")
    edit_profile(root)
    (root / "videos").mkdir()
    for number in range(4):
        write_video(root / "videos" / f"v{number}.mp4", moving_disc(90, speed=2 + number / 4), 30)
    train = ("train", "videos", "--into", "cage", "--frame-stride", "1", "--cores", "1")
    score = ("score", "cage", "videos")
    jobs = ("--profile", "profiles/slurm", "--videos-per-job", "2")

    def call(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "cagewatch.cli", *words],
            cwd=root, env=cluster | {"PYTHONPATH": str(root / "lib")},
            capture_output=True, text=True,
        )  # fmt: skip

    done = call(*train)
    assert done.returncode in (0, 3), done.stderr
    (root / "videos" / "broken.mp4").write_bytes(b"no video")
    done = call(*score, *jobs)
    print(done.stdout, done.stderr)
    assert done.returncode == 1 and "4 scored, 1 failed" in done.stdout
    assert "Not scored: broken: " in done.stderr
    (root / "videos" / "broken.mp4").unlink()
    one = root / "cage" / "scored" / "v2" / "scores.csv"
    remote = one.read_bytes()
    assert "0 scored, 4 kept from before" in call(*score, *jobs).stdout
    shutil.rmtree(root / "cage" / "scored")
    assert "4 scored" in call(*score, "--cores", "1").stdout
    assert one.read_bytes() == remote
