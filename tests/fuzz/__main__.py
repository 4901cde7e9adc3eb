"""``python -m fuzz {video,text,cage} <count>``: the mutation loop; exits 1 if there is a finding.

Findings (the mutated file and what happened) are kept in ``<out>/findings``, the counts in
``<out>/counts-<kind>.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

from fuzz.worker import SECONDS, list_seeds, spoil

BLOCK = 2000  # files per worker process
MOST_KEPT = 50


def run_loop(kind: str, count: int, base: int, out: Path, first: int = 0) -> dict:
    """Mutate and read `count` files; returns and writes the counts by seed and outcome."""
    out.mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, Counter] = {}
    findings: list[dict] = []
    silent: list[dict] = []
    started, slowest, number = time.time(), 0.0, first
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        while number < first + count:
            last = min(number + BLOCK, first + count)
            for record in _work(kind, Path(scratch), number, last, base):
                number = record["n"] + 1
                slowest = max(slowest, record.get("seconds", 0))
                outcomes.setdefault(record["seed"], Counter())[record["outcome"]] += 1
                if record["outcome"] == "other count":
                    silent.append(record)
                if record["outcome"] == "DEFECT":
                    findings.append(record)
                    if len(findings) <= MOST_KEPT:
                        _keep(kind, record, base, out, Path(scratch) / "again")
                if number % 200 == 0:
                    _write(out, kind, started, slowest, outcomes, findings, silent)
    return _write(out, kind, started, slowest, outcomes, findings, silent)


def _work(kind: str, scratch: Path, first: int, last: int, base: int):
    """Records of one worker process; the file that ends it early is its last record."""
    command = [sys.executable, "-m", "fuzz.worker", kind, str(scratch)]
    command += [str(first), str(last), str(base)]
    with open(scratch / "stderr", "w") as errors:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        worker = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
        begun, seen = None, False
        # Code that never returns to the interpreter does not see its alarm.
        watch = _Watch(worker)
        for line in worker.stdout:
            watch.feed()
            if not line.startswith('{"'):
                continue  # what the library prints
            record = json.loads(line)
            begun = record.get("begin")
            if "end" in record:
                seen = True
                yield record["end"]
        code = worker.wait()
        watch.stop()
    if begun is not None:
        why = "hang" if watch.fired else f"process died with {code}"
        yield {**begun, "outcome": "DEFECT", "why": why}
    elif (code or not seen) and not watch.fired:  # fired: it had no time to start, so once more
        raise RuntimeError(f"the worker failed: {(scratch / 'stderr').read_text()[-2000:]}")


class _Watch:
    """Kills a process that says nothing although it had three times the bound to compute."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process, self.fired, self.timer = process, False, None
        self.feed()

    def feed(self) -> None:
        self.stop()
        self.since = time.monotonic()
        self.spent = _seconds_of(self.process.pid)
        self._wait()

    def stop(self) -> None:
        if self.timer:
            self.timer.cancel()

    def _wait(self) -> None:
        self.timer = threading.Timer(SECONDS * 3, self._check)
        self.timer.daemon = True
        self.timer.start()

    def _check(self) -> None:
        # On a busy machine a process may have had no time at all; one that sleeps is stuck.
        starved = _seconds_of(self.process.pid) - self.spent < SECONDS * 2
        if starved and time.monotonic() - self.since < SECONDS * 60:
            self._wait()
        else:
            self.fired = True
            self.process.kill()


def _seconds_of(pid: int) -> float:
    """Processor time of a process."""
    try:
        used = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return used.user + used.system


def _keep(kind: str, record: dict, base: int, out: Path, scratch: Path) -> None:
    seeds = list_seeds(kind, scratch / "seeds")
    _, _, path = spoil(seeds, record["n"], base, scratch / "mutated")
    kept = out / "findings" / f"{kind}-{base}-{record['n']}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(scratch / "mutated", kept)
    (kept / "finding.json").write_text(json.dumps(record, indent=2))


def _write(out, kind, started, slowest, outcomes, findings, silent) -> dict:
    total: Counter = sum(outcomes.values(), Counter())
    counts = {
        "files": sum(total.values()),
        "outcomes": dict(sorted(total.items())),
        "slowest_s": slowest,
        "minutes": round((time.time() - started) / 60, 1),
        "by_seed": {seed: dict(sorted(c.items())) for seed, c in sorted(outcomes.items())},
        "findings": findings,
        "other_counts": silent,
    }
    (out / f"counts-{kind}.json").write_text(json.dumps(counts, indent=1))
    return counts


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("kind", choices=("video", "text", "cage"))
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="start at this file's number")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "cagewatch-fuzz")
    given = parser.parse_args()
    counts = run_loop(given.kind, given.count, given.seed, given.out, given.first)
    print(
        json.dumps(
            {key: value for key, value in counts.items() if key not in ("by_seed", "other_counts")},
            indent=1,
        )
    )
    return 1 if counts["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
