"""The README and docs tell the truth: what they name exists, and what they show runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from batch_checkout import write_data

from cagewatch.errors import InputError
from cagewatch.study.tables.readme import build_results, write_results

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Turns of phrase that a reader has to read twice, each once mended here.
LONG_WINDED = (
    "not to be had",
    "compares with nothing",
    "it is found out",
    "whoever has",
    "so has `density",
)
LONG_WINDED += ("read where there are any", "eat barely", "is to be expected in as many")


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


def test_modules_that_pages_name_exist() -> None:
    rooms = ("lib", "benchmarks", "tests", "docs", "notebooks", ".ci")
    known = [f"/{path.relative_to(ROOT)}" for room in rooms for path in (ROOT / room).rglob("*.py")]
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / "how_to").glob("*.md")]:
        for name in re.findall(r"`([\w/]+\.py)`", page.read_text("utf-8")):
            assert any(path.endswith(f"/{name}") for path in known), f"{page.name}: {name}"


def test_long_winded_phrases_stay_out() -> None:
    texts = [*PAGES, *(ROOT / "docs" / "how_to").glob("*.md"), *(ROOT / "notebooks").glob("*.py")]
    for path in [*texts, *(ROOT / "lib").rglob("*.py")]:
        words = " ".join(path.read_text("utf-8").lower().replace("\n#", " ").split())
        assert [phrase for phrase in LONG_WINDED if phrase in words] == [], path


def test_the_readmes_results_are_those_of_the_published_tables(tmp_path: Path) -> None:
    table = build_results(ROOT / "figures")
    assert table in (ROOT / "README.md").read_text("utf-8")
    assert len(re.findall(r"\d\.\d{3} \[", table)) > 25
    (tmp_path / "figures").symlink_to(ROOT / "figures")
    old = "Before\n\n| detector | hang |\n| --- | --- |\n| supervised | 1.000 |\n\nAfter\n"
    (tmp_path / "README.md").write_text(old)
    write_results(tmp_path)
    assert (tmp_path / "README.md").read_text() == f"Before\n\n{table}\nAfter\n"
    (tmp_path / "README.md").write_text("No table.\n")
    with pytest.raises(InputError, match="has 0 tables of results"):
        write_results(tmp_path)
    with pytest.raises(InputError, match="is no published table"):
        build_results(tmp_path)


def test_the_run_by_hand_runs_at_smoke_scale(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"`\.venv/bin/cagewatch (run experiment [^`]+)`", text)
    write_data(tmp_path / "data", n_frames=40)
    command = [sys.executable, "-m", "cagewatch.cli", *shlex.split(line)]
    command[command.index("out.ipynb")] = str(tmp_path / "out.ipynb")
    # Any other detector runs by the same command; a network takes the longest.
    own = {"dataset": "ped2", "target": "anomaly", "scale": "smoke", "model": "mean_flow"}
    own |= {"data_dir": str(tmp_path / "data"), "results_dir": str(tmp_path / "r"), "cores": 1}
    command += [word for name, value in own.items() for word in ("-p", name, str(value))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    run = tmp_path / "r" / "ped2" / "anomaly" / "mean_flow" / "seed-0"
    assert (run / "provenance.json").is_file() and (tmp_path / "out.ipynb").is_file()
