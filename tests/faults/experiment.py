"""The notebook `experiment`, run in a process of its own that can be killed at a chosen moment.

A parent that has imported everything forks; the child runs the notebook's own cells and names each
stage on a pipe as it begins.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import select
import signal
import time
import traceback
import zipfile
from pathlib import Path

import cv2
import numpy as np

from cagewatch.params import project_root
from cagewatch.store.manifest import read_manifest

STAGES = ("store", "train", "save", "score", "finish", "figures")
SAME = ("scores.csv.gz", "metrics.json", "params.yaml")
_FIRST_WORDS = {
    "store": "recordings = load_recordings",
    "train": "training = detectors.TrainingSet",
    "score": "frames = score_recordings",
    "finish": "runs.finish_run",
}


def write_discs(data: Path, n_frames: int = 48) -> Path:
    """UCSD's layout; a disc moves 1 pixel a frame, and 6 in the second half of the test clips."""
    top = data / "UCSD_Anomaly_Dataset.v1p2" / "UCSDped2"
    half = np.repeat([1, 6], n_frames // 2)
    for number in (1, 2):
        _write_disc(top / "Train" / f"Train00{number}", np.ones(n_frames))
        _write_disc(top / "Test" / f"Test00{number}", half)
    line = f"TestVideoFile{{end+1}}.gt_frame = [{n_frames // 2 + 1}:{n_frames}];\n"
    (top / "Test" / "UCSDped2.m").write_text("TestVideoFile = {};\n" + line * 2)
    return data


def _write_disc(folder: Path, speeds: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for number, position in enumerate(20 + np.cumsum(speeds), start=1):
        frame = np.full((60, 90), 120, np.uint8)
        cv2.circle(frame, (int(10 + position % 70), 30), 8, 20, -1)
        cv2.imwrite(str(folder / f"{number:03}.png"), frame)


def values(data: Path, results: Path, **more: object) -> dict[str, object]:
    """Parameters of a small experiment; `more` wins."""
    given = {"dataset": "ped2", "data_dir": str(data), "results_dir": str(results), "cores": 1}
    given |= {"scale": "smoke", "max_epochs": 3, "max_train_clips": 16, "batch_size": 8}
    return given | {"model": "cae_image"} | more


def read_cells() -> list[str]:
    """The code cells of notebooks/experiment.py."""
    text = (project_root() / "notebooks" / "experiment.py").read_text(encoding="utf-8")
    cells = []
    for part in text.split("\n# %%")[1:]:
        head, _, source = part.partition("\n")
        if "[markdown]" not in head:
            cells.append(source)
    return cells


def run_cells(given: dict[str, object], begin=lambda stage: None) -> Path:
    """Run the notebook's cells, then draw its figures into ``<run>/figures``; the run's folder."""
    import matplotlib

    matplotlib.use("agg")
    cells = read_cells()
    injected = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in given.items())
    space: dict[str, object] = {"In": [cells[0], injected], "__name__": "__main__"}
    for source in (cells[0], injected, *cells[1:]):
        for stage, words in _FIRST_WORDS.items():
            if words in source:
                begin(stage)
        exec(compile(source, "experiment", "exec"), space)
        if "fit_detector" in source:
            begin("save")
    begin("figures")
    from cagewatch import plots

    figure = space["plots"].show_result(space["frames"], space["results"], space["parameters"])
    figure = getattr(figure, "figure", figure) or matplotlib.pyplot.gcf()
    for number in range(2):
        plots.save_figure(
            figure, space["run"].folder / "figures", f"figure_{number}", caption="a disc"
        )
    matplotlib.pyplot.close("all")
    return space["run"].folder


def load_everything() -> None:
    """Import all that the experiment needs, and compute nothing: a fork must not copy threads."""
    from cagewatch import runtime

    runtime.configure("tensorflow", 1)
    runtime.load_backend()
    from cagewatch import clips, detectors, metrics, plots, runs, scoring  # noqa: F401
    from cagewatch.clips import batches  # noqa: F401
    from cagewatch.detectors import networks  # noqa: F401
    from cagewatch.detectors.training import train  # noqa: F401


def run_child(
    given: dict[str, object], kill: tuple[str, float] | None = None, limit_s: float = 1800
) -> tuple[str, dict[str, float], str]:
    """Run the experiment in a child; `kill` is (stage, seconds after its beginning).

    Returns
    -------
    ('done', 'failed' or 'killed'), seconds from start to each stage, and the error's last line.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(given, read_end, write_end)
    os.close(write_end)
    begun, text, started, deadline = {}, "", time.monotonic(), None
    killed = False
    with open(read_end, "rb", buffering=0) as pipe:
        while True:
            now = time.monotonic()
            if (deadline and now >= deadline) or now - started > limit_s:
                os.kill(child, signal.SIGKILL)
                killed = True
                break
            wait = max(0.0, deadline - now) if deadline else 1.0
            if not select.select([pipe], [], [], min(wait, 1.0))[0]:
                continue
            data = pipe.read(65536)
            if not data:
                break
            text += data.decode("utf-8", "replace")
            for line in text.splitlines():
                stage = line.removeprefix("begin ")
                if line != stage and stage in STAGES and stage not in begun:
                    begun[stage] = time.monotonic() - started
                    if kill and kill[0] == stage:
                        deadline = time.monotonic() + kill[1]
    _, status = os.waitpid(child, 0)
    begun["end"] = time.monotonic() - started
    if killed and os.WIFSIGNALED(status):
        return "killed", begun, text
    return "done" if status == 0 else "failed", begun, text


def _be_child(given: dict[str, object], read_end: int, write_end: int) -> None:
    os.close(read_end)
    code = 1
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run_cells(given, lambda stage: os.write(write_end, f"begin {stage}\n".encode()))
        code = 0
    except BaseException:
        os.write(write_end, traceback.format_exc()[-4000:].encode())
    finally:
        os._exit(code)


def describe_run(results: Path) -> dict[str, bytes]:
    """The bytes that must not depend on what happened on the way."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if path.suffix == ".npy" or path.name in SAME or path.parent.name == "figures":
            found[name] = path.read_bytes()
        elif path.name == "history.csv":
            lines = path.read_text().splitlines()
            found[name] = "\n".join(line.rpartition(",")[0] for line in lines).encode()
        elif path.name == "detector.npz":
            with zipfile.ZipFile(path) as archive:
                found[name] = b"".join(archive.read(one) for one in sorted(archive.namelist()))
    # Where the results lie is itself a parameter.
    return {n: b.replace(str(results).encode(), b"") for n, b in found.items()}


def check_whole(results: Path) -> None:
    """Every file with a final name is whole; raises if one is not."""
    for path in sorted(results.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(results).parts)
        if hidden or not path.is_file():
            continue
        data = path.read_bytes()
        if path.name == "manifest.json":
            read_manifest(path.parent)  # refused if it is damaged
        elif path.suffix == ".json":
            json.loads(data)
        elif path.suffix == ".gz":
            assert gzip.decompress(data).endswith(b"\n"), path
        elif path.suffix in (".keras", ".npz"):
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None, path
        elif path.suffix == ".svg":
            assert data.rstrip().endswith(b"</svg>"), path
        elif path.suffix == ".png":
            assert data.endswith(b"IEND\xaeB`\x82"), path
        elif path.suffix in (".csv", ".yaml"):
            assert data.endswith(b"\n"), path
    for run in results.glob("*/*/*/seed-*/metrics.json"):
        names = ("scores.csv.gz", "detector.npz", "history.csv", "params.yaml", "provenance.json")
        assert all((run.parent / name).is_file() for name in names), run


def leftovers(results: Path) -> list[str]:
    """Temporary files and folders that stayed behind."""
    found = [path for path in results.rglob(".*") if not path.name.endswith(".lock")]
    return sorted(str(path.relative_to(results)) for path in found)


def choose_kill(
    generator: random.Random, begun: dict[str, float], stages: tuple[str, ...] = STAGES
) -> tuple[str, float]:
    """A stage, and a random moment in the time that it takes."""
    order = [*STAGES, "end"]
    stage = generator.choice(stages)
    lasts = begun[order[order.index(stage) + 1]] - begun[stage]
    return stage, generator.uniform(0, lasts)
