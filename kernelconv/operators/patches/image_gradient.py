"""Gradient maps: an image's derivatives as two channels, the first layer's input of Mairal et al. 2014."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import Pair, check_choice
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border
from kernelconv.operators.base import Part, Shape3
from kernelconv.operators.patches.borders import PADDINGS, pad, pad_adjoint, padded


@dataclass(frozen=True, repr=False)
class ImageGradient(Part):
    r"""The derivatives of a map by central differences, in rows and in columns.

    .. math:: (G x)[i, j, (0, c)] = (x'[i + 1, j, c] - x'[i - 1, j, c]) / 2, \quad
              (G x)[i, j, (1, c)] = (x'[i, j + 1, c] - x'[i, j - 1, c]) / 2

    with x' the map continued beyond its edge. A layer with patches of size 1 and an exponential kernel then compares
    the orientation of the gradient with its anchors and keeps the gradient's magnitude as the norm.

    Parameters
    ----------
    padding : {"zero", "reflect", "symmetric", "circular"}
        How the map is continued beyond its edge.

    Raises
    ------
    ValueError
        From the constructor for another padding; with "reflect", for maps of one row or column.

    Notes
    -----
    Cost: two subtractions per value. Adjoint: the transposed differences, borders folded back. Lipschitz constant: the
    root of the summed squares of the two axes' spectral norms, at most sqrt(2) for all borders but "reflect".

    References
    ----------
    Mairal, Koniusz, Harchaoui & Schmid (2014), Convolutional kernel networks, section 3.1: the gradient map.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import ImageGradient
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> ImageGradient("symmetric").forward(x)[0, 1, 1]
    array([3., 1.])
    """

    padding: Border = "symmetric"

    linear = True
    homogeneous = True

    def __post_init__(self) -> None:
        """Check the padding."""
        check_choice(self.padding, "padding", PADDINGS[1:])

    @property
    def equivariant(self) -> bool:
        """True with circular borders."""
        return self.padding == "circular"

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return (*in_shape[:2], 2 * in_shape[2])

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return the root of the sum of the squares of the two axes' spectral norms."""
        norms = [float(np.linalg.norm(_differences(n, self.padding), 2)) for n in in_shape[:2]]
        return math.hypot(*norms)

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return ((3, 3), (1, 1))."""
        return (3, 3), (1, 1)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return (-1, -1)."""
        return -1, -1

    def definition(self, x: Array) -> Any:
        """Return the derivatives: (n, h, w, c) -> (n, h, w, 2 c), those in rows first."""
        x = padded(x, (1, 1), (1, 1), self.padding)
        rows = x[:, 2:, 1:-1, :] - x[:, :-2, 1:-1, :]
        columns = x[:, 1:-1, 2:, :] - x[:, 1:-1, :-2, :]
        return namespace(x).concat([rows, columns], axis=3) / 2

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        n, h, w, c = shape
        y = y * y.dtype.type(0.5)
        out = np.zeros((n, h + 2, w + 2, c), y.dtype)
        out[:, 2:, 1:-1] += y[..., :c]
        out[:, :-2, 1:-1] -= y[..., :c]
        out[:, 1:-1, 2:] += y[..., c:]
        out[:, 1:-1, :-2] -= y[..., c:]
        return pad_adjoint(out, (1, 1), (1, 1), self.padding)


def _differences(n: int, padding: str) -> NDArray:
    """Return the (n, n) matrix of central differences along a line."""
    line = np.eye(n).reshape(n, n, 1, 1)  # one image a position
    line = pad(line, (1, 1), (0, 0), padding)[:, :, 0, 0]
    return (line[:, 2:] - line[:, :-2]).T / 2
