"""Recordings of different frame rates: refused by name, or brought to one rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from tqdm.auto import tqdm

from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.recordings.base import Recording
from cagewatch.recordings.labels.frame_labels import check_label_length
from cagewatch.video import FALLBACK_FPS, FrameRates, probe, read_frames, same_rate, thin_frames


def match_rates(
    recordings: Sequence[Recording],
    how: FrameRates,
    folder: Path,
    tolerance: int = 0,
    image_fps: float = FALLBACK_FPS,
) -> list[Recording]:
    """Recordings of one frame rate, the lowest among them.

    'refuse' raises InputError that names a recording of each rate; 'resample' writes into `folder`
    a lossless copy, with fewer frames, of each recording that is faster. `tolerance` is the frames
    by which labels and video may differ in length.
    """
    rates = {recording.name: probe(recording.source, image_fps).fps for recording in recordings}
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
        resample(recording, rates[lowest], folder, tolerance, image_fps)
        if recording.name in fast
        else recording
        for recording in recordings
    ]


def resample(
    recording: Recording,
    fps: float,
    folder: Path,
    tolerance: int = 0,
    image_fps: float = FALLBACK_FPS,
) -> Recording:
    """Write a copy of a recording at a lower rate and give it back with its labels."""
    path = folder / f"{recording.name}.mkv"
    kept = []
    rate = Fraction(fps).limit_denominator(1001)
    with whole_file(path) as partial, av.open(str(partial), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.pix_fmt = "gray"
        frames = thin_frames(read_frames(recording.source, fps=image_fps), fps)
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
        fitted = check_label_length(recording, max(n_frames, len(labels)), tolerance)
        labels = fitted[np.minimum(kept, len(fitted) - 1)]
    return replace(recording, source=path, labels=labels)
