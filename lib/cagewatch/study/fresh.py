"""Which finished runs of a study still hold: whole, and made from the same values, code and data.

Snakemake knows that of the runs it made itself. It knows nothing of a run that was copied in or
made by hand, nor of a file that was damaged since; those are found here, from what is written in
the run's folder.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cagewatch import params, runs
from cagewatch.errors import InputError
from cagewatch.files import read_json
from cagewatch.study import depends, plan
from cagewatch.study.plan import Study
from cagewatch.study.values import PLACES


def check_runs(study: Study, keep: bool = False) -> tuple[dict[str, str], list[str]]:
    """Look at every finished run that the study wants.

    Parameters
    ----------
    study : Study
    keep : bool
        Whether runs stay whose code means something else by now.

    Returns
    -------
    stale : dict
        The file that marks a run as finished -> why the run has to be made again.
    words : list of str
        What a user should know about runs that are kept.
    """
    stale, words = {}, []
    questions = plan.TRAINED if (study.results / plan.FOLDER).is_dir() else ()
    varied = [run for question in questions for run in study.varied_runs(question)]
    for run in study.runs() + varied:
        folder = Path(study.folder_of(run))
        (marker,) = study.markers([run])
        if not Path(marker).is_file():
            continue
        code = depends.code_of_run(run.model)
        if why := why_stale(folder, study.values(run), study.folder / "recordings.json"):
            stale[marker] = why
        elif (made_by := read_json(folder / "provenance.json").get("code")) is None:
            words.append(f"{folder} does not say which code made it: it is kept")
        elif made_by != code and not keep:
            stale[marker] = "the code that computes it means something else now"
        elif made_by != code:
            words.append(f"{folder} is kept, though its code means something else now")
    return stale, words


def why_stale(folder: Path, values: Mapping[str, Any], prepared: Path) -> str | None:
    """Why a finished run is not what its values and data give, whatever its code; None if it is.

    Parameters
    ----------
    folder : Path
        The run's folder.
    values : dict
        The values that it would get now.
    prepared : Path
        The file that says what the recordings are, ``recordings.json``; it need not be there.
    """
    if damage := runs.check_run(folder):
        return damage
    try:
        held = params.read_layer(folder / "params.yaml")
        data = read_json(folder / "provenance.json").get("data", {})
        recordings = read_json(prepared) if prepared.is_file() else {}
    except InputError as error:
        return str(error)
    for name in sorted((held.keys() | values.keys()) - set(PLACES)):
        if held.get(name) != values.get(name):
            return f"{name} was {held.get(name)!r} and is {values.get(name)!r}"
    for name, recording in recordings.items():
        if data.get(name, recording["source_sha256"]) != recording["source_sha256"]:
            return f"the recording {name} has changed"
    return None


def forget_other_records(study: Study, root: Path, stale: Collection[str]) -> None:
    """Delete what Snakemake remembers of finished runs that another than itself has made since.

    It would make them again, since it remembers other values or code than are wanted now.
    """
    for run in study.runs():
        (marker,) = study.markers([run])
        if marker in stale or not Path(marker).is_file():
            continue
        wanted = {repr(depends.values_of_run(study, run)), repr(depends.code_of_run(run.model))}
        for output in (marker, f"{Path(marker).parent}/experiment.ipynb"):
            record = root / ".snakemake" / "metadata" / _record_name(output)
            if record.is_file() and not wanted <= set(read_json(record).get("params", ())):
                record.unlink()


def _record_name(output: str, longest: int = 255) -> Path:
    """The file that Snakemake keeps on an output, below its folder of metadata."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[start : start + longest - 1] for start in range(0, len(name), longest - 1)]
    return Path(*(f"@{part}" for part in parts[:-1]), parts[-1])
