"""The explorer in a real browser, under Voila and in JupyterLab: dragged, told a rule, stepped.

Run by ``make test-browser``. Needs Debian's ``chromium`` (or a browser named by CHROMIUM).
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
from test_explore import write_run

from cagewatch import explore
from cagewatch.explore.tables import describe_alarm
from cagewatch.runs.read import read_run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
WINDOWS = {"wide": (1440, 1000), "narrow": (480, 900)}
TALL = 2800  # pixels, so that the whole explorer is on a picture
TOKEN = "only-for-this-test"
PATIENCE = 180_000  # milliseconds; a loaded machine starts kernels slowly


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, write_video, moving_disc) -> Path:
    """A finished run of two recordings whose videos are there."""
    folder = tmp_path_factory.mktemp("explorer")
    (folder / "data").mkdir()
    for name in ("r0", "r1"):
        write_video(folder / "data" / f"{name}.mp4", moving_disc(300), 30)
    generator = np.random.default_rng(3)
    anomalous = np.zeros(600, bool)
    anomalous[[*range(50, 90), *range(400, 430)]] = True
    score = np.round(generator.normal(0, 1, 600) + 2 * anomalous, 4)
    place = write_run(
        folder / "results",
        score,
        anomalous,
        given={
            "dataset": "folder",
            "data_dir": str(folder / "data"),
            "train_recordings": ["r0"],
            "test_recordings": ["r1"],
        },
    )
    write_run(folder / "results", score[::-1].copy(), anomalous, "rae")
    return place


@pytest.fixture(scope="module")
def notebook(run_dir) -> Path:
    """The explorer's notebook, set to that run."""
    source = jupytext.read(ROOT / "notebooks" / "explore_thresholds.py")
    (cell,) = [cell for cell in source.cells if "parameters" in cell.metadata.get("tags", [])]
    results = str(run_dir.parents[3])
    cell.source = cell.source.replace(
        "results_dir: str = 'results'", f"results_dir: str = {results!r}"
    )
    cell.source = cell.source.replace("dataset: str = None", "dataset: str = 'folder'")
    path = run_dir.parents[4] / "explore_thresholds.ipynb"
    nbformat.write(source, path)
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless browser with an empty profile."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if path is None:
        pytest.fail("No chromium found: apt-get install chromium, or set CHROMIUM to a browser.")
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=path, headless=True, args=FLAGS
        )
        context.set_default_timeout(PATIENCE)
        yield context
        context.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def serving(command: list[str], url: str, home: Path) -> Iterator[None]:
    """Keep a server running, its settings in a folder of the test's own."""
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with open(home / "server.log", "w") as log:
        server = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(url, timeout=60).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert server.poll() is None, (home / "server.log").read_text()[-3000:]
                time.sleep(0.5)
        yield
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def shown(page, name: str) -> str:
    return page.locator(f".cw-numbers .cw-{name}").inner_text()


def check_numbers(page, run, threshold: float | None = None) -> float:
    """The numbers on the page are those computed from the run's files at the threshold shown."""
    typed = page.locator(".cw-typed input")
    for _ in range(200):  # the kernel may be slow, the answer must be right
        seen = float(typed.input_value())
        if threshold is None or seen == pytest.approx(threshold, rel=1e-9):
            break
        page.wait_for_timeout(100)
    if threshold is not None:
        assert seen == pytest.approx(threshold, rel=1e-9)
    score = run.frames["score"].to_numpy(float)
    anomalous = run.frames["anomalous"].to_numpy(bool)
    flagged = score >= seen
    hits = int((flagged & anomalous).sum())
    page.wait_for_function(
        "([text]) => document.querySelector('.cw-numbers .cw-confusion')?.innerText === text",
        arg=[
            f"{hits:,} / {(flagged & ~anomalous).sum():,} / {(~flagged & anomalous).sum():,} / "
            f"{(~flagged & ~anomalous).sum():,}"
        ],
        timeout=60_000,
    )
    assert shown(page, "recall") == f"{hits / anomalous.sum():.3f}"
    assert shown(page, "flagged").startswith(f"{flagged.sum():,} ")
    return seen


def drag(page, share: float) -> None:
    """Drag the slider's handle to a share of its length, in steps as a hand does."""
    handle = page.locator(".cw-slider .noUi-handle").first
    handle.scroll_into_view_if_needed()
    box, track = handle.bounding_box(), page.locator(".cw-slider .noUi-base").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    middle = track["y"] + track["height"] / 2
    page.mouse.move(track["x"] + share * track["width"], middle, steps=12)
    page.mouse.up()


