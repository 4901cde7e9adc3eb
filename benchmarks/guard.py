"""How often alarms are held back that mean nothing, and those of a good detector are not.

``python -m benchmarks.guard --folder FOLDER``: simulated cages, each with detectors trained on six
recordings by day, a network that was given 35 clips and 4 epochs, and four new videos: an ordinary
one, the cage without its mouse, the same cage in half the light with twice the noise, and a cage by
night.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.material import film_cage
from cagewatch import cages
from cagewatch.cages.alarms import tabulate_alarms
from cagewatch.cages.plan import TrainParameters, plan_training
from cagewatch.cages.scoring import doubt_alarms
from cagewatch.cages.train import train_cage
from cagewatch.simulate.writer import write_video
from cagewatch.video import read_frames

FRAMES = 3600  # a recording, two minutes
TRAINED = 6  # recordings, a quarter of them held out
FEW_CLIPS, FEW_EPOCHS = 35, 4


def film_new(folder: Path, video: Path, seed: int) -> dict[str, Path]:
    """The new videos: an ordinary one, without a mouse, in half the light, and one by night."""
    chance = np.random.default_rng(seed)
    empty, dim = folder / "empty.mpg", folder / "dim.mpg"
    if not dim.is_file():
        scene = np.median([f for _, f in read_frames(video)][::30], axis=0)

        def grainy(picture: np.ndarray, noise: float) -> np.ndarray:
            grain = chance.normal(0, noise, picture.shape)
            return np.clip(picture + grain, 0, 255).astype(np.uint8)

        write_video(empty, (grainy(scene, 1.5) for _ in range(FRAMES)))
        write_video(dim, (grainy(0.47 * frame + 6, 3.0) for _, frame in read_frames(video)))
    (night,) = film_cage(folder, seed, 1, FRAMES, "night")
    return {"ordinary video": video, "empty cage": empty, "half the light": dim, "night": night}


def judge_cage(folder: Path, seed: int, detector: str, minutes: float, few: bool) -> pd.DataFrame:
    """One row a thing judged: detector, case, and why its alarms were held back ('' if not)."""
    videos = film_cage(folder / str(seed), seed, TRAINED + 1, FRAMES)
    into = folder / f"{seed}-cage"  # the stores are shared
    given = TrainParameters(
        videos=[str(video) for video in videos[:TRAINED]], detector=detector, into=str(into),
        minutes=minutes, seed=seed, cores=1,
    )  # fmt: skip
    plan = plan_training(given)
    if few:
        changed = {"max_train_clips": FEW_CLIPS, "epochs": FEW_EPOCHS}
        plan = plan._replace(parameters=plan.parameters.model_copy(update=changed))
    cage = train_cage(plan)
    assert cage.verdict is not None
    facts = {name: value for name, value in cage.verdict.facts.items() if "error" in name}
    said = "" if cage.verdict.passed else cage.verdict.words
    rows = [{"case": "few clips" if few else "training", "why": said, "facts": facts}]
    if not few:
        level = cages.decide_level(cage)
        for case, video in film_new(folder / str(seed), videos[-1], seed).items():
            frames = cages.score(cage, video, progress=False)
            why = doubt_alarms(cage, video, frames, tabulate_alarms(frames, level))
            rows.append({"case": case, "why": why or ""})
    return pd.DataFrame(rows).assign(detector=detector, seed=seed)


def main() -> None:
    """Print every verdict, and the counts of docs/your_cage.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for videos and cages")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(21, 27)))
    parser.add_argument("--detectors", nargs="*", default=["pca_frames", "recommended"])
    parser.add_argument("--starved", nargs="*", default=["cae"], help="given few clips and epochs")
    parser.add_argument("--minutes", type=float, default=30, help="to train a network in")
    given = parser.parse_args()
    asked = [(name, False) for name in given.detectors] + [(name, True) for name in given.starved]
    table = pd.concat(
        judge_cage(given.folder, seed, detector, given.minutes, few)
        for seed in given.seeds
        for detector, few in asked
    )
    print(table[["seed", "detector", "case", "why", "facts"]].to_string(index=False))
    held = table.assign(held_back=table["why"] != "").groupby(["case", "detector"])["held_back"]
    print(held.agg(["sum", "count"]).reset_index().to_markdown(index=False))


if __name__ == "__main__":
    main()
