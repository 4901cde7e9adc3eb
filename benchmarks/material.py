"""What the benchmarks work on: simulated recordings, a briefly trained run, copies of a video."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av

from cagewatch import runs
from cagewatch.params import Parameters, resolve
from cagewatch.recordings import Recording, load_recordings
from cagewatch.runs.read import FinishedRun, read_run
from cagewatch.simulate import write_dataset
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
    from cagewatch import clips, models, scoring, training
    from cagewatch.clips.batches import ClipBatches
    from cagewatch.metrics import compute_metrics

    parameters = run_parameters(folder, model, **given)
    place = runs.run_folder(parameters)
    if (place / "metrics.json").is_file():
        return read_run(place)
    recordings, stores = read_stores(parameters)
    train, test = ([r for r in recordings if r.split == split] for split in ("train", "test"))
    index = clips.index_training_clips(train, stores, parameters)
    train_clips, validation_clips = clips.split_clips(index, parameters)
    test_clips = clips.index_test_clips(test, stores, parameters)
    scale = clips.measure_flow_scale(train_clips, stores, parameters)
    settings = dict(
        stores=stores, parameters=parameters, flow_scale=scale, streams=models.streams(model)
    )
    batches = ClipBatches(train_clips, shuffle=True, **settings)
    place = runs.start_run(parameters)
    network = models.build_model(parameters)
    training.train(network, parameters, batches, ClipBatches(validation_clips, **settings), place)
    runs.save_model(network, place)
    reference = scoring.score_reference(network, batches, parameters)
    scores = scoring.score_streams(network, ClipBatches(test_clips, **settings), parameters)
    by_frame = scoring.score_test_frames(scores, reference, test_clips, stores, parameters)
    frames = scoring.tabulate_frames(test, stores, by_frame, parameters)
    runs.save_scores(frames, place)
    average = scoring.average_streams(reference, reference, parameters.stream_average)
    results = compute_metrics(frames, parameters) | {"flow_scale": scale}
    results["reference_scores"] = runs.describe_reference(reference, average)
    runs.finish_run(place, results, {}, stores, time.time())
    return read_run(place)
