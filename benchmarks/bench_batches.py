"""How long a training step waits for its batch, and what an epoch takes beside its steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.bench_train import stepper
from benchmarks.material import read_stores, run_parameters
from benchmarks.measure import Row, compare, interleave
from cagewatch import runtime


def measure(folder: Path) -> list[Row]:
    """Seconds to make a batch from the memory maps against seconds of a step, for three networks.

    A step waits no longer than it takes to make its batch: one is read ahead at most.
    """
    runtime.configure("tensorflow", min(2, runtime.available_cores()))
    runtime.load_backend()
    from cagewatch.detectors import TrainingSet
    from cagewatch.detectors.network import open_batches
    from cagewatch.detectors.networks import build_model, compile_model
    from cagewatch.detectors.training.train import stream_epochs

    rows = []
    for name in ("cae", "rae", "supervised"):
        parameters = run_parameters(folder, name, scale="paper")
        recordings, stores = read_stores(parameters)
        train = [recording for recording in recordings if recording.split == "train"]
        training = TrainingSet(train, stores, parameters, folder)
        batches, held_out = open_batches(training, flow_scale=2.0)
        model = build_model(parameters)
        compile_model(model, parameters)
        step = stepper(model, parameters.batch_size)
        works = {"wait": lambda batches=batches: batches[0], "step": step}
        seconds = interleave(works)
        wait, took = (sorted(seconds[kind])[len(seconds[kind]) // 2] for kind in works)
        rows.append({"name": f"{name}: waiting for a batch / step and waiting",
                     "ours": 1000 * wait, "reference": 1000 * (took + wait),
                     "ratio": wait / (took + wait), "goal": "<= 0.05", "unit": "ms"})  # fmt: skip
        if name == "cae":
            epoch = stream_epochs(model, parameters, batches, held_out, None)
            rows.append(measure_epoch(name, epoch, step, len(batches)))
    return rows


def measure_epoch(
    name: str, epoch: Callable[[], object], step: Callable[[], object], steps: int
) -> Row:
    """An epoch with its validation, as training runs it, against as many steps on one batch."""
    seconds = interleave({"epoch": epoch, "steps": lambda: [step() for _ in range(steps)]}, runs=1)
    title = f"{name}: an epoch with validation / its steps alone"
    return compare(title, seconds["epoch"], seconds["steps"], "s", "<= 1.2")
