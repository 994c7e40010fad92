"""A: average, max and global pooling; Gaussian pooling is in `gaussian`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import Pair, as_pair
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Pullback, Shape3, State
from kernelconv.operators.patches.extraction import PaddingLike, PairLike, PatchExtraction


def _window_spec(part: Any) -> None:
    object.__setattr__(part, "size", as_pair(part.size, "size"))
    object.__setattr__(part, "stride", part.size if part.stride is None else as_pair(part.stride, "stride"))


#: Number of positions above which NumPy takes their mean in double precision.
MANY_POSITIONS = 256


@dataclass(frozen=True, repr=False)
class AveragePooling(Part):
    r"""A: the mean of each window, (A x)[i, j] = mean of x[s i + k, s j + l] over 0 <= k, l < size.

    Parameters
    ----------
    size : int or (int, int)
        Window (px).
    stride : int or (int, int), optional
        Step (px); by default the size.
    padding : {"valid", "zero", "reflect", "symmetric", "circular"}, int or (int, int)
        As `PatchExtraction`; zeros beyond the edge count in the mean.

    Notes
    -----
    Adjoint: each value spread evenly over its window. Lipschitz constant: that of P over the root of the window's area.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import AveragePooling
    >>> AveragePooling(2).forward(np.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    array([1.5])
    """

    size: PairLike = 2
    stride: PairLike = None
    padding: PaddingLike = "valid"

    linear = True
    homogeneous = True
    channelwise = True

    def __post_init__(self) -> None:
        """Read size and stride as pairs, padding as P does."""
        _window_spec(self)
        object.__setattr__(self, "padding", self.patches.padding)

    @cached_property
    def patches(self) -> PatchExtraction:
        """The windows, as a patch extraction."""
        return PatchExtraction(self.size, self.stride, self.padding)

    @property
    def equivariant(self) -> bool:
        """True with circular borders."""
        return self.patches.equivariant

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return (*self.patches.grid(in_shape), in_shape[2])

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return sqrt(largest overlap count / window area)."""
        return self.patches._lipschitz(in_shape) / float(np.sqrt(np.prod(self.size)))

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (size, stride)."""
        return self.size, self.stride

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return the start of the first window."""
        return self.patches.field_start(in_shape)

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the number of values read."""
        return int(np.prod(self.patches.out_shape(in_shape)))

    def definition(self, x: Array) -> Any:
        """Return the means: (n, h, w, c) -> (n, h', w', c)."""
        xp, p = namespace(x), self.patches.definition(x)
        return xp.mean(xp.reshape(p, (*p.shape[:3], p.shape[3] // x.shape[3], x.shape[3])), axis=3)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        area = int(np.prod(self.size))
        p = np.tile(y / area, (1, 1, 1, area))
        return self.patches._adjoint(p, shape)


@dataclass(frozen=True, repr=False)
class MaxPooling(Part):
    """A: the largest value of each window; a tie goes to the first in row-major order, as in PyTorch.

    Parameters
    ----------
    size : int or (int, int)
        Window (px).
    stride : int or (int, int), optional
        Step (px); by default the size. Rows and columns that fill no window are left out.

    Notes
    -----
    Lipschitz constant: sqrt of the number of windows that share a pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import MaxPooling
    >>> x = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    >>> MaxPooling(2).forward(x[None, :, :, None])[0, :, :, 0]
    array([[6., 8.],
           [3., 4.]])
    """

    size: PairLike = 2
    stride: PairLike = None

    homogeneous = True
    channelwise = True
    real_only = True

    def __post_init__(self) -> None:
        """Read size and stride as pairs."""
        _window_spec(self)

    @cached_property
    def patches(self) -> PatchExtraction:
        """The windows, as a patch extraction."""
        return PatchExtraction(self.size, self.stride)

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return (*self.patches.grid(in_shape), in_shape[2])

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return sqrt(largest number of windows over one pixel)."""
        return self.patches._lipschitz(in_shape)

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (size, stride)."""
        return self.size, self.stride

    def _views(self, x: NDArray, axis: int) -> list[NDArray]:
        """Return, for each place in a window along `axis`, the view of what it sees."""
        size, stride = self.size[axis - 1], self.stride[axis - 1]
        positions = (x.shape[axis] - size) // stride + 1
        cut = [slice(k, k + (positions - 1) * stride + 1, stride) for k in range(size)]
        return [x[:, s] if axis == 1 else x[:, :, s] for s in cut]

    def along(self, x: NDArray, axis: int) -> NDArray:
        """Return the maxima of the windows along one axis."""
        first, *rest = self._views(x, axis)
        if not rest:
            return first
        out = np.maximum(first, rest[0])
        for view in rest[1:]:
            np.maximum(out, view, out=out)
        return out

    def _along_pullback(self, x: NDArray, y: NDArray, g: NDArray, axis: int) -> NDArray:
        """Return the gradient of ``y = along(x, axis)``: `g` goes to the first maximum of each window."""
        size, stride = self.size[axis - 1], self.stride[axis - 1]
        tiles = size == stride and x.shape[axis] == size * y.shape[axis]  # each input is in one window
        gx = (np.empty_like if tiles else np.zeros_like)(x, g.dtype)
        sources, targets = self._views(x, axis), self._views(gx, axis)
        for view, target in zip(sources[:-1], targets[:-1], strict=True):
            here = g * (view == y)
            g = g - here  # what no earlier entry took
            _put(target, here, tiles)
        _put(targets[-1], g, tiles)
        return gx

    def definition(self, x: Array) -> Any:
        """Return the maxima: (n, h, w, c) -> (n, h', w', c)."""
        xp, p = namespace(x), self.patches.definition(x)
        p = xp.reshape(p, (*p.shape[:3], p.shape[3] // x.shape[3], x.shape[3]))
        y = p[:, :, :, 0, :]
        for k in range(1, p.shape[3]):  # of equal values the first stays, and has the gradient
            y = xp.where((y >= p[:, :, :, k, :]) | (y != y), y, p[:, :, :, k, :])
        return y

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (maxima, pullback, state); the gradient goes to the first maximum of each window.

        Columns first, then rows: the first row that holds the maximum, and in it the first column.
        """
        rows = self.along(x, 2)
        y = self.along(rows, 1)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            return self._along_pullback(x, rows, self._along_pullback(rows, y, g, 1), 2), {}

        return y, pullback, self.state


def _put(target: NDArray, values: NDArray, alone: bool) -> None:
    if alone:
        target[...] = values
    else:
        target += values
