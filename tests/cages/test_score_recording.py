"""One's own recording: scored as the experiment would, flagged, exported, cut to highlights."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import av
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cagewatch import cages
from cagewatch.cages.alarms import Level, decide_level, frames_in, tabulate_alarms
from cagewatch.cages.cage import Cage
from cagewatch.cages.film import choose_moments, clock, cut_clips, cut_highlights, write_film
from cagewatch.cages.results import (
    judge_alarms,
    plot_timeline,
    read_result,
    tabulate_events,
    write_results,
)
from cagewatch.cages.scoring import Result, ScoreParameters, add_labels, score_one
from cagewatch.cages.sources import gather_sources
from cagewatch.cli import app
from cagewatch.detectors import Computing
from cagewatch.errors import InputError
from cagewatch.metrics import AlarmShape
from cagewatch.recordings.labels.annotations import read_csv_bouts
from cagewatch.recordings.labels.boris import read_boris_bouts
from cagewatch.scoring import score_source
from cagewatch.video import read_clock, read_frames, thin_frames

FRAMES = 331  # more than a chunk of 256, and no multiple of the clips' step


def asked(**given) -> ScoreParameters:
    """Parameters of the notebook, on one core."""
    return ScoreParameters(**({"recording": "-", "cage": "-", "cores": 1} | given))


@pytest.fixture(scope="module")
def video(tmp_path_factory, write_video, moving_disc):
    """A video of a disc that moves, alone in a folder."""
    folder = tmp_path_factory.mktemp("videos")
    return write_video(folder / "a.mp4", moving_disc(FRAMES), 30)


@pytest.fixture(scope="module")
def cage(tmp_path_factory, video):
    """A cage with a linear detector fitted on the first three quarters of the video."""
    return cages.fit(video.parent, into=tmp_path_factory.mktemp("cage"), frame_stride=1)


@pytest.fixture(scope="module")
def network(tmp_path_factory, video, eagerly):
    """A cage with a network trained for an epoch."""
    into = tmp_path_factory.mktemp("network")
    return cages.fit(video.parent, "cae", into=into, frame_stride=1, minutes=0.001)


def test_a_network_scores_each_frame_or_every_nth_if_asked(video, tmp_path):
    asked = {"videos": [str(video)], "detector": "cae", "into": str(tmp_path)}
    for more, wanted in (({}, 1), ({"score_stride": 5}, 5)):
        given = cages.TrainParameters(**asked, **more)
        assert cages.plan_training(given).parameters.score_stride == wanted


@pytest.fixture(scope="module")
def reference(network, video) -> pd.DataFrame:
    """The video's scores by Keras."""
    return cages.score(network, video, computing=Computing("keras", "float32", 1))


@pytest.mark.parametrize(
    ("engine", "precision", "tolerance"),
    [("keras", "float32", 2e-4), ("openvino", "float32", 2e-4), ("openvino", "bfloat16", 0.01)],
)
def test_one_pass_gives_the_runs_scores(
    network: Cage, video, reference, engine, precision, tolerance
):
    # Held out was the last quarter: clips there start elsewhere than in the whole recording.
    step = network.run.parameters.test_clip_step
    held_out = network.run.frames
    assert len(held_out) == FRAMES - round(0.75 * FRAMES) and network.fps == pytest.approx(30)
    frames = reference
    if engine == "openvino":
        pytest.importorskip("openvino")
        frames = cages.score(network, video, computing=Computing(engine, precision, 2))
    assert frames["frame"].tolist() == list(range(FRAMES))
    for column in ("score_image", "score_flow", "score"):
        np.testing.assert_allclose(frames[column], reference[column], rtol=tolerance)
    # The last clip ends with the recording in both.
    for column in ("score_image", "score"):
        mine, theirs = frames[column].tail(step), held_out[column].tail(step)
        np.testing.assert_allclose(mine, theirs, rtol=10 * tolerance)


def test_a_recording_shorter_than_a_clip_is_refused(cage, tmp_path, write_video, moving_disc):
    short = write_video(tmp_path / "short.mp4", moving_disc(5), 30)
    with pytest.raises(InputError, match="has 5 frames, fewer than"):
        cages.score(cage, short)


def test_another_frame_rate_is_refused_or_resampled(cage, tmp_path, write_video, moving_disc):
    fast = write_video(tmp_path / "fast.mp4", moving_disc(120), 60)
    slow = write_video(tmp_path / "slow.mp4", moving_disc(60), 15)
    with pytest.raises(InputError, match="60 frames per second .* at 30; set frame_rates"):
        cages.score(cage, fast)
    for how in ("refuse", "resample"):
        with pytest.raises(InputError, match="cannot be made up"):
            cages.score(cage, slow, how)
    frames = cages.score(cage, fast, "resample")
    assert frames["frame"].tolist() == list(range(0, 120, 2))
    result = score_one(cage, fast, decide_level(cage, -1e9), asked(frame_rates="resample"))
    assert result.alarms[["start_frame", "stop_frame"]].values.tolist() == [[0, 118]]


