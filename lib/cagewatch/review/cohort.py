"""A simulated cohort: two groups of animals, one of which hangs from the lid more often.

The mice do what the simulator's do, but are livelier (no bout is longer than LONGEST), hang more
and differ from each other, so that 24 minutes of each can show a difference between two groups of
six. The day before the first they do not hang: the detector is trained on that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from cagewatch import runtime
from cagewatch.cages import (
    TrainParameters,
    open_cage,
    plan_scoring,
    plan_training,
    score_all,
    train_cage,
)
from cagewatch.cages.cage import CAGE_FILE
from cagewatch.cages.results import write_table
from cagewatch.cages.scoring import ScoreParameters
from cagewatch.cages.table import RECORDINGS_FILE, read_recordings_table
from cagewatch.errors import InputError
from cagewatch.review.report import write_report
from cagewatch.runtime import available_cores, start_worker
from cagewatch.simulate import BEHAVIOURS, FITTED, Bout, draw_bouts, render_frames
from cagewatch.simulate.ethogram import Ethogram
from cagewatch.simulate.writer import RATE, write_video

CAGE = "two_groups"  # folder of the demo's cage, by which its report is named
GROUPS = ("control", "hanging")
ANIMALS, DAYS, HOURS = 6, 3, (9, 21)  # of a group; days recorded; when a recording starts
MINUTES = 4.0
FIRST_DAY = datetime(2024, 5, 1)
LONGEST = 250  # frames of a bout
OFTEN = 8.0  # times as often as in the real ethogram the control group turns to hanging
MORE = 2.0  # times as many turns to hanging in the other group, which makes 1.5 times the hangs
SPREAD = 0.1  # SD between animals, of the logarithm of how often they turn to hanging
HANG = BEHAVIOURS.index("hang")


class Filmed(NamedTuple):
    """One recording of the cohort: its name, animal (from 0), group ('' the day before), start."""

    name: str
    animal: int
    group: str
    start: datetime


def list_cohort(animals: int = ANIMALS, days: int = DAYS) -> list[Filmed]:
    """List the recordings of a cohort, those of the day before first."""
    found = []
    for day in range(-1, days):
        for animal in range(2 * animals):
            for hour in HOURS if day >= 0 else HOURS[:1]:
                start = FIRST_DAY + timedelta(days=day, hours=hour)
                name = f"simulated_m{animal + 1:02d}_{start:%Y%m%d_%H%M%S}"
                found.append(Filmed(name, animal, GROUPS[animal // animals] * (day >= 0), start))
    return found


def hang_more(times: float) -> Ethogram:
    """The real mouse's ethogram without long bouts, and `times` as many transitions to hanging."""
    transitions = FITTED.transitions.astype(float)
    transitions[:, HANG] *= times
    transitions[HANG] *= max(times, 1e-9)  # by which a recording begins; a row needs some way out
    return replace(FITTED, transitions=transitions, longest=LONGEST)


def draw_cohort(
    seed: int, more: float = MORE, animals: int = ANIMALS, days: int = DAYS, n_frames: int = 0
) -> Iterator[tuple[Filmed, list[Bout]]]:
    """Draw the bouts of all recordings of a cohort, `n_frames` long (0: `MINUTES`).

    The second group turns `more` times as often to hanging; 1 makes the groups alike.
    """
    rng = np.random.default_rng(seed)
    own = np.exp(rng.normal(0, SPREAD, 2 * animals))
    for filmed in list_cohort(animals, days):
        often = OFTEN * own[filmed.animal] * (more if filmed.group == GROUPS[1] else 1)
        ethogram = hang_more(often if filmed.group else 0.0)
        yield filmed, draw_bouts(rng, n_frames or round(MINUTES * 60 * RATE), ethogram=ethogram)


