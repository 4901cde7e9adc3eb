"""A look at videos before training: how much there is, what fits together, what will be seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pandas as pd

from cagewatch.cages.verdict import size_warnings
from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.store import preprocessing_of
from cagewatch.store.preprocess import shrink_frame
from cagewatch.video import probe, read_frames, same_rate
from cagewatch.video.decode import Header

SAMPLE = 60  # frames of a video that are looked at
APART = 10  # frames from one to the next, so that the animal moves between them
CHANGED = 12  # gray levels by which a pixel differs from the scene where the animal is
FEW_MINUTES = 20  # of normal video, under which a detector sees too little of what is normal
SMALL = 12  # pixels of the small picture that an animal should cover at least


class Look(NamedTuple):
    """What was found: a table with one row a video, and sentences on all of them."""

    table: pd.DataFrame
    advice: list[str]


def check_videos(sources: Mapping[str, Path], parameters: Parameters) -> Look:
    """Look at the headers and the first seconds of videos.

    Parameters
    ----------
    sources : mapping of str to Path
        By name, of `cagewatch.cages.sources.gather_sources`.
    parameters : Parameters
        Whose region, rotation and size decide what a detector sees.

    Returns
    -------
    Look
        The table has recording, minutes (by the header), fps, width, height, gray (mean, 0 to 255),
        animal (pixels of the small picture), problem ('' if there is none) and timed (whether the
        video carries time).
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
        small = []
        for number, (_, frame) in enumerate(read_frames(source, fps=settings.image_fps)):
            shrunk = shrink_frame(frame, settings)
            if number % APART == 0:
                small.append(shrunk)
            if len(small) == SAMPLE:
                break
    except InputError as error:
        return {"problem": str(error)}
    pictures = np.stack(small).astype(float)
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


def length_of(source: Path, header: Header) -> float:
    """Minutes of a video as its header or its container says; NaN if neither does."""
    if header.frames:
        return header.frames / header.fps / 60
    try:
        with av.open(str(source)) as container:
            return container.duration / av.time_base / 60 if container.duration else np.nan
    except (av.FFmpegError, OSError):
        return np.nan


def give_advice(table: pd.DataFrame, parameters: Parameters) -> list[str]:
    """Sentences on a table of `check_videos`, the graver ones first."""
    advice = [
        f"{row.recording} cannot be used: {row.problem}"
        for row in table[table["problem"] != ""].itertuples()
    ]
    good = table[table["problem"] == ""]
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
    minutes = float(good["minutes"].sum())
    if minutes < FEW_MINUTES:
        advice.append(
            f"{minutes:.1f} minutes in all are little: record at least {FEW_MINUTES} of normal"
            " behaviour, better hours, over the times of day that you want to watch."
        )
    small = float(good["animal"].median())
    rows = parameters.resize_height - parameters.crop_top - parameters.crop_bottom
    if small < SMALL:
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
