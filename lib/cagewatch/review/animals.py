"""Whose alarms, and when: recordings and alarms by animal and day, as rates with intervals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

from cagewatch.cages.cage import Cage
from cagewatch.cages.table import RECORDINGS_FILE, read_recordings_table
from cagewatch.errors import InputError
from cagewatch.metrics import AlarmShape
from cagewatch.review.believed import list_believed, list_left_out
from cagewatch.review.decisions import list_alarms

CLOCK_SLACK_S = 2.0  # file names carry whole seconds


class Observed(NamedTuple):
    """What was scored in a cage.

    Attributes
    ----------
    recordings : recording, file, animal, group ('' without one), start (datetime), hours (scored).
    alarms : of `list_alarms`, with animal, group and at (datetime) added, highest score first.
    left_out : recordings whose alarms are not to be believed, and why.
    levels : thresholds and shapes that alarms had; with several, recordings cannot be compared.
    """

    recordings: pd.DataFrame
    alarms: pd.DataFrame
    left_out: dict[str, str]
    levels: list[tuple[float, AlarmShape]]


def gather_observed(cage: Cage, without_rejected: bool = False) -> Observed:
    """Gather a cage's scored recordings and their alarms, by ``recordings.csv``.

    InputError if no alarms are left to report, or ``recordings.csv`` lacks a scored recording, its
    animal or start time, has an animal in two groups, or recordings of one animal that overlap.
    """
    used = list_believed(cage)
    table = check_table(cage.folder, list(used))
    table["hours"] = [one["minutes"] / 60 for one in used.values()]
    offsets = [float(one["of"].get("start") or 0) for one in used.values()]
    table["start"] += pd.to_timedelta(offsets, unit="s")
    refuse_overlaps(table, cage.folder / RECORDINGS_FILE)
    alarms = list_alarms(cage)
    if without_rejected:
        alarms = alarms[alarms["verdict"] != "rejected"]
    alarms = alarms.merge(table[["recording", "animal", "group", "start"]], on="recording")
    after = alarms["start_s"] - alarms["recording"].map(dict(zip(used, offsets, strict=True)))
    alarms["at"] = alarms.pop("start") + pd.to_timedelta(after.astype(float), unit="s")
    levels = {
        (float(one["of"]["threshold"]), AlarmShape(**one["of"]["shape"])) for one in used.values()
    }
    return Observed(table, alarms, list_left_out(cage), sorted(levels, key=str))


def check_table(folder: Path, recordings: list[str]) -> pd.DataFrame:
    """Rows of ``recordings.csv`` for these recordings, checked; see `gather_observed`."""
    path = folder / RECORDINGS_FILE
    table = read_recordings_table(folder).set_index("recording")
    if missing := [name for name in recordings if name not in table.index]:
        raise InputError(f"{path} has no row for the recording {missing[0]!r}; add one.")
    table = table.reindex(columns=["file", "animal", "group", "start_time"], fill_value="")
    table = table.loc[recordings].apply(lambda column: column.str.strip()).reset_index()
    for column in ("animal", "start_time"):
        if (empty := table[column] == "").any():
            name = table["recording"][empty].iloc[0]
            raise InputError(f"{path} has no {column} for the recording {name!r}; fill it in.")
    table["start"] = read_starts(table["start_time"])
    if (wrong := table["start"].isna()).any():
        row = table[wrong].iloc[0]
        raise InputError(
            f"{path}: the start_time {row['start_time']!r} of {row['recording']!r} is none; write"
            " it as 2024-05-01 12:30:00."
        )
    groups = table.groupby("animal")["group"].unique()
    for animal, found in groups[groups.map(len) > 1].items():
        raise InputError(
            f"{path} has the animal {animal!r} in the groups {' and '.join(map(repr, found[:2]))};"
            " an animal is in one group."
        )
    return table.drop(columns="start_time")


def read_starts(cells: pd.Series) -> pd.Series:
    """Times such as 2024-05-01 12:30:00 as datetimes, NaT for any other text.

    An offset from UTC is dropped: days and light go by the clock on the wall.
    """
    times = [pd.to_datetime(cell, format="ISO8601", errors="coerce") for cell in cells]
    walls = [time.tz_localize(None) for time in times]
    return pd.Series(walls, cells.index, dtype="datetime64[ns]")


def refuse_overlaps(recordings: pd.DataFrame, path: Path) -> None:
    """InputError where a recording of an animal starts before the one before has ended."""
    for animal, own in recordings.sort_values("start", kind="stable").groupby("animal"):
        stop = own["start"] + pd.to_timedelta(own["hours"] * 3600 - CLOCK_SLACK_S, unit="s")
        early = np.flatnonzero(own["start"].to_numpy()[1:] < stop.to_numpy()[:-1])
        if len(early):
            before, after = own["recording"].iloc[early[0]], own["recording"].iloc[early[0] + 1]
            raise InputError(
                f"{path}: {after!r} starts before {before!r} of the same animal, {animal}, has"
                " ended; was the clock set back (summer time)? Write all times by one clock."
            )


def split_at_midnight(start: pd.Timestamp, hours: float) -> list[tuple[pd.Timestamp, float]]:
    """Parts of a stretch of time that lie on one day each: when each starts, and its hours.

    What ends less than CLOCK_SLACK_S after midnight ends on the day before.
    """
    parts = []
    while True:
        midnight = start.normalize() + timedelta(days=1)
        own = (midnight - start).total_seconds() / 3600
        if (hours - own) * 3600 < CLOCK_SLACK_S:
            return [*parts, (start, hours)]
        parts.append((start, own))
        start, hours = midnight, hours - own


def tabulate_rates(observed: Observed, by_day: bool = True) -> pd.DataFrame:
    """Rate and share of time of the alarms of each animal, on each day or over all.

    animal, group, day (text; if `by_day`), hours (watched), alarms, rate (an hour), rate_low,
    rate_high, share (0 to 1, of the time), share_low, share_high: 95 % intervals of
    `gamma_interval`. An alarm belongs to the day on which it starts.
    """
    spans = [
        (row.recording, row.animal, row.group, f"{start:%Y-%m-%d}", hours)
        for row in observed.recordings.itertuples()
        for start, hours in split_at_midnight(row.start, row.hours)
    ]
    columns = ["animal", "group", "day"] if by_day else ["animal", "group"]
    watched = pd.DataFrame(spans, columns=["recording", "animal", "group", "day", "hours"])
    # One that starts in what little of a recording is left after midnight is the day before's.
    last = observed.alarms["recording"].map(watched.groupby("recording")["day"].max())
    days = observed.alarms["at"].dt.strftime("%Y-%m-%d")
    alarms = observed.alarms.assign(day=days.where(days < last, last))
    alarms["long"] = (alarms["stop_s"] - alarms["start_s"]) / 3600
    longest = float(alarms["long"].max()) if len(alarms) else 0.0
    own = {key: group["long"].to_numpy() for key, group in alarms.groupby(columns)}
    rows = []
    for key, hours in watched.groupby(columns)["hours"].sum().items():
        lengths = own.get(key, np.empty(0))
        rate = gamma_interval(np.ones(len(lengths)), hours, 1.0)
        share = [min(value, 1.0) for value in gamma_interval(lengths, hours, longest)]
        rows.append([*key, hours, len(lengths), *rate, *share])
    names = [f"{one}{end}" for one in ("rate", "share") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*columns, "hours", "alarms", *names])


def gamma_interval(
    weights: np.ndarray, hours: float, largest: float, coverage: float = 0.95
) -> tuple[float, float, float]:
    """Sum of the weights of events over hours, with its interval (Fay and Feuer 1997).

    Weights are 1 for a rate, and the interval is then Garwood's exact one; lengths in hours for a
    share. `largest` is the weight that one more event might have. Events are taken to come
    independently of each other: where alarms come in clusters the interval is too narrow. Source:
    Statistics in Medicine 16:791-801.
    """
    tail, total, square = (1 - coverage) / 2, float(np.sum(weights)), float(np.sum(weights**2))
    largest = max(largest, float(np.max(weights, initial=0)))
    low = square / (2 * total) * chi2.ppf(tail, 2 * total**2 / square) if total > 0 else 0.0
    total_up, square_up = total + largest, square + largest**2
    high = 0.0
    if total_up > 0:
        high = square_up / (2 * total_up) * chi2.ppf(1 - tail, 2 * total_up**2 / square_up)
    return total / hours, float(low / hours), float(high / hours)
