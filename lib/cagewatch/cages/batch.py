"""Scoring many recordings of a cage: what is done stays, what is broken is named, the rest goes on.

Each recording's folder holds ``scored.json``, written last, which says of what and by what its
results are; a recording is scored again when one of these is another.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cagewatch import plots, runs
from cagewatch.cages.alarms import Level, frames_in
from cagewatch.cages.cage import Cage
from cagewatch.cages.highlights import cut_highlights
from cagewatch.cages.results import minutes_of, plot_timeline, write_results, write_table
from cagewatch.cages.scoring import ScoreParameters, score_one
from cagewatch.cages.sources import describe_file
from cagewatch.cages.verdict import doubt_alarms
from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.metrics import AlarmShape
from cagewatch.runs import refuse_links

DONE = "scored.json"


class Outcome(NamedTuple):
    """What became of the recordings asked for, by name.

    Attributes
    ----------
    scored, kept : list of str
        Scored now, and scored before.
    failed : dict of str to str
        Could not be scored, and why.
    held_back : dict of str to str
        Scored, but their alarms were not written, and why.
    """

    scored: list[str]
    kept: list[str]
    failed: dict[str, str]
    held_back: dict[str, str]


def score_all(
    cage: Cage, sources: Mapping[str, Path], level: Level, parameters: ScoreParameters
) -> Outcome:
    """Score recordings one after the other and write each one's results into the cage's folder.

    Parameters
    ----------
    cage : Cage
    sources : mapping of str to Path
        Of `gather_sources`.
    level : Level
        Where alarms begin.
    parameters : ScoreParameters
        `start`, `stop`, `anyway`, `highlights` and what computes.

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        If another process scores into the same cage.
    """
    outcome = Outcome([], [], {}, {})
    with only_one(cage.folder / "scored"):
        for name, source in sources.items():
            try:
                folder = cage.folder / "scored" / name
                refuse_links(folder, cage.folder)
                wanted = describe_work(cage, source, level, parameters)
                done = read_done(folder)
                new = done is None or done["of"] != wanted
                if done is None or new:
                    done = {"of": wanted, **score_into(folder, cage, source, level, parameters)}
                    write_json(folder / DONE, done)
                (outcome.scored if new else outcome.kept).append(name)
                if done["held_back"]:
                    outcome.held_back[name] = done["held_back"]
            except InputError as error:
                outcome.failed[name] = str(error)
        write_table(join_results(cage), cage.folder / "alarms.csv")
    return outcome


def score_into(
    folder: Path, cage: Cage, source: Path, level: Level, parameters: ScoreParameters
) -> dict[str, Any]:
    """Score one recording and write its results; what ``scored.json`` says of them."""
    (folder / DONE).unlink(missing_ok=True)
    result = score_one(cage, source, level, parameters)
    inside = frames_in(result.alarms, result.frames)
    reason = doubt_alarms(cage, source, result.frames, result.alarms)
    held_back = None if parameters.anyway else reason
    write_results(folder, result, cage.run.parameters.image_fps, alarms=held_back is None)
    if held_back is None:
        figure = plot_timeline(result, level)
        plots.save_figure(figure, folder, "timeline")
        if parameters.highlights:
            cut_highlights(
                folder, result, level, parameters.highlights, parameters.highlight_seconds
            )
    return {
        "minutes": minutes_of(result.frames),
        "alarms": len(result.alarms) if held_back is None else None,
        "in_alarm": float(inside.mean()) if held_back is None else None,
        "held_back": held_back,
        "doubt": reason,
    }


def describe_work(
    cage: Cage, source: Path, level: Level, parameters: ScoreParameters
) -> dict[str, Any]:
    """All that a recording's results depend on, ready for JSON."""
    detector = runs.read_provenance(cage.run.folder)["files"]["detector.npz"]
    asked = parameters.model_dump(
        include={"start", "stop", "labels", "behaviour", "frame_rates", "highlights", "anyway"}
    )
    shape = level.shape.model_dump(include=set(AlarmShape.model_fields))
    return {
        "source": describe_file(source),
        "detector": detector,
        "threshold": level.threshold,
        "stream": level.stream,
        "shape": shape,
        **asked,
    }


def read_done(folder: Path) -> dict[str, Any] | None:
    """What ``scored.json`` says; None where a recording has not been scored to its end."""
    path = folder / DONE
    if not path.is_file():
        return None
    try:
        done = read_json(path)
        return done if {"of", "held_back", "minutes"} <= done.keys() else None
    except (InputError, AttributeError):
        return None


def join_results(cage: Cage) -> pd.DataFrame:
    """The alarms of all recordings scored in the cage so far, the recording's name first."""
    parts = []
    root = cage.folder / "scored"
    for path in sorted(root.rglob(DONE)):
        table = path.with_name("alarms.csv")
        if table.is_file():
            part = pd.read_csv(table)
            part.insert(0, "recording", path.parent.relative_to(root).as_posix())
            parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"recording": []})


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; InputError if another one holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / ".lock", "w")  # noqa: SIM115  held until the block ends
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"Another process is scoring into {folder}; wait until it has ended."
            ) from error
        yield
