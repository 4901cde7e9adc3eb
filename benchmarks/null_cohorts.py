"""How often groups that do not differ are found to: ``python -m benchmarks.null_cohorts``.

Cohorts are drawn from the simulator's ethogram alone, nothing is rendered: what is compared is how
often each animal truly hangs, and for how much of the time. Groups that are alike should differ at
5 % in one of twenty cohorts; in the others one group turns to hanging more often, as in
``cagewatch demo-cohort``.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from cagewatch.review.cohort import MORE, draw_cohort, tabulate_hangs
from cagewatch.review.groups import compare_groups

LEVEL = 0.05


def count_found(cohorts: int, more: float, first_seed: int = 0) -> dict[str, float]:
    """Share of cohorts whose groups differ at `LEVEL`, and what the intervals cover."""
    found, effects, lower, upper = {"hangs": [], "hanging": []}, [], [], []
    for seed in range(first_seed, first_seed + cohorts):
        animals = tabulate_hangs(draw_cohort(seed, more))
        animals["hangs"] = animals["hangs"] / animals["hours"]
        for measure, below in found.items():
            (one,) = compare_groups(animals, measure)
            below.append(one.p < LEVEL)
            if measure == "hangs":
                effects.append(one.difference / one.mean_first)
                lower.append(one.low)
                upper.append(one.high)
    return {
        "cohorts": cohorts,
        "more": more,
        "differ_in_hangs": int(np.sum(found["hangs"])),
        "differ_in_share": int(np.sum(found["hanging"])),
        "hangs_more": float(np.mean(effects)),
        "intervals_with_zero": int(np.sum((np.array(lower) <= 0) & (np.array(upper) >= 0))),
    }


def main() -> None:
    """Count both ways and print the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--powered", type=int, default=50, help="cohorts that do differ")
    parser.add_argument("--seed", type=int, default=0, help="of the first cohort")
    given = parser.parse_args()
    print(json.dumps(count_found(given.cohorts, 1.0, given.seed)), flush=True)
    if given.powered:
        print(json.dumps(count_found(given.powered, MORE)))


if __name__ == "__main__":
    main()
