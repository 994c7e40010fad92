"""Displacement fields tau in closed form: values, Jacobians, exact norms, and whether id - tau folds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import Pair, as_pair, check_finite, check_memory, check_positive
from kernelconv._numbers import as_double, shown

#: The largest number of a field: the squares of such numbers are finite.
LARGEST = 1e100


@dataclass(frozen=True, eq=False, repr=False)
class DisplacementField:
    r"""A displacement field tau on the pixels of an image, L_tau x(u) = x(u - tau(u)); or a batch of n of them.

    Coordinates and displacements are (row, column) in pixels, pixel (0, 0) at the origin; suprema run over the
    rectangle [0, h - 1] x [0, w - 1]. ``np.asarray(field)`` is ``field.values``; for a batch, ``field[i]`` is one
    field or a smaller batch. Norms are floats for a single field, arrays (n,) for a batch.

    Subclasses give the closed forms: `AffineField`, `SineField`, `FourierField` and `ShiftedField`.
    """

    shape: Pair

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_pair(self.shape, "shape"))

    def __repr__(self) -> str:
        fields = f", {len(self)} fields" if self.batch_shape else ""
        return f"{type(self).__name__}({self.shape[0]} x {self.shape[1]} px{fields})"

    # -- what a subclass gives; the leading axes are () or (n,) -------------------------------------------------------

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """``()`` for one field, ``(n,)`` for a batch."""
        raise self._unwritten("batch_shape")

    def at(self, points: NDArray) -> NDArray:
        """Return tau (..., k, 2), in pixels, at `points` (k, 2) or, for a batch, (n, k, 2)."""
        raise self._unwritten("at(points)")

    def jacobian_at(self, points: NDArray) -> NDArray:
        """Return D tau (..., k, 2, 2) at `points`; entry [a, b] is d tau_a / d u_b."""
        raise self._unwritten("jacobian_at(points)")

    def scaled(self, factor: ArrayLike) -> Self:
        """Return factor * tau; `factor` is a number or, for a batch, an array (n,), one per field."""
        raise self._unwritten("scaled(factor)")

    def _at_index(self, index: Any) -> Self:
        """Return the field, or the batch, of an index of a batch."""
        raise self._unwritten("_at_index(index)")

    @cached_property
    def sup_norm(self) -> Any:
        """Sup over u of |tau(u)|, in pixels."""
        raise self._unwritten("sup_norm")

    @cached_property
    def jacobian_sup_norm(self) -> Any:
        """Sup over u of the spectral norm of D tau(u): the s of the stability theorems, without unit."""
        raise self._unwritten("jacobian_sup_norm")

    @cached_property
    def min_det(self) -> Any:
        """Min over u of det(I - D tau(u)): the smallest local change of area, <= 0 where the field folds."""
        raise self._unwritten("min_det")

    @property
    def half_waves(self) -> int:
        """Number of half waves of the shortest wave across the image, which sets the size of grids and quadratures."""
        raise self._unwritten("half_waves")

    def _unwritten(self, what: str) -> TypeError:
        return TypeError(f"{type(self).__name__} is no field yet: a subclass of DisplacementField writes {what}.")

    # -- what follows ------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Self:
        if not self.batch_shape:
            raise TypeError("A single field has no index: it is all there is.")
        return self._at_index(index)

    def _as_factor(self, factor: Any) -> NDArray:
        """Return a factor as float64: a number, or one per field of a batch; raise ValueError if it is neither.

        A single field takes n factors as well: a batch of its multiples.
        """
        factors = as_double(factor, "factor")
        if factors.ndim > 1 or (factors.ndim and self.batch_shape not in ((), factors.shape)):
            of = f"{len(self)} fields" if self.batch_shape else "one field"
            raise ValueError(f"factor must be a number, or one for each field; got shape {factors.shape} for {of}.")
        return factors

    def _check_memory(self, numbers: int, what: str) -> None:
        """Raise ValueError if `numbers` numbers a pixel and field are more than there is memory for."""
        n, (h, w) = len(self) if self.batch_shape else 1, self.shape
        check_memory(8.0 * numbers * n * h * w, f"The {what} of {n} fields at {h} x {w} pixels")

    def on_grid(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return tau (..., n_rows, n_columns, 2) on a tensor grid of positions in pixels."""
        points = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
        return self.at(points.reshape(-1, 2)).reshape(*self.batch_shape, len(rows), len(columns), 2)

    @property
    def values(self) -> NDArray:
        """Tau at the pixels, (h, w, 2) or (n, h, w, 2)."""
        self._check_memory(4, "displacements")
        return self.at(pixel_grid(self.shape).reshape(-1, 2)).reshape(*self.batch_shape, *self.shape, 2)

    @property
    def jacobian(self) -> NDArray:
        """D tau at the pixels, (h, w, 2, 2) or (n, h, w, 2, 2)."""
        self._check_memory(6, "Jacobians")
        points = pixel_grid(self.shape).reshape(-1, 2)
        return self.jacobian_at(points).reshape(*self.batch_shape, *self.shape, 2, 2)

    def is_diffeomorphism(self) -> Any:
        """Return whether det(I - D tau) > 0 everywhere: a bool, or an array (n,) for a batch.

        A Jacobian norm below 1 implies this, and that u -> u - tau(u) is one-to-one. At larger norms a positive
        determinant still makes this map one-to-one for affine fields and for fields that vanish on the border; for
        other fields it does so only locally, around each point.
        """
        return self.min_det > 0

    @cached_property
    def rms_norm(self) -> Any:
        """The typical displacement: sqrt of the mean of |tau|^2 over the rectangle, in pixels.

        Computed by Gauss-Legendre quadrature with enough nodes for the shortest wave: exact up to rounding.
        """
        nodes, weights = np.polynomial.legendre.leggauss(16 + 4 * self.half_waves)
        rows, columns = ((nodes + 1) / 2 * (n - 1) for n in self.shape)
        square = (self.on_grid(rows, columns) ** 2).sum(-1)
        return self._finish(np.sqrt(np.einsum("...ij,i,j->...", square, weights / 2, weights / 2)))

    def jacobian_on_grid(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return D tau (..., n_rows, n_columns, 2, 2) on a tensor grid of positions in pixels."""
        points = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
        return self.jacobian_at(points.reshape(-1, 2)).reshape(*self.batch_shape, len(rows), len(columns), 2, 2)

    def rescale_to(
        self, *, jacobian_norm: float | None = None, sup_norm: float | None = None, rms_norm: float | None = None
    ) -> Self:
        """Return the positive multiple of tau that has the given norm.

        Parameters
        ----------
        jacobian_norm : float
            Wanted sup of |D tau|; no unit.
        sup_norm : float
            Wanted sup of |tau|, in pixels.
        rms_norm : float
            Wanted typical displacement, in pixels. Give exactly one of the three.

        Raises
        ------
        ValueError
            If not exactly one norm is given, if it is not > 0, or if a field of the batch has norm 0.
        """
        asked = {"jacobian_norm": jacobian_norm, "sup_norm": sup_norm, "rms_norm": rms_norm}
        given = [name for name, value in asked.items() if value is not None]
        if len(given) != 1:
            raise ValueError("rescale_to wants exactly one of jacobian_norm, sup_norm and rms_norm.")
        (name,) = given
        wanted = check_size(asked[name], name)
        now = np.asarray(self.jacobian_sup_norm if name == "jacobian_norm" else getattr(self, name))
        if not (now > 0).all():
            raise ValueError(f"A field whose {name} is 0 cannot be rescaled to {name}={wanted}.")
        return self.scaled(wanted / now)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        return self.values if dtype is None else self.values.astype(dtype)

    def __len__(self) -> int:
        if not self.batch_shape:
            raise TypeError("A single field has no length.")
        return self.batch_shape[0]

    def _finish(self, values: NDArray) -> Any:
        """Return norms as this field shows them: a float if it is single."""
        return values if self.batch_shape else float(values)


def pixel_grid(shape: Pair) -> NDArray:
    """Return the pixel coordinates (h, w, 2), (row, column)."""
    return np.stack(np.meshgrid(*(np.arange(float(n)) for n in shape), indexing="ij"), -1)


def freeze(field: DisplacementField, name: str, value: Any, core: tuple[int, ...]) -> None:
    """Store `value` as a read-only float64 array whose last axes are `core`, after at most one batch axis."""
    value = np.array(as_double(value, name))
    if value.shape[max(value.ndim - len(core), 0) :] != core or value.ndim - len(core) not in (0, 1) or not value.size:
        raise ValueError(f"{name} must have shape {core} or (n, {', '.join(map(str, core))}), got {value.shape}.")
    if not np.isfinite(value).all():
        raise ValueError(f"{name} holds non-finite values (NaN or infinity).")
    if np.abs(value).max() > LARGEST:
        raise ValueError(f"{name} holds values above {LARGEST:g}, whose products overflow: scale them.")
    value.flags.writeable = False
    object.__setattr__(field, name, value)


def check_size(value: Any, name: str) -> float:
    """Return `value`, the size of a field, as a float > 0 that leaves room for products and quotients of such sizes."""
    size = check_positive(value, name)
    if not 1 / LARGEST <= size <= LARGEST:
        raise ValueError(f"{name} must be between {1 / LARGEST:g} and {LARGEST:g}, got {shown(value)}.")
    return size


def as_points(points: Any, batch: tuple[int, ...] = ()) -> NDArray:
    """Return positions in pixels as float64; raise ValueError unless they are (..., k, 2), one set or `batch` sets."""
    points = check_finite(as_double(points, "points"), "points")
    if points.ndim < 2 or points.shape[-1] != 2 or not points.size:
        raise ValueError(f"points must be (row, column) pairs, (k, 2) or (n, k, 2), got shape {points.shape}.")
    if batch and points.shape[:-2] not in ((), (1,), batch):
        raise ValueError(f"points must be one set, (k, 2), or one for each of {batch[0]} fields, got {points.shape}.")
    return points


def check_drawn(fields: Any, shape: Pair, n: int, source: str) -> Any:
    """Return `fields` if they are a batch of `n` fields on images of `shape`; raise TypeError naming their `source`."""
    if isinstance(fields, DisplacementField) and fields.batch_shape == (n,) and fields.shape == shape:
        return fields
    got = shown(fields) if isinstance(fields, DisplacementField) else type(fields).__name__
    raise TypeError(
        f"{source} must return a batch of {n} fields on {shape[0]} x {shape[1]} px, got {got}. A field is a formula, "
        "such as AffineField, SineField, FourierField or a DisplacementField of your own, not its values at the "
        "pixels: its norms are exact."
    )
