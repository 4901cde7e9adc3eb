"""``python -m faults {stores,figures,review,experiments} <kills>``: the long loops.

Exits 1 on a finding. Progress and counts go to ``<out>/<loop>.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from faults import kills

LOOPS = {
    "stores": kills.kill_stores,
    "figures": kills.kill_figures,
    "review": kills.kill_review,
    "experiments": kills.kill_experiments,
}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path(tempfile.gettempdir()) / "cagewatch-faults"
    )
    given = parser.parse_args()
    folder = given.out / given.loop
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started, finding, rounds = time.time(), None, 0
    counts: Counter = Counter()
    try:
        for record in LOOPS[given.loop](folder, given.kills, given.seed):
            rounds += 1
            counts["killed"] += record["killed"]
            counts.update(record.get("stages", {}))
            _write(given, started, rounds, counts, finding)
    except AssertionError:
        finding = traceback.format_exc()
        print(finding, file=sys.stderr)
    _write(given, started, rounds, counts, finding)
    if not finding:
        shutil.rmtree(folder)
    return 1 if finding else 0


def _write(given, started: float, rounds: int, counts: Counter, finding: str | None) -> None:
    about = {"kills": counts.pop("killed", 0), "in stage": dict(counts), "reruns": rounds}
    counts["killed"] = about["kills"]
    about |= {"minutes": round((time.time() - started) / 60, 1), "finding": finding}
    (given.out / f"{given.loop}.json").write_text(json.dumps(about, indent=1))
    print(json.dumps(about), flush=True)


if __name__ == "__main__":
    sys.exit(main())
