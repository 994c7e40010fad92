"""Linear parts: the adjoint, and the part as a matrix or a scipy operator on raveled maps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse.linalg import LinearOperator

from kernelconv._arrays import as_cotangent, zeros_like_one
from kernelconv.operators.unwritten import unwritten


class Matrix:
    """What a part that is built and linear has: its adjoint, and itself as a matrix."""

    def adjoint(self, y: NDArray) -> NDArray:
        """Return A* y for a built linear part: (n, h', w', c') -> (n, h, w, c).

        Raises
        ------
        ValueError
            If the part is not linear, or not built, or `y` is not of the shape of its output.
        """
        part: Any = self
        part._check_linear()
        part._check_built()
        y = as_cotangent(y, part._shapes[-1], "y")
        if not len(y):
            return part.adjoint(zeros_like_one(y))[:0]
        return part._transposed(y, (len(y), *part._in_shape))

    def _transposed(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return A* y for inputs of `shape` (n, h, w, c), by the engine."""
        part: Any = self
        part = part if shape[1:] == part._in_shape else part._at(shape[1:])
        return part._engine.adjoint(y, shape)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return A* y for inputs of `shape` (n, h, w, c)."""
        raise unwritten(
            self, "Part with linear = True", "_adjoint(self, y, shape)", "A* y for inputs of shape (n, h, w, c)"
        )

    def _check_linear(self) -> None:
        if not getattr(self, "linear", False):
            raise ValueError(f"{self!r} is not linear, so it has no adjoint and no matrix.")

    def as_linear_operator(self, dtype: DTypeLike = np.float64) -> LinearOperator:
        """Return the part as a scipy LinearOperator on maps raveled in row-major order.

        It is of `dtype`, or complex of that precision if the part makes complex maps.

        Raises
        ------
        ValueError
            If the part is not linear, or not built.
        """
        part: Any = self
        part._check_linear()
        part._check_built()
        return _linear_operator(part, np.dtype(dtype))

    def as_matrix(self, dtype: DTypeLike = np.float64) -> NDArray:
        """Return the part as its matrix (h' w' c', h w c): block-Toeplitz for a convolution.

        Costs one forward pass of h w c images. Raises as ``as_linear_operator``.
        """
        operator = self.as_linear_operator(dtype)
        return operator.matmat(np.eye(operator.shape[1], dtype=dtype))


def _linear_operator(part: Any, dtype: np.dtype[Any]) -> LinearOperator:
    before, after = part._shapes[0], part._shapes[-1]
    dtype = part.forward(np.zeros((1, *before), dtype)).dtype

    def rmatvec(v: NDArray) -> NDArray:
        y = np.asarray(v, dtype).reshape(1, *after)
        x = part.adjoint(y)
        if np.iscomplexobj(y):  # `adjoint` is that for Re <., .>, which on real maps is the real part of A* y
            x = x + 1j * part.adjoint(-1j * y)
        return x.ravel()

    return LinearOperator(
        (math.prod(after), math.prod(before)),
        matvec=lambda v: part.forward(np.asarray(v, dtype).reshape(1, *before)).ravel(),
        rmatvec=rmatvec,
        matmat=lambda m: part.forward(np.asarray(m.T, dtype).reshape(-1, *before)).reshape(m.shape[1], -1).T,
        dtype=dtype,
    )
