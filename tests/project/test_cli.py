"""The command line's frame: its commands, and how it speaks of bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from cagewatch.cli import app
from cagewatch.commands import what_is_slow


def test_info_names_backend_device_and_versions() -> None:
    done = CliRunner().invoke(app, ["info"])
    assert done.exit_code == 0
    named = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert named["backend"] == "tensorflow" and named["keras"] and int(named["cores"]) >= 1


def test_info_says_what_is_slow_and_why() -> None:
    assert what_is_slow("NVIDIA H100", ["avx2"]) == []
    assert len(what_is_slow("CPU", ["avx2", "fma"])) == 2
    assert len(what_is_slow("CPU", ["avx2", "avx512f"])) == len(what_is_slow("CPU", [])) == 1


def test_bad_input_is_one_line_and_no_traceback() -> None:
    done = CliRunner().invoke(app, ["info", "--backend", "nope"])
    assert done.exit_code == 1 and done.stdout == ""
    assert (
        done.stderr == "cagewatch: Unknown backend 'nope': choose one of tensorflow, jax, torch.\n"
    )


def test_a_network_starts_without_the_words_of_its_backend(
    tmp_path: Path, write_video, moving_disc
) -> None:
    write_video(tmp_path / "mouse.mp4", moving_disc(300), 30)
    command = ["check", str(tmp_path), "--detector", "cae_image", "--cores", "1"]
    unset = {name: os.environ[name] for name in os.environ if not name.startswith("TF_CPP_")}
    done = subprocess.run(
        [sys.executable, "-m", "cagewatch.cli", *command], capture_output=True, text=True, env=unset
    )
    assert done.returncode == 0 and "cae_image: training" in done.stdout, done.stderr
    words = ("tensorflow", "onednn", "cpu_feature_guard", "absl", "cuda")
    assert not [line for line in done.stderr.splitlines() if any(w in line.lower() for w in words)]
