"""Files of a simulated data set: MIT layout, determinism, restart, refusals."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from cagewatch.errors import InputError
from cagewatch.recordings.mit import read_recordings
from cagewatch.simulate import writer
from cagewatch.simulate.ethogram import Bout
from cagewatch.simulate.render import recording_bouts, render_frames
from cagewatch.simulate.writer import name_recordings, write_dataset
from cagewatch.video import read_frames


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Three short recordings, rendered in two processes."""
    folder = tmp_path_factory.mktemp("simulated")
    size = {"n_recordings": 3, "n_frames": 130, "rare": 40.0}
    write_dataset(folder, seed=7, **size, cores=2, progress=False)
    return folder


def test_layout_is_that_of_the_mit_database(dataset):
    files = {str(p.relative_to(dataset)) for p in dataset.rglob("*") if p.is_file()}
    names = ["simulated_day_01", "simulated_day_02", "simulated_night_01"]
    videos = {f"full_database/{name}.mpg" for name in names}
    labels = {f"full_database/Annotator_group_1/{name}.txt" for name in names}
    assert files == videos | labels | {"simulated.json"}


def test_decoded_frames_equal_the_labels(dataset, read_bouts):
    for video in sorted((dataset / "full_database").glob("*.mpg")):
        bouts = read_bouts(video.parent / "Annotator_group_1" / f"{video.stem}.txt")
        starts, stops = [b.start for b in bouts], [b.stop for b in bouts]
        assert starts == [0, *stops[:-1]] and stops[-1] == 130
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == (320, 240)
            assert float(stream.average_rate) == pytest.approx(30000 / 1001)
            assert sum(1 for _ in container.decode(stream)) == 130


def test_the_mit_reader_reads_it(dataset):
    recordings = read_recordings(dataset)
    assert [r.name for r in recordings] == sorted(name_recordings(3))
    for recording in recordings:
        bouts = recording_bouts(recording.name, 7, 130, 40.0)
        expected = [b.behaviour for b in bouts for _ in range(b.start, b.stop)]
        assert [recording.behaviours[k] for k in recording.labels] == expected


def test_video_holds_the_rendered_luminance(dataset):
    name = "simulated_day_01"
    rendered = render_frames(name, 7, recording_bouts(name, 7, 130, 40.0))
    decoded = read_frames(dataset / "full_database" / f"{name}.mpg")
    for frame, (_, shown) in islice(zip(rendered, decoded, strict=True), 0, 130, 20):
        assert abs(float(frame.mean()) - float(shown.mean())) < 2
        assert np.abs(frame.astype(float) - shown).mean() < 8  # compression and the lost noise


def test_same_bytes_whatever_the_cores_and_the_neighbours(dataset, tmp_path):
    writer.write_recording(tmp_path, "simulated_night_01", 7, 130, 40.0)
    for path in tmp_path.rglob("*.*"):
        again = dataset / "full_database" / path.relative_to(tmp_path)
        assert path.read_bytes() == again.read_bytes()


def test_another_seed_gives_another_recording():
    bouts = [Bout("walk", 0, 3)]
    first, other = (next(render_frames("simulated_day_01", seed, bouts)) for seed in (1, 2))
    assert np.abs(first.astype(float) - other).mean() > 3


def test_restart_renders_only_what_is_missing(tmp_path):
    size = {"seed": 1, "n_recordings": 2, "n_frames": 12, "cores": 1, "progress": False}
    write_dataset(tmp_path, **size)
    day, night = sorted((tmp_path / "full_database").glob("*.mpg"))
    kept, lost = day.stat().st_mtime_ns, night.read_bytes()
    night.unlink()
    write_dataset(tmp_path, **size)
    assert day.stat().st_mtime_ns == kept
    assert night.read_bytes() == lost


def test_an_interrupted_recording_leaves_no_half_file(tmp_path, monkeypatch):
    def breaks_off(*_):
        yield np.zeros((240, 320), np.uint8)
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "render_frames", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, seed=0, n_recordings=1, n_frames=9, cores=1, progress=False)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["simulated.json"]


@pytest.mark.parametrize("change", [{"seed": 8}, {"n_frames": 131}, {"n_recordings": 2}])
def test_a_data_set_of_other_parameters_is_refused(dataset, change):
    asked = {"seed": 7, "n_recordings": 3, "n_frames": 130, "rare": 40.0} | change
    with pytest.raises(InputError, match="other parameters"):
        write_dataset(dataset, **asked, progress=False)


def test_real_recordings_are_never_mixed_with_simulated_ones(tmp_path):
    (tmp_path / "full_database").mkdir()
    with pytest.raises(InputError, match="was not simulated"):
        write_dataset(tmp_path, seed=0, n_recordings=1, n_frames=5, progress=False)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"n_recordings": 0}, {"n_frames": 0}, {"rare": 0.0}, {"n_frames": 1.5}]
)
def test_numbers_that_make_no_data_set_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="simulate_"):
        write_dataset(tmp_path, **({"seed": 0, "n_recordings": 1, "n_frames": 5} | wrong))
    assert not any(tmp_path.iterdir())


def test_marker_says_what_is_there(dataset):
    marker = json.loads((dataset / "simulated.json").read_text())
    assert marker["seed"] == 7 and marker["n_frames"] == 130 and marker["n_recordings"] == 3


def test_four_of_twelve_by_night():
    names = name_recordings(12)
    assert sum("night" in name for name in names) == 4 and len(set(names)) == 12
