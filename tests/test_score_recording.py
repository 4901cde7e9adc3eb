"""One's own recording: scored as the experiment would, flagged, exported, cut to highlights."""

from __future__ import annotations

import time
from dataclasses import replace

import av
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagewatch import runs
from cagewatch.cages.highlights import choose_moments, clock, write_highlights
from cagewatch.cages.score import (
    ScoreParameters,
    add_labels,
    cut_highlights,
    decide_threshold,
    find_sources,
    score_one,
    write_results,
)
from cagewatch.cages.train import load_own_recordings
from cagewatch.clips import index_test_clips
from cagewatch.errors import InputError
from cagewatch.params import resolve
from cagewatch.recordings import load_recordings
from cagewatch.recordings.annotations import read_csv_bouts
from cagewatch.recordings.base import Recording
from cagewatch.recordings.boris import read_boris_bouts
from cagewatch.runs.read import read_run
from cagewatch.scoring.source import score_source
from cagewatch.video import probe, read_frames
from cagewatch.video.frame_rate import match_rates, resample, thin_frames

FRAMES = 331  # more than a chunk of 256, and no multiple of the clips' step


def asked(**given) -> ScoreParameters:
    """Parameters of the notebook, with its defaults."""
    defaults = {
        "recording": "none",
        "run": "none",
        "threshold": None,
        "rule": None,
        "score": "both",
        "smoothing": 1,
        "labels": None,
        "behaviour": None,
        "label_tolerance": 0,
        "frame_rates": "refuse",
        "highlights": 2,
        "highlight_seconds": 1.0,
        "output_dir": None,
        "backend": "tensorflow",
        "cores": 1,
        "engine": "keras",
        "precision": "auto",
    }
    return ScoreParameters(**(defaults | given))


@pytest.fixture(scope="module")
def cage(tmp_path_factory, write_video, moving_disc):
    """A run with an untrained model on a folder of one video, and that video."""
    from cagewatch import models, scoring
    from cagewatch.clips.batches import ClipBatches
    from cagewatch.metrics import compute_metrics
    from cagewatch.store import stores_of

    folder = tmp_path_factory.mktemp("cage")
    (folder / "data").mkdir()
    video = write_video(folder / "data" / "a.mp4", moving_disc(FRAMES), 30)
    parameters = resolve(
        {
            "dataset": "folder",
            "data_dir": str(folder / "data"),
            "scale": "smoke",
            "results_dir": str(folder / "results"),
            "test_recordings": ["a"],
            "train_recordings": [],
            "stream_average": "standardised",
            "test_clip_step": 3,
        }
    )
    (recording,) = load_recordings(parameters)
    stores = stores_of([recording], parameters)
    index = index_test_clips([recording], stores, parameters)
    batches = ClipBatches(index, stores, parameters, 2.0)
    model = models.build_model(parameters)
    scores = scoring.score_streams(model, batches, parameters)
    frame_scores = scoring.score_test_frames(scores, scores, index, stores, parameters)
    frames = scoring.tabulate_frames([recording], stores, frame_scores, parameters)
    place = runs.start_run(parameters)
    runs.save_model(model, place)
    runs.save_scores(frames, place)
    results = compute_metrics(frames, parameters) | {"flow_scale": 2.0}
    average = scoring.average_streams(scores, scores, "standardised")
    results["reference_scores"] = runs.describe_reference(scores, average)
    runs.finish_run(place, results, {}, stores, time.time())
    return read_run(place), video


@pytest.mark.parametrize(
    ("engine", "precision", "cores", "tolerance"),
    [
        ("keras", "auto", 1, 2e-4),
        ("openvino", "float32", 2, 2e-4),
        ("openvino", "bfloat16", 2, 0.01),
    ],
)
def test_one_pass_gives_the_experiments_scores(cage, engine, precision, cores, tolerance):
    if engine == "openvino":
        pytest.importorskip("openvino")
    run, video = cage
    frames = score_source(
        run, video, progress=False, engine=engine, precision=precision, cores=cores
    )
    assert len(frames) == FRAMES
    for column in ("score_image", "score_flow"):
        np.testing.assert_allclose(frames[column], run.frames[column], rtol=tolerance)
    # Standardised scores have any sign: their spread is the measure.
    spread = run.frames["score"].std()
    np.testing.assert_allclose(frames["score"], run.frames["score"], atol=10 * tolerance * spread)
    np.testing.assert_allclose(frames["time_s"], run.frames["time_s"])


def test_a_recording_shorter_than_a_clip_is_refused(cage, tmp_path, write_video, moving_disc):
    short = write_video(tmp_path / "short.mp4", moving_disc(5), 30)
    with pytest.raises(InputError, match="has 5 frames, fewer than"):
        score_source(cage[0], short, progress=False)


def test_another_frame_rate_is_refused_or_resampled(cage, tmp_path, write_video, moving_disc):
    run, _ = cage
    fast = write_video(tmp_path / "fast.mp4", moving_disc(120), 60)
    slow = write_video(tmp_path / "slow.mp4", moving_disc(60), 15)
    with pytest.raises(InputError, match="60 frames per second .* has 30; set frame_rates"):
        score_source(run, fast, progress=False)
    for how in ("refuse", "resample"):
        with pytest.raises(InputError, match="cannot be made up"):
            score_source(run, slow, how, progress=False)
    frames = score_source(run, fast, "resample", progress=False)
    assert frames["frame"].tolist() == list(range(0, 120, 2))
    result = score_one(run, fast, decide_threshold(run, asked(threshold=-1e9)), asked(
        frame_rates="resample"
    ))  # fmt: skip
    assert result.bouts[["start_frame", "stop_frame"]].values.tolist() == [[0, 118]]


