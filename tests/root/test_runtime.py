"""The runtime: backend and cores are as asked for, whatever runs on top."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from cagewatch import runtime
from cagewatch.errors import InputError


def run_python(code: str, **environment: str) -> str:
    """Standard output of `code` in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_unknown_backend_and_cores_are_refused():
    with pytest.raises(InputError, match="choose one of tensorflow, jax, torch"):
        runtime.configure("theano")
    with pytest.raises(InputError, match="cores is -1"):
        runtime.configure("tensorflow", -1)


def test_a_backend_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install torch"):
        runtime.configure("torch")


def test_a_running_backend_cannot_be_changed(monkeypatch):
    monkeypatch.setattr(runtime, "running_backend", lambda: "jax")
    with pytest.raises(InputError, match="already runs on 'jax'.*restart the kernel"):
        runtime.configure("tensorflow")


def test_cores_reach_every_library_and_keras_stays_unloaded():
    code = """
import json, os, sys
from cagewatch import runtime
cores = runtime.configure("tensorflow", 1)
import cv2, threadpoolctl, numpy
print(json.dumps([
    cores, os.environ["OMP_NUM_THREADS"], os.environ["TF_NUM_INTRAOP_THREADS"],
    cv2.getNumThreads(), [pool["num_threads"] for pool in threadpoolctl.threadpool_info()],
    "keras" in sys.modules or "tensorflow" in sys.modules,
]))
"""
    cores, omp, intra, opencv, pools, loaded = json.loads(run_python(code))
    assert (cores, omp, intra, opencv, loaded) == (1, "1", "1", 1, False)
    assert set(pools) <= {1}


def test_zero_and_too_many_cores_mean_all():
    available = runtime.available_cores()
    code = "from cagewatch import runtime; print(runtime.configure('tensorflow', {}))"
    assert int(run_python(code.format(0))) == available
    assert int(run_python(code.format(available + 100))) == available


STARTED = """
import gc, json, sys, time
from cagewatch import runtime
runtime.configure("tensorflow", 1)
runtime.load_backend()
runtime.running_on_cpu()
once, mine = gc.get_freeze_count(), [[] for _ in range(9)]
runtime.load_backend()
import keras, numpy
a = keras.ops.convert_to_tensor(numpy.ones((1000, 1000), "float32"))
keras.ops.matmul(a, a)
wall, busy = time.perf_counter(), time.process_time()
for _ in range(20):
    keras.ops.matmul(a, a)
busy = (time.process_time() - busy) / (time.perf_counter() - wall)
with open(sys.argv[1], "w") as file:
    json.dump([runtime.describe(), once, gc.get_freeze_count(), busy], file)
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """What a process on one core says and holds after its backend's start."""
    path = tmp_path_factory.mktemp("runtime") / "seen.json"
    # jax and openvino set a log level of their own in whatever process imports them, this one too.
    environment = {name: os.environ[name] for name in os.environ if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", STARTED, str(path)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr, *json.loads(path.read_text())


@pytest.mark.skipif(runtime.available_cores() < 2, reason="needs two cores to tell one from two")
def test_one_core_given_is_one_core_used(started):
    assert started[-1] < 1.2


def test_keras_starts_without_chatter(started):
    assert started[0] == ""


def test_a_second_load_hides_nothing_more_from_the_garbage_collector(started):
    _, _, once, again, _ = started
    assert once > 1000 and again <= once


def test_description_fits_in_json_and_names_what_ran(started):
    about = started[1]
    assert about["backend"] == "tensorflow"
    assert about["packages"]["tensorflow"] and about["packages"]["keras"]
    assert about["cores"] == 1
    assert about["device"] and about["processor"] and about["python"]


def test_papermill_compiles_no_grammar_at_its_start():
    """jsonschema has done so since 4.25, most of a second for every run."""
    assert run_python("import sys, papermill; print('lark' in sys.modules)").strip() == "False"


def test_commit_is_that_of_the_checkout_or_none(tmp_path):
    assert runtime.git_commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "file").write_text("one")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    commit = runtime.git_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("two")
    assert runtime.git_commit(tmp_path) == f"{commit}+"
    (tmp_path / "inside").mkdir()
    assert runtime.git_commit(tmp_path / "inside") is None


def test_too_little_address_space_for_the_backend_is_one_sentence():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1_200_000_000,) * 2)\n"
        "from cagewatch import runtime; runtime.configure('tensorflow', 1)\n"
        "try: runtime.load_backend()\n"
        "except runtime.InputError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("The backend cannot be loaded"), done.stderr[-2000:]