def use_explorer(page, run, pictures: Path, name: str) -> None:
    """Drag, type, ask a rule, step to an alarm and play it; look at the page in two widths."""
    scored = explore.select_scores(run)
    page.locator(".cw-numbers .cw-confusion").wait_for()
    check_numbers(page, run, explore.apply_rule(scored, "eer"))
    dragged = []
    for share in (0.35, 0.8):
        drag(page, share)
        page.wait_for_timeout(1500)
        dragged.append(check_numbers(page, run))
    assert dragged[0] < dragged[1]
    page.locator(".cw-typed input").fill("1.25")
    page.locator(".cw-typed input").press("Enter")
    check_numbers(page, run, 1.25)
    page.locator(".cw-rule-name select").select_option("recall, at least")
    page.wait_for_function(
        "() => document.querySelector('.cw-rule-value input').value === '0.9'"
    )  # the rule's own default arrives first
    page.locator(".cw-rule-value input").fill("0.8")
    page.locator(".cw-rule-value input").press("Enter")
    page.locator("button.cw-rule-button").click()
    page.wait_for_timeout(1000)
    threshold = check_numbers(page, run, explore.apply_rule(scored, "recall>=0.8"))
    spans = explore.weigh_threshold(scored, threshold).spans
    for number in (1, 2):
        page.locator("button.cw-after").click()
        text = re.sub("<.*?>", "", describe_alarm(
            scored, explore.alarm_at(scored, spans[number - 1]), number, len(spans)
        ))  # fmt: skip
        page.locator(".cw-alarm", has_text=text).wait_for()
    picture = page.locator("img.cw-picture, .cw-picture img").first
    picture.wait_for()
    page.wait_for_function(
        "() => (document.querySelector('img.cw-picture') "
        "|| document.querySelector('.cw-picture img')).naturalWidth > 100"
    )
    before = page.locator(".cw-frame .widget-readout, .cw-frame [contenteditable]").first
    first = before.inner_text()
    page.locator(".cw-play button").first.click()
    page.wait_for_timeout(1500)
    assert before.inner_text() != first  # it plays
    for window, (width, _) in WINDOWS.items():
        page.set_viewport_size({"width": width, "height": TALL})
        page.wait_for_timeout(700)
        page.locator(".cw-box").screenshot(path=pictures / f"{name}_{window}.png")
        box = page.locator(".cw-slider").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width + 1, window
    page.locator("button.cw-save-button").click()
    page.locator("span.cw-message", has_text="saved").wait_for()
    value, _, _ = explore.read_threshold(run.folder / "threshold.json", run)
    assert value == pytest.approx(threshold)


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Folder for screenshots: SCREENSHOTS if set, to be looked at."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_the_explorer_under_voila(browser, notebook, run_dir, tmp_path, pictures):
    port = free_port()
    url = f"http://127.0.0.1:{port}/?token={TOKEN}"
    command = [sys.executable, "-m", "voila", str(notebook), f"--port={port}", "--no-browser"]
    command += [f"--token={TOKEN}", "--Voila.ip=127.0.0.1"]
    with serving(command, f"http://127.0.0.1:{port}/voila/static/none", tmp_path):
        page = browser.new_page()
        page.set_viewport_size(dict(zip(("width", "height"), WINDOWS["wide"], strict=True)))
        page.goto(url)
        use_explorer(page, read_run(run_dir), pictures, "voila")
        page.close()


def test_the_explorer_in_jupyterlab(browser, notebook, run_dir, tmp_path, pictures):
    port = free_port()
    url = f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?reset&token={TOKEN}"
    command = [sys.executable, "-m", "jupyterlab", str(notebook.parent), f"--port={port}"]
    command += ["--no-browser", "--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}"]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with serving(command, f"http://127.0.0.1:{port}/api", tmp_path):
        page = browser.new_page()
        page.set_viewport_size(dict(zip(("width", "height"), WINDOWS["wide"], strict=True)))
        page.goto(url)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        page.wait_for_timeout(2000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(".cw-numbers .cw-confusion").wait_for()
        use_explorer(page, read_run(run_dir), pictures, "lab")
        page.close()
