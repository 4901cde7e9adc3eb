"""What speaks against the alarms of a new recording.

They are held back where its size or light differs from that of the cage's recordings, where nothing
moves in it as it did in the held-out ones, where it is in alarm most of the time, and where the
detector has learnt nothing (`cagewatch.cages.verdict`).
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from cagewatch.cages.alarms import frames_in
from cagewatch.cages.cage import Cage
from cagewatch.cages.verdict import LIGHT, OFTEN
from cagewatch.store.preprocess import Preprocessing, gamma_table, preprocessing_of, shrink_frame
from cagewatch.video import probe, read_frames

FIRST = 10  # frames whose gray is looked at
STILL = 0.05  # share of the held-out scores' spread that a new recording must have


def judge_recording(
    cage: Cage, frames: pd.DataFrame, in_alarm: np.ndarray, size: tuple[int, int], gray: float
) -> str | None:
    """Why the alarms of a new recording cannot be believed, one sentence; None if they can.

    Parameters
    ----------
    cage : Cage
    frames : DataFrame
        Its scores.
    in_alarm : ndarray of bool, shape (n_frames,)
    size : (int, int)
        Its width and height in pixels.
    gray : float
        Its mean gray value, of `measure_gray`.
    """
    facts = cage.verdict.facts if cage.verdict else {}
    sizes = [tuple(one) for one in facts.get("sizes", [])]
    if sizes and size not in sizes:
        width, height = sizes[0]
        return (
            f"it has {size[0]}x{size[1]} pixels and the cage's recordings {width}x{height}; train"
            " on recordings of its size."
        )
    known = list(facts.get("gray", {}).values()) or [gray]
    if not min(known) / LIGHT <= gray <= max(known) * LIGHT:
        return (
            f"its light is not that of the cage's recordings (mean gray {gray:.0f}, theirs"
            f" {min(known):.0f} to {max(known):.0f}); train on recordings in its light."
        )
    if np.mean(in_alarm) > OFTEN:
        return (
            f"it is in alarm for {np.mean(in_alarm):.0%} of its time: its light, camera or scene is"
            " not that of the cage's recordings; train on recordings like it."
        )
    held_out, score = cage.run.frames["score"], frames["score"]
    still = score.std() < STILL * held_out.std() or score.quantile(0.99) < held_out.median()
    if len(frames) > 100 and still:
        return "nothing happens in it: its scores stay low; is there an animal in the picture?"
    return None


def measure_gray(source: Path, settings: Preprocessing) -> float:
    """Mean gray value of a recording's first frames as a detector sees them, 0 to 255."""
    frames = islice(read_frames(source, fps=settings.image_fps), FIRST)
    seen = [gamma_table(settings.gamma)[shrink_frame(frame, settings)] for _, frame in frames]
    kept = slice(settings.crop_top, settings.resize_height - settings.crop_bottom)
    return float(np.mean([picture[kept] for picture in seen]))


def doubt_alarms(
    cage: Cage, source: Path, frames: pd.DataFrame, alarms: pd.DataFrame
) -> str | None:
    """Why a recording's alarms are held back, by `judge_recording` or the cage's verdict."""
    settings = preprocessing_of(cage.run.parameters)
    header = probe(source, settings.image_fps)
    size, gray = (header.width, header.height), measure_gray(source, settings)
    reason = judge_recording(cage, frames, frames_in(alarms, frames), size, gray)
    failed = cage.verdict is not None and not cage.verdict.passed
    return cage.verdict.words if reason is None and failed else reason
