"""Frames and time stamps: what decoding must give, and what it must refuse."""

from __future__ import annotations

import struct
import wave

import av
import cv2
import numpy as np
import pytest
from media import decode

from cagewatch import video
from cagewatch.errors import InputError
from cagewatch.video import container, stills
from cagewatch.video.truncation import missing_bytes


def noisy_disc(moving_disc, n_frames: int) -> list[np.ndarray]:
    """Frames that do not compress to nothing, so that a cut takes whole frames away."""
    noise = np.random.default_rng(0).integers(0, 30, (n_frames, 96, 128))
    return [
        (frame + grain).astype(np.uint8)
        for frame, grain in zip(moving_disc(n_frames), noise, strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "codec", "options", "tolerance"),
    [
        ("a.mp4", "libx264", {}, 2),
        ("a.mp4", "libx264", {"full_range": True}, 2),
        ("a.avi", "mpeg4", {}, 12),
        ("a.mpg", "mpeg1video", {}, 24),
        ("a.avi", "mjpeg", {"pix_fmt": "yuvj420p"}, 12),
        ("a.mkv", "ffv1", {}, 1),
        ("a.mkv", "ffv1", {"pix_fmt": "gray"}, 0),
        ("a.mkv", "ffv1", {"pix_fmt": "gray16le"}, 1),
        ("a.mkv", "ffv1", {"pix_fmt": "yuv420p10le"}, 1),
        ("a.mkv", "ffv1", {"pix_fmt": "bgr0"}, 1),
        ("a.gif", "gif", {"pix_fmt": "gray"}, 1),
    ],
)
def test_every_format_gives_the_same_full_range_luminance(
    tmp_path, write_video, moving_disc, name, codec, options, tolerance
):
    written = np.stack(moving_disc(12))
    times, frames = decode(write_video(tmp_path / name, written, 25, codec, **options))
    assert frames.dtype == np.uint8 and frames.shape == written.shape
    assert np.abs(frames.astype(int) - written).max() <= tolerance
    np.testing.assert_allclose(times, np.arange(12) / 25, atol=1e-9)
    assert video.count_frames(tmp_path / name) == 12


def test_limited_range_is_stretched_exactly():
    plane = np.arange(256, dtype=np.uint8).reshape(8, 32)
    frame = av.VideoFrame(32, 8, "yuv420p")
    frame.planes[0].update(np.pad(plane, ((0, 0), (0, frame.planes[0].line_size - 32))).tobytes())
    expected = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).reshape(8, 32)
    np.testing.assert_array_equal(container.luminance(frame), expected)
    frame.color_range = 2
    np.testing.assert_array_equal(container.luminance(frame), plane)


@pytest.mark.parametrize("width", [62, 100, 130])
def test_padded_rows_do_not_shear_the_picture(tmp_path, write_video, moving_disc, width):
    written = np.stack(moving_disc(3, 50, width))
    _, frames = decode(write_video(tmp_path / "a.mkv", written, codec="ffv1"))
    assert np.abs(frames.astype(int) - written).max() <= 1


def test_frames_stay_valid_after_the_next_one_is_read(tmp_path, write_video, moving_disc):
    written = moving_disc(8)
    path = write_video(tmp_path / "a.mp4", written, full_range=True)
    kept = [frame for _, frame in video.read_frames(path, threads=2)]
    assert all(np.abs(a.astype(int) - b).max() <= 2 for a, b in zip(kept, written, strict=True))


def test_colour_becomes_luminance(tmp_path, write_video):
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    _, frames = decode(write_video(tmp_path / "a.mkv", [red] * 2, codec="ffv1"))
    assert abs(int(frames[0, 16, 16]) - 76) <= 2  # 0.299 * 255
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.png"), red[..., ::-1])
    _, images = decode(tmp_path / "images")
    assert abs(int(images[0, 16, 16]) - 76) <= 1


@pytest.mark.parametrize(
    ("form", "codec", "rate"),
    [("h264", "libx264", 30), ("m1v", "mpeg1video", 30), ("mjpeg", "mjpeg", 12)],
)
def test_pictures_without_a_container_have_the_rate_that_they_state_or_the_one_given(
    tmp_path, write_video, moving_disc, form, codec, rate
):
    options = {"pix_fmt": "yuvj420p"} if form == "mjpeg" else {}
    bare = write_video(tmp_path / f"a.{form}", moving_disc(12), 30, codec, **options)
    path = bare.rename(tmp_path / "a.mpg")
    assert (video.probe(path, 12).fps, video.probe(path).timed) == (rate, rate == 30)
    times, frames = decode(path, fps=12)
    np.testing.assert_allclose(times, np.arange(12) / rate, atol=1e-9)
    (frame,) = video.read_frames_at(path, 7, times[7:8])
    np.testing.assert_array_equal(frame, frames[7])


