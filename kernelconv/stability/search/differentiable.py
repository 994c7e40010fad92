"""Representations with their gradients: networks, those of fitted estimators, anything with forward and vjp."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_shape
from kernelconv._numbers import shown
from kernelconv.stability.representation import Gradient, Representation, as_gradient, as_representation
from kernelconv.stability.rows import brought


@dataclass(frozen=True)
class Asked:
    """A representation with its gradient, of one image at a time.

    Attributes
    ----------
    represent, gradient : callable
        From images (1, h, w, c) to maps, and back.
    in_shape : tuple (h, w, c)
        That of an image, as `represent` reads it.
    shape : tuple of int
        That of the same image, as requested.
    by_map : bool
        True if rows run over channels first, then positions: those of scattering's ``transform``.
    """

    represent: Representation
    gradient: Gradient
    in_shape: tuple[int, ...]
    shape: tuple[int, ...]
    by_map: bool

    def phi(self, x: NDArray) -> NDArray:
        """Return the maps of an image `x` (1, h, w, c), finite and real."""
        maps = np.asarray(brought(self.represent(x)))
        if maps.dtype.kind not in "fiu" or not np.isfinite(maps).all():
            raise ValueError(
                f"The representation must be finite real numbers, got {maps.dtype} with "
                f"{int((~np.isfinite(maps)).sum())} non-finite values of {maps.size}."
            )
        return maps

    def as_maps(self, y: NDArray) -> NDArray:
        """Return a target `y`, a row or maps, as what `represent` returns of one image.

        Raises
        ------
        ValueError
            If it fits neither.
        """
        maps = self.phi(np.zeros((1, *self.in_shape))).shape
        if y.shape in (maps, maps[1:]):
            return y.reshape(maps)
        if y.shape in ((math.prod(maps),), (1, math.prod(maps))):
            if self.by_map:
                return np.moveaxis(y.reshape(1, maps[-1], *maps[1:-1]), 1, -1)
            return y.reshape(maps)
        lines = (maps[2:], (1, *maps[2:])) if len(maps) == 4 and maps[1] == 1 else ()
        if y.shape in lines:  # the maps of a signal
            return y.reshape(maps)
        raise ValueError(
            f"target must be the representation of one image, a row of {math.prod(maps)} values or maps of shape "
            f"{maps[1:]}, got shape {y.shape}."
        )


def as_asked(phi: Any, shape: Any) -> Asked:
    """Return what is asked of `phi`, for images of `shape`.

    Raises
    ------
    TypeError
        If it has no gradient.
    ValueError
        If it is not built or fitted, or `shape` is missing, none of an image, or another than it was built for.
    """
    network = getattr(phi, "representation_", getattr(phi, "network_", phi))
    gradient = as_gradient(network) if getattr(network, "differentiable", True) else None
    if gradient is None or not (
        callable(network) or any(callable(getattr(network, name, None)) for name in ("forward", "transform"))
    ):
        raise TypeError(
            f"{shown(phi)} has no gradient to descend by. Pass a built network or part, a fitted transformer of this "
            "library (Scattering2D with engine='native'), a torch.nn.Module, or an object with forward(x) and "
            "vjp(x, g)."
        )
    known = getattr(network, "in_shape", None)
    signal = getattr(phi, "signal_shape_", None)
    in_shape = _as_in_shape(shape, signal=signal is not None) if shape is not None else known
    if in_shape is None:
        raise ValueError(
            f"shape is needed: {shown(phi)} does not say of which shape its images are. Pass shape=(h, w)."
        )
    if known is not None and in_shape != known:
        raise ValueError(f"shape={shown(shape)} is not that of the images {known} that the network was built for.")
    if shape is None:
        shape = in_shape if signal is None else signal
        shape = shape[:-1] if shape[-1] == 1 else shape
    by_map = network is not phi and callable(getattr(phi, "maps", None))
    return Asked(as_representation(network), gradient, in_shape, tuple(map(int, shape)), by_map)


def _as_in_shape(shape: Any, *, signal: bool) -> tuple[int, int, int]:
    """Return (t,), (h, w) or (h, w, c), or (t, c) of a `signal`, as (h, w, c)."""
    given = tuple(shape) if isinstance(shape, tuple | list) else ()
    filled = {1: (1, *given, 1), 2: (1, *given) if signal else (*given, 1), 3: given}.get(len(given))
    if filled is None:
        raise ValueError(f"shape must be (t,), (h, w) or (h, w, c), positive ints, got {shown(shape)}.")
    return check_shape(filled, "shape")
