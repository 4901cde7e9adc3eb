"""What the benchmarks work on: simulated recordings, a briefly trained run, copies of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from cagewatch import runs
from cagewatch.detectors import Detector, load_detector
from cagewatch.params import Parameters, resolve
from cagewatch.recordings import Recording, load_recordings
from cagewatch.runs.read import FinishedRun, read_run
from cagewatch.simulate import write_dataset
from cagewatch.simulate.render import recording_bouts, render_frames
from cagewatch.simulate.writer import write_annotations, write_video
from cagewatch.store import Store, stores_of

FRAMES = 3000  # per simulated recording


def simulate(folder: Path, n_recordings: int = 2, n_frames: int = FRAMES) -> list[Recording]:
    """Simulated recordings in `folder`, made once."""
    data = folder / f"simulated-{n_recordings}-{n_frames}"
    write_dataset(
        data, seed=0, n_recordings=n_recordings, n_frames=n_frames, rare=20, progress=False
    )
    videos = sorted((data / "full_database").glob("*.mpg"))
    return [Recording(video.stem, video) for video in videos]


def film_cage(
    folder: Path, seed: int, count: int, n_frames: int, light: str = "day", labels: bool = False
) -> list[Path]:
    """Recordings of one simulated cage and mouse by day or night, in `folder`, made once."""
    folder.mkdir(parents=True, exist_ok=True)
    videos = []
    for part in range(count):
        name = f"simulated_{light}_01-{part:02d}"
        videos.append(folder / f"{name}.mpg")
        bouts = recording_bouts(name, seed, n_frames)
        if not videos[-1].is_file():
            write_video(videos[-1], render_frames(name, seed, bouts))
        if labels:
            write_annotations(videos[-1].with_suffix(".txt"), bouts)
    return videos


def lengthen(source: Path, target: Path, times: int) -> Path:
    """Repeat a video `times` times by copying its coded frames, with a clock that goes on."""
    with av.open(str(source)) as head, av.open(str(target), "w", format="mpeg") as container:
        stream = container.add_stream_from_template(head.streams.video[0])
        step = round(1 / (head.streams.video[0].average_rate * stream.time_base))
        number = 0
        for _ in range(times):
            with av.open(str(source)) as again:
                for packet in again.demux(again.streams.video[0]):
                    if packet.size:
                        packet.stream, packet.pts, packet.dts = stream, number * step, number * step
                        container.mux(packet)
                        number += 1
    return target


def run_parameters(folder: Path, model: str = "cae", **given: Any) -> Parameters:
    """Parameters of a small run on two simulated recordings in `folder`."""
    recordings = simulate(folder)
    names = [recording.name for recording in recordings]
    return resolve(
        {
            "dataset": "simulated",
            "model": model,
            "target": "hang",
            "scale": "quick",
            "data_dir": str(recordings[0].source.parents[1]),
            "results_dir": str(folder / "results"),
            "train_recordings": names[:1],
            "test_recordings": names[1:],
            "test_stop": 1.0,
            **given,
        }
    )


def read_stores(parameters: Parameters) -> tuple[list[Recording], dict[str, Store]]:
    """The recordings of a run and their stores."""
    recordings = load_recordings(parameters)
    return recordings, stores_of(recordings, parameters)


def train_run(folder: Path, model: str = "cae", **given: Any) -> FinishedRun:
    """A finished run of a briefly trained model, by the library's own steps."""
    from cagewatch import detectors
    from cagewatch.metrics import compute_metrics
    from cagewatch.scoring import score_recordings

    parameters = run_parameters(folder, model, **given)
    place = runs.run_folder(parameters)
    if runs.check_run(place) is None:
        return read_run(place)
    recordings, stores = read_stores(parameters)
    train, test = ([r for r in recordings if r.split == split] for split in ("train", "test"))
    run = runs.start_run(parameters)
    training = detectors.TrainingSet(train, stores, parameters, run.aside)
    detector = detectors.fit_detector(training)
    frames = score_recordings(detector, test, stores)
    runs.finish_run(run, detector, frames, compute_metrics(frames, parameters), {}, stores)
    return read_run(place)


def open_tested(
    folder: Path, data: str | None
) -> tuple[Detector, list[Recording], dict[str, Store]]:
    """The detector of a finished run for one core, its test recordings, and stores by name.

    `data` is where the recordings lie, if not where the run says.
    """
    held = load_detector(folder)
    given = {"data_dir": data} if data else {}
    parameters = held.parameters.model_copy(update={**given, "cores": 1})
    recordings = load_recordings(parameters)
    test = [recording for recording in recordings if recording.split == "test"]
    return Detector(parameters, held.state), test, stores_of(recordings, parameters, 1)
