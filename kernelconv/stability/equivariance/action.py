"""The action of a displacement field on images, and of the same field on maps, whose positions lie in the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import check_numpy, like
from kernelconv._check import check_finite
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


#: A number of pixels, or (rows, columns), or None for what the representation says.
Pixels = float | tuple[float, float] | None


@dataclass(frozen=True)
class Positions:
    """Where maps of images (n, h, w, ...) lie: their position p is position stride * p + origin of the image."""

    phi: Any
    images: tuple[int, ...]
    stride: Pixels = None
    origin: Pixels = None

    def of(self, field: DisplacementField, maps: tuple[int, ...]) -> NDArray:
        """Return the field on maps of shape (n, h', w', k), (..., h', w', 2), in their pixels.

        Raises
        ------
        ValueError
            If the stride is neither given nor known and the map's sides do not divide the image's.
        """
        side = np.array(maps[1:3])
        stride, origin = self._on(side)
        rows, columns = (s * np.arange(n) + o for s, n, o in zip(stride, side, origin, strict=True))
        return field.on_grid(rows, columns) / stride

    def _on(self, side: NDArray) -> tuple[NDArray, NDArray]:
        """Return stride and origin: those given; else those of a network; else the sides' ratio, centre on centre."""
        image = np.array(self.images[1:3])
        stride, origin = _as_pixels(self.stride, "stride"), _as_pixels(self.origin, "origin")
        if stride is not None and (stride <= 0).any():
            raise ValueError(f"stride must be > 0, got {shown(self.stride)}.")
        part = getattr(self.phi, "__self__", self.phi)  # of network.forward: the network
        if stride is None and all(callable(getattr(part, name, None)) for name in ("receptive_field", "field_start")):
            shape = (*self.images[1:3], *(self.images[3:] or (1,)))
            size, step = (np.array(v, np.float64) for v in part.receptive_field(shape))
            starts = part.field_start(shape)
            known = [0.0 if start is None else start + (k - 1) / 2 for start, k in zip(starts, size, strict=True)]
            return step, np.array(known) if origin is None else origin
        if stride is None and (image % side).any():
            raise ValueError(
                f"Maps of {side[0]} x {side[1]} positions do not divide images of {image[0]} x {image[1]} px: pass "
                "stride= (and origin=, the pixel under position 0), or a network of this library, which knows its own."
            )
        stride = image / side if stride is None else stride
        return stride, ((image - 1) - stride * (side - 1)) / 2 if origin is None else origin


def _as_pixels(value: Any, name: str) -> NDArray | None:
    """Return a number or two as (rows, columns), None as it is; raise ValueError if it is neither."""
    if value is None:
        return None
    check_numpy(value, name)
    pixels = check_finite(as_double(value, name), name)
    if pixels.shape not in ((), (2,)):
        raise ValueError(f"{name} must be a number of pixels or (rows, columns), got {shown(value)}.")
    return np.broadcast_to(pixels, 2)


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
