"""Ablations that need training: the study's CAE beside the same with one open point changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cagewatch.errors import InputError
from cagewatch.files import read_json
from cagewatch.study.ablations.results import PROTOCOLS
from cagewatch.study.ablations.variations import FOLDER, MODEL, read_variations
from cagewatch.study.artefacts.parameters import Given, command, runs_of


def collect_variations(given: Given, question: str) -> pd.DataFrame:
    """The AUCs of the CAE as it is and of each variation of a question that was run.

    Returns
    -------
    One row per target, seed and variation: target, seed, variation ('' for the CAE as it is) and
    the frame AUC by the protocols `PROTOCOLS`. Only targets that a variation was run for.

    Raises
    ------
    InputError
        If no variation was run, or the CAE itself was not.
    """
    rows = []
    for variation in read_variations(question):
        folder = str(Path(given.results_dir) / FOLDER / variation)
        rows += _aucs(given.model_copy(update={"results_dir": folder}), variation)
    targets = {row["target"] for row in rows}
    plain = [row for row in _aucs(given, "") if row["target"] in targets]
    if not rows or not plain:
        raise InputError(
            f"There is no finished run of the ablation {question!r} on {given.dataset}: run "
            f"{command(given).replace('make study', 'make ablations')}."
        )
    return pd.DataFrame([*plain, *rows])


def _aucs(given: Given, variation: str) -> list[dict[str, object]]:
    runs = runs_of(given)
    rows = []
    for run in runs[(runs["dataset"] == given.dataset) & (runs["model"] == MODEL)].itertuples():
        found = read_json(run.folder / "metrics.json")["protocols"]
        aucs = {name: found[name]["auc"] for name in PROTOCOLS}
        rows.append({"target": run.target, "seed": run.seed, "variation": variation} | aucs)
    return rows
