"""Ablations: which open point of the paper moves the AUC by more than another seed does?

The question `scores` needs no training: clip errors of a finished run are turned into frame scores
in every way the paper's words allow. On the way it looks at the two streams: which of them decides
a raw average, and what each is worth alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure

from cagewatch import params
from cagewatch.artefacts.parameters import (
    Given,
    command,
    figures_folder,
    is_simulated,
    runs_of,
    settings_of,
)
from cagewatch.clips import index_test_clips
from cagewatch.errors import InputError
from cagewatch.finished_runs import FinishedRun, load_model, read_run
from cagewatch.metrics import frame_auc, labelled_frames
from cagewatch.plots import save_figure
from cagewatch.recordings import load_recordings
from cagewatch.store import stores_of
from cagewatch.tables import collect_results, write_table

MODEL = "cae"  # the paper's better two-stream network
SINGLE = ("cae_image", "cae_flow")
# What the scores are varied from: the defaults of params/base.yaml.
PLAIN = {"clip_score": "norm", "stream_average": "raw", "clip_alignment": "mean"}
PROTOCOLS = {"pooled": "pooled", "per_video_scaled": "scaled per recording"}


def read_variations(question: str, path: Path | None = None) -> dict[str, list[Any]]:
    """The variations of one question of ``params/ablations.yaml``: other values by parameter.

    Raises
    ------
    InputError
        If the file cannot be read, has no such question, or names what is no parameter.
    """
    path = path or params.project_root() / "params" / "ablations.yaml"
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as YAML; fix it there.") from error
    if not isinstance(given, dict) or not isinstance(given.get(question), dict):
        raise InputError(f"{path} has no question {question!r} with variations; add it there.")
    params.refuse_unknown(given[question], where=str(path))
    return given[question]


def rescore_runs(given: Given) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score the finished runs of the two-stream CAE in every way, one thing changed at a time.

    Returns
    -------
    scores : one row per target, seed and variation: target, seed, parameter, value ('' and '' for
        the plain score) and the frame AUC by the protocols `PROTOCOLS`.
    streams : one row per target and seed, see `describe_streams`.

    Raises
    ------
    InputError
        If there is no finished run of the CAE, or one was scored with another `clip_score`.
    """
    runs = runs_of(given)
    runs = runs[(runs["dataset"] == given.dataset) & (runs["model"] == MODEL)]
    if not len(runs):
        raise InputError(
            f"There is no finished run of {MODEL} on {given.dataset}: run {command(given)}."
        )
    rows, streams = [], []
    for row in runs.itertuples():
        run = read_run(row.folder)
        if run.parameters.clip_score != PLAIN["clip_score"]:
            raise InputError(
                f"{run.folder} was scored with clip_score {run.parameters.clip_score!r}; run it "
                f"with {PLAIN['clip_score']!r} to compare the others with it."
            )
        key = {"target": row.target, "seed": row.seed}
        errors = measure_errors(run, given)
        for parameter, value, frames in score_variations(run, *errors):
            shown = {"parameter": parameter, "value": value}
            rows.append(key | shown | aucs_of(frames, "score"))
            if not parameter:
                streams.append(key | describe_streams(run, frames))
    return pd.DataFrame(rows), pd.DataFrame(streams)


def measure_errors(run: FinishedRun, given: Given) -> tuple[dict[str, np.ndarray], Any, Any, list]:
    """Frame errors of every test clip by stream, their index, stores and recordings."""
    from cagewatch import runtime

    runtime.load_backend()
    from cagewatch.batches import ClipBatches  # here: a backend has to be loaded first
    from cagewatch.scoring import compute_frame_errors

    own = {"results_dir": given.results_dir, "cores": given.cores}
    parameters = run.parameters.model_copy(update=own)
    tested = [one for one in load_recordings(parameters) if one.split == "test"]
    stores = stores_of(tested, parameters, max(1, given.cores))
    index = index_test_clips(tested, stores, parameters)
    scale = run.metrics["flow_scale"]
    model = load_model(run.folder)
    batches = ClipBatches(index, stores, parameters, scale, tuple(model.input))
    return compute_frame_errors(model, batches), index, stores, tested


