"""Ablations: the open points of the paper that move the AUC by more than another seed does.

The question `scores` needs no training: clip errors of a finished run are turned into frame scores
in every way the paper's words allow, and its bottleneck is asked instead of its errors. On the way
it looks at the two streams: which of them decides a raw average, and what each is worth alone.
Variations that are trained come from `retrained`; tables, figures and words are
the same for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.clips import ClipIndex, index_test_clips, index_training_clips, split_clips
from cagewatch.errors import InputError
from cagewatch.metrics import frame_auc, labelled_frames
from cagewatch.params import Parameters
from cagewatch.plots import save_figure
from cagewatch.recordings import Recording, load_recordings
from cagewatch.runs.read import FinishedRun, load_model, read_run
from cagewatch.store import Store, stores_of
from cagewatch.study.artefacts.bottleneck import describe_clips, measure_distances
from cagewatch.study.artefacts.contents import VARIED_TARGETS
from cagewatch.study.artefacts.parameters import (
    Given,
    command,
    figures_folder,
    is_simulated,
    runs_of,
    settings_of,
)
from cagewatch.study.artefacts.variations import MODEL, in_words, read_variations
from cagewatch.study.tables import collect_results, write_table

SINGLE = ("cae_image", "cae_flow")
# What the scores are varied from: the defaults of params/base.yaml.
PLAIN = {
    "clip_score": "norm",
    "stream_average": "raw",
    "clip_alignment": "mean",
    "roc_unit": "frame",
    "clip_label": "half",
}
PROTOCOLS = {"pooled": "pooled", "per_video_scaled": "scaled per recording"}


def rescore_runs(given: Given) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score the finished runs of the two-stream CAE in every way, one thing changed at a time.

    Of a cage where the paper's two behaviours were targets, only those.

    Returns
    -------
    scores : one row per target, seed and variation: target, seed, variation ('' for the plain
        score) and the frame AUC by the protocols `PROTOCOLS`.
    streams : one row per target and seed, see `describe_streams`.

    Raises
    ------
    InputError
        If there is no finished run of the CAE, or one was scored with another `clip_score`.
    """
    runs = runs_of(given)
    runs = runs[(runs["dataset"] == given.dataset) & (runs["model"] == MODEL)]
    papers = runs["target"].isin(VARIED_TARGETS)
    runs = runs[papers] if papers.any() else runs
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
        measured = measure_run(run, given)
        for variation, frames in score_variations(run, measured):
            rows.append(key | {"variation": variation} | aucs_of(frames, "score"))
            if not variation:
                streams.append(key | describe_streams(run, frames))
    return pd.DataFrame(rows), pd.DataFrame(streams)


class Measured(NamedTuple):
    """A finished run's network on its test clips, before anything is a score.

    Attributes
    ----------
    errors : (n_clips, clip_length) float by stream.
    normal : the same of training clips, at most `cagewatch.scoring.frames.REFERENCE_CLIPS`.
    values : how many a frame has, by stream.
    distances : see `cagewatch.study.artefacts.bottleneck.measure_distances`.
    index, stores, tested : the test clips, and the stores and recordings they are of.
    """

    errors: dict[str, np.ndarray]
    normal: dict[str, np.ndarray]
    values: dict[str, int]
    distances: dict[str, np.ndarray]
    index: ClipIndex
    stores: dict[str, Store]
    tested: list[Recording]


def measure_run(run: FinishedRun, given: Given) -> Measured:
    """Frame errors of every test clip, and how far it lies from training clips."""
    from cagewatch import runtime

    runtime.load_backend()
    from cagewatch.clips.batches import ClipBatches  # here: a backend has to be loaded first
    from cagewatch.scoring.frames import compute_frame_errors, spread_clips

    own = {"results_dir": given.results_dir, "cores": given.cores}
    parameters = run.parameters.model_copy(update=own)
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters, max(1, given.cores))
    trained, tested = ([one for one in recordings if one.split == s] for s in ("train", "test"))
    index = index_test_clips(tested, stores, parameters)
    normal, _ = split_clips(index_training_clips(trained, stores, parameters), parameters)
    model = load_model(run.folder)
    settings = (stores, parameters, run.metrics["flow_scale"], tuple(model.input))
    batches, reference = (ClipBatches(clips, *settings) for clips in (index, spread_clips(normal)))
    distances = measure_distances(describe_clips(model, reference), describe_clips(model, batches))
    errors = [compute_frame_errors(model, one) for one in (batches, reference)]
    values = {stream: int(np.prod(one.shape[2:])) for stream, one in model.input.items()}
    return Measured(*errors, values, distances, index, stores, tested)


