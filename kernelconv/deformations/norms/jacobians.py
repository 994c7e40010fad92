"""Jacobians D tau of displacement fields, 2 x 2 matrices, in closed form: norms, slopes, determinants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spectral_norm(matrix: NDArray) -> NDArray:
    r"""Return the largest singular value of 2 x 2 matrices (..., 2, 2), in closed form.

    With [[a, b], [c, d]]: (sqrt((a + d)^2 + (b - c)^2) + sqrt((a - d)^2 + (b + c)^2)) / 2.

    Examples
    --------
    >>> import numpy as np
    >>> float(spectral_norm(np.array([[3.0, 0.0], [0.0, -4.0]])))
    4.0
    """
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    return (np.hypot(a + d, b - c) + np.hypot(a - d, b + c)) / 2


def spectral_norm_gradient(matrix: NDArray) -> NDArray:
    """Return the derivatives (..., 2, 2) of `spectral_norm` in the entries: u v' of its singular vectors.

    Where both singular values are the same there is no derivative; one from the side is returned.

    Examples
    --------
    >>> import numpy as np
    >>> spectral_norm_gradient(np.array([[3.0, 0.0], [0.0, -4.0]]))
    array([[ 0.,  0.],
           [ 0., -1.]])
    """
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    turned, mirrored = np.hypot(a + d, b - c), np.hypot(a - d, b + c)
    safe = [np.where(r > 0, r, 1) for r in (turned, mirrored)]
    (along, across), (stretch, shear) = ((a + d) / safe[0], (b - c) / safe[0]), ((a - d) / safe[1], (b + c) / safe[1])
    entries = np.stack([along + stretch, shear + across, shear - across, along - stretch], -1) / 2
    return entries.reshape(matrix.shape)


def det_one_minus(matrix: NDArray) -> NDArray:
    """Return det(I - A) of 2 x 2 matrices (..., 2, 2)."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    return (1 - a) * (1 - d) - b * c


def length(tau: NDArray) -> NDArray:
    """Return |tau| of displacements (..., 2)."""
    return np.hypot(tau[..., 0], tau[..., 1])