def test_what_is_written_reads_back_to_the_same_frames(cage, tmp_path):
    run, video = cage
    level = decide_threshold(run, asked(rule="quantile=0.9"))
    result = score_one(run, video, level, asked())
    flagged = np.flatnonzero(result.scored.score >= level.value)
    assert 0 < len(flagged) < FRAMES
    scores, plain, boris, spreadsheet = write_results(tmp_path, result, 25.0)
    pd.testing.assert_frame_equal(pd.read_excel(spreadsheet), pd.read_csv(boris))
    lines = boris.read_text().splitlines()
    for bouts in (read_csv_bouts(plain), read_boris_bouts(boris, lines, probe(video).fps, "a")):
        again = np.concatenate([np.arange(bout.start, bout.stop) for bout in bouts])
        np.testing.assert_array_equal(again, flagged)
    assert len(pd.read_csv(scores)) == FRAMES


@pytest.mark.parametrize("threshold", ["1e9", 1e9])
def test_nothing_flagged_leaves_empty_tables_and_a_video(cage, tmp_path, threshold):
    run, video = cage
    level = decide_threshold(run, asked(threshold=threshold))
    result = score_one(run, video, level, asked())
    assert not len(result.bouts)
    write_results(tmp_path, result, 25.0)
    assert len(cut_highlights(tmp_path, result, level.value, asked())) == 2


def test_the_highlights_play(cage, tmp_path):
    run, video = cage
    result = score_one(run, video, decide_threshold(run, asked()), asked())
    moments = cut_highlights(tmp_path, result, 0.0, asked(highlights=3))
    assert [m.peak for m in moments][0] == int(np.argmax(result.scored.score))
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
    nothing = np.empty(0)
    with pytest.raises(InputError, match="no moment"):
        write_highlights(
            tmp_path / "h.mp4", tmp_path / "x.mp4", nothing, nothing, nothing, [], 0, 25
        )
    assert not (tmp_path / "h.mp4").exists()


def test_labels_bring_metrics_and_must_name_the_behaviour(cage, tmp_path):
    run, video = cage
    (tmp_path / "l.csv").write_text("start_frame,stop_frame,behaviour\n10,19,jump\n")
    frames = score_source(run, video, progress=False)
    given = asked(labels=str(tmp_path / "l.csv"), behaviour="jump")
    labelled = add_labels(frames, video, run, given)
    assert np.flatnonzero(labelled["anomalous"]).tolist() == list(range(10, 20))
    with pytest.raises(InputError, match="did you mean 'jump'"):
        add_labels(frames, video, run, given.model_copy(update={"behaviour": "jumps"}))
    (tmp_path / "l.csv").write_text("start_frame,stop_frame,behaviour\n10,1900,jump\n")
    with pytest.raises(InputError, match="labels 1901 frames"):
        add_labels(frames, video, run, given)


def test_what_is_not_there_is_named(cage, tmp_path):
    run, _ = cage
    with pytest.raises(InputError, match="does not exist"):
        find_sources(str(tmp_path / "none.mp4"))
    with pytest.raises(InputError, match="holds no videos"):
        find_sources(str(tmp_path))
    with pytest.raises(InputError, match="Cannot read"):
        decide_threshold(run, asked(threshold="nowhere.json"))
    with pytest.raises(InputError, match="needs labels"):
        decide_threshold(run, asked(rule="eer"))
    with pytest.raises(InputError, match="not a finished run"):
        read_run(tmp_path)


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


def test_rates_are_matched_or_refused_by_name(tmp_path, write_video, moving_disc):
    slow = Recording("slow", write_video(tmp_path / "slow.mp4", moving_disc(50), 25))
    labels = np.repeat([0, 1, 0], [20, 20, 60]).astype(np.int16)
    video = write_video(tmp_path / "fast.mp4", moving_disc(100), 50)
    fast = Recording("fast", video, None, labels, ("jump", "other"), tmp_path / "fast.csv")
    with pytest.raises(InputError, match="slow has 25 frames per second but fast has 50"):
        match_rates([slow, fast], "refuse", tmp_path / "copies")
    kept, copied = match_rates([slow, fast], "resample", tmp_path / "copies")
    assert kept is slow
    assert probe(copied.source).fps == pytest.approx(25)
    original = [frame for _, frame in read_frames(video)][::2]
    for one, other in zip(read_frames(copied.source), original, strict=True):
        np.testing.assert_array_equal(one[1], other)
    np.testing.assert_array_equal(copied.labels, labels[::2])
    assert resample(replace(fast, labels=None), 10, tmp_path / "more").labels is None


def test_own_recordings_need_no_labels_and_no_split(tmp_path, write_video, moving_disc):
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", moving_disc(20), 25)
    given = {"dataset": "folder", "data_dir": str(tmp_path), "results_dir": str(tmp_path / "r")}

    def names(**more):
        parts = load_own_recordings(resolve(given | more), "refuse")
        return [[recording.name for recording in part] for part in parts[:2]], parts[2]

    assert names()[0] == [["a", "b"], ["a", "b"]]
    assert "no recording was set aside" in names()[1]
    assert names(train_recordings=["a"])[0] == [["a"], ["b"]]
    assert names(test_recordings=["a"])[0] == [["b"], ["a"]]
    with pytest.raises(InputError, match="did you mean"):
        names(train_recordings=["A"])
