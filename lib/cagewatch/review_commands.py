"""The commands for what comes after scoring: review, report, watch and demo-cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cagewatch.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

CageFolder = Annotated[Path, typer.Argument(help="The cage's folder.", metavar="CAGE")]
Alarm = Annotated[
    str | None, typer.Option(metavar="RECORDING:TIME", help="The alarm then: mouse1:0:01:30.")
]


def review(
    cage: CageFolder,
    accept: Alarm = None,
    reject: Alarm = None,
    name: Annotated[str, typer.Option(help="What was seen; the label.")] = "",
    note: Annotated[str, typer.Option(help="Anything to remember.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last decision.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Folder for labels: a table, BORIS, DeepEthogram.")
    ] = None,
) -> None:
    """List alarms, highest score first, accept or reject one, and export labels.

    Example: cagewatch review my_cage --accept mouse1:1:30 --name jump
    """
    from cagewatch import review as room
    from cagewatch.cages import open_cage

    opened = open_cage(cage)
    if undo:
        row = room.undo(opened.folder)
        typer.echo("No decision to take back." if row is None else f"Taken back: {row['verdict']}.")
    for given, verdict in ((accept, "accepted"), (reject, "rejected")):
        if given is not None:
            alarm = find_alarm(room.list_alarms(opened), given)
            room.decide(opened.folder, alarm, verdict, name, note)
    alarms = room.list_alarms(opened)
    if export is not None:
        for path in room.export_labels(opened, export):
            typer.echo(path)
    else:
        shown = ["recording", "start_s", "stop_s", "peak_score", "verdict", "name", "note"]
        typer.echo(alarms[shown].to_string(index=False) if len(alarms) else "No alarms.")
    found = room.measure_precision(alarms)
    if found.reviewed:
        typer.echo(
            f"{found.accepted} of {found.reviewed} alarms reviewed were accepted: precision"
            f" {found.value:.2f} (95 % interval {found.low:.2f} to {found.high:.2f})."
        )


def report(
    cage: CageFolder,
    into: Annotated[Path | None, typer.Option(help="Folder; by default CAGE/report.")] = None,
    dark: Annotated[str, typer.Option(help="When it is dark, such as 19-7; or none.")] = "19-7",
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


def find_alarm(alarms: pd.DataFrame, place: str) -> pd.Series:
    """The row of `list_alarms` at ``RECORDING:TIME``; InputError if there is none."""
    from cagewatch.commands import read_time

    recording, _, time = place.partition(":")
    second = read_time(time) if time else -1.0
    inside = (alarms["recording"] == recording) & (alarms["start_s"] <= second + 1e-9)
    inside &= alarms["stop_s"] > second
    if not inside.any():
        raise InputError(f"There is no alarm at {place!r}; give a recording, a colon and a time.")
    return alarms[inside].iloc[0]
