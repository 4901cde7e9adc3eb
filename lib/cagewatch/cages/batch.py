"""Scoring recordings of a cage: what is done stays, what is broken is named, the rest goes on.

Each recording's folder holds ``scored.json``, written last, which says of what and by what its
results are; a recording is scored again when one of these is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd

from cagewatch import plots, runs, runtime
from cagewatch.cages.alarms import COLUMNS, Level, decide_level, frames_in
from cagewatch.cages.cage import Cage, open_cage
from cagewatch.cages.film import cut_clips, cut_highlights
from cagewatch.cages.results import minutes_of, plot_timeline, write_results, write_table
from cagewatch.cages.scoring import (
    ScoreParameters,
    doubt_alarms,
    label_file,
    refuse_backwards,
    score_one,
)
from cagewatch.cages.sources import describe_file, describe_start, gather_sources
from cagewatch.cages.table import (
    compile_pattern,
    read_recordings_table,
    refuse_another,
    settle_names,
    update_recordings,
)
from cagewatch.errors import InputError
from cagewatch.files import lock_file, read_json, write_json
from cagewatch.params import project_root
from cagewatch.recordings.folder import read_label_file
from cagewatch.runs import refuse_links
from cagewatch.scoring import open_source
from cagewatch.video.truncation import missing_bytes

DONE = "scored.json"
PER_JOB = 20  # recordings that a job scores; as many are scored without any


class Work(NamedTuple):
    """What is to be scored, by what; `sources` are those of `gather_sources`."""

    cage: Cage
    sources: dict[str, Path]
    level: Level
    parameters: ScoreParameters

    @property
    def backend(self) -> str:
        """The Keras backend: the one asked for, or the one that the detector was trained on."""
        return self.parameters.backend or self.cage.run.parameters.backend

    def folder(self, name: str) -> Path:
        """The folder of a recording's results; InputError if a link leads elsewhere."""
        folder = self.cage.folder / "scored" / name
        refuse_links(folder, self.cage.folder)
        return folder


class Outcome(NamedTuple):
    """What became of the recordings asked for, by name.

    Attributes
    ----------
    scored, kept : scored now, and scored before.
    failed : could not be scored, and why.
    held_back : scored, but their alarms were not written, and why.
    """

    scored: list[str]
    kept: list[str]
    failed: dict[str, str]
    held_back: dict[str, str]


def plan_scoring(given: ScoreParameters) -> Work:
    """Open the cage, find the recordings and choose the level; writes nothing.

    Parameters
    ----------
    given : ScoreParameters
        What is scored, by which cage and how.

    Raises
    ------
    InputError
        If the cage, a path, the budget, the pattern or the part asked for is wrong.
    """
    if given.pattern is not None:
        compile_pattern(given.pattern)
    refuse_backwards(given.start, given.stop)
    cage = open_cage(project_root() / Path(given.cage).expanduser())
    level = decide_level(cage, given.threshold, given.budget, given.score)
    paths = [project_root() / Path(path).expanduser() for path in given.recording]
    work = Work(cage, gather_sources(paths, without=cage.folder), level, given)
    runtime.configure(work.backend, given.cores)
    return work


def score_all(work: Work, per_job: int = PER_JOB, profile: str | None = None) -> Outcome:
    """Score what is new and write each recording's results into the cage's folder.

    Parameters
    ----------
    work : Work
    per_job : int
        Recordings in a Snakemake job. Up to as many are scored in this process, on all its cores.
    profile : str, optional
        A Snakemake profile, such as ``profiles/slurm``: always jobs.

    Raises
    ------
    InputError
        If another process scores into the same cage, or its tables cannot be written.
    """
    from cagewatch.cages.jobs import score_in_jobs

    folder = work.cage.folder
    taken = f"Another process is scoring into {folder / 'scored'}; wait until it has ended."
    with lock_file(folder / "scored" / ".lock", taken) as lock:
        work = work._replace(sources=settle_names(folder, work.sources))
        new, kept, failed = sort_out(work)
        added = {name: path for name, path in work.sources.items() if name not in failed}
        update_recordings(folder, added, work.parameters.pattern)
        try:
            if profile is None and len(new) <= per_job:
                failed |= score_group(work, new)
            else:
                failed |= score_in_jobs(work, new, per_job, profile, lock)
        finally:  # what was scored before an interrupt counts
            write_table(join_results(work.cage), folder / "alarms.csv")
    scored = [name for name in new if name not in failed]
    done = {name: read_done(work.folder(name)) or {} for name in [*scored, *kept]}
    held_back = {name: said["held_back"] for name, said in done.items() if said.get("held_back")}
    return Outcome(scored, kept, failed, held_back)


def foresee(work: Work) -> Outcome:
    """What `score_all` would do, as far as headers and first frames tell; writes nothing."""
    work = work._replace(sources=settle_names(work.cage.folder, work.sources))
    new, kept, failed = sort_out(work)
    image_fps = work.cage.run.parameters.image_fps
    for name in new:
        source = work.sources[name]
        try:
            opened, _ = open_source(source, work.cage.fps, image_fps, work.parameters.frame_rates)
            next(opened())
            if source.is_file() and missing_bytes(source):
                raise InputError(f"{source} is cut short; copy or download it again.")
            if labels := label_file(source, work.parameters):
                read_label_file(labels, source, image_fps)
        except InputError as error:
            failed[name] = str(error)
    return Outcome([name for name in new if name not in failed], kept, failed, {})


