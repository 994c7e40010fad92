"""The architectures by name, with a choice of the initial weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from kernelconv._check import check_choice, check_count, check_shape
from kernelconv.networks.cnn.presets.alexnet import alexnet, small_alexnet, zfnet
from kernelconv.networks.cnn.presets.densenet import densenet
from kernelconv.networks.cnn.presets.fractalnet import fractalnet
from kernelconv.networks.cnn.presets.inception import inception
from kernelconv.networks.cnn.presets.lenet import lenet5, wide_lenet
from kernelconv.networks.cnn.presets.mlp import mlp
from kernelconv.networks.cnn.presets.resnet import resnet
from kernelconv.networks.cnn.presets.vgg import vgg
from kernelconv.networks.serial import Network
from kernelconv.operators.base import Shape3
from kernelconv.operators.learned.initialization import INITIALIZATIONS, Initialization

Preset = Literal[
    "lenet5",
    "wide_lenet",
    "alexnet",
    "small_alexnet",
    "zfnet",
    "vgg",
    "inception",
    "resnet",
    "fractalnet",
    "densenet",
    "mlp",
]
ARCHITECTURES: dict[str, Callable[..., Network]] = {
    "lenet5": lenet5,
    "wide_lenet": wide_lenet,
    "alexnet": alexnet,
    "small_alexnet": small_alexnet,
    "zfnet": zfnet,
    "vgg": vgg,
    "inception": inception,
    "resnet": resnet,
    "fractalnet": fractalnet,
    "densenet": densenet,
    "mlp": mlp,
}


def preset(
    name: Preset,
    in_shape: Shape3,
    n_outputs: int,
    *,
    initialization: Initialization = "torch_default",
    **options: float | bool | Sequence[int],
) -> Network:
    """Return the named architecture for images of a given shape, for example for ``ConvNetClassifier(architecture)``.

    For the estimators the name alone is enough, as they learn shape and classes in ``fit``; use `preset` for other
    initial weights, for the options of some architectures, and to inspect a network before there is data.

    Parameters
    ----------
    name : {"lenet5", "wide_lenet", "alexnet", "small_alexnet", "zfnet", "vgg", "inception", "resnet", "fractalnet", \
"densenet", "mlp"}
        Which architecture: the function of this name in ``kernelconv.networks.cnn.presets``.
    in_shape : tuple (h, w, c)
        Shape of one image.
    n_outputs : int
        Classes, or targets.
    initialization : str
        Initial weights of all convolutions and dense layers: "torch_default", or "he_normal", "he_uniform",
        "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform" (see `Convolution`). He's weights keep the
        size of the maps through many layers of ReLU; with the default, of a sixth of their variance, the maps shrink.
    **options
        Options of the architecture: `width` and `batch_norm` of "inception" and "small_alexnet", `columns` of
        "fractalnet", `depth` and `growth` of "densenet", `hidden` of "mlp".

    Returns
    -------
    Network
        Not built.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If the architecture has no such option.

    References
    ----------
    He, Zhang, Ren & Sun (2015), Delving deep into rectifiers, for the initial weights.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks import preset
    >>> network = preset("lenet5", (32, 32, 1), 10, initialization="he_normal")
    >>> weight = network.build((32, 32, 1), np.random.default_rng(0)).params["dense_9.weight"]
    >>> round(float(weight.var()) * 400 / 2, 1)
    1.0
    """
    make = ARCHITECTURES[check_choice(name, "name", get_args(Preset))]
    network = make(check_shape(in_shape), check_count(n_outputs, "n_outputs"), **options)
    check_choice(initialization, "initialization", INITIALIZATIONS)
    parts = [key for key in network.get_params() if key.endswith("__initialization")]
    return network.set_params(**dict.fromkeys(parts, initialization))
