"""Footage: what a detector reads of one recording, as often as it likes, never the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from cagewatch.recordings import Recording
from cagewatch.store import Preprocessing, Store
from cagewatch.store.preprocess import cut_pieces, cut_region, finish_piece
from cagewatch.video import probe, read_ahead, read_frames

PIECE = 256  # frames; a part of a recording is taken in pieces of at most so many


class Chunk(NamedTuple):
    """Frames of a run of frames, every n-th of it, and a few before them.

    Attributes
    ----------
    first : number of the chunk's first frame among those that the run's chunks hold, 0-based.
    count : frames in the chunk.
    new : frames that no earlier chunk held, the chunk's last ones.
    last : whether the run ends with this chunk.
    stop : frames of the run up to the chunk's end, those left out among them.
    gray : gives (count, rows, columns) uint8.
    flow : gives (count, rows, columns, 2) float16, pixels.
    """

    first: int
    count: int
    new: int
    last: bool
    stop: int
    gray: Callable[[], np.ndarray]
    flow: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Footage:
    """Frames of one recording that can be read again and again.

    Attributes
    ----------
    name : the recording's, for messages.
    settings : how gray and flow are made of the frames.
    fps : frames per second.
    read : gives an iterator over all frames anew: (time_s, (height, width) uint8).
    kept : (n_frames,) bool, False where a frame is not to be looked at; None: all are.
    store : gray and flow, where they have been computed already.
    memo : what has been measured of these frames, see `remember`; a part starts with an empty one.
    """

    name: str
    settings: Preprocessing
    fps: float
    read: Callable[[], Iterator[tuple[float, np.ndarray]]]
    kept: np.ndarray | None = None
    store: Store | None = None
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __len__(self) -> int:
        if self.kept is None:
            raise TypeError(f"the frames of {self.name} have not been counted")
        return int(self.kept.sum())

    def counted(self) -> Footage:
        """The same footage with its frames counted, which reads it once if they are not."""
        if self.kept is not None:
            return self
        n_frames = len(self.store) if self.store else sum(1 for _ in self.read())
        return replace(self, kept=np.ones(n_frames, bool))

    def part(self, kept: np.ndarray) -> Footage:
        """The same footage with only the frames where `kept` ((n_frames,) bool) holds too."""
        counted = self.counted()
        assert counted.kept is not None
        return replace(counted, kept=counted.kept & kept)

    def remember(self, name: str, measure: Callable[[], Any]) -> Any:
        """What `measure` gives, computed once for these frames; a few numbers a frame at most."""
        self.memo[name] = self.memo[name] if name in self.memo else measure()
        return self.memo[name]

    @contextmanager
    def at_hand(self) -> Iterator[Footage]:
        """The same footage with gray and flow in a temporary file, so that it is decoded once.

        It takes 4 kB a frame at the study's size; footage with a store stays as it is.
        """
        if self.store is not None:
            yield self
            return
        with TemporaryDirectory(prefix="cagewatch-") as folder:
            paths = Path(folder) / "gray", Path(folder) / "flow"
            with open(paths[0], "wb") as gray, open(paths[1], "wb") as flow:
                for chunk in (one for run in replace(self, kept=None).chunks(PIECE) for one in run):
                    chunk.gray()[chunk.count - chunk.new :].tofile(gray)
                    chunk.flow()[chunk.count - chunk.new :].tofile(flow)
            shape = (-1, self.settings.rows, self.settings.columns)
            held_gray = np.memmap(paths[0], np.uint8, "r").reshape(shape)
            held_flow = np.memmap(paths[1], np.float16, "r").reshape(*shape, 2)
            held = (held_gray, held_flow, np.empty(0), "")
            yield replace(self, store=Store(self.name, Path(folder), *held))

    def runs(self) -> Iterator[Iterator[np.ndarray]]:
        """Yield each run of successive kept frames as an iterator, to be read before the next.

        Frames are cut to the region and rotated, at the source's resolution. What moves over time
        is to be measured inside a run; frames that are left out, such as the target's, are never
        handed out.
        """
        for run in self._timed_runs():
            yield (cut_region(frame, self.settings) for _, frame in run)

    def sample(self, count: int) -> Iterator[np.ndarray]:
        """Yield at most `count` kept frames, evenly spread, cut to the region and rotated."""
        held = np.flatnonzero(self.counted().kept)
        spread = np.linspace(0, len(held) - 1, min(count, len(held))).round().astype(int)
        chosen = set(held[spread].tolist())
        last = max(chosen, default=-1)
        for number, (_, frame) in enumerate(self.read()):
            if number in chosen:
                yield cut_region(frame, self.settings)
            if number >= last:
                return

    def chunks(self, size: int, earlier: int = 0, every: int = 1) -> Iterator[Iterator[Chunk]]:
        """Yield each run of kept frames as an iterator over chunks of `size` new frames.

        A chunk holds up to `earlier` frames before the new ones as well. Only every n-th frame of a
        run is handed on; its flow leads from the same frame before it as ever.
        """
        if self.store is None:
            for run in self._timed_runs():
                yield self._chunks_of_stream(run, size, earlier, every)
            return
        kept = np.ones(len(self.store), bool) if self.kept is None else self.kept
        edges = np.flatnonzero(np.diff(np.r_[False, kept, False].astype(np.int8)))
        for start, stop in edges.reshape(-1, 2):
            yield _chunks_of_store(self.store, int(start), int(stop), size, earlier, every)

    def _timed_runs(self) -> Iterator[Iterator[tuple[float, np.ndarray]]]:
        if self.kept is None:
            yield self.read()
            return
        run = np.cumsum(np.diff(self.kept.astype(np.int8), prepend=0) != 0)
        # What follows the last kept frame need not be decoded.
        stop = int(np.flatnonzero(self.kept)[-1]) + 1 if self.kept.any() else 0
        numbered = zip(self.kept[:stop], run[:stop], self.read(), strict=False)
        for (kept, _), part in groupby(numbered, lambda item: (bool(item[0]), int(item[1]))):
            if kept:
                yield (timed for _, _, timed in part)

    def _chunks_of_stream(
        self, run: Iterator[tuple[float, np.ndarray]], size: int, earlier: int, every: int
    ) -> Iterator[Chunk]:
        settings = self.settings
        rows = slice(settings.crop_top, settings.resize_height - settings.crop_bottom)
        for piece in cut_pieces(run, settings, size * every, earlier * every + settings.flow_lag):
            # Flow needs the frames before; those whose flow is unknown are not handed on. A whole
            # number of `every` frames comes before what is left.
            skip = min(settings.flow_lag, len(piece.gray) - len(piece.times)) if piece.first else 0
            taken = slice(skip, None, every)

            def gray(piece=piece, taken: slice = taken) -> np.ndarray:  # noqa: ANN001
                return piece.gray[taken, rows]

            def flow(piece=piece, taken: slice = taken) -> np.ndarray:  # noqa: ANN001
                return finish_piece(piece, settings, taken)[1]

            first, count = (piece.first + skip) // every, -(-(len(piece.gray) - skip) // every)
            new, stop = -(-len(piece.times) // every), piece.first + len(piece.gray)
            yield Chunk(first, count, new, piece.last, stop, gray, flow)


def _chunks_of_store(
    store: Store, start: int, stop: int, size: int, earlier: int, every: int
) -> Iterator[Chunk]:
    for begin in range(start, stop, size * every):
        first, end = max(begin - earlier * every, start), min(begin + size * every, stop)
        taken = slice(first, end, every)

        def gray(taken: slice = taken) -> np.ndarray:
            return np.asarray(store.gray[taken])

        def flow(taken: slice = taken) -> np.ndarray:
            return np.asarray(store.flow[taken])

        count, new = -(-(end - first) // every), -(-(end - begin) // every)
        yield Chunk((first - start) // every, count, new, end == stop, end - start, gray, flow)


def footage_of(
    recording: Recording,
    settings: Preprocessing,
    store: Store | None = None,
    kept: np.ndarray | None = None,
) -> Footage:
    """The footage of a recording, from its store where there is one.

    Parameters
    ----------
    recording : Recording
    settings : Preprocessing
        Of the store, or what it would be made with.
    store : Store, optional
        Its gray and flow are read instead of computed.
    kept : ndarray of bool, shape (n_frames,), optional
        Frames that are used; by default all.
    """
    fps = settings.image_fps
    source = Path(recording.source)
    if store is not None and kept is None:
        kept = np.ones(len(store), bool)
    return Footage(
        recording.name,
        settings,
        probe(source, fps).fps,
        lambda: read_ahead(read_frames(source, fps=fps)),
        kept,
        store,
    )


def limit_frames(footage: Sequence[Footage], most: int) -> list[Footage]:
    """The footage with about `most` of its frames, in pieces of PIECE spread over all of it."""
    if sum(map(len, footage)) <= most:
        return list(footage)
    pieces: list[tuple[int, np.ndarray]] = []
    for number, one in enumerate(footage):
        held = np.flatnonzero(one.counted().kept)
        cuts = np.flatnonzero(np.diff(held) > 1) + 1
        for run in np.split(held, cuts):
            pieces += [(number, run[i : i + PIECE]) for i in range(0, len(run), PIECE)]
    # The middle of each of `steps` equal shares; lengths decide how many shares there are.
    size = np.mean([len(frames) for _, frames in pieces])
    steps = min(len(pieces), max(1, round(most / size)))
    chosen = ((np.arange(steps) + 0.5) * len(pieces) / steps).astype(int)
    masks = [np.zeros(len(one.counted().kept), np.bool_) for one in footage]
    for index in chosen:
        number, frames = pieces[index]
        masks[number][frames] = True
    return [one.part(mask) for one, mask in zip(footage, masks, strict=True)]
