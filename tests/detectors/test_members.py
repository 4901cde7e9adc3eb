"""Members of fusions on pictures whose movement, place and dynamics are known."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cagewatch import params
from cagewatch.detectors import Footage, TrainingSet
from cagewatch.detectors import usual as usual_module
from cagewatch.detectors.looks import measures
from cagewatch.errors import InputError
from cagewatch.store import Store, preprocessing_of

SETTINGS = preprocessing_of(params.resolve({"dataset": "simulated"}))


def footage_from(frames, fps=25.0):
    kept = np.ones(len(frames), bool)
    timed = [(index / fps, frame) for index, frame in enumerate(frames)]
    return Footage("made", SETTINGS, fps, lambda: iter(timed), kept)


def training_from(footage, tmp_path, model, **given):
    """A training set of footage that no file holds; only for detectors that read footage."""
    parameters = params.resolve({"dataset": "simulated", "model": model, **given})
    training = TrainingSet([], {}, parameters, tmp_path)
    training.__dict__["footage"] = footage
    return training


def test_movement_is_measured_in_pixels_of_the_small_picture(moving_disc):
    frames = moving_disc(60, height=240, width=320, radius=60, speed=10)
    (measured,) = measures.measure_movement(footage_from(frames))
    assert measured.shape == (60, 5) and (measured[0] == measured[1]).all()
    longer, mean_change, top_change, mean_flow, top_flow = np.median(measured[20:28], axis=0)
    assert top_flow == pytest.approx(1, abs=0.3)  # 10 pixels of the source
    assert mean_flow < 0.9 * top_flow and mean_change < 0.9 * top_change
    assert mean_change < longer < 4.1 * mean_change
    (still,) = measures.measure_movement(footage_from(frames[:1] * 5))
    np.testing.assert_allclose(still, 0, atol=1e-6)
    (single,) = measures.measure_movement(footage_from(frames[:1]))
    assert single.shape == (1, 5)


def test_looks_do_not_depend_on_how_frames_are_taken_together(moving_disc, monkeypatch):
    frames = moving_disc(70, height=96, width=128)

    def all_looks():
        video = footage_from(frames)
        yield measures.look_at_movement(video)
        yield measures.look_at_place(video, one=False)
        yield measures.look_at_rhythm(video)

    whole = list(all_looks())
    monkeypatch.setattr(measures, "SIZE", 9)
    for (one,), (pieces,) in zip(whole, all_looks(), strict=True):
        np.testing.assert_allclose(pieces, one, rtol=1e-5, atol=1e-5)


def test_footage_at_hand_says_what_the_stream_says(moving_disc):
    video = footage_from(moving_disc(300, height=96, width=128))
    with video.at_hand() as near:
        assert near.store is not None and len(near.store) == 300
        for look in (measures.measure_movement, measures.look_at_rhythm):
            np.testing.assert_allclose(look(near)[0], look(video)[0], rtol=1e-3, atol=1e-3)
        folder = near.store.folder
    assert not folder.exists()


def test_each_time_scale_averages_over_its_own_seconds():
    video = footage_from([np.zeros((8, 8), np.uint8)] * 1000, fps=20)
    series = np.zeros((1000, 1))
    series[500] = 1.0
    video.memo["movement"] = [series]
    described = np.exp(measures.look_at_movement(video)[0]) - measures.LEAST
    widths = [max(1, round(seconds * 20)) for seconds in measures.SCALES[:4]]
    np.testing.assert_allclose((described > 1e-5).sum(axis=0)[:4], widths)
    np.testing.assert_allclose(described[500, :4], 1 / np.array(widths), atol=1e-5)


def test_too_little_movement_counts_in_stillness_and_too_much_in_speed(tmp_path):
    law = np.random.default_rng(0)
    still, usual = np.full((300, 5), 0.02), law.gamma(20, 0.05, size=(3000, 5))
    fast = law.gamma(20, 0.5, size=(300, 5))
    video = footage_from([np.zeros((8, 8), np.uint8)] * 3000)
    video.memo["movement"] = [usual]
    test = replace(video)
    test.memo["movement"] = [np.concatenate([usual[:1500], still, usual[1500:], fast])]
    for name, slow_high, fast_high in (("speed", False, True), ("stillness", True, False)):
        training = training_from([video], tmp_path, name)
        found = usual_module.score(usual_module.fit(training), test, training.parameters)["score"]
        usual_high = np.quantile(found[200:1300], 0.99)
        assert (np.median(found[1600:1700]) > usual_high) == slow_high
        assert (np.median(found[-100:]) > usual_high) == fast_high


@pytest.mark.parametrize("name", ["habits", "ecod", "place", "speed", "rhythm"])
def test_constant_video_gives_a_sentence(tmp_path, name):
    video = footage_from([np.full((48, 64), 90, np.uint8)] * 60)
    with pytest.raises(InputError, match="Nothing moves"), warnings.catch_warnings():
        warnings.simplefilter("error")  # the sentence comes alone
        usual_module.fit(training_from([video], tmp_path, name))


def test_habits_finds_a_pair_of_ordinary_looks_that_never_went_together(tmp_path, monkeypatch):
    law = np.random.default_rng(0)
    side = law.integers(0, 2, 3000) * 2.0 - 1

    def four_looks(movement, place):
        parts = {"movement": (25, movement), "place": (5, place), "rhythm": (10, 0 * place)}
        for name, (width, level) in parts.items():
            noise = law.normal(0, 1e-6 if name == "rhythm" else 0.1, (len(level), width))
            values = level[:, None] + noise
            monkeypatch.setattr(measures, f"look_at_{name}", lambda *_, v=values: [v])
        values = np.zeros((len(place), 20))
        monkeypatch.setattr(usual_module, "look_at_picture", lambda *_: [values])

    monkeypatch.setattr(usual_module, "_fit_components", lambda *_: {})
    video = footage_from([np.zeros((8, 8), np.uint8)] * 3000)
    training = training_from([video], tmp_path, "habits")
    four_looks(side, side)
    state = usual_module.fit(training)
    four_looks(np.r_[side[:500], side[:500]], np.r_[side[:500], -side[:500]])
    found = usual_module.score(state, video, training.parameters)["score"]
    assert np.quantile(found[500:], 0.01) > np.quantile(found[:500], 0.99)


def test_a_square_is_where_it_was_put():
    change = np.zeros((2, 24, 32), np.float32)
    change[0, 4:9, 20:29] = 50
    row, column, height, width, size = measures.locate(change)[0]
    assert (row, column) == pytest.approx((6, 24))
    assert height == pytest.approx(np.std(np.arange(5)))
    assert width == pytest.approx(np.std(np.arange(9)))
    assert size == pytest.approx(np.sqrt(45))
    np.testing.assert_allclose(measures.locate(change)[1], [11.5, 15.5, 0, 0, 0])


def test_one_animal_is_darker_than_its_background_and_a_crowd_is_not():
    frames = [np.full((240, 320), 200, np.uint8) for _ in range(100)]
    for frame in frames[:20]:
        frame[80:160, 100:200] = 100
    bright = [255 - frame for frame in frames]
    for video, one, seen in ((frames, True, True), (bright, True, False), (bright, False, True)):
        (found,) = measures.look_at_place(footage_from(video), one)
        assert (found[10, 4] > 5) == seen and (not seen or abs(found[90, 4]) < 1e-9)


def test_prediction_misses_a_jump_and_no_steady_turn(monkeypatch, tmp_path):
    turn = np.linspace(0, 40 * np.pi, 2000)
    path = np.column_stack([np.cos(turn), np.sin(turn)]) * 3
    path += np.random.default_rng(0).normal(0, 0.01, path.shape)
    video = footage_from([np.zeros((8, 8), np.uint8)] * len(path))
    monkeypatch.setattr(usual_module, "_fit_components", lambda *_: {})
    monkeypatch.setattr(usual_module, "look_at_picture", lambda *_: [path])
    training = training_from([video], tmp_path, "dynamics")
    state = usual_module.fit(training)
    usual = usual_module.score(state, video, training.parameters)["score"]
    assert usual.shape == (2000,)
    jumped = np.concatenate([path[:1000], path[1050:]])  # half a turn is left out
    monkeypatch.setattr(usual_module, "look_at_picture", lambda *_: [jumped])
    found = usual_module.score(state, video, training.parameters)["score"]
    assert abs(int(np.argmax(found)) - 1000) <= 8 and found.max() > usual.max() + 3


def test_what_predicts_a_frame_lies_before_it():
    path = np.arange(10.0)[:, None]
    np.testing.assert_array_equal(usual_module.earlier(path)[0], [2, 1, 0])
    assert len(usual_module.earlier(path)) == 10 - usual_module.ORDER


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_reading_a_store_to_its_end_keeps_none_of_it_in_memory(tmp_path):
    def mapped() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssFile")) // 1024

    gray = np.memmap(tmp_path / "gray", np.uint8, "w+", shape=(40_000, 24, 32))
    flow = np.memmap(tmp_path / "flow", np.float16, "w+", shape=(40_000, 24, 32, 2))
    gray[:] = np.arange(40_000, dtype=np.uint8)[:, None, None]
    gray.flush()
    held = [np.memmap(one.filename, one.dtype, "r", shape=one.shape) for one in (gray, flow)]
    del gray, flow
    video = replace(footage_from([]), kept=np.ones(40_000, bool))
    video = replace(video, store=Store("a", tmp_path, *held, np.empty(0), ""))
    before, grown, total = mapped(), 0, 0
    for run in measures.read_chunks(video, 1000):
        for chunk in run:
            total += int(chunk.gray()[:, 0, 0].sum()) + int(chunk.flow().sum())
            grown = max(grown, mapped() - before)
    assert total == np.arange(40_000, dtype=np.uint8).sum(dtype=int)
    assert grown < 30  # MB, of 150
    measures.find_background(video, one=True)
    assert mapped() - before < 10  # of 30
