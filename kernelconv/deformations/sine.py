"""Sine series: displacement fields that vanish on the border, with their norms found to a relative 1e-7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._parallel import block_length, map_blocks
from kernelconv.deformations.fields import DisplacementField, det_one_minus, freeze, length, spectral_norm

#: Grid cells per half wave of a field's shortest wave, before local refinement.
CELLS_PER_HALF_WAVE = 16
#: Local maxima refined per field, and steps of the refinement (the box shrinks by 0.6 at each).
N_CANDIDATES, N_ZOOMS = 4, 14
_STENCIL = np.stack(np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 5), indexing="ij"), -1).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class SineField(DisplacementField):
    r"""tau_a(u) = sum over i, j of C_aij sin(i pi u_0 / (h - 1)) sin(j pi u_1 / (w - 1)), i, j = 1 .. c.

    The field vanishes on the border of the image.

    Parameters
    ----------
    shape : tuple (h, w)
        Pixels of the image, at least 2 x 2.
    coefficients : ndarray (2, c, c) or (n, 2, c, c)
        C, in pixels, for the row and the column component.

    Notes
    -----
    Norms: the closed-form derivative is evaluated on a grid of 16 cells per half wave of the shortest wave, where
    the best cell is within 1 % of the supremum; then the four best local maxima are refined to a relative 1e-7.
    The grid follows the wave, not the pixels, so the cost depends on c alone: about 10^6 multiply-adds at c = 3.

    Examples
    --------
    >>> import numpy as np
    >>> field = SineField((28, 28), coefficients=np.array([[[2.0]], [[0.0]]]))
    >>> field.values.shape, round(field.sup_norm, 6), round(field.jacobian_sup_norm * 27 / np.pi, 6)
    ((28, 28, 2), 2.0, 2.0)
    """

    coefficients: NDArray

    def __post_init__(self) -> None:
        c = np.shape(self.coefficients)[-1] if np.ndim(self.coefficients) else 0
        freeze(self, "coefficients", self.coefficients, (2, c, c))
        if min(self.shape) < 2:
            raise ValueError(f"A sine field needs an image of at least 2 x 2 pixels, got shape={self.shape}.")

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """``()`` for one field, ``(n,)`` for a batch."""
        return self.coefficients.shape[:-3]

    def _basis(self, positions: NDArray, axis: int) -> tuple[NDArray, NDArray]:
        """Return sin(k w p) and its derivative k w cos(k w p), (..., c), for positions p in pixels."""
        omega = np.arange(1, self.coefficients.shape[-1] + 1) * (np.pi / (self.shape[axis] - 1))
        phase = np.asarray(positions, np.float64)[..., None] * omega
        return np.sin(phase), omega * np.cos(phase)

    def at(self, points: NDArray) -> NDArray:
        """Return tau (..., k, 2), in pixels, at `points` (k, 2) or, for a batch, (n, k, 2)."""
        rows, _ = self._basis(np.asarray(points)[..., 0], 0)
        columns, _ = self._basis(np.asarray(points)[..., 1], 1)
        half = rows[..., None, :, :] @ self.coefficients  # (..., 2, k, c)
        return np.moveaxis((half * columns[..., None, :, :]).sum(-1), -2, -1)

    def jacobian_at(self, points: NDArray) -> NDArray:
        """Return D tau (..., k, 2, 2) at `points`; entry [a, b] is d tau_a / d u_b."""
        rows, d_rows = self._basis(np.asarray(points)[..., 0], 0)
        columns, d_columns = self._basis(np.asarray(points)[..., 1], 1)
        along_row = ((d_rows[..., None, :, :] @ self.coefficients) * columns[..., None, :, :]).sum(-1)
        along_column = ((rows[..., None, :, :] @ self.coefficients) * d_columns[..., None, :, :]).sum(-1)
        return np.stack([np.moveaxis(d, -2, -1) for d in (along_row, along_column)], -1)

    def on_grid(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return tau (..., n_rows, n_columns, 2) on a tensor grid: two matrix products a component."""
        s_rows, _ = self._basis(rows, 0)
        s_columns, _ = self._basis(columns, 1)
        return np.moveaxis(s_rows @ self.coefficients @ s_columns.T, -3, -1)

    def jacobian_on_grid(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return D tau (..., n_rows, n_columns, 2, 2) on a tensor grid."""
        (s_rows, d_rows), (s_columns, d_columns) = self._basis(rows, 0), self._basis(columns, 1)
        parts = np.stack(
            [d_rows @ self.coefficients @ s_columns.T, s_rows @ self.coefficients @ d_columns.T], -3
        )  # (..., a, b, rows, columns): contiguous planes, seen with the 2 x 2 axes last
        return np.moveaxis(parts, (-4, -3), (-2, -1))

    @property
    def values(self) -> NDArray:
        """Tau at the pixels, (h, w, 2) or (n, h, w, 2)."""
        h, w = self.shape
        return self.on_grid(np.arange(h), np.arange(w))

    @property
    def jacobian(self) -> NDArray:
        """D tau at the pixels, (h, w, 2, 2) or (n, h, w, 2, 2)."""
        h, w = self.shape
        return self.jacobian_on_grid(np.arange(h), np.arange(w))

    def scaled(self, factor: Any) -> SineField:
        """Return factor * tau; `factor` is a number or, for a batch, one a field (n,)."""
        factor = np.asarray(factor, np.float64)
        new = SineField(self.shape, factor[..., None, None, None] * self.coefficients)
        for norm in ("sup_norm", "jacobian_sup_norm"):  # homogeneous: what is known stays known
            if norm in self.__dict__:
                new.__dict__[norm] = new._finish(np.abs(factor) * self.__dict__[norm])
        return new

    def __getitem__(self, index: Any) -> SineField:
        return SineField(self.shape, self.coefficients[index])

    def _supremum(self, score: Callable[[NDArray], NDArray], of_jacobian: bool) -> Any:
        batch = SineField(self.shape, self.coefficients.reshape(-1, *self.coefficients.shape[-3:]))
        cells = CELLS_PER_HALF_WAVE * self.coefficients.shape[-1]
        block = block_length(cells * cells * 64)
        found = map_blocks(lambda s: _supremum(batch[s], score, of_jacobian, cells), len(batch), block)
        return self._finish(np.concatenate(found).reshape(self.batch_shape))

    @cached_property
    def sup_norm(self) -> Any:
        """Sup over u of |tau(u)|, in pixels."""
        return self._supremum(length, False)

    @cached_property
    def jacobian_sup_norm(self) -> Any:
        """Sup over u of the spectral norm of D tau(u)."""
        return self._supremum(spectral_norm, True)

    @cached_property
    def min_det(self) -> Any:
        """Min over u of det(I - D tau(u))."""
        return -self._supremum(lambda jacobian: -det_one_minus(jacobian), True)


def _supremum(fields: SineField, score: Callable[[NDArray], NDArray], of_jacobian: bool, cells: int) -> NDArray:
    """Return the sup of `score` over the image for each field of a batch: grid, then zoom on its local maxima."""
    h, w = fields.shape
    rows, columns = np.linspace(0, h - 1, cells + 1), np.linspace(0, w - 1, cells + 1)
    on_grid = fields.jacobian_on_grid if of_jacobian else fields.on_grid
    at = fields.jacobian_at if of_jacobian else fields.at
    flat = _local_maxima(score(on_grid(rows, columns))).reshape(len(fields), -1)
    k = min(N_CANDIDATES, flat.shape[1])
    top = np.argpartition(-flat, k - 1, axis=1)[:, :k]
    centre = np.stack([rows[top // len(columns)], columns[top % len(columns)]], -1)  # (n, k, 2)
    box = np.array([rows[1], columns[1]])
    for _ in range(N_ZOOMS):
        points = np.clip(centre[:, :, None] + box * _STENCIL, 0, [h - 1, w - 1])  # (n, k, 25, 2)
        found = score(at(points.reshape(len(fields), -1, 2))).reshape(points.shape[:3])
        best = found.argmax(-1)[..., None]
        centre = np.take_along_axis(points, best[..., None], 2)[:, :, 0]
        box = 0.6 * box
    return np.take_along_axis(found, best, 2).max((1, 2))


def _local_maxima(v: NDArray) -> NDArray:
    """Return `v` (n, R, C) with -inf wherever one of the four neighbours is larger."""
    keep = np.ones(v.shape, bool)
    keep[:, 1:] &= v[:, 1:] >= v[:, :-1]
    keep[:, :-1] &= v[:, :-1] >= v[:, 1:]
    keep[:, :, 1:] &= v[:, :, 1:] >= v[:, :, :-1]
    keep[:, :, :-1] &= v[:, :, :-1] >= v[:, :, 1:]
    return np.where(keep, v, -np.inf)
