"""A finished run's scores at a threshold, and the file a chosen threshold is kept in."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from cagewatch.errors import InputError
from cagewatch.files import json_ready, read_json, write_json
from cagewatch.metrics import (
    Scored,
    frame_durations,
    labelled_frames,
    smooth_scores,
    weigh_threshold,
)
from cagewatch.runs.read import FinishedRun

THRESHOLD_FORMAT = 1
COLUMN_OF = {"both": "score", "image": "score_image", "flow": "score_flow"}


def available_scores(run: FinishedRun) -> list[str]:
    """List which of 'both', 'image' and 'flow' the run has a score for in every frame."""
    return [name for name, column in COLUMN_OF.items() if run.frames[column].notna().all()]


def select_scores(run: FinishedRun, score: str = "both", smoothing: int = 1) -> Scored:
    """Take one of a run's scores, smooth it over `smoothing` frames, and keep the labelled frames.

    All frames if none has a label. InputError for a score that the run lacks.
    """
    if score not in available_scores(run):
        raise InputError(
            f"The run {run.folder} has no score {score!r} in every frame; choose one of "
            f"{', '.join(available_scores(run)) or 'none'}."
        )
    frames = run.frames
    recording = pd.factorize(frames["recording"])[0]
    values = smooth_scores(frames[COLUMN_OF[score]].to_numpy(float), recording, smoothing)
    frames = frames.assign(score=values)
    has_labels = bool(frames["anomalous"].notna().any())
    if has_labels:
        frames = labelled_frames(frames)
    codes, names = pd.factorize(frames["recording"])
    times = frames["time_s"].to_numpy(float)
    known = np.isfinite(times).all()
    duration = frame_durations(len(codes), codes, times) if known else np.ones(len(codes))
    duration = np.where(np.isfinite(duration), duration, 0)
    reference = run.metrics.get("reference_scores", {}).get(COLUMN_OF[score])
    return Scored(
        score=frames["score"].to_numpy(float),
        anomalous=frames["anomalous"].to_numpy(bool) if has_labels else None,
        codes=codes.astype(np.int64),
        names=tuple(names),
        frame=frames["frame"].to_numpy(np.int64),
        time_s=times,
        elapsed_s=np.cumsum(duration) - duration,
        seconds=float(duration.sum()) if known else math.nan,
        training={float(q): v for q, v in (reference or {}).get("quantiles", {}).items()},
    )


def save_threshold(
    path: Path, run: FinishedRun, scored: Scored, threshold: float, score: str, smoothing: int
) -> None:
    """Write a threshold and its consequences to a JSON file that `read_threshold` takes."""
    write_json(
        path,
        {
            "format": THRESHOLD_FORMAT,
            "threshold": float(threshold),
            "score": score,
            "smoothing": smoothing,
            "run": {
                name: getattr(run.parameters, name)
                for name in ("dataset", "target", "model", "seed")
            },
            "scores_crc32": run.digest,
            "consequences": json_ready(weigh_threshold(scored, threshold)),
        },
    )


def read_threshold(path: Path, run: FinishedRun) -> tuple[float, str, int]:
    """Read the threshold, score and smoothing from a file of `save_threshold`.

    InputError if the file is damaged or was chosen on other scores than the run now has.
    """
    saved = read_json(path)
    try:
        values = float(saved["threshold"]), str(saved["score"]), int(saved["smoothing"])
        digest, version = saved["scores_crc32"], saved["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no threshold saved by the explorer; save one anew.") from error
    if version != THRESHOLD_FORMAT or values[1] not in COLUMN_OF or not math.isfinite(values[0]):
        raise InputError(f"{path} is no threshold this version can use; save one anew.")
    if digest != run.digest:
        raise InputError(
            f"{path} was chosen on other scores than {run.folder} has now; choose it again in the "
            "explorer."
        )
    return values
