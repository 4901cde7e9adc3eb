"""The backend, the processor cores and the device a process runs on.

`configure` comes before anything that imports Keras: backends read their thread counts from the
environment, once.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import importlib.metadata
import importlib.util
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from cagewatch.errors import InputError

# What in the environment decides how fast a backend computes.
SETTINGS = (
    "TF_ENABLE_ONEDNN_OPTS",
    "XLA_FLAGS",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
)
BACKENDS = ("tensorflow", "jax", "torch")
PACKAGES = ("keras", "numpy", "scipy", "scikit-learn", "opencv-python-headless", "av", "pandas")


def configure(backend: str = "tensorflow", cores: int = 0) -> int:
    """Choose the Keras backend and limit this process, and those it starts, to `cores` cores.

    0, or more than there are, is all that this process may use; the number in use is given back.
    InputError if the backend is unknown, not installed, or Keras already runs on another one.
    """
    if backend not in BACKENDS:
        raise InputError(f"Unknown backend {backend!r}: choose one of {', '.join(BACKENDS)}.")
    if cores < 0:
        raise InputError(f"cores is {cores}: give the number to use, or 0 for all.")
    if importlib.util.find_spec(backend) is None:
        raise InputError(
            f"The backend {backend!r} is not installed: run 'pip install {backend}' or "
            f"choose another backend."
        )
    if (running := running_backend()) not in (None, backend):
        raise InputError(
            f"Keras already runs on {running!r} in this process, so the backend cannot become "
            f"{backend!r}: restart the kernel and set it first."
        )
    available = available_cores()
    cores = min(cores or available, available)
    os.environ["KERAS_BACKEND"] = backend
    os.environ.update(thread_variables(cores))
    # Backends talk about their start on standard error; a user who wants that says so beforehand.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow's library of kernels for processors, which it takes by itself only with AVX-512:
    # without it a training step of the RAE takes four times as long on AVX2.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # Share a GPU between runs instead of taking all of its memory.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    # What JAX compiles is kept between processes; compiled code fits one kind of processor.
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cagewatch"
    kind = hashlib.sha256(processor_name().encode()).hexdigest()[:12]
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(kept / "compiled" / kind))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    limit_loaded_libraries(cores)
    return cores


def load_backend() -> None:
    """Import Keras on the configured backend, without what TensorFlow's core says at its start.

    That core heeds no log level before it is set up, so its words are held back here; they are
    given if the import fails, or where the environment's ``TF_CPP_MIN_LOG_LEVEL`` is below 3.
    There is no garbage to be collected while modules are made: looking for it is a sixth of the
    time (4.7 s of processor time in place of 5.6 on an AMD EPYC, AVX2).
    """
    if running_backend():
        return
    asked = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") < "3"
    collecting = gc.isenabled()
    with tempfile.TemporaryFile() as held:
        standard_error = os.dup(2)
        os.dup2(held.fileno(), 2)
        gc.disable()
        try:
            importlib.import_module("keras")
        except (ImportError, MemoryError) as error:
            raise InputError(
                f"The backend cannot be loaded ({error}): raise the limit on address space"
                " (ulimit -v, 8 GB is enough), or install the backend again."
            ) from error
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            if asked or running_backend() is None:
                held.seek(0)
                os.write(2, held.read())
            gc.freeze()  # modules stay, so that no later search need look at them
            if collecting:
                gc.enable()


def available_cores() -> int:
    """Cores this process may use: fewer than the machine has, under a scheduler or a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cores_in_use() -> int:
    """Cores that `configure` chose for this process; all it may use if it was not called."""
    return int(os.environ.get("OMP_NUM_THREADS") or available_cores())


def thread_variables(cores: int) -> dict[str, str]:
    """Environment variables that hold every numerical library to `cores` threads of work."""
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"]
    # VECLIB is numpy on macOS; NPROC sizes the pool of JAX's CPU client.
    names += ["VECLIB_MAXIMUM_THREADS", "TF_NUM_INTRAOP_THREADS", "PJRT_NPROC", "NPROC"]
    # Operations one after the other, each on all cores: two pools at once would use twice as many.
    return dict.fromkeys(names, str(cores)) | {"TF_NUM_INTEROP_THREADS": "1"}


def limit_loaded_libraries(cores: int) -> None:
    """Tell libraries that read no environment variable, or read it already, to use `cores`."""
    import cv2
    import threadpoolctl

    cv2.setNumThreads(cores)
    threadpoolctl.threadpool_limits(cores)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(cores)


def start_worker() -> None:
    """Set up a process of a pool: one thread in OpenCV, and its end once its parent is gone.

    A pool's workers wait for a parent that was killed for ever otherwise.
    """
    import cv2

    cv2.setNumThreads(1)

    def end_with_parent() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def running_on_cpu() -> bool:
    """Whether the running backend computes on the processor, not on a GPU."""
    return describe_device(running_backend()) == "CPU"


def running_backend() -> str | None:
    """The backend Keras runs on in this process; None before Keras is imported."""
    keras = sys.modules.get("keras")
    return keras.config.backend() if keras is not None and hasattr(keras, "config") else None


def describe() -> dict[str, Any]:
    """What this process runs on, for a run's ``provenance.json``; every value fits in JSON."""
    backend = running_backend() or os.environ.get("KERAS_BACKEND")
    names = PACKAGES + ((backend,) if backend in BACKENDS else ())
    return {
        "cagewatch": version("cagewatch"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in names},
        "backend": backend,
        "device": describe_device(backend) if running_backend() else None,
        "git_commit": git_commit(Path(__file__).resolve().parents[2]),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "vector_extensions": vector_extensions(),
        "cores": cores_in_use(),
        "environment": {name: os.environ[name] for name in SETTINGS if name in os.environ},
    }


def version(package: str) -> str | None:
    """The installed version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe_device(backend: str) -> str:
    """The device the running backend computes on: 'CPU' or the name of the GPU."""
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
        return details.get("device_name", "GPU") if gpus else "CPU"
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return "CPU" if device.platform == "cpu" else device.device_kind
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"


def git_commit(root: Path) -> str | None:
    """Commit of the checkout at `root`, '+' appended if it was edited since; None outside git."""
    if not (root / ".git").exists():
        return None  # installed elsewhere: a repository around it would not be this project's
    commands = (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    try:
        commit, edits = (
            subprocess.run(
                ["git", "-C", str(root), *command],
                capture_output=True,
                text=True,
                check=True,
                timeout=30,
            ).stdout.strip()
            for command in commands
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+" if edits else commit


def vector_extensions() -> list[str]:
    """Vector and matrix extensions of the processor, as Linux names them; empty elsewhere."""
    flags = set(_of_processor("flags").split())
    return sorted(flag for flag in flags if flag.startswith(("avx", "fma", "amx_")))


def processor_name() -> str:
    """The processor's model name as the system gives it."""
    return _of_processor("model name") or platform.processor() or platform.machine()


def _of_processor(fact: str) -> str:
    """What Linux says of the first core; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(fact)), "")
