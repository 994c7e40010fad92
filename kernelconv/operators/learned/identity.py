"""Identity: the input, unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Shape3


@dataclass(frozen=True, repr=False)
class Identity(Part):
    """The identity x -> x, for a branch of `Concat` that passes its input on, as in densely connected networks.

    Notes
    -----
    Adjoint: itself. Lipschitz constant 1. Cost: nothing, no copy is made.

    References
    ----------
    Huang, Liu, van der Maaten & Weinberger (2017), Densely connected convolutional networks, CVPR, eq. (2).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Concat, Identity, Square
    >>> Concat(Identity(), Square()).forward(np.array([2.0, 3.0]).reshape(1, 1, 1, 2)).ravel()
    array([2., 3., 4., 9.])
    """

    linear = True
    homogeneous = True
    equivariant = True
    channelwise = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return in_shape

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def definition(self, x: Array) -> Any:
        """Return `x`."""
        return x

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return y
