"""Bad files: what the fuzzing loops (``make fuzz``) found, and their short form."""

from __future__ import annotations

import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from fuzz import __main__ as fuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cagewatch import params
from cagewatch.errors import MAX_MESSAGE, InputError
from cagewatch.files import read_json
from cagewatch.recordings.avenue import read_masks
from cagewatch.recordings.cells import any_set
from cagewatch.recordings.folder import read_label_file
from cagewatch.recordings.labels.annotations import read_csv_bouts, read_mit_bouts
from cagewatch.recordings.mit import clip_behaviour
from cagewatch.recordings.ucsd import read_ranges
from cagewatch.video import count_frames, read_frames


@pytest.mark.parametrize(("kind", "count"), [("video", 350), ("text", 600)])
def test_mutated_files_give_frames_labels_or_input_errors(tmp_path, kind, count):
    counts = fuzz.run_loop(kind, count, base=20, out=tmp_path)
    assert counts["files"] == count
    assert not counts["findings"]
    assert counts["outcomes"]["refused"] > count / 4  # the mutations do bite
    assert len(counts["by_seed"]) == (32 if kind == "video" else 15)


def test_the_loop_notices_a_crash_a_hang_and_a_wrong_answer(tmp_path, monkeypatch):
    """The harness itself: a worker that dies must become a finding, not an end."""
    script = (
        "import sys, os, json, time\n"
        "first, last = int(sys.argv[3]), int(sys.argv[4])\n"
        "for n in range(first, last):\n"
        "    about = {'n': n, 'seed': 's', 'change': 'c'}\n"
        "    print(json.dumps({'begin': about}), flush=True)\n"
        "    if n == 3: os.kill(os.getpid(), 11)\n"
        "    if n == 5: time.sleep(60)\n"
        "    print(json.dumps({'end': {**about, 'outcome': 'refused'}}), flush=True)\n"
    )
    worker = tmp_path / "worker.py"
    worker.write_text(script)
    real = subprocess.Popen
    monkeypatch.setattr(
        fuzz.subprocess, "Popen", lambda c, **more: real([c[0], str(worker), *c[3:]], **more)
    )
    monkeypatch.setattr(fuzz, "SECONDS", 0.1)
    monkeypatch.setattr(fuzz, "_keep", lambda *_: None)
    counts = fuzz.run_loop("text", 8, base=0, out=tmp_path / "out")
    assert counts["files"] == 8
    assert [(one["n"], one["why"]) for one in counts["findings"]] == [
        (3, "process died with -11"),
        (5, "hang"),
    ]


# MATLAB


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def cell_in_cell(depth: int, name: bytes = b"volLabel") -> bytes:
    """A .mat file with a cell in a cell in a cell ..."""
    shape = element(5, struct.pack("<ii", 1, 1))
    inner = element(6, struct.pack("<II", 9, 0)) + shape + element(1, b"") + element(2, b"\1")
    size, parts = len(inner) + 8, [struct.pack("<II", 14, len(inner)) + inner]
    for level in range(depth):
        word = name if level == depth - 1 else b""
        head = element(6, struct.pack("<II", 1, 0)) + shape + element(1, word)
        parts.append(struct.pack("<II", 14, len(head) + size) + head)
        size += len(head) + 8
    start = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack("<H", 0x100) + b"IM"
    return start + b"".join(reversed(parts))


def test_cells_within_cells_do_not_end_the_process(tmp_path):
    """SciPy reads them by recursion in C: 20,000 levels, 1 MB, were a segmentation fault."""
    (tmp_path / "1_label.mat").write_bytes(cell_in_cell(20_000))
    with pytest.raises(InputError, match="must hold arrays of numbers"):
        read_masks(tmp_path / "1_label.mat")
    (tmp_path / "1_label.mat").write_bytes(cell_in_cell(1))
    assert read_masks(tmp_path / "1_label.mat").tolist() == [True]


def test_cells_within_cells_as_clip_type_or_volume(tmp_path):
    clip = tmp_path / "unknown.mat"
    clip.write_bytes(cell_in_cell(20_000, b"cliptype"))
    with pytest.raises(InputError, match="names a behaviour"):
        clip_behaviour(clip)
    for name in (b"vol", b"I"):
        clip.write_bytes(cell_in_cell(20_000, name))
        with pytest.raises(InputError, match="must be uint8"):
            count_frames(clip)


def test_of_two_volumes_of_one_name_the_one_that_is_read_is_checked(tmp_path):
    scipy.io.savemat(tmp_path / "good.mat", {"vol": np.zeros((8, 8, 3), np.uint8)})
    good = (tmp_path / "good.mat").read_bytes()
    (tmp_path / "two.mat").write_bytes(cell_in_cell(20_000, b"vol") + good[128:])
    with pytest.raises(InputError, match="must be uint8"):
        list(read_frames(tmp_path / "two.mat"))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.float64, np.int16, bool])
def test_masks_agree_with_scipy(tmp_path, compress, kind):
    generator = np.random.default_rng(3)
    cells = np.empty((1, 9), object)
    for number in range(9):
        cells[0, number] = (generator.random((5, 1 + number)) > 0.9).astype(kind)
    cells[0, 4] = np.zeros((0, 0), kind)
    path = tmp_path / "1_label.mat"
    other = {"a": np.arange(4), "z": "text"}
    scipy.io.savemat(path, {"before": other, "volLabel": cells}, do_compression=compress)
    read = scipy.io.loadmat(path)["volLabel"].ravel()
    assert any_set(path, "volLabel").tolist() == [bool(np.any(mask)) for mask in read]


