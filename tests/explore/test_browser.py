"""The explorer in a real browser, as a saved page and under Voila.

Run by ``make test-browser``. Needs Debian's ``chromium`` (or a browser named by CHROMIUM).
SCREENSHOTS names a folder for pictures to be looked at.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
from scored_cage import write_scored
from test_explore import write_run

from cagewatch import cages, explore, review
from cagewatch.cages.cage import CageSettings, write_settings
from cagewatch.metrics import apply_rule, weigh_threshold
from cagewatch.params import project_root
from cagewatch.runs import read_run
from cagewatch.runs.thresholds import read_threshold, select_scores

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PATIENCE = 120_000  # milliseconds; a loaded machine starts kernels slowly
TOKEN = "only-for-this-test"
HTML = "<img src=x onerror=alert(1)>"
WIDTHS = (900, 1280, 1600)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory, write_video, moving_disc) -> Path:
    """A finished run of two recordings whose videos are there."""
    folder = tmp_path_factory.mktemp("explorer")
    (folder / "data").mkdir()
    for name in ("r0", "r1"):
        write_video(folder / "data" / f"{name}.mp4", moving_disc(300), 30)
    generator = np.random.default_rng(3)
    anomalous = np.zeros(600, bool)
    anomalous[[*range(50, 90), *range(290, 330), *range(400, 430)]] = True
    score = np.round(generator.normal(0, 1, 600) + 2 * anomalous, 4)
    given = {"dataset": "folder", "data_dir": str(folder / "data")}
    given |= {"train_recordings": ["r0"], "test_recordings": ["r1"]}
    return write_run(folder / "results", score, anomalous, "frame_difference", given=given)


def browser_path() -> str:
    named = [os.environ.get("CHROMIUM"), shutil.which("chromium"), shutil.which("chromium-browser")]
    path = next(filter(None, named), None)
    if path is None:
        pytest.fail("No chromium found: apt-get install chromium, or set CHROMIUM to a browser.")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    """A headless browser with an empty profile."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = browser_path()
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=path, headless=True, args=FLAGS
        )
        context.set_default_timeout(PATIENCE)
        yield context
        context.close()


# A browser that is killed with its driver just after a decision.
KILLED = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as driver:
    browser = driver.chromium.launch(executable_path=sys.argv[2], args=sys.argv[3:])
    page = browser.new_page()
    page.goto(sys.argv[1], timeout=300000)
    page.locator("[data-out=verdict]", has_text="to decide").wait_for(timeout=300000)
    page.keyboard.press("r")
    print("pressed", flush=True)
    page.wait_for_timeout(600000)
"""


def open_page(browser, address: str, home: str, ready: str = "[data-n=alarms]"):
    """A page of 1280 x 800, and the addresses outside `home` and errors that came up in it."""
    page, wrong = browser.new_page(), []
    page.set_viewport_size({"width": 1280, "height": 800})
    own = (home, home.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda one: None if one.url.startswith(own) else wrong.append(one.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address)
    page.locator(ready).wait_for()
    return page, wrong


def look(page, name: str) -> None:
    """Everything is on one screen, and the picture whole, at each width."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(500)
        if "SCREENSHOTS" in os.environ:
            page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / f"{name}_{width}.png")
        for part in (".cw-row", ".cw-picture", ".cw-side table", ".cw-below canvas"):
            boxes = [one.bounding_box() for one in page.locator(part).all()]
            for box in filter(None, boxes):  # those that are shown
                assert box["x"] >= 0 and box["x"] + box["width"] <= width, (part, width)
                assert box["y"] >= 0 and box["y"] + box["height"] <= 800, (part, width)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_timeout(300)


def shown(page, name: str) -> str:
    return page.locator(f"[data-n={name}]").inner_text()


def type_threshold(page, threshold: float) -> None:
    page.locator("[data-in=typed]").fill(str(threshold))
    page.locator("[data-in=typed]").press("Enter")


