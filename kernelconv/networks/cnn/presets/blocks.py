"""What several architectures are made of: pooling that fits any size, convolutions with batch normalisation."""

from __future__ import annotations

from kernelconv._check import check_positive
from kernelconv.operators import BatchNorm, Convolution, MaxPooling, Pad, ReLU
from kernelconv.operators.base import Part, Shape3


def halving(shape: Shape3) -> MaxPooling:
    """Return a pooling by 2 of the axes longer than one pixel."""
    return MaxPooling((min(2, shape[0]), min(2, shape[1])))


def overlapping() -> list[Part]:
    """Return a pooling of 3 px by 2 that rounds up, for maps >= 0: the zeros around them are no maximum of theirs."""
    return [Pad(1, 1), MaxPooling(3, 2)]


def after(parts: list[Part], shape: Shape3) -> Shape3:
    """Return the shape that `parts` make of `shape`."""
    for part in parts:
        shape = part.out_shape(shape)
    return shape


def normalized(width: int, size: int = 3, stride: int = 1) -> list[Part]:
    """Return a convolution with zeros around the image and batch normalisation, which makes a bias needless."""
    return [Convolution(width, size, stride=stride, padding="zero", bias=False), BatchNorm()]


def convolved(width: int, size: int, stride: int = 1, *, batch_norm: bool = True) -> list[Part]:
    """Return `normalized`, or a convolution with a bias, and ReLU."""
    if batch_norm:
        return [*normalized(width, size, stride), ReLU()]
    return [Convolution(width, size, stride=stride, padding="zero"), ReLU()]


def widened(n: int, width: float) -> int:
    """Return `n` maps or units times `width`, rounded, at least one.

    Raises
    ------
    ValueError
        If `width` is not a number > 0.
    """
    return max(1, round(n * check_positive(width, "width")))