def test_real_masks_agree_with_scipy(data_dir):
    for path in sorted((data_dir / "avenue").rglob("1?_label.mat"))[:2]:
        masks = scipy.io.loadmat(path, variable_names=["volLabel"])["volLabel"].ravel()
        assert any_set(path, "volLabel").tolist() == [bool(np.any(mask)) for mask in masks]


# Things that unfold


def test_a_forged_picture_does_not_claim_memory(tmp_path):
    side = 30_000  # 900 million pixels in 875 kB

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    packed = zlib.compressobj(1)
    rows = b"".join(packed.compress(bytes(side + 1)) for _ in range(side)) + packed.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    film = tmp_path / "film"
    film.mkdir()
    (film / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows))
    code = (
        "import sys; from pathlib import Path; from cagewatch.video import read_frames\n"
        "try: next(read_frames(Path(sys.argv[1])))\n"
        "except ValueError as error: print(error)\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code, film], capture_output=True, text=True)
    assert "not an image that can be read" in done.stdout
    assert int(done.stdout.split()[-1]) < 400_000  # kB


def test_yaml_that_unfolds_is_refused_at_once(tmp_path):
    """Nine aliases of nine aliases ...: 1.4 GB of error message before it was refused."""
    lines = ["region: &a0 [1, 1]"]
    for number, name in enumerate(list(params.Parameters.model_fields)[:8]):
        lines.append(f"{name}: &a{number + 1} [{', '.join([f'*a{number}'] * 9)}]")
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError, match="YAML alias"):
        params.read_layer(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    "line",
    [
        "gamma: 0x" + "f" * 100_000,
        "seed: 0x" + "f" * 100_000,
        "seed: " + "9" * 5000,
        "gamma: " + ":".join(["59"] * 5000),
        "epochs: 1000000000000000000000000",
        'data_dir: "a\\0b"',
        "region: " + "[" * 5000,
        "region: " + "[" * 200 + "]" * 200,
        "dataset: !!python/object/apply:os.system ['true']",
        "dataset: " + "y" * 2_000_000,
        "dataset: ../../etc/passwd",
        "gamma: .nan",
    ],
)
def test_odd_yaml_is_one_short_sentence(tmp_path, line):
    (tmp_path / "a.yaml").write_text(line)
    with pytest.raises(InputError) as told:
        params.resolve(params.read_layer(tmp_path / "a.yaml"))
    assert len(str(told.value)) < MAX_MESSAGE + 50


def test_deep_json_is_one_sentence(tmp_path):
    (tmp_path / "metrics.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="damaged"):
        read_json(tmp_path / "metrics.json")


# Messages


@given(st.text())
def test_messages_are_one_printable_line_of_bounded_length(text):
    message = str(InputError(f"a.txt: {text}"))
    assert message.isprintable() and len(message) < MAX_MESSAGE + 50
    assert str(InputError(message)) == message


# Texts


READERS = {
    "a.txt": lambda path: read_mit_bouts(path),
    "b.txt": lambda path: read_mit_bouts(path, None),
    "a.csv": read_csv_bouts,
    "b.csv": lambda path: read_label_file(path, Path("nowhere.mkv")),
    "a.m": read_ranges,
    "a.yaml": lambda path: params.resolve(params.read_layer(path)),
    "a.json": read_json,
}
ALPHABET = st.sampled_from(
    list("0123456789-:,;\t\n\r\"'[]{}=%. ") + ["frame", "walk", "gt_frame = [", "\0", "é", "\u2028"]
    + ["start_frame,stop_frame,behaviour\n", ",background,walk\n", "0,1,0\n", "Behavior", "START"]
    + ["Time,Behavior,Status\n", "gamma", "seed", "dataset", "null", "1e-4", "&a", "*a", "  "]
)  # fmt: skip


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(text=st.lists(ALPHABET, max_size=30).map("".join))
def test_any_text_is_read_or_refused(tmp_path_factory, name, text):
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(text, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            READERS[name](path)
        except InputError:
            pass


@pytest.mark.parametrize(
    "text",
    [
        "Observation id,Behavior,Time,Status\no1,walk\n",  # a row that ends early
        "Time,Behavior,Behavior type,Observation id\n1,walk,START\n2,walk,STOP,o2\n",
        "Behavior,Time,Behavior type\nwalk,1\n",
        'Behavior,Time,Status\n"' + "x" * 200_000 + '",1,START\n',
        ',background,walk\n0,"' + "1" * 200_000 + '",0\n',
    ],
)
def test_broken_exports_are_one_sentence(tmp_path, write_video, moving_disc, text):
    video = write_video(tmp_path / "a.mkv", moving_disc(5, 32, 32), codec="ffv1")
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError):
        read_label_file(tmp_path / "a.csv", video)


# Videos


def test_lost_frames_are_told(tmp_path, write_video, moving_disc):
    """A hole in the middle that the decoder steps over."""
    path = write_video(tmp_path / "a.mpg", moving_disc(60, 64, 64), codec="mpeg1video")
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 * 2] = bytes(len(data) // 3)
    path.write_bytes(data)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            count = sum(1 for _ in read_frames(path))
        except InputError:
            return
    assert count == 60 or told
