"""Whole files to start from: tiny videos of every kind read, and one text of every format."""

from __future__ import annotations

import gzip
import json
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import scipy.io
import yaml
from conftest import disc_frames, encode_video

from cagewatch import params
from cagewatch.cages.cage import CAGE_FILE, CageSettings
from cagewatch.cages.table import RECORDINGS_FILE
from cagewatch.detectors import Computing, Detector
from cagewatch.detectors.detector import STATE
from cagewatch.params import project_root
from cagewatch.recordings import Recording
from cagewatch.review.decisions import REVIEW_FILE
from cagewatch.store import build_stores, preprocessing_of

# container suffix, codec, pixel format, rows, columns, frames
VIDEOS = (
    ("mpg", "mpeg1video", "yuv420p", 48, 64, 30),
    ("mpg", "mpeg2video", "yuv420p", 16, 16, 10),
    ("avi", "mpeg4", "yuv420p", 32, 48, 20),
    ("avi", "mjpeg", "yuvj420p", 32, 32, 12),
    ("avi", "ffv1", "yuv420p", 16, 32, 12),
    ("avi", "rawvideo", "bgr24", 16, 16, 10),
    ("avi", "rawvideo", "yuv420p", 16, 32, 10),
    ("mp4", "libx264", "yuv420p", 48, 64, 30),
    ("mp4", "libx264", "yuv444p", 32, 32, 15),
    ("mp4", "mpeg4", "yuv420p", 32, 32, 15),
    ("mov", "mjpeg", "yuvj422p", 32, 32, 10),
    ("mkv", "ffv1", "gray", 16, 32, 20),
    ("mkv", "ffv1", "yuv420p10le", 16, 32, 10),
    ("mkv", "ffv1", "bgr0", 16, 32, 10),
    ("mkv", "libx264", "yuv420p", 32, 48, 25),
    ("webm", "libvpx", "yuv420p", 32, 48, 15),
    ("gif", "gif", "rgb8", 32, 32, 12),
    ("ts", "mpeg2video", "yuv420p", 32, 32, 15),
    ("m2ts", "libx264", "yuv420p", 32, 32, 15),
    ("wmv", "wmv2", "yuv420p", 32, 32, 12),
    ("flv", "flv", "yuv420p", 32, 32, 12),
)
MIT = "".join(
    f"frame: {start:08d}-{stop:08d} {name}\n"
    for start, stop, name in ((1, 19, "micromovement"), (20, 45, "walk"), (46, 60, "groom"))
)
CSV = 'start_frame,stop_frame,behaviour\n0,9,walk\n15,30,rear\n31,31,"rest, long"\n'
BORIS_8 = (
    "Observation id,Media file name,FPS (frame/s),Subject,Behavior,Behavior type,Time,Comment\n"
    "o1,seed.mkv,25,,walk,START,0.4,\no1,seed.mkv,25,,walk,STOP,0.8,\n"
    "o1,seed.mkv,25,,rear,POINT,0.9,\no1,seed.mkv,25,m1,rest,START,1.0,\n"
    "o1,seed.mkv,25,m1,rest,STOP,1.2,\n"
)
BORIS_7 = (
    "Observation id\to1\n\nMedia file(s)\n\nTime offset (s)\t0.0\n\n"
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\t"
    "Comment\tStatus\n0.4\tseed.mkv\t1.2\t25\t\twalk\t\t\tSTART\n"
    "0.8\tseed.mkv\t1.2\t25\t\twalk\t\t\tSTOP\n"
)
BORIS_TABLE = (
    "Observation id,Media file,FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)\n"
    "o1,seed.mkv,25,,walk,STATE,0.4,0.8\no2,other.mkv,25,,rest,STATE,0.8,1.2\n"
)
DEEPETHOGRAM = ",background,walk,rear\n" + "".join(
    f"{frame},{int(frame < 5)},{int(5 <= frame < 9)},{int(frame >= 9)}\n" for frame in range(12)
)
RECORDINGS = (
    "recording,file,cage,animal,group,start_time,light\n"
    "mouse1,/v/mouse1.mp4,a,m1,control,2024-05-01 12:30:00,day\n"
    '"mouse2, new",/v/mouse2.mp4,a,m2,,,\n'
)
REVIEW = (
    "recording,start_s,stop_s,detector,verdict,name,note,when\n"
    'mouse1,90.0,92.5,pca_frames,accepted,jump,"hand, cage",2024-05-01T12:30:00\n'
    "mouse1,99.0,99.5,pca_frames,rejected,,,2024-05-01T12:31:00\n"
)
RANGES = "TestVideoFile = {};\n" + "".join(
    f"TestVideoFile{{end+1}}.gt_frame = [{text}];\n" for text in ("61:180", "95:120, 130:140", "1")
)


class Seed(NamedTuple):
    """A whole file: the reader it is for (see `targets`), its path and its true frame count."""

    target: str
    path: Path
    frames: int = 0


