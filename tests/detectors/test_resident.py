"""Training on frames that lie on the device is training on batches from disk, to rounding."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cagewatch import runtime

runtime.configure("tensorflow", 1)
runtime.load_backend()

from cagewatch.detectors.networks import convolutions  # noqa: E402

SCRIPT = Path(__file__).with_name("resident_run.py")


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_resident_training_agrees_with_streaming():
    """Flips, order, a smaller last batch, dropout, class weights, two streams, validation."""
    tolerances = {"supervised": 1e-5, "two": 1e-5}
    command = [sys.executable, str(SCRIPT), *tolerances]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name, tolerance in tolerances.items():
        facts = found[name]
        from_disk, on_device = facts["columns"]
        assert from_disk == on_device
        np.testing.assert_allclose(*facts["losses"], rtol=1e-4)
        assert facts["weights"] < tolerance, name
        # Training and validation, whatever the number of clips: nothing is compiled for it.
        assert (facts["programs"], facts["compilations"]) == (2, 4)


RANDOM = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    """Normal random numbers, float32."""
    return RANDOM.normal(size=shape).astype(np.float32)


LAYERS = {
    "strided": (convolutions.FastConv2D, (6, 5), {"strides": 2}, (2, 12, 16, 8)),
    "first": (convolutions.FastConv2D, (6, 5), {"strides": 2}, (2, 12, 16, 1)),
    "dilated": (convolutions.FastConv2D, (6, 3), {"dilation_rate": 2}, (2, 6, 8, 8)),
    "doubled": (convolutions.FastConv2DTranspose, (6, 5), {"strides": 2}, (2, 5, 7, 8)),
    "transposed": (convolutions.FastConv2DTranspose, (6, 3), {}, (2, 5, 7, 8)),
    "volume": (convolutions.FastConv3D, (6, 3), {}, (2, 4, 5, 7, 8)),
    "thin volume": (convolutions.FastConv3D, (1, 3), {}, (2, 4, 5, 7, 8)),
    "strided volume": (convolutions.FastConv3D, (6, 3), {"strides": 2}, (2, 4, 6, 8, 8)),
    "shortcut": (convolutions.FastConv3D, (6, 1), {"strides": (1, 2, 2)}, (2, 4, 6, 8, 8)),
    "enlarged": (convolutions.FastConv3D, (6, 3), {"enlarge": (2, 2, 2)}, (2, 2, 3, 5, 8)),
    "enlarged in space": (convolutions.FastConv3D, (6, 3), {"enlarge": (1, 2, 2)}, (2, 2, 3, 5, 8)),
    "enlarged shortcut": (convolutions.FastConv3D, (6, 1), {"enlarge": (2, 2, 2)}, (2, 2, 3, 5, 8)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_rearranged_convolutions_give_the_same_sums(monkeypatch, kind):
    layer_class, given, options, shape = LAYERS[kind]
    layer = layer_class(*given, padding="same", data_format="channels_last", **options)
    x = values(*shape)
    layer.build(shape)
    layer.bias.assign(values(*layer.bias.shape))
    found = {}
    for form in ("plain", "rearranged"):
        monkeypatch.setitem(convolutions.FORM, "form", form)
        found[form] = np.asarray(layer(x))
    assert found["plain"].shape == tuple(layer.compute_output_shape(shape))
    np.testing.assert_allclose(found["rearranged"], found["plain"], atol=2e-5)
