"""The whole study over and over with rising data: what it uses must return to where it was."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import yaml
from batch_checkout import ROOT, copy_checkout, environment

# In a process of its own, since the highest peak of all that a process waited for never falls.
MEASURED = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
open(sys.argv[1], "w").write(json.dumps({"code": code, "peak_mb": round(peak / 1024)}))
"""


def soak(
    folder: Path, rounds: int, frames: int, options: list[str], first: int = 1
) -> Iterator[dict]:
    """Run ``make study`` `rounds` times, from half to all of `frames`; yields what is left.

    Each round simulates longer recordings, so that nothing of the round before can be used again.

    Parameters
    ----------
    frames : per simulated recording in the last round.
    first : round to begin with, for one that was stopped.
    options : of `cagewatch.study`, for instance ``["--scale", "quick"]``.
    """
    names = [path.stem for path in (ROOT / "notebooks").glob("*.py")]
    root = copy_checkout(folder / "checkout", names)
    scratch = folder / "tmp"
    scratch.mkdir()
    before = None
    for number in range(first, rounds + 1):
        length = frames * (rounds + number) // (2 * rounds)  # half holds the rarer behaviours too
        # So many clips hold the target too, without which the classifier refuses to train.
        own = {"simulate_frames": length, "max_train_clips": 128}
        (root / "own.yaml").write_text(yaml.safe_dump(own))
        command = [sys.executable, "-c", MEASURED, str(folder / "peak.json"), sys.executable]
        command += ["-m", "cagewatch.study", "--params", "own.yaml", *options]
        started = time.time()
        with open(folder / "log", "w") as log:
            variables = environment(root) | {"TMPDIR": str(scratch)}
            subprocess.run(command, cwd=root, env=variables, stdout=log, stderr=log, check=True)
        found = json.loads((folder / "peak.json").read_text())
        assert found["code"] == 0, (folder / "log").read_text()[-3000:]
        left = what_is_left(root, scratch)
        before = before or left
        yield {
            "frames": length,
            "minutes": round((time.time() - started) / 60, 2),
            "peak_mb": found["peak_mb"],
            **left,
        }
        for name in ("processes", "shared_memory", "temporary", "partial"):
            assert left[name] == before[name], (name, left[name])


def what_is_left(root: Path, scratch: Path) -> dict[str, int]:
    """Traces of a study after its end, and what the whole machine holds open."""
    kinds = (".partial*", "*.unfinished.ipynb", "*.lock", "checkpoint")
    shared = Path("/dev/shm")
    with open("/proc/sys/fs/file-nr") as counts:
        handles = int(counts.read().split()[0])
    return {
        "processes": sum(inside(process, root) for process in psutil.process_iter(["cwd"])),
        "shared_memory": len(os.listdir(shared)) if shared.is_dir() else 0,
        "temporary": len(os.listdir(scratch)),
        "partial": sum(len(list((root / "results").rglob(kind))) for kind in kinds),
        "machine_handles": handles,
        "machine_available_mb": psutil.virtual_memory().available >> 20,
    }


def inside(process: psutil.Process, root: Path) -> bool:
    return str(process.info["cwd"] or "").startswith(str(root))


def main() -> int:
    """``python -m faults.soak [--first n] <rounds> <frames> [options of cagewatch.study]``."""
    parser = argparse.ArgumentParser(prog="python -m faults.soak", description=main.__doc__)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("rounds", type=int)
    parser.add_argument("frames", type=int)
    given, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="cagewatch-soak-") as folder:
        for row in soak(Path(folder), given.rounds, given.frames, options, given.first):
            print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