def test_a_wrong_header_count_is_only_a_hint(tmp_path, write_video, moving_disc):
    path = write_video(tmp_path / "a.avi", moving_disc(12), codec="mpeg4")
    data = bytearray(path.read_bytes())
    data[48:52] = struct.pack("<I", 99)  # avih: total frames
    stream = data.index(b"strh") + 8
    data[stream + 32 : stream + 36] = struct.pack("<I", 99)  # strh: length
    path.write_bytes(data)
    assert video.probe(path).frames == 99
    assert video.count_frames(path) == 12 and len(decode(path)[0]) == 12


def test_the_same_frames_whatever_the_number_of_threads(tmp_path, write_video, moving_disc):
    path = write_video(tmp_path / "a.mp4", moving_disc(20))
    for one, other in zip(decode(path, threads=1), decode(path, threads=4), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rotation_marks_are_not_applied(tmp_path, write_video, moving_disc):
    plain = write_video(tmp_path / "a.mp4", moving_disc(3))
    data = bytearray(plain.read_bytes())
    identity = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.rindex(identity)  # the track's matrix follows the movie's
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "b.mp4").write_bytes(data)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert abs(next(container.decode(video=0)).rotation) == 90
    np.testing.assert_array_equal(decode(plain)[1], decode(tmp_path / "b.mp4")[1])


# Bad input


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mov", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.mpg", "mpeg1video"),
        ("a.mpg", "mpeg2video"),
        ("a.mkv", "libx264"),
        ("a.webm", "libvpx"),
        ("a.gif", "gif"),
    ],
)
@pytest.mark.parametrize("keep", [0.3, 0.95])
def test_a_cut_video_is_refused(tmp_path, write_video, moving_disc, name, codec, keep):
    options = {"pix_fmt": "gray"} if codec == "gif" else {}
    whole = write_video(tmp_path / name, noisy_disc(moving_disc, 40), codec=codec, **options)
    assert missing_bytes(whole) == 0 and video.count_frames(whole) == 40
    cut = tmp_path / f"cut_{name}"
    cut.write_bytes(whole.read_bytes()[: int(keep * whole.stat().st_size)])
    for read in (decode, video.count_frames):
        with pytest.raises(InputError, match="cut short") as caught:
            read(cut)
        assert str(cut) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("codec", ["mpeg1video", "mpeg2video"])
def test_an_mpeg_may_end_with_an_end_code_or_padding(tmp_path, write_video, moving_disc, codec):
    whole = write_video(tmp_path / "a.mpg", noisy_disc(moving_disc, 10), codec=codec).read_bytes()
    path = tmp_path / "b.mpg"
    for end in (b"", b"\0\0\1\xb9", bytes(1000)):
        path.write_bytes(whole + end)
        assert missing_bytes(path) == 0
    hidden = 0
    for cut in range(1, 4000, 29):
        path.write_bytes(whole[:-cut])
        missing = missing_bytes(path)
        assert missing <= cut
        hidden += missing == 0
    assert hidden <= 2  # only a cut between two packets cannot be seen


def test_the_bytes_of_a_pack_header_inside_sound_do_no_harm(tmp_path):
    def packet(code: int, content: bytes) -> bytes:
        return b"\0\0\1" + bytes([code]) + struct.pack(">H", len(content)) + content

    pack = b"\0\0\1\xba" + b"\x21" + bytes(7)
    sound = packet(0xC0, b"\0\0\1\xba" + bytes(range(1, 100)))
    path = tmp_path / "a.mpg"
    path.write_bytes((pack + sound + packet(0xE0, b"x" * 500)) * 3)
    assert missing_bytes(path) == 0
    path.write_bytes(path.read_bytes()[:-100])
    assert missing_bytes(path) == 100


def test_metadata_in_an_unknown_encoding_do_no_harm(tmp_path, write_video, moving_disc):
    path = write_video(tmp_path / "a.mkv", moving_disc(4))
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"\xff\xfevf"))
    assert video.count_frames(path) == 4


