"""M: what is done to capsules, groups of channels that are read as vectors: they are squashed, and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import check_count
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Pullback, Shape3, State
from kernelconv.operators.mappings.kernel_mapping import channel_norms


class OfCapsules(Part):
    """A function of each capsule alone: `size` channels that follow each other, of one position."""

    size: int

    equivariant = True
    real_only = True

    def __post_init__(self) -> None:
        """Check the size."""
        object.__setattr__(self, "size", check_count(self.size, "size"))

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        check_whole(in_shape, self.size, type(self).__name__)
        return in_shape


@dataclass(frozen=True, repr=False)
class Squash(OfCapsules):
    r"""M: shorten each capsule to a length below 1, and keep its direction.

    .. math:: v = \frac{|s|^2}{1 + |s|^2} \frac{s}{|s|}, \quad 0 \text{ at } s = 0

    Parameters
    ----------
    size : int
        Channels of a capsule.

    Raises
    ------
    ValueError
        From the constructor if `size` is not a positive int; from ``out_shape`` and ``build`` if the channels are not
        a multiple of it.

    Notes
    -----
    Gradient, for u = s / |s| and r = |s|: g -> r / (1 + r^2) (g + (1 - r^2) / (1 + r^2) <u, g> u), 0 at zero. Lipschitz
    constant: its steepest slope, 3 sqrt(3) / 8 = .65, along the capsule at r = 1 / sqrt(3).

    References
    ----------
    Sabour, Frosst & Hinton (2017), Dynamic routing between capsules, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Squash
    >>> s = np.array([[0.1, 0.0], [1.0, 0.0], [0.0, 3.0], [6.0, 8.0]]).reshape(4, 1, 1, 2)
    >>> np.linalg.norm(Squash(2).forward(s), axis=3).ravel().round(4)
    array([0.0099, 0.5   , 0.9   , 0.9901])
    """

    size: int

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return 3 sqrt(3) / 8."""
        return 3 * 3**0.5 / 8

    def definition(self, x: Array) -> Any:
        """Return the squashed capsules: (n, h, w, c) -> the same shape."""
        return namespace(x).reshape(squashed(_capsules(x, self.size)), x.shape)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state)."""
        s = _capsules(x, self.size)
        return self.definition(x), lambda g: (squash_gradient(s, g.reshape(s.shape)).reshape(x.shape), {}), self.state


@dataclass(frozen=True, repr=False)
class CapsuleLength(OfCapsules):
    """M: the length of each capsule, its Euclidean norm: (n, h, w, c) -> (n, h, w, c / size).

    Parameters
    ----------
    size : int
        Channels of a capsule.

    Raises
    ------
    ValueError
        As `Squash`.

    Notes
    -----
    Gradient: g times the capsule over its length, 0 at zero. Lipschitz constant: 1.

    References
    ----------
    Sabour, Frosst & Hinton (2017), Dynamic routing between capsules, section 3: the length of a class's capsule says
    how likely it is that the class is there.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import CapsuleLength
    >>> CapsuleLength(2).forward(np.array([3.0, 4.0, 0.0, 0.0]).reshape(1, 1, 1, 4)).ravel()
    array([5., 0.])
    """

    size: int

    homogeneous = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        h, w, c = super()._out_shape(in_shape)
        return h, w, c // self.size

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def definition(self, x: Array) -> Any:
        """Return the lengths."""
        return channel_norms(_capsules(x, self.size))[..., 0]

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, g -> g s / norm(s), state)."""
        s = _capsules(x, self.size)
        norms = channel_norms(s)
        unit = s / np.where(norms > 0, norms, 1)
        return norms[..., 0], lambda g: ((g[..., None] * unit).reshape(x.shape), {}), self.state


def check_whole(in_shape: Shape3, size: int, name: str) -> int:
    """Return how many capsules of `size` channels maps of `in_shape` hold; raise ValueError if one were cut."""
    h, w, c = in_shape
    if c % size:
        raise ValueError(
            f"{name} needs capsules of {size} channels, its input has {c}: a multiple of {size} is wanted."
        )
    return h * w * (c // size)


def _capsules(x: Any, size: int) -> Any:
    """Return maps (n, h, w, c) as capsules (n, h, w, c / size, size)."""
    return namespace(x).reshape(x, (*x.shape[:3], -1, size))


def squashed(s: Any) -> Any:
    """Return squash of `s` (..., size) along its last axis; no square of a norm overflows."""
    xp = namespace(s)
    norms = channel_norms(s)
    long, ones = norms > 1, xp.ones_like(norms)
    beyond, within = xp.where(long, norms, ones), xp.where(long, ones, norms)  # neither has a kink at the norm 1
    less = 1 / beyond
    return xp.where(long, (s / beyond) * (1 / (1 + less * less)), s * (within / (1 + within * within)))


def squash_gradient(s: NDArray, g: NDArray) -> NDArray:
    """Return the gradient in `s` (..., size) of <g, squash(s)>."""
    norms = channel_norms(s)
    less = np.where(norms > 1, 1 / np.maximum(norms, 1), norms)
    unit = s / np.where(norms > 0, norms, 1)
    bend = np.where(norms > 1, -1, 1) * (1 - less * less) / (1 + less * less)
    along = (unit * g).sum(axis=-1, keepdims=True)
    return less / (1 + less * less) * (g + (bend * along).astype(g.dtype) * unit)
