"""Decisions on a cage's alarms by keyboard: the explorer's page, each decision saved at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd

from cagewatch import review
from cagewatch.cages import open_cage
from cagewatch.cages.cage import Cage
from cagewatch.cages.results import read_times
from cagewatch.cages.table import read_recordings_table
from cagewatch.errors import InputError
from cagewatch.explore.bundle import describe_run, read_clocks, read_script
from cagewatch.explore.frames import MOST_FRAMES, encode, picture_motion
from cagewatch.metrics import frame_durations
from cagewatch.plots.style import SIMULATED
from cagewatch.review.believed import list_believed, say_left_out
from cagewatch.review.decisions import KEY
from cagewatch.runs import FinishedRun
from cagewatch.video import read_frames_at, stamps_between

SAID = ["verdict", "name", "note"]
TOLD = [*SAID, "reason"]
# What the page holds does not grow with hours of video: of more frames than MOST_POINTS, those with
# the highest scores in equal stretches of time, and all AROUND_S alarms, up to MOST_S of these.
MOST_POINTS = 500_000
AROUND_S, MOST_S = 2.0, 4 * 3600.0
APART = 8  # frames from one to the next of which those between are not decoded


class Reviewer(anywidget.AnyWidget):
    """The alarms of a cage's scored recordings, highest score first, to accept, reject and name.

    The page takes keys: n and p go to the next and previous alarm, space plays, a accepts, r
    rejects, m writes a name, u takes the last decision back. A decision is in ``review.csv`` before
    the page goes on.

    Parameters
    ----------
    folder : str or Path
        The cage's.

    Raises
    ------
    InputError
        If it is no cage, or it has no scored recording.
    """

    _esm = read_script()

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.cage = open_cage(folder)
        done = list_believed(self.cage)
        self.alarms = review.list_alarms(self.cage)
        self.names = list(done)
        step = 60 * sum(said["minutes"] for said in done.values()) / MOST_POINTS
        long = self.alarms["stop_s"] - self.alarms["start_s"] + 2 * AROUND_S
        whole = self.alarms[long.cumsum() <= MOST_S]  # those with the highest scores
        tables = [
            read_points(self.cage, name, whole[whole["recording"] == name], step) for name in done
        ]
        self.starts = [0, *np.cumsum([len(table) for table in tables]).tolist()]
        self.frames = pd.concat(tables, ignore_index=True)
        table = read_recordings_table(self.cage.folder)
        self.files = table.set_index("recording")["file"].to_dict()
        self.times: tuple[str, pd.DataFrame] | None = None  # of the recording last looked at
        self.on_msg(lambda _, message, buffers: self.hear(message))

    def hear(self, message: dict[str, Any]) -> None:
        """Answer the page: ``open``, give ``frames``, ``decide`` on an alarm or ``undo``."""
        try:
            if message["kind"] == "open":
                self.send_all()
            elif message["kind"] == "frames":
                self.send_frames(int(message["first"]), int(message["count"]))
            elif message["kind"] == "decide":
                alarm = self.alarms.iloc[int(message["alarm"])]
                words = str(message["name"]), str(message["note"]), self.cage.settings.labels
                review.decide(self.cage.folder, alarm, message["verdict"], *words)
                self.send_decisions("saved")
            elif message["kind"] == "undo":
                row = review.undo(self.cage.folder)
                self.send_decisions(
                    "no decision to take back" if row is None else "taken back", row
                )
        except InputError as error:
            self.send({"kind": "failed", "text": str(error)})

    def send_all(self) -> None:
        """Send the page scores and alarms of all recordings, and a word on those left out."""
        score = self.frames["smooth"].to_numpy(float)
        times = self.frames["time_s"].to_numpy(float)
        codes = np.repeat(np.arange(len(self.names)), np.diff(self.starts))
        lasts = np.nan_to_num(frame_durations(len(times), codes, times))
        elapsed = np.cumsum(lasts)
        threshold = self.alarms["peak_score"].min() if len(self.alarms) else score.max()
        run = describe_run(self.cage.run)
        about = {
            "runs": [f"{self.cage.folder.name} · {run}"],
            "run": 0,
            "others": [],
            "names": self.names,
            "starts": self.starts,
            "timed": True,
            "clocks": read_clocks(self.cage.folder, self.names),
            "seconds": float(elapsed[-1]),
            "hours": float(elapsed[-1] / 3600),
            "scores": ["both"],
            "chosen": "both",
            "smoothing": 1,
            "simulated": any(name.startswith(SIMULATED) for name in self.names),
            "rules": [],
            "tracks": [{"name": run, "short": "", "threshold": float(threshold), "budget": []}],
            "labels": self.cage.settings.labels,
            "review": [self.place(row) for _, row in self.alarms.iterrows()],
        }
        arrays = {
            "score": score.astype("<f8"),
            "elapsed": (elapsed - lasts).astype("<f8"),
            "time": times.astype("<f8"),
            "frame": self.frames["frame"].to_numpy("<i4"),
        }
        buffers = [array.tobytes() for array in arrays.values()]
        self.send({"kind": "run", "about": about, "names": list(arrays)}, buffers)
        if said := say_left_out(review.list_left_out(self.cage)):
            self.send({"kind": "say", "text": " ".join(said)})

    def place(self, alarm: pd.Series) -> dict[str, Any]:
        """Say where an alarm lies among the frames sent, and what was decided on it."""
        number = self.names.index(alarm["recording"])
        first, last = self.starts[number], self.starts[number + 1]
        times = self.frames["time_s"].to_numpy()[first:last]
        start, stop = np.searchsorted(times, [alarm["start_s"] - 1e-3, alarm["stop_s"] - 1e-3])
        start = min(int(start), last - first - 1)
        stop = max(int(stop), start + 1)
        return {"from": first + start, "to": first + stop} | {name: alarm[name] for name in TOLD}

    def send_decisions(self, text: str, row: pd.Series | None = None) -> None:
        """Send what was decided on each alarm; `row` is one that the page goes back to."""
        said = review.read_decisions(self.cage.folder)[KEY + SAID]
        self.alarms = self.alarms.drop(columns=SAID).merge(said, on=KEY, how="left")
        self.alarms[SAID] = self.alarms[SAID].fillna("").astype(str)
        at = None
        if row is not None:
            same = (self.alarms[KEY] == row[KEY]).all(axis=1).to_numpy()
            at = int(np.flatnonzero(same)[0]) if same.any() else None
        decided = self.alarms[SAID].to_dict("records")
        self.send({"kind": "decided", "text": text, "decided": decided, "at": at})

    def send_frames(self, first: int, count: int) -> None:
        """Send pictures of `count` successive points of one recording, from position `first` on."""
        number = int(np.searchsorted(self.starts, first, side="right")) - 1
        last = min(first + min(count, MOST_FRAMES), self.starts[number + 1])
        wanted, name = self.frames["frame"].to_numpy()[first:last], self.names[number]
        pictures, captions, text = [], [""] * len(wanted), ""
        try:
            if self.times is None or self.times[0] != name:
                self.times = name, read_times(self.cage, name)
            shown = [
                picture_run(Path(self.files[name]), own, self.times[1], self.cage.run)
                for own in np.split(wanted, np.flatnonzero(np.diff(wanted) > APART) + 1)
            ]
            pictures, captions = (
                [one for part in kind for one in part] for kind in zip(*shown, strict=True)
            )
        except InputError as error:
            text = str(error)
        except (KeyError, OSError):
            text = f"The video of {name} is not there."
        self.send(
            {"kind": "frames", "captions": captions, "text": text},
            [encode(picture) for picture in pictures],
        )


def read_points(cage: Cage, name: str, alarms: pd.DataFrame, step: float) -> pd.DataFrame:
    """Frames of a recording that the page has: frame, time_s and smooth of scores.csv.

    Of each `step` seconds the one with the highest score, and all of them around alarms.
    """
    path = cage.folder / "scored" / name / "scores.csv"
    kinds = {"frame": np.int32, "time_s": np.float64, "smooth": np.float32}
    try:
        frames = pd.read_csv(path, usecols=list(kinds), dtype=kinds)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); score that video again.") from None
    times = frames["time_s"].to_numpy()
    places = np.floor((times - times[0]) / step)
    order = np.lexsort((-frames["smooth"].to_numpy(), places))
    keep = np.zeros(len(frames), bool)
    keep[order[np.diff(places[order], prepend=-1) > 0]] = keep[[0, -1]] = True
    for start, stop in alarms[["start_s", "stop_s"]].to_numpy():
        keep[slice(*np.searchsorted(times, [start - AROUND_S, stop + AROUND_S]))] = True
    return frames[keep]


def picture_run(
    source: Path, wanted: np.ndarray, times: pd.DataFrame, run: FinishedRun
) -> tuple[list[np.ndarray], list[str]]:
    """Pictures and captions of the `wanted` among a recording's frames, which lie near together.

    `times` are those of `read_times`.
    """
    number = times["frame"].to_numpy()
    first, last = np.searchsorted(number, wanted[[0, -1]])
    if first == last:  # two neighbours, so that the seek knows how far apart frames are
        first, last = (first, last + 1) if last + 1 < len(number) else (first - 1, last)
    part = slice(first, last + 1)
    stamps = stamps_between(number[part], times["time_s"].to_numpy()[part])
    shown = read_frames_at(source, int(number[first]), stamps)
    pictures, captions = picture_motion(shown, stamps, run)
    places = wanted - number[first]
    return [pictures[place] for place in places], [captions[place] for place in places]
