"""Frame scores of the same errors, made in every way that the paper's words allow.

Nothing is trained: clip errors of a finished run are turned into frame scores anew, and its
bottleneck is asked instead of its errors. On the way it is looked at which stream decides a raw
average, and what each is worth alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from cagewatch.clips import ClipIndex, index_test_clips, index_training_clips, split_clips
from cagewatch.clips.windows import Windows, score_clips, spread_over_frames
from cagewatch.detectors.network import average_streams
from cagewatch.errors import InputError
from cagewatch.metrics import frame_auc, labelled_frames
from cagewatch.params import Parameters
from cagewatch.runs import FinishedRun, open_detector, read_run
from cagewatch.study.ablations.bottleneck import describe_clips, measure_distances
from cagewatch.study.ablations.results import PROTOCOLS, describe_variations
from cagewatch.study.ablations.variations import MODEL, read_variations
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.contents import VARIED_TARGETS
from cagewatch.study.tables import collect_results

SINGLE = ("cae_image", "cae_flow")
NORMAL_CLIPS = 512  # training clips that the bottleneck is compared with, evenly spread
# What the scores are varied from: the defaults of params/base.yaml.
PLAIN = {
    "clip_score": "norm",
    "stream_average": "raw",
    "clip_alignment": "mean",
    "roc_unit": "frame",
    "clip_label": "half",
}


def rescore_runs(given: Given) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score the finished runs of the two-stream CAE in every way, one thing changed at a time.

    Of a cage where the paper's two behaviours were targets, only those. Scores have one row per
    target, seed and variation: target, seed, variation ('' for the plain score) and the frame AUC
    by the protocols `PROTOCOLS`; streams one per target and seed, see `describe_streams`.
    InputError if there is no finished run of the CAE, or one was scored with another `clip_score`.
    """
    runs = given.runs()
    runs = runs[runs["model"] == MODEL]
    papers = runs["target"].isin(VARIED_TARGETS)
    runs = runs[papers] if papers.any() else runs
    if not len(runs):
        raise given.refuse(MODEL)
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
    errors : (n_clips, clip_length) mean squared errors of frames, by stream.
    values : how many values a frame has, by stream.
    distances : see `cagewatch.study.ablations.bottleneck.measure_distances`.
    index, frames, state : the test clips, the run's table of frame scores, what normal scores are.
    """

    errors: dict[str, np.ndarray]
    values: dict[str, int]
    distances: dict[str, np.ndarray]
    index: ClipIndex
    frames: pd.DataFrame
    state: Mapping[str, np.ndarray]


def measure_run(run: FinishedRun, given: Given) -> Measured:
    """Frame errors of every test clip, and how far it lies from training clips."""
    # Here: a backend has to be chosen first.
    from cagewatch.clips.batches import ClipBatches, as_keras_reads
    from cagewatch.detectors.inference.errors import add_error_heads
    from cagewatch.detectors.network import rebuild

    own = {"results_dir": given.results_dir, "cores": given.cores}
    parameters = run.parameters.model_copy(update=own)
    recordings, stores = given.prepare(parameters)
    trained, tested = ([one for one in recordings if one.split == s] for s in ("train", "test"))
    index = index_test_clips(tested, stores, parameters)
    normal, _ = split_clips(index_training_clips(trained, stores, parameters), parameters)
    chosen = np.linspace(0, len(normal) - 1, min(len(normal), NORMAL_CLIPS)).astype(int)
    state = open_detector(run.folder).state
    model = rebuild(state, parameters)
    settings = (stores, parameters, float(state["flow_scale"]), tuple(model.input))
    batches, reference = (ClipBatches(one, *settings) for one in (index, normal.take(chosen)))
    distances = measure_distances(describe_clips(model, reference), describe_clips(model, batches))
    errors = add_error_heads(model).predict(as_keras_reads(batches), verbose=0)
    values = {stream: int(np.prod(one.shape[2:])) for stream, one in model.input.items()}
    return Measured(errors, values, distances, index, run.frames, state)


def score_variations(run: FinishedRun, measured: Measured) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield (variation, frames, or clips where they are the unit): the plain score, '', first."""
    plain = run.parameters.model_copy(update=PLAIN)
    for variation, values in {"": {}, **read_variations("scores")}.items():
        settings = run.parameters.model_copy(update=PLAIN | values)
        clips = {
            f"score_{name}": score_clips(one, measured.values[name], settings.clip_score)
            for name, one in measured.errors.items()
        }
        if settings.roc_unit == "clip":
            score = average_streams(clips, measured.state, settings.stream_average)
            yield variation, tabulate_clips(score, measured, settings.clip_label)
        else:
            columns = {name: spread(one, measured, settings) for name, one in clips.items()}
            score = average_streams(columns, measured.state, settings.stream_average)
            yield variation, labelled_frames(measured.frames.assign(**columns, score=score))
    distance = spread(measured.distances["clips"], measured, plain)
    yield "bottleneck", labelled_frames(measured.frames.assign(score=distance))
    # Both in units of their own spread over normal frames and clips.
    usual, normal = measured.state["reference_score"], measured.distances["normal"]
    error = run.frames["score"].to_numpy(float)
    both = [
        (one - of.mean()) / max(of.std(), 1e-12) for one, of in ((error, usual), (distance, normal))
    ]
    yield "bottleneck_and_error", labelled_frames(measured.frames.assign(score=np.mean(both, 0)))


