"""The action of a displacement field on images, and of the same field on maps, about their centre and by the stride."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import check_numpy, like
from kernelconv._check import Pair, check_finite
from kernelconv._numbers import as_double, shown
from kernelconv.deformations import AffineField, DisplacementField

#: Pixels that are rounding.
_ROUNDING = 1e-12
#: A shift (rows, columns) in pixels, or a field.
Motion = tuple[float, float] | DisplacementField


def as_field(motion: Any, images: tuple[int, ...], name: str) -> DisplacementField:
    """Return `motion` of images of shape (n, h, w, ...) as a field: a shift in pixels, or a field as it is.

    Raises
    ------
    ValueError
        If it is neither, if the field is on other sides, or a batch of other than n fields.
    """
    n, shape = images[0], tuple(images[1:3])
    if not isinstance(motion, DisplacementField):
        return AffineField(shape, np.zeros((2, 2)), as_shift(motion, name))
    if motion.shape != shape or motion.batch_shape not in ((), (n,)):
        raise ValueError(
            f"{name} must be one field on {shape[0]} x {shape[1]} px, the images' sides, or one an image, a batch of "
            f"{n}; got {shown(motion)}."
        )
    return motion


def as_shift(shift: Any, name: str) -> NDArray:
    """Return `shift` as two finite numbers of pixels; raise ValueError if it is none."""
    check_numpy(shift, name)
    values = check_finite(as_double(shift, name), name)
    if values.shape != (2,):
        raise ValueError(f"{name} must be (rows, columns), two numbers of pixels, got {shown(shift)}.")
    return values


def on_maps(field: DisplacementField, side: Pair) -> NDArray:
    """Return the field on maps of `side` (h', w'), (..., h', w', 2), in their pixels.

    Position p of the maps is position s p + (s - 1) / 2 of the image, s the stride: centre lies on centre.
    """
    stride = np.array(field.shape) / side
    rows, columns = (s * np.arange(n) + (s - 1) / 2 for s, n in zip(stride, side, strict=True))
    return field.on_grid(rows, columns) / stride


def kept_inside(tau: NDArray) -> NDArray:
    """Return which positions (..., h', w') lie farther from every border than `tau` (..., h', w', 2) moves them.

    Of a shift these are all that neither it nor its inverse brings in from outside.
    """
    kept = np.ones(tau.shape[:-1], bool)
    for axis, n in enumerate(tau.shape[-3:-1]):
        room = np.minimum(np.arange(n), np.arange(n)[::-1])
        kept &= np.abs(tau[..., axis]) <= (room[:, None] if axis == 0 else room) + _ROUNDING
    return kept


def restrict(y: Any, kept: NDArray, moved_by: str) -> Any:
    """Return maps (n, h', w', k), of any library, on the rectangle around positions `kept`, zero at others.

    Raises
    ------
    ValueError
        If an image has no such position, naming what moved it.
    """
    if not kept.any((-2, -1)).all():
        raise ValueError(f"{moved_by} leaves no position of the {tuple(y.shape[1:3])} map inside.")
    anywhere = kept.reshape(-1, *kept.shape[-2:]).any(0)
    there = [np.flatnonzero(np.any(anywhere, axis=1 - axis)) for axis in (0, 1)]
    rows, columns = (slice(int(found[0]), int(found[-1]) + 1) for found in there)
    y, kept = y[:, rows, columns, :], kept[..., rows, columns, None]
    return y if kept.all() else y * like(kept.astype(np.float64), y)
