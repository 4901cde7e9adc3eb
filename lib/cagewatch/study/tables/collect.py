"""From finished runs to rows: every seed of a model becomes one row, beside what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cagewatch.detectors import DETECTORS, is_network
from cagewatch.errors import InputError
from cagewatch.metrics import (
    BUDGETS,
    PROTOCOLS,
    Interval,
    auc_interval,
    frame_auc,
    labelled_frames,
)
from cagewatch.plots.style import name_model
from cagewatch.runs.read import FinishedRun, list_runs, read_run
from cagewatch.study.tables.present import input_size
from cagewatch.study.tables.published import read_published

# Seeds of one model may differ in these and still be the same experiment.
MAY_DIFFER = {"seed", "cores", "data_dir", "results_dir", "backend"}


def find_runs(
    results_dir: str | Path,
    dataset: str | None = None,
    target: str | None = None,
    model: str | None = None,
) -> pd.DataFrame:
    """List the finished runs that match: dataset, target, model, seed, folder; none is no error.

    Raises
    ------
    InputError
        If `results_dir` holds no finished run at all.
    """
    runs = list_runs(results_dir)
    for name, wanted in (("dataset", dataset), ("target", target), ("model", model)):
        if wanted is not None:
            runs = runs[runs[name] == wanted]
    return runs.reset_index(drop=True)


def read_seeds(folders: Sequence[str | Path]) -> tuple[pd.DataFrame, np.ndarray, list[FinishedRun]]:
    """Read the runs of one model, one per seed, and check that they belong together.

    Returns
    -------
    frames : the labelled frames, with the first seed's scores.
    scores : (n_seeds, n_frames) float64, one row per seed, on those frames.
    runs : as read.

    Raises
    ------
    InputError
        If a folder is no finished run of this version, or two of them differ in a parameter other
        than the seed, or in the frames they scored.
    """
    runs = [read_run(folder) for folder in folders]
    first = runs[0].parameters.model_dump()
    for run in runs[1:]:
        other = run.parameters.model_dump()
        differing = [
            name for name in first if name not in MAY_DIFFER and first[name] != other[name]
        ]
        if differing:
            raise InputError(
                f"{run.folder} and {runs[0].folder} differ in {differing[0]!r}, so they are not "
                "seeds of one experiment: run one of them again or take it away."
            )
    tables = [labelled_frames(run.frames) for run in runs]
    for run, table in zip(runs, tables, strict=True):
        same = len(table) == len(tables[0]) and all(
            np.array_equal(table[name].to_numpy(), tables[0][name].to_numpy())
            for name in ("recording", "frame", "anomalous")
        )
        if not same:
            raise InputError(
                f"{run.folder} and {runs[0].folder} scored different frames, so they cannot be put "
                "together: run one of them again."
            )
    return tables[0], np.stack([table["score"].to_numpy(float) for table in tables]), runs


def collect_results(
    results_dir: str | Path,
    datasets: str | Sequence[str],
    target: str | None = None,
    models: Sequence[str] | None = None,
    published: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Collect one row per dataset, target and model, and the published rows beside them.

    Parameters
    ----------
    datasets : for example ``['ped2', 'ped2_large']`` for two input sizes of one benchmark.
    models : which, in this order; by default all found.
    published : datasets whose published rows to add; by default the same ones, a larger input size
        counting as the same. Name ``['mit']`` to put the paper's values beside the simulated cage.

    Returns
    -------
    rows : ``source`` is 'ours' or 'published', ``kind`` that of `kind_of`. For each protocol ``p``
        the columns ``p``, ``p_low``, ``p_high``, ``p_min``, ``p_max`` (mean over seeds, interval
        over recordings and seeds, range of the seeds); ``trained`` says how long, in words;
        ``published`` is the text of a published number and ``published_auc`` the number.
        ``recall_B`` and ``got_B`` are, as means over seeds, the share of bouts caught at a budget
        of B false alarms an hour, and the false alarms there were.
    """
    datasets = [datasets] if isinstance(datasets, str) else list(datasets)
    runs = find_runs(results_dir, target=target)
    runs = runs[runs["dataset"].isin(datasets)]
    if models is not None:
        runs = runs[runs["model"].isin(models)]
    rows = [
        _row_of(*read_seeds(group["folder"].tolist()))
        for _, group in runs.groupby(["dataset", "target", "model"], sort=False)
    ]
    order = {name: index for index, name in enumerate(models or DETECTORS)}
    rows.sort(
        key=lambda row: (
            row["target"],
            order.get(row["model"], len(order)),
            row["model"],
            datasets.index(row["dataset"]),
        )
    )
    if published is None:
        published = [name.removesuffix("_large") for name in datasets]
    rows += published_rows(published, target, models)
    return pd.DataFrame(rows)


