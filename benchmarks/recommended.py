"""How `recommended` stands beside its members and rivals: ``python -m benchmarks.recommended``.

    python -m benchmarks.recommended --dataset simulated_long --targets drink eat groom hang \
        micromovement rear rest walk --models recommended pca_frames flow_magnitude

Each detector is fitted once for each target and scores the test once; its frames are kept under
``results/recommended`` and not computed again. With ``--runs results`` a detector that has a
finished run there, of seed 0, is not fitted: the run's scores are taken, such as a network's. A
model ``density:hang`` is one for that target alone. The table is ``figures/<dataset>/recommended``.
Of ``mit_sample`` each half is scored by detectors fitted on
the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cagewatch import metrics, runtime
from cagewatch.detectors import TrainingSet, fit_detector
from cagewatch.detectors.fusion import find_reasons
from cagewatch.errors import InputError
from cagewatch.metrics.uncertainty import within
from cagewatch.params import resolve
from cagewatch.recordings import load_recordings
from cagewatch.runs.read import read_scores
from cagewatch.scoring import score_recordings
from cagewatch.store import stores_of
from cagewatch.study.tables import write_table

RESULTS = Path("results/recommended")
RIVAL = "pca_frames"  # whatever else is compared with it
POOLED = (
    "frame AUC, pooled, and scaled to [0, 1] per recording; 95% intervals, jackknife over"
    " recordings, Student's t; differences are pooled, corrected by Holm over all"
)
PROTOCOL_OF = {
    "mit_sample": "each half scored by detectors fitted on the other; AUC over pairs of frames of"
    " the same half, 95% intervals of resampled bouts, as in docs/real_mice.md; too little for p"
}
FRAME = ["recording", "frame", "label"]
PER_HOUR = (6.0, 60.0)
PROTOCOLS = {"pooled": "AUC", "per_video_scaled": "AUC, scaled"}
HALVES = {"mit_sample": ("mit_sample", "mit_sample_reversed")}


def score_test(
    dataset: str, target: str, model: str, data_dir: str | None, runs: Path | None = None
) -> pd.DataFrame:
    """Frames of the test and their scores: a finished run's, an earlier call's, or new ones."""
    run = runs and runs / dataset / target / model / "seed-0" / "scores.csv.gz"
    if run and run.is_file():
        return read_scores(run)
    path = RESULTS / dataset / f"{target}-{model}.csv.gz"
    if path.is_file():
        return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"label": str})
    given = {"dataset": dataset, "target": target, "model": model, "results_dir": "results"}
    parameters = resolve(given | ({"data_dir": data_dir} if data_dir else {}))
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters, 1)
    train = [one for one in recordings if one.split == "train"]
    detector = fit_detector(TrainingSet(train, stores, parameters, RESULTS / "fit"))
    test = [one for one in recordings if one.split == "test"]
    frames = score_recordings(detector, test, stores)
    path.parent.mkdir(parents=True, exist_ok=True)
    frames.to_csv(path, index=False, float_format="%.7g")
    return frames


def read_target(
    dataset: str, target: str, models: list[str], data_dir: str | None, runs: Path | None
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The labelled frames of the test of one target, and each detector's scores of them."""
    scores: dict[str, np.ndarray] = {}
    told = None
    for model in models:
        parts = [
            score_test(part, target, model, data_dir, runs).assign(part=part)
            for part in HALVES.get(dataset, (dataset,))
        ]
        frames = pd.concat(parts, ignore_index=True)
        if len(parts) > 1:  # one video, whose halves were scored by different detectors
            frames["recording"] += " " + frames["part"]
        frames = frames[frames["anomalous"].notna()].reset_index(drop=True)
        told = frames if told is None else told
        if not told[FRAME].astype(str).equals(frames[FRAME].astype(str)):
            raise InputError(f"{model} scored other frames of {target} than {models[0]}.")
        scores[model] = frames["score"].to_numpy()
        for column in frames.filter(regex="^score_(?!image$|flow$)"):
            scores[column.removeprefix("score_")] = frames[column].to_numpy()
        if model == "recommended":
            told = frames.assign(reason=find_reasons(frames))
    return told, scores


