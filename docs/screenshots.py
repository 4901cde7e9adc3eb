"""Take the site's pictures of the explorer: `make screenshots`. Needs Debian's ``chromium``.

Two detectors are fitted on a few minutes of simulated video, and their pages are opened.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from cagewatch import explore, runs
from cagewatch.detectors import TrainingSet, fit_detector
from cagewatch.metrics import compute_metrics
from cagewatch.params import resolve
from cagewatch.recordings import load_recordings
from cagewatch.scoring import score_recordings
from cagewatch.simulate import write_dataset
from cagewatch.store import stores_of

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "screenshots"
DETECTORS = ("density", "flow_magnitude")
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


def take(page: Path, width: int, picture: Path) -> None:
    """Open a saved page and keep a picture of it, in 256 colours."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("No chromium found: apt-get install chromium.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 800})
        tab.goto(page.as_uri())
        tab.locator("[data-n=alarms]").wait_for()
        tab.wait_for_timeout(500)
        shot = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
        browser.close()
    shot.quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)


def main() -> None:
    """Make the runs, their pages and the pictures."""
    shutil.rmtree(BUILD, ignore_errors=True)
    write_dataset(BUILD / "data", seed=0, n_recordings=4, n_frames=FRAMES, rare=20.0, cores=1)
    first, second = (make_run(model) for model in DETECTORS)
    alone = explore.save_page(first, BUILD / "explorer.html")
    both = explore.save_page(first, BUILD / "explorer_two.html", second=second)
    take(alone, 1280, ROOT / "docs" / "explorer.png")
    take(both, 1280, ROOT / "docs" / "explorer_two.png")


if __name__ == "__main__":
    main()
