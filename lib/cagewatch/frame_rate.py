"""Recordings of different frame rates: refused by name, or brought to one rate.

Speeds and clip lengths are counted in frames, so a model trained at one rate means nothing at
another. Frames are never made up: a recording can only be brought to a lower rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from tqdm.auto import tqdm

from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.recordings.annotations import check_label_length
from cagewatch.recordings.base import Recording
from cagewatch.video import probe, read_frames

FrameRates = Literal["refuse", "resample"]
SAME = 0.02  # 29.97 and 30 are one rate: in a clip of 8 frames they differ by less than a frame


def same_rate(one: float, other: float) -> bool:
    """Whether two frame rates differ by too little to matter."""
    return abs(one - other) <= SAME * max(one, other)


def thin_frames(
    frames: Iterable[tuple[float, np.ndarray]], fps: float
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Keep the frame nearest to each tick of a lower rate: (number, time_s, frame).

    Ticks are ``k / fps`` from the first frame on; times are those of the frames kept, in seconds.
    """
    tick, last = 0, -1
    before: tuple[int, float, np.ndarray] | None = None
    for number, (time, frame) in enumerate(frames):
        wanted = tick / fps
        if time >= wanted - 1e-9:
            nearer = before is not None and wanted - before[1] < time - wanted
            kept = before if nearer and before[0] != last else (number, time, frame)
            last = kept[0]
            yield kept
            # After a gap in the source there is nothing to give for the ticks inside it.
            tick = max(tick + 1, int(np.floor(kept[1] * fps + 0.5)) + 1)
        before = (number, time, frame)


def match_rates(
    recordings: Sequence[Recording], how: FrameRates, folder: Path, tolerance: int = 0
) -> list[Recording]:
    """Recordings of one frame rate, the lowest among them.

    Parameters
    ----------
    how : 'refuse' raises InputError that names a recording of each rate; 'resample' writes a
        lossless copy, with fewer frames, of each recording that is faster.
    folder : where copies are written.
    tolerance : frames by which labels and video may differ in length.

    Raises
    ------
    InputError
        If rates differ and `how` is 'refuse', or a copy cannot be written.
    """
    rates = {recording.name: probe(recording.source).fps for recording in recordings}
    lowest = min(rates, key=rates.__getitem__)
    fast = [name for name, fps in rates.items() if not same_rate(fps, rates[lowest])]
    if not fast:
        return list(recordings)
    if how == "refuse":
        raise InputError(
            f"{lowest} has {rates[lowest]:.5g} frames per second but {fast[0]} has "
            f"{rates[fast[0]]:.5g}; leave one out, or set frame_rates to 'resample'."
        )
    return [
        resample(recording, rates[lowest], folder, tolerance)
        if recording.name in fast
        else recording
        for recording in recordings
    ]


def resample(recording: Recording, fps: float, folder: Path, tolerance: int = 0) -> Recording:
    """Write a copy of a recording at a lower rate and give it back with its labels."""
    path = folder / f"{recording.name}.mkv"
    kept = []
    rate = Fraction(fps).limit_denominator(1001)
    with whole_file(path) as partial, av.open(str(partial), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.pix_fmt = "gray"
        frames = thin_frames(read_frames(recording.source), fps)
        progress = tqdm(frames, desc=f"{recording.name} at {fps:.5g} frames/s", unit="frame")
        for number, _, frame in progress:
            if not kept:
                stream.height, stream.width = frame.shape
            picture = av.VideoFrame.from_ndarray(frame, format="gray")
            picture.pts, picture.time_base = len(kept), 1 / rate
            container.mux(stream.encode(picture))
            kept.append(number)
        container.mux(stream.encode(None))
    labels = recording.labels
    if labels is not None:
        n_frames = kept[-1] + 1
        # The copy drops what follows the last frame kept, at most one tick.
        fitted = check_label_length(replace(recording), max(n_frames, len(labels)), tolerance)
        labels = fitted[np.minimum(kept, len(fitted) - 1)]
    return replace(recording, source=path, labels=labels)
