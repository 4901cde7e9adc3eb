"""What the explorer costs: opening a run, the first view of its page, dragging and zooming.

The page is measured in a headless browser, drawn by the processor; without Debian's ``chromium``
these rows are left out.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Row
from cagewatch import runs
from cagewatch.detectors import Detector
from cagewatch.explore import Explorer, save_page
from cagewatch.metrics import compute_metrics
from cagewatch.params import resolve

FRAMES = 1_080_000  # 10 hours at 30 frames a second
FIRST_VIEW_MS, FRAME_MS = 2000.0, 50.0
# Milliseconds between repaints while a canvas is zoomed from the whole to a second and back.
ZOOM = """async () => {
  const line = document.querySelector("[data-out=timeline]"), box = line.getBoundingClientRect();
  const times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 120; i++) {
    line.dispatchEvent(new WheelEvent("wheel", {deltaY: i < 60 ? -1 : 1, cancelable: true,
      clientX: box.left + box.width / 2, clientY: box.top + 60}));
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last); last = now;
  }
  return times;
}"""
DRAG = """async () => {
  const slider = document.querySelector("[data-in=slider]"), times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 40; i++) {
    slider.value = 300 + 10 * i; slider.dispatchEvent(new Event("input"));
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last); last = now;
  }
  return times;
}"""


def write_known_run(folder: Path, n_frames: int = FRAMES) -> Path:
    """A finished run of two recordings with 80 bouts and smooth random scores."""
    generator = np.random.default_rng(0)
    half = n_frames // 2
    anomalous = np.zeros(n_frames, bool)
    for start in generator.integers(0, n_frames - 300, 80):
        anomalous[start : start + generator.integers(10, 300)] = True
    score = np.convolve(generator.gamma(4, 1, n_frames) + 2 * anomalous, np.ones(8) / 8, "same")
    frames = pd.DataFrame(
        {
            "recording": np.repeat(["r0", "r1"], half),
            "frame": np.tile(np.arange(half), 2),
            "time_s": np.tile(np.arange(half), 2) / 30,
            "label": np.where(anomalous, "hang", "walk"),
            "anomalous": pd.array(anomalous, dtype="boolean"),
            "score_image": score,
            "score_flow": score,
            "score": score,
        }
    )
    given = {"dataset": "mit", "target": "hang", "model": "frame_index"}
    parameters = resolve(given | {"results_dir": str(folder)})
    run = runs.start_run(parameters)
    detector = Detector(parameters, {"learnt": np.zeros(0), "reference_score": score[:1000]})
    runs.finish_run(run, detector, frames, compute_metrics(frames, parameters), {}, {})
    return run.folder


def measure_page(page: Path) -> tuple[float, float, float]:
    """Milliseconds from opening the page to its first view, and of a zoom's and a drag's frame.

    The last two are 95th percentiles.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        began = time.perf_counter()
        tab.goto(page.as_uri())
        tab.locator("[data-n=alarms]").wait_for()
        tab.evaluate("() => new Promise(requestAnimationFrame)")
        first = 1000 * (time.perf_counter() - began)
        zoom, drag = (float(np.quantile(tab.evaluate(script), 0.95)) for script in (ZOOM, DRAG))
        browser.close()
    return first, zoom, drag


def measure(folder: Path) -> list[Row]:
    """Milliseconds of the kernel to open a run, and of the page to show, zoom and drag it."""
    with tempfile.TemporaryDirectory(dir=folder) as results:
        run = write_known_run(Path(results))
        explorer = Explorer(results)
        began = time.perf_counter()
        explorer.hear({"kind": "open"})
        found = [("open a run in the kernel", 1000 * (time.perf_counter() - began), None)]
        if shutil.which("chromium"):
            page = save_page(run, Path(results) / "page.html", pictures=0)
            first, zoom, drag = measure_page(page)
            found += [
                ("first view of the saved page", first, FIRST_VIEW_MS),
                ("a frame of zooming, 95th percentile", zoom, FRAME_MS),
                ("a frame of dragging the threshold, 95th percentile", drag, None),
            ]
    return [
        {"name": f"explorer, {FRAMES:,} frames: {name}", "ours": value, "reference": limit,
         "ratio": limit and value / limit, "goal": "<= 1" if limit else "", "unit": "ms"}
        for name, value, limit in found
    ]  # fmt: skip
