"""kappa and kappa' of NumPy arrays in one array of their own: large ones cost as much to fetch as to compute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.mappings.dot_product import DotProductKernel
from kernelconv.operators.mappings.kernels import Exponential


def kappa(kernel: DotProductKernel, u: NDArray) -> NDArray:
    """Return kernel(u)."""
    if type(kernel) is not Exponential:
        return kernel(u)
    out = u - 1
    out *= kernel.slope
    return np.exp(out, out=out)


def kappa_derivative(kernel: DotProductKernel, u: NDArray) -> NDArray:
    """Return kernel.derivative(u)."""
    if type(kernel) is not Exponential:
        return kernel.derivative(u)
    out = kappa(kernel, u)
    out *= kernel.slope
    return out
