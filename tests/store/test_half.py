"""Half precision through OpenCV is NumPy's to the last bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis.extra import numpy as npst

from cagewatch.store.preprocess import to_half


@given(npst.arrays(np.float32, npst.array_shapes(min_dims=1, max_dims=4, min_side=0)))
def test_any_number_is_rounded_as_numpy_does(values):
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16)
    halves = to_half(values)
    assert halves.dtype == np.float16 and halves.shape == values.shape
    np.testing.assert_array_equal(halves, expected)
    finite = np.isfinite(values)  # a NaN's spare bits are nobody's
    np.testing.assert_array_equal(halves.view("u2")[finite], expected.view("u2")[finite])


def test_halfway_numbers_go_to_the_even_one():
    values = np.array([2049, 2051, 65519.99, 65520, 2.0**-25, 2.0**-24 * 1.5], np.float32)
    assert to_half(values).tolist() == [2048, 2052, 65504, np.inf, 0, 2.0**-23]
