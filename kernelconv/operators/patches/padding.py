"""Pad and Crop: pixels added around a map, and taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_pair, check_choice
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border
from kernelconv.operators.base import Part, Shape3
from kernelconv.operators.patches.borders import PADDINGS, border_index, pad, pad_adjoint, padded


@dataclass(frozen=True, repr=False)
class Pad(Part):
    """Pad maps by a given number of pixels on each side.

    Parameters
    ----------
    rows, columns : int or pair of int
        Pixels (above, below), and (left, right); an int is used for both.
    padding : {"zero", "reflect", "symmetric", "circular"}
        What lies there, as ``numpy.pad``, whose names for the first and the last are "constant" and "wrap".

    Raises
    ------
    ValueError
        If a number of pixels is not an int >= 0, or for another padding.

    Notes
    -----
    Adjoint: the values in the border are added to the pixels that they were read from. Lipschitz constant: the root of
    the largest number of times that one pixel appears.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Pad
    >>> Pad(0, (2, 1), "symmetric").forward(np.arange(3.0).reshape(1, 1, 3, 1)).ravel()
    array([1., 0., 0., 1., 2., 2.])
    """

    rows: Any
    columns: Any
    padding: Border = "zero"

    linear = True
    homogeneous = True

    def __post_init__(self) -> None:
        """Check every field."""
        object.__setattr__(self, "rows", as_pair(self.rows, "rows", 0))
        object.__setattr__(self, "columns", as_pair(self.columns, "columns", 0))
        check_choice(self.padding, "padding", PADDINGS[1:])

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return sum(self.rows) + in_shape[0], sum(self.columns) + in_shape[1], in_shape[2]

    def _lipschitz(self, in_shape: Shape3) -> float:
        most = 1.0
        for n, border in zip(in_shape, (self.rows, self.columns), strict=False):
            index = border_index(n, *border, self.padding)
            most *= np.bincount(index[index >= 0]).max()
        return float(np.sqrt(most))

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return (-above, -left), where the border begins."""
        return -self.rows[0], -self.columns[0]

    def definition(self, x: Array) -> Any:
        """Return the maps continued: (n, h, w, c) -> (n, above + h + below, left + w + right, c)."""
        return padded(x, self.rows, self.columns, self.padding)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return pad_adjoint(y, self.rows, self.columns, self.padding)


@dataclass(frozen=True, repr=False)
class Crop(Part):
    """Remove pixels from each side of a map.

    Parameters
    ----------
    rows, columns : int or pair of int
        Pixels (above, below), and (left, right); an int is used for both.

    Raises
    ------
    ValueError
        If a number of pixels is not an int >= 0; from ``out_shape`` and ``build`` if nothing is left.

    Notes
    -----
    Adjoint: `Pad` with zeros. Lipschitz constant 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Crop
    >>> Crop(0, (1, 2)).forward(np.arange(5.0).reshape(1, 1, 5, 1)).ravel()
    array([1., 2.])
    """

    rows: Any
    columns: Any

    linear = True
    homogeneous = True

    def __post_init__(self) -> None:
        """Check every field."""
        object.__setattr__(self, "rows", as_pair(self.rows, "rows", 0))
        object.__setattr__(self, "columns", as_pair(self.columns, "columns", 0))

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        h, w = in_shape[0] - sum(self.rows), in_shape[1] - sum(self.columns)
        if h < 1 or w < 1:
            raise ValueError(f"{self!r} leaves nothing of maps of {in_shape[0]} x {in_shape[1]} pixels.")
        return h, w, in_shape[2]

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return (above, left), the first pixel that is kept."""
        return self.rows[0], self.columns[0]

    def definition(self, x: Array) -> Any:
        """Return the cropped maps: (n, h, w, c) -> (n, h - above - below, w - left - right, c)."""
        (above, below), (left, right) = self.rows, self.columns
        return x[:, above : x.shape[1] - below, left : x.shape[2] - right, :]

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return pad(y, self.rows, self.columns, "zero")
