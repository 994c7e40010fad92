"""Classic architectures, sized to the images and what is predicted: a wide LeNet, VGG-like, ResNet-like, MLP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from kernelconv.networks.serial import Network, serial
from kernelconv.operators import (
    BatchNorm,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalPooling,
    MaxPooling,
    ReLU,
    Residual,
    Standardization,
)
from kernelconv.operators.base import Part, Shape3


def _halving(shape: Shape3) -> MaxPooling:
    """Return a pooling by 2 of the axes longer than one pixel."""
    return MaxPooling((min(2, shape[0]), min(2, shape[1])))


def _after(parts: list[Part], shape: Shape3) -> Shape3:
    """Return the shape that `parts` make of `shape`."""
    for part in parts:
        shape = part.out_shape(shape)
    return shape


def wide_lenet(in_shape: Shape3, n_outputs: int) -> Network:
    """Return LeNet-5's plan, made wider: two 5x5 convolutions (32, 64), each pooled by 2, dense 128, outputs.

    On 28 x 28 images of ten classes it has 258,314 parameters, four times those of LeNet-5 (6 and 16 maps, dense 120
    and 84: about 60,000). As in the original the first convolution sees zeros around the image and the second none;
    maps smaller than 10 px are padded there too, and an axis that has come down to one pixel is not pooled. Pooling
    comes before ReLU: the maximum commutes with it, and a quarter of the values are left.

    Examples
    --------
    >>> wide_lenet((28, 28, 1), 10).out_shape((28, 28, 1))
    (1, 1, 10)
    """
    parts: list[Part] = [Standardization()]
    shape = in_shape
    for width in (32, 64):
        small = width == 32 or min(shape[:2]) < 10
        convolution = Convolution(width, 5, padding="zero" if small else "valid")
        shape = convolution.out_shape(shape)
        pooling = _halving(shape)
        shape = pooling.out_shape(shape)
        parts += [convolution, pooling, ReLU()]
    return serial(*parts, Flatten(), Dropout(0.5), Dense(128), ReLU(), Dropout(0.5), Dense(n_outputs))


def vgg(in_shape: Shape3, n_outputs: int) -> Network:
    """Return VGG's plan: pairs of 3x3 convolutions with batch normalisation (32, 64, 128), each pooled by 2.

    A dense layer of 256 follows, with dropout, then the outputs.

    Examples
    --------
    >>> vgg((32, 32, 3), 10).out_shape((32, 32, 3))
    (1, 1, 10)
    """
    parts: list[Part] = [Standardization()]
    for width in (32, 64, 128):
        parts += [*_normalized(width), ReLU(), *_normalized(width)]
        parts += [_halving(_after(parts, in_shape)), ReLU()]
    return serial(*parts, Flatten(), Dropout(0.5), Dense(256), ReLU(), Dropout(0.5), Dense(n_outputs))


def resnet(in_shape: Shape3, n_outputs: int) -> Network:
    """Return a residual network: a 3x3 convolution pooled by 2, three residual blocks (32, 64, 128), global average.

    A block is ReLU(x -> branch(x) + shortcut(x)) with two normalised 3x3 convolutions in the branch; the second and
    the third block halve the size, their shortcut being a 1x1 convolution.

    Examples
    --------
    >>> resnet((28, 28, 1), 10).out_shape((28, 28, 1))
    (1, 1, 10)
    """
    parts: list[Part] = [Standardization(), *_normalized(32)]
    parts += [_halving(_after(parts, in_shape)), ReLU(), *_block(32, 32, 1), *_block(32, 64, 2), *_block(64, 128, 2)]
    return serial(*parts, GlobalPooling(), Dense(n_outputs))


def _normalized(width: int, size: int = 3, stride: int = 1) -> list[Part]:
    return [Convolution(width, size, stride=stride, padding="zero", bias=False), BatchNorm()]


def _block(width_in: int, width: int, stride: int) -> list[Part]:
    branch = serial(*_normalized(width, 3, stride), ReLU(), *_normalized(width))
    same = stride == 1 and width_in == width
    return [Residual(branch, None if same else serial(*_normalized(width, 1, stride))), ReLU()]


def mlp(in_shape: Shape3, n_outputs: int) -> Network:
    """Return a fully connected network with one hidden layer of 512 units.

    Examples
    --------
    >>> mlp((28, 28, 1), 10)
    Network: Dense(10) ∘ ReLU() ∘ Dense(512) ∘ Standardization()
    """
    return serial(Standardization(), Dense(512), ReLU(), Dense(n_outputs))


Preset = Literal["wide_lenet", "vgg", "resnet", "mlp"]
ARCHITECTURES: dict[str, Callable[[Shape3, int], Network]] = {
    "wide_lenet": wide_lenet,
    "vgg": vgg,
    "resnet": resnet,
    "mlp": mlp,
}
