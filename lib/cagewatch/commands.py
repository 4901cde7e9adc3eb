"""The commands for own cages: check, train, score; and info and download.

Exit status: 0 where all is done, 1 where something is wrong with the input or a recording failed,
2 for a wrong option, 3 where a detector was trained but has learnt nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cagewatch import runtime
from cagewatch.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

Videos = Annotated[list[Path], typer.Argument(help="Videos, or folders of them.", metavar="VIDEOS")]
Cores = Annotated[int, typer.Option(help="Processor cores to use; 0: all.")]
Backend = Annotated[str, typer.Option(help="Keras backend: tensorflow, jax or torch.")]
Region = Annotated[
    tuple[int, int, int, int] | None,
    typer.Option(help="Part of the picture to use: left top width height, pixels."),
]
Rotate = Annotated[int, typer.Option(help="Clockwise rotation: 0, 90, 180 or 270.")]
ImageFps = Annotated[
    float | None, typer.Option(help="Frames per second of what carries no time: image folders.")
]
FrameRates = Annotated[str, typer.Option(help="Where rates differ: refuse, or resample.")]
Pattern = Annotated[
    str | None, typer.Option(help="How file names are made: '{cage}_{animal}_{date}_{time}'.")
]


def info(backend: Backend = "tensorflow", cores: Cores = 0) -> None:
    """Print versions, backend, device and cores, and what is slow here and why.

    Example: cagewatch info
    """
    runtime.configure(backend, cores)
    runtime.load_backend()
    facts = runtime.describe()
    for name, value in facts.items():
        if isinstance(value, dict):
            for package, number in value.items():
                typer.echo(f"{package:24} {number}")
        else:
            typer.echo(f"{name:24} {value}")
    for reason in what_is_slow(facts["device"], facts["vector_extensions"]):
        typer.echo(f"{'slow':24} {reason}")


def what_is_slow(device: str, extensions: list[str]) -> list[str]:
    """What is slow on a device with these vector extensions, and why; docs/performance.md."""
    if device != "CPU":
        return []
    slow = ["networks: the backend finds no graphics card; pca_frames needs none"]
    if extensions and "avx512f" not in extensions:
        slow.append("networks: without AVX-512 they train at 0.5 (RAE) to 0.75 (CAE) of its speed")
    return slow


def download(
    dataset: Annotated[str, typer.Argument(help="ped1, ped2, avenue, mit, mit_sample, ...")],
    folder: Annotated[Path, typer.Argument(help="Folder the data go into.")],
) -> None:
    """Fetch a public dataset, check it and unpack it; a broken download goes on.

    Example: cagewatch download ped2 data/ped2
    """
    from cagewatch.recordings.download import download as fetch

    for place in fetch(dataset, folder):
        typer.echo(place)


def check(
    videos: Videos,
    region: Region = None,
    rotate: Rotate = 0,
    image_fps: ImageFps = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(help="A detector to time, once for each; default: three of them."),
    ] = None,
    backend: Backend = "tensorflow",
    cores: Cores = 0,
) -> None:
    """Look at videos before training: length, rates, sizes, what is seen of the animal, how long.

    Example: cagewatch check my_videos
    """
    from cagewatch.cages import TrainParameters
    from cagewatch.cages.check import check_videos, describe_times, time_detectors
    from cagewatch.cages.sources import gather_sources
    from cagewatch.params import check_values, resolve

    values: dict[str, Any] = {"region": list(region) if region else None, "rotate": rotate}
    values["image_fps"] = image_fps
    sources = gather_sources(videos)
    look = check_videos(sources, resolve({"dataset": "folder", **values}))
    good = look.table["problem"] == ""
    shown = look.table.drop(columns=["problem", "timed"], errors="ignore")
    typer.echo(shown.to_string(index=False, float_format="{:.4g}".format, na_rep="-"))
    for sentence in look.advice:
        typer.echo(f"- {sentence}")
    if good.any():
        values |= {"videos": [str(path) for path in videos], "backend": backend, "cores": cores}
        given = check_values(values, TrainParameters, "the command")
        longest = look.table[good].sort_values("minutes", ascending=False)["recording"].iloc[0]
        hours = float(look.table["minutes"][good].sum()) / 60
        names = detector or ["pca_frames", "density", "cae"]
        try:
            for sentence in describe_times(time_detectors(sources[longest], given, names, hours)):
                typer.echo(f"- {sentence}")
        except InputError as error:
            typer.echo(f"- Times are not known: {error}")
    if not good.all():
        raise typer.Exit(1)


def train(
    videos: Videos,
    into: Annotated[Path, typer.Option(help="The cage's folder.", metavar="CAGE")],
    detector: Annotated[str, typer.Option(help="pca_frames, density, cae, ...")] = "pca_frames",
    minutes: Annotated[float, typer.Option(help="Time to train a network in.")] = 30,
    budget: Annotated[
        float | None, typer.Option(help="False alarms an hour; by default the cage's, or 6.")
    ] = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option(help="A recording not to train on, once for each; by default a quarter."),
    ] = None,
    region: Region = None,
    rotate: Rotate = 0,
    frame_rates: FrameRates = "refuse",
    image_fps: ImageFps = None,
    frame_stride: Annotated[int | None, typer.Option(help="Every n-th frame.")] = None,
    score_stride: Annotated[
        int | None, typer.Option(help="A network scores every n-th frame; by default each.")
    ] = None,
    pattern: Pattern = None,
    seed: Annotated[int, typer.Option(help="Seeds weights and batch order.")] = 0,
    backend: Backend = "tensorflow",
    cores: Cores = 0,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Do not train on alarms accepted in the cage.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
) -> None:
    """Train a detector on normal videos and set up a cage's folder.

    Example: cagewatch train my_videos --into my_cage --detector pca_frames
    """
    from cagewatch.cages import TrainParameters, open_cage, plan_training, train_cage
    from cagewatch.cages.alarms import calibrate, describe_calibration
    from cagewatch.params import check_values
    from cagewatch.review.labels import confirmed_frames

    values = pick(locals(), TrainParameters) | {
        "videos": [str(path.expanduser().absolute()) for path in videos],
        "into": str(into.expanduser().absolute()),
        "region": list(region) if region else None,
        "held_out": held_out or None,
    }
    given = check_values(values, TrainParameters, "the command")
    runtime.configure(given.backend, given.cores)
    plan = plan_training(given, confirmed_frames(open_cage(into)) if leave_out else None)
    typer.echo(plan.words)
    if dry_run:
        typer.echo(f"Would train {detector} and write to {plan.folder}.")
        return
    cage = train_cage(plan)
    typer.echo(f"Cage: {cage.folder}")
    found = calibrate(cage)
    typer.echo(describe_calibration(found))
    for sentence in [found.warning, *(cage.verdict.warnings if cage.verdict else [])]:
        if sentence:
            typer.echo(f"Note: {sentence}")
    if cage.verdict is not None:
        typer.echo(cage.verdict.words, err=not cage.verdict.passed)
        if not cage.verdict.passed:
            raise typer.Exit(3)


def score(
    cage: Annotated[Path, typer.Argument(help="The cage's folder.", metavar="CAGE")],
    videos: Videos,
    budget: Annotated[
        float | None, typer.Option(help="False alarms an hour; by default the cage's.")
    ] = None,
    start: Annotated[str, typer.Option(help="Where to start: seconds or h:mm:ss.")] = "0",
    stop: Annotated[str | None, typer.Option(help="Where to stop, likewise.")] = None,
    highlights: Annotated[int, typer.Option(help="Moments in a film of each video.")] = 0,
    clips: Annotated[bool, typer.Option("--clips", help="A film of each alarm.")] = False,
    behaviour: Annotated[
        str | None, typer.Option(help="Label that is unusual; by default the detector's target.")
    ] = None,
    label_tolerance: Annotated[
        int, typer.Option(help="Frames by which labels and video may differ in length.")
    ] = 0,
    frame_rates: FrameRates = "refuse",
    pattern: Pattern = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Write alarms though a check failed.")
    ] = False,
    cores: Cores = 0,
    per_job: Annotated[
        int, typer.Option("--videos-per-job", min=1, help="More videos are scored in jobs of it.")
    ] = 20,
    profile: Annotated[
        Path | None, typer.Option(help="Snakemake profile of a cluster: profiles/slurm.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
) -> None:
    """Score videos with a cage's detector; what was scored before is kept.

    Example: cagewatch score my_cage new_videos --budget 6
    """
    from cagewatch.cages import ScoreParameters, plan_scoring, score_all
    from cagewatch.cages.batch import foresee
    from cagewatch.params import check_values

    values = pick(locals(), ScoreParameters) | {
        "recording": [str(path.expanduser().absolute()) for path in videos],
        "cage": str(cage.expanduser().absolute()),
        "start": read_time(start),
        "stop": read_time(stop) if stop else None,
    }
    work = plan_scoring(check_values(values, ScoreParameters, "the command"))
    typer.echo(work.level.words)
    if work.level.warning:
        typer.echo(f"Note: {work.level.warning}")
    outcome = foresee(work) if dry_run else score_all(work, per_job, profile and str(profile))
    done = "would be scored" if dry_run else "scored"
    kept = f", {len(outcome.kept)} kept from before" if outcome.kept else ""
    held = f", {len(outcome.held_back)} of them without alarms" if outcome.held_back else ""
    typer.echo(f"{len(outcome.scored)} {done}{kept}{held}, {len(outcome.failed)} failed.")
    if not dry_run:
        typer.echo(f"Alarms: {work.cage.folder / 'alarms.csv'}")
    for reason, names in group_by_reason(outcome.held_back).items():
        typer.echo(f"No alarms of {names}: {reason} (--anyway writes them.)", err=True)
    for reason, names in group_by_reason(outcome.failed).items():
        typer.echo(f"Not scored: {names}: {reason}", err=True)
    if outcome.failed or outcome.held_back:
        raise typer.Exit(1)


def pick(options: dict[str, Any], schema: type[BaseModel]) -> dict[str, Any]:
    """Those of a command's options that have the name of a parameter."""
    return {name: value for name, value in options.items() if name in schema.model_fields}


def group_by_reason(reasons: dict[str, str], most: int = 6) -> dict[str, str]:
    """The names with the same reason as one text, by reason."""
    found: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        found.setdefault(reason, []).append(name)
    return {
        reason: ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")
        for reason, names in found.items()
    }


def read_time(text: str) -> float:
    """Seconds of a text like ``90``, ``1:30`` or ``0:01:30``; InputError for any other."""
    seconds = 0.0
    try:
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise InputError(f"{text!r} is no time: give seconds, or h:mm:ss.")
    return seconds
