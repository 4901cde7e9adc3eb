"""Which finished runs of a study still hold: whole, and made from the same values, code and data.

Snakemake knows that of the runs it made itself. It knows nothing of a run that was copied in or
made by hand, nor of a file that was damaged since; those are found here, from what is written in
the run's folder.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cagewatch import params, runs
from cagewatch.errors import InputError
from cagewatch.files import read_json
from cagewatch.study import depends, plan
from cagewatch.study.plan import Run, Study
from cagewatch.study.values import find_difference

METADATA = Path(".snakemake", "metadata")  # one file on each that Snakemake made


def finished_runs(study: Study, ablations: bool = True) -> list[Run]:
    """Those of the study's runs, and of its `ablations`', that are marked as finished."""
    asked = ablations and (study.results / plan.FOLDER).is_dir()
    questions = plan.TRAINED if asked else ()
    varied = [run for question in questions for run in study.varied_runs(question)]
    return [run for run in study.runs() + varied if Path(*study.markers([run])).is_file()]


def is_prepared(study: Study, root: Path) -> bool:
    """Whether ``recordings.json`` is known to say what the recordings are now."""
    made = {"preprocess": study.prepared}
    if study.layout == "simulated":
        made["simulate"] = study.data_dir / "recordings.json"
    for step, output in made.items():
        given = depends.of_step(study, step)
        wanted = {repr(given[name]) for name in ("values", "code", "data")}
        if not (output.is_file() and wanted <= _remembered(root, str(output))):
            return False
    return True


def check_runs(
    study: Study, keep: bool = False, ablations: bool = True
) -> tuple[dict[str, str], list[str]]:
    """Look at every finished run that the study wants: what to make again, and words on others.

    By the file that marks a run as finished, why. `ablations` says whether theirs are
    wanted: what is told to be made again is made, needed or not. With `keep` runs stay whose code
    means something else by now, or that another machine made from the same simulated scenes: what
    renders and encodes them there gives other bytes.
    """
    stale, words = {}, []
    for run in finished_runs(study, ablations):
        folder = Path(study.folder_of(run))
        (marker,) = study.markers([run])
        code = depends.code_of_run(run.model)
        prepared = None if keep and study.layout == "simulated" else study.prepared
        if why := why_stale(folder, study.values(run), prepared):
            stale[marker] = why
        elif (made_by := read_json(folder / "provenance.json").get("code")) is None:
            words.append(f"{folder} does not say which code made it: it is kept")
        elif made_by != code and not keep:
            stale[marker] = "the code that computes it means something else now"
        elif made_by != code:
            words.append(f"{folder} is kept, though its code means something else now")
    return stale, words


def why_stale(folder: Path, values: Mapping[str, Any], prepared: Path | None) -> str | None:
    """Why a finished run is not what its values and data give, whatever its code; None if it is.

    `values` are those that it would get now; a parameter that came after the run counts as what it
    was before. `prepared` is the file that says what the recordings are, ``recordings.json``; it
    need not be there.
    """
    if damage := runs.check_run(folder):
        return damage
    try:
        held = params.read_layer(folder / "params.yaml")
        made_from = read_json(folder / "provenance.json")
        recordings = read_json(prepared) if prepared and prepared.is_file() else {}
    except InputError as error:
        return str(error)
    if difference := find_difference(held, values):
        return difference
    data, labels = made_from.get("data", {}), made_from.get("labels", {})
    if data and recordings and (other := sorted(data.keys() ^ recordings.keys())):
        return f"it was made {'with' if other[0] in data else 'without'} the recording {other[0]}"
    for name, recording in recordings.items():
        if data.get(name, recording["source_sha256"]) != recording["source_sha256"]:
            return f"the recording {name} has changed"
        # An older run, or file on the recordings, does not say what its labels were.
        now = recording.get("labels_sha256")
        if now is not None and labels.get(name, now) != now:
            return f"the labels of {name} have changed"
    return None


def forget_other_records(study: Study, root: Path, stale: Collection[str]) -> None:
    """Delete what Snakemake remembers of runs that hold, though from other values, code or files.

    It would make them again, also where another than itself has made them since, or where a
    recording has another time and the same content.
    """
    data = repr(depends.digest_data(study))
    for run in finished_runs(study):
        (marker,) = study.markers([run])
        if marker in stale:
            continue
        wanted = {data, repr(json.dumps(study.values(run))), repr(depends.code_of_run(run.model))}
        for output in (marker, f"{Path(marker).parent}/experiment.ipynb"):
            if not wanted <= _remembered(root, output):
                (root / METADATA / _record_name(output)).unlink(missing_ok=True)


def _remembered(root: Path, output: str) -> set[str]:
    """The params that Snakemake made a file with; empty if it did not make it."""
    record = root / METADATA / _record_name(output)
    return set(read_json(record).get("params", ())) if record.is_file() else set()


def _record_name(output: str, longest: int = 255) -> Path:
    """The file that Snakemake keeps on an output, below its folder of metadata."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[start : start + longest - 1] for start in range(0, len(name), longest - 1)]
    return Path(*(f"@{part}" for part in parts[:-1]), parts[-1])
