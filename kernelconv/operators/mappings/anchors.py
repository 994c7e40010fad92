"""Z given: anchors that come from elsewhere, checked and normalised, in place of those that k-means finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import as_float, check_finite
from kernelconv.operators.by_value import ByValue


@dataclass(frozen=True, eq=False, repr=False)
class Anchors(ByValue):
    """Unit rows (n_anchors, patch values) that are never written, and equal to others by value.

    Parameters
    ----------
    values : array-like (n_anchors, patch values)
        Directions, in the order of a patch's pixels and then its channels; divided by their norms unless these are 1 up
        to rounding. float64 stays float64, all else becomes float32.

    Raises
    ------
    ValueError
        If `values` is not rows of finite real numbers, or a row is zero.

    Examples
    --------
    >>> Anchors([[3.0, 4.0], [0.0, 1.0]]).values
    array([[0.6, 0.8],
           [0. , 1. ]])
    """

    values: Any

    def __post_init__(self) -> None:
        """Check the rows and divide each by its norm."""
        z = check_finite(as_float(self.values, "anchors"), "anchors")
        if z.ndim != 2 or 0 in z.shape:
            raise ValueError(
                f"anchors must be rows (n_anchors, patch values), got shape {z.shape}. Anchors (o, c, kh, kw), "
                "as PyTorch holds them, are such rows by transpose(0, 2, 3, 1).reshape(o, -1)."
            )
        top = np.abs(z).max(axis=1, keepdims=True).astype(np.float64)
        if not top.all():
            raise ValueError(f"anchors must be directions: row {int(np.flatnonzero(top == 0)[0])} is zero.")
        norms = top * np.linalg.norm(z / top, axis=1, keepdims=True)
        # unit rows keep their bits, so that the anchors of a fitted network give that network again
        unit = np.where(np.abs(norms - 1) <= 4 * np.finfo(z.dtype).eps, z, z / norms).astype(z.dtype)
        self._keep(unit)


def as_anchors(anchors: Anchors | ArrayLike) -> Anchors:
    """Return `anchors` as `Anchors`."""
    return anchors if isinstance(anchors, Anchors) else Anchors(anchors)


def check_unit_rows(z: Any) -> None:
    """Raise ValueError unless anchors `z` are finite rows of norm one, to within what a small step changes.

    They are not normalised silently: a network whose params are not those it was given would answer for others, and a
    gradient could not be checked by small steps away from the sphere.
    """
    z = check_finite(as_float(z, "anchors"), "anchors")
    norms = np.linalg.norm(z, axis=-1)
    if np.abs(norms - 1).max(initial=0) > 1e-3:
        raise ValueError(
            f"anchors must be rows of norm 1, got norms from {norms.min():.3g} to {norms.max():.3g}: constrain(params) "
            "divides them by their norms."
        )


def read_only(z: NDArray) -> NDArray:
    """Return a view of `z` that refuses to be written."""
    view = z.view()
    view.flags.writeable = False
    return view
