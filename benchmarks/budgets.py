"""False alarms asked for and got on video never seen: ``python -m benchmarks.budgets``.

A simulated cage is filmed again and again. A detector is fitted on some of the recordings, `hang`
left out, as ``cagewatch train`` does. Of those held out, one half chooses the level for a budget
and the other half is watched at it, and then the other way round: which alarms share no frame with
a bout of `hang`, and which of its bouts are caught.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.material import film_cage
from cagewatch import cages
from cagewatch.cages.alarms import tabulate_alarms
from cagewatch.cages.results import judge_alarms
from cagewatch.cages.scoring import Result
from cagewatch.metrics.budgets import poisson_interval

BUDGETS = (1.0, 2.0, 6.0, 20.0, 60.0)  # false alarms an hour
DETECTORS = ("pca_frames", "flow_magnitude", "speed", "recommended")
TARGET = "hang"
FRAMES = 18000  # a recording, ten minutes
TRAINED = 3  # recordings


def count_alarms(folder: Path, seed: int, detector: str, count: int) -> pd.DataFrame:
    """Alarms of one cage and detector: one row a budget and half of the recordings held out.

    Parameters
    ----------
    folder : Path
        Where videos and cages are kept.
    seed : int
        Of the cage.
    detector : str
    count : int
        Recordings; the first TRAINED are trained on.

    Returns
    -------
    DataFrame
        With detector, asked (an hour), false (alarms), hours (of normal video), caught and bouts.
    """
    videos = film_cage(folder / f"cage{seed}", seed, count, FRAMES, labels=True)
    into = folder / "made" / str(seed)
    run = into / "folder" / TARGET / detector / "seed-0"
    if not (run / "provenance.json").is_file():
        held_out = [video.stem for video in videos[TRAINED:]]
        cages.fit(videos, detector, into=into, held_out=held_out, target=TARGET, cores=1)
    cage = cages.open_cage(run)
    frames = cage.run.frames
    names = list(frames["recording"].unique())
    halves = [frames[frames["recording"].isin(names[part::2])] for part in (0, 1)]
    rows = []
    for known, unseen in (halves, halves[::-1]):
        chooses = replace(cage, run=cage.run._replace(frames=known))
        hours = (~unseen["anomalous"].astype(bool)).sum() / cage.fps / 3600
        for budget in BUDGETS:
            level = cages.decide_level(chooses, budget=budget)
            found = [
                judge_alarms(Result(Path(name), own, tabulate_alarms(own, level)))
                for name, own in unseen.groupby("recording")
            ]
            row = {"detector": detector, "asked": budget, "hours": hours}
            row["false"] = sum(one.false_alarms for one in found)
            row["caught"] = sum(one.bouts_caught for one in found)
            rows.append(row | {"bouts": sum(one.n_bouts for one in found)})
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table of docs/your_cage.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budgets", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for videos and cages")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12])
    parser.add_argument("--recordings", type=int, default=19, help="of each cage")
    parser.add_argument("--detectors", nargs="+", default=DETECTORS)
    given = parser.parse_args()
    parts = [
        count_alarms(given.folder, seed, detector, given.recordings)
        for detector in given.detectors
        for seed in given.seeds
    ]
    table = pd.concat(parts).groupby(["detector", "asked"], sort=False).sum().reset_index()
    table["got"] = table["false"] / table["hours"]
    for row in table.itertuples():
        table.loc[row.Index, ["low", "high"]] = poisson_interval(int(row.false), row.hours)
    table["recall"] = table["caught"] / table["bouts"]
    print(table.to_markdown(index=False, floatfmt=".3g"))


if __name__ == "__main__":
    main()