def test_decoding_that_breaks_off_names_the_frame_reached(tmp_path, write_video, moving_disc):
    path = write_video(tmp_path / "a.mp4", noisy_disc(moving_disc, 40), options={"bf": "0"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"cannot be decoded beyond frame (1|2)\d of 40"):
        decode(path)


def test_a_repaired_frame_is_kept_with_a_warning(tmp_path, write_video, moving_disc):
    path = write_video(tmp_path / "a.avi", noisy_disc(moving_disc, 40), codec="mpeg4")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=r"of 40 frames are damaged"):
        assert len(decode(path)[0]) == 40


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mpg", "a.gif", "a.mkv"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"this is no video\n" * 200, "a video|no video|no frame|decoded"),
        (np.random.default_rng(1).bytes(20_000), "a video|no video|no frame|decoded"),
        (bytes(20_000), "a video|no video|no frame|decoded"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        decode(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_sound_without_pictures_is_refused(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
        file.writeframes(bytes(16_000))
    with pytest.raises(InputError, match="no video stream"):
        decode(tmp_path / "a.wav")


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        decode(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="holds no images"):
        decode(tmp_path)


def test_a_broken_image_is_named(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((8, 8), np.uint8))
    for content in (b"", b"no image"):
        (tmp_path / "2.png").write_bytes(content)
        with pytest.raises(InputError, match="2.png is not an image"):
            decode(tmp_path)


def test_a_changing_frame_size_is_refused(tmp_path, write_video, moving_disc):
    for number, size in ((1, 8), (2, 8), (3, 10)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((8, size), np.uint8))
    with pytest.raises(InputError, match="from 8x8 to 10x8 at frame 2"):
        decode(tmp_path)
    # Two MPEG streams joined end to end, as cameras that change their mode write them.
    parts = [
        write_video(tmp_path / f"{size}.m1v", moving_disc(6, 64, size), codec="mpeg1video")
        for size in (64, 96)
    ]
    (tmp_path / "joined.m1v").write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(InputError, match="from 64x64 to 96x64"):
        decode(tmp_path / "joined.m1v")


def test_giant_frames_are_refused_before_they_are_decoded(
    tmp_path, write_video, moving_disc, monkeypatch
):
    path = write_video(tmp_path / "a.mp4", moving_disc(2))
    monkeypatch.setattr(stills, "MAX_PIXELS", 96 * 128 - 1)
    with pytest.raises(InputError, match="frames of 128x96 pixels, more than the 12287 allowed"):
        decode(path)


def test_a_consumers_own_error_is_not_mistaken_for_damage(tmp_path, write_video, moving_disc):
    path = write_video(tmp_path / "a.mp4", moving_disc(4))
    with pytest.raises(ZeroDivisionError):
        for _ in video.read_frames(path):
            raise ZeroDivisionError


# Real data


def test_the_home_cage_gif_decodes_through_the_same_decoder(data_dir):
    source = data_dir / "mit_mouse" / "footage" / "MIT_result.gif"
    count, brightness = 0, 0.0
    for _, frame in video.read_frames(source):
        assert frame.shape == (240, 320)
        count += 1
        brightness += frame.mean()
    assert count == 450 and 20 < brightness / count < 230


@pytest.mark.parametrize(
    ("name", "n_frames"), [("clip_drink002", 60), ("clip_drink005", 31), ("walk", 24)]
)
def test_the_home_cage_clips_are_read(data_dir, name, n_frames):
    _, frames = decode(data_dir / "mit_mouse" / "footage" / f"{name}.mat")
    assert len(frames) == n_frames and frames.shape[1] == 240 and frames.std() > 10


@pytest.mark.parametrize(
    ("avi", "vol", "n_frames"),
    [
        ("training_videos/12.avi", "training_vol/vol12.mat", 145),
        ("testing_videos/21.avi", "testing_vol/vol21.mat", 76),
    ],
)
def test_avenue_videos_and_volumes_agree_frame_for_frame(data_dir, avi, vol, n_frames):
    root = data_dir / "avenue" / "Avenue Dataset"
    _, large = decode(root / avi)
    _, small = decode(root / vol)
    assert large.shape == (n_frames, 360, 640) and small.shape == (n_frames, 120, 160)
    resized = np.stack(
        [cv2.resize(frame, (160, 120), interpolation=cv2.INTER_AREA) for frame in large]
    ).astype(np.float32)
    # Measured: 2.4 and 2.1 gray levels, the difference between two ways of resizing.
    apart = np.abs(resized - small).mean(axis=(1, 2))
    assert apart.max() < 3
    # Each frame of the volume is nearest to the same frame of the video, not to a neighbour.
    for index, frame in enumerate(small):
        nearest = np.abs(resized - frame).mean(axis=(1, 2)).argmin()
        assert nearest == index
    # Same black and white: unexpanded luma would give a slope of 219/255 = 0.86.
    slope, _ = np.polyfit(small.ravel()[::5].astype(float), resized.ravel()[::5], 1)
    assert 0.97 < slope < 1.03


def test_large_frames_of_a_long_recording_decode(data_dir):
    source = data_dir / "mouse_cylinder" / "0.mp4"
    frames = video.read_frames(source, threads=2)
    times = [next(frames)[0] for _ in range(60)]
    np.testing.assert_allclose(np.diff(times), 1 / 120, rtol=0.05)
    assert next(frames)[1].shape == (1048, 1328)
    frames.close()
