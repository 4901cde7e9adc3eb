"""Seconds and peak memory against the length of video: ``python -m benchmarks.cost_curve``.

Ten simulated minutes are repeated by copying their coded frames: what decoding, flow and network
do for a frame is the same, however often it comes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.bench_memory import measure_once
from benchmarks.material import lengthen, simulate, train_run
from cagewatch import plots, runtime
from cagewatch.files import whole_file

FRAMES = 18_000  # ten minutes at 29.97 frames per second
KINDS = {"store": "preprocessing to a store", "score": "file to frame scores, two-stream CAE"}
COLOURS = {"store": "#0072B2", "score": "#D55E00"}


def measure(folder: Path, minutes: list[int], cores: int) -> pd.DataFrame:
    """One row per length and kind: minutes, frames, kind, seconds, mib."""
    (source, *_) = simulate(folder, 1, FRAMES)
    train_run(folder, max_epochs=2)
    rows = []
    for length in minutes:
        video = lengthen(source.source, folder / "long.mpg", max(1, round(length / 10)))
        for kind in KINDS:
            found = measure_once(kind, video, folder, cores)
            frames = FRAMES * max(1, round(length / 10))
            rows.append((length, frames, kind, found["seconds"], found["kib"] / 1024))
            print(*rows[-1], flush=True)
        video.unlink()
    return pd.DataFrame(rows, columns=["minutes", "frames", "kind", "seconds", "mib"])


def draw(table: pd.DataFrame, cores: int) -> Figure:
    """Seconds and memory against frames, both axes of seconds logarithmic."""
    import matplotlib.pyplot as plt

    plots.use_style()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.9), layout="constrained")
    for kind, words in KINDS.items():
        mine = table[table["kind"] == kind]
        rate = mine["frames"].sum() / mine["seconds"].sum()
        style = {"marker": "o", "color": COLOURS[kind]}
        left.plot(mine["frames"], mine["seconds"], label=f"{words}: {rate:.0f} frames/s", **style)
        right.plot(mine["frames"], mine["mib"], label=words, **style)
    for ax, words in ((left, "seconds"), (right, "peak memory, MiB")):
        ax.set(xlabel="frames", ylabel=words, xscale="log")
        ticks = table.drop_duplicates("minutes")
        names = [
            f"{f:,}\n{_clock(m)}" for f, m in zip(ticks["frames"], ticks["minutes"], strict=True)
        ]
        ax.set_xticks(ticks["frames"], names, fontsize=7)
        ax.minorticks_off()
    left.set(yscale="log", ylim=(None, 8 * table["seconds"].max()))  # room for the legend
    right.set(ylim=(0, None))
    left.legend(fontsize=8, loc="upper left")
    figure.suptitle(
        f"Cost on simulated video (10 simulated minutes, repeated by copying)\n"
        f"{runtime.processor_name()}, {cores} cores, {time.strftime('%F')}", fontsize=10,
    )  # fmt: skip
    return figure


def _clock(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes / 60:g} h"


def main() -> None:
    """Measure, write the table, draw the figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost_curve", description=__doc__)
    parser.add_argument("--minutes", type=int, nargs="+", default=[10, 30, 60, 120, 300, 600])
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary one")
    parser.add_argument("--figures", type=Path, default=Path("figures/simulated"))
    given = parser.parse_args()
    cores = min(2, runtime.available_cores())
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table = measure(folder, given.minutes, cores)
    with whole_file(given.figures / "cost_curve.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.4g", lineterminator="\n")
    plots.save_figure(draw(table, cores), given.figures, "cost_curve")


if __name__ == "__main__":  # simulating starts processes that import this file too
    main()
