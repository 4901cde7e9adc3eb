"""Faults made for real, in seconds; the long loops are in tests/faults (``make faults``)."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from faults import experiment, kills

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.files import read_json, whole_file, write_json
from cagewatch.recordings import load_recordings
from cagewatch.runs.write import save_scores, start_run
from cagewatch.store import build as store
from cagewatch.store.preprocess import preprocessing_of

SETTINGS = preprocessing_of(params.resolve({"dataset": "ped2"}))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return experiment.write_discs(tmp_path_factory.mktemp("discs"), n_frames=40)


def build(data: Path, results: Path, cores: int = 1) -> dict[str, store.Store]:
    given = params.resolve(experiment.values(data, results))
    return store.stores_of(load_recordings(given), given, cores)


@pytest.fixture(scope="module")
def built(data, tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """A folder with whole stores of `data`, and what is in it."""
    results = tmp_path_factory.mktemp("built")
    build(data, results)
    return results, experiment.describe_run(results)


@pytest.fixture
def results(built, tmp_path) -> Path:
    """A copy of the whole stores, to be damaged."""
    return Path(shutil.copytree(built[0], tmp_path / "results"))


def in_python(code: str, *arguments: object, **more) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **more)


BUILD = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]
from pathlib import Path
from test_faults import build
from cagewatch.errors import InputError
if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    except InputError as error:
        sys.exit(f"InputError: {{error}}")
"""


@pytest.fixture
def small_disk(tmp_path):
    """A function that makes, or resizes, a file system of its own: small_disk('300k')."""
    place = tmp_path / "small"
    place.mkdir()

    def mount(*options: str) -> Path:
        done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"may not mount a file system: {done.stderr.strip()}")
        return place

    mount("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    yield lambda options: mount("-o", f"remount,{options}")
    subprocess.run(["umount", "-l", str(place)], check=False)


# kill -9


def test_killed_store_building_ends_as_if_undisturbed(tmp_path):
    assert sum(round["killed"] for round in kills.kill_stores(tmp_path, 6)) >= 6


def test_killed_figure_writing_ends_as_if_undisturbed(tmp_path):
    assert sum(round["killed"] for round in kills.kill_figures(tmp_path, 2)) >= 2


def test_leftovers_of_the_dead_are_cleared_and_those_of_the_living_are_not(tmp_path):
    host = os.uname().nodename
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f".partial-{host}-{dead.pid}-a.json").write_text("half")
    (tmp_path / f".partial-{host}-{os.getppid()}-a.json").write_text("of another process")
    (tmp_path / f".partial-elsewhere-{dead.pid}-a.json").write_text("of another machine")
    write_json(tmp_path / "a.json", {"a": 1})
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        "a.json",
        f".partial-{host}-{os.getppid()}-a.json",
        f".partial-elsewhere-{dead.pid}-a.json",
    }


# Disks


def test_a_full_disk_is_one_sentence_and_leaves_nothing(data, small_disk):
    place = small_disk("size=200k")
    with pytest.raises(InputError, match="No space left on device"):
        build(data, place / "results")
    experiment.check_whole(place)
    assert not experiment.leftovers(place)
    stores = build(data, small_disk("size=8m") / "results")
    assert {len(one) for one in stores.values()} == {40}


def frames_of(n_frames: int) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    scores = generator.random((n_frames, 3))
    table = pd.DataFrame(scores, columns=["score_image", "score_flow", "score"])
    return table.assign(recording="a", frame=range(n_frames), label="walk", anomalous=False)


def test_result_files_on_a_full_disk(small_disk):
    place = small_disk("size=64k")
    write_json(place / "metrics.json", {"old": 1})
    writers = (
        lambda: save_scores(frames_of(20_000), place),
        lambda: write_json(place / "metrics.json", {"new": list(range(100_000))}),
    )
    for write in writers:
        with pytest.raises(InputError, match="No space left on device"):
            write()
    assert [path.name for path in place.iterdir()] == ["metrics.json"]
    assert read_json(place / "metrics.json") == {"old": 1}


FILL = """
import sys
from pathlib import Path
import matplotlib
import numpy as np
matplotlib.use("agg")
import matplotlib.pyplot as plt
from cagewatch import plots
from cagewatch.cages import film as films
from cagewatch.detectors import Detector
from cagewatch.errors import InputError
from cagewatch.params import resolve

place = Path(sys.argv[1])
noise = np.random.default_rng(0).integers(0, 255, (30, 240, 320, 3), np.uint8)
figure, axes = plt.subplots()
axes.imshow(noise[0])

def film():
    with films.whole_file(place / "highlights.mp4") as partial:
        films.encode(partial, iter(noise), 30)

network = Detector(resolve({"model": "pca_frames"}), {"mean": np.random.random(100_000)})
for write in (
    lambda: network.save(place), lambda: plots.save_figure(figure, place, "roc"), film
):
    try:
        write()
    except InputError as error:
        print(error)
"""


