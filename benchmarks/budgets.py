"""False alarms asked for and got on normal video never seen: ``python -m benchmarks.budgets``.

A simulated cage is filmed again and again. A detector is fitted on some of the recordings and its
level is chosen for a budget on others, as ``cagewatch train`` does; then alarms are counted
on the rest, by those of ``cagewatch score``. All of it is normal, so that each alarm is false.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.material import film_cage
from cagewatch import cages
from cagewatch.cages.alarms import tabulate_alarms
from cagewatch.metrics.budgets import poisson_interval

BUDGETS = (1.0, 2.0, 6.0, 20.0)  # false alarms an hour
FRAMES = 18000  # a recording, ten minutes


def count_alarms(folder: Path, seed: int, detector: str, parts: Sequence[int]) -> pd.DataFrame:
    """False alarms of one cage and detector: one row a budget with asked, count and hours.

    Parameters
    ----------
    folder : Path
        Where videos, cages and scores are kept.
    seed : int
        Of the cage.
    detector : str
    parts : sequence of int
        Recordings to train on, to choose the level on, and to count alarms on.
    """
    videos = film_cage(folder / f"cage{seed}", seed, sum(parts), FRAMES)
    train, level, unseen = parts
    into = folder / "made" / f"{seed}-{level}-{unseen}-{detector}"
    if not (into / "cage.yaml").is_file():
        held_out = [video.stem for video in videos[train : train + level]]
        cages.fit(videos[: train + level], detector, into=into, held_out=held_out, cores=1)
    cage = cages.open_cage(into)
    scores = []
    for video in videos[train + level :]:
        kept = into / f"{video.stem}.csv.gz"
        if not kept.is_file():
            cages.score(cage, video).to_csv(kept, index=False)
        scores.append(pd.read_csv(kept))
    hours = sum(len(frames) for frames in scores) / cage.fps / 3600
    rows = []
    for budget in BUDGETS:
        chosen = cages.decide_level(cage, budget=budget)
        count = sum(len(tabulate_alarms(frames, chosen)) for frames in scores)
        rows.append({"detector": detector, "asked": budget, "count": count, "hours": hours})
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table of docs/your_cage.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budgets", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for videos and cages")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12])
    parser.add_argument("--parts", type=int, nargs=3, default=[3, 8, 8])
    parser.add_argument("--detectors", nargs="+", default=["pca_frames", "flow_magnitude"])
    given = parser.parse_args()
    parts = [
        count_alarms(given.folder, seed, detector, given.parts)
        for detector in given.detectors
        for seed in given.seeds
    ]
    both = pd.concat(parts)
    print(both.to_markdown(index=False, floatfmt=".3g"), end="\n\n")
    table = both.groupby(["detector", "asked"], as_index=False)[["count", "hours"]].sum()
    table["got"] = table["count"] / table["hours"]
    for row in table.itertuples():
        table.loc[row.Index, ["low", "high"]] = poisson_interval(row.count, row.hours)
    print(table.to_markdown(index=False, floatfmt=".3g"))


if __name__ == "__main__":
    main()
