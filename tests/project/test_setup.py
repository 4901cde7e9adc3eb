"""Set-up: the dependency lists agree, .venv is whole or rebuilt, make takes values as given."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
TARGETS = "study test lab explore docs bench test-slurm test-browser audit clean".split()
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def read_lock() -> dict[str, str]:
    """Package to pinned version."""
    return dict(PIN.findall((ROOT / "requirements.lock").read_text()))


def read_direct() -> list[Requirement]:
    """What pyproject.toml asks for, all extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [
        Requirement(line) for line in [*project["dependencies"], *(e for x in extras for e in x)]
    ]


# The three lists


def test_lock_satisfies_every_range_of_pyproject() -> None:
    lock = read_lock()
    for wanted in read_direct():
        assert wanted.name in lock, f"{wanted.name} is not in requirements.lock"
        assert wanted.specifier.contains(Version(lock[wanted.name])), wanted


def test_environment_yml_pins_what_the_lock_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    pinned = dict(PIN.findall("\n".join(pip)))
    lock = read_lock()
    assert pinned == {wanted.name: lock[wanted.name] for wanted in read_direct()}
    assert set(pip) - {f"{name}=={version}" for name, version in pinned.items()} == {"--editable ."}


def test_environment_yml_and_makefile_ask_for_the_same_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert f"python{project['requires-python']}" in environment["dependencies"]
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("name", ["requirements.lock", ".ci/audit.lock"])
def test_lock_has_only_pins_and_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    for entry in entries:
        first, *hashes = [line.strip().removesuffix("\\").strip() for line in entry.splitlines()]
        assert re.fullmatch(r"[a-z0-9-]+==[^ ]+( ; .+)?", first), first
        assert hashes, f"{first} has no hash"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first
    assert "://" not in text and " @ " not in text and "--index" not in text


def test_installed_versions_are_the_locked_ones() -> None:
    from importlib.metadata import PackageNotFoundError, version

    lock = read_lock()
    for wanted in read_direct():
        try:
            assert version(wanted.name) == lock[wanted.name]
        except PackageNotFoundError:
            pytest.fail(f"{wanted.name} is in requirements.lock but not installed")


