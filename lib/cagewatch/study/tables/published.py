"""Published results, as data beside the parameters."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from cagewatch.errors import InputError
from cagewatch.params import layers_root

COLUMNS = ("dataset", "target", "method", "model", "auc", "above", "below", "source", "protocol")


def read_published(
    dataset: str | None = None, target: str | None = None, path: Path | None = None
) -> pd.DataFrame:
    """Read ``params/published.yaml``, the rows of one dataset and target if given.

    Returns
    -------
    rows : one per published number. ``auc`` is NaN where only bounds are known, ``above`` and
        ``below``; ``model`` is None where it is none of ours; ``text`` is the number in words.

    Raises
    ------
    InputError
        If the file cannot be read, or a row has an unknown name, lacks one, or a number outside
        [0, 1].
    """
    path = path or layers_root() / "params" / "published.yaml"
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML ({reason}); fix it there.") from error
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise InputError(f"{path} must hold a list of rows with names and values; fix it there.")
    for number, row in enumerate(given, start=1):
        _check_row(row, f"row {number} of {path}")
    rows = pd.DataFrame(given).reindex(columns=COLUMNS)
    rows["model"] = rows["model"].astype(object).where(rows["model"].notna(), None)
    for name in ("auc", "above", "below"):
        rows[name] = rows[name].astype(float)
    rows["text"] = [
        _in_words(*bounds) for bounds in rows[["auc", "above", "below"]].itertuples(index=False)
    ]
    for name, wanted in (("dataset", dataset), ("target", target)):
        if wanted is not None:
            rows = rows[rows[name] == wanted]
    return rows.reset_index(drop=True)


def _check_row(row: dict, where: str) -> None:
    for name in row:
        if name not in COLUMNS:
            nearest = difflib.get_close_matches(str(name), COLUMNS, n=1)
            hint = (
                f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(COLUMNS)}."
            )
            raise InputError(f"Unknown name {name!r} in {where}: {hint}")
    lacking = [
        name
        for name in ("dataset", "target", "method", "source", "protocol")
        if not isinstance(row.get(name), str)
    ]
    if lacking:
        raise InputError(f"There is no text for {lacking[0]!r} in {where}; add it.")
    numbers = [row[name] for name in ("auc", "above", "below") if row.get(name) is not None]
    if not numbers:
        raise InputError(f"There is neither auc nor above and below in {where}; add one.")
    if not all(isinstance(value, int | float) and 0 <= value <= 1 for value in numbers):
        raise InputError(f"The numbers in {where} must lie between 0 and 1; fix them.")


def _in_words(auc: float, above: float, below: float) -> str:
    if np.isfinite(auc):
        return f"{auc:.3f}"
    parts = [f"> {above:.3g}"] * bool(np.isfinite(above))
    return " and ".join(parts + [f"< {below:.3g}"] * bool(np.isfinite(below)))
