"""A: one value per channel of a whole map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import Pair, check_choice
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Pullback, Shape3, State
from kernelconv.operators.pooling.pooling import MANY_POSITIONS

GlobalKind = Literal["average", "max"]


@dataclass(frozen=True, repr=False)
class GlobalPooling(Part):
    """A: one value per channel, the mean or the maximum over all positions.

    Parameters
    ----------
    kind : {"average", "max"}
        Which of the two.

    Notes
    -----
    Lipschitz constant: 1 / sqrt(h w) for the mean, 1 for the maximum.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import GlobalPooling
    >>> GlobalPooling().forward(np.arange(8.0).reshape(1, 2, 2, 2)).ravel()
    array([3., 4.])
    """

    kind: GlobalKind = "average"

    homogeneous = True
    channelwise = True

    def __post_init__(self) -> None:
        """Check the kind."""
        check_choice(self.kind, "kind", get_args(GlobalKind))

    @property
    def linear(self) -> bool:
        """True for the mean."""
        return self.kind == "average"

    @property
    def real_only(self) -> bool:
        """True for the maximum."""
        return self.kind == "max"

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return 1, 1, in_shape[2]

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return 1 / sqrt(h w), or 1."""
        return 1 / float(np.sqrt(in_shape[0] * in_shape[1])) if self.linear else 1.0

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the whole map."""
        return in_shape[:2], in_shape[:2]

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h w c."""
        return int(np.prod(in_shape))

    def definition(self, x: Array) -> Any:
        """Return the mean or the maximum: (n, h, w, c) -> (n, 1, 1, c)."""
        xp = namespace(x)
        if self.linear:
            return _mean(x)
        x = xp.reshape(x, (x.shape[0], x.shape[1] * x.shape[2], 1, x.shape[3]))
        return xp.take_along_axis(x, xp.argmax(x, axis=1, keepdims=True), axis=1)  # of equal values the first

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return np.broadcast_to(y / (shape[1] * shape[2]), shape).copy()

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (value, pullback, state); the maximum's gradient goes to the first one in row-major order."""
        if self.linear:
            return super()._pullback(x, train=train, rng=rng)
        n, _, _, c = x.shape
        first = x.reshape(n, -1, c).argmax(axis=1)[:, None]  # (n, 1, c)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            gx = np.zeros((n, x.shape[1] * x.shape[2], c), g.dtype)
            np.put_along_axis(gx, first, g.reshape(n, 1, c), axis=1)
            return gx.reshape(x.shape), {}

        return self.definition(x), pullback, self.state


def _mean(x: Array) -> Any:
    """Return the mean over all positions, (n, h, w, c) -> (n, 1, 1, c); NumPy sums many of them in double precision.

    NumPy adds float32 values along the axes before the last one by one: a million have lost a hundredth.
    """
    if isinstance(x, np.ndarray) and x.shape[1] * x.shape[2] > MANY_POSITIONS:
        return x.mean(axis=(1, 2), keepdims=True, dtype=np.result_type(x, np.float64)).astype(x.dtype)
    return namespace(x).mean(x, axis=(1, 2), keepdims=True)