def until(page, expression: str) -> None:
    """Wait until `expression` holds; a saved page's policy leaves no other way."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"Never so: {expression}.")


def test_a_saved_page_counts_as_the_library_does(browser, run_folder: Path, tmp_path: Path) -> None:
    path = explore.save_page(run_folder, tmp_path / "page.html", pictures=4)
    page, wrong = open_page(browser, path.as_uri(), "file:")
    scored = select_scores(read_run(run_folder))
    for threshold in (-10.0, 0.0, 0.7, 1.5, 2.5, 10.0):
        type_threshold(page, threshold)
        truth = weigh_threshold(scored, threshold)
        assert shown(page, "flagged") == str(truth["flagged"])
        assert shown(page, "alarms") == str(truth["n_alarms"])
        assert shown(page, "false") == str(truth["events"]["false_alarms"])
        assert shown(page, "bouts") == str(truth["events"]["bouts_caught"])
        assert shown(page, "recall") == f"{100 * truth['events']['recall']:.1f} %"
        if truth["events"]["bouts_caught"]:
            assert shown(page, "delay") == f"{truth['events']['delay_median_s']:.2f} s"
    type_threshold(page, 1.5)
    page.locator("[data-in=part]").select_option("1")  # the numbers are this recording's
    flagged = int((scored.score[300:] >= 1.5).sum())
    assert shown(page, "flagged") == str(flagged)
    page.locator("[data-in=part]").select_option("")
    page.locator("[data-in=rule]").select_option(label="90 % of bouts")
    truth = apply_rule(scored, "bouts>=0.9")
    assert page.evaluate("explorer.state.tracks[0].threshold") == truth
    page.locator("[data-in=per-hour]").fill("1500")
    page.locator("[data-in=per-hour]").press("Enter")
    truth = apply_rule(scored, "false_alarms_per_hour<=1500")
    assert page.evaluate("explorer.state.tracks[0].threshold") == truth
    line = page.locator("[data-out=timeline]")
    line.click(position={"x": line.bounding_box()["width"] / 2, "y": 80})
    middle = page.evaluate("explorer.state.at")
    assert 280 < middle < 320
    page.keyboard.press("ArrowRight")
    assert page.evaluate("explorer.state.at") == middle + 1
    page.keyboard.press(" ")  # plays from here on
    until(page, f"explorer.state.at > {middle + 5}")
    page.keyboard.press(" ")
    assert not page.evaluate("explorer.state.playing")
    line.hover(position={"x": 300, "y": 80})
    whole, around = page.evaluate("explorer.state.view"), page.evaluate("explorer.state.at")
    page.mouse.wheel(0, -120)
    until(page, f"explorer.state.view[1] - explorer.state.view[0] < {whole[1]} * 0.9")
    assert page.evaluate("explorer.state.at") == around
    line.dblclick()
    assert page.evaluate("explorer.state.view") == whole
    before = page.evaluate("explorer.state.tracks[0].threshold")
    page.locator("[data-in=slider]").focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("explorer.state.tracks[0].threshold") > before
    page.locator("[data-in=budget]").focus()
    page.keyboard.press("End")
    assert page.evaluate(
        "explorer.state.tracks[0].threshold === explorer.state.tracks[0].budget.at(-1)"
    )
    page.keyboard.press("Home")
    assert shown(page, "false") == "0"
    look(page, "saved")
    # Where a panel scrolls, as in JupyterLab, all of the page fits into it.
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<div id=panel style=\"height:620px;"
        'overflow:auto"><p style="height:400px"></p></div>\');'
        "document.getElementById('panel').append(document.getElementById('explorer'));"
        "document.getElementById('panel').scrollTop = 400;"
        "window.dispatchEvent(new Event('resize'))"
    )
    assert 560 <= page.locator(".cw").bounding_box()["height"] <= 620
    assert wrong == []
    page.close()


def test_two_detectors_and_the_time_of_day(browser, run_folder: Path, tmp_path: Path) -> None:
    table = run_folder.parents[3] / "recordings.csv"
    table.write_text("recording,start_time\nr0,\nr1,2024-05-01 23:59:55\n")
    path = explore.save_page(run_folder, tmp_path / "two.html", pictures=0, second=run_folder)
    table.unlink()
    page, wrong = open_page(browser, path.as_uri(), "file:")
    type_threshold(page, 1.5)
    allowed = page.evaluate("explorer.state.tracks[0].budget.findIndex((one) => one <= 1.5)")
    assert 0 < int(shown(page, "false-2")) <= allowed
    page.locator("[data-in=part]").select_option("0")
    assert ", at" not in page.locator("[data-out=now]").inner_text()
    page.locator("[data-in=part]").select_option("1")
    line = page.locator("[data-out=timeline]")
    line.click(position={"x": line.bounding_box()["width"] - 12, "y": 80})
    assert page.locator("[data-out=now]").inner_text().endswith(", at 00:00:04")
    look(page, "two")
    assert wrong == []
    page.close()


@contextmanager
def serving(code: str, home: Path) -> Iterator[str]:
    """The address of a server that `code` starts with `options`."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    options = ["--no-browser", f"--port={port}", f"--token={TOKEN}"]
    command = [sys.executable, "-c", f"options = {options}\nfrom pathlib import Path\n{code}"]
    with open(home / "server.log", "w") as log:
        server = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
    try:
        for _ in range(1200):
            assert server.poll() is None, (home / "server.log").read_text()[-3000:]
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def test_the_explorer_under_voila(browser, run_folder: Path, tmp_path: Path) -> None:
    book = jupytext.read(project_root() / "notebooks" / "explore_thresholds.py")
    (cell,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source = cell.source.replace("'results'", repr(str(run_folder.parents[3])))
    nbformat.write(book, tmp_path / "page.ipynb")
    notebook = str(tmp_path / "page.ipynb")
    code = f"from cagewatch.explore.serve import *\nserve_notebook(Path({notebook!r}), options)"
    with serving(code, tmp_path) as home:
        page, wrong = open_page(browser, f"{home}/?token={TOKEN}", home)
        picture = "document.querySelector('.cw-picture img').naturalWidth > 100"
        page.locator("[data-in=part]").select_option("1")  # the recording whose video is tested
        page.wait_for_function(picture)
        assert "pixels/s" in page.locator("[data-out=caption]").inner_text()
        type_threshold(page, 1.25)
        page.locator("[data-in=save]").click()
        page.locator(".cw-message", has_text="saved").wait_for()
        value, _, _ = read_threshold(run_folder / "threshold.json", read_run(run_folder))
        assert value == 1.25
        look(page, "voila")
        assert wrong == []
        page.close()


def test_a_region_is_drawn_with_the_mouse(browser, run_folder: Path, tmp_path: Path) -> None:
    videos, told = run_folder.parents[4] / "data", tmp_path / "region.txt"
    source = (
        "from pathlib import Path\nfrom cagewatch import cages, explore\n"
        f"given = cages.TrainParameters(videos=[{str(videos)!r}], into={str(tmp_path / 'c')!r})\n"
        "drawer = explore.draw_region(cages.plan_training(given))\n"
        f"drawer.observe(lambda _: Path({str(told)!r}).write_text(str(drawer.region)), 'region')\n"
        "drawer"
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(book, tmp_path / "page.ipynb")
    notebook = str(tmp_path / "page.ipynb")
    code = f"from cagewatch.explore.serve import *\nserve_notebook(Path({notebook!r}), options)"
    with serving(code, tmp_path) as home:
        page, wrong = open_page(browser, f"{home}/?token={TOKEN}", home, ready="canvas[aria-label]")
        canvas = page.locator("canvas[aria-label]")
        page.wait_for_function("document.querySelector('canvas[aria-label]').width < 300")
        box = canvas.bounding_box()
        width, height = canvas.evaluate("canvas => [canvas.width, canvas.height]")
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + box["height"] / 2, steps=5)
        page.mouse.up()
        region = f"[{width // 4}, {height // 4}, {width // 2}, {height // 4}]"
        page.locator("code", has_text=f"region: list = {region}").wait_for()
        deadline = time.monotonic() + PATIENCE / 1000
        while not told.is_file() or told.read_text() != region:
            assert time.monotonic() < deadline, "the kernel was not told"
            time.sleep(0.1)
        look(page, "region")
        assert wrong == []
        page.close()


@pytest.fixture
def cage(tmp_path: Path, run_folder: Path) -> Path:
    """A cage of 30 alarms in one video, whose name and first decision look like HTML."""
    folder = tmp_path / "cage"
    shutil.copytree(run_folder, folder / "run")
    labels = [HTML, *(f"jump {k}" for k in range(30))]
    write_settings(folder, CageSettings(run="run", labels=labels))
    source = run_folder.parents[4] / "data" / "r1.mp4"
    alarms = [(k / 3, k / 3 + 0.2, 3 + k / 30) for k in range(30)]
    write_scored(folder, {"<i>r1": (source, np.arange(300) / 30, alarms)}, reason="speed")
    alarm = review.list_alarms(cages.open_cage(folder)).iloc[0]
    review.decide(folder, alarm, "accepted", HTML, "<script>alert(1)</script>")
    return folder


def test_thirty_alarms_by_keyboard_and_a_browser_that_is_killed(
    browser, cage: Path, tmp_path: Path
) -> None:
    code = f"from cagewatch.explore.serve import *\nserve_review(Path({str(cage)!r}), options)"
    keys = ["a", "m", "r"] * 10  # the killed browser presses the 15th, r

    def decide(page, number: int) -> None:
        page.locator("[data-out=verdict]", has_text=f"{number + 1} of 30: to decide").wait_for()
        page.keyboard.press(keys[number])
        if keys[number] == "m":
            page.keyboard.type(f"jump {number}")
            page.keyboard.press("Enter")

    with serving(code, tmp_path) as home:
        page, _ = open_page(browser, f"{home}/?token={TOKEN}", home)
        page.wait_for_function("document.querySelector('.cw-picture img').naturalWidth > 100")
        look(page, "review")
        page.locator("[data-out=verdict]", has_text="2 of 30: to decide, speed").wait_for()
        page.keyboard.press("p")  # the decision made before is shown as text
        page.locator("[data-out=verdict]", has_text="1 of 30: accepted").wait_for()
        assert page.locator("[data-in=name]").input_value() == HTML
        assert page.locator(".cw i:not(.cw-key i), .cw script").count() == 0
        assert "<i>r1" in page.locator("[data-out=now]").inner_text()
        page.keyboard.press("n")
        assert page.locator("datalist option").count() == 31
        assert page.locator("datalist option").first.text_content() == HTML
        page.keyboard.press("m")
        page.keyboard.type("no label")
        page.keyboard.press("Enter")
        page.locator(".cw-message", has_text="none of the labels").wait_for()
        for number in range(1, 14):
            decide(page, number)
        page.locator("[data-out=verdict]", has_text="15 of 30: to decide").wait_for()
        page.keyboard.press("u")  # the last one is taken back, and made again
        decide(page, 13)
        page.locator("[data-out=verdict]", has_text="15 of 30: to decide").wait_for()
        other = subprocess.Popen(
            [sys.executable, "-c", KILLED, f"{home}/?token={TOKEN}", browser_path(), *FLAGS],
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert other.stdout.readline() == "pressed\n"
        os.killpg(other.pid, 9)
        other.wait()
        page.close()
        page, wrong = open_page(browser, f"{home}/?token={TOKEN}", home)
        page.locator("[data-out=verdict]", has_text="to decide").wait_for()
        begun = int(page.locator("[data-out=verdict]").inner_text().split()[0]) - 1
        assert begun in (14, 15)  # the one pressed as it was killed is there, or was not made
        for number in range(begun, 30):
            decide(page, number)
        page.wait_for_function("document.querySelector('[data-n=to-decide]').innerText === '0'")
        assert wrong == []
        page.close()
    every = review.read_decisions(cage, every=True)
    assert len(every) == len(review.read_decisions(cage)) == 30  # none lost, none twice
    alarms = review.list_alarms(cages.open_cage(cage))
    wanted = ["accepted" if key in "am" else "rejected" for key in keys]
    assert alarms["verdict"].tolist() == wanted
    assert alarms["name"].tolist()[1:] == [f"jump {k}" if k % 3 == 1 else "" for k in range(1, 30)]
