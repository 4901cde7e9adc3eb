"""Stills of what `recommended` missed: ``python -m benchmarks.recommended_missed``.

A row for each behaviour of the simulated cage: of the bouts without an alarm at 60 false alarms an
hour those with the highest scores, each by its frame of the highest score. Scores come from
`benchmarks.recommended`, the threshold of a recording from the normal frames of the others. It
also prints what the false alarms that outrank them were made of.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.recommended import score_test
from cagewatch.detectors.fusion import find_reasons
from cagewatch.files import whole_file
from cagewatch.metrics import (
    AlarmShape,
    calibrate_alarms,
    find_alarms,
    frame_durations,
    smooth_over_time,
)
from cagewatch.metrics.inputs import find_bouts
from cagewatch.params import resolve
from cagewatch.recordings import load_recordings
from cagewatch.simulate import BEHAVIOURS
from cagewatch.video import read_frames_at

DATASET, PER_HOUR, STILLS, WIDTH = "simulated_long", 60.0, 3, 256
ROWS = slice(94, 224)  # the tub, from the rim down
GREYS = 24  # grey levels in the file: enough to look at, and small


def find_missed(frames: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Bouts without an alarm, highest score first, and what false alarms show at their peak.

    Parameters
    ----------
    frames : DataFrame
        Of `score_test`, with a `reason`.

    Returns
    -------
    DataFrame
        The row of `frames` with the highest score, smoothed as alarms see it, of each bout missed,
        with `threshold` and `long` (seconds).
    Series of float
        Share of each label among the false alarms.
    """
    missed, false = [], []
    for name, own in frames.groupby("recording", sort=False):
        rest = frames[frames["recording"] != name]
        others = [rest[column].to_numpy() for column in ("score", "time_s", "recording")]
        flags = rest["anomalous"].to_numpy(bool)
        level = calibrate_alarms(*others, per_hour=PER_HOUR, anomalous=flags)
        flags, codes = own["anomalous"].to_numpy(bool), np.zeros(len(own), int)
        score, times = own["score"].to_numpy(), own["time_s"].to_numpy()
        own = own.assign(score=smooth_over_time(score, times, codes, AlarmShape().smoothing_s))
        given = {"threshold": level.threshold, "ordinary": level.ordinary}
        alarms = find_alarms(score, times, **given)
        covered = np.zeros(len(own), bool)
        for one in alarms.itertuples():
            covered[one.start : one.stop] = True
            false += [] if flags[one.start : one.stop].any() else [own["label"].iloc[one.peak]]
        lasts = frame_durations(len(own), codes, times)
        for start, stop in find_bouts(flags, codes):
            if not covered[start:stop].any():
                row = own.iloc[start + int(np.argmax(own["score"].iloc[start:stop]))].copy()
                row["threshold"], row["long"] = level.threshold, lasts[start:stop].sum()
                missed.append(row)
    table = pd.DataFrame(missed).sort_values("score", ascending=False, kind="stable")
    return table, pd.Series(false, dtype=str).value_counts(normalize=True)


def draw_still(row: pd.Series, source: Path) -> np.ndarray:
    """The tub at a missed bout's highest score, with what was said of it: (rows, WIDTH) uint8."""
    times = row["time_s"] + np.arange(2) / 29.97
    frame = read_frames_at(source, int(row["frame"]), times)[0][ROWS]
    size = (WIDTH, round(frame.shape[0] * WIDTH / frame.shape[1]))
    bar = np.full((28, WIDTH), 255, np.uint8)
    lines = (
        f"{row['label']} - simulated, {row['long']:.1f} s",
        f"{row['reason']}, {row['score']:.1f} of {row['threshold']:.1f}; {row['recording'][10:]},"
        f" {row['time_s']:.0f} s",
    )
    for number, words in enumerate(lines):
        place = (3, 11 + 13 * number)
        cv2.putText(bar, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.33, 0, 1, cv2.LINE_AA)
    still = cv2.bilateralFilter(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), 5, 18, 2)
    return np.pad(np.vstack([bar, still]), ((0, 0), (0, 3)), constant_values=255)


def main() -> None:
    """Draw the sheet and say what was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", default=f"data/{DATASET}")
    parser.add_argument("--out", type=Path, default=Path(f"figures/{DATASET}"))
    given = parser.parse_args()
    parameters = resolve({"dataset": DATASET, "data_dir": given.data_dir})
    sources = {one.name: Path(one.source) for one in load_recordings(parameters)}
    sheet = []
    for target in BEHAVIOURS:
        frames = score_test(DATASET, target, "recommended", given.data_dir)
        missed, false = find_missed(frames.assign(reason=find_reasons(frames)))
        parts = missed.filter(regex="^score_").median().round(2).to_dict()
        print(f"{target}: {len(missed)} missed, median {missed['long'].median():.1f} s,", parts)
        print("  false alarms:", false.round(2).to_dict())
        top = [
            draw_still(row, sources[row["recording"]]) for _, row in missed.head(STILLS).iterrows()
        ]
        sheet.append(np.hstack(top))
    step = 255 / (GREYS - 1)
    picture = np.rint(np.rint(np.vstack(sheet) / step) * step).astype(np.uint8)
    with whole_file(given.out / "recommended_missed.png") as partial:
        cv2.imwrite(str(partial), picture)


if __name__ == "__main__":
    main()
