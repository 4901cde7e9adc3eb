"""The check of a detector, whether it has learnt anything, and of a new recording.

A detector that has learnt nothing still gives scores, and a budget still gives a level, so that its
alarms look like any other's. They are held back where it fails one of these checks on held-out
normal video:

- what rebuilds clips must rebuild them better than the average picture of the training clips does;
- a network needs MIN_CLIPS clips and MIN_STEPS steps;
- a level chosen on all but one of the held-out recordings must not put the one in alarm for most of
  its time: or else no level holds for a recording that was not there when it was chosen.

Alarms of a new recording are held back where its size differs, where nothing moves in it as it did
in the held-out ones, or where it is in alarm most of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cagewatch.cages.alarms import frames_in
from cagewatch.cages.cage import Cage, Verdict
from cagewatch.cages.plan import Plan
from cagewatch.clips import ClipIndex, index_test_clips
from cagewatch.detectors import Detector, TrainingSet, is_network
from cagewatch.metrics import calibrate_alarms, find_alarms
from cagewatch.runs import describe_training
from cagewatch.store import Store
from cagewatch.video import probe

CLIPS = 200  # clips behind the comparison with the average picture, evenly spread
BETTER = 0.9  # a detector's error must be at most this share of the average picture's
MIN_CLIPS, MIN_STEPS = 100, 500  # of a network
UNLIKE = 0.5  # share of held-out frames above the level that 1 % of training frames reach
OFTEN = 0.5  # share of a recording's time in alarm
BUDGET = 60.0  # false alarms an hour at which levels are compared: strict enough to fail
STILL = 0.05  # share of the held-out scores' spread that a new recording must have
LIGHT = 1.5  # ratio of the mean gray of two recordings


def judge_detector(
    detector: Detector,
    training: TrainingSet,
    plan: Plan,
    frames: pd.DataFrame,
    history: pd.DataFrame | None,
) -> Verdict:
    """Judge a fitted detector on the recordings that were held out.

    Parameters
    ----------
    detector : Detector
    training : TrainingSet
        What it was fitted on.
    plan : Plan
        Whose `held_out` recordings were scored.
    frames : DataFrame
        Their scores.
    history : DataFrame or None
        A network's, one row an epoch.
    """
    stores = training.stores
    facts: dict[str, Any] = {"sizes": sizes_of(plan), "gray": gray_of(stores)}
    failed, warnings = [], light_warnings(facts["gray"])
    name = detector.parameters.model
    if is_network(name):
        steps = (describe_training(detector) or {}).get("steps", 0)
        facts |= {"clips": len(training.index), "steps": int(steps)}
        if len(training.index) < MIN_CLIPS:
            failed.append(
                f"{len(training.index)} training clips are too few for {name}: give more video, at "
                f"least {MIN_CLIPS} clips, or use pca_frames."
            )
        elif steps < MIN_STEPS:
            failed.append(
                f"{name} was trained for {steps} steps, fewer than {MIN_STEPS}: give it more time."
            )
    if detector.rebuilds and name != "mean_image":
        facts["error_to_average"] = compare_with_average(detector, training, plan)
        for stream, share in facts["error_to_average"].items():
            if share > BETTER:
                failed.append(
                    f"{name} rebuilds held-out clips ({stream}) no better than the average picture"
                    f" (its error is {share:.0%} of that): give it more video or more time."
                )
    facts["held_out_above"] = share_above(detector, frames)
    facts["in_alarm_elsewhere"] = transfer_levels(frames)
    if facts["in_alarm_elsewhere"] and np.median(facts["in_alarm_elsewhere"]) > OFTEN:
        failed.append(
            "No level holds from one recording to the next: chosen on the other held-out recordings"
            f" it puts the median one in alarm for {np.median(facts['in_alarm_elsewhere']):.0%} of"
            " its time. Train on recordings of one cage, light and camera, and on more of them."
        )
    elif facts["held_out_above"] > UNLIKE:
        warnings.append(
            f"{facts['held_out_above']:.0%} of the held-out frames score above what 1 % of the"
            " training frames reach: recordings differ more than the training shows; give more of"
            " them, of the days and hours that you want to watch."
        )
    if history is not None and still_falls(history):
        warnings.append("The validation loss still falls: give it more time (--minutes).")
    words = " ".join(failed) or "The detector has learnt what the held-out recordings look like."
    return Verdict(not failed, words, warnings, facts)


def compare_with_average(detector: Detector, training: TrainingSet, plan: Plan) -> dict[str, float]:
    """Squared error on held-out clips over that of the average training clip, by stream; 1 is even.

    0.1 means that the detector rebuilds all but a tenth of what makes a clip differ from the
    average picture.
    """
    average = {
        stream: np.mean([seen[stream].mean(axis=0) for seen, _ in clips], axis=0)
        for clips in [list(_rebuilt(detector, training.index, training.stores))]
        for stream in clips[0][1]
    }
    own = dict.fromkeys(average, 0.0)
    other = dict.fromkeys(average, 0.0)
    held_out = index_test_clips(plan.held_out, training.stores, detector.parameters)
    for seen, given in _rebuilt(detector, held_out, training.stores):
        for stream, mean in average.items():
            own[stream] += float(np.square(seen[stream] - given[stream]).sum())
            other[stream] += float(np.square(seen[stream] - mean).sum())
    return {stream: own[stream] / max(other[stream], 1e-12) for stream in average}


def _rebuilt(detector: Detector, index: ClipIndex, stores: Mapping[str, Store]) -> Any:
    """Clips as the detector saw them and gave them back, evenly spread over an index."""
    spread = np.linspace(0, len(index) - 1, min(len(index), CLIPS)).round().astype(int)
    for clip in np.unique(spread):
        store, part = stores[index.names[index.recording[clip]]], index.frames[clip]
        yield detector.rebuild_clip(store.gray[part], store.flow[part])


def share_above(detector: Detector, frames: pd.DataFrame) -> float:
    """Share of normal frames that score above what 1 % of the training frames reach."""
    level = float(np.quantile(detector.reference["score"], 0.99))
    normal = ~frames["anomalous"].fillna(False).to_numpy(bool)
    return float(np.mean(frames["score"].to_numpy(float)[normal] > level))


def transfer_levels(frames: pd.DataFrame) -> list[float]:
    """Share of time in alarm of each held-out recording, at a level chosen on the others.

    Empty with fewer than two recordings. The budget is BUDGET false alarms an hour.
    """
    normal = frames[~frames["anomalous"].fillna(False).to_numpy(bool)]
    names = list(dict.fromkeys(normal["recording"]))
    if len(names) < 2:
        return []

    def columns(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return tuple(part[name].to_numpy() for name in ("score", "time_s", "recording"))

    shares = []
    for name in names:
        own = normal["recording"] == name
        found = calibrate_alarms(*columns(normal[~own]), per_hour=BUDGET)
        mine = normal[own]
        alarms = find_alarms(*columns(mine), threshold=found.threshold, ordinary=found.ordinary)
        frames_in = (alarms["stop"] - alarms["start"]).sum()
        shares.append(round(float(frames_in / len(mine)), 3))
    return shares


def still_falls(history: pd.DataFrame, share: float = 0.1) -> bool:
    """Whether a network's validation loss has its lowest value in the last tenth of its epochs."""
    losses = history["val_loss"].to_numpy(float)
    if not np.isfinite(losses).all():
        return False
    return int(np.argmin(losses)) >= len(losses) - max(1, round(share * len(losses)))


def sizes_of(plan: Plan) -> list[list[int]]:
    """Width and height of the plan's recordings, each size once."""
    fps = plan.parameters.image_fps
    headers = [probe(item.source, fps) for item in [*plan.train, *plan.held_out]]
    return sorted(list(size) for size in {(header.width, header.height) for header in headers})


def gray_of(stores: Mapping[str, Store]) -> dict[str, float]:
    """Mean gray value of each recording, 0 to 255."""
    every = {name: max(1, len(store) // 200) for name, store in stores.items()}
    return {
        name: round(float(np.mean(store.gray[:: every[name]])), 1) for name, store in stores.items()
    }


def light_warnings(gray: Mapping[str, float]) -> list[str]:
    """A warning where the recordings of a cage differ much in light."""
    dark, bright = min(gray, key=gray.__getitem__), max(gray, key=gray.__getitem__)
    if gray[bright] <= LIGHT * max(gray[dark], 1):
        return []
    return [
        f"{bright} is brighter than {dark} (mean gray {gray[bright]:.0f} and {gray[dark]:.0f}):"
        " recordings by day and by night in one cage blunt the detector; train one for each."
    ]


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
