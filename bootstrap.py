"""Build .venv from requirements.lock, whole or not at all; the Makefile runs this first.

Standard library only, and nothing newer than Python 3.6 in it, so that an old Python gets a
sentence. An environment counts as built once `.venv/built.json` says from what; that file is
written last, so an interrupted set-up is done again, and a moved checkout or a changed lock too.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
BUILT = os.path.join(VENV, "built.json")
OLDEST, NEWEST = (3, 11), (3, 13)


def fail(sentence):
    """Stop with one sentence."""
    sys.exit("cagewatch: " + sentence)


def digest(name):
    """SHA-256 of a file of the checkout."""
    with open(os.path.join(ROOT, name), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_built():
    """What .venv was built from, or nothing if it is not whole."""
    if not os.path.exists(PYTHON):
        return {}
    try:
        with open(BUILT, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def write_built(built):
    """Record what .venv was built from."""
    with open(BUILT + ".tmp", "w", encoding="utf-8") as file:
        json.dump(built, file, indent=1)
    os.replace(BUILT + ".tmp", BUILT)


def run(what, command):
    """Run one step of the set-up, or stop and say which step failed."""
    try:
        failed = subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    except KeyboardInterrupt:
        fail("set-up interrupted; the same command starts it again.")
    if failed:
        fail(what + " failed (see above); put that right, then run the same command again.")


def install_dependencies(pip):
    """Make .venv anew with exactly the packages of requirements.lock."""
    run(
        "making .venv with " + sys.executable + " (Debian and Ubuntu: apt install python3-venv)",
        [sys.executable, "-m", "venv", "--clear", VENV],
    )
    lock = ["--require-hashes", "--no-deps", "-r", "requirements.lock"]
    run("installing requirements.lock", pip + lock)


def install_project(pip):
    """Install the checkout itself, so that `import cagewatch` reads lib/cagewatch."""
    run("installing cagewatch", pip + ["--no-deps", "--no-build-isolation", "-e", "."])


def main():
    """Bring .venv in line with the checkout; nothing to do is decided in milliseconds."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        fail(
            "Python {}.{} is not supported: install Python 3.11, 3.12 or 3.13, or name one with "
            "make PYTHON=/path/to/python.".format(*sys.version_info[:2])
        )
    wanted = {
        "folder": ROOT,
        "lock": digest("requirements.lock"),
        "project": digest("pyproject.toml"),
    }
    if read_built() == wanted:
        return
    with open(os.path.join(ROOT, ".venv.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(
                "cagewatch: another set-up of this folder is under way; waiting for it", flush=True
            )
            fcntl.flock(lock, fcntl.LOCK_EX)
        built = read_built()
        if built == wanted:
            return
        pip = [PYTHON, "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--no-input"]
        start = time.time()
        if any(built.get(key) != wanted[key] for key in ("folder", "lock")):
            print("cagewatch: setting up .venv (once; a few minutes, about 4 GB)", flush=True)
            install_dependencies(pip)
        install_project(pip)
        write_built(wanted)
        print(f"cagewatch: .venv is ready ({time.time() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
