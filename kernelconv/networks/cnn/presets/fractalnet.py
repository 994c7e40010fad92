"""FractalNet: depth without shortcuts that are the identity."""

from __future__ import annotations

from kernelconv._check import check_count
from kernelconv.networks.cnn.presets.blocks import after, convolved, halving
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Dense, GlobalPooling, Residual, Standardization
from kernelconv.operators.base import Part, Shape3


def fractalnet(in_shape: Shape3, n_outputs: int, *, columns: int = 3) -> Network:
    r"""Return a FractalNet: three blocks of several columns (32, 64, 128 maps), each pooled by 2, and a global average.

    .. math:: f_1(x) = \mathrm{conv}(x), \quad f_{C + 1}(x) = f_C(f_C(x)) + \mathrm{conv}(x)

    with conv a 3x3 convolution, batch normalisation and ReLU of its own at each place. Where columns meet the paper
    takes their mean, this their sum: the next batch normalisation, or the last dense layer, makes up for the factor.
    Its drop-path, which leaves columns out in training, is left out. With three columns the deepest path has 12
    convolutions, the shallowest 3. 1,057,642 parameters on 32 x 32 x 3 images of ten classes; the paper's has 38.6
    million in five blocks.

    Parameters
    ----------
    in_shape : tuple (h, w, c)
        Shape of one image.
    n_outputs : int
        Classes, or targets.
    columns : int
        C; the deepest path of a block has 2^(C - 1) convolutions.

    Raises
    ------
    ValueError
        If `columns` is not an int from 1 to 6.

    References
    ----------
    Larsson, Maire & Shakhnarovich (2017), FractalNet: ultra-deep neural networks without residuals, eqs. (1) and (2).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import fractalnet
    >>> network = fractalnet((32, 32, 3), 10).build((32, 32, 3), np.random.default_rng(0))
    >>> network.n_params()
    1057642
    >>> print(network.summary().splitlines()[-5])
    residual_6          8x8x128  60x60     4x4  812,800     51,904,512
    """
    if check_count(columns, "columns") > 6:
        raise ValueError(f"columns must be at most 6, where a path has 32 convolutions a block, got {columns}.")
    parts: list[Part] = [Standardization()]
    for width in (32, 64, 128):
        parts.append(_fractal(width, columns))
        parts.append(halving(after(parts, in_shape)))
    return serial(*parts, GlobalPooling(), Dense(n_outputs))


def _fractal(width: int, columns: int) -> Part:
    """Return f_C: two of f_(C - 1) in a row, and one convolution beside them."""
    column = serial(*convolved(width, 3))
    if columns == 1:
        return column
    half = _fractal(width, columns - 1)
    return Residual(serial(half, half), column)
