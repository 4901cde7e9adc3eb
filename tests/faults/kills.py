"""kill -9 at many random moments: what is left is whole, and a rerun ends as if undisturbed."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import random
import select
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from faults import experiment
from faults.experiment import check_whole, describe_run, leftovers


def kill_stores(folder: Path, kills: int, seed: int = 0) -> Iterator[dict]:
    """Kill the building of stores; every few kills it may finish."""
    from cagewatch import params
    from cagewatch.recordings import load_recordings
    from cagewatch.store import stores_of

    data = experiment.write_discs(folder / "data", n_frames=120)

    def build(results: Path) -> None:
        given = params.resolve(experiment.values(data, results))
        stores_of(load_recordings(given), given)

    yield from _kill(folder, build, kills, random.Random(seed))


def kill_figures(folder: Path, kills: int, seed: int = 0) -> Iterator[dict]:
    """Kill the writing of figures and of their captions."""
    import matplotlib

    from cagewatch import plots

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    def draw(results: Path) -> None:
        for number in range(3):
            figure, axes = plt.subplots(figsize=(3, 2))
            axes.plot(range(10), [number * one % 7 for one in range(10)])
            plots.save_figure(figure, results / "figures", f"figure_{number}", caption="a line")
            plt.close(figure)

    yield from _kill(folder, draw, kills, random.Random(seed))


def kill_review(folder: Path, kills: int, seed: int = 0) -> Iterator[dict]:
    """Kill what writes decisions: all it said were saved are there, in their order, none twice."""
    from cagewatch.review import decide, read_decisions

    generator = random.Random(seed)
    for _ in range(kills):
        begun = len(read_decisions(folder, every=True))
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            for number in itertools.count(begun):
                key = {"recording": "r", "start_s": float(number), "stop_s": number + 0.5}
                decide(folder, key | {"detector": "pca_frames"}, "accepted", f"jump {number}")
                os.write(writing, b".")
        os.close(writing)
        time.sleep(generator.uniform(0.005, 0.08))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(reading, "rb") as pipe:
            said = begun + len(pipe.read())
        found = read_decisions(folder, every=True)["start_s"].tolist()
        assert found == list(range(len(found))), "a decision lost, or there twice"
        assert said <= len(found) <= said + 1, (said, len(found))
        if len(found) > 100:
            (folder / "review.csv").unlink()
        yield {"killed": 1}
    # What a killed process left half-written is cleared by the next one that writes.
    last = {"recording": "r", "start_s": 1e6, "stop_s": 1e6 + 1, "detector": "pca_frames"}
    decide(folder, last, "rejected")
    assert {path.name for path in folder.iterdir()} == {"review.csv", ".review.lock"}


def _kill(
    folder: Path, work: Callable[[Path], None], kills: int, generator: random.Random
) -> Iterator[dict]:
    """Kill `work` over and over, up to four times in one folder; then let it finish and compare."""
    _in_child(work, folder / "undisturbed", None)
    started = time.monotonic()
    _in_child(work, folder / "timed", None)
    lasts = time.monotonic() - started
    expected = describe_run(folder / "undisturbed")
    done = 0
    while done < kills:
        results = folder / "killed"
        shutil.rmtree(results, ignore_errors=True)
        killed = 0
        for _ in range(generator.randint(1, 4)):
            killed += _in_child(work, results, generator.uniform(0, lasts))
            check_whole(results)
        _in_child(work, results, None)
        check_whole(results)
        assert describe_run(results) == expected, f"other bytes after {killed} kills"
        assert not leftovers(results), leftovers(results)
        done += killed
        yield {"killed": killed}


def _in_child(work: Callable[[Path], None], results: Path, delay: float | None) -> bool:
    """Do `work` in a child, killed after `delay` seconds; whether the kill came in time."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            with contextlib.redirect_stderr(io.StringIO()):
                work(results)
            code = 0
        os._exit(code)
    os.close(write_end)
    try:
        ended = bool(select.select([read_end], [], [], delay)[0])
        if not ended:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(read_end)
    if os.WIFSIGNALED(status):
        return True
    assert status == 0, f"{work} failed"
    return False


def kill_experiments(folder: Path, kills: int, seed: int = 0) -> Iterator[dict]:
    """Kill whole experiments in training, saving, scoring and at the end, then finish them."""
    experiment.load_everything()
    generator = random.Random(seed)
    data = experiment.write_discs(folder / "data")
    begun = {}
    for name in ("undisturbed", "again"):
        state, begun, error = experiment.run_child(experiment.values(data, folder / name))
        assert state == "done", error
    expected = describe_run(folder / "undisturbed")
    assert describe_run(folder / "again") == expected, "two undisturbed runs differ"
    done = 0
    while done < kills:
        results = folder / "killed"
        shutil.rmtree(results, ignore_errors=True)
        stages: Counter = Counter()
        for _ in range(generator.randint(2, 6)):
            kill = experiment.choose_kill(generator, begun)
            state, _, error = experiment.run_child(experiment.values(data, results), kill)
            assert state != "failed", error
            stages[kill[0]] += state == "killed"
            check_whole(results)
        state, _, error = experiment.run_child(experiment.values(data, results))
        assert state == "done", error
        check_whole(results)
        assert describe_run(results) == expected, f"other bytes after {dict(stages)}"
        assert not leftovers(results), leftovers(results)
        done += sum(stages.values())
        yield {"killed": sum(stages.values()), "stages": dict(stages)}
