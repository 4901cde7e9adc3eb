"""``make study``: check what was asked, clear what a killed study left, hand over to Snakemake.

One study at a time works in a checkout. The lock is the operating system's, so it is never stale;
Snakemake's own lock files are, after a kill or a power loss, and are removed once ours is held.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

import psutil
import snakemake.cli

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.files import lock_file
from cagewatch.study import fresh, plan

QUIETLY = ("--quiet", "host", "rules")  # what the notebooks say, and how far it is
# Snakemake's options with which it makes nothing.
LOOKS = "-[a-zA-Z]*n[a-zA-Z]*|--dry-?run|--(detailed-)?summary|--dag|--(rule|file)graph|--lint"
MARK = "CAGEWATCH_STUDY"  # in the environment of every process of a study: the checkout it works in


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the study that the arguments describe; exits with Snakemake's status."""
    given = read_arguments(arguments)
    flags = given.pop("snakemake") or list(QUIETLY)
    profile, cores = given.pop("profile", None), given.pop("cores", None)
    keep = given.pop("keep", False)
    options = ["--workflow-profile", profile] if profile else []
    if cores or not profile:
        options += ["--cores", cores or "all"]
    # Last, since it takes all words after it: a file to make would be one of them.
    config = ["--config", *(f"{name}={json.dumps(value)}" for name, value in given.items())]
    command = [sys.executable, "-m", "snakemake"]
    try:
        root = params.project_root()
        os.chdir(root)
        if profile and " " in f"{root}{sys.executable}":
            raise InputError(
                f"The path {root} or {sys.executable} has a space in it, which Slurm's jobs cannot "
                "start from: move the checkout."
            )
        study = plan.read_study(given)
        os.environ |= {MARK: str(root), "JUPYTER_PREFER_ENV_PATH": "1"}
        dry = any(re.fullmatch(LOOKS, flag) for flag in flags)
        if not dry:
            lock = hold_lock(root)
            end_orphans(root)
            cancel_orphaned_jobs(root)
            remove_stale_locks(root, [*command, *options, *config])
            held = fresh.finished_runs(study) or study.prepared.is_file()
            if held and not fresh.is_prepared(study, root):
                # What runs were made from is compared with what is there, so that is read first;
                # and Snakemake makes no run whose ancient input it makes again (its issue 4166).
                first = [*command, str(study.prepared), *options, *QUIETLY, *config]
                done = subprocess.run(first, pass_fds=[lock.fileno()])
                if done.returncode:
                    sys.exit(done.returncode)
        ablations = any(plan.FOLDER in flag for flag in flags)  # the rule, or a file of theirs
        if plan.FOLDER in flags:  # the rule needs the first target; what is stale is made at once
            study = replace(study, targets=study.targets[:1])
        stale, words = fresh.check_runs(study, keep, ablations)
        if not dry:
            fresh.forget_other_records(study, root, stale)
    except InputError as error:
        sys.exit(f"cagewatch: {error}")
    for line in [*words, *(f"{Path(one).parent} is made again: {stale[one]}" for one in stale)]:
        print(f"cagewatch: {line}", file=sys.stderr, flush=True)
    again = ["--forcerun", *stale] if stale else []
    # Only of a whole study: Snakemake makes what it is to prioritise, asked for or not.
    first = ["--prioritize", *begun_first(study)] if flags == list(QUIETLY) else []
    snakemake.cli.main([*options, *flags, *again, *first, *config])  # it exits, and the lock too


def begun_first(study: plan.Study) -> list[str]:
    """The overview, then what is trained, so that no core waits for the last long run."""
    trained = [run for run in study.runs() if run.model not in study.one_seed]
    return [str(study.folder / "prepare.ipynb"), *study.markers(trained)]


def read_arguments(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """What the user gave, by the names of config/study.yaml; nothing that was not given."""
    parser = argparse.ArgumentParser(prog="python -m cagewatch.study", description=__doc__)
    parser.add_argument("--dataset", help="a layer of params/dataset")
    parser.add_argument("--data", dest="data_dir", help="folder with the dataset, or around it")
    parser.add_argument("--scale", help="smoke, quick, medium or paper")
    parser.add_argument("--models", help="one or more, for instance 'rae cae'")
    parser.add_argument("--targets", help="one or more behaviours")
    parser.add_argument("--seeds", help="one or more, for instance '0 1 2'")
    parser.add_argument("--params", help="a YAML file with values that win over every layer")
    parser.add_argument("--kernel", help="the Jupyter kernel that runs the notebooks")
    parser.add_argument("--cores", help="processor cores for the whole study; default: all")
    parser.add_argument("--profile", help="a Snakemake profile, for instance profiles/slurm")
    parser.add_argument(
        "--keep",
        action="store_const",
        const=True,
        help="keep finished runs whose code has changed since, or that another machine made",
    )
    parser.add_argument("snakemake", nargs="*", help="after --: anything for Snakemake")
    given = vars(parser.parse_args(arguments))
    return {name: value for name, value in given.items() if value is not None}


def hold_lock(root: Path) -> TextIO:
    """Take the checkout's lock; InputError if a living study holds it."""
    taken = f"A study is already running in {root}: wait for it, stop it, or use another checkout."
    lock = lock_file(root / ".snakemake" / "study.lock", taken)
    for process in processes_in(root):
        words = process.info["cmdline"]
        named = "snakemake" in [Path(word).name for word in words[:2]]
        if named or words[1:3] == ["-m", "snakemake"]:
            raise InputError(
                f"Snakemake (process {process.pid}) is already running in {root}: wait for it or "
                "stop it."
            )
    return lock


def processes_in(root: Path) -> list[psutil.Process]:
    """Other processes whose working folder is `root`, with pid and cmdline in their info."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [
        process
        for process in psutil.process_iter(["cwd", "cmdline"])
        if process.pid not in own and process.info["cwd"] == str(root) and process.info["cmdline"]
    ]


def end_orphans(root: Path) -> None:
    """Stop notebooks that a killed study left running here; the lock says it is dead."""
    orphans = []
    for process in processes_in(root):
        try:
            if process.environ().get(MARK) == str(root):
                orphans.append(process)
        except psutil.Error:
            continue  # gone meanwhile, or another user's
    for process in orphans:
        process.kill()
    psutil.wait_procs(orphans, timeout=30)


def cancel_orphaned_jobs(root: Path) -> None:
    """Cancel cluster jobs that a killed study left: profiles/slurm gives them their name."""
    if shutil.which("squeue") is None:
        return
    query = ["squeue", "--me", "--noheader", "--format=%A|%j|%Z"]
    queue = subprocess.run(query, capture_output=True, text=True)
    jobs = [line.split("|", 2) for line in queue.stdout.splitlines()]
    orphans = [job for job, name, place in jobs if (place, name[:9]) == (str(root), "cagewatch")]
    if orphans:
        subprocess.run(["scancel", *orphans], check=False)


def remove_stale_locks(root: Path, command: Sequence[str]) -> None:
    """Have Snakemake drop the locks that a dead one left: nothing alive holds them by now."""
    if any((root / ".snakemake" / "locks").glob("*")):
        subprocess.run([*command, "--unlock", "--quiet", "all"], check=False)


if __name__ == "__main__":
    main()
