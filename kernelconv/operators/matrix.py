"""Linear parts as scipy operators on raveled maps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator


def linear_operator(part: Any, dtype: np.dtype[Any]) -> LinearOperator:
    """Return a built linear part as a LinearOperator of `dtype`, maps raveled in row-major order."""
    before, after = part._shapes[0], part._shapes[-1]
    return LinearOperator(
        (math.prod(after), math.prod(before)),
        matvec=lambda v: part.forward(np.asarray(v, dtype).reshape(1, *before)).ravel(),
        rmatvec=lambda v: part.adjoint(np.asarray(v, dtype).reshape(1, *after)).ravel(),
        matmat=lambda m: part.forward(np.asarray(m.T, dtype).reshape(-1, *before)).reshape(m.shape[1], -1).T,
        dtype=dtype,
    )
