"""A watch that is killed and started again: ``python -m benchmarks.watch_restarts``.

A writer copies small simulated videos slowly, piece by piece, into a folder, while ``cagewatch
watch`` on it is killed at odd moments. At the end every video must be scored, none twice: what is
counted are the finished scorings, as they appear in ``scored.json``, and the news that a command
was told.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from cagewatch.cages import TrainParameters, plan_training, train_cage
from cagewatch.simulate import recording_bouts, render_frames
from cagewatch.simulate.writer import write_video

FRAMES = 180  # of a video
PIECES = 4
PATTERN = "{cage}_{animal}_{date}_{time}"


def write_videos(folder: Path, count: int) -> list[Path]:
    """Small simulated videos, all of one scene."""
    paths = []
    for number in range(count):
        scene = "simulated_day_01"
        bouts = recording_bouts(f"simulated_day_{number:02d}", 1, FRAMES)
        paths.append(folder / f"simulated_m{number:02d}_20240501_{number % 24:02d}0000.mpg")
        write_video(paths[-1], render_frames(scene, 1, bouts))
    return paths


def copy_slowly(paths: list[Path], into: Path, pause: float) -> None:
    """Copy files one after the other, in pieces with a pause after each."""
    for path in paths:
        data = path.read_bytes()
        size = -(-len(data) // PIECES)
        with open(into / path.name, "wb", buffering=0) as file:
            for start in range(0, len(data), size):
                file.write(data[start : start + size])
                time.sleep(pause)


class Counted:
    """Counts the times at which each recording's ``scored.json`` appeared anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seen, self.over = folder, {}, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.over.wait(0.02):
            for path in self.folder.glob("*/scored.json"):
                try:
                    self.seen.setdefault(path.parent.name, set()).add(path.stat().st_mtime_ns)
                except OSError:
                    continue


def main() -> None:
    """Train, copy, kill and count; exit status 1 if something was missed or done twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=30)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--pause", type=float, default=0.6, help="seconds after each piece")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        paths = write_videos(root / "made", given.videos)
        asked = {"videos": [str(path) for path in paths[:12]], "into": str(root / "cage")}
        asked["pattern"] = PATTERN
        train_cage(plan_training(TrainParameters(**asked, frame_stride=1, cores=1)))
        (root / "in").mkdir()
        counted = Counted(root / "cage" / "scored")
        writer = threading.Thread(
            target=copy_slowly, args=(paths, root / "in", given.pause), daemon=True
        )
        words = [sys.executable, "-m", "cagewatch.cli", "watch", root / "cage", root / "in"]
        words += ["--rest", "1.5", "--cores", "1", "--pattern", PATTERN]
        began = time.perf_counter()
        writer.start()
        with open(root / "log", "w") as log:
            for _ in range(given.kills):
                process = subprocess.Popen([*map(str, words)], stdout=log, stderr=log)
                time.sleep(float(rng.uniform(8, 14)))
                process.kill()
                process.wait()
            process = subprocess.Popen([*map(str, words)], stdout=log, stderr=log)
            limit = time.monotonic() + 240
            while time.monotonic() < limit and (
                writer.is_alive() or len(counted.seen) < len(paths)
            ):
                time.sleep(0.5)
            time.sleep(5)
            process.kill()
            process.wait()
        counted.over.set()
        counted.thread.join()
        twice = [name for name, times in counted.seen.items() if len(times) > 1]
        result = {"videos": len(paths), "kills": given.kills, "scored": len(counted.seen)}
        result |= {"twice": len(twice), "seconds": round(time.perf_counter() - began)}
        result["report"] = (root / "cage" / "report" / "report.html").is_file()
        print(json.dumps(result))
        if twice or len(counted.seen) != len(paths) or not result["report"]:
            print((root / "log").read_text()[-3000:])
            sys.exit(1)


if __name__ == "__main__":
    main()
