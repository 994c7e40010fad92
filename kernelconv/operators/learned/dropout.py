"""Regularisation: Dropout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import check_generator, check_positive
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Pullback, Shape3, State


@dataclass(frozen=True, repr=False)
class Dropout(Part):
    """Dropout: in training a value is 0 with probability `rate`, else divided by 1 - rate; in evaluation the identity.

    Parameters
    ----------
    rate : float
        Share of the values dropped, in [0, 1).

    Raises
    ------
    ValueError
        From the constructor if `rate` is not in [0, 1); from ``pullback`` in training without `rng`.

    References
    ----------
    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting ("inverted" here, so
    that evaluation needs no scaling).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Dropout
    >>> part = Dropout(0.5).build((1, 1, 6))
    >>> part.pullback(np.ones((1, 1, 1, 6)), train=True, rng=np.random.default_rng(0))[0].ravel()
    array([2., 0., 0., 0., 2., 2.])
    """

    rate: float = 0.5

    linear = True
    channelwise = True
    homogeneous = True
    equivariant = True

    def __post_init__(self) -> None:
        """Check the rate."""
        if not check_positive(self.rate, "rate", zero=True) < 1:
            raise ValueError(f"rate must be in [0, 1), got {self.rate!r}.")

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return in_shape

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def definition(self, x: Array) -> Any:
        """Return `x`: evaluation drops nothing."""
        return x

    def training_definition(self, x: Array, uniform: Callable[[tuple[int, ...]], Any]) -> tuple[Any, Mapping[str, Any]]:
        """Return `x` times a mask, which is 0 or 1 / (1 - rate)."""
        kept = uniform(x.shape) >= self.rate
        return namespace(x).where(kept, x / (1 - self.rate), namespace(x).zeros_like(x)), self.state

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return y

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state); with `train` through a mask drawn from `rng`."""
        if not train:
            return super()._pullback(x)
        if rng is None:
            raise ValueError("Dropout draws its masks in training: pass rng, a numpy Generator.")
        rng = check_generator(rng, "Dropout")
        mask = (rng.random(x.shape, dtype=x.dtype) >= self.rate) * x.dtype.type(1 / (1 - self.rate))
        return x * mask, lambda g: (g * mask, {}), self.state
