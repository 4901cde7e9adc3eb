"""Training with the frames on the device: clips are gathered, flipped and scaled there.

For the JAX backend. A launch makes up to `STEPS` optimiser steps in one compiled loop, whose
number of rounds is an argument. So the compiled program depends on the network, the batch size and
the number of stored frames, and neither on the number of clips nor on which of them are normal:
every target behaviour and every seed of a data set share one compilation.

Order, flips and the smaller last batch are those of the batches read from disk: the empty places of
the last batch have no weight in the losses and in batch normalisation. Losses and weights agree
with those of `keras.Model.fit` to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from cagewatch import runtime
from cagewatch.detectors.networks import losses_of
from cagewatch.detectors.networks.layers import weigh_clips
from cagewatch.params import Parameters

if TYPE_CHECKING:
    import jax

    from cagewatch.clips.batches import ClipBatches

STEPS = 64  # optimiser steps in one launch at most
SPARE = 6 << 30  # bytes of device memory left for the network's own arrays
Arrays = dict[str, Any]


def find_obstacle(parameters: Parameters, train_batches: ClipBatches) -> str | None:
    """Why the frames cannot lie on the device, in one sentence; None if they can.

    '' on a processor and on other backends, where nobody would expect it: batches are read from
    disk.
    """
    if keras.config.backend() != "jax" or runtime.running_on_cpu():
        return ""
    if "flow" in train_batches.streams and parameters.flow_representation == "hsv":
        return "flow_representation 'hsv' is computed on the processor: clips are read from disk."
    import jax

    memory = jax.devices()[0].memory_stats() or {}
    free = memory.get("bytes_limit", 0) - memory.get("bytes_in_use", 0) - SPARE
    needed = 2 * sum(one.nbytes for held in stored_arrays(train_batches).values() for one in held)
    if needed > free:
        return (
            f"The frames need {needed / 2**30:.1f} GiB of the device's memory, which has "
            f"{max(free, 0) / 2**30:.1f} GiB to spare: clips are read from disk."
        )
    return None


def stored_arrays(batches: ClipBatches) -> dict[str, list[np.ndarray]]:
    """Stream -> the stored frames that it is made of, on disk, one array a recording in order."""
    names = {"image": "gray", "flow": "flow"}
    return {
        stream: [getattr(store, names[stream]) for store in batches.stores]
        for stream in batches.streams
    }


class ResidentTraining:
    """Epochs of one model on frames that lie on the device.

    Parameters
    ----------
    model : compiled, its optimiser built; trained in place.
    train_batches, validation_batches : clips of the same stores, or none to validate on.
    class_weights : (n_classes,) float32, or None.
    """

    def __init__(
        self,
        model: keras.Model,
        parameters: Parameters,
        train_batches: ClipBatches,
        validation_batches: ClipBatches,
        class_weights: np.ndarray | None = None,
    ) -> None:
        import jax

        self.model = model
        self.class_weights = class_weights
        self.batches = train_batches, validation_batches
        self.scale = np.float32(train_batches.flow_scale)
        self.frames = {
            stream: jax.numpy.concatenate([jax.device_put(np.asarray(one)) for one in held])
            for stream, held in stored_arrays(train_batches).items()
        }
        train, evaluate = launches(model, parameters)
        state = self._state()
        self.sums = {name: np.float32(0) for name in ("loss", *model.output)}
        plan, count = next(plan_launches(train_batches, class_weights))
        shapes = [
            jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), x.dtype), argument)
            for argument in (state, self.sums, self.frames, self.scale, plan, count)
        ]
        with ThreadPoolExecutor() as pool:  # the compiler lets go of the interpreter
            lowered = [jax.jit(work).lower(*shapes) for work in (train, evaluate)]
            self.train, self.evaluate = pool.map(lambda work: work.compile(), lowered)

    def run_epoch(self) -> dict[str, float]:
        """Train for the epoch that ``set_epoch`` chose and validate: the mean losses by name."""
        train_batches, validation_batches = self.batches
        state, sums = self._state(), self.sums
        for plan, count in plan_launches(train_batches, self.class_weights):
            state, sums = self.train(state, sums, self.frames, self.scale, plan, count)
        held_out = self.sums
        for plan, count in plan_launches(validation_batches, self.class_weights):
            held_out = self.evaluate(state, held_out, self.frames, self.scale, plan, count)
        for variables, values in zip(self._variables(), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        several = len(self.model.output) > 1
        logs = {"val_loss": math.nan}
        for prefix, found, given in (
            ("", sums, train_batches),
            ("val_", held_out, validation_batches),
        ):
            for name, value in found.items():
                if len(given) and (several or name == "loss"):
                    key = name if name == "loss" else f"{name}_loss"
                    logs[prefix + key] = float(value) / len(given.index)
        return logs

    def _variables(self) -> tuple[list[keras.Variable], ...]:
        model = self.model
        trained, kept = model.trainable_variables, model.non_trainable_variables
        return trained, kept, model.optimizer.variables

    def _state(self) -> tuple[list[jax.Array], ...]:
        return tuple([v.value for v in variables] for variables in self._variables())


def plan_launches(
    batches: ClipBatches, class_weights: np.ndarray | None
) -> Iterator[tuple[Arrays, np.int32]]:
    """What the launches of an epoch work on, in the order that ``set_epoch`` drew, and their steps.

    A plan holds 'frames' (STEPS, batch, clip_length) int32, rows of the joined stores; 'flipped'
    bool, 'present' and 'weight' float32, each (STEPS, batch): whether the place holds a clip, and
    its class's weight; 'target' for a classifier.
    """
    index, size = batches.index, batches.batch_size
    lengths = [len(store.gray) for store in batches.stores]
    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    for begin in range(0, len(index), STEPS * size):
        chosen = batches.order[begin : begin + STEPS * size]
        facts = {
            "frames": index.frames[chosen] + first[index.recording[chosen], None],
            "flipped": batches.flipped[chosen],
            "present": np.ones(len(chosen), np.float32),
            "weight": np.ones(len(chosen), np.float32),
        }
        if batches.supervised:
            facts["target"] = batches.targets(chosen)
        if class_weights is not None:
            facts["weight"] = class_weights[facts["target"].astype(int).ravel()]
        plan = {}
        for name, values in facts.items():
            filled = np.zeros((STEPS * size, *values.shape[1:]), values.dtype)
            filled[: len(chosen)] = values
            plan[name] = filled.reshape(STEPS, size, *values.shape[1:])
        yield plan, np.int32(-(-len(chosen) // size))


def launches(
    model: keras.Model, parameters: Parameters
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The functions to compile: several training steps, and several batches of validation.

    Both take (state, sums, frames, flow scale, plan, count). `state` is the trained, the other and
    the optimiser's variables; `sums` the sum over clips of every loss. The first gives (state,
    sums), the second sums.
    """
    import jax

    losses = losses_of(model, parameters)

    def compute_losses(trained, kept, inputs, batch, training):
        # What batch normalisation and other means over clips count: only places that hold a clip.
        with weigh_clips(batch["present"] / batch["present"].sum()):
            outputs, kept, further = model.stateless_call(
                trained, kept, inputs, training=training, return_losses=True
            )
        sums, total = {}, sum(further, start=0.0) * batch["present"].sum()
        for name, (function, share) in losses.items():
            target = batch["target"] if name == "target" else inputs[name]
            values = function(target, outputs[name])
            values = values.reshape(len(values), -1).mean(axis=1)
            sums[name] = (values * batch["weight"] * batch["present"]).sum()
            total = total + share * sums[name]
        return total / batch["present"].sum(), (kept, {"loss": total, **sums})

    def prepare(frames, scale, plan, number):
        batch = jax.tree.map(lambda values: values[number], plan)
        return batch, read_clips(frames, batch, scale, parameters)

    def train(state, sums, frames, scale, plan, count):
        def step(number, carry):
            (trained, kept, optimiser), sums = carry
            batch, inputs = prepare(frames, scale, plan, number)
            slope = jax.grad(compute_losses, has_aux=True)
            gradients, (kept, found) = slope(trained, kept, inputs, batch, True)
            trained, optimiser = model.optimizer.stateless_apply(optimiser, gradients, trained)
            return (trained, kept, optimiser), jax.tree.map(jax.numpy.add, sums, found)

        return jax.lax.fori_loop(0, count, step, (state, sums))

    def evaluate(state, sums, frames, scale, plan, count):
        def step(number, sums):
            batch, inputs = prepare(frames, scale, plan, number)
            _, (_, found) = compute_losses(state[0], state[1], inputs, batch, False)
            return jax.tree.map(jax.numpy.add, sums, found)

        return jax.lax.fori_loop(0, count, step, sums)

    return train, evaluate


