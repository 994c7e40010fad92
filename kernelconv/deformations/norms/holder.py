"""The Hölder norm of a field: its largest displacement, slope, and quotient of differences over a power of distance."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_positive
from kernelconv._numbers import shown
from kernelconv._parallel.blocks import block_length, map_blocks
from kernelconv.deformations.fields import DisplacementField
from kernelconv.deformations.norms.jacobians import length, spectral_norm

#: Grid cells per half wave of a field's shortest wave, and across the image at least.
_CELLS_PER_HALF_WAVE, _FEWEST_CELLS = 4, 16
#: Directions, in cells, in which pairs of points lie on the grid.
_DIRECTIONS = ((1, 0), (0, 1), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
#: Pairs refined per field, and steps of the refinement (the box shrinks by 0.6 at each).
_N_CANDIDATES, _N_ZOOMS = 6, 16
_STENCIL = np.array(list(product((-1, 0, 1), repeat=4)), np.float64).reshape(-1, 2, 2)


def holder_norm(field: DisplacementField, exponent: float) -> Any:
    r"""Return the C^a norm of a field, with lengths in image sides.

    For a < 1 it is |tau|_sup + sup over u, v of |tau(u) - tau(v)| / |u - v|^a; for a = 1 it is |tau|_sup + |D tau|_sup;
    for a > 1 it is |tau|_sup + |D tau|_sup + sup over u, v of |D tau(u) - D tau(v)| / |u - v|^(a - 1). Suprema run
    over the image; the norm of a Jacobian is the spectral norm.

    Parameters
    ----------
    field : DisplacementField
        tau, single or a batch.
    exponent : float
        a, the Hölder exponent, > 0 and < 2.

    Returns
    -------
    float, or ndarray (n,) for a batch
        The unit of length is the longer side of the image, from its first pixel to its last.

    Raises
    ------
    ValueError
        If the exponent is not > 0 and < 2.

    Notes
    -----
    The supremum over pairs is searched on a grid of 4 cells per half wave, in eight directions and at distances that
    grow by factors of 4/3 to 2; the six best pairs are then refined. Cost at c half waves: about 2,000 c^2 log2(4 c)
    multiply-adds per field.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import FourierField, holder_norm
    >>> wave = FourierField((1, 65), [[[0.0, 0.0, 0.0]], [[0.0, 0.0, 6.4]]], period=(1.0, 128.0))  # 0.1 sin(pi u)
    >>> [round(holder_norm(wave, a), 4) for a in (0.5, 1.0, 1.5)]
    [0.2509, 0.4142, 1.0845]
    """
    a, field = check_exponent(exponent), _as_field(field)
    side = max(*field.shape, 2) - 1
    norm = np.asarray(field.sup_norm) / side
    if a >= 1:
        norm = norm + field.jacobian_sup_norm
    if a < 1:
        norm = norm + _largest_quotient(field, a, of_jacobian=False) * side ** (a - 1)
    elif a > 1:
        norm = norm + _largest_quotient(field, a - 1, of_jacobian=True) * side ** (a - 1)
    return norm if field.batch_shape else float(norm)


def check_exponent(exponent: Any) -> float:
    """Return the Hölder exponent as a float; raise ValueError unless it is > 0 and < 2."""
    a = check_positive(exponent, "exponent")
    if a >= 2:
        raise ValueError(f"exponent must be below 2, got {shown(exponent)}: one derivative is looked at, not two.")
    return a


def _as_field(field: Any) -> DisplacementField:
    if not isinstance(field, DisplacementField):
        raise ValueError(f"field must be a DisplacementField, such as a family's sample, got {shown(field)}.")
    return field


def _largest_quotient(field: DisplacementField, a: float, *, of_jacobian: bool) -> NDArray:
    """Return the sup over pairs of points of |f(u) - f(v)| / |u - v|^a, in pixels, () or (n,); f is tau or D tau."""
    if not field.batch_shape:
        return _search(_Single(field), a, of_jacobian)[0]
    points = (_cells(field) + 1) ** sum(side > 1 for side in field.shape)
    parts = map_blocks(lambda s: _search(field[s], a, of_jacobian), len(field), block_length(128 * points))
    return np.concatenate(parts)


class _Single:
    """A single field, whose values have the leading axis of a batch of one."""

    def __init__(self, field: DisplacementField):
        self.shape, self.half_waves = field.shape, field.half_waves
        for name in ("at", "on_grid", "jacobian_at", "jacobian_on_grid"):
            setattr(self, name, self._of_one(getattr(field, name)))

    @staticmethod
    def _of_one(function: Callable[..., NDArray]) -> Callable[..., NDArray]:
        return lambda *where: function(*(p.reshape(p.shape[-2:]) if p.ndim == 3 else p for p in where))[None]


def _cells(field: Any) -> int:
    return max(_CELLS_PER_HALF_WAVE * field.half_waves, _FEWEST_CELLS)


def _search(field: Any, a: float, of_jacobian: bool) -> NDArray:
    """Return the largest quotient of each field of a batch."""
    size = spectral_norm if of_jacobian else length
    at = field.jacobian_at if of_jacobian else field.at
    pairs, step = _on_grid(field, a, size, of_jacobian)
    top = np.array(field.shape) - 1.0
    for _ in range(_N_ZOOMS):
        tried = np.clip(pairs[:, :, None] + step * _STENCIL, 0, top)  # (n, k, 81, 2 points, 2)
        n, k, m = tried.shape[:3]
        found = at(tried.reshape(n, -1, 2))
        found = found.reshape(n, k, m, 2, *found.shape[2:])
        quotients = _quotient(size(found[:, :, :, 1] - found[:, :, :, 0]), tried[..., 1, :] - tried[..., 0, :], a)
        best = quotients.argmax(-1)[..., None]
        pairs = np.take_along_axis(tried, best[..., None, None], 2)[:, :, 0]
        step = 0.6 * step
    return np.take_along_axis(quotients, best, 2).max((1, 2))


def _on_grid(field: Any, a: float, size: Callable[[NDArray], NDArray], of_jacobian: bool) -> tuple[NDArray, NDArray]:
    """Return the best pairs of points (n, k, 2, 2) of a grid, each of another lag, and the sides of its cells."""
    cells = _cells(field)
    rows, columns = (np.linspace(0, side - 1, cells + 1 if side > 1 else 1) for side in field.shape)
    values = field.jacobian_on_grid(rows, columns) if of_jacobian else field.on_grid(rows, columns)
    step, found = (np.array(field.shape) - 1) / cells, []
    for i, j in _lags(len(rows), len(columns)):
        first, second = (slice(0, len(columns) - j), slice(j, None)) if j >= 0 else (slice(-j, None), slice(0, j))
        difference = size(values[:, i:, second] - values[:, : len(rows) - i, first])
        flat = difference.reshape(len(difference), -1)
        best = flat.argmax(1)
        row, column = np.unravel_index(best, difference.shape[1:])
        start = np.stack([row, column + first.start], -1) * step
        lag = np.array([i, j]) * step
        quotient = _quotient(flat[np.arange(len(flat)), best], lag, a)
        found.append((quotient, np.stack([start, start + lag], 1)))
    order = np.argsort([-q for q, _ in found], axis=0)[:_N_CANDIDATES]  # (k, n)
    pairs = np.stack([p for _, p in found])  # (lags, n, 2, 2)
    return np.swapaxes(np.take_along_axis(pairs, order[..., None, None], 0), 0, 1), step


def _lags(n_rows: int, n_columns: int) -> list[tuple[int, int]]:
    """Return the lags between points of a grid, in cells: 1, 2, 3, 4, 6, 8, 12, ... times each direction."""
    longest = max(n_rows, n_columns)
    sizes = sorted({m for k in range(longest.bit_length()) for m in (2**k, 3 * 2**k // 2) if m < longest})
    lags = ((m * i, m * j) for m in sizes for i, j in _DIRECTIONS)
    return [(i, j) for i, j in lags if i < n_rows and abs(j) < n_columns]


def _quotient(size: NDArray, lag: NDArray, a: float) -> NDArray:
    """Return size / |lag|^a, 0 where the lag is 0."""
    distance = length(lag)
    return np.where(distance > 0, size / np.where(distance > 0, distance, 1) ** a, 0.0)
