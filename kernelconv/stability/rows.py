"""Feature rows (n, d), one per image, of NumPy or of another library: reading, checks and norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import as_one_library, check_finite_array, holds, is_foreign, namespace, to_numpy
from kernelconv._check import as_float, check_finite, check_images, check_images_shape, rows_as_images
from kernelconv._scales import bounds, squarable
from kernelconv._types.arrays import Array


def brought(found: Any) -> Any:
    """Return what a representation, a gradient or a head returned; tensors as NumPy arrays: it was given NumPy's."""
    return to_numpy(found) if is_foreign(found) else found


def check_batches(x: Any, size: int | None) -> list[slice]:
    """Return where the batches of `size` images, or all, of `x`, (n, h, w) or (n, h, w, c), begin and end.

    All batches are checked first, one by one, so that images of another dtype are not converted as a whole.

    Raises
    ------
    ValueError
        As `check_images`.
    """
    shape = tuple(x.shape)
    if len(shape) == 2:
        rows_as_images(x, None, "X")  # which says what rows need
    n = check_images_shape(shape, None, "X", channels_last=True)[0]
    step = size or n
    slices = [slice(first, min(first + step, n)) for first in range(0, n, step)]
    for s in slices:
        check_images(x[s], name="X" if len(slices) == 1 else f"X[{s.start}:{s.stop}]")
    return slices


def check_one_each(shape: tuple[int, ...], n: int) -> None:
    """Raise ValueError unless features of `shape` are one row per image of `n`."""
    if not shape or shape[0] != n:
        raise ValueError(
            f"phi returned features of shape {tuple(shape)} for {n} images: it must return one row an image, "
            f"({n}, ...)."
        )


def as_rows(maps: Any, n: int, name: str) -> NDArray:
    """Return maps (n, ...) as NumPy's feature rows (n, d), real, finite and squarable.

    Raises
    ------
    ValueError
        If there is not one row per image, or a feature is complex, non-finite or no number.
    """
    phi_x = as_float(brought(maps), name)
    check_one_each(phi_x.shape, n)
    return squarable(check_finite(phi_x, name).reshape(n, -1), 1)


def as_pairs(*features: Any) -> list[Any]:
    """Return features of one shape (n, ...) as rows (n, d) of one library, finite, that may be squared.

    Raises
    ------
    ValueError
        If shapes differ or are none of rows, or a value is complex, non-finite, no number or not squarable.
    TypeError
        If they are of two libraries, neither of them NumPy.
    """
    rows = [check_finite_array(f, "features") for f in as_one_library(*features, names=["features"] * len(features))]
    shapes = {tuple(r.shape) for r in rows}
    if len(shapes) > 1:
        raise ValueError(f"Features to compare must have one shape, got {' and '.join(map(str, sorted(shapes)))}.")
    (shape,) = shapes
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"Features must be (n_images, ...), at least two axes and not empty, got {shape}.")
    flat = (namespace(r).reshape(r, (shape[0], -1)) for r in rows)
    return [_squarable(r) if is_foreign(r) else squarable(r, 1) for r in flat]


def _squarable(rows: Any) -> Any:
    """Return tensor rows; raise ValueError if squares of one of them overflow or vanish in their dtype."""
    xp = namespace(rows)
    low, high = bounds(f"float{xp.finfo(rows.dtype).bits}")
    tops = xp.max(xp.abs(rows), axis=1)
    if holds(xp.all((tops == 0) | ((tops >= low) & (tops <= high)))) is False:
        raise ValueError(
            f"Values of {rows.dtype} whose squares overflow or vanish: multiply them by a power of two first, or pass "
            "float64."
        )
    return rows


def number(x: Any) -> Any:
    """Return NumPy's `x` of no axes as a float, that of another library as it is."""
    return x if is_foreign(x) else float(x)


def mean(x: Array) -> Any:
    """Return the mean of `x`, of NumPy's a float."""
    return number(namespace(x).mean(x))


def total(x: Array) -> Any:
    """Return the sum of `x`, of NumPy's a float."""
    return number(namespace(x).sum(x))


def squared_norms(rows: Array) -> Any:
    """Return the squared norm of each row, of NumPy's summed in float64."""
    if isinstance(rows, np.ndarray):
        return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return namespace(rows).sum(rows * rows, axis=1)


def root(squares: Array) -> Any:
    """Return the roots of squared norms, whose gradient is 0 at 0."""
    xp = namespace(squares)
    zero = squares == 0
    return xp.where(zero, squares, xp.sqrt(xp.where(zero, xp.ones_like(squares), squares)))


def norms_of(rows: Array, name: str) -> Any:
    """Return the norms of the rows; raise ValueError if one is 0 and that is known."""
    norms = root(squared_norms(rows))
    n = norms.shape[0]
    zero = [i for i in range(n) if holds(norms[i] == 0)] if holds(namespace(norms).any(norms == 0)) else []
    if zero:
        listed = ", ".join(map(str, zero[:10])) + (", ..." if len(zero) > 10 else "")
        raise ValueError(
            f"{name} = 0 for {len(zero)} of {n} images (index {listed}): their relative change is undefined. Leave "
            "these images out."
        )
    return norms
