"""A folder that a recorder writes into: finished videos are scored as they come.

What is done stands in the cage's folder, so that a watch that was killed goes on where it was. A
video counts as finished when its size and time have not changed for a while and its container is
closed. News of alarms is marked as told after it was taken: a kill in that moment, and nothing
else, tells it twice.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import watchfiles

from cagewatch.cages.batch import Work, read_done, score_all
from cagewatch.cages.sources import name_below
from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.recordings.folder import list_videos
from cagewatch.review.report import write_report
from cagewatch.video.truncation import missing_bytes

TOLD = "told.json"
LOCAL = ("localhost", "127.0.0.1", "::1")
PORTION = 10  # videos that are scored before the report is renewed
WAIT_S = 60  # for a command or a webhook
State = tuple[int, int]  # of a file: bytes, and time of change in nanoseconds


class Watch:
    """What a watch of one folder remembers between two looks at it.

    Parameters
    ----------
    work : cage, level and parameters; its sources are those in the folder.
    folder : where videos appear, in its folders too.
    rest_s : seconds for which a finished file has not changed.
    tell : each takes the news of a recording with alarms, ready for JSON.
    dark : the dark phase, for the report.
    say : takes a line of text.
    """

    def __init__(
        self,
        work: Work,
        folder: Path,
        rest_s: float = 10.0,
        tell: Sequence[Callable[[dict[str, Any]], None]] = (),
        dark: str = "19-7",
        say: Callable[[str], None] = print,
    ) -> None:
        self.work, self.folder, self.rest_s, self.tell = work, folder, rest_s, tell
        self.dark, self.say = dark, say
        self.seen: dict[Path, tuple[State, float]] = {}
        self.done: dict[Path, State] = {}
        self.untold: dict[str, list[Callable[[dict[str, Any]], None]]] = {}
        self.said: set[str] = set()

    def look(self) -> list[str]:
        """Score what is finished, renew the report, tell of alarms; names of those scored."""
        scored: list[str] = []
        try:
            if sources := self.find_finished():
                scored = self.score(sources)
                self.done |= {path: self.seen[path][0] for path in sources.values()}
        except InputError as error:  # such as another process that scores into the cage
            self.say_once(str(error))
        self.tell_news()
        return scored

    def say_once(self, text: str) -> None:
        """Say what holds until a user mends it, not at each look."""
        if text not in self.said:
            self.said.add(text)
            self.say(text)

    def find_finished(self) -> dict[str, Path]:
        """Videos at rest with a closed container that were not done before, PORTION at most."""
        now, ready = time.monotonic(), {}
        for name, path in self.name_videos().items():
            try:
                found = path.stat()
                state = found.st_size, found.st_mtime_ns
                before, since = self.seen.get(path, (None, now))
                since = since if before == state else now
                self.seen[path] = state, since
                if self.done.get(path) == state or now - since < self.rest_s:
                    continue
                if not state[0] or missing_bytes(path):
                    self.say_once(f"{path} lacks its end; it is scored once it is whole.")
                else:
                    ready[name] = path
            except OSError:  # moved away while being looked at
                self.seen.pop(path, None)
        return dict(list(ready.items())[:PORTION])

    def name_videos(self) -> dict[str, Path]:
        """The folder's videos by the names that `gather_sources` gives; of one name none."""
        found: dict[str, list[Path]] = {}
        for path in list_videos(self.folder, deep=True, lost=True):
            if not path.is_relative_to(self.work.cage.folder):
                found.setdefault(name_below(path, self.folder), []).append(path)
        for name, (first, *others) in found.items():
            if others:
                self.say_once(
                    f"{first} and {others[0]} would both be recording {name!r}; rename one."
                )
        return {name: paths[0] for name, paths in found.items() if len(paths) == 1}

    def score(self, sources: dict[str, Path]) -> list[str]:
        """Score videos into the cage and renew its report; names of those scored now."""
        outcome = score_all(self.work._replace(sources=sources), per_job=PORTION)
        for name, reason in (outcome.failed | outcome.held_back).items():
            self.say(f"{name}: {reason}")
        self.untold |= {name: list(self.tell) for name in [*outcome.scored, *outcome.kept]}
        if outcome.scored:
            self.say(f"Scored: {', '.join(outcome.scored)}.")
            try:
                write_report(self.work.cage, dark=self.dark)
            except InputError as error:
                self.say(f"The report was not renewed: {error}")
        return outcome.scored

    def tell_news(self) -> None:
        """Tell of alarms not told of yet; what cannot be told is tried again at the next look."""
        left = {}
        for name, waiting in self.untold.items() if self.tell else ():
            folder = self.work.folder(name)
            try:
                done = read_done(folder)
                told = read_json(folder / TOLD) if (folder / TOLD).is_file() else None
                if done is None or done["held_back"] or not done["alarms"] or told == done["of"]:
                    continue
                alarms = pd.read_csv(folder / "alarms.csv")[["start_s", "stop_s", "peak_score"]]
                news = {"recording": name, "table": str(folder / "alarms.csv")}
                while waiting:
                    waiting[0](news | {"alarms": alarms.to_dict("records")})
                    del waiting[0]  # who was told is not told again because another could not be
                write_json(folder / TOLD, done["of"])
            except (OSError, ValueError, HTTPException, subprocess.SubprocessError) as error:
                self.say_once(f"{name} is not told of in full, to be tried again: {error}")
                left[name] = waiting
        self.untold = left


def watch_folder(watch: Watch) -> None:
    """Look at a folder whenever something changes in it, and at least every few seconds.

    Ends by an interrupt alone. Where a file system sends no notice, as over a network, the time
    alone decides.
    """
    every = round(1000 * min(max(watch.rest_s / 2, 0.2), 10))
    watch.look()
    for _ in watchfiles.watch(watch.folder, rust_timeout=every, yield_on_timeout=True):
        watch.look()


def tell_command(command: str) -> Callable[[dict[str, Any]], None]:
    """A function that runs a command: the alarms' table is its last word, its input the news."""
    words = shlex.split(command)
    if not words:
        raise InputError("The command is empty; give one that takes the path of a table.")

    def tell(news: dict[str, Any]) -> None:
        subprocess.run(
            [*words, news["table"]], input=json.dumps(news), text=True, check=True, timeout=WAIT_S
        )

    return tell


def tell_webhook(address: str) -> Callable[[dict[str, Any]], None]:
    """A function that posts the news as JSON to an address on this machine; no other is taken."""
    try:
        parts = urlsplit(address)
        local = parts.scheme in ("http", "https") and parts.hostname in LOCAL and parts.port != 0
    except ValueError:
        local = False
    if not local:
        raise InputError(f"{address!r} is not on this machine; give http://localhost:<port>/...")
    # Neither a proxy nor a redirection may lead elsewhere.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())

    def tell(news: dict[str, Any]) -> None:
        body, kind = json.dumps(news).encode(), {"Content-Type": "application/json"}
        with opener.open(urllib.request.Request(address, body, kind), timeout=WAIT_S):
            pass

    return tell


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirection: an error instead."""