# The set-up itself


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a space in its path, whose set-up installs nothing but says what it does."""
    root = tmp_path / "a checkout"
    root.mkdir()
    for name in ["bootstrap.py", "Makefile", "requirements.lock", "pyproject.toml"]:
        shutil.copy(ROOT / name, root)
    (root / "fake.py").write_text(
        "import bootstrap, os, sys, time\n"
        "def install(pip):\n"
        "    os.makedirs('.venv/bin', exist_ok=True)\n"
        "    open('.venv/bin/python', 'w').close()\n"
        "    open('installed', 'a').write('x')\n"
        "    time.sleep(float(sys.argv[1]))\n"
        "bootstrap.install_dependencies = install\n"
        "bootstrap.install_project = lambda pip: open('project', 'a').write('x')\n"
        "bootstrap.main()\n"
    )
    return root


def set_up(root: Path, seconds: float = 0) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "fake.py", str(seconds)], cwd=root)


def count(root: Path, name: str = "installed") -> int:
    return len((root / name).read_text()) if (root / name).exists() else 0


def test_second_set_up_does_nothing(checkout: Path) -> None:
    assert set_up(checkout).wait() == 0
    assert set_up(checkout).wait() == 0
    assert count(checkout) == count(checkout, "project") == 1


def test_interrupted_set_up_is_done_again(checkout: Path) -> None:
    process = set_up(checkout, 60)
    while not count(checkout):
        assert process.poll() is None
    process.kill()
    process.wait()
    assert set_up(checkout).wait() == 0
    assert count(checkout) == 2


def test_two_set_ups_at_once_install_once(checkout: Path) -> None:
    both = [set_up(checkout, 1), set_up(checkout, 1)]
    assert [process.wait() for process in both] == [0, 0]
    assert count(checkout) == 1


def test_changed_lock_or_moved_checkout_is_set_up_again(checkout: Path, tmp_path: Path) -> None:
    assert set_up(checkout).wait() == 0
    with open(checkout / "requirements.lock", "a") as lock:
        lock.write("\n")
    assert set_up(checkout).wait() == 0
    assert count(checkout) == 2
    moved = checkout.rename(tmp_path / "moved")
    assert set_up(moved).wait() == 0
    assert count(moved) == 3


def test_changed_pyproject_installs_only_the_project_again(checkout: Path) -> None:
    assert set_up(checkout).wait() == 0
    with open(checkout / "pyproject.toml", "a") as file:
        file.write("\n")
    assert set_up(checkout).wait() == 0
    assert (count(checkout), count(checkout, "project")) == (1, 2)


def test_failing_install_is_one_sentence_and_leaves_nothing_built(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text("no-such-package-as-this==1 --hash=sha256:00\n")
    done = make(checkout, "setup", PIP_NO_INDEX="1")
    assert done.returncode != 0
    assert "cagewatch: installing requirements.lock failed" in done.stderr
    assert not (checkout / ".venv" / "built.json").exists()


# make


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run make as a user would: none of the outer make's or pytest's settings inherited."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        [shutil.which("make") or "/usr/bin/make", *arguments],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def test_help_is_the_default_and_names_every_target() -> None:
    done = make(ROOT)
    assert done.returncode == 0 and done.stderr == ""
    for target in TARGETS:
        assert re.search(rf"^  make {target} ", done.stdout, re.MULTILINE), target


def test_every_target_is_dry_run_clean(checkout: Path) -> None:
    done = make(checkout, "-n", *TARGETS)
    assert done.returncode == 0 and done.stderr == ""
    assert not (checkout / ".venv").exists() and not (checkout / ".venv.lock").exists()


def echo_arguments(checkout: Path, *given: str, **environment: str) -> list[str]:
    """What `make study` hands to the study, argument by argument, as its shell makes them."""
    (checkout / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    fake = checkout / ".venv" / "bin" / "python"
    fake.write_text('#!/bin/sh\nfor one; do printf "%s\\n" "$one"; done\n')
    fake.chmod(0o755)
    (checkout / "bootstrap.py").write_text("")
    done = make(checkout, "study", *given, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[2:]  # after -m cagewatch.study


def test_study_passes_on_what_the_user_gave(checkout: Path) -> None:
    given = ["DATASET=ped2", "DATA=a b", "SCALE=smoke", "SEEDS=1 2", "BATCH=--dry-run -q"]
    assert echo_arguments(checkout, *given) == [
        *("--dataset", "ped2", "--data", "a b", "--scale", "smoke", "--seeds", "1 2"),
        *("--", "--dry-run", "-q"),
    ]


@pytest.mark.parametrize(
    "value", ["$(shell touch x)", "$(touch x)", "`touch x`", "it's; touch x", "${HOME}", '"']
)
def test_values_reach_the_study_as_they_are(value: str, checkout: Path) -> None:
    assert echo_arguments(checkout, f"DATA={value}") == ["--data", value]
    assert not (checkout / "x").exists()


def test_environment_of_other_programs_counts_for_nothing(checkout: Path) -> None:
    names = ["DATA", "BATCH", "ARGS", "PYTHON", "MODELS"]
    for flags in ([], ["-e"]):
        found = echo_arguments(checkout, *flags, **dict.fromkeys(names, "$(shell touch x)"))
        assert found == [] and not (checkout / "x").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("PYTHON=/nowhere/python", "there is no Python at /nowhere/python"),
        ("PYTHON=", "no Python 3.11, 3.12 or 3.13 found"),
    ],
)
def test_missing_python_is_one_sentence(given: str, said: str, checkout: Path) -> None:
    done = make(checkout, given, "test")
    assert done.returncode != 0
    (sentence,) = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert said in sentence


def test_no_python_on_the_path_is_one_sentence(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    done = make(checkout, "test", PATH=str(tools))
    (sentence,) = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert "no Python 3.11, 3.12 or 3.13 found: install one" in sentence


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_unsupported_python_is_one_sentence(version: tuple[int, int], checkout: Path) -> None:
    code = f"import sys; sys.version_info = {(*version, 0)}; import bootstrap; bootstrap.main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True
    )
    assert done.returncode != 0
    (sentence,) = done.stderr.splitlines()
    assert f"Python {version[0]}.{version[1]} is not supported: install Python 3.11" in sentence


# The other files a checkout is used through


def test_ci_script_is_sound() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)
