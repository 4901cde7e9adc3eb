"""What a protocol is worth: the same scores, counted as a collection of reruns counts its own.

It leaves out frames at both ends of a recording and smooths the scores by whichever of several
widths gives the highest AUC on the test. The settings are those of its STAE on Ped2
(github.com/YuhaoCheng/PyAnomaly: configuration/stae/ped2/ped2_default.yaml and the function
compute_auc_score). One thing differs: it divides a recording's scores, less their minimum, by their
maximum; here they are divided by their span, as in the rest of this study.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from cagewatch.metrics import auc_interval, format_auc, frame_auc, scale_per_recording
from cagewatch.study.artefacts.benchmark import head_of
from cagewatch.study.artefacts.parameters import Given
from cagewatch.study.tables import blocks_of, find_runs, read_seeds

ENDS = 16  # frames left out at each end of a recording
WIDTHS = (3, 5, 10, 15, 20, 30)  # standard deviations of the Gaussian, frames
COLUMNS = {  # protocol -> as the table names it
    "pooled": "Pooled",
    "scaled": "Scaled per recording",
    "ends": f"First and last {ENDS} frames left out",
    "smoothed": "Smoothed, the best width on this test",
}
HOW = (
    "frame AUC with its interval over recordings; from left to right each column does what those "
    "before it do: scores scaled to [0, 1] per recording; frames at its ends left out; scores "
    f"smoothed by a Gaussian of {', '.join(map(str, WIDTHS))} frames, of which the width with the "
    "highest AUC on these very labels is taken, so that the last column is no measurement and has "
    "no interval"
)


def smooth_gaussian(score: np.ndarray, recording: np.ndarray, width: float) -> np.ndarray:
    """Smooth (n,) scores by a Gaussian of `width` frames, each recording by itself."""
    by_recording = pd.Series(score).groupby(np.asarray(recording), sort=False)
    return by_recording.transform(lambda own: gaussian_filter1d(own.to_numpy(), width)).to_numpy()


def away_from_ends(recording: np.ndarray, ends: int = ENDS) -> np.ndarray:
    """(n,) bool: the frames with at least `ends` others of their recording on either side."""
    frames = pd.Series(np.asarray(recording))
    position = frames.groupby(frames)
    before, after = position.cumcount(), position.cumcount(ascending=False)
    return ((before >= ends) & (after >= ends)).to_numpy()


def count_as_others(
    scores: np.ndarray, anomalous: np.ndarray, recording: np.ndarray
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], int]:
    """Prepare scores, (n_seeds, n), for each protocol of `COLUMNS`; frames of a recording together.

    For each protocol the scores to pool, (n_seeds, n), and which frames count, (n,); then that of
    `WIDTHS` with the highest mean AUC over seeds.
    """
    every, inner = np.ones(len(anomalous), bool), away_from_ends(recording)
    scaled = np.stack([scale_per_recording(row, recording) for row in scores])
    smoothed = {
        width: np.stack([smooth_gaussian(row, recording, width) for row in scaled])
        for width in WIDTHS
    }
    found = {width: _mean_auc(rows[:, inner], anomalous[inner]) for width, rows in smoothed.items()}
    width = max(found, key=found.get)
    prepared = {
        "pooled": (scores, every),
        "scaled": (scaled, every),
        "ends": (scaled, inner),
        "smoothed": (smoothed[width], inner),
    }
    return prepared, width


def _mean_auc(scores: np.ndarray, anomalous: np.ndarray) -> float:
    return float(np.mean([frame_auc(row, anomalous).value for row in scores]))


def write_protocols(given: Given, rows: pd.DataFrame) -> pd.DataFrame:
    """Every detector of `rows` by each protocol; written as ``table_2_protocols``."""
    cells = []
    for row in rows[rows["source"] != "published"].itertuples():
        of = {"dataset": row.dataset, "target": row.target, "model": row.model}
        found = find_runs(given.results_dir, given.values, **of)
        own = {"Method": row.method, "Input": row.input, "Seeds": int(row.seeds)}
        own[COLUMNS["pooled"]] = format_auc(row.pooled, row.pooled_low, row.pooled_high)
        own[COLUMNS["scaled"]] = format_auc(
            row.per_video_scaled, row.per_video_scaled_low, row.per_video_scaled_high
        )
        cells.append(own | _tell_protocols(found["folder"].tolist()))
    table = pd.DataFrame(cells)
    caption = head_of("what the protocol adds to the same scores", given, rows)
    given.write(table, "table_2_protocols", caption, HOW)
    return table


def _tell_protocols(folders: Sequence[str]) -> dict[str, str]:
    """The cells of `COLUMNS` that `collect_results` lacks, for the seeds of one model."""
    frames, scores, runs = read_seeds(folders)
    flags, recording, label = blocks_of(frames)
    prepared, width = count_as_others(scores, flags, recording)
    of, inner = prepared["ends"]
    blocks = (flags[inner], recording[inner], label[inner])
    # By the protocol 'pooled', since they are scaled already.
    found = auc_interval(of[:, inner], *blocks, "pooled", runs[0].parameters.interval)
    best = _mean_auc(prepared["smoothed"][0][:, inner], flags[inner])
    return {
        COLUMNS["ends"]: format_auc(found.value, found.low, found.high),
        COLUMNS["smoothed"]: format_auc(best),
        # Recordings may be so short that nothing is left of them.
        "Width (frames)": str(width) if np.isfinite(best) else "–",
    }
