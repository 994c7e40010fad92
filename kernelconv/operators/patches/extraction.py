"""P: patch extraction and its adjoint (overlap-add)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import is_foreign, namespace
from kernelconv._check import (
    Pair,
    as_padding,
    as_pair,
    check_images,
)
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Padding, Size
from kernelconv.operators.base import Part, Shape3
from kernelconv.operators.patches.borders import PADDINGS, border_index, pad_adjoint, padded

PairLike = Any  # an int or a (height, width) pair; a pair once a part has stored it
PaddingLike: TypeAlias = Padding | Size  # a name or a pair once a part has stored it


@dataclass(frozen=True, repr=False)
class PatchExtraction(Part):
    r"""P: extract every patch of a map, as the channels at one position of a new map.

    .. math:: (P x)[i, j, (k, l, c)] = x'[s i + d k, s j + d l, c]

    with x' the input padded by e - 1 px in all, (e - 1) // 2 of them before, where e = d (size - 1) + 1 is the extent
    of a patch, s the stride and d the dilation; or by zeros, if `padding` is their number on each side.

    Parameters
    ----------
    size : int or (int, int)
        Patch height and width (px).
    stride : int or (int, int)
        Step between patches (px).
    padding : {"valid", "zero", "reflect", "symmetric", "circular"}, int or (int, int)
        How the image is continued beyond its edge; "valid" takes only the patches inside. Every other name gives
        ceil(h / s) x ceil(w / s) positions. A number p, or one for rows and one for columns, is that many px of zeros
        on each side, as PyTorch counts them: (h + 2 p - e) // s + 1 positions.
    dilation : int or (int, int)
        Step between the pixels of a patch (px).

    Raises
    ------
    ValueError
        From the constructor for sizes that are not positive ints and for another padding; from ``build`` and
        ``forward`` if a patch is larger than the padded image.

    Notes
    -----
    Cost: one copy of n h' w' k_h k_w c values. Adjoint: overlap-add of the patches, borders folded back. Lipschitz
    constant: sqrt of the largest number of patch entries that read one pixel, borders included.

    References
    ----------
    Mairal, J. (2016). End-to-end kernel learning with supervised convolutional kernel networks. Section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import PatchExtraction
    >>> part = PatchExtraction(2)
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> part.forward(x).shape
    (1, 2, 2, 4)
    >>> part.forward(x)[0, 0, 0]
    array([0., 1., 3., 4.])
    """

    size: PairLike
    stride: PairLike = 1
    padding: PaddingLike = "valid"
    dilation: PairLike = 1

    linear = True
    homogeneous = True

    def __post_init__(self) -> None:
        """Read every size as a (height, width) pair."""
        for name in ("size", "stride", "dilation"):
            value = getattr(self, name)
            one = type(value) is int and value == 1  # as stride and dilation are by default: nothing to be read
            object.__setattr__(self, name, (1, 1) if one else as_pair(value, name))
        object.__setattr__(self, "padding", as_padding(self.padding, PADDINGS))

    @property
    def equivariant(self) -> bool:
        """True with circular borders: a shift by the stride then commutes with P."""
        return self.padding == "circular"

    @cached_property
    def extent(self) -> Pair:
        """Height and width (px) that a patch spans, dilation included."""
        (kh, kw), (dh, dw) = self.size, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @cached_property
    def _borders(self) -> tuple[Pair, Pair]:
        if isinstance(self.padding, tuple):
            height, width = self.padding
            return (height, height), (width, width)
        (eh, ew) = (1, 1) if self.padding == "valid" else self.extent
        return ((eh - 1) // 2, eh // 2), ((ew - 1) // 2, ew // 2)

    def borders(self) -> tuple[Pair, Pair]:
        """Return ((above, below), (left, right)) padding in px."""
        return self._borders

    @property
    def padding_mode(self) -> str:
        """What lies beyond the edge, by name: "zero" where `padding` counts px."""
        return self.padding if isinstance(self.padding, str) else "zero"

    def grid(self, in_shape: Shape3) -> Pair:
        """Return how many patches there are along rows and columns of maps (h, w, c)."""
        h, w = in_shape[0] + sum(self._borders[0]), in_shape[1] + sum(self._borders[1])
        if h < self.extent[0] or w < self.extent[1]:
            axis, padded = ("height", h) if h < self.extent[0] else ("width", w)
            raise ValueError(
                f"The patch is larger than the padded image: extent {self.extent} px, image "
                f"{tuple(in_shape[:2])} px, padded {axis} {padded} px with padding={self.padding!r}. Use a smaller "
                "patch or another padding."
            )
        return (h - self.extent[0]) // self.stride[0] + 1, (w - self.extent[1]) // self.stride[1] + 1

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return (*self.grid(in_shape), self.size[0] * self.size[1] * in_shape[2])

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return sqrt(largest overlap count): rows and columns count independently, so the counts multiply."""
        return float(np.sqrt(np.prod([overlap_count(*window).max() for window in self.windows(in_shape)])))

    def windows(self, in_shape: Shape3) -> list[tuple[Any, ...]]:
        """Return the arguments of `window_reads`, along rows and along columns."""
        per_axis = (in_shape[:2], self.grid(in_shape), self.size, self.stride, self.dilation, self.borders())
        return [(*axis, self.padding_mode) for axis in zip(*per_axis, strict=True)]

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (extent, stride)."""
        return self.extent, self.stride

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return where the first patch begins, in the border."""
        (above, _), (left, _) = self.borders()
        return -above, -left

    def definition(self, x: Array) -> Any:
        """Return the patches of `x`: (n, h, w, c) -> (n, h', w', k_h k_w c), entry by entry of a patch."""
        (kh, kw), (sh, sw), (dh, dw) = self.size, self.stride, self.dilation
        gh, gw = self.grid(x.shape[1:])
        x = padded(x, *self.borders(), self.padding_mode)
        rows = [slice(k * dh, k * dh + (gh - 1) * sh + 1, sh) for k in range(kh)]
        columns = [slice(k * dw, k * dw + (gw - 1) * sw + 1, sw) for k in range(kw)]
        return namespace(x).concat([x[:, r, c, :] for r in rows for c in columns], axis=3)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        n, h, w, c = shape
        (kh, kw), (sh, sw), (dh, dw) = self.size, self.stride, self.dilation
        gh, gw = self.grid((h, w, c))
        rows, columns = self.borders()
        out = np.zeros((n, h + sum(rows), w + sum(columns), c), y.dtype)
        y = y.reshape(n, gh, gw, kh, kw, c)
        for k in range(kh):
            for j in range(kw):
                i0, j0 = k * dh, j * dw
                out[:, i0 : i0 + (gh - 1) * sh + 1 : sh, j0 : j0 + (gw - 1) * sw + 1 : sw] += y[:, :, :, k, j]
        return pad_adjoint(out, rows, columns, self.padding_mode)


