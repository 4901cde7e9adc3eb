"""Before training: what the videos hold, what will be seen of them, and how long it all takes."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pandas as pd

from cagewatch import runtime
from cagewatch.cages.plan import HELD_OUT, TrainParameters, length_of, plan_training
from cagewatch.cages.train import prepare
from cagewatch.cages.verdict import size_warnings
from cagewatch.detectors import Computing, TrainingSet, fit_detector, is_network
from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.scoring import score_source
from cagewatch.store import preprocessing_of
from cagewatch.store.preprocess import shrink_frame
from cagewatch.video import probe, read_frames, same_rate

SAMPLE = 60  # frames of a video that are looked at
APART = 10  # frames from one to the next, so that the animal moves between them
CHANGED = 12  # gray levels by which a pixel differs from the scene where the animal is
FEW_MINUTES = 20  # of normal video, under which a detector sees too little of what is normal
SMALL = 12  # pixels of the small picture that an animal should cover at least
SECONDS = 30.0  # of video that each detector is timed on


class Look(NamedTuple):
    """What was found: a table with one row a video, and sentences on all of them."""

    table: pd.DataFrame
    advice: list[str]


def check_videos(sources: Mapping[str, Path], parameters: Parameters) -> Look:
    """Look at the headers and the first seconds of videos.

    The table has recording, minutes (by the header), fps, width, height, gray (mean, 0 to 255),
    animal (pixels of the small picture), problem ('' if there is none) and timed (whether the video
    carries time).
    """
    table = pd.DataFrame(
        [{"recording": name, **look_at(source, parameters)} for name, source in sources.items()]
    )
    return Look(table, give_advice(table, parameters))


def look_at(source: Path, parameters: Parameters) -> dict[str, float | str | bool]:
    """One row of the table of `check_videos`; a problem is told, not raised."""
    settings = preprocessing_of(parameters)
    try:
        header = probe(source, settings.image_fps)
        frames = islice(read_frames(source, fps=settings.image_fps), 0, SAMPLE * APART, APART)
        pictures = np.stack([shrink_frame(frame, settings) for _, frame in frames]).astype(float)
    except InputError as error:
        return {"problem": str(error)}
    scene = np.median(pictures, axis=0)
    return {
        "minutes": length_of(source, header),
        "fps": header.fps,
        "width": header.width,
        "height": header.height,
        "gray": float(pictures.mean()),
        "animal": float(np.median((np.abs(pictures - scene) > CHANGED).sum(axis=(1, 2)))),
        "problem": "",
        "timed": header.timed,
    }


def give_advice(table: pd.DataFrame, parameters: Parameters) -> list[str]:
    """Sentences on a table of `check_videos`, the graver ones first."""
    bad, good = table[table["problem"] != ""], table[table["problem"] == ""]
    advice = [f"{row.recording} cannot be used: {row.problem}" for row in bad.itertuples()]
    if not len(good):
        return [*advice, "There is nothing to train on."]
    for row in good[~good["timed"].astype(bool)].itertuples():
        advice.append(
            f"{row.recording} carries no time stamps and states no frame rate: it is looked at as"
            f" {row.fps:g} frames per second; say the right one with --image-fps."
        )
    slow, fast = good["fps"].idxmin(), good["fps"].idxmax()
    if not same_rate(good["fps"][slow], good["fps"][fast]):
        advice.append(
            f"Frame rates differ, {good['recording'][slow]} has {good['fps'][slow]:.4g} and"
            f" {good['recording'][fast]} {good['fps'][fast]:.4g}: leave one out, or train with"
            " --frame-rates resample."
        )
    advice += size_warnings({(int(w), int(h)) for w, h in good[["width", "height"]].to_numpy()})
    if (minutes := float(good["minutes"].sum())) < FEW_MINUTES:
        advice.append(
            f"{minutes:.1f} minutes in all are little: record at least {FEW_MINUTES} of normal"
            " behaviour, better hours, over the times of day that you want to watch."
        )
    rows = parameters.resize_height - parameters.crop_top - parameters.crop_bottom
    if (small := float(good["animal"].median())) < SMALL:
        advice.append(
            f"What moves covers about {small:.0f} of {rows}x{parameters.resize_width} pixels that a"
            " detector sees: set a region around the cage (--region left top width height)."
        )
    if parameters.crop_top or parameters.crop_bottom:
        top = parameters.crop_top / parameters.resize_height
        bottom = parameters.crop_bottom / parameters.resize_height
        advice.append(
            f"The upper {top:.1%} and the lower {bottom:.1%} of the picture are not looked at: set"
            " a region that leaves such a margin around what matters."
        )
    if parameters.region:
        width, height = parameters.region[2:]
        whole = good["width"].max() * good["height"].max()
        advice.append(
            f"The region keeps {width}x{height} pixels, {width * height / whole:.0%} of all."
        )
    return advice


def time_detectors(
    source: Path, given: TrainParameters, detectors: Sequence[str], hours: float
) -> pd.DataFrame:
    """Train each detector on the first SECONDS of a video, and say what `hours` of it would take.

    One row a detector: detector, train (minutes for all of it; NaN for a network, which takes what
    it is given), epoch (minutes of a network's epoch; NaN for others) and score (minutes an hour of
    video). InputError if the video cannot be cut or is too short, or a name is none.
    """
    cores = runtime.configure(given.backend, given.cores)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a copy's header need not be as long as its pictures
        sample = Path(folder) / "sample.mkv"
        length = cut_beginning(source, sample, SECONDS)
        asked = given.model_copy(update={"videos": [str(sample)], "into": folder})
        plans = [plan_training(asked.model_copy(update={"detector": one})) for one in detectors]
        began = time.perf_counter()
        stores = prepare(plans[0], cores)
        read = time.perf_counter() - began
        whole = hours * 60 / length  # minutes that all of it takes, for a second of the sample
        for plan in plans:
            parameters, epochs = plan.parameters, []
            if is_network(parameters.model):
                parameters = parameters.model_copy(update={"epochs": 2})
            training = TrainingSet(
                plan.train, stores, parameters, Path(folder),
                lambda _, row, epochs=epochs: epochs.append(row["seconds"]),
            )  # fmt: skip
            began = time.perf_counter()
            detector = fit_detector(training, Computing(cores=cores))
            fitted = time.perf_counter() - began
            scored = np.inf
            for _ in range(2):  # the first loads it
                began = time.perf_counter()
                score_source(detector, sample, progress=False)
                scored = min(scored, time.perf_counter() - began)
            row = {"detector": parameters.model, "score": 60 * scored / length}
            if epochs:
                row["epoch"] = whole * epochs[-1]  # the first compiles the network
            else:
                row["train"] = whole * (read + fitted + scored * HELD_OUT)
            rows.append(row)
    return pd.DataFrame(rows, columns=["detector", "train", "epoch", "score"])


def describe_times(table: pd.DataFrame) -> list[str]:
    """A sentence for each row of `time_detectors`."""
    sentences = []
    for row in table.itertuples():
        taken = f"about {row.train:.1f} minutes on all of it"
        if not np.isfinite(row.train):
            taken = f"an epoch takes about {row.epoch:.1f} minutes, --minutes says how many"
        score = f"scoring {row.score:.1f} minutes for an hour of video"
        sentences.append(f"{row.detector}: training {taken}; {score}.")
    return sentences


def cut_beginning(source: Path, target: Path, seconds: float) -> float:
    """Copy the beginning of a video without decoding it; how many seconds it has.

    InputError for what is no single file, or cannot be copied.
    """
    last = 0.0
    try:
        with av.open(str(source)) as given, av.open(str(target), "w") as copy:
            video = given.streams.video[0]
            stream = copy.add_stream_from_template(video)
            for packet in given.demux(video):
                if packet.pts is None or packet.dts is None:
                    continue
                last = float((packet.pts - (video.start_time or 0)) * video.time_base)
                if last > seconds:
                    break
                packet.stream = stream
                copy.mux(packet)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise InputError(f"{source} cannot be copied, so nothing was timed: {error}.") from error
    if last <= 0:
        raise InputError(f"{source} is too short, so nothing was timed: it has a single frame.")
    return min(last, seconds)