def tabulate_target(
    target: str, frames: pd.DataFrame, scores: dict[str, np.ndarray]
) -> Iterator[dict[str, object]]:
    """A row for each detector: its AUCs, recall at budgets, and its difference to RIVAL."""
    flags = frames["anomalous"].astype(bool).to_numpy()
    of, label = frames["recording"].to_numpy(), frames["label"].to_numpy()
    rivals = [(name, RIVAL) for name in scores if name != RIVAL]
    apart = metrics.compare_rows(scores, flags, of, label, rivals, ["pooled"]).set_index("first")
    halves = frames["part"].nunique() > 1
    for name, score in scores.items():
        row: dict[str, object] = {"target": target, "detector": name}
        for protocol in PROTOCOLS:
            found = metrics.auc_interval(score, flags, of, label, protocol)
            row |= {protocol: found.value, f"{protocol}_low": found.low}
            row |= {f"{protocol}_high": found.high}
        if halves:  # scores of two detectors do not compare, and two halves give no interval
            pairs = within.count_pairs(score, flags, of, label)
            low, high = within.percentile_interval(within.resample_within(pairs))
            row |= {"pooled": float(within.within_auc(pairs)[0])}
            row |= {"pooled_low": low, "pooled_high": high, "per_video_scaled_low": np.nan}
        times = frames["time_s"].to_numpy()
        recall = metrics.recall_at_budgets(score, flags, times, of, PER_HOUR)
        row |= {f"recall_{one.budget:g}": one.recall for one in recall.itertuples()}
        row |= {"bouts": int(recall["bouts"].iloc[0]), "recordings": len(set(of))}
        if name == "recommended":
            caught = frames.loc[flags, "reason"].value_counts(normalize=True)
            row["reasons"] = ", ".join(f"{word} {share:.0%}" for word, share in caught.items())
        if name != RIVAL:
            row |= apart.loc[name, ["difference", "low", "high", "p", "protocol"]].to_dict()
        if name != RIVAL and halves:
            other = within.count_pairs(scores[RIVAL], flags, of, label)
            low, high = within.percentile_interval(
                within.resample_within(pairs) - within.resample_within(other)
            )
            row |= {"difference": row["pooled"] - float(within.within_auc(other)[0])}
            row |= {"low": low, "high": high, "p": np.nan}
        yield row


def present(rows: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read: AUC with its interval, and the difference with Holm's p."""

    def span(one: pd.Series, value: str, low: str, high: str) -> str:
        ends = f" [{one[low]:.3f}, {one[high]:.3f}]" if pd.notna(one[low]) else ""
        return f"{one[value]:.3f}{ends}" if pd.notna(one[value]) else "-"

    columns = {"Target": rows["target"], "Detector": rows["detector"]}
    for protocol, words in PROTOCOLS.items():
        ends = (f"{protocol}_low", f"{protocol}_high")
        columns[words] = [span(one, protocol, *ends) for _, one in rows.iterrows()]
    columns |= {f"Recall at {one:g}/h": rows[f"recall_{one:g}"] for one in PER_HOUR}
    apart = [span(one, "difference", "low", "high") for _, one in rows.iterrows()]
    columns |= {f"minus {RIVAL}": apart, "p (Holm)": rows["p_holm"], "Bouts": rows["bouts"]}
    return pd.DataFrame(columns | {"Reasons": rows["reasons"].fillna("")})


def main() -> None:
    """Score what has not been scored, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommended", description=__doc__)
    parser.add_argument("--dataset", default="simulated_long")
    parser.add_argument("--targets", nargs="+", default=["hang"])
    parser.add_argument("--models", nargs="+", default=["recommended", "pca_frames"])
    parser.add_argument("--data-dir")
    parser.add_argument("--runs", type=Path, help="a results folder; its finished runs are taken")
    parser.add_argument("--out", type=Path, help="by default figures/<dataset>")
    given = parser.parse_args()
    runtime.configure("tensorflow", 1)
    rows = []
    for target in given.targets:
        named = [model.partition(":") for model in given.models]
        models = [model for model, _, only in named if only in ("", target)]
        frames, scores = read_target(given.dataset, target, models, given.data_dir, given.runs)
        rows += tabulate_target(target, frames, scores)
        print(target, {row["detector"]: round(row["pooled"], 3) for row in rows[-len(scores) :]})
    table = metrics.correct_for_number(pd.DataFrame(rows))
    write_table(
        present(table),
        given.out or Path("figures") / given.dataset,
        "recommended",
        f"{given.dataset}: recommended, its members and its rivals",
        f"{PROTOCOL_OF.get(given.dataset, POOLED)}; a member's row is its part of the sum, averaged"
        " over a second; recall of bouts at false alarms an hour, the threshold from the other"
        " recordings; reasons: shares of the target's frames by the largest part; one seed, 0, of"
        " each; what was not taken from a finished run was fitted on 600 clips at most",
        simulated=given.dataset.startswith("simulated"),
    )


if __name__ == "__main__":
    main()
