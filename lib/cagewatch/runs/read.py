"""Finished runs: which there are, and what their folders hold."""

from __future__ import annotations

import gzip
import io
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cagewatch.detectors import Computing, Detector, load_detector
from cagewatch.errors import InputError, nearest_name
from cagewatch.files import read_json
from cagewatch.params import BEFORE, Parameters, project_root, read_layer, read_model, validate
from cagewatch.runs.write import FORMAT, PROVENANCE, describe_file

MAX_FRAMES = 22_000_000  # 100 hours at 60 frames per second
MAX_SCORES_BYTES = 1 << 32  # 195 bytes for each; what a forged file may unpack to
MOST_PACKED = 200  # times its own size that a file of more than a megabyte may unpack to
KEY = ("dataset", "target", "model", "seed")


class FinishedRun(NamedTuple):
    """What a run's folder holds: its parameters, scores.csv.gz and metrics.json.

    `digest` is the CRC-32 of scores.csv.gz; a threshold belongs to the scores it was chosen on.
    """

    folder: Path
    parameters: Parameters
    frames: pd.DataFrame
    metrics: dict[str, Any]
    digest: int


def list_runs(results_dir: str | Path) -> pd.DataFrame:
    """Every finished run below `results_dir`, one a row: dataset, target, model, seed, folder.

    A relative `results_dir` is taken from the project's root. InputError if there is none.

    Parameters
    ----------
    results_dir : str or Path

    Returns
    -------
    runs : DataFrame
        dataset, target, model, seed and folder.
    """
    root = project_root() / Path(results_dir).expanduser()
    rows = []
    for path in sorted(root.glob(f"*/*/*/seed-*/{PROVENANCE}")):
        seed = path.parent.name.removeprefix("seed-")
        if seed.isdecimal():
            dataset, target, model = path.parent.relative_to(root).parts[:3]
            rows.append((dataset, target, model, int(seed), path.parent))
    if not rows:
        raise InputError(
            f"There is no finished run in {root}: make one with 'make study' or the notebook"
            " train_on_your_cage, or set results_dir."
        )
    return pd.DataFrame(rows, columns=[*KEY, "folder"])


def find_run(runs: pd.DataFrame, **wanted: str | int | None) -> Path:
    """Folder of the first run with the wanted dataset, target, model and seed; None is any.

    InputError if there is none; it names the nearest value there is.

    Parameters
    ----------
    runs : DataFrame
        Of `list_runs`.
    **wanted : str, int or None
        dataset, target, model and seed.

    Returns
    -------
    folder : Path
    """
    left = runs
    for name, value in wanted.items():
        if value is None:
            continue
        matching = left[left[name] == value]
        if not len(matching):
            known = [str(one) for one in left[name].unique()]
            raise InputError(
                f"No finished run has {name} {value!r}; {nearest_name(str(value), known)}"
            )
        left = matching
    return left["folder"].iloc[0]


def read_provenance(folder: Path) -> dict[str, Any]:
    """A finished run's provenance.json; InputError if it has none of this version.

    Parameters
    ----------
    folder : Path
        Of the run.

    Returns
    -------
    provenance : dict
        Versions, device, digests, wall time and the files' checksums.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        raise InputError(f"{folder} is not a finished run: it has no {PROVENANCE}; choose another.")
    provenance = read_json(path)
    if (
        not isinstance(provenance, dict)
        or provenance.get("format") != FORMAT
        or not isinstance(provenance.get("files"), dict)
    ):
        raise InputError(f"{folder} was made by another version of cagewatch; make the run again.")
    return provenance


def check_run(folder: Path) -> str | None:
    """Why a run is not whole, in a few words; None if each file is as it was written.

    Parameters
    ----------
    folder : Path
        Of the run.

    Returns
    -------
    reason : str or None
    """
    try:
        check_files(folder, read_provenance(folder)["files"])
    except InputError as error:
        return str(error)
    return None


def check_files(folder: Path, files: dict[str, Any]) -> None:
    """Raise InputError if a file is missing or not as the provenance says."""
    for name, written in files.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise InputError(f"{path} is missing; make the run again.")
        if describe_file(path) != written:
            raise InputError(
                f"{path} is not as its run wrote it ({PROVENANCE}): it is damaged or was changed;"
                " make the run again."
            )


def read_run(folder: str | Path) -> FinishedRun:
    """Read a run's folder; a relative one is taken from the project's root.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    InputError
        If the folder is no finished run, one of another version, or one of its files is damaged.
    """
    folder = project_root() / Path(folder).expanduser()
    files = read_provenance(folder)["files"]
    wanted = ("params.yaml", "metrics.json", "scores.csv.gz")
    if missing := [name for name in wanted if name not in files]:
        raise InputError(f"{folder} has no {missing[0]}; make the run again.")
    check_files(folder, {name: files[name] for name in wanted})
    layer = folder / "params.yaml"
    values = read_layer(layer)
    parameters = validate(values, where=str(layer))
    if lacking := read_model(parameters.model).keys() - values.keys() - BEFORE.keys():
        raise InputError(
            f"{layer} lacks {', '.join(sorted(lacking)[:3])}, so another version of cagewatch"
            " made it; make the run again or delete its folder."
        )
    frames = read_scores(folder / "scores.csv.gz")
    metrics = read_json(folder / "metrics.json")
    return FinishedRun(folder, parameters, frames, metrics, files["scores.csv.gz"]["crc32"])


def read_scores(path: Path) -> pd.DataFrame:
    """The table of frame scores; InputError if it is missing, damaged or too large."""
    from cagewatch.metrics import SCORE_COLUMNS  # here: takes a second, and planning reads none

    try:
        with gzip.open(path) as packed:
            most = min(MAX_SCORES_BYTES, max(MOST_PACKED * path.stat().st_size, 1 << 20))
            text = packed.read(most + 1)
        if len(text) > most or text.count(b"\n") > MAX_FRAMES:
            raise InputError(
                f"{path} holds more than {MAX_FRAMES} frames or {most} bytes; replace it."
            )
        names = text[: text.find(b"\n")].decode().strip().split(",")
        scores = [name for name in names if name.startswith("score")]
        frames = pd.read_csv(
            io.BytesIO(text),
            usecols=lambda name: name in SCORE_COLUMNS or name in scores,
            dtype={"recording": "string", "label": "string", "anomalous": "boolean"},
            keep_default_na=False,
            na_values={name: [""] for name in ("anomalous", "time_s", *scores)},
        )
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is missing or damaged; make the run again.") from error
    missing = [name for name in SCORE_COLUMNS if name not in frames]
    if missing or not len(frames):
        raise InputError(f"{path} lacks {missing[0] if missing else 'frames'}; make the run again.")
    return frames


def open_detector(folder: str | Path, computing: Computing | None = None) -> Detector:
    """The run's detector, kept in memory; InputError if it is missing, damaged or was changed.

    Parameters
    ----------
    folder : str or Path
        Of the run.
    computing : Computing, optional
        What computes a network's scores.
    """
    folder = project_root() / Path(folder).expanduser()
    files = read_provenance(folder)["files"]
    wanted = ("params.yaml", "detector.npz")
    check_files(folder, {name: files[name] for name in wanted if name in files})
    state = tuple(str(files.get(name)) for name in wanted)
    return _open_detector(folder, state, computing)


@lru_cache(maxsize=2)
def _open_detector(folder: Path, state: tuple[str, ...], computing: Computing | None) -> Detector:
    return load_detector(folder, computing)
