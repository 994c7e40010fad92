"""Normalisation of maps: standardisation by the training set's statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.base import Part, Pullback, Shape3, State


@dataclass(frozen=True, repr=False)
class Standardization(Part):
    r"""Per channel (x - mean) / deviation, both taken over all training pixels when built.

    .. math:: y[i, j, c] = (x[i, j, c] - \mu_c) / \sigma_c

    A constant channel is centred and not scaled. Without `data` the part is the identity.

    Notes
    -----
    ``state``: "mean" and "deviation", (c,), which training does not change. Lipschitz constant: 1 / min sigma_c.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(2, 2, 2, 1)
    >>> y = Standardization().build((2, 2, 1), data=x).forward(x)
    >>> float(y.mean()), float(y.std().round(12))
    (0.0, 1.0)
    """

    equivariant = True

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return `in_shape`."""
        return in_shape

    def lipschitz(self, in_shape: Shape3) -> float | None:
        """Return 1 / min sigma_c of a built part, else None."""
        return None if self.in_shape is None else float(1 / self.state["deviation"].min())

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Any = None) -> Standardization:
        """Return a copy that holds `data`'s mean and deviation, gathered in blocks."""
        mean, square, count = np.zeros(in_shape[2]), np.zeros(in_shape[2]), 0
        shift = np.zeros(in_shape[2])
        for lo in range(0, 0 if data is None else len(data), 256):
            x = np.asarray(data[np.arange(lo, min(lo + 256, len(data)))], np.float64)
            if lo == 0:  # sums of squares about a typical value do not cancel
                shift = x.mean(axis=(0, 1, 2))
            mean += (x - shift).sum(axis=(0, 1, 2))
            square += ((x - shift) ** 2).sum(axis=(0, 1, 2))
            count += x.size // in_shape[2]
        if count:
            mean, square = mean / count, square / count
        variance = square - mean**2
        flat = variance <= 1e-12 * np.maximum(square + shift**2, 1e-300)
        deviation = np.sqrt(np.where(flat, 1, variance))
        return self._built(in_shape, {}, {"mean": mean + shift, "deviation": deviation})

    def forward(self, x: NDArray) -> NDArray:
        """Return (x - mean) / deviation."""
        self._check_built()
        mean, deviation = (self.state[k].astype(x.dtype, copy=False) for k in ("mean", "deviation"))
        return (x - mean) / deviation

    def linearize(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, g -> g / deviation, state)."""
        deviation = self.state["deviation"].astype(x.dtype, copy=False)
        return self.forward(x), lambda g: (g / deviation, {}), self.state