def tabulate_hangs(cohort: Iterator[tuple[Filmed, list[Bout]]]) -> pd.DataFrame:
    """True hangs of each animal: animal, group, hours, hangs, and hanging (share of the time)."""
    rows = []
    for filmed, bouts in cohort:
        hangs = [bout.stop - bout.start for bout in bouts if bout.behaviour == "hang"]
        hours = bouts[-1].stop / float(RATE) / 3600
        rows.append([filmed.animal, filmed.group, hours, len(hangs), sum(hangs), bouts[-1].stop])
    table = pd.DataFrame(rows, columns="animal group hours hangs hanging frames".split())
    table = table[table["group"] != ""].groupby(["animal", "group"], as_index=False).sum()
    return table.assign(hanging=table["hanging"] / table["frames"]).drop(columns="frames")


def write_cohort(folder: Path, seed: int, cores: int = 0, **size: int) -> pd.DataFrame:
    """Render a cohort's videos that are not there yet; `baseline` and `days` in `folder`.

    `size` is that of `draw_cohort`: animals, days, n_frames. Recording, animal, group and
    start_time of each come back, also written as ``cohort.csv``.
    """
    cohort = list(draw_cohort(seed, **size))
    jobs = []
    for filmed, bouts in cohort:
        path = folder / ("days" if filmed.group else "baseline") / f"{filmed.name}.mpg"
        if not path.is_file():
            jobs.append((path, f"simulated_day_{filmed.animal + 1:02d}", seed, bouts))
    cores = min(cores or available_cores(), max(len(jobs), 1))
    with ProcessPoolExecutor(cores, get_context("spawn"), start_worker) as pool:
        list(tqdm(pool.map(_film, jobs), total=len(jobs), desc="simulating", unit="recording"))
    table = pd.DataFrame([filmed for filmed, _ in cohort], columns=list(Filmed._fields))
    table["animal"] = [f"m{animal + 1:02d}" for animal in table["animal"]]
    table["start"] = table["start"].map("{:%Y-%m-%d %H:%M:%S}".format)
    table = table.rename(columns={"name": "recording", "start": "start_time"})
    write_table(table, folder / "cohort.csv")
    return table


def run_demo(
    folder: Path,
    seed: int = 0,
    cores: int = 0,
    animals: int = ANIMALS,
    days: int = DAYS,
    minutes: float = MINUTES,
) -> tuple[Path, dict[str, float]]:
    """Simulate a cohort, train on the day before, score the days and write the report.

    The report's folder also has ``truth.csv``, the hangs that were simulated, by animal. The
    seconds are those that each step took; what was done by an earlier call is not done again.
    """
    folder = folder.expanduser().absolute()
    size = {"animals": animals, "days": days, "n_frames": round(minutes * 60 * RATE)}
    runtime.configure("tensorflow", cores)
    seconds, began = {}, time.perf_counter()

    def note(step: str) -> None:
        nonlocal began
        now = time.perf_counter()
        seconds[step], began = now - began, now

    table = write_cohort(folder / "videos", seed, cores, **size)
    note("simulated")
    cage = folder / CAGE
    asked = {"videos": [str(folder / "videos" / "baseline")], "into": str(cage), "seed": seed}
    if not (cage / CAGE_FILE).is_file():
        train_cage(plan_training(TrainParameters(**asked, cores=cores)))
    note("trained")
    asked = {"recording": [str(folder / "videos" / "days")], "cage": str(cage), "cores": cores}
    work = plan_scoring(ScoreParameters(**asked))
    outcome = score_all(work, per_job=len(work.sources))
    if outcome.failed:
        raise InputError("; ".join(f"{name}: {why}" for name, why in outcome.failed.items()))
    known = read_recordings_table(cage)[["recording", "file"]]
    write_table(known.merge(table, on="recording"), cage / RECORDINGS_FILE)
    note("scored")
    report = write_report(open_cage(cage))
    write_table(tabulate_hangs(draw_cohort(seed, **size)), report.with_name("truth.csv"))
    note("reported")
    return report, seconds


def _film(job: tuple[Path, str, int, list[Bout]]) -> None:
    """Render one recording: the cage and the mouse are those of the animal."""
    path, scene, seed, bouts = job
    write_video(path, render_frames(scene, seed, bouts))
