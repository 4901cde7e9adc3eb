"""What speaks against the alarms of a new recording.

They are held back where its size differs from that of the cage's recordings, where nothing moves in
it as it did in the held-out ones, where it is in alarm most of the time, and where the detector has
learnt nothing (`cagewatch.cages.verdict`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cagewatch.cages.alarms import frames_in
from cagewatch.cages.cage import Cage
from cagewatch.cages.verdict import OFTEN
from cagewatch.video import probe

STILL = 0.05  # share of the held-out scores' spread that a new recording must have


def judge_recording(
    cage: Cage, frames: pd.DataFrame, in_alarm: np.ndarray, size: tuple[int, int]
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
    """
    known = [tuple(one) for one in (cage.verdict.facts if cage.verdict else {}).get("sizes", [])]
    if known and size not in known:
        width, height = known[0]
        return (
            f"it has {size[0]}x{size[1]} pixels and the cage's recordings {width}x{height}; train"
            " on recordings of its size."
        )
    if np.mean(in_alarm) > OFTEN:
        return (
            f"it is in alarm for {np.mean(in_alarm):.0%} of its time: its light, camera or scene is"
            " not that of the cage's recordings; train on recordings like it."
        )
    held_out = cage.run.frames
    spread = float(held_out["score"].std())
    if len(frames) > 100 and float(frames["score"].std()) < STILL * spread:
        return "nothing happens in it: its scores hardly change; is there an animal in the picture?"
    return None


def doubt_alarms(
    cage: Cage, source: Path, frames: pd.DataFrame, alarms: pd.DataFrame
) -> str | None:
    """Why a recording's alarms are held back, by `judge_recording` or the cage's verdict."""
    header = probe(source, cage.run.parameters.image_fps)
    size = header.width, header.height
    reason = judge_recording(cage, frames, frames_in(alarms, frames), size)
    failed = cage.verdict is not None and not cage.verdict.passed
    return cage.verdict.words if reason is None and failed else reason
