"""From a video file to frame scores: OpenVINO against Keras, and the goal in frames per second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.material import FRAMES, lengthen, simulate, train_run
from benchmarks.measure import Row, compare, interleave, rates
from cagewatch import runtime
from cagewatch.detectors import Computing, Detector, load_detector
from cagewatch.runs.read import FinishedRun

COPIES = 2
GOAL = 3500.0  # frames per second
LINEAR_GOAL = 5000.0  # of detectors whose cost is the video's


def measure(folder: Path) -> list[Row]:
    """Frame rates from file to scores, and of the network alone against the matrix product."""
    import numpy as np

    cores = runtime.configure("tensorflow", min(2, runtime.available_cores()))
    runtime.load_backend()
    from benchmarks.bench_train import SIDE, multiply
    from benchmarks.references import count_operations
    from cagewatch.detectors.inference.engines import open_inference
    from cagewatch.detectors.inference.errors import add_error_heads
    from cagewatch.detectors.network import rebuild
    from cagewatch.in_order import map_in_order
    from cagewatch.runs import open_detector

    run = train_run(folder, max_epochs=2)
    video = lengthen(simulate(folder)[0].source, folder / "long.mpg", COPIES)
    kinds = {"keras": ("keras", "auto"), "float32": ("openvino", "float32"),
             "bfloat16": ("openvino", "bfloat16"), "auto": ("auto", "auto")}  # fmt: skip
    works = {}
    for kind, how in kinds.items():
        works[kind] = _scorer(run, video, *how, cores)
    tables = {kind: work() for kind, work in works.items()}
    works["stride 5"] = _scorer(run, video, "auto", "auto", cores, stride=5)
    works["pca_frames"] = _scorer(train_run(folder, "pca_frames"), video, "auto", "auto", cores)
    done = {k: rates(v, COPIES * FRAMES) for k, v in interleave(works, 5).items()}
    rows = [
        compare(f"file to frame scores, {cores} cores, auto / goal", done["auto"],
                [GOAL] * 5, "frames/s", ">= 1"),
        compare(f"the same, every fifth frame scored, {cores} cores / goal",
                done["stride 5"], [GOAL] * 5, "frames/s", ">= 1"),
        compare(f"file to frame scores, {cores} cores: pca_frames / goal", done["pca_frames"],
                [LINEAR_GOAL] * 5, "frames/s", ">= 1"),
        compare(f"file to frame scores, {cores} cores: OpenVINO float32 / Keras", done["float32"],
                done["keras"], "frames/s"),
        compare(f"file to frame scores, {cores} cores: OpenVINO bfloat16 / Keras",
                done["bfloat16"], done["keras"], "frames/s"),
    ]  # fmt: skip
    for kind in ("float32", "bfloat16"):
        off = (tables[kind]["score"] / tables["keras"]["score"] - 1).abs().max()
        rows.append({"name": f"largest relative difference of a score: OpenVINO {kind} / Keras",
                     "ours": float(off), "reference": None, "ratio": None,
                     "goal": "<= 0.01", "unit": ""})  # fmt: skip
    model = rebuild(open_detector(run.folder).state, run.parameters)
    random = np.random.default_rng(0)
    clips = {s: random.random((64, *t.shape[1:]), np.float32) for s, t in model.input.items()}
    nets = {
        kind: open_inference(add_error_heads(model), 64, "openvino", kind, cores)
        for kind in ("float32", "bfloat16")
    }

    def both(kind: str):
        return lambda: list(map_in_order(nets[kind].run, [clips] * 2 * cores, cores))

    seconds = interleave({kind: both(kind) for kind in nets} | {"multiply": multiply()}, 5)
    forward = count_operations(model, training=False) * 64 * 2 * cores / 1e9
    machine = rates(seconds["multiply"], 2 * SIDE**3 / 1e9)
    for kind in nets:
        rows.append(compare(f"CAE alone, OpenVINO {kind} / float32 matrix product",
                            rates(seconds[kind], forward), machine, "GFLOP/s"))  # fmt: skip
        rows.append(compare(f"CAE alone, OpenVINO {kind} / goal", rates(
            seconds[kind], 64 * 8 * 2 * cores), [GOAL] * 5, "frames/s"))  # fmt: skip
    return rows


def _scorer(
    run: FinishedRun, video: Path, engine: Any, precision: Any, cores: int, stride: int = 1
) -> Callable[[], pd.DataFrame]:
    from cagewatch.scoring.source import score_source

    computing = Computing(engine, precision, cores)
    detector = load_detector(run.folder, computing)
    parameters = detector.parameters.model_copy(update={"score_stride": stride})
    detector = Detector(parameters, detector.state, computing)
    return lambda: score_source(detector, video, progress=False)