def score_variations(run: FinishedRun, measured: Measured) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield (variation, frames, or clips where they are the unit): the plain score, '', first."""
    from cagewatch.scoring.frames import (
        average_streams,
        score_clips,
        score_test_frames,
        tabulate_clips,
        tabulate_frames,
    )

    errors, normal, values_per_frame, distances, index, stores, tested = measured
    reference = reference_of(run)

    def score(errors: Mapping[str, np.ndarray], form: str) -> dict[str, np.ndarray]:
        return {
            name: score_clips(one, values_per_frame[name], form) for name, one in errors.items()
        }

    def tabulate(scores: Mapping[str, np.ndarray], settings: Parameters) -> pd.DataFrame:
        by_recording = score_test_frames(scores, reference, index, stores, settings)
        return labelled_frames(tabulate_frames(tested, stores, by_recording, settings))

    for variation, values in {"": {}, **read_variations("scores")}.items():
        settings = run.parameters.model_copy(update=PLAIN | values)
        clip_scores = score(errors, settings.clip_score)
        if settings.roc_unit == "clip":
            labelled = index_test_clips(tested, stores, settings)  # the same clips
            yield variation, tabulate_clips(clip_scores, reference, labelled, settings)
        else:
            yield variation, tabulate(clip_scores, settings)
    plain = run.parameters.model_copy(update=PLAIN)
    yield "bottleneck", tabulate({"distance": distances["clips"]}, plain)
    # By the same average of training clips, whichever average the run was made with.
    error, usual = (
        average_streams(score(one, plain.clip_score), {}, "raw") for one in (errors, normal)
    )
    both = average_streams(
        {"error": error, "distance": distances["clips"]},
        {"error": usual, "distance": distances["normal"]},
        "standardised",
    )
    yield "bottleneck_and_error", tabulate({"both": both}, plain)


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
    One row per target and variation: target, variation, auc (mean over seeds), difference (mean
    over the seeds both have, paired), least, most (range of the differences), spread (range over
    seeds of the plain AUC; NaN for one seed), seeds (of the variation), moves: True if every
    difference has the same sign and their mean is larger than the spread; None for one seed, which
    has no spread.
    """
    rows = []
    for target, group in scores.groupby("target", sort=False):
        plain = group[group["variation"] == ""].set_index("seed")[protocol]
        spread = float(plain.max() - plain.min()) if len(plain) > 1 else np.nan
        varied = group[group["variation"] != ""]
        for variation, own in varied.groupby("variation", sort=False):
            auc = own.set_index("seed")[protocol]
            difference = (auc - plain).dropna()
            one_sign = bool((difference > 0).all() or (difference < 0).all())
            found = {
                "auc": float(auc.mean()),
                "difference": float(difference.mean()),
                "least": float(difference.min()),
                "most": float(difference.max()),
                "spread": spread,
                "seeds": len(difference),
            }
            moves = one_sign and abs(found["difference"]) > spread
            found["moves"] = moves if min(len(plain), len(difference)) > 1 else None
            rows.append({"target": target, "variation": variation} | found)
    return pd.DataFrame(rows)


