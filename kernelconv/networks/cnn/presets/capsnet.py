"""A small network of capsules."""

from __future__ import annotations

from kernelconv._check import check_count
from kernelconv._types.parameters import Padding
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import CapsuleLength, Convolution, ReLU, RoutedDense, Squash, Standardization
from kernelconv.operators.base import Shape3


def capsnet(
    in_shape: Shape3,
    n_outputs: int,
    *,
    n_filters: int = 16,
    n_capsules: int = 4,
    capsule_size: int = 8,
    class_capsule_size: int = 16,
    filter_size: int = 9,
    routings: int = 3,
) -> Network:
    """Return two convolutions, the second one's channels read as capsules, and a capsule a class, routed to from them.

    The scores are the lengths of the classes' capsules, from 0 to 1: train it by the margin loss. The plan is the
    paper's, made narrower: that has 256 filters and 32 capsules of 8 channels at each position (the second convolution
    256 filters, moved by two pixels), 8.2 million parameters with its decoder. Where an axis is shorter than the
    filters a convolution sees zeros around the maps, along both axes.

    References
    ----------
    Sabour, Frosst & Hinton (2017), Dynamic routing between capsules, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import capsnet
    >>> network = capsnet((28, 28, 1), 10).build((28, 28, 1), np.random.default_rng(0))
    >>> print(network.summary())
    part                 output  field  stride   params  multiply-adds
    input               28x28x1    1x1     1x1        0              0
    standardization_1   28x28x1    1x1     1x1        0              0
    convolution_2      20x20x16    9x9     1x1    1,312        518,400
    relu_3             20x20x16    9x9     1x1        0              0
    convolution_4        6x6x32  17x17     2x2   41,504      1,492,992
    squash_5             6x6x32  17x17     2x2        0              0
    routeddense_6       1x1x160  27x27   12x12  184,320        299,520
    capsulelength_7      1x1x10  27x27   12x12        0              0
    total                                       227,136      2,310,912
    """
    sizes = {"n_filters": n_filters, "n_capsules": n_capsules, "capsule_size": capsule_size}
    sizes |= {"class_capsule_size": class_capsule_size, "filter_size": filter_size}
    n_filters, n_capsules, capsule_size, class_capsule_size, filter_size = (
        check_count(value, name) for name, value in sizes.items()
    )
    first = Convolution(n_filters, filter_size, padding=_border(in_shape, filter_size))
    maps = first.out_shape(in_shape)
    second = Convolution(n_capsules * capsule_size, filter_size, 2, _border(maps, filter_size))
    routed = RoutedDense(n_outputs, class_capsule_size, capsule_size, routings)
    lengths = CapsuleLength(class_capsule_size)
    return serial(Standardization(), first, ReLU(), second, Squash(capsule_size), routed, lengths)


def _border(shape: Shape3, size: int) -> Padding:
    """Return the padding of filters on maps of `shape`: none where they fit."""
    return "valid" if min(shape[:2]) >= size else "zero"
