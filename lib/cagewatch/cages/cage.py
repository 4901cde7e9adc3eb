"""A cage's folder: what was trained on what, what a user may set, and the results.

::

    my_cage/
        cage.yaml                          what was trained, and the settings of the alarms
        verdict.json                       whether the detector has learnt anything
        recordings.csv                     a table of the recordings, to be edited
        alarms.csv                         the alarms of all recordings scored
        folder/<target>/<detector>/seed-0/ the run: the detector, and its held-out scores
        stores/                            gray and flow of the videos trained on
        scored/<recording>/                scores, alarms, a timeline and moments to review

All paths in it are relative, so that the folder may be moved to another machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import yaml
from pydantic import Field

from cagewatch import runs, runtime
from cagewatch.detectors import Computing, Detector
from cagewatch.errors import InputError
from cagewatch.files import read_json, whole_file, write_json
from cagewatch.metrics import AlarmShape
from cagewatch.names import safe_name
from cagewatch.params import PositiveFloat, check_values, project_root, read_flat
from cagewatch.video.container import JUMP

CAGE_FILE, VERDICT_FILE = "cage.yaml", "verdict.json"
FORMAT = 1


class CageSettings(AlarmShape):
    """What ``cage.yaml`` holds: the run, the budget, and how alarms are made of scores."""

    format: Literal[1] = Field(default=FORMAT, description="of this file")
    run: str = Field(description="the run's folder, from the cage's")
    budget: PositiveFloat = Field(default=6.0, description="false alarms an hour")
    labels: list[str] = Field(default=[], description="names of what is seen; none: any name")


class Verdict(NamedTuple):
    """What is said about a detector; see `cagewatch.cages.verdict`.

    Attributes
    ----------
    passed : whether its alarms may be believed, as far as can be told without labels.
    words : the reason, one sentence or a few.
    warnings : what does not hold alarms back.
    facts : what was measured.
    """

    passed: bool
    words: str
    warnings: list[str]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Cage:
    """A cage: a folder, the run in it and the settings.

    Attributes
    ----------
    folder : Path
    run : FinishedRun
        With the parameters, and the scores of the recordings that were held out.
    settings : CageSettings
    verdict : Verdict or None
        What was said about its detector; None for a run that is in no cage.
    """

    folder: Path
    run: runs.FinishedRun
    settings: CageSettings
    verdict: Verdict | None = None

    @property
    def fps(self) -> float:
        """Frames per second of the recordings that the detector knows; NaN without time stamps."""
        first = self.run.frames["recording"] == self.run.frames["recording"].iloc[0]
        steps = np.diff(self.run.frames.loc[first, "time_s"])
        if not np.isnan(steps).any():
            steps = steps[steps <= JUMP * np.median(steps)]  # a gap in the recording is no rate
        return float(1 / np.mean(steps))

    def open_detector(self, computing: Computing | None = None) -> Detector:
        """The cage's detector, kept in memory; InputError if it is missing or damaged."""
        return runs.open_detector(
            self.run.folder, computing or Computing(cores=runtime.cores_in_use())
        )


def default_folder(videos: Path, root: Path) -> Path:
    """Folder of the cage with these videos: ``results/cages/<the videos' folder>`` in `root`.

    InputError where the cage there was trained on videos of another folder of that name.
    """
    videos = videos.resolve()
    folder = root / "results" / "cages" / safe_name(videos.name)
    if (other := trained_on(folder)) not in (None, videos):
        raise InputError(
            f"{folder} is the cage of {other}, and {videos} would replace it; give this one a"
            " folder of its own with into."
        )
    return folder


def trained_on(folder: Path) -> Path | None:
    """The videos that a cage was trained on; None where none can be read that says so."""
    try:
        layer = folder / read_settings(folder).run / "params.yaml"
        return (project_root() / read_flat(layer)["data_dir"]).resolve()
    except (InputError, KeyError, TypeError):
        return None


def read_settings(folder: Path) -> CageSettings:
    """Read ``cage.yaml``; InputError if it is missing or a line of it is wrong."""
    path = folder / CAGE_FILE
    return check_values(read_flat(path), CageSettings, str(path))


def write_settings(folder: Path, settings: CageSettings) -> None:
    """Write ``cage.yaml``, whole or not at all."""
    with whole_file(folder / CAGE_FILE) as partial:
        partial.write_text(yaml.safe_dump(settings.model_dump(), sort_keys=False), encoding="utf-8")


def open_cage(folder: str | Path) -> Cage:
    """Open a cage's folder, or the folder of any finished run.

    Parameters
    ----------
    folder : str or Path
        From the current folder.

    Raises
    ------
    InputError
        If it is neither, or something in it is damaged.
    """
    folder = Path(folder).expanduser().absolute()
    if (folder / runs.PROVENANCE).is_file():
        return Cage(folder, runs.read_run(folder), CageSettings(run="."))
    path = folder / CAGE_FILE
    if not path.is_file():
        there = "it has no cage.yaml" if folder.is_dir() else "there is no such folder"
        raise InputError(f"{folder} is no cage: {there}; train one with 'cagewatch train' first.")
    settings = read_settings(folder)
    place = (folder / settings.run).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise InputError(f"{path} names a run outside its own folder, {settings.run}; correct it.")
    return Cage(folder, runs.read_run(place), settings, read_verdict(folder, place))


def write_verdict(folder: Path, verdict: Verdict, run: Path) -> None:
    """Write ``verdict.json``; it belongs to the detector that the run has now."""
    detector = runs.read_provenance(run)["files"]["detector.npz"]
    write_json(folder / VERDICT_FILE, verdict._asdict() | {"detector": detector})


def read_verdict(folder: Path, run: Path) -> Verdict | None:
    """Read ``verdict.json``; None where there is none of the run's present detector."""
    path = folder / VERDICT_FILE
    if not path.is_file():
        return None
    saved = read_json(path)
    try:
        if saved["detector"] != runs.read_provenance(run)["files"]["detector.npz"]:
            return None
        return Verdict(*(saved[name] for name in Verdict._fields))
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged; train the cage again.") from error
