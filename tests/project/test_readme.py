"""The README and docs tell the truth: their commands exist, and the papermill ones run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from batch_checkout import write_data

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def read_commands(page: Path) -> list[str]:
    """The lines of a page's shell blocks, comments removed and continued lines joined."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    text = "\n".join(blocks).replace("\\\n", " ")
    return [line for line in re.sub(r"\s+#.*", "", text).splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_and_variables_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    given = re.search(r"^GIVEN := (.*)$", makefile, re.MULTILINE)[1].split()
    mentioned = [*read_commands(page), *re.findall(r"`([^`\n]+)`", page.read_text())]
    for command in mentioned:
        if words := re.match(r"(?:\w+=\S+ )*make ([a-z][a-z-]*)(.*)", command):
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), command
            for name in re.findall(r"\b([A-Z]+)=", words[2]):
                assert name in given, command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    named = re.findall(r"\b(?:params|notebooks|profiles|docs|config)/[\w/]+\.\w+", text)
    links = [link for link in links if "generated/" not in link]  # the site's own
    for path in [page.parent / link for link in links] + [ROOT / name for name in named]:
        assert path.exists(), f"{page.name} names {path}, which is not there"


def test_every_interval_in_the_readme_is_in_a_published_table() -> None:
    tables = "".join(path.read_text("utf-8") for path in (ROOT / "figures").glob("*/*.md"))
    quoted = re.findall(r"-?\d\.\d{3} \[[^\]]+\]", (ROOT / "README.md").read_text("utf-8"))
    assert len(quoted) > 10
    assert [value for value in quoted if value not in tables] == []


def papermill_command(option: str) -> list[str]:
    """The README's papermill command that has `option`, to be run from the checkout."""
    commands = [line for line in read_commands(ROOT / "README.md") if "papermill" in line]
    (command,) = [line for line in commands if f" {option} " in line]
    return shlex.split(command)


def test_help_notebook_lists_typed_parameters() -> None:
    done = subprocess.run(
        papermill_command("--help-notebook"), cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ +seed: int \(default 0\)", done.stdout, re.MULTILINE), done.stdout


def test_papermill_command_runs_at_smoke_scale(tmp_path: Path) -> None:
    write_data(tmp_path / "data", n_frames=40)
    command = papermill_command("-k")
    command[command.index("out.ipynb")] = str(tmp_path / "out.ipynb")
    command += ["-f", "params/behaviour/anomaly.yaml", "-p", "dataset", "ped2"]
    command += ["-p", "scale", "smoke", "-p", "clip_step", "1", "-p", "cores", "1"]
    command += ["-p", "data_dir", str(tmp_path / "data"), "-p", "results_dir", str(tmp_path / "r")]
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "r" / "ped2" / "anomaly" / "cae" / "seed-0" / "metrics.json").is_file()
