"""One worker process: mutates, reads, and reports one line of JSON per file.

``python -m fuzz.worker <kind> <folder> <first> <last> <seed>`` takes the numbers first to last - 1.
File number n is the same in every run with the same seed, so that a finding can be made again.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

from cagewatch.errors import InputError
from fuzz import targets
from fuzz.mutate import mutate
from fuzz.seeds import Seed, make_cage_seeds, make_text_seeds, make_video_seeds

MEMORY = 2 << 30  # bytes a worker may have beyond what it has after its imports
SECONDS = 20  # of processor time for one file


class TooSlow(BaseException):
    """Raised in the middle of whatever runs when a file has had its time."""


def list_seeds(kind: str, folder: Path) -> list[Seed]:
    """The whole files of a kind ('video', 'text' or 'cage'), written to `folder`."""
    makers = {"video": make_video_seeds, "text": make_text_seeds, "cage": make_cage_seeds}
    return makers[kind](folder)


def spoil(seeds: list[Seed], number: int, base: int, folder: Path) -> tuple[Seed, str, Path]:
    """Write mutated file `number` to `folder`; returns its seed, what was done, and its path."""
    generator = random.Random(f"{base}-{number}")
    seed = seeds[number % len(seeds)]
    shutil.rmtree(folder, ignore_errors=True)
    text = seed.target not in (
        "video",
        "images",
        "masks",
        "checkpoint",
        "zip",
        "tar",
        "scores",
        "detector",
    )
    if seed.path.is_dir() or seed.target in ("store", "scores", "detector"):
        whole = seed.path if seed.path.is_dir() else seed.path.parent
        shutil.copytree(whole, folder / whole.name)
        victims = sorted((folder / whole.name).iterdir()) if seed.path.is_dir() else []
        path = generator.choice(victims) if victims else folder / whole.name / seed.path.name
        if seed.target == "store":
            shutil.copy2(whole.parent / "seed.mkv", folder / "seed.mkv")
    else:
        folder.mkdir(parents=True)
        path = folder / seed.path.name
        shutil.copyfile(seed.path, path)
    change, data = mutate(path.read_bytes(), generator, text)
    path.write_bytes(data)
    return seed, change, path


def main() -> None:
    """Work through the numbers; every line is flushed, so a crash loses nothing."""
    kind, root, first, last, base = sys.argv[1:]
    folder = Path(root)
    seeds = list_seeds(kind, folder / "seeds")
    if kind == "text":
        os.environ["KERAS_BACKEND"] = "numpy"  # reading a checkpoint needs no other
        importlib.import_module("cagewatch.detectors.training.checkpoint")
        video = next(folder.joinpath("seeds").glob("store/seed.mkv"))
        targets.VIDEO_OF_LABELS = video
        manifest = json.loads((folder / "seeds" / "store" / "seed" / "manifest.json").read_text())
        targets.SOUND_DIGEST[0] = manifest["source"]["sha256"]
    signal.signal(signal.SIGPROF, _raise_too_slow)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    for number in range(int(first), int(last)):
        seed, change, path = spoil(seeds, number, int(base), folder / "mutated")
        about = {"n": number, "seed": f"{seed.target}:{seed.path.name}", "change": change}
        print(json.dumps({"begin": about}), flush=True)
        targets.DETAILS.clear()
        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            about["outcome"] = targets.TARGETS[seed.target](path, seed.frames)
            about |= targets.DETAILS
        except InputError as error:
            about["outcome"] = "refused"
            if len(str(error)) > 1000 or "\n" in str(error).strip():
                about |= {"outcome": "DEFECT", "why": f"message of {len(str(error))} characters"}
        except TooSlow:
            about |= {"outcome": "DEFECT", "why": f"more than {SECONDS} s"}
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            stack = [
                f"{Path(frame.filename).name}:{frame.lineno}"
                for frame in traceback.extract_tb(error.__traceback__)[-5:]
            ]
            about |= {"outcome": "DEFECT", "why": f"{reason} ({where.name})", "stack": stack}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        about["seconds"] = round(time.process_time() - started, 4)
        print(json.dumps({"end": about}), flush=True)


def _raise_too_slow(*_: object) -> None:
    raise TooSlow


if __name__ == "__main__":
    main()
