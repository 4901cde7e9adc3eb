"""Looks at a recording, as numbers for each frame: its movement, the animal's place, the picture.

Each takes the small gray pictures and the flow that the networks see, and gives one array for each
run of kept frames. The detectors of `detectors.usual` stand on them.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np
from scipy.ndimage import uniform_filter1d

from cagewatch.detectors.footage import Chunk, Footage
from cagewatch.detectors.looks.rhythm import STEP, describe_rhythm

SIZE = 512  # frames measured together
PIECE = 600.0  # seconds looked at together, so that memory does not grow with a recording
SCALES = (0.25, 1.0, 4.0, 15.0, 60.0)  # seconds that movement is averaged over
LAG = 4  # frames of the longer change
CELL = 4  # pixels
LEAST = 0.01  # added before the logarithm: pixels per frame, or gray levels
DIFFERS = 12  # gray levels, from which on a pixel is not background
EVERY = 1.0  # seconds between the frames that the background is made of
SMOOTHING = 0.5  # seconds
N_PLACE = 5


def read_chunks(footage: Footage, size: int, earlier: int = 0) -> Iterator[Iterator[Chunk]]:
    """Yield what `Footage.chunks` gives; a store's pages go back to the system once they are read.

    Hours of video would else fill the memory, as pages of a mapped file.
    """
    store = footage.store

    def read(run: Iterator[Chunk]) -> Iterator[Chunk]:
        for chunk in run:
            yield chunk
            for held in (store.gray, store.flow) if store else ():
                if (mapped := getattr(held, "_mmap", None)) is not None:
                    mapped.madvise(mmap.MADV_DONTNEED)

    for run in footage.chunks(size, earlier):
        yield read(run)


def cut_pieces(
    footage: Footage, around: float, one: bool
) -> Iterator[tuple[Footage, np.ndarray | slice]]:
    """Yield a recording in pieces of PIECE seconds, and which of a piece's frames are its own.

    A piece also holds `around` seconds before and after, and knows the whole recording's
    background. Where members look at all of a recording at once (`around` is infinite), or it is
    short, it is one piece.
    """
    counted = footage.counted()
    size = round(PIECE * footage.fps / STEP) * STEP  # rhythms of all pieces are in step
    if not np.isfinite(around) or len(counted.kept) <= size:
        yield footage, slice(None)
        return
    margin = -int(-around * footage.fps // STEP) * STEP
    background = find_background(counted, one)
    number = np.arange(len(counted.kept))
    for start in range(0, len(number), size):
        piece = counted.part((number >= start - margin) & (number < start + size + margin))
        piece.memo["background"] = background
        held = np.flatnonzero(piece.kept)
        own = (held >= start) & (held < start + size)
        if own.any():
            yield piece, own


def find_background(footage: Footage, one: bool) -> np.ndarray:
    """The small picture without what moves in it: (rows, columns) float64, gray levels.

    One animal is darker than what is behind it, so that its background is the 90th percentile of
    pictures EVERY second; in a crowd it is the median.
    """

    def find() -> np.ndarray:
        every = max(1, round(EVERY * footage.fps))
        seen = [
            chunk.gray()[chunk.count - chunk.new].copy()  # a view would be read again later
            for run in read_chunks(footage, every)
            for chunk in run
        ]
        return np.percentile(np.stack(seen), 90 if one else 50, axis=0)

    return footage.remember("background", find)


def read_changes(footage: Footage, one: bool) -> Iterator[Iterator[np.ndarray]]:
    """Yield each run as an iterator over blocks of its small pictures less the background.

    A block is (n, rows, columns) float32, gray levels, below 0 where the picture is darker.
    """
    background = find_background(footage, one).astype(np.float32)
    for run in read_chunks(footage, SIZE):
        yield (chunk.gray()[chunk.count - chunk.new :] - background for chunk in run)


def look_at_movement(footage: Footage) -> list[np.ndarray]:
    """How much moves around each frame, on several time scales: (n_frames, 25) float64.

    The logarithm, since twice as fast is as far from usual as half, of the mean over a window
    around the frame of: optical flow over the picture, and where it is largest, pixels per frame;
    change from the frame before likewise, gray levels; and change over LAG frames. Columns are by
    scale.
    """
    measured = footage.remember("movement", lambda: measure_movement(footage))
    widths = [max(1, round(seconds * footage.fps)) for seconds in SCALES]
    found = []
    for part in measured:
        looks = np.empty((len(part), len(widths), part.shape[1]))
        for number, width in enumerate(widths):
            uniform_filter1d(part, width, axis=0, mode="nearest", output=looks[:, number])
        np.log(np.add(looks.clip(0, out=looks), LEAST, out=looks), out=looks)
        found.append(looks.reshape(len(part), -1))
    return found


def measure_movement(footage: Footage) -> list[np.ndarray]:
    """The five measures of `look_at_movement` of each frame alone: (n_frames, 5) float64 a run.

    The first frame gets what the second has.
    """
    found = []
    for run in read_chunks(footage, SIZE, LAG):
        series = np.concatenate([_measure_chunk(chunk) for chunk in run])
        series[0] = series[min(1, len(series) - 1)]
        found.append(series)
    return found


def _measure_chunk(chunk: Chunk) -> np.ndarray:
    gray = chunk.gray().astype(np.float32)
    flow = chunk.flow()[chunk.count - chunk.new :].astype(np.float32)
    new = np.arange(chunk.count - chunk.new, chunk.count)
    change, longer = (np.abs(gray[new] - gray[np.maximum(new - lag, 0)]) for lag in (1, LAG))
    columns = [longer.mean(axis=(1, 2))]
    for look in (change, np.hypot(flow[..., 0], flow[..., 1])):
        rows, across = (size // CELL for size in look.shape[1:])
        cells = look[:, : rows * CELL, : across * CELL].reshape(-1, rows, CELL, across, CELL)
        columns += [look.mean(axis=(1, 2)), cells.mean(axis=(2, 4)).max(axis=(1, 2))]
    return np.column_stack(columns).astype(np.float64)


def look_at_place(footage: Footage, one: bool) -> list[np.ndarray]:
    """Where the animal is and how large, see `locate`: (n_frames, 5) float64 for each run.

    Averaged over SMOOTHING.
    """

    def measure() -> list[np.ndarray]:
        runs = read_changes(footage, one)
        return [
            np.concatenate([locate(-block if one else np.abs(block)) for block in run])
            for run in runs
        ]

    window = max(1, round(SMOOTHING * footage.fps))
    measured = footage.remember("place", measure)
    return [uniform_filter1d(part, window, axis=0, mode="nearest") for part in measured]


def locate(change: np.ndarray) -> np.ndarray:
    """Where (n, rows, columns) gray levels differ from the background by more than DIFFERS.

    (n, 5) float64: row and column of the middle, standard deviations over rows and columns, pixels,
    and the square root of the area. Where nothing differs: the middle of the picture, and zeros.
    """
    weight = np.maximum(change - DIFFERS, 0)
    total = weight.sum(axis=(1, 2))
    columns = []
    for axis, size in enumerate(change.shape[1:]):
        at = np.arange(size, dtype=float)
        share = weight.sum(axis=2 - axis) / np.maximum(total, 1e-9)[:, None]
        middle = share @ at
        spread = np.sqrt(np.maximum(share @ at**2 - middle**2, 0))
        columns += [np.where(total > 0, middle, (size - 1) / 2), spread]
    area = np.sqrt((weight > 0).sum(axis=(1, 2)))
    return np.column_stack([*columns, area])[:, [0, 2, 1, 3, 4]]


def look_at_rhythm(footage: Footage) -> list[np.ndarray]:
    """How quick movements are, averaged over SMOOTHING: (n_frames, 10) float64 for each run."""
    window = max(1, round(SMOOTHING * footage.fps))
    measured = footage.remember("rhythm", lambda: _measure_rhythm(footage))
    return [uniform_filter1d(part, window, axis=0, mode="nearest") for part in measured]


def _measure_rhythm(footage: Footage) -> list[np.ndarray]:
    runs = read_chunks(footage, SIZE)
    streams = (
        (frame for one in run for frame in one.gray()[one.count - one.new :]) for run in runs
    )
    return [
        np.stack(list(describe_rhythm(stream, footage.fps, shrink=False))).astype(np.float64)
        for stream in streams
    ]
