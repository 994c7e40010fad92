"""Linear parts as scipy operators on raveled maps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator


def linear_operator(part: Any, dtype: np.dtype[Any]) -> LinearOperator:
    """Return a built linear part as a LinearOperator, maps raveled in row-major order.

    It is of `dtype`, or complex of that precision if the part makes complex maps.
    """
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
