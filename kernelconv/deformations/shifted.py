"""ShiftedField: the sum of a smooth displacement field and a translation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike, NDArray

from kernelconv._numbers import shown
from kernelconv.deformations.fields import freeze
from kernelconv.deformations.series import SmoothField


@dataclass(frozen=True, eq=False, repr=False)
class ShiftedField(SmoothField):
    """Sum tau + c of a smooth field and a translation.

    Parameters
    ----------
    shape : tuple (h, w)
        Pixels of the image.
    field : SmoothField
        tau, single or a batch.
    offset : ndarray (2,) or (n, 2)
        c, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import ShiftedField, SineField
    >>> tau = SineField((28, 28), coefficients=np.array([[[2.0]], [[0.0]]]))
    >>> field = ShiftedField((28, 28), tau, np.array([1.0, 0.0]))
    >>> round(field.sup_norm, 6), field.jacobian_sup_norm == tau.jacobian_sup_norm
    (3.0, True)
    """

    field: SmoothField
    offset: NDArray

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.field, SmoothField) or self.field.shape != self.shape:
            raise ValueError(
                f"field must be a SineField or a FourierField on {self.shape} px, got {shown(self.field)}."
            )
        freeze(self, "offset", self.offset, (2,))
        if self.offset.shape[:-1] != self.field.batch_shape:
            raise ValueError(f"offset {self.offset.shape} does not fit fields of batch shape {self.field.batch_shape}.")

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """``()`` for one field, ``(n,)`` for a batch."""
        return self.field.batch_shape

    @property
    def half_waves(self) -> int:
        """Number of half waves of the field without the translation."""
        return self.field.half_waves

    def at(self, points: NDArray) -> NDArray:
        """Return tau + c (..., k, 2), in pixels, at `points` (k, 2) or, for a batch, (n, k, 2)."""
        return self.field.at(points) + self.offset[..., None, :]

    def on_grid(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return tau + c (..., n_rows, n_columns, 2) on a tensor grid."""
        return self.field.on_grid(rows, columns) + self.offset[..., None, None, :]

    def jacobian_at(self, points: NDArray) -> NDArray:
        """Return D tau (..., k, 2, 2) at `points`."""
        return self.field.jacobian_at(points)

    def jacobian_on_grid(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return D tau (..., n_rows, n_columns, 2, 2) on a tensor grid."""
        return self.field.jacobian_on_grid(rows, columns)

    @cached_property
    def jacobian_sup_norm(self) -> Any:
        """Jacobian norm of tau, which a translation does not change."""
        return self.field.jacobian_sup_norm

    @cached_property
    def min_det(self) -> Any:
        """Min over u of det(I - D tau(u)), which a translation does not change."""
        return self.field.min_det

    def as_batch(self) -> ShiftedField:
        """Return the field as a batch; a single field becomes a batch of one."""
        return ShiftedField(self.shape, self.field.as_batch(), self.offset.reshape(-1, 2))

    def scaled(self, factor: ArrayLike) -> ShiftedField:
        """Return factor * (tau + c); `factor` is a number or, for a batch, an array (n,), one per field."""
        factor = self._as_factor(factor)
        return ShiftedField(self.shape, self.field.scaled(factor), factor[..., None] * self.offset)

    def _at_index(self, index: Any) -> ShiftedField:
        return ShiftedField(self.shape, self.field[index], self.offset[index])
