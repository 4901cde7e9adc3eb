"""The simulated home cage: MIT layout, determinism, a faithful ethogram, movement without jumps."""

from __future__ import annotations

import json
import re
import tracemalloc
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstest, lognorm

from cagewatch.errors import InputError
from cagewatch.recordings.mit import read_recordings
from cagewatch.simulate import writer
from cagewatch.simulate.contact_sheet import contact_sheet, moving_strip
from cagewatch.simulate.ethogram import (
    BEHAVIOURS,
    FITTED,
    Bout,
    describe_bouts,
    draw_bouts,
    fit_ethogram,
)
from cagewatch.simulate.mouse import Part, skeleton
from cagewatch.simulate.render import (
    recording_bouts,
    recording_build,
    recording_poses,
    render_frames,
)
from cagewatch.simulate.scene import LID, SPOUT, WALLS
from cagewatch.simulate.writer import name_recordings, write_dataset
from cagewatch.video import read_frames

LINE = re.compile(r"frame: (\d{8})-(\d{8}) ([a-z]+)\n")


def read_bouts(path: Path) -> list[Bout]:
    """Parse an annotation file on our own, not with the reader under test elsewhere."""
    matches = [LINE.fullmatch(line) for line in path.read_text().splitlines(keepends=True)]
    assert all(matches), f"a line of {path.name} is not in the MIT format"
    return [Bout(m[3], int(m[1]) - 1, int(m[2])) for m in matches]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Three short recordings, rendered in two processes."""
    folder = tmp_path_factory.mktemp("simulated")
    size = {"n_recordings": 3, "n_frames": 130, "rare": 40.0}
    write_dataset(folder, seed=7, **size, cores=2, progress=False)
    return folder


@pytest.fixture(scope="module")
def real_bouts(data_dir) -> list[Bout]:
    return read_bouts(data_dir / "mit_mouse/Annotator_group_1/20080324115556.txt")


@pytest.fixture(scope="module")
def long_bouts() -> list[Bout]:
    """About 28 hours of the ethogram as fitted."""
    return draw_bouts(np.random.default_rng(0), 3_000_000)


# The files on disk


def test_layout_is_that_of_the_mit_database(dataset):
    files = {str(p.relative_to(dataset)) for p in dataset.rglob("*") if p.is_file()}
    names = ["simulated_day_01", "simulated_day_02", "simulated_night_01"]
    videos = {f"full_database/{name}.mpg" for name in names}
    labels = {f"full_database/Annotator_group_1/{name}.txt" for name in names}
    assert files == videos | labels | {"simulated.json"}


def test_decoded_frames_equal_the_labels(dataset):
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


# The ethogram


@given(n_frames=st.integers(1, 3000), rare=st.floats(0.5, 60), seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_bouts_fill_the_recording_without_gaps(n_frames, rare, seed):
    bouts = draw_bouts(np.random.default_rng(seed), n_frames, rare)
    assert bouts[0].start == 0 and bouts[-1].stop == n_frames
    assert all(a.stop == b.start for a, b in zip(bouts, bouts[1:], strict=False))
    assert all(a.behaviour != b.behaviour for a, b in zip(bouts, bouts[1:], strict=False))
    assert all(b.stop > b.start for b in bouts)


def test_committed_numbers_equal_a_refit_of_the_real_annotation(real_bouts):
    fitted = fit_ethogram(real_bouts)
    np.testing.assert_allclose(fitted.log_mean, FITTED.log_mean, atol=1e-4)
    np.testing.assert_allclose(fitted.log_sd, FITTED.log_sd, atol=1e-4)
    np.testing.assert_array_equal(fitted.transitions, FITTED.transitions)
    assert fitted.longest == FITTED.longest
    assert fitted.rarest_interval == pytest.approx(FITTED.rarest_interval, abs=0.1)


def test_shares_and_medians_of_a_long_simulation_are_the_real_ones(long_bouts, real_bouts):
    """Shares within 5 points. Medians within 20 %, or 50 % for hang and rest (7 and 9 bouts)."""
    simulated, real = describe_bouts(long_bouts), describe_bouts(real_bouts)
    for name in BEHAVIOURS:
        assert simulated[name][0] == pytest.approx(real[name][0], abs=0.05), name
        tolerance = 0.5 if real[name][1] < 10 else 0.2
        assert simulated[name][2] == pytest.approx(real[name][2], rel=tolerance), name


@pytest.mark.parametrize("k", range(8), ids=BEHAVIOURS)
def test_bout_lengths_are_not_told_from_the_real_ones(long_bouts, real_bouts, k):
    simulated, real = (
        [b.stop - b.start for b in bouts if b.behaviour == BEHAVIOURS[k]]
        for bouts in (long_bouts, real_bouts)
    )
    assert ks_2samp(simulated, real).pvalue > 0.05


@pytest.mark.parametrize("k", range(8), ids=BEHAVIOURS)
def test_bout_lengths_follow_the_fitted_distribution(long_bouts, k):
    lengths = [b.stop - b.start for b in long_bouts if b.behaviour == BEHAVIOURS[k]]
    fitted = lognorm(FITTED.log_sd[k], scale=np.exp(FITTED.log_mean[k]))
    # Whole frames and the cap at the longest real bout shift the curve by a few per cent.
    assert kstest(lengths, fitted.cdf).statistic < (0.15 if BEHAVIOURS[k] == "rest" else 0.06)


def test_rare_gives_each_half_several_bouts_of_everything():
    """By the rule of `draw_bouts`, not by choice of the seed: 100 seeds, both halves."""
    for seed in range(100):
        bouts = draw_bouts(np.random.default_rng(seed), 6000, rare=20)
        for start, stop in ((0, 3000), (3000, 6000)):
            inside = [b.behaviour for b in bouts if b.start < stop and b.stop > start]
            assert min(inside.count(name) for name in BEHAVIOURS) >= 2, seed


# Movement


@pytest.fixture(scope="module", params=[("simulated_day_01", 0), ("simulated_night_03", 5)])
def moved(request):
    """Bouts and skeleton of one recording with every behaviour in it."""
    name, seed = request.param
    bouts = recording_bouts(name, seed, 3000, 20)
    poses = np.concatenate(list(recording_poses(name, seed, bouts)))
    return bouts, poses, skeleton(poses, recording_build(name, seed))


def test_nothing_jumps(moved):
    """The body moves at most 10 pixels a frame (30 cm/s is about 5), the nose at most 24."""
    _, poses, bones = moved
    assert len(poses) == 3000
    for points, limit in ((bones.spine.mean(axis=1), 10), (bones.head[:, -1], 24)):
        assert np.hypot(*np.diff(points, axis=0).T).max() < limit


def test_the_mouse_stays_between_the_walls(moved):
    _, _, bones = moved
    columns = np.concatenate([bones.spine[..., 0], bones.head[..., 0]], axis=1)
    assert columns.min() > WALLS[0] - 8 and columns.max() < WALLS[1] + 8


def within(bouts: list[Bout], behaviour: str, after: float = 0.4) -> np.ndarray:
    """Frames of a behaviour without the start and the last tenth of each bout."""
    spans = [(b.start, b.stop - b.start) for b in bouts if b.behaviour == behaviour]
    return np.concatenate([np.arange(s + int(after * n), s + int(0.9 * n)) for s, n in spans])


def test_postures_are_what_the_behaviours_are_named_for(moved):
    bouts, poses, bones = moved
    nose, hip = bones.head[:, -1], bones.spine[:, 0]
    drinking = within(bouts, "drink")
    assert np.median(np.hypot(*(nose[drinking] - SPOUT).T)) < 6  # at the tip of the spout
    hanging = within(bouts, "hang")
    assert np.median(np.abs(bones.fore[hanging][:, :, 2, 1] - LID)) < 8  # fore-paws at the bars
    assert np.median(poses[hanging, Part.LIFT]) > 35  # hind-quarters well off the ground
    rearing = within(bouts, "rear")
    assert np.median(hip[rearing, 1] - nose[rearing, 1]) > 30  # nose high above the hip
    travel = np.abs(np.diff(poses[:, Part.X], prepend=poses[0, Part.X]))
    assert np.median(travel[within(bouts, "walk")]) > 1.2
    assert np.median(travel[within(bouts, "rest")]) < 0.1


# Pictures and memory


def test_memory_does_not_grow_with_the_recording():
    def peak(n_frames: int) -> int:
        tracemalloc.start()
        for _ in render_frames("simulated_day_01", 0, [Bout("groom", 0, n_frames)]):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(900) < peak(300) + 500_000  # 600 frames would be 46 MB


def test_pictures_are_written_and_small(tmp_path):
    contact_sheet(tmp_path / "sheet.png")
    moving_strip(tmp_path / "strip.gif")
    assert (tmp_path / "sheet.png").stat().st_size < 300_000
    assert (tmp_path / "strip.gif").stat().st_size < 600_000
    with av.open(str(tmp_path / "strip.gif")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30
