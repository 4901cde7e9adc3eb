"""What a model sees of gray and flow: numbers in [0, 1], with a channel axis."""

from __future__ import annotations

import numpy as np

from cagewatch.params import Parameters


def model_input(
    stream: str, values: np.ndarray, parameters: Parameters, largest: float
) -> np.ndarray:
    """What a model sees of a stream: (..., rows, columns, channels) float32 in [0, 1].

    From (..., rows, columns) uint8 gray, or (..., rows, columns, 2) flow in pixels, of which
    `largest` maps to 1.
    """
    if stream == "image":
        return values[..., None].astype(np.float32) / 255
    return represent_flow(values, parameters.flow_representation, parameters.flow_scaling, largest)


def represent_flow(
    flow: np.ndarray, representation: str, scaling: str, largest: float
) -> np.ndarray:
    """Turn raw flow, (..., rows, columns, 2) pixels, into what a model sees: float32 in [0, 1].

    'magnitude' has 1 channel, 'xy' 2 (0.5 is no motion) and 'hsv' 3 (a colour picture, hue is
    direction and value is speed). Scaling 'constant' divides by `largest`, faster motion is
    clipped; 'per_frame' by each frame's own largest speed.
    """
    flow = np.asarray(flow, np.float32)
    dx, dy = flow[..., 0], flow[..., 1]
    speed = np.sqrt(dx * dx + dy * dy)
    scale: np.ndarray | float = largest
    if scaling == "per_frame":
        scale = np.maximum(speed.max(axis=(-2, -1), keepdims=True), 1e-6)
    if representation == "magnitude":
        return np.minimum(speed / scale, 1)[..., None]
    if representation == "xy":
        scale = scale[..., None] if isinstance(scale, np.ndarray) else scale
        return np.clip(0.5 + flow / (2 * scale), 0, 1)
    value = np.minimum(speed / scale, 1)
    sector = np.arctan2(dy, dx) * (3 / np.pi)  # direction in sixths of a turn
    shift = np.array([0, -2, 2], np.float32)  # red, green and blue are a third of a turn apart
    distance = np.abs((sector[..., None] + shift + 3) % 6 - 3)
    return value[..., None] * np.clip(2 - distance, 0, 1)


def mirror_flow(flow: np.ndarray) -> np.ndarray:
    """Mirror (..., columns, 2) flow left to right: columns reversed and dx negated."""
    return flow[..., ::-1, :] * np.array([-1, 1], flow.dtype)


def flow_channels(representation: str) -> int:
    """Channels of a flow representation: magnitude 1, xy 2, hsv 3."""
    return {"magnitude": 1, "xy": 2, "hsv": 3}[representation]
