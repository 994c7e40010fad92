r"""k: dot-product kernels on the sphere, K(x, y) = norm(x) norm(y) kappa(<x, y> / (norm(x) norm(y))).

Every kappa has nonnegative Taylor coefficients, so that K is positive definite, and kappa(1) = 1, so that the norm of a
patch is kept. ``slope`` is kappa'(1): the kernel mapping is Lipschitz with constant max(1, sqrt(slope)).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import as_float, check_finite
from kernelconv._scales import row_norms
from kernelconv._types.arrays import Array
from kernelconv.operators.unwritten import unwritten


class DotProductKernel:
    """Base of the dot-product kernels, given by a function kappa on [-1, 1] with kappa(1) = 1.

    Subclasses implement ``__call__``, ``derivative``, ``slope`` and ``taylor``.
    """

    @property
    def slope(self) -> float:
        """kappa'(1); infinite where kappa has no derivative there."""
        raise unwritten(self, "DotProductKernel", "slope", "kappa'(1), inf where there is none")

    def __call__(self, u: Array | float) -> Any:
        """Return kappa(u), entrywise, for an array of any library or a number; ints become float32."""
        raise unwritten(self, "DotProductKernel", "__call__(self, u)", "kappa(u), entrywise")

    def derivative(self, u: Array | float) -> Any:
        """Return kappa'(u), entrywise."""
        raise unwritten(self, "DotProductKernel", "derivative(self, u)", "kappa'(u), entrywise")

    def taylor(self, n: int) -> NDArray:
        """Return the first `n` coefficients b_i of kappa(u) = sum b_i u^i, all nonnegative, in float64."""
        raise unwritten(self, "DotProductKernel", "taylor(self, n)", "the first n b_i of kappa(u) = sum b_i u^i")

    @property
    def differentiable(self) -> bool:
        """True if kappa' is bounded on [-1, 1]."""
        return bool(np.isfinite(self.slope))

    def lipschitz(self) -> float | None:
        """Return max(1, sqrt(kappa'(1))), or None where the slope is infinite (Bietti & Mairal 2019, Lemma 1)."""
        return max(1.0, float(np.sqrt(self.slope))) if self.differentiable else None

    def gram(self, x: NDArray, y: NDArray | None = None) -> NDArray:
        """Return the homogeneous kernel K(x_i, y_j) of rows `x` (n, d) and `y` (m, d) as (n, m).

        Raises
        ------
        ValueError, TypeError
            If `x` and `y` are not finite real numbers, in rows of one length.
        """
        x = check_finite(as_float(x))
        y = x if y is None else check_finite(as_float(y, "y"), "y")
        if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
            raise ValueError(
                f"x and y must be rows (n, d) and (m, d) of one length, got shapes {x.shape} and {y.shape}."
            )
        nx, ny = row_norms(x), row_norms(y)
        cos = np.clip((x / safe(nx)[:, None]) @ (y / safe(ny)[:, None]).T, -1, 1)
        return nx[:, None] * self(cos) * ny


def safe(norms: Any) -> Any:
    """Return `norms` with zeros replaced by one, to divide by."""
    xp = namespace(norms)
    return xp.where(norms > 0, norms, xp.ones_like(norms))
