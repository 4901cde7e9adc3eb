"""Scoring by Snakemake: groups of recordings, one job a group, on one machine or a cluster.

A process takes seconds to start, as long as minutes of video take, so that a job scores a few
recordings one after the other. Each job computes on one core. What a job that died leaves undone is
tried once more, each recording in a job of its own, so that it takes no other with it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from cagewatch import runtime
from cagewatch.cages.alarms import Level
from cagewatch.cages.batch import Work, score_group
from cagewatch.cages.cage import open_cage
from cagewatch.cages.scoring import ScoreParameters
from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.metrics import AlarmShape

SNAKEFILE = Path(__file__).with_name("Snakefile")
FOLDER = ".jobs"  # in the folder of what is scored; it stays only where a job died
QUIETLY = ("--quiet", "host", "rules")


def score_in_jobs(
    work: Work, names: Sequence[str], per_job: int, profile: str | None, lock: TextIO
) -> dict[str, str]:
    """Score recordings, `per_job` of them in a job; those that could not be scored, and why.

    `profile` is one of Snakemake, such as ``profiles/slurm``; None: this machine. Snakemake holds
    the cage's lock too, so that it outlives a killed command.
    """
    folder = work.cage.folder / "scored" / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    failed: dict[str, str] = {}
    left = list(names)
    for size in (per_job, 1):
        done = _run_jobs(work, [left[at : at + size] for at in range(0, len(left), size)],
                         folder / str(size), profile, lock)  # fmt: skip
        failed |= {name: why for name, why in done.items() if why}
        left = [name for name in left if name not in done]
        if not left:
            shutil.rmtree(folder, ignore_errors=True)
            return failed
    return failed | dict.fromkeys(left, f"its job died; the log is under {folder}.")


def _run_jobs(
    work: Work, groups: Sequence[Sequence[str]], folder: Path, profile: str | None, lock: TextIO
) -> dict[str, str | None]:
    """Why each recording of the jobs that ended could not be scored, or None."""
    for number, names in enumerate(groups):
        write_work(work, names, folder / f"{number}.json")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), *QUIETLY]
    command += ["--directory", str(folder), "--keep-going", "--nolock"]
    # 'none' holds off a profile that lies in the folder the command is given in.
    command += ["--workflow-profile", str(Path(profile).absolute()) if profile else "none"]
    if not profile:
        command += ["--cores", str(work.parameters.cores or runtime.available_cores())]
    command += ["--config", f"groups={len(groups)}"]
    subprocess.run(command, check=False, pass_fds=[lock.fileno()])
    done: dict[str, str | None] = {}
    for number, names in enumerate(groups):
        if (path := folder / f"{number}.done.json").is_file():
            done |= dict.fromkeys(names) | read_json(path)
    return done


def write_work(work: Work, names: Sequence[str], path: Path) -> None:
    """Write what a job is to do."""
    value = {
        "sources": {name: str(work.sources[name]) for name in names},
        "level": work.level._asdict() | {"shape": work.level.shape.model_dump()},
        "parameters": work.parameters.model_dump() | {"cage": str(work.cage.folder), "cores": 1},
    }
    write_json(path, value)


def read_work(path: Path) -> Work:
    """Read what `write_work` wrote."""
    value = read_json(path)
    level = Level(**value["level"] | {"shape": AlarmShape(**value["level"]["shape"])})
    parameters = ScoreParameters(**value["parameters"])
    sources = {name: Path(source) for name, source in value["sources"].items()}
    return Work(open_cage(parameters.cage), sources, level, parameters)


def main() -> None:
    """Do one job: ``python -m cagewatch.cages.jobs GROUP.json GROUP.done.json``."""
    given, done = map(Path, sys.argv[1:])
    work = read_work(given)
    runtime.configure(work.backend, 1)
    try:
        write_json(done, score_group(work, list(work.sources), progress=False))
    except InputError as error:
        sys.exit(f"cagewatch: {error}")


if __name__ == "__main__":
    main()
