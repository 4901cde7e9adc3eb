"""Frames to gray and flow: resize, gamma, dense optical flow, crop.

The order is the paper's (section 2.2): luminance is resized, brightened by a gamma curve, dense
optical flow (Farneback) is taken between successive frames, and both are cropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from cagewatch.errors import InputError
from cagewatch.in_order import map_in_order
from cagewatch.params import Parameters

MAX_SIDE = 4096
CHUNK = 256  # frames handled together: large enough to hide Python, small enough to stay in cache


@dataclass(frozen=True)
class Preprocessing:
    """The settings that decide what a store holds; two equal ones give equal stores.

    Fields have the names and meanings of `cagewatch.params.Parameters`; `flow_lag` is the number of
    source frames between the two frames a flow is taken from.
    """

    region: tuple[int, int, int, int] | None
    rotate: int
    resize_height: int
    resize_width: int
    crop_top: int
    crop_bottom: int
    gamma: float
    farneback_pyr_scale: float
    farneback_levels: int
    farneback_winsize: int
    farneback_iterations: int
    farneback_poly_n: int
    farneback_poly_sigma: float
    flow_resolution: str
    flow_lag: int
    image_fps: float

    @property
    def rows(self) -> int:
        """Rows after the crop."""
        return self.resize_height - self.crop_top - self.crop_bottom

    @property
    def columns(self) -> int:
        """Columns after the crop."""
        return self.resize_width

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON-ready values."""
        values = asdict(self)
        values["region"] = list(self.region) if self.region else None
        return values


def preprocessing_of(parameters: Parameters) -> Preprocessing:
    """Pick the settings out of a run's parameters; InputError if too few pixels are left."""
    values = {
        name: getattr(parameters, name)
        for name in Preprocessing.__dataclass_fields__
        if name != "flow_lag"
    }
    values["region"] = tuple(values["region"]) if values["region"] else None
    lag = parameters.frame_stride if parameters.flow_spacing == "subsampled" else 1
    settings = Preprocessing(**values, flow_lag=lag)
    if settings.rows < 8 or settings.columns < 8:
        raise InputError(
            f"resize_height, resize_width, crop_top and crop_bottom leave {settings.rows}x"
            f"{settings.columns} pixels; at least 8x8 are needed."
        )
    if max(settings.resize_height, settings.resize_width) > MAX_SIDE:
        raise InputError(f"resize_height and resize_width must be at most {MAX_SIDE}.")
    return settings


