"""Run every benchmark: ``python -m benchmarks [table.json]`` prints one table, and writes it."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from benchmarks import bench_explore, bench_preprocess
from cagewatch.files import write_json

if __name__ == "__main__":  # the stores' worker processes import this file too
    rows = [row for bench in (bench_preprocess, bench_explore) for row in bench.measure()]
    print(pd.DataFrame(rows).fillna("").to_string(index=False))
    if sys.argv[1:]:
        write_json(Path(sys.argv[1]), rows)
