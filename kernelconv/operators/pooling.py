"""A: Gaussian, average, max and global pooling with subsampling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, as_pair, check_choice, check_positive
from kernelconv.operators.base import Part, Pullback, Shape3, State
from kernelconv.operators.borders import PADDINGS, border_index
from kernelconv.operators.patches import PairLike, PatchExtraction


def gaussian_radius(subsampling: int, scale: float) -> int:
    """Return how far (px) the window reaches: sqrt(2) scale, and at least 1 where positions are skipped."""
    return max(int(np.sqrt(2) * scale + 1e-6), int(subsampling > 1))


@lru_cache(maxsize=256)
def gaussian_matrix(n: int, subsampling: int, scale: float, padding: str) -> NDArray:
    """Return the (ceil(n / s), n) matrix that blurs a line of `n` positions and keeps every s-th.

    Weights exp(-i^2 / (2 scale^2)) for abs(i) <= sqrt(2) scale (at least 1 where s > 1), normalised to sum one; the
    kept positions are centred on the line (to half a step); borders are read as `padding` says.

    Examples
    --------
    >>> gaussian_matrix(4, 2, 2**0.5, "symmetric").round(2)
    array([[0.54, 0.35, 0.11, 0.  ],
           [0.11, 0.24, 0.3 , 0.35]])
    """
    radius = gaussian_radius(subsampling, scale)
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * scale**2))
    weights /= weights.sum()
    kept = np.arange(0, n, subsampling)
    kept += (n - 1 - kept[-1]) // 2
    index = border_index(n, radius, radius, padding)
    matrix = np.zeros((len(kept), n))
    for row, centre in enumerate(kept):
        read = index[centre : centre + 2 * radius + 1]
        np.add.at(matrix[row], read[read >= 0], weights[read >= 0])
    matrix.flags.writeable = False  # cached and shared
    return matrix


@dataclass(frozen=True, repr=False)
class GaussianPooling(Part):
    r"""A: Gaussian blur, then subsampling, as one separable pair of matrices.

    .. math:: (A x)[i, j] = \sum_{k, l} g_k g_l \, x[s i + o + k, s j + o' + l], \; g_k \propto e^{-k^2 / 2 \sigma^2}

    for abs(k) <= sqrt(2) sigma, sum of g one. The ceil(h / s) x ceil(w / s) positions are centred by o, o'.

    Parameters
    ----------
    subsampling : int or (int, int)
        s, the step between kept positions (px).
    scale : float, optional
        sigma (px); by default s / sqrt(2), so that the window spans s px on each side.
    padding : {"symmetric", "zero", "reflect", "circular"}
        How the map goes on beyond its edge.

    Raises
    ------
    ValueError
        From the constructor for values out of range.

    Notes
    -----
    Cost: n c (h' h w + h' w' w) multiply-adds. Adjoint: the transposed matrices. Lipschitz constant: the product of
    the two spectral norms, at most 1 with symmetric, zero and circular borders; reflect gives up to 1.009 an axis.

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> GaussianPooling(2).forward(np.ones((1, 5, 6, 3))).shape
    (1, 3, 3, 3)
    """

    subsampling: PairLike = 2
    scale: float | None = None
    padding: str = "symmetric"

    linear = True
    homogeneous = True

    def __post_init__(self) -> None:
        """Read the subsampling as a pair and check the rest."""
        object.__setattr__(self, "subsampling", as_pair(self.subsampling, "subsampling"))
        if self.scale is not None:
            check_positive(self.scale, "scale")
        check_choice(self.padding, "padding", PADDINGS[1:])

    @property
    def equivariant(self) -> bool:
        """True with circular borders, on maps whose sides are multiples of the subsampling."""
        return self.padding == "circular"

    def _scale(self, subsampling: int) -> float:
        return subsampling / 2**0.5 if self.scale is None else self.scale

    def matrices(self, in_shape: Shape3) -> tuple[NDArray, NDArray]:
        """Return the row and the column matrix, (h', h) and (w', w)."""
        rows, columns = (
            gaussian_matrix(n, s, self._scale(s), self.padding)
            for n, s in zip(in_shape[:2], self.subsampling, strict=True)
        )
        return rows, columns

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return (ceil(h / s), ceil(w / s), c)."""
        return tuple(-(-in_shape[a] // self.subsampling[a]) for a in (0, 1)) + in_shape[2:]

    def lipschitz(self, in_shape: Shape3) -> float:
        """Return the spectral norm, exactly."""
        return float(np.prod([np.linalg.norm(m, 2) for m in self.matrices(in_shape)]))

    def window(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (2 radius + 1, subsampling)."""
        reach = tuple(2 * gaussian_radius(s, self._scale(s)) + 1 for s in self.subsampling)
        return reach, self.subsampling

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return c (h w w' + h h' w')."""
        h, w, c = in_shape
        gh, gw, _ = self.out_shape(in_shape)
        return c * h * gw * (w + gh)

    def forward(self, x: NDArray) -> NDArray:
        """Return A x: (n, h, w, c) -> (n, h', w', c)."""
        return separable(x, *self.matrices(x.shape[1:]))

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        rows, columns = self.matrices(shape[1:])
        return separable(y, rows.T, columns.T)


def separable(x: NDArray, rows: NDArray, columns: NDArray) -> NDArray:
    """Return R x C' for every image and channel: `x` (n, h, w, c), `rows` (h', h), `columns` (w', w)."""
    n, h, _, c = x.shape
    x = np.matmul(columns.astype(x.dtype), x)  # (n, h, w', c)
    out = np.matmul(rows.astype(x.dtype), x.reshape(n, h, -1))
    return out.reshape(n, len(rows), len(columns), c)


def _window_spec(part: Any) -> None:
    object.__setattr__(part, "size", as_pair(part.size, "size"))
    object.__setattr__(part, "stride", part.size if part.stride is None else as_pair(part.stride, "stride"))


@dataclass(frozen=True, repr=False)
class AveragePooling(Part):
    r"""A: the mean of each window, (A x)[i, j] = mean of x[s i + k, s j + l] over 0 <= k, l < size.

    Parameters
    ----------
    size : int or (int, int)
        Window (px).
    stride : int or (int, int), optional
        Step (px); by default the size.
    padding : {"valid", "zero", "reflect", "symmetric", "circular"}
        As `PatchExtraction`; zeros beyond the edge count in the mean.

    Notes
    -----
    Adjoint: each value spread evenly over its window. Lipschitz constant: that of P over size.

    Examples
    --------
    >>> import numpy as np
    >>> AveragePooling(2).forward(np.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    array([1.5])
    """

    size: PairLike = 2
    stride: PairLike = None
    padding: str = "valid"

    linear = True
    homogeneous = True

    def __post_init__(self) -> None:
        """Read size and stride as pairs."""
        _window_spec(self)
        check_choice(self.padding, "padding", PADDINGS)

    @property
    def patches(self) -> PatchExtraction:
        """The windows, as a patch extraction."""
        return PatchExtraction(self.size, self.stride, self.padding)

    @property
    def equivariant(self) -> bool:
        """True with circular borders."""
        return self.patches.equivariant

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return (h', w', c)."""
        return (*self.patches.out_shape(in_shape)[:2], in_shape[2])

    def lipschitz(self, in_shape: Shape3) -> float:
        """Return sqrt(largest overlap count / window area)."""
        return self.patches.lipschitz(in_shape) / float(np.sqrt(np.prod(self.size)))

    def window(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (size, stride)."""
        return self.size, self.stride

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the number of values read."""
        return int(np.prod(self.patches.out_shape(in_shape)))

    def forward(self, x: NDArray) -> NDArray:
        """Return the means: (n, h, w, c) -> (n, h', w', c)."""
        p = self.patches.forward(x)
        return p.reshape(*p.shape[:3], -1, x.shape[3]).mean(axis=3)

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
    >>> x = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    >>> MaxPooling(2).forward(x[None, :, :, None])[0, :, :, 0]
    array([[6., 8.],
           [3., 4.]])
    """

    size: PairLike = 2
    stride: PairLike = None

    homogeneous = True

    def __post_init__(self) -> None:
        """Read size and stride as pairs."""
        _window_spec(self)

    @property
    def patches(self) -> PatchExtraction:
        """The windows, as a patch extraction."""
        return PatchExtraction(self.size, self.stride)

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return (h', w', c)."""
        return (*self.patches.out_shape(in_shape)[:2], in_shape[2])

    def lipschitz(self, in_shape: Shape3) -> float:
        """Return sqrt(largest number of windows over one pixel)."""
        return self.patches.lipschitz(in_shape)

    def window(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (size, stride)."""
        return self.size, self.stride

    def _views(self, x: NDArray, axis: int) -> list[NDArray]:
        """Return, for each place in a window along `axis`, the view of what it sees."""
        size, stride = self.size[axis - 1], self.stride[axis - 1]
        positions = (x.shape[axis] - size) // stride + 1
        cut = [slice(k, k + (positions - 1) * stride + 1, stride) for k in range(size)]
        return [x[:, s] if axis == 1 else x[:, :, s] for s in cut]

    def _along(self, x: NDArray, axis: int) -> NDArray:
        """Return the maxima of the windows along one axis."""
        first, *rest = self._views(x, axis)
        if not rest:
            return first
        out = np.maximum(first, rest[0])
        for view in rest[1:]:
            np.maximum(out, view, out=out)
        return out

    def _along_pullback(self, x: NDArray, y: NDArray, g: NDArray, axis: int) -> NDArray:
        """Return the gradient of ``y = _along(x, axis)``: `g` goes to the first maximum of each window."""
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

    def forward(self, x: NDArray) -> NDArray:
        """Return the maxima: (n, h, w, c) -> (n, h', w', c)."""
        self.out_shape(x.shape[1:])
        y = self._along(self._along(x, 2), 1)
        return y.copy() if y.base is not None else y

    def linearize(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (maxima, pullback, state); the gradient goes to the first maximum of each window.

        Columns first, then rows: the first row that holds the maximum, and in it the first column.
        """
        self.out_shape(x.shape[1:])
        rows = self._along(x, 2)
        y = self._along(rows, 1)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            return self._along_pullback(x, rows, self._along_pullback(rows, y, g, 1), 2), {}

        return y, pullback, self.state


def _put(target: NDArray, values: NDArray, alone: bool) -> None:
    if alone:
        target[...] = values
    else:
        target += values


@dataclass(frozen=True, repr=False)
class GlobalPooling(Part):
    """A: one value a channel, the mean or the maximum over all positions.

    Parameters
    ----------
    kind : {"average", "max"}
        Which of the two.

    Notes
    -----
    Lipschitz constant: 1 / sqrt(h w) for the mean, 1 for the maximum.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalPooling().forward(np.arange(8.0).reshape(1, 2, 2, 2)).ravel()
    array([3., 4.])
    """

    kind: str = "average"

    homogeneous = True

    def __post_init__(self) -> None:
        """Check the kind."""
        check_choice(self.kind, "kind", ("average", "max"))

    @property
    def linear(self) -> bool:
        """True for the mean."""
        return self.kind == "average"

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return (1, 1, c)."""
        return 1, 1, in_shape[2]

    def lipschitz(self, in_shape: Shape3) -> float:
        """Return 1 / sqrt(h w), or 1."""
        return 1 / float(np.sqrt(in_shape[0] * in_shape[1])) if self.linear else 1.0

    def window(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the whole map."""
        return in_shape[:2], in_shape[:2]

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h w c."""
        return int(np.prod(in_shape))

    def forward(self, x: NDArray) -> NDArray:
        """Return the mean or the maximum: (n, h, w, c) -> (n, 1, 1, c)."""
        if self.linear:
            return x.mean(axis=(1, 2), keepdims=True)
        return x.max(axis=(1, 2), keepdims=True)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return np.broadcast_to(y / (shape[1] * shape[2]), shape).copy()

    def linearize(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (value, pullback, state); the maximum's gradient goes to the first one in row-major order."""
        if self.linear:
            return super().linearize(x, train=train, rng=rng)
        n, _, _, c = x.shape
        first = x.reshape(n, -1, c).argmax(axis=1)[:, None]  # (n, 1, c)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            gx = np.zeros((n, x.shape[1] * x.shape[2], c), g.dtype)
            np.put_along_axis(gx, first, g.reshape(n, 1, c), axis=1)
            return gx.reshape(x.shape), {}

        return self.forward(x), pullback, self.state
