"""The check of a detector, whether it has learnt anything, on held-out normal video.

A detector that has learnt nothing still gives scores, and a budget still gives a level, so that its
alarms look like any other's. They are held back where it fails one of these checks:

- what rebuilds clips must rebuild them better than the average picture of the training clips does;
- a network must not rebuild them worse than a few principal components of single pictures do, and
  it needs MIN_CLIPS clips and MIN_STEPS steps;
- a level chosen on all but one of the held-out recordings must not put the one in alarm for most of
  its time: or else no level holds for a recording that was not there when it was chosen.

`cagewatch.cages.scoring` judges a new recording.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from cagewatch.cages.cage import Verdict
from cagewatch.clips import ClipIndex, index_test_clips
from cagewatch.detectors import Detector, TrainingSet, is_network
from cagewatch.metrics import calibrate_alarms, find_alarms
from cagewatch.runs import describe_training
from cagewatch.store import Store
from cagewatch.video import probe

if TYPE_CHECKING:
    from cagewatch.cages.plan import Plan

CLIPS = 200  # clips behind the comparison with the average picture, evenly spread
BETTER = 0.9  # a detector's error must be at most this share of the average picture's
MIN_CLIPS, MIN_STEPS = 100, 500  # of a network
UNLIKE = 0.5  # share of held-out frames above the level that 1 % of training frames reach
OFTEN = 0.5  # share of a recording's time in alarm
COMPONENTS = 3  # principal components that a network must rebuild as well as
BUDGET = 60.0  # false alarms an hour at which levels are compared: strict enough to fail
LIGHT = 1.25  # ratio of the mean gray of two recordings, after the gamma of 0.5; 1.6 in light


def judge_detector(
    detector: Detector,
    training: TrainingSet,
    plan: Plan,
    frames: pd.DataFrame,
    history: pd.DataFrame | None,
) -> Verdict:
    """Judge a fitted detector on the held-out recordings, whose scores are `frames`."""
    stores = training.stores
    facts: dict[str, Any] = {"sizes": sizes_of(plan), "gray": gray_of(stores)}
    failed, warnings = [], [*light_warnings(facts["gray"]), *size_warnings(facts["sizes"])]
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
        facts |= compare_rebuilding(detector, training, plan)
        for stream, share in facts["error_to_average"].items():
            linear = facts["error_of_components"][stream]
            if share > BETTER:
                failed.append(
                    f"{name} rebuilds held-out clips ({stream}) no better than the average picture"
                    f" (its error is {share:.0%} of that): give it more video or more time."
                )
            elif is_network(name) and share > linear:
                failed.append(
                    f"{name} rebuilds held-out clips ({stream}) worse than {COMPONENTS} principal"
                    f" components (its error is {share:.0%} of the average picture's, theirs"
                    f" {linear:.0%}): give it more video or more time, or use pca_frames."
                )
    facts["held_out_above"] = share_above(detector, frames)
    unlike = facts["held_out_above"] > UNLIKE
    facts["in_alarm_elsewhere"] = transfer_levels(frames)
    if facts["in_alarm_elsewhere"] and np.median(facts["in_alarm_elsewhere"]) > OFTEN:
        failed.append(
            "No level holds from one recording to the next: chosen on the other held-out recordings"
            f" it puts the median one in alarm for {np.median(facts['in_alarm_elsewhere']):.0%} of"
            " its time. Train on recordings of one cage, light and camera, and on more of them."
        )
    elif unlike:
        warnings.append(
            f"{facts['held_out_above']:.0%} of the held-out frames score above what 1 % of the"
            " training frames reach: recordings differ more than the training shows; give more of"
            " them, of the days and hours that you want to watch."
        )
    if history is not None and still_falls(history):
        warnings.append("The validation loss still falls: give it more time (--minutes).")
    passed = "The detector has learnt what the held-out recordings look like."
    if unlike:
        passed = "No check fails, but the held-out recordings look unlike those trained on."
    words = " ".join(failed) or passed
    return Verdict(not failed, words, warnings, facts)


def compare_rebuilding(
    detector: Detector, training: TrainingSet, plan: Plan
) -> dict[str, dict[str, float]]:
    """Squared error on held-out clips over that of the average training picture, by stream.

    1 is no better than the average picture, 0.1 means that all but a tenth is rebuilt of what makes
    a picture differ from it. 'error_to_average' is the detector's, 'error_of_components' that of
    COMPONENTS principal components of single pictures.
    """
    found: dict[str, dict[str, float]] = {"error_to_average": {}, "error_of_components": {}}
    held_out = index_test_clips(plan.held_out, training.stores, detector.parameters)
    trained = _rebuilt(detector, training.index, training.stores)
    for stream, (seen, given) in _rebuilt(detector, held_out, training.stores).items():
        known = trained[stream][0]
        count = min(COMPONENTS, *known.shape)
        linear = PCA(count, svd_solver="randomized", random_state=0).fit(known)
        errors = [given, linear.inverse_transform(linear.transform(seen)), linear.mean_]
        own, components, average = (float(np.square(seen - one).sum()) for one in errors)
        found["error_to_average"][stream] = own / max(average, 1e-12)
        found["error_of_components"][stream] = components / max(average, 1e-12)
    return found


def _rebuilt(
    detector: Detector, index: ClipIndex, stores: Mapping[str, Store]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pictures as the detector saw them and gave them back, by stream, (n_pictures, n_pixels).

    Of at most CLIPS clips, evenly spread over an index.
    """
    spread = np.linspace(0, len(index) - 1, min(len(index), CLIPS)).round().astype(int)
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for clip in np.unique(spread):
        store, part = stores[index.names[index.recording[clip]]], index.frames[clip]
        seen, given = detector.rebuild_clip(store.gray[part], store.flow[part])
        for stream in seen:
            both = (one[stream].reshape(len(seen[stream]), -1) for one in (seen, given))
            pairs.setdefault(stream, []).append(tuple(both))
    return {
        stream: (np.concatenate([a for a, _ in one]), np.concatenate([b for _, b in one]))
        for stream, one in pairs.items()
    }


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


def size_warnings(sizes: Collection[Sequence[int]]) -> list[str]:
    """A warning where the recordings of a cage have several widths and heights."""
    if len(sizes) < 2:
        return []
    shown = " and ".join(f"{width}x{height}" for width, height in sorted(map(tuple, sizes))[:3])
    return [f"Picture sizes differ ({shown}): one camera setting for a cage."]