def test_a_model_a_figure_and_a_film_on_a_full_disk(small_disk):
    place = small_disk("size=64k")
    done = subprocess.run([sys.executable, "-c", FILL, str(place)], capture_output=True, text=True)
    assert done.stdout.count("No space left on device") == 3, done.stdout + done.stderr[-2000:]
    for name in ("detector.npz", "roc.svg", "highlights.mp4"):
        assert name in done.stdout
    assert [path.name for path in place.iterdir()] == ["params.yaml"]


def test_a_read_only_disk_is_one_sentence_and_still_good_for_reading(data, small_disk):
    place = small_disk("size=8m")
    build(data, place / "results")
    small_disk("ro")
    assert len(build(data, place / "results")) == 4
    with pytest.raises(InputError, match="Read-only file system"):
        build(data, place / "elsewhere")
    with pytest.raises(InputError, match="Read-only file system"):
        start_run(params.resolve(experiment.values(data, place / "results")))
    with pytest.raises(InputError, match="Read-only file system"):
        write_json(place / "a.json", {})


# Races and damage


def test_four_processes_building_the_same_stores_agree(data, built, tmp_path):
    command = [sys.executable, "-c", BUILD, str(data), str(tmp_path / "together"), "1"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    assert experiment.describe_run(tmp_path / "together") == built[1]
    experiment.check_whole(tmp_path / "together")
    assert not experiment.leftovers(tmp_path / "together")


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bits_anywhere_in_a_store_are_noticed_and_mended(data, built, results, seed):
    generator = random.Random(seed)
    path = generator.choice(sorted(results.rglob("Test001/*")))
    damaged = bytearray(path.read_bytes())
    damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
    path.write_bytes(damaged)
    source = data / "UCSD_Anomaly_Dataset.v1p2/UCSDped2/Test/Test001/001.png"
    made = source.stat()
    if seed % 2:  # the source looks different, so that it is read for its digest
        os.utime(source)
    opened = build(data, results)
    os.utime(source, ns=(made.st_atime_ns, made.st_mtime_ns))
    assert experiment.describe_run(results) == built[1]
    experiment.check_whole(results)
    assert opened["Test001"].name == "Test001"


@pytest.mark.parametrize("change", [{"format": 0}, {"format": 2}, {"files": None}, {}])
def test_a_store_of_another_version_is_built_anew(data, built, results, change):
    manifest = next(results.rglob("Train001/manifest.json"))
    value = {**json.loads(manifest.read_text()), **change} if change else ["another", "layout"]
    manifest.write_text(json.dumps(value))
    build(data, results)
    assert experiment.describe_run(results) == built[1]
    assert json.loads(manifest.read_text())["format"] == store.FORMAT


# Memory


@pytest.fixture(scope="module")
def long_data(tmp_path_factory):
    return experiment.write_discs(tmp_path_factory.mktemp("long"), n_frames=1000)


def test_want_of_memory_is_one_sentence_or_no_matter(long_data, tmp_path):
    """Address space is taken away in steps, from too little for one store's maps to enough."""
    code = f"""
import os, resource, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]
from pathlib import Path
from faults import experiment
from cagewatch import params
from cagewatch.store import build as store
from cagewatch.errors import InputError
from cagewatch.recordings import load_recordings
given = params.resolve(experiment.values(Path(sys.argv[1]), Path(sys.argv[2])))
recordings = load_recordings(given)
for megabytes in map(int, sys.argv[3:]):
    if not os.fork():  # what is loaded is loaded once
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)
        try:
            store.stores_of(recordings, given, 1)
        except InputError:
            os._exit(3)
        except BaseException:
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
    if Path(sys.argv[2]).is_dir():
        experiment.check_whole(Path(sys.argv[2]))
"""
    done = in_python(code, long_data, tmp_path / "results", -8, 1, 4, 8, 17, 600)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = [int(line) for line in done.stdout.split()]
    assert set(seen) == {0, 3}, done.stderr[-2000:]
    assert seen[0] == 3 and seen[-1] == 0
    build(long_data, tmp_path / "alone")
    alone = experiment.describe_run(tmp_path / "alone")
    assert experiment.describe_run(tmp_path / "results") == alone


def test_a_worker_killed_for_memory_is_one_sentence(long_data, tmp_path):
    # A file of its own: worker processes import it.
    (tmp_path / "build.py").write_text(BUILD)
    command = [sys.executable, "build.py", str(long_data), str(tmp_path / "results"), "2"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    import psutil

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if list((tmp_path / "results").rglob(".partial-*")):
            break
        time.sleep(0.01)
    workers = [
        one for one in psutil.Process(process.pid).children() if "spawn_main" in str(one.cmdline())
    ]
    assert workers, "no worker was building"
    workers[0].send_signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "InputError: A preprocessing process was killed" in errors
    experiment.check_whole(tmp_path / "results")
    build(long_data, tmp_path / "results", 1)
    experiment.check_whole(tmp_path / "results")


def test_whole_file_leaves_the_old_file_on_any_exception(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    for error in (MemoryError, KeyboardInterrupt, ValueError):
        with pytest.raises(error), whole_file(tmp_path / "a.txt") as partial:
            partial.write_text("half")
            raise error
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
