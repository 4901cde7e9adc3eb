"""Fixtures the test modules share: the real data, and tiny videos with known content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
from hypothesis import settings

from cagewatch import runtime

# Before any test file imports Keras: TensorFlow reads how to compute when it is loaded.
runtime.configure(os.environ.get("KERAS_BACKEND", "tensorflow"), 1)

# A busy machine is no finding.
settings.register_profile("cagewatch", deadline=None, max_examples=50)
settings.load_profile("cagewatch")


# The files that take longest, which are begun first so that no core waits at the end.
LONGEST = (
    *("study/test_batch", "detectors/test_detectors", "detectors/test_models"),
    *("runs/test_experiment", "cages/test_cage", "runs/test_faults", "study/test_artefacts"),
    *("detectors/test_training", "cages/test_score_recording", "runs/test_bad_files"),
    *("project/test_notebooks", "detectors/test_resident", "study/test_ablations"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the files of LONGEST to the front, in that order; all else stays in its own."""
    tests = Path(__file__).parent
    place = {tests / f"{name}.py": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


@pytest.fixture(scope="module")
def eagerly() -> Iterator[None]:
    """Operations run one by one: tracing a network takes far longer than a few steps of it."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real data, from CAGEWATCH_DATA; skips when unset, fails when it is wrong."""
    given = os.environ.get("CAGEWATCH_DATA")
    if not given:
        pytest.skip("CAGEWATCH_DATA is not set to the folder that holds the real data")
    folder = Path(given)
    expected = ["UCSD_Anomaly_Dataset.v1p2", "avenue", "mit_mouse", "mouse_cylinder"]
    missing = [name for name in expected if not (folder / name).is_dir()]
    if missing:
        pytest.fail(f"CAGEWATCH_DATA={folder} lacks {', '.join(missing)}")
    return folder


def encode_video(
    path: Path,
    frames: Iterable[np.ndarray],
    fps: float = 25,
    codec: str = "libx264",
    times: Iterable[int] | None = None,
    time_base: Fraction | None = None,
    full_range: bool = False,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Encode `frames` to `path` (container by its suffix) and return `path`.

    Parameters
    ----------
    frames : (height, width) uint8 gray or (height, width, 3) uint8 rgb; even sizes for yuv420p.
    fps : frames per second; ignored where `times` is given.
    codec : libx264 (near lossless here), mpeg4, mpeg1video, ffv1, gif ...
    times : presentation time stamp of each frame in units of `time_base`, increasing.
    full_range : mark and write 0..255 luma instead of the usual 16..235.
    """
    rate = Fraction(fps).limit_denominator(1001)
    # Near lossless, so that a test knows what it should get back.
    fine = {"qmin": "1", "qmax": "1"}
    defaults = {"libx264": {"crf": "1", "preset": "ultrafast"}, "mpeg4": fine}
    defaults |= {"mpeg1video": fine, "mpeg2video": fine, "mjpeg": fine}
    stamps = iter(times) if times is not None else None
    with av.open(str(path), "w") as container:
        stream = None
        for index, frame in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=rate)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pix_fmt
                stream.options = {**defaults.get(codec, {}), **(options or {})}
                if full_range:
                    stream.codec_context.color_range = 2
                if time_base is not None:
                    stream.codec_context.time_base = time_base
            picture = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(frame), format="gray" if frame.ndim == 2 else "rgb24"
            )
            picture = picture.reformat(
                format=pix_fmt, dst_color_range="JPEG" if full_range else "MPEG"
            )
            picture.pts = next(stamps) if stamps else index
            picture.time_base = time_base or 1 / rate
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """The function `encode_video(path, frames, fps, codec, ...)`."""
    return encode_video


def disc_frames(
    n_frames: int, height: int = 96, width: int = 128, radius: int = 10, speed: float = 3
) -> list[np.ndarray]:
    """A bright disc moving right by `speed` pixels a frame: (height, width) uint8 frames."""
    rows, columns = np.mgrid[:height, :width]
    frames = []
    for index in range(n_frames):
        centre = (radius + 4 + speed * index) % (width + 2 * radius) - radius
        inside = (rows - height / 2) ** 2 + (columns - centre) ** 2 <= radius**2
        frames.append(np.where(inside, 220, 40).astype(np.uint8))
    return frames


@pytest.fixture(scope="session")
def moving_disc() -> Callable[..., list[np.ndarray]]:
    """The function `disc_frames(n_frames, height, width, radius, speed)`."""
    return disc_frames


class Cage(NamedTuple):
    """A small simulated home cage, read and preprocessed once for all tests."""

    folder: Path
    given: dict[str, Any]
    recordings: list[Any]
    stores: dict[str, Any]


@pytest.fixture(scope="session")
def small_cage(tmp_path_factory) -> Cage:
    """Two recordings of 300 frames: one to train on, one to test on, micromovement held out."""
    from cagewatch import params
    from cagewatch.recordings import load_recordings
    from cagewatch.simulate import write_dataset
    from cagewatch.store import stores_of

    folder = tmp_path_factory.mktemp("cage")
    write_dataset(folder, seed=2, n_recordings=2, n_frames=300, rare=20.0)
    names = sorted(path.stem for path in (folder / "full_database").glob("*.mpg"))
    given = {
        "data_dir": str(folder),
        "results_dir": str(tmp_path_factory.mktemp("results")),
        "scale": "smoke",
        "cores": 1,
        **{"resize_height": 16, "resize_width": 16},  # 8x16 pixels once cropped
        "train_recordings": names[:1],
        "test_recordings": names[1:],
        "test_stop": 1.0,
        "target": "micromovement",
    }
    parameters = params.resolve(given)
    recordings = load_recordings(parameters)
    return Cage(folder, given, recordings, stores_of(recordings, parameters))
