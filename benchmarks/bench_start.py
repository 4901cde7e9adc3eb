"""What starting costs: a notebook's first cells, and two runs at once on two cores."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.material import run_parameters
from benchmarks.measure import Row, compare, interleave
from cagewatch import runtime

ROOT = Path(__file__).resolve().parents[1]
FIRST = """
import nbformat, papermill, sys
book = nbformat.read("notebooks/experiment.ipynb", 4)
# Up to the cell that has imported everything, just before the recordings are read.
stop = next(i for i, cell in enumerate(book.cells) if "load_recordings(parameters)" in cell.source)
book.cells = book.cells[:stop]
nbformat.write(book, sys.argv[1] + ".ipynb")
"""
TRAIN = """
import sys, warnings; warnings.simplefilter("ignore")
from cagewatch import runtime
runtime.configure("tensorflow", int(sys.argv[1])); runtime.load_backend()
from benchmarks.bench_train import stepper
from cagewatch.detectors.networks import build_model, compile_model
from cagewatch.params import resolve
parameters = resolve({"dataset": "simulated", "model": "cae_image"})
model = build_model(parameters); compile_model(model, parameters)
step = stepper(model, parameters.batch_size)
for _ in range(6): step()
"""


def run(command: Sequence[str]) -> subprocess.Popen:
    """A process from the checkout, its output thrown away."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait(*processes: subprocess.Popen) -> None:
    """Until all have ended well."""
    for process in processes:
        if process.wait():
            raise SystemExit(f"{process.args!r} failed.")


def measure(folder: Path) -> list[Row]:
    """A run's start against ``import keras`` and 6 seconds; two runs at once against both alone."""
    parameters = run_parameters(folder)
    book = folder / "start"
    subprocess.run([sys.executable, "-c", FIRST, str(book)], cwd=ROOT, check=True)
    notebook = [sys.executable, "-m", "papermill", f"{book}.ipynb", f"{book}-out.ipynb"]
    notebook += ["-k", "python3", "--no-progress-bar", "--cwd", str(ROOT), "-p", "dataset"]
    notebook += ["simulated", "-p", "data_dir", parameters.data_dir, "-p", "scale", "smoke"]
    notebook += ["-p", "results_dir", str(folder / "start-results"), "-p", "target", "hang"]
    keras = [sys.executable, "-c", "import keras"]
    cores = str(min(2, runtime.available_cores()))

    def train(given: str, count: int) -> None:
        wait(*[run([sys.executable, "-c", TRAIN, given]) for _ in range(count)])

    seconds = interleave(
        {"notebook": lambda: wait(run(notebook)), "keras": lambda: wait(run(keras))}
    )
    both = interleave({"one": lambda: train(cores, 1), "two": lambda: train("1", 2)}, 5)
    sums = [2 * value for value in both["one"]]
    return [
        compare("start of a run (kernel, imports, parameters) / import keras", seconds["notebook"],
                seconds["keras"], "s"),
        compare("start of a run / 6 seconds", seconds["notebook"], [6.0] * 5, "s", "<= 1"),
        compare(f"two runs at once, one core each / one after the other on {cores} cores",
                both["two"], sums, "s", "<= 1"),
    ]  # fmt: skip
