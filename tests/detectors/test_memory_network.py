"""The memory of normal bottlenecks: addressing by hand, and the network as any other."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cagewatch import runtime

runtime.configure(os.environ.get("KERAS_BACKEND", "tensorflow"), 1)
runtime.load_backend()

from detectors.test_models import COUNTS, noise, settings, train_step  # noqa: E402

from cagewatch.detectors.inference.engines import open_inference  # noqa: E402
from cagewatch.detectors.inference.errors import add_error_heads, is_per_frame  # noqa: E402
from cagewatch.detectors.networks import build_model, compile_model  # noqa: E402
from cagewatch.detectors.networks.memory import ITEMS, Memory  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.usefixtures("eagerly"),  # tracing takes longer than what is computed here
]


def memory_of(items: np.ndarray, entropy_weight: float = 0.0) -> Memory:
    memory = Memory(len(items), entropy_weight)
    memory.build((None, items.shape[1]))
    memory.memory.assign(items.astype(np.float32))
    return memory


def test_the_nearer_of_two_items_is_remembered():
    """Cosines 1 and 0 give all but exp(-40) of the weight to the first; 1/2 forgets the second."""
    memory = memory_of(np.array([[1.0, 0.0], [0.0, 2.0]]))
    found = memory(np.array([[3.0, 0.0], [0.0, 0.1]], np.float32))
    np.testing.assert_allclose(found, [[1.0, 0.0], [0.0, 2.0]], atol=1e-5)


def test_the_entropy_of_two_equal_weights_is_the_logarithm_of_two():
    memory = memory_of(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]), entropy_weight=10.0)
    memory(np.array([[1.0, 1.0]], np.float32))
    assert float(sum(memory.losses)) == pytest.approx(10 * math.log(2), rel=1e-4)


@given(st.integers(0, 10_000), st.integers(2, 30))
def test_weights_are_a_sparse_mean(seed, items):
    random = np.random.default_rng(seed)
    memory = memory_of(random.normal(size=(items, 4)))
    weights = np.asarray(memory.address(random.normal(size=(5, 4)).astype(np.float32)))
    assert weights.min() >= 0 and (weights == 0).any(axis=1).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)


def test_the_network_is_the_cae_and_its_items():
    network = build_model(settings("memory"), 1)
    assert network.count_params() == COUNTS["cae"] + ITEMS * 16 == 474_162
    assert is_per_frame(network)


def test_trains_and_runs_outside_keras():
    parameters = settings("memory", resize_height=16, resize_width=8)
    network = build_model(parameters, 1)
    compile_model(network, parameters)
    inputs = noise(network, clips=4)
    losses = [train_step(network, inputs) for _ in range(3)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    pytest.importorskip("openvino")
    heads = add_error_heads(network)
    outside = open_inference(heads, 4, "openvino", "float32", 1).run(inputs)
    for name, error in heads.predict_on_batch(inputs).items():
        np.testing.assert_allclose(outside[name], error, rtol=1e-4)
