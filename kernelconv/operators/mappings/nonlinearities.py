"""M: pointwise nonlinearities, forward and gradient side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv.operators.base import Part, Pullback, Shape3, State


@dataclass(frozen=True, repr=False)
class Modulus(Part):
    """M: the modulus abs(x), entrywise; its derivative at 0 is taken as 0.

    Examples
    --------
    >>> import numpy as np
    >>> Modulus().forward(np.array([-2.0, 3.0]).reshape(1, 1, 1, 2)).ravel()
    array([2., 3.])
    """

    homogeneous = True
    equivariant = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return in_shape

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def definition(self, x: Any) -> Any:
        """Return abs(x); a complex map becomes a real one."""
        return namespace(x).abs(x)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (abs(x), g -> g x / abs(x), state)."""
        return np.abs(x), lambda g: (g * np.sign(x), {}), self.state


@dataclass(frozen=True, repr=False)
class ReLU(Part):
    """M: max(x, 0), entrywise; its derivative at 0 is taken as 0.

    Examples
    --------
    >>> import numpy as np
    >>> ReLU().forward(np.array([-2.0, 3.0]).reshape(1, 1, 1, 2)).ravel()
    array([0., 3.])
    """

    homogeneous = True
    equivariant = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return in_shape

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def definition(self, x: Any) -> Any:
        """Return x where x > 0, else 0."""
        xp = namespace(x)
        return xp.where(x > 0, x, xp.zeros_like(x))

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (max(x, 0), g -> g where x > 0, state)."""
        y = np.maximum(x, 0)
        return y, lambda g: (g * (y > 0), {}), self.state
