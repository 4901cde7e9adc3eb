"""Preprocessing: known motion has the known flow, in the right direction and on the right frame."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cagewatch import params
from cagewatch.errors import InputError
from cagewatch.store import preprocess, seen


def settings(**changes):
    return preprocess.preprocessing_of(params.resolve({"dataset": "ped2", **changes}))


def disc_frames(n_frames, step, size=(96, 128), radius=16):
    """A textured disc that moves `step` = (dx, dy) pixels a frame over a plain background."""
    texture = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (2 * radius + 1, 2 * radius + 1), np.uint8),
        (7, 7),
        0,
    )
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    inside = rows**2 + columns**2 <= radius**2
    for number in range(n_frames):
        frame = np.full(size, 90, np.uint8)
        top, left = 30 + number * step[1], 30 + number * step[0]
        patch = frame[top : top + 2 * radius + 1, left : left + 2 * radius + 1]
        patch[inside] = texture[inside]
        yield number / 25, frame


def run(frames, chosen, threads=1):
    parts = list(preprocess.preprocess_frames(frames, chosen, threads))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


@pytest.mark.parametrize("step", [(3, 0), (-3, 0), (0, 3), (0, -3)])
def test_a_disc_moving_3_pixels_a_frame_has_flow_3_in_its_direction(step):
    frames = [(t, f if min(step) >= 0 else f[::-1, ::-1]) for t, f in disc_frames(8, np.abs(step))]
    same_size = settings(resize_height=96, resize_width=128, crop_top=0, crop_bottom=0)
    _, gray, flow = run(frames, same_size)
    for number in range(1, 8):
        speed = np.hypot(flow[number, ..., 0], flow[number, ..., 1])
        disc = cv2.erode((gray[number] != 90).astype(np.uint8), np.ones((15, 15))).astype(bool)
        assert np.median(flow[number][disc], axis=0) == pytest.approx(step, abs=0.3)
        assert np.median(speed[disc]) == pytest.approx(3, abs=0.3)
        assert speed[:, :8].max() < 0.5  # nothing moves far from the disc


def test_flow_of_a_frame_leads_to_it_and_the_first_has_none():
    frames = list(disc_frames(6, (3, 0)))
    frames[3:] = [(t, frames[3][1]) for t, _ in frames[3:]]  # the disc stops after frame 3
    chosen = settings(resize_height=96, resize_width=128, crop_top=0, crop_bottom=0)
    _, _, flow = run(frames, chosen)
    speed = np.abs(flow[..., 0].astype(float)).max(axis=(1, 2))
    assert speed[0] == 0
    assert (speed[1:4] > 2).all()
    assert (speed[4:] < 0.1).all()


@pytest.mark.parametrize("resolution", ["input", "half"])
def test_flow_is_in_pixels_of_the_resized_picture_wherever_it_was_computed(resolution):
    chosen = settings(
        resize_height=48, resize_width=32, crop_top=0, crop_bottom=0, flow_resolution=resolution
    )
    _, gray, flow = run(disc_frames(8, (4, 0)), chosen)
    assert flow.shape == (8, 48, 32, 2)
    disc = cv2.erode((gray[5] != 90).astype(np.uint8), np.ones((7, 3))).astype(bool)
    assert np.median(flow[5][disc], axis=0) == pytest.approx((1, 0), abs=0.25)


def test_flow_after_subsampling_spans_the_stride():
    chosen = dict(resize_height=96, resize_width=128, crop_top=0, crop_bottom=0)
    every = settings(**chosen, frame_stride=2, flow_spacing="subsampled")
    _, gray, flow = run(disc_frames(8, (3, 0)), every)
    disc = cv2.erode((gray[5] != 90).astype(np.uint8), np.ones((19, 19))).astype(bool)
    assert np.median(flow[5][disc][:, 0]) == pytest.approx(6, abs=0.8)
    assert not flow[:2].any()


@pytest.mark.parametrize("n_frames", [1, 2, 255, 256, 257, 600])
def test_chunks_join_without_a_seam(n_frames, monkeypatch):
    frames = [(t, f) for t, f in disc_frames(20, (1, 0))]
    stream = [frames[i % 20] for i in range(n_frames)]
    chosen = settings()
    times, gray, flow = run(stream, chosen)
    monkeypatch.setattr(preprocess, "CHUNK", 1000)
    _, whole_gray, whole_flow = run(stream, chosen)
    assert len(times) == n_frames
    assert np.array_equal(gray, whole_gray)
    assert np.array_equal(flow, whole_flow)


def test_threads_do_not_change_the_result():
    one, two = (run(disc_frames(20, (2, 1)), settings(), threads) for threads in (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_the_crop_is_central_and_after_the_resize():
    frame = np.zeros((64, 64), np.uint8)
    frame[8:56] = 255  # with 4 of 32 rows cropped at both ends, exactly the white part is left
    _, gray, _ = run([(0.0, frame)], settings())
    assert gray.shape == (1, 24, 32)
    assert (gray == 255).all()


def test_gamma_below_1_brightens_and_keeps_black_and_white():
    table = preprocess.gamma_table(0.5)
    assert table[0] == 0 and table[255] == 255
    assert table[64] == round(255 * (64 / 255) ** 0.5)
    assert (np.diff(table.astype(int)) >= 0).all()


@pytest.mark.parametrize("size", [(240, 320), (240, 360), (360, 640), (1048, 1328)])
def test_shrinking_in_halves_is_nearly_shrinking_at_once(size):
    noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    # A lens blurs over a few pixels; stretched so that it spans black to white.
    frame = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
    at_once = cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA).astype(int)
    difference = np.abs(preprocess.shrink_frame(frame, settings()) - at_once)
    assert difference.max() <= 3 and difference.mean() <= 0.8


def test_rotation_is_clockwise():
    frame = np.zeros((32, 32), np.uint8)
    frame[:16, :16] = 255
    turned = preprocess.shrink_frame(frame, settings(rotate=90))
    assert turned[4, 28] == 255 and turned[4, 4] == 0


def test_region_is_cut_out_and_must_lie_inside():
    frame = np.zeros((60, 80), np.uint8)
    frame[10:30, 20:60] = 200
    assert (preprocess.shrink_frame(frame, settings(region=[20, 10, 40, 20])) == 200).all()
    with pytest.raises(InputError, match="reaches beyond"):
        preprocess.shrink_frame(frame, settings(region=[50, 10, 40, 20]))


def test_too_much_crop_is_refused():
    with pytest.raises(InputError, match="crop_top"):
        settings(crop_top=20, crop_bottom=8)


flows = st.lists(st.floats(-6, 6, width=32), min_size=24, max_size=24).map(
    lambda values: np.array(values, np.float32).reshape(1, 3, 4, 2)
)


@given(
    flows,
    st.sampled_from(["magnitude", "xy", "hsv"]),
    st.sampled_from(["constant", "per_frame"]),
    st.floats(0.1, 10),
)
def test_represented_flow_lies_in_0_to_1(flow, representation, scaling, largest):
    shown = seen.represent_flow(flow, representation, scaling, largest)
    assert shown.shape == (1, 3, 4, seen.flow_channels(representation))
    assert shown.min() >= 0 and shown.max() <= 1


def test_represented_flow_has_known_values():
    flow = np.array([[[3, 0], [0, 0], [0, 4]]], np.float32)
    magnitude = seen.represent_flow(flow, "magnitude", "constant", 4.0)
    assert magnitude[..., 0].tolist() == [[0.75, 0, 1]]
    xy = seen.represent_flow(flow, "xy", "constant", 4.0)
    assert xy[0, 0].tolist() == [0.875, 0.5] and xy[0, 1].tolist() == [0.5, 0.5]
    hsv = seen.represent_flow(flow, "hsv", "constant", 3.0)
    assert hsv[0, 0] == pytest.approx([1, 0, 0]) and hsv[0, 1] == pytest.approx([0, 0, 0])


@given(flows)
def test_hsv_agrees_with_opencv(flow):
    speed = np.hypot(flow[..., 0], flow[..., 1])
    largest = max(float(speed.max()), 1e-3)
    hue = np.degrees(np.arctan2(flow[..., 1], flow[..., 0])) % 360
    hsv = np.stack([hue, np.ones_like(hue), speed / largest], axis=-1).astype(np.float32)
    expected = cv2.cvtColor(hsv[0], cv2.COLOR_HSV2RGB)
    shown = seen.represent_flow(flow, "hsv", "constant", largest)[0]
    assert shown == pytest.approx(expected, abs=2e-3)


@given(flows)
def test_a_flipped_clip_has_its_horizontal_flow_negated(flow):
    mirrored = seen.mirror_flow(flow)
    assert np.array_equal(mirrored[..., 0], -flow[:, :, ::-1, 0])
    assert np.array_equal(mirrored[..., 1], flow[:, :, ::-1, 1])
    assert np.array_equal(seen.mirror_flow(mirrored), flow)
