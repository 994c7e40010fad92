"""DenseNet: every layer reads the maps of all layers before it."""

from __future__ import annotations

from kernelconv._check import check_count
from kernelconv.networks.cnn.presets.blocks import after, halving
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import (
    AveragePooling,
    BatchNorm,
    Concat,
    Convolution,
    Dense,
    GlobalPooling,
    Identity,
    ReLU,
    Standardization,
)
from kernelconv.operators.base import Part, Shape3


def densenet(in_shape: Shape3, n_outputs: int, *, depth: int = 22, growth: int = 12) -> Network:
    r"""Return a DenseNet: three blocks in which a layer reads all maps before it, and a global average.

    .. math:: x \mapsto (x, H(x)), \quad H = \mathrm{conv}_{3 \times 3} \circ \mathrm{ReLU} \circ \mathrm{BatchNorm}

    A 3x3 convolution of 16 comes first; between blocks a 1x1 convolution of as many maps and an average over 2 px.
    270,706 parameters on 32 x 32 x 3 images of ten classes; with the paper's depth of 40 there are its 1.0 million,
    1,019,722.

    Parameters
    ----------
    in_shape : tuple (h, w, c)
        Shape of one image.
    n_outputs : int
        Classes, or targets.
    depth : int
        Layers with weights, 4 more than a multiple of 3: the first, two between blocks, the last, the others in blocks.
    growth : int
        k, the maps that a layer adds.

    Raises
    ------
    ValueError
        If `depth` is not 3 n + 4 for an n > 0, or `growth` not an int > 0.

    References
    ----------
    Huang, Liu, van der Maaten & Weinberger (2017), Densely connected convolutional networks, CVPR, section 3 and table
    2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import densenet
    >>> network = densenet((32, 32, 3), 10).build((32, 32, 3), np.random.default_rng(0))
    >>> network.n_params()
    270706
    >>> print(network.summary().splitlines()[-6])
    concat_28             8x8x232    90x90     4x4   24,200      1,520,640
    >>> densenet((32, 32, 3), 10, depth=40).build((32, 32, 3), np.random.default_rng(0)).n_params()
    1019722
    """
    if check_count(depth, "depth") < 7 or depth % 3 != 1:
        raise ValueError(f"depth must be 3 n + 4 for an n > 0 (7, 10, ... 22, ... 40), got {depth}.")
    parts: list[Part] = [Standardization(), Convolution(16, 3, padding="zero", bias=False)]
    for block in range(3):
        if block:
            parts += _transition(after(parts, in_shape))
        parts += [Concat(Identity(), serial(*_preactivated(growth, 3))) for _ in range((depth - 4) // 3)]
    return serial(*parts, BatchNorm(), ReLU(), GlobalPooling(), Dense(n_outputs))


def _preactivated(width: int, size: int) -> list[Part]:
    return [BatchNorm(), ReLU(), Convolution(width, size, padding="zero", bias=False)]


def _transition(shape: Shape3) -> list[Part]:
    return [*_preactivated(shape[2], 1), AveragePooling(halving(shape).size)]