def cut_region(frame: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """Cut out the region and rotate it: (height, width) uint8 to (rows, columns) uint8."""
    if settings.region:
        left, top, width, height = settings.region
        if width == 0 or height == 0:
            raise InputError(
                f"region {list(settings.region)} is empty; give [left, top, width, height]."
            )
        if top + height > frame.shape[0] or left + width > frame.shape[1]:
            raise InputError(
                f"region {list(settings.region)} reaches beyond the frame of {frame.shape[1]}x"
                f"{frame.shape[0]} pixels; give [left, top, width, height] inside it."
            )
        frame = frame[top : top + height, left : left + width]
    if settings.rotate:
        frame = np.rot90(frame, -settings.rotate // 90)
    return np.ascontiguousarray(frame)


def shrink_frame(frame: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """Cut out the region, rotate, resize and brighten one (height, width) uint8 frame.

    The crop comes after the flow, so that (resize_height, resize_width) uint8 is left.
    """
    frame = cut_region(frame, settings)
    rows, columns = settings.resize_height, settings.resize_width
    # INTER_AREA averages what it drops, so that shrinking does not alias noise into the flow.
    # Halving has a vector path in OpenCV: halving first is 3 times as fast from 320x240 to 32x32,
    # and differs from one step by half a gray level in the mean on real cage footage (5 at most).
    while not (frame.shape[0] % 2 or frame.shape[1] % 2) and (
        frame.shape[0] >= 4 * rows and frame.shape[1] >= 4 * columns
    ):
        half = (frame.shape[1] // 2, frame.shape[0] // 2)
        frame = cv2.resize(frame, half, interpolation=cv2.INTER_AREA)
    return cv2.resize(frame, (columns, rows), interpolation=cv2.INTER_AREA)


def halve(frame: np.ndarray) -> np.ndarray:
    """Shrink a frame, (height, width) uint8, to half of each, at least 1 pixel."""
    half = (max(frame.shape[1] // 2, 1), max(frame.shape[0] // 2, 1))
    return cv2.resize(frame, half, interpolation=cv2.INTER_AREA)


def gamma_table(gamma: float) -> np.ndarray:
    """(256,) uint8 look-up table of ``out = in ** gamma`` on [0, 1]."""
    return np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)


def compute_flow(previous: np.ndarray, current: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """Dense optical flow (Farneback 2003) that carries `previous` onto `current`, both uint8.

    (height, width, 2) float32, displacement (dx, dy) in pixels; dx positive to the right, dy down.
    """
    return cv2.calcOpticalFlowFarneback(
        previous,
        current,
        None,
        settings.farneback_pyr_scale,
        settings.farneback_levels,
        settings.farneback_winsize,
        settings.farneback_iterations,
        settings.farneback_poly_n,
        settings.farneback_poly_sigma,
        0,
    )


class Piece(NamedTuple):
    """Successive frames of a recording, brightened, with those before them that flow needs.

    Attributes
    ----------
    first : number of the first frame of `gray`, 0-based.
    gray : (n, resize_height, resize_width) uint8.
    seen : (n, height, width) uint8, what flow is taken from: `gray`, or half the source's
        resolution.
    times : (n_new,) float64, seconds, of the frames that are new in this piece, its last ones.
    last : whether the recording ends with this piece.
    """

    first: int
    gray: np.ndarray
    seen: np.ndarray
    times: np.ndarray
    last: bool


def cut_pieces(
    frames: Iterable[tuple[float, np.ndarray]], settings: Preprocessing, size: int, earlier: int
) -> Iterator[Piece]:
    """Shrink and brighten a stream of frames and cut it into pieces of `size` new frames.

    Each piece holds as well the `earlier` frames before its new ones, as far as there are any.
    """
    table = gamma_table(settings.gamma)
    held: list[np.ndarray] = []
    times: list[float] = []
    total = kept = 0

    def piece(last: bool) -> Piece:
        filled = kept + len(times)
        bright = [table[pictures[:filled]] for pictures in held]
        return Piece(total - kept, bright[0], bright[-1], np.array(times), last)

    for time, frame in frames:
        if len(times) == size:  # only now is it known that the piece was not the last
            yield piece(last=False)
            total += size
            filled, kept = kept + size, min(earlier, total)
            for pictures in held:
                pictures[:kept] = pictures[filled - kept : filled].copy()
            times = []
        found = [shrink_frame(frame, settings)]
        if settings.flow_resolution == "half":
            found.append(halve(cut_region(frame, settings)))
        held = held or [np.empty((earlier + size, *one.shape), np.uint8) for one in found]
        for pictures, one in zip(held, found, strict=True):
            pictures[kept + len(times)] = one
        times.append(time)
    if times:
        yield piece(last=True)


def finish_piece(
    piece: Piece, settings: Preprocessing, taken: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the flow of a piece, or of the frames `taken` of it, and crop it: gray and flow.

    Gray is (n, rows, columns) uint8, flow (n, rows, columns, 2) float16, pixels; 0 for the first
    `flow_lag` frames, which in a piece from the middle of a recording are not to be used.
    """
    kept = slice(settings.crop_top, settings.resize_height - settings.crop_bottom)
    gray = piece.gray[taken, kept]
    flow = np.zeros((*gray.shape, 2), np.float32)
    lag = settings.flow_lag
    for place, index in enumerate(range(*taken.indices(len(piece.gray)))):
        if index >= lag:
            found = compute_flow(piece.seen[index - lag], piece.seen[index], settings)
            flow[place] = shrink_flow(found, settings)[kept]
    return gray, to_half(flow)


def shrink_flow(flow: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """Resize (height, width, 2) flow, and its unit with it: pixels of the resized picture."""
    size = (settings.resize_width, settings.resize_height)
    if flow.shape[1::-1] == size:
        return flow
    unit = np.float32([size[0] / flow.shape[1], size[1] / flow.shape[0]])
    return cv2.resize(flow, size, interpolation=cv2.INTER_AREA) * unit


def to_half(values: np.ndarray) -> np.ndarray:
    """Round float32 to float16, to nearest even as NumPy does, by the processor's means."""
    # OpenCV 5 no longer has the conversion, which is 25 times as fast as NumPy's.
    if not values.size or not hasattr(cv2, "convertFp16"):
        return values.astype(np.float16)
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    return cv2.convertFp16(flat).view(np.float16).reshape(values.shape)


def preprocess_frames(
    frames: Iterable[tuple[float, np.ndarray]], settings: Preprocessing, threads: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Turn a stream of frames into chunks of times, gray and flow; memory does not grow.

    Frames come in order as `cagewatch.video.read_frames` gives them. `threads` take turns to decode
    and compute flow, one chunk each; PyAV and OpenCV let go of the interpreter meanwhile. The
    result does not depend on it.

    Yields times, (n,) float64 in seconds; gray, (n, rows, columns) uint8; and flow, (n, rows,
    columns, 2) float16, pixels per `flow_lag` source frames at the resized scale: ``flow[i]`` leads
    from frame ``i - flow_lag`` to frame ``i`` and is 0 where there is none.
    """
    cv2.setNumThreads(1)

    def finish(piece: Piece) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n_new = len(piece.times)
        gray, flow = finish_piece(piece, settings)
        return piece.times, gray[-n_new:], flow[-n_new:]

    pieces = cut_pieces(frames, settings, CHUNK, settings.flow_lag)
    yield from map_in_order(finish, pieces, threads)
