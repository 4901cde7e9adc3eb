"""Make the README's moving picture, a simulated cage with its score below it: `make screenshots`.

A detector is fitted on half an hour in which the simulated mouse never hangs, by the three calls
that the README shows, and scores a short recording in which it does.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image

from cagewatch import cages, plots
from cagewatch.plots.style import ANOMALOUS, NORMAL, THRESHOLD
from cagewatch.review.cohort import hang_more
from cagewatch.simulate import Bout, draw_bouts, render_frames
from cagewatch.simulate.writer import RATE, write_video
from cagewatch.video import read_frames

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "moving_picture"
CAGE, SEED = "simulated_day_01", 5
TRAINING = round(600 * RATE)  # frames of each of three videos
SHOWN = [("walk", 3), ("rear", 2), ("walk", 2), ("eat", 3), ("walk", 2), ("hang", 5), ("walk", 3)]
EVERY = 3  # frames from one picture to the next: ten pictures a second
ROWS = slice(80, 228)  # the tub, with its lid
GREYS, COLOURS = 28, 64  # of the cage; of the file
STILL = 14  # a pixel that differs by less from the cage without its mouse is shown as that


def film() -> Path:
    """Write the videos to train on, and the one to show; returns the last."""
    shutil.rmtree(BUILD, ignore_errors=True)
    (BUILD / "videos").mkdir(parents=True)
    for number in (1, 2, 3):
        bouts = draw_bouts(np.random.default_rng(number), TRAINING, ethogram=hang_more(0.0))
        name = f"{CAGE}-{number:02d}"
        write_video(BUILD / "videos" / f"{name}.mpg", render_frames(name, SEED, bouts))
    ends = np.cumsum([round(seconds * RATE) for _, seconds in SHOWN])
    starts = [0, *ends[:-1]]
    shown = [Bout(name, *at) for (name, _), *at in zip(SHOWN, starts, ends, strict=True)]
    write_video(BUILD / "new.mpg", render_frames(f"{CAGE}-04", SEED, shown))
    return BUILD / "new.mpg"


def still_frames(video: Path) -> list[np.ndarray]:
    """The tub's pictures, few greys and without the camera's noise, which would fill the file."""
    frames = [frame[ROWS] for _, frame in read_frames(video)]
    frames = [cv2.bilateralFilter(frame, 5, 18, 2) for frame in frames[::EVERY]]
    cage, step = np.median(frames, axis=0), 255 / (GREYS - 1)
    shown = [np.where(abs(frame - cage) < STILL, cage, frame) for frame in frames]
    return [np.rint(np.rint(frame / step) * step).astype(np.uint8) for frame in shown]


def draw(pictures: list[np.ndarray], frames: pd.DataFrame, threshold: float) -> list[Image.Image]:
    """Each picture above the score so far, the part above the threshold in the alarm's colour."""
    plots.use_style()
    figure = plt.figure(figsize=(6.4, 4.36), dpi=100, layout="none")
    top = figure.add_axes((0, 1 - 2.96 / 4.36, 1, 2.96 / 4.36))
    top.set_axis_off()
    image = top.imshow(pictures[0], cmap="gray", vmin=0, vmax=255, aspect="auto")
    words = {"fontsize": 10, "fontweight": "bold", "color": "white"}
    box = {"boxstyle": "square,pad=0.3", "facecolor": "#7A1F00", "edgecolor": "none"}
    place = {"transform": top.transAxes, "va": "top"} | words
    top.text(0.985, 0.95, "simulated", ha="right", bbox=box, **place)
    alarm = top.text(0.015, 0.95, "", **place)
    below = figure.add_axes((0.075, 0.125, 0.91, 0.16))
    time, score = frames["time_s"].to_numpy(), frames["smooth"].to_numpy()
    below.set(
        xlim=(0, time[-1]),
        ylim=(score.min(), 1.08 * score.max()),
        yticks=[],
        xticks=range(0, 21, 5),
    )
    below.set_xlabel("Time (s)", fontsize=9, labelpad=1)
    below.set_ylabel("Score", fontsize=9)
    below.axhline(threshold, color=THRESHOLD, linestyle=":", linewidth=1.2)
    below.text(6.2, threshold, "alarm above this line", fontsize=9, va="bottom")
    (usual,) = below.plot([], [], color=NORMAL, linestyle="-", linewidth=1.6)
    (unusual,) = below.plot([], [], color=ANOMALOUS, linestyle="-", linewidth=2.4)
    drawn = []
    for number, picture in enumerate(pictures):
        upto = number * EVERY + 1
        above = score[:upto] >= threshold
        image.set_data(picture)
        usual.set_data(time[:upto], score[:upto])
        unusual.set_data(time[:upto], np.where(above, score[:upto], np.nan))
        alarm.set_text("alarm" if above[-1] else "")
        alarm.set_bbox(box | {"facecolor": ANOMALOUS} if above[-1] else {"alpha": 0})
        figure.canvas.draw()
        drawn.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()))
    plt.close(figure)
    return drawn


def main() -> None:
    """Film, fit, score and draw."""
    video = film()
    cage = cages.fit(BUILD / "videos", detector="pca_frames", into=BUILD / "cage", cores=1)
    frames = cages.score(cage, video)
    drawn = draw(still_frames(video), frames, cages.choose_threshold(cage, budget=6))
    busiest = drawn[max(range(len(drawn)), key=lambda i: len(drawn[i].getcolors(1 << 24)))]
    palette = busiest.quantize(COLOURS, dither=Image.Dither.NONE)
    first, *rest = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in drawn]
    path = ROOT / "figures" / "simulated" / "cage_and_score.gif"
    first.save(path, save_all=True, append_images=rest, duration=100, loop=0, optimize=True)


if __name__ == "__main__":
    main()
