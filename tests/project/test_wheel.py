"""The wheel: what is built works in an empty folder, without a checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel's files only, as pip lays them out."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(folder), str(wheel)], check=True, capture_output=True)
    return folder


def run_in(folder: Path, installed: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


def test_every_layer_and_notebook_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind, pattern in [("params", "**/*.yaml"), ("notebooks", "*.py")]:
        files = list((ROOT / kind).glob(pattern))
        assert files
        for file in files:
            assert f"cagewatch/data/{file.relative_to(ROOT)}" in names
    assert "cagewatch/cagewatch.mplstyle" in names
    assert not any(name.endswith(".ipynb") for name in names)


def test_parameters_resolve_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    code = (
        "import cagewatch, cagewatch.params as p\n"
        "print(cagewatch.__file__)\n"
        "print(p.project_root())\n"
        "print(p.resolve({'model': 'cae', 'target': 'groom'}).model)\n"
        "print(*p.choices('model'))\n"
    )
    done = run_in(tmp_path, installed, code)
    assert done.returncode == 0, done.stderr
    package, root, model, models = done.stdout.splitlines()
    assert Path(package).is_relative_to(installed)
    assert Path(root) == tmp_path.resolve()
    assert model == "cae"
    assert models.split() == sorted(path.stem for path in (ROOT / "params/model").glob("*.yaml"))


def test_a_checkout_around_the_folder_wins_over_the_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "base.yaml").write_text("seed: 77\n")
    (tmp_path / "below").mkdir()
    code = "import cagewatch.params as p; print(p.layers_root())"
    done = run_in(tmp_path / "below", installed, code)
    assert Path(done.stdout.strip()) == tmp_path.resolve()


def test_the_readmes_python_runs_from_the_wheel_in_an_empty_folder(
    installed: Path, tmp_path: Path, write_video, moving_disc
) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    snippet = textwrap.dedent(snippet)
    assert len(snippet.strip().splitlines()) <= 6
    (tmp_path / "my_videos").mkdir()
    for name in ("my_videos/a.mp4", "my_videos/b.mp4", "new.mp4"):
        write_video(tmp_path / name, moving_disc(200), 25)
    (tmp_path / "snippet.py").write_text(snippet)
    done = subprocess.run(  # a script, which processes of its own would start again
        [sys.executable, "snippet.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cage = tmp_path / "results" / "cages" / "my_videos"
    assert (cage / "cage.yaml").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {
        *("my_videos", "new.mp4", "new.png", "snippet.py", "results")
    }
