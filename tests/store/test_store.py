"""The store: whole or not at all, and never stale."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.recordings import Recording
from cagewatch.store import build as store
from cagewatch.store import preprocess

SETTINGS = preprocess.preprocessing_of(params.resolve({"dataset": "ped2"}))


@pytest.fixture
def recordings(tmp_path, write_video):
    generator = np.random.default_rng(0)
    made = []
    for name in ("a", "b", "c"):
        frames = [generator.integers(0, 255, (48, 64), np.uint8) for _ in range(20)]
        made.append(Recording(name, write_video(tmp_path / f"{name}.mkv", frames, codec="ffv1")))
    return made


def build(recordings, tmp_path, cores=1):
    return store.build_stores(recordings, tmp_path / "stores", SETTINGS, cores, progress=False)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shapes_and_types(recordings, tmp_path):
    for made in build(recordings, tmp_path).values():
        assert made.gray.shape == (20, 24, 32) and made.gray.dtype == np.uint8
        assert made.flow.shape == (20, 24, 32, 2) and made.flow.dtype == np.float16
        assert made.times == pytest.approx(np.arange(20) / 25)
        assert isinstance(made.gray, np.memmap) and isinstance(made.flow, np.memmap)


def test_cores_do_not_change_the_bytes(recordings, tmp_path):
    build(recordings, tmp_path)
    one = {r.name: bytes_of(tmp_path / "stores" / r.name) for r in recordings}
    shutil.rmtree(tmp_path / "stores")
    build(recordings, tmp_path, cores=2)
    assert one == {r.name: bytes_of(tmp_path / "stores" / r.name) for r in recordings}


def test_a_current_store_is_not_built_again(recordings, tmp_path):
    build(recordings, tmp_path)
    before = (tmp_path / "stores" / "a" / "gray.npy").stat()
    os.utime(recordings[0].source)  # a copy or a touch is not a change
    build(recordings, tmp_path)
    after = (tmp_path / "stores" / "a" / "gray.npy").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_changed_video_is_read_again(recordings, tmp_path, write_video):
    build(recordings, tmp_path)
    write_video(recordings[0].source, [np.full((48, 64), 7, np.uint8)] * 12, codec="ffv1")
    assert len(build(recordings, tmp_path)["a"]) == 12


@pytest.mark.parametrize("name", ["gray.npy", "flow.npy", "times.npy", "manifest.json"])
def test_flipped_bytes_are_noticed_and_mended(recordings, tmp_path, name):
    build(recordings, tmp_path)
    folder = tmp_path / "stores" / "a"
    whole = bytes_of(folder)
    damaged = bytearray(whole[name])
    damaged[len(damaged) // 2] ^= 0x10
    (folder / name).write_bytes(damaged)
    build(recordings, tmp_path)
    assert bytes_of(folder) == whole


def test_opening_a_damaged_store_says_so(recordings, tmp_path):
    build(recordings, tmp_path)
    folder = tmp_path / "stores" / "a"
    (folder / "gray.npy").write_bytes(b"short")
    with pytest.raises(InputError, match="is damaged; delete that folder"):
        store.open_store(folder)


def test_a_bad_video_leaves_nothing_behind_and_the_others_whole(recordings, tmp_path):
    recordings[1].source.write_bytes(b"this is no video")
    with pytest.raises(InputError, match="b.mkv"):
        build(recordings, tmp_path)
    left = {path.name for path in (tmp_path / "stores").iterdir() if not path.name.endswith("lock")}
    assert left <= {"a", "c"}
    for name in left:
        store.open_store(tmp_path / "stores" / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_one_sentence(recordings, tmp_path):
    (tmp_path / "stores").mkdir(mode=0o500)
    with pytest.raises(InputError, match="choose another folder"):
        build(recordings, tmp_path)


def test_a_folder_that_is_a_file_is_one_sentence(recordings, tmp_path):
    (tmp_path / "stores").write_text("")
    with pytest.raises(InputError, match="choose another folder"):
        build(recordings, tmp_path)


def test_two_recordings_of_one_name_are_refused(recordings, tmp_path):
    other = replace(recordings[1], name=recordings[0].name)
    with pytest.raises(InputError, match="same name"):
        build([recordings[0], other], tmp_path)


def test_a_recording_given_twice_has_one_store(recordings, tmp_path):
    assert list(build([recordings[0], recordings[0]], tmp_path)) == [recordings[0].name]


BUILD = """
import sys
from dataclasses import replace
from pathlib import Path
from cagewatch import params
from cagewatch.store import build as store
from cagewatch.store import preprocess
settings = preprocess.preprocessing_of(params.resolve({"dataset": "ped2"}))
store.build_store("long", Path(sys.argv[1]), Path(sys.argv[2]), settings)
"""


def test_a_killed_build_leaves_no_store_and_the_next_one_finishes(tmp_path, write_video):
    generator = np.random.default_rng(0)
    frames = [generator.integers(0, 255, (240, 320), np.uint8) for _ in range(150)]
    source = write_video(tmp_path / "long.mkv", frames, codec="ffv1")
    stores = tmp_path / "stores"
    stores.mkdir()
    command = [sys.executable, "-c", BUILD, str(source), str(stores)]
    process = subprocess.Popen(command)
    while not (stores / ".partial-long").exists() and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (stores / "long").exists()
    subprocess.run(command, check=True)
    assert len(store.open_store(stores / "long")) == 150
    assert not (stores / ".partial-long").exists()


POOL = """
import sys
from pathlib import Path
from cagewatch import params
from cagewatch.recordings import Recording
from cagewatch.store import build as store
from cagewatch.store import preprocess
if __name__ == "__main__":
    settings = preprocess.preprocessing_of(params.resolve({"dataset": "ped2"}))
    made = [Recording(Path(one).stem, Path(one)) for one in sys.argv[1:3]]
    store.build_stores(made, Path(sys.argv[3]), settings, cores=2)
