"""The study's networks on a GPU machine: ``python -m benchmarks.gpu_study [--ped2 FOLDER]``.

For a machine with JAX, as many cores as it has, and no network or Snakemake. One process a network
takes the runs of `plan` in order, each through the library's own fit, scores and run folder, while
the others compile or score; meanwhile the paper-sized cage is simulated and preprocessed. It stops
by itself after LIMIT seconds (3600), and goes on where it was when called again in the same folder.
Finished runs lie in ``results/``: copy them into a checkout's and run ``make study`` with
``BATCH=--keep`` there. ``--tiny`` shows on any machine that it works.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

BEGAN = float(os.environ.get("BEGAN") or time.time())
LIMIT = float(os.environ.get("LIMIT", "3600"))
NETWORKS = ("rae", "cae", "cae_image", "supervised", "rivals")
RIVALS = ("memory", "stae_image", "stae_flow", "hasan", "conv3d")
CAGE = {"dataset": "simulated_paper", "scale": "paper"}
REST = ("drink", "eat", "micromovement", "rear", "rest", "walk")
CURVE = (1, 2, 4, 8, 15, 30, 60, 90, 120)  # epochs after which seed 0 of hang is scored
READY = Path("simulated_paper.ready")


def plan(worker: str, ped2: str | None) -> list[dict[str, Any]]:
    """Parameters of a worker's runs, the most important first."""
    cage = [{**CAGE, "target": t, "seed": s} for s in (0, 1, 2) for t in ("hang", "groom")]
    cage += [{**CAGE, "target": target, "seed": 0} for target in REST]
    crowd = [{"dataset": "ped2", "data_dir": ped2, "scale": "paper", "seed": s} for s in (0, 1, 2)]
    crowd = crowd if ped2 else []
    if worker == "rivals":
        return [{**given, "model": model} for given in crowd for model in RIVALS]
    runs = [] if worker == "supervised" else crowd
    runs = [*runs, *(cage[:6] if worker in ("rae", "supervised") else cage)]
    found = [{**given, "model": worker} for given in runs]
    if worker == "cae_image":
        found += [{**given, "model": "cae_flow"} for given in crowd]
    return found


def say(*words: Any) -> None:
    """Print with the seconds since the start in front."""
    print(f"[{time.time() - BEGAN:6.1f}]", *words, flush=True)


def left() -> float:
    """Seconds until the limit."""
    return LIMIT - (time.time() - BEGAN)


def prepare(tiny: bool) -> None:
    """Simulate and preprocess the paper-sized cage, one recording a core."""
    from cagewatch import runtime
    from cagewatch.params import resolve
    from cagewatch.study.steps import preprocess, simulate

    cores = runtime.configure("jax")
    parameters = resolve({**CAGE, **({"simulate_frames": 1000} if tiny else {})})
    simulate(parameters, cores)
    say("simulated")
    preprocess(parameters, cores)
    say("preprocessed")
    READY.touch()


def make_run(given: dict[str, Any], tiny: bool) -> None:
    """One run, from recordings to its folder, with a learning curve for seed 0 of hang."""
    from cagewatch import detectors, metrics, runs, runtime
    from cagewatch.params import resolve
    from cagewatch.recordings import load_recordings
    from cagewatch.scoring import score_recordings, watch_training
    from cagewatch.store import stores_of

    small: dict[str, Any] = {"max_epochs": 2, "max_train_clips": 64} if tiny else {}
    small |= {"simulate_frames": 1000} if tiny and given["dataset"] == "simulated_paper" else {}
    if given.get("target") == "hang" and given["seed"] == 0:
        small |= {"curve_epochs": list(CURVE)}
    parameters = resolve({**given, **small, "backend": "jax"})
    if runs.check_run(runs.run_folder(parameters)) is None:
        return
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters)
    train, test = ([r for r in recordings if r.split == split] for split in ("train", "test"))
    run = runs.start_run(parameters)
    training = detectors.TrainingSet(train, stores, parameters, run.aside)
    training = watch_training(training, test, stores)
    detector = detectors.fit_detector(training, detectors.Computing("keras"))
    frames = score_recordings(detector, test, stores)
    results = metrics.compute_metrics(frames, parameters)
    runs.finish_run(run, detector, frames, results, runtime.describe(), stores)
    say(*(given.get(n, "") for n in ("dataset", "target", "model", "seed")), "AUC", results["auc"])


def work(worker: str, ped2: str | None, tiny: bool) -> None:
    """All runs of one worker while there is time, those first whose recordings are ready."""
    from cagewatch import runtime

    runtime.configure("jax", max(1, (os.cpu_count() or 1) // len(NETWORKS)))
    waiting = plan(worker, ped2)[: 2 if tiny else None]
    while waiting and left() > 30:
        able = [one for one in waiting if one["dataset"] != "simulated_paper" or READY.is_file()]
        if not able:
            time.sleep(0.2)
            continue
        waiting.remove(able[0])
        try:
            make_run(able[0], tiny)
        except Exception:  # the next run may go through
            say("failed:", able[0], traceback.format_exc())


def main() -> None:
    """Start the workers, wait for them or the limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_study", description=__doc__)
    parser.add_argument("--ped2", help="folder of UCSD Ped2")
    parser.add_argument("--tiny", action="store_true", help="a few clips: does it run?")
    parser.add_argument("--only", nargs="*", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work == "prepare":
        return prepare(given.tiny)
    if given.work:
        return work(given.work, given.ped2, given.tiny)
    shared = [f"--ped2={given.ped2}"] if given.ped2 else []
    shared += ["--tiny"] if given.tiny else []
    env = dict(os.environ, BEGAN=str(BEGAN), KERAS_BACKEND="jax")
    on_cores = dict(env, CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
    jobs = []
    for name in ("prepare", *given.only):
        command = [sys.executable, "-m", "benchmarks.gpu_study", f"--work={name}", *shared]
        jobs.append(subprocess.Popen(command, env=on_cores if name == "prepare" else env))
    while any(job.poll() is None for job in jobs) and left() > 0:
        time.sleep(0.5)
    for job in jobs:
        job.kill()
    say("done")


if __name__ == "__main__":
    main()