def write_variations(given: Given, question: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Write the table ``ablation_<question>`` and return it as people read it."""
    compared = {name: compare_variations(scores, name) for name in PROTOCOLS}
    first = compared["pooled"]
    table = first[["target"]].copy()
    table["changed"] = [in_words(question, variation) for variation in first["variation"]]
    table["seeds"] = first["seeds"]
    for name, words in PROTOCOLS.items():
        found = compared[name]
        table[f"AUC, {words}"] = found["auc"]
        table[f"difference, {words}"] = found["difference"].map("{:+.3f}".format)
        table[f"seed spread, {words}"] = found["spread"]
        table[f"more than a seed, {words}"] = found["moves"].map(
            {True: "yes", False: "no"}, na_action="ignore"
        )
    caption = f"Ablation, {question}: two-stream CAE on {given.dataset}"
    protocol = (
        "frame AUC, mean over seeds; each row changes one thing; difference from the unchanged "
        "model or score with the same seed; seed spread: largest less smallest AUC of the "
        "unchanged one; more than a seed: every seed's difference has the same sign and their "
        f"mean exceeds the spread; scale {settings_of(given).scale}"
    )
    name = f"ablation_{question}"
    write_table(table, figures_folder(given), name, caption, protocol, is_simulated(given))
    return table


def write_streams(given: Given, streams: pd.DataFrame) -> None:
    """Write the table ``ablation_streams`` of `describe_streams`."""
    caption = f"What each stream brings to the raw average: two-stream CAE on {given.dataset}"
    protocol = (
        "auc: pooled frame AUC of the stream's score alone; noise: standard deviation over normal "
        "training clips; share: of the variance of the raw average over the test frames"
    )
    folder, simulated = figures_folder(given), is_simulated(given)
    write_table(streams, folder, "ablation_streams", caption, protocol, simulated)


def show_variations(given: Given, question: str, scores: pd.DataFrame) -> Figure:
    """Draw what each variation changes, a panel a target; written as ``ablation_<question>``."""
    table = compare_variations(scores)
    targets = list(table["target"].unique())
    height = 1.2 + 0.36 * table["variation"].nunique()
    figure, axes = plt.subplots(
        1, len(targets), figsize=(2.2 + 3.4 * len(targets), height), sharey=True, squeeze=False
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
        ax.locator_params(axis="x", nbins=5)
        ax.set_yticks(places, [in_words(question, name) for name in own["variation"]])
        ax.set(title=target, xlabel="change of the pooled AUC", ylim=(len(own) - 0.5, -0.5))
    caption = (
        f"Ablation, {question}: change of the frame AUC (pooled) when one thing is changed, "
        f"two-stream CAE on {given.dataset}; dots: mean over seeds, lines: their range"
    )
    folder, name = figures_folder(given), f"ablation_{question}"
    save_figure(figure, folder, name, is_simulated(given), caption=caption)
    return figure


def describe_variations(question: str, scores: pd.DataFrame) -> str:
    """Markdown: which choices move the AUC by more than a seed does; that none does, if so."""
    lines = []
    for protocol, words in PROTOCOLS.items():
        table = compare_variations(scores, protocol)
        if table["moves"].isna().all():
            lines.append(f"- {words}: one seed only, so no spread to compare a change with.")
            continue
        moving = table[table["moves"].fillna(False).astype(bool)]
        named = [
            f"{in_words(question, row.variation)} ({row.target}, {row.difference:+.3f})"
            for row in moving.itertuples()
        ]
        told = "; ".join(named) or "none"
        lines.append(f"- {words}: choices that move the AUC by more than a seed does: {told}.")
    return "\n".join(lines)


def describe_scores(given: Given, scores: pd.DataFrame, streams: pd.DataFrame) -> str:
    """Markdown: which choices move the AUC, and whether the noisier stream loses the average."""
    averages = [
        describe_average(given, target, scores, streams) for target in streams["target"].unique()
    ]
    return "\n".join([describe_variations("scores", scores), *averages])


def describe_average(given: Given, target: str, scores: pd.DataFrame, streams: pd.DataFrame) -> str:
    """Say in one line whether one stream decides a raw average, and whether scaling helps."""
    own = streams[streams["target"] == target].mean(numeric_only=True)
    table = scores[scores["target"] == target]
    by_variation = table.groupby("variation")["pooled"].mean()
    raw, standardised = by_variation[""], by_variation["standardised"]
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
