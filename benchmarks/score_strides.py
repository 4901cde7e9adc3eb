"""What scoring every n-th frame costs and saves: ``python -m benchmarks.score_strides RUN...``.

    python -m benchmarks.score_strides results/ped2/anomaly/cae/seed-0 --data FOLDER

A RUN is the folder of a network's finished run. Its test is scored from the stores at strides of 1,
2, 5 and 10. The table is ``build/score_strides.csv``: frame AUC, what it is above that at 1, with
95 % intervals, and the processor time a frame.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd

from benchmarks.material import open_tested
from cagewatch import metrics, runtime
from cagewatch.detectors import Detector
from cagewatch.scoring import score_recordings

FOLDER = Path("build")
STRIDES = (1, 2, 5, 10)
PROTOCOLS = {"pooled": "pooled", "scaled": "per_video_scaled"}


def score_strides(folder: Path, data: str | None) -> list[dict[str, object]]:
    """A row for each stride of one run."""
    held, test, stores = open_tested(folder, data)
    parameters = held.parameters
    rows, plain = [], pd.Series(dtype=float)
    for stride in STRIDES:
        asked = Detector(parameters.model_copy(update={"score_stride": stride}), held.state)
        asked.ready  # noqa: B018 - the network is built before the clock starts
        began = time.process_time()
        scored = score_recordings(asked, test, stores)
        seconds = time.process_time() - began
        frames = metrics.labelled_frames(scored)
        score, flags, names = (frames[c].to_numpy() for c in ("score", "anomalous", "recording"))
        plain = frames["score"] if stride == 1 else plain
        row: dict[str, object] = {"run": "/".join(folder.parts[-4:]), "stride": stride}
        both = {"thinned": score, "plain": plain.to_numpy()}
        table = metrics.compare_rows(both, flags, names, protocols=PROTOCOLS.values())
        for (name, protocol), found in zip(PROTOCOLS.items(), table.itertuples(), strict=True):
            row[name] = metrics.frame_auc(score, flags, names, protocol).value
            row |= {f"{name}_minus_1": found.difference, f"{name}_low": found.low,
                    f"{name}_high": found.high}  # fmt: skip
        rows.append(row | {"us_per_frame": 1e6 * seconds / len(scored)})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Score each run and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--data", help="where the recordings lie, if not where the run says")
    given = parser.parse_args()
    runtime.configure("tensorflow", 1)
    rows = [row for run in given.runs for row in score_strides(run, given.data)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(FOLDER / "score_strides.csv", index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