def window_reads(n: int, grid: int, size: int, stride: int, dilation: int, border: Pair, padding: str) -> NDArray:
    """Return the positions of a line of `n` that each of `grid` windows reads, (grid, size); -1 is a zero."""
    index = np.arange(n) if padding == "valid" else border_index(n, *border, padding)
    return index[np.arange(grid)[:, None] * stride + np.arange(size) * dilation]


def overlap_count(n: int, *window: Any) -> NDArray:
    """Return, for each of `n` positions of a line, how many entries of `window_reads` read it."""
    read = window_reads(n, *window).ravel()
    return np.bincount(read[read >= 0], minlength=n)


def extract_patches(
    x: NDArray, size: Size, stride: Size = 1, padding: PaddingLike = "valid", dilation: Size = 1
) -> NDArray:
    """Return every patch of `x` (n, h, w, c) as (n, h', w', k_h k_w c): `PatchExtraction` as a function.

    Raises
    ------
    ValueError
        As `PatchExtraction`, and if `x` is not maps of finite real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import extract_patches
    >>> extract_patches(np.ones((2, 5, 5, 3)), 3, padding="zero").shape
    (2, 5, 5, 27)
    """
    x = x if is_foreign(x) else check_images(x, channels_last=False)
    return PatchExtraction(size, stride, padding, dilation).forward(x)


def extract_patches_adjoint(
    p: NDArray,
    shape: Shape3,
    size: Size,
    stride: Size = 1,
    padding: PaddingLike = "valid",
    dilation: Size = 1,
) -> NDArray:
    """Return P* p, the overlap-add of patches `p` (n, h', w', k_h k_w c) into maps of `shape` (h, w, c).

    Raises
    ------
    ValueError
        As `PatchExtraction`, and if `p` is not maps of finite real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import extract_patches_adjoint
    >>> extract_patches_adjoint(np.ones((1, 2, 2, 4)), (3, 3, 1), 2)[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    p = p if is_foreign(p) else check_images(p, name="p", channels_last=False)
    return PatchExtraction(size, stride, padding, dilation).build(shape).adjoint(p)