def make_video_seeds(folder: Path) -> list[Seed]:
    """Every kind of video, image folder and volume, and some oddities, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = []
    for suffix, codec, pixels, rows, columns, count in VIDEOS:
        path = folder / f"{codec}-{pixels}.{suffix}"
        frames = disc_frames(count, rows, columns, radius=5)
        encode_video(path, frames, codec=codec, pix_fmt=pixels)
        seeds.append(Seed("video", path, count))
    frames = disc_frames(14, 32, 48, radius=5)
    stamps = np.cumsum([0, *np.tile([40, 33, 90], 5)])[:14].tolist()
    path = encode_video(folder / "vfr.mkv", frames, times=stamps, time_base=Fraction(1, 1000))
    seeds.append(Seed("video", path, 14))
    seeds.append(Seed("video", encode_video(folder / "one-frame.mp4", frames[:1]), 1))
    seeds.append(Seed("video", _rotate(encode_video(folder / "rotated.mp4", frames)), 14))
    seeds.append(Seed("video", _write_sound(folder / "sound.mp4"), 0))
    seeds.append(Seed("video", _write_sound(folder / "sound.mkv"), 0))
    for name, compress in (("plain", False), ("packed", True)):
        volume = np.stack(frames, axis=-1)
        path = folder / f"{name}.mat"
        scipy.io.savemat(path, {"vol": volume}, do_compression=compress)
        seeds.append(Seed("video", path, 14))
    for suffix in ("png", "jpg", "bmp", "tif"):
        images = folder / f"images-{suffix}"
        images.mkdir(exist_ok=True)
        for number, frame in enumerate(frames[:6]):
            cv2.imwrite(str(images / f"{number}.{suffix}"), frame)
        seeds.append(Seed("images", images, 6))
    return seeds


def _rotate(path: Path) -> Path:
    """Set the display matrix of an mp4's only track to a quarter turn."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    turned = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    data[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turned)
    path.write_bytes(data)
    return path


def _write_sound(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        samples = np.zeros((1, 4096), np.float32)
        sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return path


def make_text_seeds(folder: Path) -> list[Seed]:
    """One whole file of every label, mask, parameter, manifest, result and archive format."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "mit": ("labels.txt", MIT),
        "csv": ("labels.csv", CSV),
        "boris8": ("labels.csv", BORIS_8),
        "boris7": ("labels.tsv", BORIS_7),
        "boris_table": ("labels.csv", BORIS_TABLE),
        "deepethogram": ("labels_labels.csv", DEEPETHOGRAM),
        "ranges": ("UCSDped2.m", RANGES),
        "layer": ("layer.yaml", (project_root() / "params" / "base.yaml").read_text("utf-8")),
    }
    seeds = []
    for target, (name, text) in texts.items():
        path = folder / target / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        seeds.append(Seed(target, path))
    makers: dict[str, Callable[[Path], Path]] = {
        "masks": _write_masks,
        "json": _write_metrics,
        "store": _write_store,
        "scores": _write_scores,
        "checkpoint": _write_checkpoint,
        "zip": _write_zip,
        "tar": _write_tar,
    }
    for target, make in makers.items():
        (folder / target).mkdir(exist_ok=True)
        seeds.append(Seed(target, make(folder / target)))
    return seeds


def make_cage_seeds(folder: Path) -> list[Seed]:
    """One whole file of everything that a cage's folder holds or its commands are given."""
    texts = {
        "cage": (CAGE_FILE, yaml.safe_dump(CageSettings(run="run", labels=["jump"]).model_dump())),
        "recordings": (RECORDINGS_FILE, RECORDINGS),
        "review": (REVIEW_FILE, REVIEW),
        "webhook": ("address.txt", "http://localhost:8080/alarms?cage=1"),
    }
    seeds = []
    for target, (name, text) in texts.items():
        path = folder / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        seeds.append(Seed(target, path))
    state = {"mean": np.ones((2, 6), np.float32), "reference_score": np.arange(9.0)}
    parameters = params.resolve({"dataset": "ped2", "model": "pca_frames"})
    (folder / "detector").mkdir(exist_ok=True)
    Detector(parameters, state, Computing()).save(folder / "detector")
    return [*seeds, Seed("detector", folder / "detector" / STATE)]


def _write_masks(folder: Path) -> Path:
    cells = np.empty((1, 6), object)
    for number in range(6):
        cells[0, number] = np.full((6, 8), number % 2, np.uint8)
    scipy.io.savemat(folder / "1_label.mat", {"volLabel": cells}, do_compression=True)
    return folder / "1_label.mat"


def _write_metrics(folder: Path) -> Path:
    value = {"format": 1, "auc": 0.9, "reference_scores": {"score": {"quantiles": {"0.5": 1.5}}}}
    (folder / "metrics.json").write_text(json.dumps(value, indent=2))
    return folder / "metrics.json"


def _write_store(folder: Path) -> Path:
    """The manifest of a small store; the arrays and the video lie beside it."""
    settings = preprocessing_of(params.resolve({"dataset": "ped2"}))
    video = encode_video(folder / "seed.mkv", disc_frames(6, 32, 48, radius=5), codec="ffv1")
    with warnings.catch_warnings():
        build_stores([Recording("seed", video)], folder, settings, progress=False)
    return folder / "seed" / "manifest.json"


def _write_scores(folder: Path) -> Path:
    rows = "recording,frame,time_s,label,anomalous,score_image,score_flow,score\n" + "".join(
        f"a,{frame},{frame / 25},walk,{frame > 20},0.5,,{frame * 0.1:.3f}\n" for frame in range(40)
    )
    params.write_params(params.resolve(), folder / "params.yaml")
    (folder / "metrics.json").write_text('{"format": 1}')
    (folder / "scores.csv.gz").write_bytes(gzip.compress(rows.encode(), mtime=0))
    return folder / "scores.csv.gz"


def _write_checkpoint(folder: Path) -> Path:
    arrays = {"weight_0000": np.ones((3, 3), np.float32), "optimiser_0000": np.zeros(2)}
    about = json.dumps({"fingerprint": "f" * 64, "history": [{"epoch": 1, "loss": 0.5}]})
    np.savez(folder / "state.npz", about=np.array(about), **arrays)
    return folder / "state.npz"


def _write_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/a.txt", "hello " * 50)
        archive.writestr("data/b/c.txt", "there")
    return folder / "data.zip"


def _write_tar(folder: Path) -> Path:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "a.txt").write_text("hello " * 50)
    with tarfile.open(folder / "data.tar", "w") as archive:
        archive.add(folder / "data", "data")
    return folder / "data.tar"
