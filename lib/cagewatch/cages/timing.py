"""How long training and scoring take on this machine: each detector on the beginning of a video."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd

from cagewatch import runtime
from cagewatch.cages.plan import HELD_OUT, TrainParameters, plan_training
from cagewatch.cages.train import prepare
from cagewatch.detectors import Computing, Detector, TrainingSet, fit_detector, is_network
from cagewatch.errors import InputError
from cagewatch.scoring import score_source

SECONDS = 30.0  # of video that each detector is timed on


def time_detectors(
    source: Path, given: TrainParameters, detectors: Sequence[str], hours: float
) -> pd.DataFrame:
    """Train each detector on the first SECONDS of a video, score them, and say what all would take.

    Parameters
    ----------
    source : Path
        A video.
    given : TrainParameters
        Whose region, rotation, backend and cores hold.
    detectors : sequence of str
        Names of ``params/model``.
    hours : float
        Video to train on, a quarter of it held out.

    Returns
    -------
    DataFrame
        One row a detector: detector, train (minutes for all of it; NaN for a network, which takes
        what it is given), epoch (minutes of a network's epoch; NaN for others) and score (minutes
        an hour of video).

    Raises
    ------
    InputError
        If the video cannot be cut or is too short, or a name is none.
    """
    cores = runtime.configure(given.backend, given.cores)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a copy's header need not be as long as its pictures
        sample = Path(folder) / "sample.mkv"
        length = cut_beginning(source, sample, SECONDS)
        asked = {"videos": [str(sample)], "into": folder}
        plans = [plan_training(given.model_copy(update=asked | {"detector": d})) for d in detectors]
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
            scored = min(_time_scoring(detector, sample) for _ in range(2))  # the first loads it
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


def _time_scoring(detector: Detector, source: Path) -> float:
    began = time.perf_counter()
    score_source(detector, source, progress=False)
    return time.perf_counter() - began


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
    return min(last, seconds)
