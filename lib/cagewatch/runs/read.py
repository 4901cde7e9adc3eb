"""Finished runs: which there are, and what their folders hold."""

from __future__ import annotations

import gzip
import io
import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from cagewatch.errors import InputError
from cagewatch.files import checksum, read_json
from cagewatch.metrics import SCORE_COLUMNS
from cagewatch.params import Parameters, project_root, read_layer, validate
from cagewatch.recordings.annotations import nearest_name
from cagewatch.runs import FORMAT

if TYPE_CHECKING:
    import keras

MAX_SCORES_BYTES = 1 << 29  # ten times the largest dataset's; what a forged file may unpack to
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
    """
    root = project_root() / Path(results_dir).expanduser()
    rows = []
    for path in sorted(root.glob("*/*/*/seed-*/metrics.json")):
        seed = path.parent.name.removeprefix("seed-")
        if seed.isdecimal():
            dataset, target, model = path.parent.relative_to(root).parts[:3]
            rows.append((dataset, target, model, int(seed), path.parent))
    if not rows:
        raise InputError(
            f"There is no finished run in {root}: train one with the notebook experiment or "
            "train_on_your_cage, or set results_dir."
        )
    return pd.DataFrame(rows, columns=[*KEY, "folder"])


def find_run(runs: pd.DataFrame, **wanted: str | int | None) -> Path:
    """Folder of the first run with the wanted dataset, target, model and seed; None is any.

    InputError if there is none; it names the nearest value there is.
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


def read_run(folder: str | Path) -> FinishedRun:
    """Read a run's folder; a relative one is taken from the project's root.

    Raises
    ------
    InputError
        If the folder is no finished run, or one of another version of cagewatch.
    """
    folder = project_root() / Path(folder).expanduser()
    if not (folder / "metrics.json").is_file():
        raise InputError(f"{folder} is not a finished run: it has no metrics.json; choose another.")
    metrics = read_json(folder / "metrics.json")
    if not isinstance(metrics, dict) or metrics.get("format") != FORMAT:
        raise InputError(
            f"{folder} was made by another version of cagewatch; run its experiment again."
        )
    layer = folder / "params.yaml"
    values = read_layer(layer)
    if missing := Parameters.model_fields.keys() - values.keys():
        raise InputError(
            f"{layer} lacks {', '.join(sorted(missing)[:3])}, so another version of cagewatch"
            " made it; run its experiment again or delete its folder."
        )
    parameters = validate(values, where=str(layer))
    scores = folder / "scores.csv.gz"
    try:
        with gzip.open(scores) as packed:
            text = packed.read(MAX_SCORES_BYTES + 1)
        if len(text) > MAX_SCORES_BYTES:
            raise InputError(f"{scores} unpacks to more than {MAX_SCORES_BYTES} bytes; replace it.")
        frames = pd.read_csv(
            io.BytesIO(text),
            dtype={"recording": "string", "label": "string", "anomalous": "boolean"},
            keep_default_na=False,
            na_values={
                name: [""] for name in ("anomalous", "time_s", "score_image", "score_flow", "score")
            },
        )
        digest = checksum(scores)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise InputError(f"{scores} is missing or damaged; run the experiment again.") from error
    missing = [name for name in SCORE_COLUMNS if name not in frames]
    if missing or not len(frames):
        raise InputError(f"{scores} lacks {missing[0] if missing else 'frames'}; run it again.")
    return FinishedRun(folder, parameters, frames, metrics, digest)


def load_model(folder: Path) -> keras.Model:
    """The run's trained model, kept in memory; InputError if it has none or it is damaged."""
    path = folder / "model.keras"
    if not path.is_file():
        raise InputError(f"{folder} has no model.keras: its model is no network.")
    state = path.stat()
    return _load_model(str(path), (state.st_mtime_ns, state.st_ctime_ns, state.st_size))


@lru_cache(maxsize=2)
def _load_model(path: str, state: tuple[int, ...]) -> keras.Model:
    import keras  # here, so that the explorer opens without waiting for it

    import cagewatch.detectors.networks  # noqa: F401  registers the layers of the study's own networks

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras, zipfile and HDF5 raise whatever they trip over
        raise InputError(f"{path} cannot be loaded as a Keras model; train it again.") from error
