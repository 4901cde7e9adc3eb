"""Timing in turn, and the one form that every row of the table has."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

RUNS = 5
Row = dict[str, Any]


def interleave(
    works: Mapping[str, Callable[[], object]], runs: int = RUNS
) -> dict[str, list[float]]:
    """Seconds of each work by name, `runs` times in turn after one run that does not count.

    In turn, so that whatever else the machine does meets all of them alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(runs + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def rates(seconds: list[float], amount: float) -> list[float]:
    """Amounts per second."""
    return [amount / value for value in seconds]


def compare(name: str, ours: list[float], reference: list[float], unit: str, goal: str = "") -> Row:
    """A row: medians of both, and the median of the ratios run by run."""
    ratios = [a / b for a, b in zip(ours, reference, strict=True)]
    return {
        "name": name,
        "ours": statistics.median(ours),
        "reference": statistics.median(reference),
        "ratio": statistics.median(ratios),
        "goal": goal,
        "unit": unit,
    }


def to_markdown(rows: list[Row]) -> str:
    """The rows as one markdown table."""
    lines = ["| what / against what | ours | reference | ratio | goal | unit |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        numbers = [
            "" if row[key] is None else f"{row[key]:.4g}" for key in ("ours", "reference", "ratio")
        ]
        lines.append(f"| {row['name']} | {' | '.join(numbers)} | {row['goal']} | {row['unit']} |")
    return "\n".join(lines)
