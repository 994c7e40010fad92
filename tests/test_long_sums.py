"""Means and sums of many float32 values are those of double precision, to the last digits."""

import numpy as np
import pytest

from kernelconv.deformations import corrupt
from kernelconv.operators import AveragePooling, BatchNorm, GlobalPooling

SIDE = 400


@pytest.mark.parametrize("part", [GlobalPooling(), AveragePooling(SIDE), AveragePooling(100, 50)], ids=repr)
def test_means_of_many_pixels(part):
    x = np.full((1, SIDE, SIDE, 3), 0.1, np.float32)
    y = part.build(x.shape[1:]).forward(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, x[:, : y.shape[1], : y.shape[2]], rtol=3e-7)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 2, 0, 3), (1, 0, 2, 3)], ids=["images", "lines", "rows"])
def test_moments_of_many_positions(order):
    """A mean that is large beside the deviation: what it misses is seen."""
    rng = np.random.default_rng(0)
    x = (0.1 + 1e-3 * rng.standard_normal((2, 401, 400, 2))).astype(np.float32)
    lying = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    part = BatchNorm().build(x.shape[1:])
    y, *_ = part.pullback(lying, train=True)
    wide = x.astype(np.float64)
    expected = (wide - wide.mean((0, 1, 2))) / np.sqrt(wide.var((0, 1, 2)) + part.epsilon)
    np.testing.assert_allclose(y, expected, atol=5e-5 * np.abs(expected).max())


def test_contrast_of_large_images():
    x = 0.5 + 0.1 * np.random.default_rng(0).random((1, 512, 512, 3))
    single, double = (corrupt(x.astype(t), "contrast", 3) for t in (np.float32, np.float64))
    np.testing.assert_allclose(single, double, atol=1e-6)