"""


def test_a_pools_workers_end_with_their_parent(tmp_path, write_video):
    frames = [np.full((240, 320), n % 250, np.uint8) for n in range(800)]
    sources = [write_video(tmp_path / f"{name}.mkv", frames, codec="ffv1") for name in "ab"]
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    stores = tmp_path / "stores"
    parent = psutil.Popen([sys.executable, str(script), *map(str, [*sources, stores])])
    while len(list(stores.glob(".partial-*"))) < 2 and parent.poll() is None:
        time.sleep(0.002)
    workers = parent.children(recursive=True)
    assert len(workers) >= 2
    parent.kill()
    parent.wait()
    _, left = psutil.wait_procs(workers, timeout=30)
    assert not left and not (stores / "a").exists() and not (stores / "b").exists()


def test_two_processes_that_build_one_store_agree(tmp_path, write_video):
    frames = [np.full((240, 320), i % 250, np.uint8) for i in range(60)]
    source = write_video(tmp_path / "long.mkv", frames, codec="ffv1")
    stores = tmp_path / "stores"
    stores.mkdir()
    command = [sys.executable, "-c", BUILD, str(source), str(stores)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(store.open_store(stores / "long")) == 60


def test_an_image_folder_counts_as_one_source(tmp_path):
    import cv2

    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(10):
        cv2.imwrite(str(folder / f"{number:03}.png"), np.full((48, 64), 20 * number, np.uint8))
    made = build([Recording("clip", folder)], tmp_path)["clip"]
    assert made.gray[:, 0, 0].tolist() == [20 * n for n in range(10)]
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["source"]["sha256"] == made.source_digest
    cv2.imwrite(str(folder / "009.png"), np.full((48, 64), 1, np.uint8))
    assert build([Recording("clip", folder)], tmp_path)["clip"].gray[-1, 0, 0] == 1