def spread(clip_score: np.ndarray, measured: Measured, settings: Parameters) -> np.ndarray:
    """Scores of the run's frames, in the order of its table, from scores of its clips."""
    index, parts = measured.index, []
    for name, frames in measured.frames.groupby("recording", sort=False):
        own = index.recording == index.names.index(name)
        first = frames["frame"].iloc[0]
        windows = Windows(index.frames[own].astype(np.int64) - first, len(frames))
        parts.append(spread_over_frames(clip_score[own], windows, settings.clip_alignment))
    return np.concatenate(parts)


def tabulate_clips(score: np.ndarray, measured: Measured, rule: str) -> pd.DataFrame:
    """One row per clip: recording, score, and whether it is anomalous by half or any frame."""
    index, flags = measured.index, np.zeros(len(score), bool)
    for name, frames in measured.frames.groupby("recording", sort=False):
        own = index.recording == index.names.index(name)
        of_frame = frames["anomalous"].fillna(False).to_numpy(bool)
        clips = of_frame[index.frames[own] - frames["frame"].iloc[0]]
        flags[own] = clips.any(axis=1) if rule == "any" else clips.mean(axis=1) >= 0.5
    names = np.array(index.names)[index.recording]
    return pd.DataFrame({"recording": names, "score": score, "anomalous": flags})


def aucs_of(frames: pd.DataFrame, column: str) -> dict[str, float]:
    """Frame AUC of a column of scores by the protocols `PROTOCOLS`."""
    flags, recording = frames["anomalous"].to_numpy(), frames["recording"].to_numpy()
    score = frames[column].to_numpy(float)
    return {name: frame_auc(score, flags, recording, name).value for name in PROTOCOLS}


def describe_streams(run: FinishedRun, frames: pd.DataFrame) -> dict[str, float]:
    """What each stream brings to the raw average of the two, on the test frames of one run.

    ``auc_<stream>``: frame AUC, pooled, of the stream's score alone; ``noise_<stream>``: standard
    deviation of its scores of normal training frames, what standardising divides by;
    ``share_<stream>``: its share of the raw average's variance over the test frames, that is its
    covariance with the average divided by the variance of their sum, so that shares add up to 1.
    """
    normal = run.metrics["reference_scores"]
    streams = [name for name in ("image", "flow") if f"score_{name}" in normal]
    columns = {name: frames[f"score_{name}"].to_numpy(float) for name in streams}
    whole = np.sum(list(columns.values()), axis=0)
    found = {}
    for name, score in columns.items():
        found[f"auc_{name}"] = aucs_of(frames, f"score_{name}")["pooled"]
        found[f"noise_{name}"] = normal[f"score_{name}"]["std"]
        found[f"share_{name}"] = float(np.cov(score, whole, ddof=0)[0, 1] / whole.var())
    return found


def write_streams(given: Given, streams: pd.DataFrame) -> None:
    """Write the table ``ablation_streams`` of `describe_streams`."""
    caption = f"What each stream brings to the raw average: two-stream CAE on {given.dataset}"
    protocol = (
        "auc: pooled frame AUC of the stream's score alone; noise: standard deviation over normal "
        "training frames; share: of the variance of the raw average over the test frames"
    )
    given.write(streams, "ablation_streams", caption, protocol)


def describe_scores(given: Given, scores: pd.DataFrame, streams: pd.DataFrame) -> str:
    """Markdown: which choices move the AUC; whether the worse stream decides the average."""
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
        f"frames comes from the {first} stream, whose scores of normal training frames vary "
        f"{times:.1f} times as much as the other's; alone, image scores {own['auc_image']:.3f} and "
        f"flow {own['auc_flow']:.3f}. Raw average {raw:.3f}, standardised {standardised:.3f}. "
    )
    worse = own[f"auc_{first}"] < own[f"auc_{second}"]
    text += (
        f"The worse stream, {first}, decides the raw average."
        if worse
        else f"The stream that decides the raw average, {first}, is also the better one."
    )
    if given.runs(target)["model"].isin(SINGLE).any():
        rows = collect_results(given.results_dir, given.dataset, target, SINGLE, (), given.values)
        alone = "; ".join(f"{row.method} {row.pooled:.3f}" for row in rows.itertuples())
        text += f" Networks of one stream: {alone}."
    return text
