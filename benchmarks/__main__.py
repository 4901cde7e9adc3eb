"""Run the benchmarks: ``python -m benchmarks [name ...]`` prints one table and writes a json.

Each benchmark is a process of its own, so that none inherits another's threads or memory.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import to_markdown
from cagewatch import runtime
from cagewatch.files import write_json

BENCHMARKS = ("preprocess", "memory", "train", "batches", "torch", "score", "start", "explore")
OUTPUT = Path("build/bench.json")


def measure(name: str, folder: Path, output: Path) -> None:
    """One benchmark, in this process."""
    rows = importlib.import_module(f"benchmarks.bench_{name}").measure(folder)
    write_json(output, rows)


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--folder", type=Path, help="where to work; kept. Default: a temporary one")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    # Not by `choices`: argparse would hold the whole empty list against them.
    for name in given.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}: choose of {', '.join(BENCHMARKS)}")
    given.names = given.names or BENCHMARKS
    return given


def main() -> None:
    """All benchmarks asked for, each in a process of its own."""
    given = read_arguments()
    if given.inside:
        measure(given.names[0], given.folder, given.output)
        return
    about = {"processor": runtime.processor_name(), "cores": runtime.available_cores()}
    about |= {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version()}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.names:
            began, part = time.time(), Path(temporary) / f"{name}.json"
            command = [sys.executable, "-m", "benchmarks", name, "--inside"]
            command += ["--folder", str(folder), "--output", str(part)]
            subprocess.run(command, check=True, stdout=sys.stderr)
            rows += json.loads(part.read_text())
            write_json(given.output, {"machine": about, "rows": rows})
            print(f"{name}: {time.time() - began:.0f} s", file=sys.stderr)
    print(f"{about['processor']}, {about['cores']} cores, {about['date']}\n\n{to_markdown(rows)}")


if __name__ == "__main__":  # the stores' worker processes import this file too
    main()
