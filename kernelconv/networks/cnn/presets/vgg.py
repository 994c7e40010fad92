"""VGG's plan: pairs of small convolutions."""

from __future__ import annotations

from kernelconv.networks.cnn.presets.blocks import after, halving, normalized
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Dense, Dropout, Flatten, ReLU, Standardization
from kernelconv.operators.base import Part, Shape3


def vgg(in_shape: Shape3, n_outputs: int) -> Network:
    """Return VGG's plan: pairs of 3x3 convolutions with batch normalisation (32, 64, 128), each pooled by 2.

    A dense layer of 256 follows, with dropout, then the outputs. 814,570 parameters on 32 x 32 x 3 images of ten
    classes; the paper's have 133 to 144 million on 224 x 224 x 3, five groups of maps and no batch normalisation.

    References
    ----------
    Simonyan & Zisserman (2015), Very deep convolutional networks for large-scale image recognition, table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import vgg
    >>> network = vgg((32, 32, 3), 10).build((32, 32, 3), np.random.default_rng(0))
    >>> network.n_params()
    814570
    >>> print(network.summary().splitlines()[-9])
    maxpooling_21       4x4x128  36x36     8x8        0              0
    """
    parts: list[Part] = [Standardization()]
    for width in (32, 64, 128):
        parts += [*normalized(width), ReLU(), *normalized(width)]
        parts += [halving(after(parts, in_shape)), ReLU()]
    return serial(*parts, Flatten(), Dropout(0.5), Dense(256), ReLU(), Dropout(0.5), Dense(n_outputs))
