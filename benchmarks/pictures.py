"""What a cage's background and its light cost linear detectors: ``python -m benchmarks.pictures``.

    python -m benchmarks.pictures mit_sample=FOLDER ped2=FOLDER

Each of `picture`'s three values, on the real mice (each half scored by a detector of the other) and
on Ped2. The table is ``figures/mit_sample/pictures``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pandas as pd

from cagewatch import metrics, runtime
from cagewatch.detectors import TrainingSet, fit_detector
from cagewatch.metrics.uncertainty import within
from cagewatch.params import resolve
from cagewatch.recordings import load_recordings
from cagewatch.scoring import score_recordings
from cagewatch.store import stores_of
from cagewatch.study.tables import write_table

PICTURES = ("plain", "less_background", "same_exposure")
DETECTORS = ("mean_image", "pca_frames", "pca_clips")
TARGETS = {"mit_sample": ("rear", "walk"), "ped2": ("anomaly",)}
HALVES = {"mit_sample": ("mit_sample", "mit_sample_reversed")}


def score_test(dataset: str, folder: str, **given: str) -> pd.DataFrame:
    """Labelled frames of the test and their scores, by a detector fitted anew."""
    parameters = resolve({"dataset": dataset, "data_dir": folder, **given})
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters, 1)
    train, test = ([r for r in recordings if r.split == split] for split in ("train", "test"))
    with tempfile.TemporaryDirectory() as place:
        detector = fit_detector(TrainingSet(train, stores, parameters, Path(place)))
    frames = metrics.labelled_frames(score_recordings(detector, test, stores))
    return frames.assign(recording=frames["recording"] + " " + dataset)


def measure(dataset: str, folder: str, target: str, model: str, picture: str) -> dict[str, object]:
    """One row of the table."""
    parts = [
        score_test(part, folder, target=target, model=model, picture=picture)
        for part in HALVES.get(dataset, (dataset,))
    ]
    frames = pd.concat(parts, ignore_index=True)
    columns = ("score", "anomalous", "recording", "label")
    score, flags, names, labels = (frames[column].to_numpy() for column in columns)
    row = {"Data": dataset, "Target": target, "Detector": model, "Picture": picture}
    scaled = metrics.auc_interval(score, flags, names, labels, "per_video_scaled")
    if len(parts) > 1:
        pairs = within.count_pairs(score, flags.astype(bool), names, labels)
        value = float(within.within_auc(pairs)[0])
        low, high = within.percentile_interval(within.resample_within(pairs))
    else:
        found = metrics.auc_interval(score, flags, names, labels, "pooled")
        value, low, high = found.value, found.low, found.high
    return row | {"AUC": f"{value:.3f} [{low:.3f}, {high:.3f}]", "AUC, scaled": scaled.value}


def main() -> None:
    """Measure all and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("folders", nargs="+", metavar="DATASET=FOLDER")
    given = parser.parse_args()
    runtime.configure("tensorflow", 1)
    rows = []
    for dataset, folder in (one.split("=", 1) for one in given.folders):
        for target in TARGETS[dataset]:
            for model in DETECTORS:
                for picture in PICTURES:
                    rows.append(measure(dataset, folder, target, model, picture))
                    print(*rows[-1].values(), flush=True)
    write_table(
        pd.DataFrame(rows),
        Path("figures/mit_sample"),
        "pictures",
        "Pictures as they are, less each recording's background, and of equal exposure",
        "real mice: AUC over pairs of frames of the same half, each half by a detector of the"
        " other, 95% of 1000 resamples of bouts; Ped2: pooled frame AUC, 95% jackknife over its"
        " recordings; scaled: scores scaled to [0, 1] per recording or half, then pooled",
        simulated=False,
    )


if __name__ == "__main__":
    main()
