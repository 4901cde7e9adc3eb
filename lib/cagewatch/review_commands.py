"""The commands for what comes after scoring: review, report, watch and demo-cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cagewatch.commands import Cores, Pattern, read_time
from cagewatch.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Dark = Annotated[str, typer.Option(help="When it is dark, such as 19-7; or none.")]
CageFolder = Annotated[Path, typer.Argument(help="The cage's folder.", metavar="CAGE")]
Alarm = Annotated[
    str | None, typer.Option(metavar="RECORDING:TIME", help="The alarm then: mouse1:0:01:30.")
]


def review(
    cage: CageFolder,
    accept: Alarm = None,
    reject: Alarm = None,
    name: Annotated[
        str, typer.Option(help="What was seen; a label of cage.yaml, if it has some.")
    ] = "",
    note: Annotated[str, typer.Option(help="Anything to remember.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last decision.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Folder for labels: a table, BORIS, DeepEthogram.")
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Decide in the browser, by keyboard; see the video.")
    ] = False,
) -> None:
    """List alarms, highest score first, accept or reject one, and export labels.

    Example: cagewatch review my_cage --accept mouse1:1:30 --name jump
    """
    from cagewatch import review as room
    from cagewatch.cages import open_cage
    from cagewatch.review.believed import say_left_out

    opened = open_cage(cage)
    if page:
        from cagewatch.explore.serve import serve_review

        serve_review(opened.folder)
        return
    if undo:
        row = room.undo(opened.folder)
        typer.echo("No decision to take back." if row is None else f"Taken back: {row['verdict']}.")
    for given, verdict in ((accept, "accepted"), (reject, "rejected")):
        if given is not None:
            alarm = find_alarm(room.list_alarms(opened), given)
            room.decide(opened.folder, alarm, verdict, name, note, opened.settings.labels)
    alarms = room.list_alarms(opened)
    if export is not None:
        for path in room.export_labels(opened, export):
            typer.echo(path)
    else:
        shown = "recording start_s stop_s peak_score reason verdict name note".split()
        typer.echo(alarms[shown].to_string(index=False) if len(alarms) else "No alarms.")
        for sentence in say_left_out(room.list_left_out(opened)):
            typer.echo(sentence, err=True)
    found = room.measure_precision(alarms)
    if found.reviewed:
        typer.echo(
            f"{found.accepted} of {found.reviewed} alarms reviewed were accepted: precision"
            f" {found.value:.2f} (95 % interval {found.low:.2f} to {found.high:.2f})."
        )


def report(
    cage: CageFolder,
    into: Annotated[Path | None, typer.Option(help="Folder; by default CAGE/report.")] = None,
    dark: Dark = "19-7",
    without_rejected: Annotated[
        bool, typer.Option("--without-rejected", help="Leave out alarms rejected in review.")
    ] = False,
) -> None:
    """Write one page on a cage's alarms: animals, days, groups, clips; and its tables as csv.

    Example: cagewatch report my_cage --dark 19-7
    """
    from cagewatch.cages import open_cage
    from cagewatch.review import write_report

    typer.echo(write_report(open_cage(cage), into, dark, without_rejected))


def watch(
    cage: CageFolder,
    folder: Annotated[Path, typer.Argument(help="Where videos appear.", metavar="FOLDER")],
    rest: Annotated[float, typer.Option(help="Seconds a finished file has not changed.")] = 10,
    budget: Annotated[
        float | None, typer.Option(help="False alarms an hour; by default the cage's.")
    ] = None,
    command: Annotated[
        str | None, typer.Option(help="Run with the path of a table of new alarms.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(help="Address on this machine that alarms are posted to.")
    ] = None,
    pattern: Pattern = None,
    dark: Dark = "19-7",
    cores: Cores = 0,
) -> None:
    """Score videos as a recorder finishes them, renew the report; ends by Ctrl-C.

    Example: cagewatch watch my_cage /recordings --webhook http://localhost:8000/alarms
    """
    from cagewatch import runtime
    from cagewatch.cages import ScoreParameters, decide_level, open_cage
    from cagewatch.cages.batch import Work
    from cagewatch.cages.table import compile_pattern
    from cagewatch.params import check_values
    from cagewatch.review.report import read_dark
    from cagewatch.review.watch import Watch, tell_command, tell_webhook, watch_folder

    tell = [tell_command(command)] if command is not None else []
    tell += [tell_webhook(webhook)] if webhook is not None else []
    read_dark(dark)
    if pattern is not None:
        compile_pattern(pattern)
    place = folder.expanduser().absolute()
    if not place.is_dir():
        raise InputError(f"{folder} is not a folder; give the one that videos appear in.")
    if not 0 <= rest < float("inf"):
        raise InputError(f"--rest is {rest:g}; give seconds, 0 or more.")
    values = {"recording": [str(place)], "cage": str(cage), "budget": budget, "pattern": pattern}
    given = check_values(values | {"cores": cores}, ScoreParameters, "the command")
    opened = open_cage(cage)
    work = Work(opened, {}, decide_level(opened, budget=budget), given)
    runtime.configure(work.backend, cores)
    typer.echo(f"{work.level.words} Watching {folder}; Ctrl-C ends it.")
    try:
        watch_folder(Watch(work, place, rest, tell, dark, typer.echo))
    except KeyboardInterrupt:
        typer.echo("Ended; what is not scored yet is scored next time.")


def demo_cohort(
    folder: Annotated[Path, typer.Argument(help="Folder for videos, cage and report.")],
    animals: Annotated[int, typer.Option(min=2, help="Of each of two groups.")] = 6,
    days: Annotated[int, typer.Option(min=1, help="Recorded, twice each.")] = 3,
    minutes: Annotated[float, typer.Option(min=0.5, help="Of a recording.")] = 4,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    cores: Cores = 0,
) -> None:
    """Simulate two groups, one of which hangs half as much again; train, score, and report.

    Example: cagewatch demo-cohort demo
    """
    from cagewatch.review.cohort import run_demo

    report, seconds = run_demo(folder, seed, cores, animals, days, minutes)
    for step, took in seconds.items():
        typer.echo(f"{step:10} {took:7.1f} s")
    typer.echo(f"Report: {report}")


def find_alarm(alarms: pd.DataFrame, place: str) -> pd.Series:
    """The row of `list_alarms` at ``RECORDING:TIME``; InputError if there is none."""
    recording, _, time = place.partition(":")
    second = read_time(time) if time else -1.0
    inside = (alarms["recording"] == recording) & (alarms["start_s"] <= second + 1e-9)
    inside &= alarms["stop_s"] > second
    if not inside.any():
        raise InputError(f"There is no alarm at {place!r}; give a recording, a colon and a time.")
    return alarms[inside].iloc[0]
