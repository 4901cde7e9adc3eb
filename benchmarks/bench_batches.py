"""How much of a training step is spent waiting for its batch."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_train import stepper
from benchmarks.material import read_stores, run_parameters
from benchmarks.measure import Row, interleave
from cagewatch import runtime


def measure(folder: Path) -> list[Row]:
    """Seconds to make a batch from the memory maps against seconds of a step, for three networks.

    Nothing is read ahead in training, so what it takes to make a batch is what a step waits.
    """
    runtime.configure("tensorflow", min(2, runtime.available_cores()))
    runtime.load_backend()
    from cagewatch.detectors import TrainingSet
    from cagewatch.detectors.network import open_batches
    from cagewatch.detectors.networks import build_model, compile_model

    rows = []
    for name in ("cae", "rae", "supervised"):
        parameters = run_parameters(folder, name, scale="paper")
        recordings, stores = read_stores(parameters)
        train = [recording for recording in recordings if recording.split == "train"]
        batches, _ = open_batches(TrainingSet(train, stores, parameters, folder), flow_scale=2.0)
        model = build_model(parameters)
        compile_model(model, parameters)
        works = {"wait": lambda batches=batches: batches[0],
                 "step": stepper(model, parameters.batch_size)}  # fmt: skip
        seconds = interleave(works)
        wait, step = (sorted(seconds[kind])[len(seconds[kind]) // 2] for kind in works)
        rows.append({"name": f"{name}: waiting for a batch / step and waiting",
                     "ours": 1000 * wait, "reference": 1000 * (step + wait),
                     "ratio": wait / (step + wait), "goal": "<= 0.05", "unit": "ms"})  # fmt: skip
    return rows