def sort_out(work: Work) -> tuple[list[str], list[str], dict[str, str]]:
    """Which recordings are to be scored, which are scored already, which cannot be read and why."""
    new, kept, failed = [], [], {}
    files = read_recordings_table(work.cage.folder).set_index("recording")["file"]
    for name, source in work.sources.items():
        try:
            refuse_another(name, source, files.get(name))
            done = read_done(work.folder(name))
            if done is not None:
                refuse_replaced(work, name, done)
            same = done is not None and done["of"] == describe_work(work, name)
            (kept if same else new).append(name)
        except InputError as error:
            failed[name] = str(error)
    return new, kept, failed


def refuse_replaced(work: Work, name: str, done: dict[str, Any]) -> None:
    """InputError if another recording was scored by a name: its results would be lost.

    One that has grown since, as a file does that was scored while it was written or copied, begins
    as it did and is no other.
    """
    source, before = work.sources[name], done["of"].get("source")
    if "start" not in done or before == describe_file(source):  # an older version wrote none
        return
    if done["start"] != describe_start(source):
        raise InputError(
            f"{source} is not the recording that was scored as {name!r}, whose results and"
            " decisions would be lost; rename the file, or score it into another cage."
        )


def score_group(work: Work, names: Sequence[str], progress: bool = True) -> dict[str, str]:
    """Score recordings one after the other; those that could not be scored, and why."""
    failed = {}
    for name in names:
        try:
            folder = work.folder(name)
            write_json(folder / DONE, score_into(folder, work, name, progress))
        except InputError as error:
            failed[name] = str(error)
        except (OSError, MemoryError) as error:
            failed[name] = f"{type(error).__name__} {error}; run again when there is room."
    return failed


def score_into(folder: Path, work: Work, name: str, progress: bool = True) -> dict[str, Any]:
    """Score one recording and write its results; what ``scored.json`` says of them."""
    source, cage, given = work.sources[name], work.cage, work.parameters
    wanted = describe_work(work, name)
    result = score_one(cage, source, work.level, given, progress)
    inside = frames_in(result.alarms, result.frames)
    reason = doubt_alarms(cage, source, result.frames, result.alarms)
    (folder / DONE).unlink(missing_ok=True)  # only now that there are others
    held_back = None if given.anyway else reason
    write_results(folder, result, cage.fps, alarms=held_back is None)
    if held_back is None:
        figure = plot_timeline(result, work.level)
        plots.save_figure(figure, folder, "timeline")
        plt.close(figure)  # pyplot keeps it otherwise, 3 MB for each recording
        if given.highlights:
            cut_highlights(folder, result, work.level, given.highlights, given.highlight_seconds)
        if given.clips:
            cut_clips(folder, result, work.level, given.highlight_seconds)
    return {
        "of": wanted,
        "start": describe_start(source),
        "minutes": minutes_of(result.frames),
        "alarms": len(result.alarms) if held_back is None else None,
        "in_alarm": float(inside.mean()) if held_back is None else None,
        "held_back": held_back,
        "doubt": reason,
    }


def describe_work(work: Work, name: str) -> dict[str, Any]:
    """All that a recording's results depend on, ready for JSON."""
    asked = {
        "start", "stop", "behaviour", "label_tolerance", "frame_rates", "engine", "precision",
        "highlights", "highlight_seconds", "clips", "anyway",
    }  # fmt: skip
    labels = label_file(work.sources[name], work.parameters)
    return {
        "source": describe_file(work.sources[name]),
        "labels": describe_file(labels) if labels else None,
        "detector": runs.read_provenance(work.cage.run.folder)["files"]["detector.npz"],
        "threshold": work.level.threshold,
        "stream": work.level.stream,
        "shape": work.level.shape.model_dump(),
        **work.parameters.model_dump(include=asked),
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


def list_done(cage: Cage) -> dict[str, dict[str, Any]]:
    """What ``scored.json`` says of each recording scored in the cage so far, by name."""
    root = cage.folder / "scored"
    folders = [path.parent for path in sorted(root.rglob(DONE))]
    found = {folder.relative_to(root).as_posix(): read_done(folder) for folder in folders}
    return {name: done for name, done in found.items() if done is not None}


def join_results(cage: Cage) -> pd.DataFrame:
    """The alarms of all recordings scored in the cage so far, the recording's name first."""
    parts = [pd.DataFrame(columns=["recording", *COLUMNS])]
    for name in list_done(cage):
        table = cage.folder / "scored" / name / "alarms.csv"
        if table.is_file():
            part = pd.read_csv(table)
            part.insert(0, "recording", name)
            parts.append(part)
    return pd.concat(parts[1:] or parts, ignore_index=True)