def score_variations(
    run: FinishedRun, errors: Mapping[str, np.ndarray], index: Any, stores: Any, tested: list
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (parameter, value, frames): the plain score first, then each variation of it."""
    from cagewatch.scoring import score_clips, score_test_frames, tabulate_frames

    reference = reference_of(run)
    values_per_frame = {
        stream: int(np.prod(tensor.shape[2:]))
        for stream, tensor in load_model(run.folder).input.items()
    }
    others = read_variations("scores")
    for parameter, value in [("", "")] + [(name, one) for name in others for one in others[name]]:
        settings = run.parameters.model_copy(
            update=PLAIN | ({parameter: value} if parameter else {})
        )
        clip_scores = {
            stream: score_clips(error, values_per_frame[stream], settings.clip_score)
            for stream, error in errors.items()
        }
        by_recording = score_test_frames(clip_scores, reference, index, stores, settings)
        frames = tabulate_frames(tested, stores, by_recording, settings)
        yield parameter, value, labelled_frames(frames)


def reference_of(run: FinishedRun) -> dict[str, np.ndarray]:
    """Two values by stream that have the mean and the deviation of the training scores."""
    kept = run.metrics["reference_scores"]
    return {
        stream: np.array([one["mean"] - one["std"], one["mean"] + one["std"]])
        for stream, one in kept.items()
        if stream != "score"
    }


def aucs_of(frames: pd.DataFrame, column: str) -> dict[str, float]:
    """Frame AUC of a column of scores by the protocols `PROTOCOLS`."""
    flags, recording = frames["anomalous"].to_numpy(), frames["recording"].to_numpy()
    score = frames[column].to_numpy(float)
    return {name: frame_auc(score, flags, recording, name).value for name in PROTOCOLS}


def describe_streams(run: FinishedRun, frames: pd.DataFrame) -> dict[str, float]:
    """What each stream brings to the raw average of the two, on the test frames of one run.

    Returns
    -------
    ``auc_<stream>``: frame AUC, pooled, of the stream's score alone; ``noise_<stream>``: standard
    deviation of its scores of normal training clips, what standardising divides by;
    ``share_<stream>``: its share of the raw average's variance over the test frames, that is its
    covariance with the average divided by the variance of their sum, so that shares add up to 1.
    """
    streams = [name for name in ("image", "flow") if name in run.metrics["reference_scores"]]
    columns = {name: frames[f"score_{name}"].to_numpy(float) for name in streams}
    whole = np.sum(list(columns.values()), axis=0)
    found = {}
    for name, score in columns.items():
        found[f"auc_{name}"] = aucs_of(frames, f"score_{name}")["pooled"]
        found[f"noise_{name}"] = run.metrics["reference_scores"][name]["std"]
        found[f"share_{name}"] = float(np.cov(score, whole, ddof=0)[0, 1] / whole.var())
    return found


def compare_variations(scores: pd.DataFrame, protocol: str = "pooled") -> pd.DataFrame:
    """Each variation's AUC less the plain one's of the same seed, beside what a seed changes.

    Returns
    -------
    One row per target and variation: target, parameter, value, auc (mean over seeds), difference
    (mean over seeds, paired), least, most (range of the differences), spread (range over seeds of
    the plain AUC; NaN for one seed), seeds, moves: True if every difference has the same sign and
    their mean is larger than the spread; None for one seed, which has no spread.
    """
    rows = []
    for target, group in scores.groupby("target", sort=False):
        plain = group[group["parameter"] == ""].set_index("seed")[protocol]
        spread = float(plain.max() - plain.min()) if len(plain) > 1 else np.nan
        varied = group[group["parameter"] != ""]
        for (parameter, value), own in varied.groupby(["parameter", "value"], sort=False):
            auc = own.set_index("seed")[protocol]
            difference = auc - plain
            one_sign = bool((difference > 0).all() or (difference < 0).all())
            rows.append(
                {
                    "target": target,
                    "parameter": parameter,
                    "value": value,
                    "auc": float(auc.mean()),
                    "difference": float(difference.mean()),
                    "least": float(difference.min()),
                    "most": float(difference.max()),
                    "spread": spread,
                    "seeds": len(plain),
                    "moves": one_sign and abs(difference.mean()) > spread
                    if len(plain) > 1
                    else None,
                }
            )
    return pd.DataFrame(rows)


def write_scores(given: Given, scores: pd.DataFrame, streams: pd.DataFrame) -> pd.DataFrame:
    """Write both tables; return the one of the variations as people read it."""
    compared = {name: compare_variations(scores, name) for name in PROTOCOLS}
    first = compared["pooled"]
    table = first[["target", "parameter", "value", "seeds"]].copy()
    for name, words in PROTOCOLS.items():
        found = compared[name]
        table[f"AUC, {words}"] = found["auc"]
        table[f"difference, {words}"] = found["difference"].map("{:+.3f}".format)
        table[f"seed spread, {words}"] = found["spread"]
        table[f"more than a seed, {words}"] = found["moves"].map(
            {True: "yes", False: "no"}, na_action="ignore"
        )
    settings = settings_of(given)
    about = f"two-stream CAE on {given.dataset}, scale {settings.scale}"
    plain = ", ".join(f"{name} {value}" for name, value in PLAIN.items())
    protocol = (
        f"frame AUC, mean over seeds; each row changes one thing of: {plain}; difference from that "
        "with the same seed; seed spread: largest less smallest AUC of the plain score"
    )
    folder, simulated = figures_folder(given), is_simulated(given)
    caption = f"Ablation of the score, {about}"
    write_table(table, folder, "ablation_scores", caption, protocol, simulated)
    caption = f"What each stream brings to the raw average, {about}"
    protocol = (
        "auc: pooled frame AUC of the stream's score alone; noise: standard deviation over normal "
        "training clips; share: of the variance of the raw average over the test frames"
    )
    write_table(streams, folder, "ablation_streams", caption, protocol, simulated)
    return table


def show_scores(given: Given, scores: pd.DataFrame) -> Figure:
    """Draw what each variation changes, a panel a target; written as ``ablation_scores``."""
    table = compare_variations(scores)
    targets = list(table["target"].unique())
    figure, axes = plt.subplots(
        1, len(targets), figsize=(1.6 + 3.4 * len(targets), 2.8), sharey=True, squeeze=False
    )
    for ax, target in zip(axes[0], targets, strict=True):
        own = table[table["target"] == target]
        places = np.arange(len(own))
        if np.isfinite(spread := own["spread"].iloc[0]):
            ax.axvspan(-spread, spread, color="0.88", zorder=0, label="what another seed changes")
            ax.hlines(places, own["least"], own["most"], color="0.3", linewidth=2)
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.12), frameon=False)
        ax.plot(own["difference"], places, "o", color="#0072B2")
        ax.axvline(0, color="0.4", linewidth=0.8)
        ax.set_yticks(places, own["parameter"] + " " + own["value"])
        ax.set(title=target, xlabel="change of the pooled AUC", ylim=(len(own) - 0.5, -0.5))
    seeds = int(table["seeds"].max())
    caption = (
        f"Change of the frame AUC (pooled) when one thing of the score is changed, two-stream CAE "
        f"on {given.dataset}, {seeds} seed{'s' * (seeds > 1)}"
    )
    folder = figures_folder(given)
    save_figure(figure, folder, "ablation_scores", is_simulated(given), caption=caption)
    return figure


def describe_scores(given: Given, scores: pd.DataFrame, streams: pd.DataFrame) -> str:
    """Markdown: which choices move the AUC, and whether the noisier stream loses the average."""
    lines = []
    for protocol, words in PROTOCOLS.items():
        table = compare_variations(scores, protocol)
        moving = table[table["moves"] == True]  # noqa: E712  None is neither
        named = [
            f"{r.parameter} {r.value} ({r.target}, {r.difference:+.3f})"
            for r in moving.itertuples()
        ]
        if table["seeds"].max() < 2:
            lines.append(f"- {words}: one seed only, so no spread to compare a change with.")
        else:
            told = "; ".join(named) or "none"
            lines.append(f"- {words}: choices that move the AUC by more than a seed does: {told}.")
    for target in streams["target"].unique():
        lines.append(describe_average(given, target, scores, streams))
    return "\n".join(lines)


def describe_average(given: Given, target: str, scores: pd.DataFrame, streams: pd.DataFrame) -> str:
    """One line: does raw averaging let one stream decide, and does standardising help?"""
    own = streams[streams["target"] == target].mean(numeric_only=True)
    table = scores[scores["target"] == target]
    raw = table.loc[table["parameter"] == "", "pooled"].mean()
    standardised = table.loc[table["value"] == "standardised", "pooled"].mean()
    first, second = sorted(("image", "flow"), key=lambda name: -own[f"share_{name}"])
    times = own[f"noise_{first}"] / own[f"noise_{second}"]
    text = (
        f"- **{target}**: {own[f'share_{first}']:.0%} of the raw average's variance over the test "
        f"frames comes from the {first} stream, whose scores of normal training clips vary "
        f"{times:.1f} times as much as the other's; alone, image scores {own['auc_image']:.3f} and "
        f"flow {own['auc_flow']:.3f}. Raw average {raw:.3f}, standardised {standardised:.3f}. "
    )
    worse = own[f"auc_{first}"] < own[f"auc_{second}"]
    text += (
        f"The worse stream, {first}, decides the raw average."
        if worse
        else f"The stream that decides the raw average, {first}, is also the better one."
    )
    runs = runs_of(given, target)
    there = runs[(runs["dataset"] == given.dataset) & runs["model"].isin(SINGLE)]
    if len(there):
        rows = collect_results(given.results_dir, given.dataset, target, SINGLE, published=())
        alone = "; ".join(f"{row.method} {row.pooled:.3f}" for row in rows.itertuples())
        text += f" Networks of one stream: {alone}."
    return text
