"""The same networks in PyTorch, where it is installed: eager, compiled, channels last."""

from __future__ import annotations

import importlib.util
import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_train import CLIPS, stepper
from benchmarks.measure import Row, interleave, rates
from cagewatch import runtime
from cagewatch.params import Parameters, resolve

FORMS = ("eager", "channels last", "compiled")


def measure(folder: Path) -> list[Row]:
    """Training steps of CAE and RAE against the fastest PyTorch form; nothing without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: its rows are left out.")
        return []
    cores = runtime.configure("tensorflow", min(2, runtime.available_cores()))
    runtime.load_backend()
    from cagewatch.detectors.networks import build_model, compile_model

    rows = []
    for name in ("cae", "cae_image", "rae"):
        parameters = resolve({"dataset": "simulated", "model": name, "scale": "paper"})
        model = build_model(parameters)
        compile_model(model, parameters)
        with torch_steppers(parameters, cores) as works:
            seconds = interleave({"ours": stepper(model, CLIPS), **works})
        done = {form: statistics.median(rates(v, CLIPS)) for form, v in seconds.items()}
        best = max(works, key=done.__getitem__)
        for form in works:
            rows.append({"name": f"{name}: training / PyTorch {form}", "ours": done["ours"],
                         "reference": done[form], "ratio": done["ours"] / done[form],
                         "goal": ">= 1" if form == best else "", "unit": "clips/s"})  # fmt: skip
    return rows


@contextmanager
def torch_steppers(parameters: Parameters, cores: int) -> Iterator[dict[str, Callable[[], object]]]:
    """Training steps of each PyTorch form, run by a process of its own.

    TensorFlow and PyTorch each bring an LLVM, and some versions of them cannot share a process.
    """
    # Compiling the RAE's 3-D convolutions takes minutes.
    forms = [form for form in FORMS if form != "compiled" or parameters.model != "rae"]
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, parameters, forms, cores), daemon=True
    )
    process.start()
    theirs.close()

    def step(form: str) -> object:
        ours.send(form)
        return ours.recv()

    try:
        yield {form: lambda form=form: step(form) for form in forms}
    finally:
        ours.close()
        process.join()


def serve(asked: Connection, parameters: Parameters, forms: list[str], cores: int) -> None:
    """Make one step of each form that is asked for, until nobody asks."""
    import torch

    torch.set_num_threads(cores)
    steps = {form: torch_stepper(parameters, form) for form in forms}
    while True:
        try:
            asked.send(steps[asked.recv()]())
        except EOFError:
            return


def torch_stepper(parameters: Parameters, form: str) -> Callable[[], object]:
    """A training step of the PyTorch form of a network on noise."""
    import torch

    from benchmarks.torch_models import Cae, Rae

    streams = ("image",) if parameters.model == "cae_image" else ("image", "flow")
    deep = parameters.model == "rae"
    net = (Rae if deep else Cae)(streams)
    layout = torch.contiguous_format
    if form != "eager":
        layout = torch.channels_last_3d if deep else torch.channels_last
        net = net.to(memory_format=layout)
    run = torch.compile(net) if form == "compiled" else net
    optimiser = torch.optim.Adam(net.parameters(), parameters.learning_rate, (0.5, 0.999))
    clips = noise(streams, deep)
    clips = {name: value.contiguous(memory_format=layout) for name, value in clips.items()}

    def step() -> float:
        optimiser.zero_grad()
        found = run(clips)
        loss = sum(torch.nn.functional.mse_loss(found[s], clips[s]) for s in streams)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step


def noise(streams: tuple[str, ...], deep: bool) -> Mapping[str, Any]:
    """CLIPS clips by stream: (n, 1, 8, 24, 32), or folded (n * 8, 1, 24, 32)."""
    import torch

    random = np.random.default_rng(0)
    shape = (CLIPS, 1, 8, 24, 32) if deep else (CLIPS * 8, 1, 24, 32)
    return {s: torch.from_numpy(random.random(shape, np.float32)) for s in streams}
