"""From finished runs to rows: every seed of a model becomes one row, beside what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cagewatch.detectors import DETECTORS, is_network
from cagewatch.errors import InputError
from cagewatch.metrics import BUDGETS, PROTOCOLS, auc_interval, frame_auc, scored_frames
from cagewatch.params import Parameters
from cagewatch.plots.style import name_model
from cagewatch.runs.read import FinishedRun, list_runs, read_run
from cagewatch.study.tables.present import describe_blocks, input_size
from cagewatch.study.tables.published import published_rows
from cagewatch.study.values import choose_seeds


def find_runs(
    results_dir: str | Path, values: Mapping[str, Any] | None = None, **wanted: Any
) -> pd.DataFrame:
    """List the finished runs of the wanted dataset, target and model; none is no error.

    What is wanted is one name or a list of some. `values` are the study's, see `choose_seeds`.
    InputError if `results_dir` holds no finished run at all, or seeds that do not belong together.
    """
    runs = list_runs(results_dir)
    for name, value in wanted.items():
        if value is not None:
            runs = runs[runs[name].isin([value] if isinstance(value, str) else value)]
    return choose_seeds(runs, values).reset_index(drop=True)


def read_seeds(
    folders: Sequence[str | Path], edge_margin: int | None = None
) -> tuple[pd.DataFrame, np.ndarray, list[FinishedRun]]:
    """Read the runs of one model, one per seed, and check that they scored the same frames.

    The labelled frames, without those within `edge_margin` frames of an edge of a bout (None: as
    the runs have it), with the first seed's scores; all scores, (n_seeds, n_frames) float64; the
    runs. InputError if a folder is no finished run of this version, or two scored other frames.
    """
    runs = [read_run(folder) for folder in folders]
    margins = [run.parameters.edge_margin if edge_margin is None else edge_margin for run in runs]
    tables = [scored_frames(run.frames, one) for run, one in zip(runs, margins, strict=True)]
    keys = ["recording", "frame", "anomalous"]
    for run, table in zip(runs, tables, strict=True):
        both = f"{run.folder} and {runs[0].folder}"
        if not table[keys].equals(tables[0][keys]):
            raise InputError(
                f"{both} scored different frames, so they cannot be put together: run one of them "
                "again."
            )
    return tables[0], np.stack([table["score"].to_numpy(float) for table in tables]), runs


def blocks_of(frames: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What intervals are made over: anomalous, recording and label of each frame."""
    label = frames["label"].fillna("").to_numpy()
    return frames["anomalous"].to_numpy(), frames["recording"].to_numpy(), label


def collect_results(
    results_dir: str | Path,
    datasets: str | Sequence[str],
    target: str | None = None,
    models: Sequence[str] | None = None,
    published: Sequence[str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Collect one row per dataset, target and model, and the published rows beside them.

    `datasets` may name two input sizes of one benchmark, as ``['ped2', 'ped2_large']``; `models`
    says which and their order, by default all found. `published` names the datasets whose published
    rows to add, by default the same ones, a larger input size counting as the same; ``['mit']``
    puts the paper's values beside the simulated cage. `values` are the study's, see `choose_seeds`.

    ``source`` is 'ours' or 'published', ``kind`` that of `kind_of`. For each protocol ``p`` the
    columns ``p``, ``p_low``, ``p_high``, ``p_min``, ``p_max`` (mean over seeds, interval over
    recordings and seeds, range of the seeds); ``trained`` says how long, in words; ``published`` is
    the text of a published number and ``published_auc`` the number. ``recall_B`` and ``got_B`` are,
    as means over seeds, the share of bouts caught at a budget of B false alarms an hour, and the
    false alarms there were.
    """
    datasets = [datasets] if isinstance(datasets, str) else list(datasets)
    runs = find_runs(results_dir, values, dataset=datasets, target=target, model=models)
    order = list(models or DETECTORS)
    order += sorted(set(runs["model"]) - set(order))
    found = {
        (target, order.index(model), datasets.index(dataset)): group["folder"].tolist()
        for (dataset, target, model), group in runs.groupby(["dataset", "target", "model"])
    }
    rows = [_row_of(*read_seeds(found[key])) for key in sorted(found)]
    if published is None:
        published = [name.removesuffix("_large") for name in datasets]
    return pd.DataFrame(rows + published_rows(published, target, models))


def _row_of(frames: pd.DataFrame, scores: np.ndarray, runs: list[FinishedRun]) -> dict[str, object]:
    """One row of `collect_results` from the seeds of one model."""
    parameters, kind = runs[0].parameters, kind_of(runs[0].parameters.model)
    row: dict[str, object] = {
        "source": "ours",
        "kind": kind,
        "dataset": parameters.dataset,
        "target": parameters.target,
        "model": parameters.model,
        "method": name_model(parameters.model),
        "input": input_size(parameters) if kind in ("network", "linear") else "source",
        "scale": parameters.scale,
        "edge_margin": parameters.edge_margin,
        "seeds": len(runs),
        **describe_training([run.metrics.get("trained") for run in runs], parameters),
    }
    flags, recording, label = blocks_of(frames)
    for protocol in PROTOCOLS:
        found = auc_interval(scores, flags, recording, label, protocol, parameters.interval)
        row[protocol] = found.value
        for end, name in (("low", "low"), ("high", "high"), ("minimum", "min"), ("maximum", "max")):
            row[f"{protocol}_{name}"] = getattr(found, end)
        if protocol == "pooled":
            row["interval"] = describe_blocks(found)
    row |= _recall_of(runs)
    macro = frame_auc(scores[0], flags, recording, "macro")
    row["recordings"], row["macro_covers"] = macro.n_recordings, macro.n_covered
    row["protocol"] = runs[0].metrics["protocol"]
    return row


def _recall_of(runs: list[FinishedRun]) -> dict[str, float]:
    """Recall and false alarms at each budget, means over seeds; NaN where a run has none."""
    entries = [entry for run in runs for entry in run.metrics.get("recall_at_budgets") or []]
    table = pd.DataFrame(entries, columns=["budget", "recall", "got", "hours"]).astype(float)
    means = table.groupby("budget")[["recall", "got"]].mean().reindex(BUDGETS)
    found = {f"{name}_{budget:g}": means.loc[budget, name] for budget in BUDGETS for name in means}
    return found | {"normal_hours": entries[0]["hours"] if entries else np.nan}


def kind_of(model: str) -> str:
    """What sort of detector one is: 'network', or the module it is made by, such as 'trivial'."""
    return "network" if is_network(model) else DETECTORS.get(model, "").rpartition(".")[2]


def describe_training(
    trained: Sequence[Mapping[str, Any] | None], parameters: Parameters
) -> dict[str, object]:
    """How long a network's seeds were trained: the least of all, in epochs, steps and words.

    From ``trained`` of each run's metrics, None for a detector without epochs. The words say where
    a network was stopped before the epochs of the paper's Table 1, and where it is not of Figure
    2's width.
    """
    lengths = [one for one in trained if one]
    if not lengths:
        return {"epochs": 0, "steps": 0, "trained": ""}
    least = min(lengths, key=lambda one: one["steps"])
    epochs, steps = int(least["epochs"]), int(least["steps"])
    words = f"{epochs} epochs, {steps:,} steps"
    if parameters.epochs is not None and epochs < parameters.epochs:
        words = f"stopped at step {steps:,}, epoch {epochs} of {parameters.epochs}"
    if parameters.width not in (None, 1):
        words += f", width {parameters.width:g}"
    return {"epochs": epochs, "steps": steps, "trained": words}