def read_clips(frames: Arrays, batch: Arrays, scale: Any, parameters: Parameters) -> Arrays:
    """What `ClipBatches.read` gives, in [0, 1] by stream, from frames that lie on the device."""
    from jax import numpy as jnp

    flipped = batch["flipped"][:, None, None, None]
    inputs = {}
    if "image" in frames:
        gray = frames["image"][batch["frames"]]
        gray = jnp.where(flipped, gray[..., ::-1], gray)
        inputs["image"] = gray[..., None].astype(jnp.float32) / 255
    if "flow" in frames:
        flow = frames["flow"][batch["frames"]].astype(jnp.float32)
        mirrored = flow[..., ::-1, :] * jnp.array([-1, 1], jnp.float32)
        flow = jnp.where(flipped[..., None], mirrored, flow)
        speed = jnp.sqrt((flow * flow).sum(axis=-1))
        if parameters.flow_scaling == "per_frame":
            scale = jnp.maximum(speed.max(axis=(-2, -1), keepdims=True), 1e-6)
        if parameters.flow_representation == "magnitude":
            inputs["flow"] = jnp.minimum(speed / scale, 1)[..., None]
        else:
            inputs["flow"] = jnp.clip(0.5 + flow / (2 * jnp.expand_dims(scale, -1)), 0, 1)
    return inputs
