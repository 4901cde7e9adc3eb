"""What a detector reads: the frames of one recording, as often as it likes, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from cagewatch.clips import trained_frames
from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.recordings import Recording
from cagewatch.store import Store
from cagewatch.store.preprocess import Preprocessing, cut_region, preprocessing_of
from cagewatch.video import probe, read_frames

PIECE = 256  # frames; a part of a recording is taken in pieces of at most so many


@dataclass(frozen=True)
class Video:
    """Frames of one recording that can be read again and again.

    Attributes
    ----------
    read : gives all frames of the recording anew, (height, width) uint8 luminance, in order.
    kept : (n_frames,) bool, False where a frame is not to be looked at.
    fps : frames per second.
    """

    read: Callable[[], Iterator[np.ndarray]]
    kept: np.ndarray
    fps: float

    def __len__(self) -> int:
        return int(self.kept.sum())

    def runs(self) -> Iterator[Iterator[np.ndarray]]:
        """Yield each run of successive kept frames as an iterator, to be read before the next.

        What moves over time is to be measured inside a run; frames that are left out, such as the
        target's, are never handed out.
        """
        run = np.cumsum(np.diff(self.kept.astype(np.int8), prepend=0) != 0)
        numbered = zip(self.kept, run, self.read(), strict=True)
        for (kept, _), part in groupby(numbered, lambda item: (bool(item[0]), int(item[1]))):
            if kept:
                yield (frame for _, _, frame in part)

    def sample(self, count: int) -> Iterator[np.ndarray]:
        """Yield at most `count` kept frames, evenly spread."""
        held = np.flatnonzero(self.kept)
        spread = np.linspace(0, len(held) - 1, min(count, len(held))).round().astype(int)
        chosen = set(held[spread].tolist())
        last = max(chosen, default=-1)
        for number, frame in enumerate(self.read()):
            if number in chosen:
                yield frame
            if number >= last:
                return

    def part(self, kept: np.ndarray) -> Video:
        """The same video with only the frames where `kept` ((n_frames,) bool) holds too."""
        return Video(self.read, self.kept & kept, self.fps)


def normal_videos(
    recordings: Sequence[Recording], stores: Mapping[str, Store], parameters: Parameters
) -> list[Video]:
    """Training recordings without the target's frames, none where nothing is left.

    As for networks, `max_train_clips` bounds what is looked at: at most the frames that so many
    clips span, in pieces of PIECE frames spread evenly over all recordings.

    Raises
    ------
    InputError
        If no normal frame is left.
    """
    videos = []
    for recording in recordings:
        kept = trained_frames(recording, len(stores[recording.name]), parameters)
        videos.append(_open(recording, kept, parameters))
    if not any(map(len, videos)):
        raise InputError(
            f"No training frame is left without {parameters.target!r}; choose other"
            " train_recordings or another target."
        )
    if parameters.max_train_clips:
        span = parameters.clip_length * parameters.frame_stride
        videos = limit_frames(videos, parameters.max_train_clips * span)
    return [video for video in videos if len(video)]


def whole_video(recording: Recording, store: Store, parameters: Parameters) -> Video:
    """A recording with all of its frames, to be scored."""
    return _open(recording, np.ones(len(store), bool), parameters)


def limit_frames(videos: Sequence[Video], most: int) -> list[Video]:
    """The videos with about `most` of their frames, in pieces of PIECE spread over all of them."""
    if sum(map(len, videos)) <= most:
        return list(videos)
    pieces: list[tuple[int, np.ndarray]] = []
    for number, video in enumerate(videos):
        held = np.flatnonzero(video.kept)
        cuts = np.flatnonzero(np.diff(held) > 1) + 1
        for run in np.split(held, cuts):
            pieces += [(number, run[i : i + PIECE]) for i in range(0, len(run), PIECE)]
    # The middle of each of `steps` equal shares; lengths decide how many shares there are.
    size = np.mean([len(frames) for _, frames in pieces])
    steps = min(len(pieces), max(1, round(most / size)))
    chosen = ((np.arange(steps) + 0.5) * len(pieces) / steps).astype(int)
    masks = [np.zeros(len(video.kept), bool) for video in videos]
    for index in chosen:
        number, frames = pieces[index]
        masks[number][frames] = True
    return [video.part(mask) for video, mask in zip(videos, masks, strict=True)]


def cut_frames(frames: Iterator[np.ndarray], settings: Preprocessing) -> Iterator[np.ndarray]:
    """Yield each frame's `region`, rotated as the settings say, at the source's resolution."""
    return (cut_region(frame, settings) for frame in frames)


def _open(recording: Recording, kept: np.ndarray, parameters: Parameters) -> Video:
    settings = preprocessing_of(parameters)

    def read() -> Iterator[np.ndarray]:
        frames = read_frames(recording.source, fps=settings.image_fps)
        return cut_frames((frame for _, frame in frames), settings)

    return Video(read, kept, probe(recording.source, settings.image_fps).fps)
