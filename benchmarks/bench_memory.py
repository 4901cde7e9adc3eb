"""Peak memory and time against the length of a recording: 10 minutes and 2 hours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.material import FRAMES, lengthen, simulate, train_run
from benchmarks.measure import Row
from cagewatch.runtime import available_cores

SHORT, LONG = 6, 72  # copies of 3000 frames at 29.97 frames/s: 10 minutes and 2 hours

ONCE = """
import json, shutil, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
kind, video, folder, cores = sys.argv[1:4] + [int(sys.argv[4])]
from cagewatch import runtime
if kind == "store":
    from cagewatch.store import build_store
    from cagewatch.params import resolve
    from cagewatch.store.preprocess import preprocessing_of
    settings = preprocessing_of(resolve({"dataset": "simulated"}))
    shutil.rmtree(Path(folder) / "stores", ignore_errors=True)
    (Path(folder) / "stores").mkdir()
    began = time.perf_counter()
    build_store("a", Path(video), Path(folder) / "stores", settings, cores)
else:
    runtime.configure("tensorflow", cores); runtime.load_backend()
    from benchmarks.material import train_run
    from cagewatch.scoring.source import score_source
    run = train_run(Path(folder), max_epochs=2)
    began = time.perf_counter()
    from cagewatch.detectors import Computing
    from cagewatch.runs import open_detector
    detector = open_detector(run.folder, Computing(cores=cores))
    score_source(detector, Path(video), progress=False)
seconds = time.perf_counter() - began
from benchmarks.bench_memory import peak_memory
print(json.dumps({"seconds": seconds, "kib": peak_memory()}))
"""


def peak_memory() -> int:
    """Most memory this process has held, KiB.

    Linux counts a parent's peak among what getrusage says of its child, but not here.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # bytes on macOS


def measure_once(kind: str, video: Path, folder: Path, cores: int) -> dict[str, float]:
    """Seconds of one 'store' or 'score' of a video, and the process's peak memory in KiB."""
    command = [sys.executable, "-c", ONCE, kind, str(video), str(folder), str(cores)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(folder: Path) -> list[Row]:
    """Peak memory and seconds per frame, 2 hours against 10 minutes, stores and scores."""
    source = simulate(folder)[0].source
    train_run(folder, max_epochs=2)
    cores, rows = min(2, available_cores()), []
    found = {
        (kind, copies): measure_once(
            kind, lengthen(source, folder / f"{copies}.mpg", copies), folder, cores
        )
        for copies in (SHORT, LONG)
        for kind in ("store", "score")
    }
    for kind, words in (("store", "preprocessing"), ("score", "scoring in one pass")):
        long, short = found[kind, LONG], found[kind, SHORT]
        ratio = long["kib"] / short["kib"]
        rows.append({"name": f"{words}, peak memory: 2 hours / 10 minutes",
                     "ours": long["kib"] / 1024, "reference": short["kib"] / 1024,
                     "ratio": ratio, "goal": "<= 1.1", "unit": "MiB"})  # fmt: skip
        ours, reference = (1e6 * found[kind, n]["seconds"] / (n * FRAMES) for n in (LONG, SHORT))
        rows.append({"name": f"{words}, time a frame: 2 hours / 10 minutes", "ours": ours,
                     "reference": reference, "ratio": ours / reference, "goal": "about 1",
                     "unit": "us/frame"})  # fmt: skip
    for copies in (SHORT, LONG):
        (folder / f"{copies}.mpg").unlink()
    return rows