def _row_of(frames: pd.DataFrame, scores: np.ndarray, runs: list[FinishedRun]) -> dict[str, object]:
    """One row of `collect_results` from the seeds of one model."""
    parameters = runs[0].parameters
    kind = kind_of(parameters.model)
    row: dict[str, object] = {
        "source": "ours",
        "kind": kind,
        "dataset": parameters.dataset,
        "target": parameters.target,
        "model": parameters.model,
        "method": name_model(parameters.model),
        "input": input_size(parameters) if kind in ("network", "linear") else "source",
        "scale": parameters.scale,
        "seeds": len(runs),
        **describe_training([run.metrics.get("trained") for run in runs], parameters.epochs),
    }
    flags, recording = frames["anomalous"].to_numpy(), frames["recording"].to_numpy()
    label = frames["label"].fillna("").to_numpy()
    for protocol in PROTOCOLS:
        found = auc_interval(scores, flags, recording, label, protocol, parameters.interval)
        row |= {
            protocol: found.value,
            f"{protocol}_low": found.low,
            f"{protocol}_high": found.high,
            f"{protocol}_min": found.minimum,
            f"{protocol}_max": found.maximum,
        }
        if protocol == "pooled":
            row["interval"] = _describe_blocks(found)
    row |= _recall_of(runs)
    macro = frame_auc(scores[0], flags, recording, "macro")
    row["recordings"], row["macro_covers"] = macro.n_recordings, macro.n_covered
    row["protocol"] = runs[0].metrics["protocol"]
    return row


def _recall_of(runs: list[FinishedRun]) -> dict[str, float]:
    """Recall and false alarms at each budget, means over seeds; NaN where a run has none."""
    found = {}
    entries = [entry for run in runs for entry in run.metrics.get("recall_at_budgets") or []]
    for budget in BUDGETS:
        at = [entry for entry in entries if entry["budget"] == budget]
        for name in ("recall", "got"):
            values = [entry[name] for entry in at if entry[name] is not None]
            found[f"{name}_{budget:g}"] = float(np.mean(values)) if values else np.nan
    found["normal_hours"] = entries[0]["hours"] if entries else np.nan
    return found


def _describe_blocks(interval: Interval) -> str:
    """What an interval was made over, which is the same for every row of a target."""
    if interval.reason:
        return f"no interval: {interval.reason}"
    return (
        f"{interval.coverage:.0%} intervals, jackknife over {interval.n_blocks} {interval.unit} "
        f"({interval.n_anomalous_blocks} with anomalous frames) and a row's seeds, Student's t"
        + ("; they do not say how another recording would differ" * (interval.unit == "bouts"))
    )


def kind_of(model: str) -> str:
    """What sort of detector one is: 'network', or the module it is made by, such as 'trivial'."""
    return "network" if is_network(model) else DETECTORS.get(model, "").rpartition(".")[2]


def describe_training(
    trained: Sequence[Mapping[str, Any] | None], wanted: int | None
) -> dict[str, object]:
    """How long a network's seeds were trained: the least of all, in epochs, steps and words.

    Parameters
    ----------
    trained : sequence of dict or None
        ``trained`` of each run's metrics; None for a detector without epochs.
    wanted : int, optional
        Epochs of the paper's Table 1.

    Returns
    -------
    dict
        ``epochs`` and ``steps``, 0 without epochs; ``trained``, which says so where a network was
        stopped before the wanted epochs.
    """
    lengths = [one for one in trained if one]
    if not lengths:
        return {"epochs": 0, "steps": 0, "trained": ""}
    least = min(lengths, key=lambda one: one["steps"])
    epochs, steps = int(least["epochs"]), int(least["steps"])
    words = f"{epochs} epochs, {steps:,} steps"
    if wanted is not None and epochs < wanted:
        words = f"stopped at step {steps:,}, epoch {epochs} of {wanted}"
    return {"epochs": epochs, "steps": steps, "trained": words}


def published_rows(
    datasets: Sequence[str], target: str | None = None, models: Sequence[str] | None = None
) -> list[dict[str, object]]:
    """The published numbers as rows of `collect_results`, those of none of our models always."""
    published = read_published(target=target)
    published = published[published["dataset"].isin(datasets)]
    rows = []
    for entry in published.to_dict("records"):
        if models is not None and entry["model"] is not None and entry["model"] not in models:
            continue
        rows.append(
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
        )
    return rows
