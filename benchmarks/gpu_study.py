"""The study's networks on a GPU machine: ``python -m benchmarks.gpu_study mit_sample=FOLDER ...``.

For a machine with JAX, as many cores as it has, and no network or Snakemake. Each worker takes its
runs of `plan` in order, through the library's own fit, scores and run folder, as soon as their
recordings are ready; simulated ones are made meanwhile. It stops by itself after LIMIT seconds
(3600), and goes on where it was when called again in the same folder. Finished runs lie in
``results/``: copy them into a checkout's and run ``make study`` with ``KEEP=1`` there. ``--tiny``
shows on any machine that it works.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

BEGAN = float(os.environ.get("BEGAN") or time.time())
LIMIT = float(os.environ.get("LIMIT", "3600"))
SIMULATED = ("simulated_long", "simulated_paper")  # in the order in which they are made
MAIN = ("hang", "groom")
REST = ("walk", "rear", "rest", "eat", "drink", "micromovement")
CURVE = (1, 5, 15, 60, 120)  # epochs after which seed 0 of hang is scored
# Open points of the training that ask for no other recordings, and one that does.
VARIED: dict[str, dict[str, Any]] = {
    "half_resolution": {"flow_resolution": "half"},
    "no_flips": {"flips": False},
    "beta_1_0.9": {"beta_1": 0.9},
    "twice_the_epochs": {"epochs": 120},
}
# What `make study DATASET=mit_sample` leaves out.
SAMPLE = ("rae", "cae_image", "cae_flow", "memory", "hasan", "conv3d", "stae_image", "stae_flow")


def plan(folders: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Parameters of every worker's runs, the most important first."""
    config = yaml.safe_load(Path("config", "study.yaml").read_text("utf-8"))
    scales = {name: one.get("scale", "paper") for name, one in config["of_dataset"].items()}

    def runs(
        dataset: str, model: str, targets: Sequence[str], seeds: Sequence[int] = (0,), **more: Any
    ) -> list[dict[str, Any]]:
        if dataset not in (*SIMULATED, *folders):
            return []
        scale = scales.get(dataset.removesuffix("_reversed"), "paper")
        given = {"dataset": dataset, "model": model, "scale": scale, **more}
        given |= {"data_dir": folders[dataset]} if dataset in folders else {}
        return [{**given, "target": t, "seed": s} for s in seeds for t in targets]

    long, paper = SIMULATED
    every = (*MAIN, *REST)
    plans = {
        "rae": runs(paper, "rae", ["hang"]) + runs(paper, "rae", MAIN, (1, 2)),
        "rae_groom": runs(paper, "rae", ["groom"]) + runs(long, "rae", every),
        "supervised": runs(paper, "supervised", MAIN, (0, 1, 2)) + runs(long, "supervised", every),
        "rivals": [],
        "variations": [],
        "sample": [],
    }
    for model in ("cae", "cae_image"):
        plans[model] = runs(paper, model, MAIN, (0, 1, 2)) + runs(paper, model, REST)
        plans[f"{model}_long"] = runs(long, model, every, (0, 1))
    for model in ("hasan", "memory"):
        plans["rivals"] += runs("ped2", model, ["anomaly"], (0, 1, 2))
    for name, values in VARIED.items():
        aside = {"results_dir": f"results/ablations/{name}", **values}
        plans["variations"] += runs(long, "cae", (*MAIN, "walk"), (0, 1), **aside)
    for width in (0.5, 0.25):
        aside = {"results_dir": f"results/ablations/width_{width}", "width": width}
        plans["rivals"] += runs(long, "rae", MAIN, **aside)
    for targets in (("rear", "walk"), ("groom",)):
        for seed in (0, 1, 2):
            for model in SAMPLE:
                for direction in ("mit_sample", "mit_sample_reversed"):
                    plans["sample"] += runs(direction, model, targets, (seed,))
    return plans


def say(*words: Any) -> None:
    """Print with the seconds since the start in front."""
    print(f"[{time.time() - BEGAN:6.1f}]", *words, flush=True)


def left() -> float:
    """Seconds until the limit."""
    return LIMIT - (time.time() - BEGAN)


