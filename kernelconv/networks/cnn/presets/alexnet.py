"""AlexNet's plan, ZFNet's, and the small AlexNet of CIFAR-10."""

from __future__ import annotations

from kernelconv._check import check_flag
from kernelconv.networks.cnn.presets.blocks import convolved, overlapping, widened
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Convolution, Dense, Dropout, Flatten, ReLU, Standardization
from kernelconv.operators.base import Part, Shape3


def alexnet(in_shape: Shape3, n_outputs: int) -> Network:
    """Return AlexNet's plan for small images: five convolutions, overlapping max pooling, two dense layers.

    Half of the paper's maps (48, 128, 192, 192, 128) and a quarter of its units (1024 twice, with dropout). Its first
    filters, 11x11 at stride 4 of 224 px, are 5x5 at stride 2 here; poolings of 3 px by 2 come after the first, the
    second and the fifth convolution, as there. 2,517,194 parameters on 32 x 32 x 3 images of ten classes; the paper's
    has 60 million. Its local response normalisation and its division over two processors are left out.

    References
    ----------
    Krizhevsky, Sutskever & Hinton (2012), ImageNet classification with deep convolutional neural networks, figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import alexnet
    >>> network = alexnet((32, 32, 3), 10).build((32, 32, 3), np.random.default_rng(0))
    >>> network.n_params()
    2517194
    >>> print(network.summary().splitlines()[-10])
    maxpooling_17        2x2x128    97x97   16x16          0              0
    """
    return _five_convolutions((5, 2), (5, 1), n_outputs)


def zfnet(in_shape: Shape3, n_outputs: int) -> Network:
    """Return ZFNet's plan for small images: `alexnet` with smaller first filters, and the stride in the second ones.

    The paper's 7x7 at stride 2 in place of 11x11 at stride 4 are 3x3 at stride 1 here, in place of 5x5 at stride 2; its
    second convolution has stride 2, so that all later maps are as large as `alexnet`'s. 2,514,890 parameters on 32 x 32
    x 3 images of ten classes. Its contrast normalisation is left out.

    References
    ----------
    Zeiler & Fergus (2014), Visualizing and understanding convolutional networks, figure 3 and section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import zfnet
    >>> network = zfnet((32, 32, 3), 10).build((32, 32, 3), np.random.default_rng(0))
    >>> network.n_params()
    2514890
    >>> print(network.summary().splitlines()[-10])
    maxpooling_17        2x2x128    85x85   16x16          0              0
    """
    return _five_convolutions((3, 1), (5, 2), n_outputs)


def _five_convolutions(first: tuple[int, int], second: tuple[int, int], n_outputs: int) -> Network:
    """Return five convolutions, the first two of (size, stride), and three dense layers."""
    parts: list[Part] = [Standardization()]
    for width, (size, stride), pooled in (
        (48, first, True),
        (128, second, True),
        (192, (3, 1), False),
        (192, (3, 1), False),
        (128, (3, 1), True),
    ):
        parts += [Convolution(width, size, stride=stride, padding="zero"), ReLU(), *(overlapping() if pooled else [])]
    parts += [Flatten(), Dropout(0.5), Dense(1024), ReLU(), Dropout(0.5), Dense(1024), ReLU()]
    return serial(*parts, Dense(n_outputs))


def small_alexnet(in_shape: Shape3, n_outputs: int, *, width: float = 1.0, batch_norm: bool = False) -> Network:
    """Return the small AlexNet of CIFAR-10: two 5x5 convolutions of 64, each pooled 3 px by 2, dense 384 and 192.

    1,387,786 parameters on 28 x 28 x 3 images of ten classes, the paper's number. Its local response normalisation,
    which has none, is left out.

    Parameters
    ----------
    in_shape : tuple (h, w, c)
        Shape of one image.
    n_outputs : int
        Classes, or targets.
    width : float
        What the numbers of maps and units are multiplied by.
    batch_norm : bool
        Normalise after each convolution, which then has no bias.

    Raises
    ------
    ValueError
        If `width` is not a number > 0, or `batch_norm` not True or False.

    References
    ----------
    Zhang, Bengio, Hardt, Recht & Vinyals (2017), Understanding deep learning requires rethinking generalization,
    appendix A, "small Alexnet".

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.cnn.presets import small_alexnet
    >>> network = small_alexnet((28, 28, 3), 10).build((28, 28, 3), np.random.default_rng(0))
    >>> network.n_params()
    1387786
    >>> print(network.summary().splitlines()[10])
    maxpooling_9         7x7x64  19x19     4x4          0              0
    """
    parts: list[Part] = [Standardization()]
    for _ in range(2):
        parts += [*convolved(widened(64, width), 5, batch_norm=check_flag(batch_norm, "batch_norm")), *overlapping()]
    units = [part for n in (384, 192) for part in (Dense(widened(n, width)), ReLU())]
    return serial(*parts, Flatten(), *units, Dense(n_outputs))
