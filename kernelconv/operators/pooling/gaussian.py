"""A: Gaussian pooling with subsampling, a separable pair of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import indices, like, namespace
from kernelconv._check import Pair, as_pair, check_choice, check_positive
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border
from kernelconv.operators.base import Part, Shape3
from kernelconv.operators.patches.borders import PADDINGS, border_index
from kernelconv.operators.patches.extraction import PairLike

#: Standard deviations (px) from where a window is its centre alone to where it no longer fits a computer.
SCALES = 1e-3, 1e4
#: Positions of a line up to which the definition multiplies by a matrix.
LONGEST_OF_MATRIX = 1024


def gaussian_radius(subsampling: int, scale: float) -> int:
    """Return how far (px) the window reaches: sqrt(2) scale, and at least 1 where positions are skipped."""
    return max(int(np.sqrt(2) * scale + 1e-6), int(subsampling > 1))


def first_kept(n: int, subsampling: int) -> int:
    """Return the first of the positions 0, s, 2 s, ... of a line of `n`, once these are centred on it."""
    return (n - 1) % subsampling // 2


def gaussian_windows(n: int, subsampling: int, scale: float, padding: str) -> tuple[NDArray, NDArray]:
    """Return the positions of a line of `n` that each window reads, (ceil(n / s), 2 radius + 1), and its weights.

    Weights exp(-i^2 / (2 scale^2)) for abs(i) <= sqrt(2) scale (at least 1 where s > 1), normalised to sum one; the
    kept positions are centred on the line (to half a step); borders are read as `padding` says, -1 is a zero.
    """
    radius = gaussian_radius(subsampling, scale)
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * scale**2))
    weights /= weights.sum()
    kept = np.arange(first_kept(n, subsampling), n, subsampling)
    index = border_index(n, radius, radius, padding)
    return index[kept[:, None] + np.arange(2 * radius + 1)], weights


@lru_cache(maxsize=64)
def gaussian_matrix(n: int, subsampling: int, scale: float, padding: str) -> NDArray:
    """Return the (ceil(n / s), n) matrix that blurs a line of `n` positions and keeps every s-th.

    Examples
    --------
    >>> gaussian_matrix(4, 2, 2**0.5, "symmetric").round(2)
    array([[0.54, 0.35, 0.11, 0.  ],
           [0.11, 0.24, 0.3 , 0.35]])
    """
    reads, weights = gaussian_windows(n, subsampling, scale, padding)
    row, k = np.nonzero(reads >= 0)
    matrix = np.zeros((len(reads), n))
    np.add.at(matrix, (row, reads[row, k]), weights[k])
    matrix.flags.writeable = False  # cached and shared
    return matrix


@dataclass(frozen=True, repr=False)
class GaussianPooling(Part):
    r"""A: Gaussian blur, then subsampling, as one separable pair of matrices.

    .. math:: (A x)[i, j] = \sum_{k, l} g_k g_l \, x[s i + o + k, s j + o' + l], \; g_k \propto e^{-k^2 / 2 \sigma^2}

    for abs(k) <= sqrt(2) sigma (and for abs(k) <= 1 where s > 1), sum of g one. The ceil(h / s) x ceil(w / s) positions
    are centred by o, o'.

    Parameters
    ----------
    subsampling : int or (int, int)
        s, the step between kept positions (px).
    scale : float, optional
        sigma (px), 1e-3 to 1e4; by default s / sqrt(2), so that the window spans s px on each side.
    padding : {"symmetric", "zero", "reflect", "circular"}
        How the map is continued beyond its edge.

    Raises
    ------
    ValueError
        From the constructor for values out of range.

    Notes
    -----
    Cost: n c (h' h w + h' w' w) multiply-adds. Adjoint: the transposed matrices. Lipschitz constant: the product of
    the two spectral norms, in O(h^3 + w^3), at most 1 with symmetric, zero and circular borders; "reflect" gives about
    1.013 per axis on wide maps, up to 1.1 on maps of a few px. A NaN or an infinity may spread beyond its window, over
    its channel: its products with zeros of the matrices are NaN.

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import GaussianPooling
    >>> GaussianPooling(2).forward(np.ones((1, 5, 6, 3))).shape
    (1, 3, 3, 3)
    """

    subsampling: PairLike = 2
    scale: float | None = None
    padding: Border = "symmetric"

    linear = True
    homogeneous = True
    channelwise = True

    def __post_init__(self) -> None:
        """Read the subsampling as a pair and check the rest."""
        object.__setattr__(self, "subsampling", as_pair(self.subsampling, "subsampling"))
        if self.scale is not None:
            check_positive(self.scale, "scale")
        for scale in map(self.scale_of, self.subsampling):
            if not SCALES[0] <= scale <= SCALES[1]:
                got = f"{scale:g}" + (f", that of subsampling={self.subsampling}" if self.scale is None else "")
                raise ValueError(f"scale must be from {SCALES[0]:g} to {SCALES[1]:g} px, got {got}.")
        check_choice(self.padding, "padding", PADDINGS[1:])

    @property
    def equivariant(self) -> bool:
        """True with circular borders, on maps whose sides are multiples of the subsampling."""
        return self.padding == "circular"

    def scale_of(self, subsampling: int) -> float:
        """Return sigma (px) along an axis of this `subsampling`."""
        return subsampling / 2**0.5 if self.scale is None else self.scale

    def matrices(self, in_shape: Shape3) -> tuple[NDArray, NDArray]:
        """Return the row and the column matrix, (h', h) and (w', w)."""
        rows, columns = (
            gaussian_matrix(n, s, self.scale_of(s), self.padding)
            for n, s in zip(in_shape[:2], self.subsampling, strict=True)
        )
        return rows, columns

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return (*(-(-n // s) for n, s in zip(in_shape[:2], self.subsampling, strict=True)), in_shape[2])

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return the spectral norm, exactly."""
        return float(np.prod([np.linalg.norm(m, 2) for m in self.matrices(in_shape)]))

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (2 radius + 1, subsampling)."""
        reach = tuple(2 * gaussian_radius(s, self.scale_of(s)) + 1 for s in self.subsampling)
        return reach, self.subsampling

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return the first kept position less the radius, along each axis."""
        rows, columns = (
            first_kept(n, s) - gaussian_radius(s, self.scale_of(s))
            for n, s in zip(in_shape[:2], self.subsampling, strict=True)
        )
        return rows, columns

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return c (h' h w + h' w w'), of rows, then columns."""
        h, w, c = in_shape
        gh, gw, _ = self.out_shape(in_shape)
        return c * gh * w * (h + gw)

    def definition(self, x: Array) -> Any:
        """Return A x: (n, h, w, c) -> (n, h', w', c)."""
        if max(x.shape[1:3]) > LONGEST_OF_MATRIX:
            return self._by_windows(x)
        xp = namespace(x)
        rows, columns = (like(matrix, x) for matrix in self.matrices(x.shape[1:]))
        y = xp.tensordot(rows, x, axes=((1,), (1,)))  # (h', n, w, c)
        y = xp.tensordot(like(columns, y), y, axes=((1,), (2,)))  # (w', h', n, c)
        return xp.permute_dims(y, (2, 1, 0, 3))

    def _by_windows(self, x: Array) -> Any:
        """Return A x as a sum over the places of a window: the matrix of a long line would be larger than the maps."""
        xp = namespace(x)
        for axis, s in zip((1, 2), self.subsampling, strict=True):
            reads, weights = gaussian_windows(x.shape[axis], s, self.scale_of(s), self.padding)
            shape = [len(reads) if k == axis else 1 for k in range(4)]
            total: Any = 0
            for at, weight in zip(reads.T, weights, strict=True):
                inside = like(np.where(at < 0, 0.0, weight).reshape(shape), x)
                total = total + inside * xp.take(x, indices(np.maximum(at, 0), x), axis=axis)
            x = total
        return x

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        rows, columns = (matrix.astype(y.dtype) for matrix in self.matrices(shape[1:]))
        return np.einsum("ih,nijc,jw->nhwc", rows, y, columns, optimize=True)
