"""A small Inception network: filters of two sizes side by side."""

from __future__ import annotations

from kernelconv._check import check_flag
from kernelconv.networks.cnn.presets.blocks import convolved, overlapping, widened
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Concat, Dense, GlobalPooling, Standardization
from kernelconv.operators.base import Part, Shape3

#: Maps of the 1x1 and the 3x3 filters of each module; one number: those of a module that halves the size.
MODULES: tuple[tuple[int, ...], ...] = (
    (32, 32),
    (32, 48),
    (80,),
    (112, 48),
    (96, 64),
    (80, 80),
    (48, 96),
    (96,),
    (176, 160),
    (176, 160),
)


def inception(in_shape: Shape3, n_outputs: int, *, width: float = 1.0, batch_norm: bool = True) -> Network:
    """Return a small Inception network: 1x1 and 3x3 filters side by side, eight times, and a global average.

    A 3x3 convolution of 96 comes first; after the second and the sixth module a 3x3 convolution at stride 2 and a max
    pooling, side by side, halve the size. On 28 x 28 x 3 images of ten classes it has the paper's 1,649,402 parameters
    with a bias a map (``batch_norm=False``), and 1,651,114 with batch normalisation, whose shifts are the biases
    and whose 1,712 scales the paper does not count. GoogLeNet, the first of its kind, has 5x5 filters and a pooling in
    its modules too.

    Parameters
    ----------
    in_shape : tuple (h, w, c)
        Shape of one image.
    n_outputs : int
        Classes, or targets.
    width : float
        What the numbers of maps are multiplied by.
    batch_norm : bool
        Normalise after each convolution, which then has no bias.

    Raises
    ------
    ValueError
        If `width` is not a number > 0, or `batch_norm` not True or False.

    References
    ----------
    Szegedy et al. (2015), Going deeper with convolutions, CVPR, figure 2; Zhang, Bengio, Hardt, Recht & Vinyals (2017),
    Understanding deep learning requires rethinking generalization, figure 3, "Inception (small)".

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import inception
    >>> network = inception((28, 28, 3), 10).build((28, 28, 3), np.random.default_rng(0))
    >>> network.n_params()
    1651114
    >>> print(network.summary().splitlines()[-4])
    concat_14            7x7x336  45x45     4x4    543,648     26,605,824
    """
    norm = check_flag(batch_norm, "batch_norm")
    parts: list[Part] = [Standardization(), *convolved(widened(96, width), 3, batch_norm=norm)]
    parts += [_module([widened(n, width) for n in widths], norm) for widths in MODULES]
    return serial(*parts, GlobalPooling(), Dense(n_outputs))


def _module(widths: list[int], batch_norm: bool) -> Part:
    """Return filters of 1x1 and 3x3 side by side; of one width, filters at stride 2 beside a pooling."""
    if len(widths) == 1:
        return Concat(serial(*convolved(widths[0], 3, 2, batch_norm=batch_norm)), serial(*overlapping()))
    sizes = zip(widths, (1, 3), strict=True)
    return Concat(*(serial(*convolved(n, size, batch_norm=batch_norm)) for n, size in sizes))
