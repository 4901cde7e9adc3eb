"""Networks as detectors: trained to rebuild normal clips, they score a clip by what they get wrong.

The supervised network, which the paper compares with, learns the target from labels instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cagewatch import runtime
from cagewatch.clips import measure_flow_scale
from cagewatch.detectors.footage import Footage
from cagewatch.detectors.training_set import TrainingSet
from cagewatch.errors import InputError
from cagewatch.params import Parameters
from cagewatch.store.seen import flow_channels, model_input

if TYPE_CHECKING:
    import keras

    from cagewatch.clips.batches import ClipBatches
    from cagewatch.detectors.detector import Computing, Detector

STREAMS = ("image", "flow")


def fit(training: TrainingSet) -> dict[str, np.ndarray]:
    """Train the network of `training.parameters`; it goes on from a checkpoint of the same run.

    Returns
    -------
    dict of str to ndarray
        ``weight_<n>``: its weights in Keras's order; 'flow_scale': the speed in pixels that maps
        to 1; 'epochs' and 'steps' trained; 'target_class' of a classifier of all behaviours.
    """
    runtime.load_backend()  # here and above these imports: a list of names must not load it
    from cagewatch.detectors import networks
    from cagewatch.detectors.training.train import train

    parameters = training.parameters
    train_clips, _ = training.clips
    flow_scale = measure_flow_scale(train_clips, training.stores, parameters)
    batches, held_out = open_batches(training, flow_scale)
    model = networks.build_model(parameters, flow_channels(parameters.flow_representation))
    history = train(model, parameters, batches, held_out, training.folder, training.after_epoch)
    weights = enumerate(model.get_weights())
    state = {f"weight_{number:04d}": np.asarray(weight) for number, weight in weights}
    state["flow_scale"] = np.array(flow_scale)
    state["epochs"] = np.array(len(history))
    state["steps"] = np.array(len(history) * len(batches))
    if parameters.supervised_loss == "softmax":
        state["target_class"] = np.array(train_clips.behaviours.index(parameters.target))
    return state


def open_batches(training: TrainingSet, flow_scale: float) -> tuple[ClipBatches, ClipBatches]:
    """Batches to train on, shuffled and flipped, and those to validate on."""
    from cagewatch.clips.batches import ClipBatches
    from cagewatch.detectors import networks

    parameters = training.parameters
    train_clips, validation_clips = training.clips
    settings: dict[str, Any] = dict(
        stores=training.stores,
        parameters=parameters,
        flow_scale=flow_scale,
        streams=networks.streams(parameters.model),
        supervised=parameters.model == "supervised",
    )
    return (
        ClipBatches(train_clips, shuffle=True, **settings),
        ClipBatches(validation_clips, **settings),
    )


def rebuild(state: Mapping[str, np.ndarray], parameters: Parameters) -> keras.Model:
    """The trained network, its weights from the state; InputError if they do not fit it."""
    runtime.load_backend()
    from cagewatch.detectors import networks

    model = networks.build_model(parameters, flow_channels(parameters.flow_representation))
    weights = [state[name] for name in sorted(state) if name.startswith("weight_")]
    shapes = [tuple(weight.shape) for weight in weights]
    if shapes != [tuple(weight.shape) for weight in model.weights]:
        raise InputError(
            f"The saved weights do not fit the network {parameters.model!r} of its own parameters;"
            " fit the detector again."
        )
    model.set_weights(weights)
    return model


def prepare(
    state: Mapping[str, np.ndarray], parameters: Parameters, computing: Computing
) -> tuple[Any, Mapping[str, np.ndarray]]:
    """The network, ready to score streams, and the state."""
    from cagewatch.detectors.inference.stream import open_scorer

    model = rebuild(state, parameters)
    return open_scorer(model, parameters, float(state["flow_scale"]), computing), state


def score(
    ready: tuple[Any, Mapping[str, np.ndarray]], footage: Footage, parameters: Parameters
) -> dict[str, np.ndarray]:
    """Scores by stream and their average, (n_frames,) float64; a classifier's has no streams.

    Clips start `test_clip_step` frames apart, and one more ends with the recording.
    """
    from cagewatch.detectors.inference.stream import score_stream

    scorer, state = ready
    runs = score_stream(scorer, footage, parameters)
    joined = {stream: np.concatenate([run[stream] for run in runs]) for stream in runs[0]}
    if "target" in joined:
        column = int(state["target_class"]) if "target_class" in state else 0
        return {"score": joined["target"].astype(np.float64)[:, column]}
    columns = {f"score_{stream}": joined[stream] for stream in STREAMS if stream in joined}
    return columns | {"score": average_streams(columns, state, parameters.stream_average)}


def average_streams(
    scores: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], how: str
) -> np.ndarray:
    """Average (n,) stream scores by column, 'score_<stream>', into one, higher is more anomalous.

    'raw' averages as the paper says; 'standardised' first brings each stream to mean 0 and standard
    deviation 1 on the scores of normal training frames, the state's ``reference_score_<stream>``,
    so that the noisier stream cannot dominate.
    """
    if how == "standardised" and all(f"reference_{name}" in state for name in scores):
        scores = {
            name: (value - state[f"reference_{name}"].mean())
            / max(float(state[f"reference_{name}"].std()), 1e-12)
            for name, value in scores.items()
        }
    return np.mean(list(scores.values()), axis=0)


def rebuild_clip(
    detector: Detector, gray: np.ndarray, flow: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """One clip as the network saw it, and what it gives back, in [0, 1], by stream.

    `gray` is (clip_length, rows, columns) uint8 and `flow` (clip_length, rows, columns, 2), pixels;
    both given back as (clip_length, rows, columns, channels) float32.
    """
    model = _rebuild_once(detector)
    scale, arrays = float(detector.state["flow_scale"]), {"image": gray, "flow": flow}
    inputs = {
        stream: model_input(stream, arrays[stream], detector.parameters, scale)
        for stream in model.input
    }
    outputs = model.predict_on_batch({stream: value[None] for stream, value in inputs.items()})
    return inputs, {stream: np.asarray(value, np.float32)[0] for stream, value in outputs.items()}


def _rebuild_once(detector: Detector) -> keras.Model:
    if "model" not in detector.kept:
        detector.kept["model"] = rebuild(detector.state, detector.parameters)
    return detector.kept["model"]
