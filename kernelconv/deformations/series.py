"""Displacement fields that are series of products of two waves: sines zero on the border, or a Fourier series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_positive, check_sequence
from kernelconv._numbers import as_double, shown
from kernelconv.deformations.fields import DisplacementField, as_points, freeze
from kernelconv.deformations.norms.jacobians import det_one_minus, length, spectral_norm
from kernelconv.deformations.norms.suprema import suprema


@dataclass(frozen=True, eq=False, repr=False)
class SmoothField(DisplacementField):
    """Base class of fields whose norms are searched on a grid, fine enough for the shortest wave, and then refined."""

    @property
    def half_waves(self) -> int:
        """Number of half waves of the shortest wave across the image, along the axis that has more of them."""
        raise self._unwritten("half_waves")

    def as_batch(self) -> Self:
        """Return the field as a batch; a single field becomes a batch of one."""
        raise self._unwritten("as_batch()")

    def _supremum(self, score: Any, of_jacobian: bool) -> Any:
        return self._finish(suprema(self.as_batch(), score, of_jacobian=of_jacobian).reshape(self.batch_shape))

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

    def _inherit_norms(self, other: SmoothField, factor: NDArray) -> None:
        """Take over the norms that `other` = this / factor knows already: they are homogeneous."""
        for norm in ("sup_norm", "jacobian_sup_norm"):
            if norm in other.__dict__:
                self.__dict__[norm] = self._finish(np.abs(factor) * other.__dict__[norm])


@dataclass(frozen=True, eq=False, repr=False)
class SeriesField(SmoothField):
    """Series tau_a(u) = sum over i, j of C_aij f_i(u_0) g_j(u_1), with waves f and g given by a subclass."""

    coefficients: NDArray

    def _waves(self, positions: NDArray, axis: int) -> tuple[NDArray, NDArray]:
        """Return the waves along an axis and their derivatives, (..., number of waves), at positions in pixels."""
        raise self._unwritten("_waves(positions, axis)")

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """``()`` for one field, ``(n,)`` for a batch."""
        return self.coefficients.shape[:-3]

    def at(self, points: NDArray) -> NDArray:
        """Return tau (..., k, 2), in pixels, at `points` (k, 2) or, for a batch, (n, k, 2)."""
        points = as_points(points, self.batch_shape)
        rows, _ = self._waves(points[..., 0], 0)
        columns, _ = self._waves(points[..., 1], 1)
        half = rows[..., None, :, :] @ self.coefficients  # (..., 2, k, c)
        return np.moveaxis((half * columns[..., None, :, :]).sum(-1), -2, -1)

    def jacobian_at(self, points: NDArray) -> NDArray:
        """Return D tau (..., k, 2, 2) at `points`; entry [a, b] is d tau_a / d u_b."""
        points = as_points(points, self.batch_shape)
        rows, d_rows = self._waves(points[..., 0], 0)
        columns, d_columns = self._waves(points[..., 1], 1)
        along_row = ((d_rows[..., None, :, :] @ self.coefficients) * columns[..., None, :, :]).sum(-1)
        along_column = ((rows[..., None, :, :] @ self.coefficients) * d_columns[..., None, :, :]).sum(-1)
        return np.stack([np.moveaxis(d, -2, -1) for d in (along_row, along_column)], -1)

    def on_grid(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return tau (..., n_rows, n_columns, 2) on a tensor grid, by two matrix products per component."""
        f, _ = self._waves(rows, 0)
        g, _ = self._waves(columns, 1)
        return np.moveaxis(f @ self.coefficients @ g.T, -3, -1)

    def jacobian_on_grid(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return D tau (..., n_rows, n_columns, 2, 2) on a tensor grid."""
        (f, d_f), (g, d_g) = self._waves(rows, 0), self._waves(columns, 1)
        parts = np.stack(
            [d_f @ self.coefficients @ g.T, f @ self.coefficients @ d_g.T], -3
        )  # (..., a, b, rows, columns): contiguous planes, seen with the 2 x 2 axes last
        return np.moveaxis(parts, (-4, -3), (-2, -1))

    @property
    def values(self) -> NDArray:
        """Tau at the pixels, (h, w, 2) or (n, h, w, 2)."""
        self._check_memory(4, "displacements")
        h, w = self.shape
        return self.on_grid(np.arange(h), np.arange(w))

    @property
    def jacobian(self) -> NDArray:
        """D tau at the pixels, (h, w, 2, 2) or (n, h, w, 2, 2)."""
        self._check_memory(8, "Jacobians")
        h, w = self.shape
        return self.jacobian_on_grid(np.arange(h), np.arange(w))

    def _with(self, coefficients: NDArray) -> Self:
        return type(self)(self.shape, coefficients)

    def as_batch(self) -> Self:
        """Return the field as a batch; a single field becomes a batch of one."""
        return self._with(self.coefficients.reshape(-1, *self.coefficients.shape[-3:]))

    def scaled(self, factor: ArrayLike) -> Self:
        """Return factor * tau; `factor` is a number or, for a batch, an array (n,), one per field."""
        factor = self._as_factor(factor)
        new = self._with(factor[..., None, None, None] * self.coefficients)
        new._inherit_norms(self, factor)
        return new

    def _at_index(self, index: Any) -> Self:
        return self._with(self.coefficients[index])


@dataclass(frozen=True, eq=False, repr=False)
class SineField(SeriesField):
    r"""Displacement field that is a series of sines and vanishes on the border of the image.

    tau_a(u) = sum over i, j of C_aij sin(i pi u_0 / (h - 1)) sin(j pi u_1 / (w - 1)), i, j = 1 .. c.

    Parameters
    ----------
    shape : tuple (h, w)
        Pixels of the image, at least 2 x 2.
    coefficients : ndarray (2, c, c) or (n, 2, c, c)
        C, in pixels, for the row and the column component.

    Notes
    -----
    Norms are found on a grid of 16 cells per half wave, then refined to a relative accuracy of 1e-7.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import SineField
    >>> field = SineField((28, 28), coefficients=np.array([[[2.0]], [[0.0]]]))
    >>> field.values.shape, round(field.sup_norm, 6), round(field.jacobian_sup_norm * 27 / np.pi, 6)
    ((28, 28, 2), 2.0, 2.0)
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        coefficients = as_double(self.coefficients, "coefficients")
        c = coefficients.shape[-1] if coefficients.ndim else 0
        freeze(self, "coefficients", coefficients, (2, c, c))
        if min(self.shape) < 2:
            raise ValueError(f"A sine field needs an image of at least 2 x 2 pixels, got shape={self.shape}.")

    @property
    def half_waves(self) -> int:
        """c, the number of half waves of the shortest wave across the image."""
        return self.coefficients.shape[-1]

    def _waves(self, positions: NDArray, axis: int) -> tuple[NDArray, NDArray]:
        omega = np.arange(1, self.coefficients.shape[-1] + 1) * (np.pi / (self.shape[axis] - 1))
        phase = np.asarray(positions, np.float64)[..., None] * omega
        return np.sin(phase), omega * np.cos(phase)


@dataclass(frozen=True, eq=False, repr=False)
class FourierField(SeriesField):
    r"""Real Fourier series in each component: waves 1, cos(k w u) and sin(k w u) with w = 2 pi / period.

    Parameters
    ----------
    shape : tuple (h, w)
        Pixels of the image.
    coefficients : ndarray (2, 2 K_0 + 1, 2 K_1 + 1) or (n, 2, 2 K_0 + 1, 2 K_1 + 1)
        C, in pixels; along each axis first the constant, then K cosines, then K sines.
    period : tuple (float, float)
        Period along rows and columns, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import FourierField
    >>> c = np.zeros((2, 1, 3)); c[0, 0, 2] = 1.5  # tau_0 = 1.5 sin(2 pi u_1 / 20)
    >>> field = FourierField((28, 28), c, period=(20.0, 20.0))
    >>> round(field.sup_norm, 6), round(field.jacobian_sup_norm / (1.5 * 2 * np.pi / 20), 6)
    (1.5, 1.0)
    """

    period: tuple[float, float]

    def __post_init__(self) -> None:
        super().__post_init__()
        coefficients = as_double(self.coefficients, "coefficients")
        core = coefficients.shape[-2:]
        if len(core) != 2 or any(m % 2 == 0 for m in core):
            raise ValueError(f"Both last axes of coefficients must have odd length (2 K + 1), got shape {core}.")
        freeze(self, "coefficients", coefficients, (2, *core))
        periods = check_sequence(self.period, "period")
        if len(periods) != 2:
            raise ValueError(f"period must be (rows, columns), two numbers of pixels, got {shown(self.period)}.")
        object.__setattr__(self, "period", tuple(check_positive(p, "each of period") for p in periods))

    @property
    def half_waves(self) -> int:
        """Number of half waves of the shortest wave across the image."""
        orders = [(m - 1) / 2 for m in self.coefficients.shape[-2:]]
        waves = [2 * k * (n - 1) / p for k, n, p in zip(orders, self.shape, self.period, strict=True)]
        return max(1, int(np.ceil(max(waves))))

    def _waves(self, positions: NDArray, axis: int) -> tuple[NDArray, NDArray]:
        order = (self.coefficients.shape[axis - 2] - 1) // 2
        omega = np.arange(1, order + 1) * (2 * np.pi / self.period[axis])
        phase = np.asarray(positions, np.float64)[..., None] * omega
        sin, cos, one = np.sin(phase), np.cos(phase), np.ones((*np.shape(positions), 1))
        return np.concatenate([one, cos, sin], -1), np.concatenate([0 * one, -omega * sin, omega * cos], -1)

    def _with(self, coefficients: NDArray) -> FourierField:
        return FourierField(self.shape, coefficients, self.period)