def test_what_is_written_reads_back_to_the_same_frames(cage, video, tmp_path):
    frames = cages.score(cage, video)
    level = decide_level(cage, float(np.quantile(frames["smooth"], 0.9)))
    result = score_one(cage, video, level, asked())
    inside = np.flatnonzero(frames_in(result.alarms, result.frames))
    assert 0 < len(inside) < FRAMES
    scores, plain, boris, spreadsheet = write_results(tmp_path, result, 25.0)
    pd.testing.assert_frame_equal(pd.read_excel(spreadsheet), pd.read_csv(boris))
    lines = boris.read_text().splitlines()
    for bouts in (read_csv_bouts(plain), read_boris_bouts(boris, lines, read_clock(video), "a")):
        again = np.concatenate([np.arange(bout.start, bout.stop) for bout in bouts])
        np.testing.assert_array_equal(again, inside)
    assert len(pd.read_csv(scores)) == FRAMES
    again = read_result(tmp_path, video, level)
    pd.testing.assert_frame_equal(again.alarms, result.alarms, rtol=1e-6)
    assert write_results(tmp_path, result, 25.0, alarms=False) == [scores]
    assert not plain.exists() and not boris.exists() and not spreadsheet.exists()


def test_a_frame_smoothed_over_the_threshold_begins_an_alarm(cage, video):
    frames = cages.score(cage, video)
    level = decide_level(cage, float(frames["smooth"].median()))
    alarms = tabulate_alarms(frames, level)
    assert len(alarms) and (alarms["stop_s"] > alarms["start_s"]).all()
    assert (alarms["peak_score"] >= level.threshold).all()
    inside = frames_in(alarms, frames)
    begun = frames["smooth"] >= level.threshold
    long = alarms["stop_s"] - alarms["start_s"]
    assert (long >= cage.settings.min_length_s - 1e-9).all() and inside[begun].mean() > 0.9


def test_an_alarm_has_the_reason_of_its_peak():
    values = np.zeros(40)
    values[[5, 6, 25]] = 2.0, 3.0, 2.0
    frames = pd.DataFrame({"frame": np.arange(40), "time_s": np.arange(40) / 4, "score": values})
    shape = AlarmShape(smoothing_s=0, hysteresis=0, merge_gap_s=0, min_length_s=0)
    level = Level(1.0, 0.0, "both", shape, "", None)
    assert tabulate_alarms(frames, level)["reason"].tolist() == ["", ""]
    place = np.where(np.arange(40) == 6, 3.0, 0.0)  # frame 5 is in the first alarm, not its peak
    parts = frames.assign(score_place=place, score_speed=np.where(values > 0, 2.0, 0.0))
    assert tabulate_alarms(parts, level)["reason"].tolist() == ["place", "speed"]
    assert not len(tabulate_alarms(parts.assign(score=0.0), level))


@pytest.mark.parametrize("threshold", ["1e9", 1e9])
def test_nothing_flagged_leaves_empty_tables_and_a_film(cage, video, tmp_path, threshold):
    level = decide_level(cage, threshold)
    result = score_one(cage, video, level, asked())
    assert not len(result.alarms)
    write_results(tmp_path, result, 25.0)
    assert len(cut_highlights(tmp_path, result, level, 2, 1.0)) == 2


def test_two_equal_runs_write_the_same_bytes(cage, video, tmp_path):
    level = decide_level(cage, 0.0)
    for name in ("one", "two"):
        result = score_one(cage, video, level, asked())
        write_results(tmp_path / name, result, 25.0)
        cut_highlights(tmp_path / name, result, level, 2, 1.0)
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert "highlights.mp4" in written and "alarms_boris.xlsx" in written
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_part_of_a_recording_is_scored_by_its_seconds(cage, video):
    part = cages.score(cage, video, start=2.0, stop=5.0)
    assert part["time_s"].iloc[0] == pytest.approx(2.0, abs=0.02)
    assert part["frame"].tolist() == list(range(60, 150))
    with pytest.raises(InputError, match="no frame from 500 s on"):
        cages.score(cage, video, start=500)


def test_what_stops_a_decoder_before_the_first_frame_is_told_as_it_is(cage, video):
    def score(footage):
        raise InputError("damaged at its first frame")

    detector = SimpleNamespace(parameters=cage.run.parameters, score=score)
    with pytest.raises(InputError, match="damaged at its first frame"):
        score_source(detector, video, 30, "refuse", progress=False, start=2.0)


