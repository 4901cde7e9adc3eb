"""Decisions on a cage's alarms by keyboard: the explorer's page, each decision saved at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd

from cagewatch import review
from cagewatch.cages import open_cage
from cagewatch.cages.table import read_recordings_table
from cagewatch.errors import InputError
from cagewatch.explore.bundle import describe_run, read_clocks, read_script
from cagewatch.explore.frames import MOST_FRAMES, encode, picture_motion
from cagewatch.metrics import frame_durations
from cagewatch.plots.style import SIMULATED
from cagewatch.review.decisions import KEY
from cagewatch.video import read_frames_at

SAID = ["verdict", "name", "note"]
TOLD = [*SAID, "reason"]


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
        self.alarms = review.list_alarms(self.cage)
        root = self.cage.folder / "scored"
        paths = sorted(root.rglob("scores.csv"))
        if not paths:
            raise InputError(f"{self.cage.folder} has no scored recording; score videos first.")
        self.names = [path.parent.relative_to(root).as_posix() for path in paths]
        tables = [pd.read_csv(path) for path in paths]
        self.starts = [0, *np.cumsum([len(table) for table in tables]).tolist()]
        self.frames = pd.concat(tables, ignore_index=True)
        table = read_recordings_table(self.cage.folder)
        self.files = table.set_index("recording")["file"].to_dict()
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
        """Send the page scores and alarms of all recordings."""
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
        """Send pictures of `count` successive frames of one recording, from position `first` on."""
        number = int(np.searchsorted(self.starts, first, side="right")) - 1
        rows = self.frames.iloc[
            first : min(first + min(count, MOST_FRAMES), self.starts[number + 1])
        ]
        numbers, name = rows["frame"].to_numpy(), self.names[number]
        span = np.arange(numbers[0], numbers[-1] + 1)
        times = np.interp(span, numbers, rows["time_s"].to_numpy(float))
        try:
            shown = read_frames_at(Path(self.files[name]), int(numbers[0]), times)
            pictures, captions = picture_motion(shown, times, self.cage.run)
        except (InputError, KeyError, OSError) as error:
            text = (
                str(error)
                if isinstance(error, InputError)
                else f"The video of {name} is not there."
            )
            self.send({"kind": "frames", "captions": [""] * len(rows), "text": text})
            return
        chosen = numbers - numbers[0]
        captions = [captions[index] for index in chosen]
        encoded = [encode(pictures[index]) for index in chosen]
        self.send({"kind": "frames", "captions": captions, "text": ""}, encoded)
