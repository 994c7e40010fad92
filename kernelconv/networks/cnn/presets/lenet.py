"""LeNet-5, and a wider one."""

from __future__ import annotations

from kernelconv.networks.cnn.presets.blocks import halving
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Convolution, Dense, Dropout, Flatten, ReLU, Standardization
from kernelconv.operators.base import Part, Shape3


def lenet5(in_shape: Shape3, n_outputs: int) -> Network:
    """Return LeNet-5 as it is usually rebuilt: two 5x5 convolutions (6, 16), each pooled by 2, dense 120, 84, outputs.

    61,706 parameters on 32 x 32 images of ten classes. The paper's own has 60,000: its 16 second maps read three to six
    of the first ones each (1,516 weights and biases, here 2,416), its poolings are averages with a gain and a bias a
    map (44), and its ten outputs are distances to drawn digits (none, here 850). It has scaled tanh where this has
    ReLU. Images of less than 32 px see zeros around them, as the paper's 28 x 28 digits in 32 x 32 pictures do; maps
    smaller than 10 px do before the second convolution, and an axis that has come down to one pixel is not pooled.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition, section II.B.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import lenet5
    >>> network = lenet5((32, 32, 1), 10).build((32, 32, 1), np.random.default_rng(0))
    >>> print(network.summary())
    part                output  field  stride  params  multiply-adds
    input              32x32x1    1x1     1x1       0              0
    standardization_1  32x32x1    1x1     1x1       0              0
    convolution_2      28x28x6    5x5     1x1     156        117,600
    maxpooling_3       14x14x6    6x6     2x2       0              0
    relu_4             14x14x6    6x6     2x2       0              0
    convolution_5     10x10x16  14x14     2x2   2,416        240,000
    maxpooling_6        5x5x16  16x16     4x4       0              0
    relu_7              5x5x16  16x16     4x4       0              0
    flatten_8          1x1x400  32x32   20x20       0              0
    dense_9            1x1x120  32x32   20x20  48,120         48,000
    relu_10            1x1x120  32x32   20x20       0              0
    dense_11            1x1x84  32x32   20x20  10,164         10,080
    relu_12             1x1x84  32x32   20x20       0              0
    dense_13            1x1x10  32x32   20x20     850            840
    total                                      61,706        416,520
    """
    first = Convolution(6, 5, padding="valid" if min(in_shape[:2]) >= 32 else "zero")
    parts = _two_convolutions(first, 16, in_shape)
    return serial(*parts, Flatten(), Dense(120), ReLU(), Dense(84), ReLU(), Dense(n_outputs))


def wide_lenet(in_shape: Shape3, n_outputs: int) -> Network:
    """Return LeNet-5's plan, made wider: two 5x5 convolutions (32, 64), each pooled by 2, dense 128, outputs.

    On 28 x 28 images of ten classes it has 258,314 parameters, four times those of `lenet5`. As in the original the
    first convolution sees zeros around the image and the second none; maps smaller than 10 px are padded there too, and
    an axis that has come down to one pixel is not pooled. Pooling comes before ReLU: the maximum commutes with it, and
    a quarter of the values are left.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition; Srivastava et al.
    (2014), Dropout: a simple way to prevent neural networks from overfitting.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import wide_lenet
    >>> network = wide_lenet((28, 28, 1), 10).build((28, 28, 1), np.random.default_rng(0))
    >>> network.n_params()
    258314
    >>> print(network.summary().splitlines()[7])
    maxpooling_6         5x5x64  16x16     4x4        0              0
    """
    parts = _two_convolutions(Convolution(32, 5, padding="zero"), 64, in_shape)
    return serial(*parts, Flatten(), Dropout(0.5), Dense(128), ReLU(), Dropout(0.5), Dense(n_outputs))


def _two_convolutions(first: Convolution, width: int, shape: Shape3) -> list[Part]:
    """Return the parts up to the second pooling; the second convolution pads maps below 10 px."""
    parts: list[Part] = [Standardization()]
    for convolution in (first, None):
        convolution = convolution or Convolution(width, 5, padding="zero" if min(shape[:2]) < 10 else "valid")
        shape = convolution.out_shape(shape)
        pooling = halving(shape)
        shape = pooling.out_shape(shape)
        parts += [convolution, pooling, ReLU()]
    return parts