def test_a_gap_in_the_recording_changes_no_frame_rate(cage):
    frames = cage.run.frames
    late = frames["time_s"] + np.where(frames.index > len(frames) // 2, 30.0, 0.0)
    run = cage.run._replace(frames=frames.assign(time_s=late))
    assert replace(cage, run=run).fps == pytest.approx(30)


def test_labels_of_the_whole_fit_a_part_that_was_scored(cage, video, tmp_path):
    (tmp_path / "l.csv").write_text("start_frame,stop_frame,behaviour\n10,19,jump\n200,300,jump\n")
    frames = cages.score(cage, video, stop=5.0)
    given = asked(labels=str(tmp_path / "l.csv"), behaviour="jump", stop=5.0)
    labelled = add_labels(frames, video, cage, given)
    assert np.flatnonzero(labelled["anomalous"]).tolist() == list(range(10, 20))
    with pytest.raises(InputError, match="labels 301 frames"):
        add_labels(frames, video, cage, given.model_copy(update={"stop": None}))


def test_recordings_of_one_name_are_judged_apart(cage, video):
    frames = cages.score(cage, video).assign(smooth=0.0, anomalous=pd.array([True] * FRAMES))
    level = decide_level(cage, -1e9)
    results = {name: Result(video, frames, tabulate_alarms(frames, level)) for name in ("a", "b/a")}
    assert tabulate_events(results).index.tolist() == ["a", "b/a"]


def test_results_follow_no_link(cage, video, tmp_path):
    (cage.folder / "scored").mkdir()
    (tmp_path / "elsewhere").mkdir()
    work = cages.plan_scoring(asked(cage=str(cage.folder), recording=[str(video)]))
    (cage.folder / "scored" / "a").symlink_to(tmp_path / "elsewhere")
    try:
        with pytest.raises(InputError, match="is a link"):
            work.folder("a")
    finally:
        (cage.folder / "scored" / "a").unlink()
        (cage.folder / "scored").rmdir()


def test_the_highlights_play(cage, video, tmp_path):
    level = decide_level(cage, 1e9)  # no alarm, so nothing is slowed
    result = score_one(cage, video, level, asked())
    moments = cut_highlights(tmp_path, result, level, 3, 1.0)
    assert [m.peak for m in moments][0] == int(np.argmax(result.frames["smooth"]))
    with av.open(str(tmp_path / "highlights.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name in ("h264", "mpeg4")
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(stream)]
        assert float(stream.average_rate) == pytest.approx(30, rel=1e-3)
    assert len(pictures) == sum(moment.stop - moment.start for moment in moments)
    frames = [frame for _, frame in read_frames(video)]
    # The picture shown at the first peak is that frame, not a neighbour.
    at = moments[0].peak - moments[0].start
    differences = [
        np.abs(pictures[at][:96].astype(float) - frames[k]).mean()
        for k in range(moments[0].start, moments[0].stop)
    ]
    assert int(np.argmin(differences)) == at


def test_alarms_come_before_all_else_and_last_a_second(tmp_path, write_video, moving_disc):
    video = write_video(tmp_path / "fast.mp4", moving_disc(600), 120)
    score = np.zeros(600)
    score[[110, 135, 565]] = 4, 5, 1  # the alarms are closer together than a moment is long
    frames = {"frame": np.arange(600), "time_s": np.arange(600) / 120, "smooth": score}
    alarms = {"start_frame": [100, 130], "stop_frame": [123, 141], "peak_frame": [110, 135]}
    result = Result(video, pd.DataFrame(frames), pd.DataFrame(alarms))
    level = Level(3.0, 0.0, "both", AlarmShape(), "", None)
    cut_highlights(tmp_path, result, level, 3, 0.5)
    assert pd.read_csv(tmp_path / "moments.csv")["frame"].tolist() == [135, 110, 565]
    assert [one.peak for one in choose_moments(score, frames["time_s"], 2, 0.5)] == [135, 565]
    clips = cut_clips(tmp_path, result, level, 0.5)
    assert [path.name for path in clips] == ["alarm_001.mp4", "alarm_002.mp4"]
    source = np.stack([frame for _, frame in read_frames(video)]).astype(float)
    known = (80, range(100, 124), 2), (105, range(130, 142), 3)
    for path, (first, alarm, repeat) in zip(clips, known, strict=True):
        with av.open(str(path)) as container:
            assert float(container.streams.video[0].average_rate) == 30
            pictures = [one.to_ndarray(format="gray")[:96] for one in container.decode(video=0)]
        near = source[first : first + 60]
        shown = [first + int(np.abs(near - one).mean((1, 2)).argmin()) for one in pictures]
        # Four times slower for its 120 frames a second, and the alarm until it lasts a second.
        times = [repeat if number in alarm else 1 for number in range(first, first + 60)]
        assert shown == np.repeat(range(first, first + 60), times).tolist()


@pytest.mark.parametrize("name", ["a$\\nope$.mp4", "a$b$.mp4"])
def test_any_name_can_be_shown(cage, video, tmp_path, name):
    copy = tmp_path / name
    copy.write_bytes(video.read_bytes())
    level = decide_level(cage)
    figure = plot_timeline(score_one(cage, copy, level, asked()), level)
    figure.savefig(tmp_path / "shown.png")


def test_moments_do_not_overlap_and_the_highest_comes_first():
    score = np.sin(np.arange(1000) / 20) + np.arange(1000) / 1000
    times = np.arange(1000) / 25
    moments = choose_moments(score, times, 5, 2.0)
    peaks = score[[moment.peak for moment in moments]]
    assert (np.diff(peaks) <= 0).all() and moments[0].peak == int(np.argmax(score))
    spans = sorted((moment.start, moment.stop) for moment in moments)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
    assert len(choose_moments(score[:10], times[:10], 5, 2.0)) == 1
    assert clock(3723.456) == "1:02:03.46"


def test_without_a_moment_there_is_no_video(tmp_path):
    nothing = Result(tmp_path / "x.mp4", pd.DataFrame(), pd.DataFrame())
    with pytest.raises(InputError, match="no moment"):
        write_film(tmp_path / "h.mp4", nothing, None, [])
    assert not (tmp_path / "h.mp4").exists()


def test_labels_bring_metrics_and_may_have_no_bout_of_the_behaviour(cage, video, tmp_path):
    (tmp_path / "l.csv").write_text("start_frame,stop_frame,behaviour\n10,19,jump\n")
    frames = cages.score(cage, video)
    given = asked(labels=str(tmp_path / "l.csv"), behaviour="jump")
    labelled = add_labels(frames, video, cage, given)
    assert np.flatnonzero(labelled["anomalous"]).tolist() == list(range(10, 20))
    with pytest.warns(UserWarning, match="no label 'jumps', so nothing .* did you mean 'jump'"):
        none = add_labels(frames, video, cage, given.model_copy(update={"behaviour": "jumps"}))
    assert not none["anomalous"].any() and none["label"].tolist() == labelled["label"].tolist()
    level = decide_level(cage, float(frames["smooth"].median()))
    judged = judge_alarms(Result(video, none, tabulate_alarms(none, level)))
    assert (judged.n_bouts, judged.bouts_caught) == (0, 0) and judged.false_alarms > 0
    (tmp_path / "l.csv").write_text("start_frame,stop_frame,behaviour\n10,1900,jump\n")
    with pytest.raises(InputError, match="labels 1901 frames"):
        add_labels(frames, video, cage, given)


@pytest.mark.filterwarnings("ignore:.*trust no alarm")
def test_the_command_says_which_label_is_unusual_and_how_far_labels_may_be_off(
    cage, video, tmp_path
):
    copy = tmp_path / "a.mp4"
    copy.write_bytes(video.read_bytes())
    (tmp_path / "a.csv").write_text("start_frame,stop_frame,behaviour\n10,335,rearing\n")
    words = ["score", str(cage.folder), str(copy), "--anyway", "--cores", "1"]
    wrong = CliRunner().invoke(app, words)
    assert wrong.exit_code == 1 and "label_tolerance" in wrong.output
    more = ["--label-tolerance", "5", "--behaviour", "rearing"]
    assert CliRunner().invoke(app, [*words, *more]).exit_code == 0
    (scores,) = cage.folder.rglob("scores.csv")
    assert pd.read_csv(scores)["anomalous"].sum() == FRAMES - 10


def test_what_is_not_there_is_named(cage, video, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        gather_sources([tmp_path / "none.mp4"])
    with pytest.raises(InputError, match="holds no videos"):
        gather_sources([tmp_path])
    with pytest.raises(InputError, match="Cannot read"):
        decide_level(cage, "nowhere.json")
    with pytest.raises(InputError, match="has no score 'flow'"):
        decide_level(cage, stream="flow")
    with pytest.raises(InputError, match="is no cage: there is no such folder"):
        cages.open_cage(tmp_path / "nowhere")


@settings(max_examples=60)
@given(source=st.sampled_from([24.0, 29.97, 30.0, 60.0, 120.0]), target=st.floats(5, 24))
def test_thinning_keeps_the_frame_nearest_to_each_tick(source, target):
    times = np.arange(200) / source
    kept = [number for number, _, _ in thin_frames(((t, np.zeros(1)) for t in times), target)]
    ticks = np.arange(0, times[-1], 1 / target)
    assert kept == sorted(set(kept)) and kept[0] == 0
    assert abs(len(kept) - len(ticks)) <= 1
    off = np.abs(times[kept][: len(ticks)] - ticks[: len(kept)])
    assert off.max() <= 0.5 / source + 1e-6
