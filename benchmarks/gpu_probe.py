"""Clips per second of training on a GPU, by network and form: ``python -m benchmarks.gpu_probe``.

Training as the product does it with JAX, at each network's own batch size, on made-up recordings
that lie on the device. Every variant is a process of its own: a few compile side by side, then they
run one at a time, and last some share the card. Stops by itself after LIMIT seconds (150); prints
one table and writes ``$OUT/gpu_probe.json``. ``--tiny`` shows on any device that it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

BEGAN = time.time()
LIMIT = float(os.environ.get("LIMIT", "150"))
# Compiling side by side: more finish sooner, but disturb each other's choice of the fastest kernel.
PARALLEL = int(os.environ.get("PARALLEL", "6"))
MODELS = ("rae", "cae", "cae_image", "supervised")
SHARE = ("cae_image", "float32", "rearranged", "")
TUNE, NHWC = "--xla_gpu_autotune_level=0", "--xla_gpu_force_conv_nhwc=true"
# (network, precision, form of the convolutions, XLA's flags), the most important first
VARIANTS = [(m, p, "rearranged", "") for p in ("float32", "mixed_bfloat16") for m in MODELS]
VARIANTS += [(m, "float32", "plain", "") for m in MODELS[:2]]
VARIANTS += [(m, "float32", "rearranged", f) for f in (TUNE, NHWC) for m in MODELS[:2]]
VARIANTS += [SHARE, SHARE, ("cae", "mixed_bfloat16", "plain", "")]


def work(model: str, precision: str, form: str, tiny: bool) -> None:
    """One variant: compile, say so, and train for as many epochs as every line of input asks."""
    import numpy as np

    from benchmarks.gpu_grid import matrix_rate
    from benchmarks.references import count_operations
    from cagewatch import runtime

    runtime.configure("jax")
    from cagewatch.clips import ClipIndex
    from cagewatch.clips.batches import ClipBatches
    from cagewatch.detectors.networks import build_model, compile_model, convolutions, streams
    from cagewatch.detectors.training.resident import ResidentTraining
    from cagewatch.params import resolve
    from cagewatch.store import Store

    began = time.time()
    convolutions.FORM["form"] = form
    given = {"dataset": "simulated", "target": "hang", "model": model, "scale": "paper"}
    parameters = resolve(given | {"precision": precision})
    recordings, length, clips = (2, 100, 4) if tiny else (60, 4000, 4096)
    if tiny:
        parameters = parameters.model_copy(update={"batch_size": 2})
    random = np.random.default_rng(0)
    rows = parameters.resize_height - parameters.crop_top - parameters.crop_bottom
    shape = (length, rows, parameters.resize_width)
    gray = random.integers(0, 256, shape, np.uint8)
    flow = random.normal(size=(*shape, 2)).astype(np.float16)
    names = tuple(f"r{number}" for number in range(recordings))
    stores = {n: Store(n, Path(n), gray, flow, np.arange(length) / 30, "0" * 64) for n in names}
    first = random.integers(0, length - 36, clips)
    frames = (first[:, None] + 5 * np.arange(8)).astype(np.int32)
    target, recording = np.arange(clips) % 8 == 0, random.integers(0, recordings, clips)
    index = ClipIndex(recording.astype(np.int16), frames, target, target.astype(np.int16), names)
    batches, held_out = (
        ClipBatches(
            index.take(np.arange(count)), stores, parameters, 3.0, streams(model),
            shuffle=True, supervised=model == "supervised",
        )
        for count in (clips, max(clips // 8, 2))
    )  # fmt: skip
    network = build_model(parameters)
    compile_model(network, parameters)
    network.optimizer.build(network.trainable_variables)
    weights = np.ones(2, np.float32) if model == "supervised" else None
    training = ResidentTraining(network, parameters, batches, held_out, weights)
    facts: dict[str, Any] = {
        "compile_s": time.time() - began,
        "operations": count_operations(network),
    }
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        if line.strip() == "rate":
            found = matrix_rate(
                256 if tiny else 8192, "bfloat16" if "b" in precision else "float32"
            )
        else:
            began = time.time()
            for epoch in range(int(line)):
                batches.set_epoch(epoch)
                training.run_epoch()
            found = clips * int(line) / (time.time() - began)
        print(json.dumps({"found": found}), flush=True)


class Variant:
    """A process that trains one variant, and what it said."""

    def __init__(self, what: tuple[str, ...], tiny: bool, cache: str) -> None:
        self.what, self.row = what, {}
        flags = f"{os.environ.get('XLA_FLAGS', '')} {what[3]}".strip()
        env = dict(
            os.environ, KERAS_BACKEND="jax", XLA_FLAGS=flags, JAX_COMPILATION_CACHE_DIR=cache
        )
        command = [sys.executable, "-m", "benchmarks.gpu_probe", "--work", *what[:3]]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command += ["--tiny"] if tiny else []
        self.process = subprocess.Popen(command, env=env, text=True, **pipes)
        self.words, self.answers = [], []
        for stream, kept in (
            (self.process.stdout, self.answers),
            (self.process.stderr, self.words),
        ):
            threading.Thread(target=lambda s=stream, k=kept: k.extend(s), daemon=True).start()

    def compiling(self) -> bool:
        """Whether it has neither answered nor ended."""
        return not self.answers and self.process.poll() is None

    def answer(self, number: int, until: float) -> dict[str, float]:
        """Its answer number `number`; empty if it ended or the time is over."""
        while len(self.answers) <= number and time.time() < until and self.process.poll() is None:
            time.sleep(0.02)
        return json.loads(self.answers[number]) if len(self.answers) > number else {}

    def ask(self, what: str) -> None:
        """Send it a line."""
        try:
            self.process.stdin.write(f"{what}\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass


def main() -> None:
    """Start all variants, time them, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_probe", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a few clips: does it run?")
    parser.add_argument("--only", nargs="*", default=list(MODELS), help="networks")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        return work(*given.work, tiny=given.tiny)
    cache, end = tempfile.mkdtemp(), BEGAN + LIMIT
    waiting, variants = [v for v in VARIANTS if v[0] in given.only], []
    while time.time() < BEGAN + 0.65 * LIMIT:
        compiling = sum(variant.compiling() for variant in variants)
        if waiting and compiling < PARALLEL:
            variants.append(Variant(waiting.pop(0), given.tiny, cache))
        elif not compiling:
            break
        time.sleep(0.02)
    peaks: dict[str, float] = {}
    for variant in sorted(variants, key=Variant.compiling):
        variant.row = variant.answer(0, end - 5)
        steps = [("warm", "1"), ("clips_s", "1")]
        steps += [("rate", "rate")] if variant.what[1] not in peaks else []
        for number, (name, what) in enumerate(steps if variant.row else []):
            variant.ask(what)
            variant.row[name] = variant.answer(1 + number, end - 3).get("found")
        if variant.row.get("rate"):
            peaks[variant.what[1]] = variant.row["rate"]
    shared = [v for v in variants if v.what == SHARE and v.row]
    for variant in shared:
        variant.ask("3")
    answers = [4 if "rate" in variant.row else 3 for variant in shared]
    together = [v.answer(n, end - 2).get("found", 0) for v, n in zip(shared, answers, strict=True)]
    rows = []
    print("| network, precision, form, flags | compile s | clips/s | share of the matrix rate |")
    print("| --- | --- | --- | --- |")
    for variant in variants:
        row = {"what": variant.what, **variant.row, "words": "".join(variant.words)[-1500:]}
        rows.append(row)
        rate, peak = row.get("clips_s"), peaks.get(variant.what[1])
        share = f"{rate * row['operations'] / peak:.3f}" if rate and peak else ""
        seconds = f"{row.get('compile_s', 0):.0f}"
        print(f"| {', '.join(variant.what)} | {seconds} | {rate or 0:.0f} | {share} |")
        variant.process.kill()
    print(f"| {len(shared)} x {', '.join(SHARE)} at once | | {sum(together):.0f} | |")
    print(f"{time.time() - BEGAN:.0f} s in all")
    failed = next((row["words"] for row in rows if "compile_s" not in row), "")
    print(failed[-800:])
    out = Path(os.environ.get("OUT", "."))
    (out / "gpu_probe.json").write_text(json.dumps({"rows": rows, "together": together}, indent=1))


if __name__ == "__main__":
    main()
