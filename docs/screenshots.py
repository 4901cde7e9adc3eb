"""Take the site's pictures of explorer, review and report: `make screenshots`.

Two detectors are fitted on a few minutes of simulated video, and their pages are opened; so are the
review page and the report of a small simulated cohort. Needs Debian's ``chromium``.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from cagewatch import explore, runs
from cagewatch.detectors import TrainingSet, fit_detector
from cagewatch.metrics import compute_metrics
from cagewatch.params import resolve
from cagewatch.recordings import load_recordings
from cagewatch.review.cohort import CAGE, run_demo
from cagewatch.scoring import score_recordings
from cagewatch.simulate import write_dataset
from cagewatch.store import stores_of

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "screenshots"
DETECTORS = ("density", "flow_magnitude")
WIDTHS = (900, 1280, 1600)  # pixels of the windows
SHOWN = 1280  # the width that the site shows
NUMBERS = "[data-n=false]"  # which only the explorer of a labelled run has
MOST_ALARMS = 40  # looked at for a good one
PATIENCE = 120_000  # milliseconds
FRAMES = 3000  # of each of four recordings


def make_run(model: str) -> Path:
    """Fit a detector on the first half of the simulated recordings and score the others."""
    names = sorted(path.stem for path in (BUILD / "data").rglob("*.mpg"))
    given = {"dataset": "simulated", "data_dir": str(BUILD / "data"), "model": model}
    given |= {"results_dir": str(BUILD / "results"), "simulate_frames": FRAMES, "test_stop": 1.0}
    given |= {"train_recordings": names[:2], "test_recordings": names[2:]}
    parameters = resolve(given | {"scale": "smoke", "simulate_recordings": 4})
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters, 1)
    run = runs.start_run(parameters)
    training = [recording for recording in recordings if recording.split == "train"]
    detector = fit_detector(TrainingSet(training, stores, parameters, run.aside))
    testing = [recording for recording in recordings if recording.split == "test"]
    frames = score_recordings(detector, testing, stores)
    runs.finish_run(run, detector, frames, compute_metrics(frames, parameters), {}, stores)
    return run.folder


def take(address: str, ready: str, picture: str) -> None:
    """Open a page, wait for what `ready` selects and keep a picture of it at each of `WIDTHS`.

    That of `SHOWN` goes to docs/, the others are to be looked at in build/screenshots/.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("No chromium found: apt-get install chromium.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": 800})
            tab.goto(address, timeout=PATIENCE)
            tab.locator(ready).first.wait_for(timeout=PATIENCE)
            if tab.locator(NUMBERS).count():
                find_moving(tab)
            tab.wait_for_timeout(1000)
            shot = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
            shown = ROOT / "docs" if width == SHOWN else BUILD / str(width)
            shown.mkdir(exist_ok=True)
            shot.save(shown / picture, optimize=True)
        browser.close()


def find_moving(tab: Page) -> None:
    """Go to the explorer's first alarm in a true bout, at a moment at which the mouse moves."""
    for _ in range(MOST_ALARMS):
        tab.keyboard.press("n")
        said = tab.locator("[data-out=where]").inner_text()
        if "true bout" in said and "fastest" in tab.locator("[data-out=caption]").inner_text():
            return


def take_review(cage: Path) -> None:
    """Serve a cage's alarms as ``cagewatch review --page`` does, and keep a picture of the page."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--token=picture"]
    code = f"serve_review(Path({str(cage)!r}), {options})"
    lines = "from pathlib import Path\nfrom cagewatch.explore.serve import serve_review\n" + code
    server = subprocess.Popen([sys.executable, "-c", lines])
    try:
        while server.poll() is None:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        address = f"http://127.0.0.1:{port}/?token=picture"
        take(address, ".cw-picture img[src]", "review.png")
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    """Make the runs, their pages and the pictures."""
    shutil.rmtree(BUILD, ignore_errors=True)
    write_dataset(BUILD / "data", seed=0, n_recordings=4, n_frames=FRAMES, rare=20.0, cores=1)
    first, second = (make_run(model) for model in DETECTORS)
    alone = explore.save_page(first, BUILD / "explorer.html")
    both = explore.save_page(first, BUILD / "explorer_two.html", second=second)
    take(alone.as_uri(), NUMBERS, "explorer.png")
    take(both.as_uri(), NUMBERS, "explorer_two.png")
    report, _ = run_demo(BUILD / "cohort", cores=1, animals=3, days=1, minutes=1)
    take(report.as_uri(), "table", "report.png")
    take_review(BUILD / "cohort" / CAGE)


if __name__ == "__main__":
    main()
