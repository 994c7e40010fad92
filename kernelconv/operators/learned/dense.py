"""Fully connected maps: Dense, and Flatten before it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import Pair, check_choice, check_count, check_shape
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.base import Part, Shape3
from kernelconv.operators.learned.affine import Affine
from kernelconv.operators.learned.initialization import INITIALIZATIONS, Initialization


@dataclass(frozen=True, repr=False)
class Dense(Affine):
    """A fully connected map of the whole image, y = W' vec(x) + b: (n, h, w, c) -> (n, 1, 1, n_units).

    Parameters
    ----------
    n_units : int
        Outputs.
    bias : bool
        Add b; without it the part is linear.
    initialization : str
        Initial weights: "torch_default", U(-1, 1) / sqrt(fan_in), or "he_normal", "he_uniform", "glorot_normal",
        "glorot_uniform", "lecun_normal", "lecun_uniform": of variance 2 / fan_in (He et al. 2015, eq. 10),
        2 / (fan_in + fan_out) (Glorot & Bengio 2010, eq. 12) or 1 / fan_in (LeCun et al. 1998, eq. 16).

    Raises
    ------
    ValueError
        From the constructor if `n_units` is not a positive int, or for another initialization; from ``build`` without
        `rng`.

    Notes
    -----
    ``params``: "weight" (h w c, n_units), drawn with fan_in = h w c and fan_out = n_units, and "bias", zeros. Cost: h
    w c n_units multiply-adds.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Dense
    >>> Dense(100).build((28, 28, 1), np.random.default_rng(0)).n_params()
    78500
    """

    n_units: int
    bias: bool = True
    initialization: Initialization = field(default="torch_default", kw_only=True)

    def __post_init__(self) -> None:
        """Check the number of units and the initialization."""
        object.__setattr__(self, "n_units", check_count(self.n_units, "n_units"))
        check_choice(self.initialization, "initialization", INITIALIZATIONS)

    @property
    def _fan_out(self) -> int:
        return self.n_units

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return 1, 1, self.n_units

    def _param_shapes(self, in_shape: Shape3, fan_in: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (fan_in, self.n_units), "bias": (self.n_units,)}

    def _prepare(self) -> None:
        """Refuse maps of another size."""
        if (n := self.params["weight"].shape[0]) != math.prod(self._in_shape):
            raise ValueError(
                f"Dense has weights for {n} values, maps of shape {self._in_shape} have {math.prod(self._in_shape)}: "
                "it takes maps of one size, build it for these."
            )

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the whole map."""
        return in_shape[:2], in_shape[:2]

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h w c n_units."""
        return int(np.prod(in_shape)) * self.n_units

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return norm(W) of a built part, else None."""
        return None if self.in_shape is None else float(np.linalg.norm(self.params["weight"], 2))

    def _rows(self, x: Any) -> Any:
        return namespace(x).reshape(x, (x.shape[0], 1, 1, math.prod(x.shape[1:])))

    def _rows_adjoint(self, p: NDArray, shape: tuple[int, ...]) -> NDArray:
        return p.reshape(shape)

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> Dense:
        """Return a copy with weights drawn from `rng`; `data` is not needed."""
        h, w, c = check_shape(in_shape)
        return self._draw(in_shape, h * w * c, rng)


@dataclass(frozen=True, repr=False)
class Flatten(Part):
    """All values of a map as the channels of one position: (n, h, w, c) -> (n, 1, 1, h w c).

    Examples
    --------
    >>> from kernelconv.operators import Flatten
    >>> Flatten().out_shape((2, 3, 4))
    (1, 1, 24)
    """

    linear = True
    homogeneous = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return 1, 1, int(np.prod(in_shape))

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the whole map."""
        return in_shape[:2], in_shape[:2]

    def definition(self, x: Array) -> Any:
        """Return the values of each map as channels: (n, h, w, c) -> (n, 1, 1, h w c)."""
        return namespace(x).reshape(x, (x.shape[0], 1, 1, math.prod(x.shape[1:])))

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return y.reshape(shape)
