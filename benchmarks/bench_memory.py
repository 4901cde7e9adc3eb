"""Peak memory and time against the length of a recording: 10 minutes and 2 hours, or more.

    python -m benchmarks.bench_memory 10

takes 10 hours instead of 2: half an hour of two cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from benchmarks.material import FRAMES, lengthen, simulate, train_run
from benchmarks.measure import Row, to_markdown
from cagewatch.runtime import available_cores

SHORT, AN_HOUR = 6, 36  # copies of 3000 frames at 29.97 frames/s: 10 minutes, an hour
KINDS = {
    "store": "preprocessing",
    "train": "training, an epoch of the single-stream CAE",
    "score": "scoring in one pass",
}

ONCE = """
import json, shutil, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from benchmarks.bench_memory import watch_memory
from cagewatch import runtime
kind, video, folder, cores = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
if kind == "store":
    from cagewatch.params import resolve
    from cagewatch.store import preprocessing_of
    from cagewatch.store.build import build_store
    shutil.rmtree(folder / "stores", ignore_errors=True)
    (folder / "stores").mkdir()
    settings = preprocessing_of(resolve({"dataset": "simulated"}))
    work = lambda: build_store("a", video, folder / "stores", settings, cores)
elif kind == "train":
    runtime.configure("tensorflow", cores); runtime.load_backend()
    from benchmarks.material import run_parameters
    from cagewatch.detectors import TrainingSet, fit_detector
    from cagewatch.recordings import Recording
    from cagewatch.store import open_store
    given = run_parameters(folder, "cae_image", scale="paper", max_epochs=1)
    shutil.rmtree(folder / "training", ignore_errors=True)
    (folder / "training").mkdir()
    stores = {"a": open_store(folder / "stores" / "a")}
    work = lambda: fit_detector(
        TrainingSet([Recording("a", video)], stores, given, folder / "training"))
else:
    runtime.configure("tensorflow", cores); runtime.load_backend()
    from benchmarks.material import train_run
    from cagewatch.detectors import Computing
    from cagewatch.runs import open_detector
    from cagewatch.scoring.source import score_source
    detector = open_detector(train_run(folder, max_epochs=2).folder, Computing(cores=cores))
    work = lambda: score_source(detector, video, progress=False)
began = time.perf_counter()
kib = watch_memory(work)
print(json.dumps({"seconds": time.perf_counter() - began, "kib": kib}))
"""


def watch_memory(work: Callable[[], object]) -> int:
    """Most memory of its own that this process holds during a work, KiB, read 20 times a second.

    Pages of mapped files, such as stores, are not counted: the system takes them back at will.
    """
    done, found = threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.05):
            lines = Path("/proc/self/status").read_text().splitlines()
            found.append(next(int(one.split()[1]) for one in lines if one.startswith("RssAnon:")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(found)


def measure_once(kind: str, video: Path, folder: Path, cores: int) -> dict[str, float]:
    """Seconds of one of `KINDS` of a video, and the process's peak memory in KiB."""
    command = [sys.executable, "-c", ONCE, kind, str(video), str(folder), str(cores)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(folder: Path, hours: float = 2) -> list[Row]:
    """Peak memory and seconds per frame of each kind of work, `hours` against 10 minutes."""
    source = simulate(folder)[0].source
    train_run(folder, max_epochs=2)
    cores, rows, long = min(2, available_cores()), [], round(hours * AN_HOUR)
    found = {
        (kind, copies): measure_once(
            kind, lengthen(source, folder / f"{copies}.mpg", copies), folder, cores
        )
        for copies in (SHORT, long)
        for kind in KINDS
    }
    for kind, words in KINDS.items():
        ours, reference = (found[kind, copies]["kib"] / 1024 for copies in (long, SHORT))
        rows.append({"name": f"{words}, peak memory: {hours:g} hours / 10 minutes", "ours": ours,
                     "reference": reference, "ratio": ours / reference, "goal": "<= 1.1",
                     "unit": "MiB"})  # fmt: skip
        ours, reference = (1e6 * found[kind, n]["seconds"] / (n * FRAMES) for n in (long, SHORT))
        rows.append({"name": f"{words}, time a frame: {hours:g} hours / 10 minutes", "ours": ours,
                     "reference": reference, "ratio": ours / reference, "goal": "about 1",
                     "unit": "us/frame"})  # fmt: skip
    for copies in (SHORT, long):
        (folder / f"{copies}.mpg").unlink()
    return rows


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(to_markdown(measure(Path(place), float(sys.argv[1]))))
