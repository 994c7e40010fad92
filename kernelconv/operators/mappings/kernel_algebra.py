"""Convex sums and products of dot-product kernels: again dot-product kernels with kappa(1) = 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import as_floating
from kernelconv._check import check_count, check_positive, check_sequence
from kernelconv._types.arrays import Array
from kernelconv.operators.mappings.dot_product import DotProductKernel
from kernelconv.operators.mappings.kernels import KernelName, as_kernel


def _as_kernels(kernels: tuple[DotProductKernel | KernelName, ...]) -> tuple[DotProductKernel, ...]:
    if not isinstance(kernels, tuple | list) or not kernels:
        raise ValueError(f"kernels must be a tuple of at least one kernel, got {kernels!r}.")
    return tuple(as_kernel(k) for k in kernels)


@dataclass(frozen=True)
class ConvexSum(DotProductKernel):
    """The convex sum kappa = sum_j w_j kappa_j, whose slope is the same sum of the kernels' slopes.

    Parameters
    ----------
    kernels : tuple of DotProductKernel or str
        The terms.
    weights : tuple of float, optional
        One per term, nonnegative, of sum one, so that kappa(1) = 1; equal by default.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import ConvexSum, Polynomial
    >>> ConvexSum((Polynomial(1), Polynomial(2)), (0.25, 0.75))(np.array([1.0, 0.0]))
    array([1.    , 0.1875])
    """

    kernels: tuple
    weights: tuple | None = None

    def __post_init__(self) -> None:
        """Read the kernels and check the weights."""
        kernels = _as_kernels(self.kernels)
        given = (1 / len(kernels),) * len(kernels) if self.weights is None else self.weights
        try:
            weights = tuple(check_positive(w, "weights", zero=True) for w in check_sequence(given, "weights"))
        except ValueError:
            weights = ()
        if len(weights) != len(kernels) or abs(sum(weights) - 1) >= 1e-9:
            raise ValueError(f"weights must be {len(kernels)} numbers >= 0 of sum 1, got {self.weights!r}.")
        object.__setattr__(self, "kernels", kernels)
        object.__setattr__(self, "weights", weights)

    def _terms(self) -> list[tuple[float, DotProductKernel]]:
        return list(zip(self.weights or (), self.kernels, strict=True))

    @property
    def slope(self) -> float:
        """Return the weighted sum of the slopes."""
        return float(sum(w * k.slope for w, k in self._terms() if w > 0))

    def __call__(self, u: Array | float) -> Any:
        """Return the weighted sum of the values."""
        u = as_floating(u, "u")
        return sum((w * k(u) for w, k in self._terms()), start=0 * u)

    def derivative(self, u: Array | float) -> Any:
        """Return the weighted sum of the derivatives."""
        u = as_floating(u, "u")
        return sum((w * k.derivative(u) for w, k in self._terms() if w > 0), start=0 * u)

    def taylor(self, n: int) -> NDArray:
        """Return the weighted sum of the coefficients."""
        return sum((w * k.taylor(n) for w, k in self._terms()), start=np.zeros(check_count(n, "n", 0)))


@dataclass(frozen=True)
class KernelProduct(DotProductKernel):
    """The product kappa = prod_j kappa_j, which keeps kappa(1) = 1; its slope is the sum of the kernels' slopes.

    Parameters
    ----------
    kernels : tuple of DotProductKernel or str
        The factors.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import InversePolynomial, KernelProduct, Polynomial
    >>> KernelProduct((InversePolynomial(), Polynomial(1)))(np.array([1.0, 0.5])).round(4)
    array([1.    , 0.3333])
    """

    kernels: tuple

    def __post_init__(self) -> None:
        """Read the kernels."""
        object.__setattr__(self, "kernels", _as_kernels(self.kernels))

    @property
    def slope(self) -> float:
        """Return the sum of the slopes."""
        return float(sum(k.slope for k in self.kernels))

    def __call__(self, u: Array | float) -> Any:
        """Return the product of the values."""
        first, *rest = self.kernels
        u = as_floating(u, "u")
        out = first(u)
        for k in rest:
            out = out * k(u)
        return out

    def derivative(self, u: Array | float) -> Any:
        """Return the sum over the factors of each one's derivative times the values of the others."""
        u = as_floating(u, "u")
        total = 0 * u
        for i, k in enumerate(self.kernels):
            term = k.derivative(u)
            for other in self.kernels[:i] + self.kernels[i + 1 :]:
                term = term * other(u)
            total = total + term
        return total

    def taylor(self, n: int) -> NDArray:
        """Return the convolution of the coefficients."""
        out = np.eye(1, check_count(n, "n", 0))[0]
        for k in self.kernels if n else ():
            out = np.convolve(out, k.taylor(n))[:n]
        return out
