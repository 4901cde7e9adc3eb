"""``python -m faults.determinism <data_dir> [option=value ...]``: what changes the scores' bytes.

One experiment is run as a reference and again with something else than the data and the seed
changed: nothing, the number of threads, the backend. Prints one json line each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from batch_checkout import ROOT
from sklearn.metrics import roc_auc_score

CHANGES = {
    "reference": {},
    "the same again": {},
    "two threads": {"cores": 2},
    "two threads again": {"cores": 2},
    "JAX": {"backend": "jax"},
    "JAX again": {"backend": "jax"},
    "bfloat16": {"precision": "mixed_bfloat16"},
}


def run(folder: Path, given: dict[str, object]) -> tuple[bytes, pd.DataFrame]:
    """Run `experiment` by papermill; the bytes of its score table and the table."""
    command = [sys.executable, "-m", "papermill", "notebooks/experiment.ipynb"]
    command += [str(folder / "out.ipynb"), "-k", "python3", "--no-progress-bar", "--cwd", "."]
    for name, value in {"cores": 1, "results_dir": str(folder), **given}.items():
        command += ["-p", name, str(value)]
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    (path,) = folder.rglob("scores.csv.gz")
    return path.read_bytes(), pd.read_csv(path)


def compare(given: dict[str, object]) -> None:
    """Print each change's AUC and its largest difference in score, in standard deviations."""
    reference = first = None
    seen: dict[str, bytes] = {}
    for name, change in CHANGES.items():
        with tempfile.TemporaryDirectory() as folder:
            data, table = run(Path(folder), given | change)
        first, reference = first or data, table if reference is None else reference
        score, own = table["score"].to_numpy(), seen.get(name.removesuffix(" again"))
        row = {
            "change": name,
            "same_bytes_as_reference": data == first,
            "same_bytes_as_before": None if own is None else data == own,
            "largest_difference_sd": float(
                np.max(np.abs(score - reference["score"])) / reference["score"].std()
            ),
            "auc": float(roc_auc_score(table["anomalous"].astype(bool), score)),
        }
        seen[name] = data
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    words = dict(word.split("=", 1) for word in sys.argv[2:])
    compare({"data_dir": str(Path(sys.argv[1]).resolve()), **words})
