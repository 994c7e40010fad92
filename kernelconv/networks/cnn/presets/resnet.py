"""A residual network."""

from __future__ import annotations

from kernelconv.networks.cnn.presets.blocks import after, halving, normalized
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Dense, GlobalPooling, ReLU, Residual, Standardization
from kernelconv.operators.base import Part, Shape3


def resnet(in_shape: Shape3, n_outputs: int) -> Network:
    """Return a residual network: a 3x3 convolution pooled by 2, three residual blocks (32, 64, 128), global average.

    A block is ReLU(x -> branch(x) + shortcut(x)) with two normalised 3x3 convolutions in the branch; the second and
    the third block halve the size, their shortcut being a 1x1 convolution. 308,074 parameters on 28 x 28 images of ten
    classes; the paper's on 32 x 32 have 270,000 to 1.7 million, with three to eighteen blocks of each width.

    References
    ----------
    He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import resnet
    >>> network = resnet((28, 28, 1), 10).build((28, 28, 1), np.random.default_rng(0))
    >>> network.n_params()
    308074
    >>> print(network.summary().splitlines()[-5])
    residual_10         4x4x128  48x48     8x8  230,144      3,670,016
    """
    parts: list[Part] = [Standardization(), *normalized(32)]
    parts += [halving(after(parts, in_shape)), ReLU(), *_block(32, 32, 1), *_block(32, 64, 2), *_block(64, 128, 2)]
    return serial(*parts, GlobalPooling(), Dense(n_outputs))


def _block(width_in: int, width: int, stride: int) -> list[Part]:
    branch = serial(*normalized(width, 3, stride), ReLU(), *normalized(width))
    same = stride == 1 and width_in == width
    return [Residual(branch, None if same else serial(*normalized(width, 1, stride))), ReLU()]
