"""What a file may do is be read: nothing here runs code from data, and nothing listens outside."""

from __future__ import annotations

import ast
import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import numpy as np
import pytest

from cagewatch.params import project_root
from cagewatch.video import read_frames

ROOT = project_root()
LIBRARY = sorted((ROOT / "lib").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}


def name_of(node: ast.AST) -> str:
    """Dotted name of what is called: ``np.load``."""
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def calls_of(path: Path) -> list[tuple[str, ast.Call]]:
    source = path.read_text(encoding="utf-8")
    if path.parent.name == "notebooks":
        assert not re.search(r"^\s*(!|%%?(bash|sh|system|script|sx))", source, re.M), path
    tree = ast.parse(source)
    return [(name_of(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", [*LIBRARY, *NOTEBOOKS], ids=lambda path: path.name)
def test_no_code_from_data(path):
    """No pickle, eval, exec or shell; arrays without objects; YAML and models in safe mode."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {one.split(".")[0] for one in imported} & FORBIDDEN_MODULES
    for name, call in calls_of(path):
        where = f"{path.name}, line {call.lineno}: {name}"
        last = name.rpartition(".")[2]
        assert name not in FORBIDDEN_CALLS and name not in SHELLS, where
        assert last not in ("read_pickle", "to_pickle", "unsafe_load", "full_load"), where
        assert last != "enable_unsafe_deserialization", where
        assert not (keyword(call, "shell") and not is_constant(keyword(call, "shell"), False)), (
            where
        )
        if name in ("np.load", "numpy.load"):
            # NumPy's default is no pickle; said aloud for files, which a memory map cannot be.
            assert is_constant(keyword(call, "allow_pickle"), False) or keyword(
                call, "mmap_mode"
            ), where
        assert not is_constant(keyword(call, "allow_pickle"), True), where
        if name == "yaml.load":
            pytest.fail(where)
        if last == "load_model":
            assert not is_constant(keyword(call, "safe_mode"), False), where


def test_the_check_above_can_fail(tmp_path):
    for text in (
        "import pickle",
        "eval('1')",
        "np.load(p, allow_pickle=True)",
        "np.load(p)",
        "subprocess.run(c, shell=True)",
        "os.system(c)",
        "yaml.load(t)",
        "keras.models.load_model(p, safe_mode=False)",
    ):
        path = tmp_path / "a.py"
        path.write_text(text)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            test_no_code_from_data(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_start_no_programs(path):
    for name, call in calls_of(path):
        assert not name.startswith(("subprocess.", "os.exec", "os.spawn")), (path, call.lineno)
        assert not name.endswith(("run_line_magic", "run_cell_magic", "system")), (
            path,
            call.lineno,
        )


def test_programs_that_are_started_are_given_as_lists():
    """A list is never seen by a shell, whatever a parameter holds."""
    started = [
        (path, call)
        for path in LIBRARY
        for name, call in calls_of(path)
        if name in ("subprocess.run", "subprocess.Popen", "subprocess.check_output")
    ]
    assert started
    for path, call in started:
        assert not isinstance(call.args[0], ast.JoinedStr | ast.Constant), (path, call.lineno)


# Arrays


def test_arrays_of_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(tmp_path / "a.npy", allow_pickle=False)
    with pytest.raises(ValueError):
        np.load(tmp_path / "a.npy", mmap_mode="r")


# The network


@pytest.mark.parametrize("suffix", ["avi", "mp4", "mpg", "mkv", "gif"])
def test_a_playlist_that_poses_as_a_video_reaches_no_network(tmp_path, suffix):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path = tmp_path / f"a.{suffix}"
        for text in (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile {address}\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        ):
            path.write_text(text)
            with pytest.raises(ValueError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                list(read_frames(path))
        with pytest.raises(BlockingIOError):
            server.accept()


def recipe(target: str) -> str:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.M)[1]


def test_servers_are_started_on_loopback_with_a_token():
    assert "--ServerApp.ip=127.0.0.1" in recipe("lab") and "token" not in recipe("lab")
    assert "cagewatch.explore.serve" in recipe("explore")  # tests/explore/test_serve.py
    for name in ("lab", "explore"):
        assert not re.search(r"0\.0\.0\.0|token=''|disable_check_xsrf|allow_root", recipe(name))


@pytest.mark.parametrize("program", ["voila", "jupyterlab"])
def test_servers_refuse_who_has_no_token_and_listen_on_loopback_only(tmp_path, program):
    pytest.importorskip(program)
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"]["kernelspec"] = {"name": "python3", "display_name": "", "language": ""}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if program == "voila":
        options = ["a.ipynb", "--Voila.ip=127.0.0.1", "--token", "--no-browser", f"--port={port}"]
    else:
        options = ["--ServerApp.ip=127.0.0.1", "--no-browser", f"--port={port}", "--allow-root"]
    command = [sys.executable, "-m", program, *options]
    log = open(tmp_path / "log", "w")
    server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}/" + ("" if program == "voila" else "api/contents")
        deadline, status = time.monotonic() + 120, None
        while status is None and time.monotonic() < deadline and server.poll() is None:
            try:
                with urllib.request.urlopen(address, timeout=30) as answer:
                    status = 403 if "login" in answer.url else answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            except OSError:
                time.sleep(0.2)
        assert status == 403, (tmp_path / "log").read_text()[-2000:]
        listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
        mine = [line.split()[1] for line in listening if line.split()[1].endswith(f":{port:04X}")]
        assert mine and all(one.startswith("0100007F") for one in mine if one)
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()
