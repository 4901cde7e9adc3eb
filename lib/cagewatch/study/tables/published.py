"""Published results, as data beside the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.params import Fraction


class Published(BaseModel):
    """One published number: an AUC, or the bounds that it is known to lie in."""

    model_config = ConfigDict(extra="forbid")

    dataset: str
    target: str
    method: str
    model: str | None = None  # of ours it is to be compared with
    auc: Fraction = np.nan
    above: Fraction = np.nan
    below: Fraction = np.nan
    source: str
    protocol: str


def read_published(
    dataset: str | None = None, target: str | None = None, path: Path | None = None
) -> pd.DataFrame:
    """Read ``params/published.yaml``, the rows of one dataset and target if given.

    One row per number, with the columns of `Published`; ``text`` is the number in words. InputError
    if the file is no such list, or a row has an unknown name, lacks one, or a number outside [0,
    1].
    """
    path = path or params.layers_root() / "params" / "published.yaml"
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML ({reason}); fix it there.") from error
    rows = []
    for number, row in enumerate(given, start=1):
        where = f"row {number} of {path}"
        if not isinstance(row, dict):
            raise InputError(f"There are no names and values in {where}; fix it there.")
        one = params.check_values(row, Published, where).model_dump()
        rows.append(one | {"text": _in_words(one["auc"], one["above"], one["below"])})
        if not rows[-1]["text"]:
            raise InputError(f"There is neither auc nor above and below in {where}; add one.")
    table = pd.DataFrame(rows)
    table["model"] = table["model"].astype(object).where(table["model"].notna(), None)
    for name, wanted in (("dataset", dataset), ("target", target)):
        table = table if wanted is None else table[table[name] == wanted]
    return table.reset_index(drop=True)


def _in_words(auc: float, above: float, below: float) -> str:
    if np.isfinite(auc):
        return f"{auc:.3f}"
    bounds = ((">", above), ("<", below))
    return " and ".join(f"{sign} {one:.3g}" for sign, one in bounds if np.isfinite(one))


def published_rows(
    datasets: Sequence[str], target: str | None = None, models: Sequence[str] | None = None
) -> list[dict[str, object]]:
    """The published numbers as rows of `collect_results`, those of none of our models always."""
    return [
        {
            "source": "published",
            "dataset": entry["dataset"],
            "target": entry["target"],
            "model": entry["model"],
            "method": f"{entry['method']}, {entry['source']}",
            "published": entry["text"],
            "published_auc": entry["auc"],
            "protocol": entry["protocol"],
        }
        for entry in read_published(target=target).to_dict("records")
        if entry["dataset"] in datasets
        and (models is None or entry["model"] is None or entry["model"] in models)
    ]