def settle(given: dict[str, Any], tiny: bool) -> Any:
    """Parameters of a run; small ones where it is only to be seen that it works."""
    from cagewatch.params import resolve

    small: dict[str, Any] = {}
    if tiny:
        small = {"max_epochs": 2, "max_train_clips": 64}
        small |= {"simulate_frames": 1000} if given["dataset"] in SIMULATED else {}
    first = given.get("target") == "hang" and given.get("seed") == 0
    if first and given["dataset"] == SIMULATED[1]:
        small |= {"curve_epochs": list(CURVE)}
    return resolve({**given, **small, "backend": "jax"})


def prepare(datasets: list[str], folders: dict[str, str], tiny: bool) -> None:
    """Simulate and preprocess, one recording a core, the small before the large."""
    from cagewatch import runtime
    from cagewatch.study.steps import preprocess, simulate

    cores = runtime.configure("jax")
    for dataset in datasets:
        given = {"dataset": dataset, "scale": "paper"}
        if dataset in folders:
            given["data_dir"] = folders[dataset]
        parameters = settle(given, tiny)
        if dataset in SIMULATED:
            simulate(parameters, cores)
            say(dataset, "simulated")
        preprocess(parameters, cores)
        say(dataset, "preprocessed")
        Path(f"{dataset}.ready").touch()


def make_run(given: dict[str, Any], tiny: bool) -> None:
    """One run, from recordings to its folder, with a learning curve for seed 0 of hang."""
    from cagewatch import detectors, metrics, runs, runtime
    from cagewatch.recordings import load_recordings
    from cagewatch.scoring import score_recordings, watch_training
    from cagewatch.store import stores_of

    began = time.time()
    parameters = settle(given, tiny)
    if runs.check_run(runs.run_folder(parameters)) is None:
        return
    recordings = load_recordings(parameters)
    stores = stores_of(recordings, parameters)
    train, test = ([r for r in recordings if r.split == split] for split in ("train", "test"))
    run = runs.start_run(parameters)
    training = detectors.TrainingSet(train, stores, parameters, run.aside)
    training = watch_training(training, test, stores)
    detector = detectors.fit_detector(training, detectors.Computing("keras"))
    fitted = time.time() - began
    frames = score_recordings(detector, test, stores)
    scores = [name for name in frames if name.startswith("score")]
    frames[scores] = frames[scores].astype(np.float32)  # half of what has to be carried home
    results = metrics.compute_metrics(frames, parameters)
    runs.finish_run(run, detector, frames, results, runtime.describe(), stores, recordings)
    names = (given.get(n, "") for n in ("dataset", "target", "model", "seed", "results_dir"))
    took = f"fit {fitted:.0f} s, all {time.time() - began:.0f} s"
    say(*names, took, "AUC", results["protocols"]["pooled"]["auc"])


def work(worker: str, folders: dict[str, str], tiny: bool) -> None:
    """All runs of one worker while there is time, those first whose recordings are ready."""
    from cagewatch import runtime

    plans = plan(folders)
    runtime.configure("jax", max(1, (os.cpu_count() or 1) // len(plans)))
    waiting = plans[worker]
    waiting = waiting[:: max(1, len(waiting) // 3)] if tiny else waiting
    while waiting and left() > 20:
        able = [one for one in waiting if Path(f"{one['dataset']}.ready").is_file()]
        if not able:
            time.sleep(0.2)
            continue
        waiting.remove(able[0])
        try:
            make_run(able[0], tiny)
        except Exception:  # the next run may go through
            say("failed:", able[0], traceback.format_exc()[-1500:])


def main() -> None:
    """Start the workers, wait for them or the limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_study", description=__doc__)
    parser.add_argument("folders", nargs="*", metavar="DATASET=FOLDER", help="of real recordings")
    parser.add_argument("--tiny", action="store_true", help="a few clips: does it run?")
    parser.add_argument("--only", nargs="*", default=list(plan({})), choices=list(plan({})))
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folders = dict(one.split("=", 1) for one in given.folders)
    if "mit_sample" in folders:
        folders["mit_sample_reversed"] = folders["mit_sample"]
    datasets = [*folders, *SIMULATED]
    datasets = [one for one in datasets if not Path(f"{one}.ready").is_file()]
    if given.work == "prepare":
        return prepare(datasets, folders, given.tiny)
    if given.work:
        return work(given.work, folders, given.tiny)
    shared = [*given.folders, *(["--tiny"] if given.tiny else [])]
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
