"""Frames decoded ahead of whoever looks at them, so that two cores share the work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from cagewatch.runtime import cores_in_use

BYTES_AHEAD = 1 << 24
MOST_AHEAD = 64  # frames: more would leave the processor's cache before they are looked at


def read_ahead(frames: Iterable[tuple[float, np.ndarray]]) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the same frames, while a thread decodes those that follow; on one core without one.

    It pays where decoding and what is done with a frame take about as long, as with detectors that
    cost next to nothing; decoding lets go of the interpreter. At most twice 16 MiB of frames, or
    twice one frame, are held.

    Parameters
    ----------
    frames : iterable of (float, ndarray)
        As `cagewatch.video.read_frames` gives them. What it raises is raised here, after the
        frames before.

    Yields
    ------
    time, frame : float, ndarray
    """
    source = iter(frames)
    first = next(source, None)
    if first is None:
        return
    if cores_in_use() == 1:
        yield first
        yield from source
        return
    count = min(max(BYTES_AHEAD // max(first[1].nbytes, 1), 1), MOST_AHEAD)

    def take() -> tuple[list[tuple[float, np.ndarray]], Exception | None]:
        taken = []
        try:
            for item in islice(source, count):
                taken.append(item)
        except Exception as error:  # the frames before it come first
            return taken, error
        return taken, None

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(take)
        yield first
        while True:
            taken, error = running.result()
            if taken and error is None:
                running = pool.submit(take)
            yield from taken
            if error is not None:
                raise error
            if not taken:
                return
