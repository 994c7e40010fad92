"""The representations that `kernelconv stability` compares, fitted on training images; one linear head for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from sklearn.pipeline import make_pipeline

from kernelconv.comparison import head_steps
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.cnn.presets import lenet5
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.networks.serial import Network, serial
from kernelconv.stability.representation import as_representation


@dataclass(frozen=True)
class Rival:
    """A fitted representation: Phi (a network where there is one, for its gradient) and its linear head."""

    phi: Any
    head: Any


#: From training images and labels, and a seed, to what `measure_stability` takes as phi.
Representation = Callable[[NDArray, NDArray, int], Any]


def as_rows(x: NDArray) -> NDArray:
    """Return images or maps (n, ...) as rows (n, d)."""
    return np.asarray(x).reshape(len(x), -1)


def pixels(x: NDArray, y: NDArray, seed: int) -> Any:
    """Pixels as they are: the ground to stand on, R = 1."""
    return as_rows


def fourier(x: NDArray, y: NDArray, seed: int) -> Any:
    """Modulus of the Fourier transform: invariant to circular shifts, unstable at high frequencies."""
    return fourier_modulus


def fourier_modulus(x: NDArray) -> NDArray:
    """Return |F x| of images (n, h, w) or (n, h, w, c), over the positions."""
    return np.abs(fft.fft2(x, axes=(1, 2)))


def _scattering(J: int) -> Representation:
    def build(x: NDArray, y: NDArray, seed: int) -> Any:
        return Scattering2D(J=J).fit(x)

    build.__doc__ = f"Scattering2D(J={J}), order 2, 8 angles: averages over 2^{J} px."
    return build


def _ckn(n_anchors: tuple[int, ...], subsampling: tuple[int, ...]) -> Representation:
    def build(x: NDArray, y: NDArray, seed: int) -> Any:
        model = ConvKernelNetwork(n_anchors=n_anchors, subsampling=subsampling, random_state=seed)
        return model.fit(x).network_

    build.__doc__ = f"ConvKernelNetwork(n_anchors={n_anchors}, subsampling={subsampling}), 3 x 3 patches, unsupervised."
    return build


def lenet(x: NDArray, y: NDArray, seed: int) -> Any:
    """LeNet-5 trained on the labels: its penultimate layer, 128 features."""
    return _penultimate(ConvNetClassifier("lenet5", random_state=seed).fit(x, y).network_)


def resnet(x: NDArray, y: NDArray, seed: int) -> Any:
    """ResNet preset trained on the labels, 10 epochs: its penultimate layer."""
    return _penultimate(ConvNetClassifier("resnet", epochs=10, random_state=seed).fit(x, y).network_)


def lenet_untrained(x: NDArray, y: NDArray, seed: int) -> Any:
    """LeNet-5 as it is drawn, before training: its penultimate layer, 128 features."""
    shape = (*x.shape[1:], 1)[:3]
    return _penultimate(lenet5(shape, len(np.unique(y))).build(shape, np.random.default_rng(seed), x).astype(x.dtype))


def _penultimate(network: Network) -> Network:
    """Return a network without its last part."""
    return serial(*network.parts[:-1], names=network.names[:-1])


#: ckn-1 and ckn-2 end at the stride of scattering-2, ckn-3 at that of scattering-3: compare those.
REPRESENTATIONS: dict[str, Representation] = {
    "pixels": pixels,
    "fourier": fourier,
    "scattering-2": _scattering(2),
    "scattering-3": _scattering(3),
    "ckn-1": _ckn((64,), (4,)),
    "ckn-2": _ckn((32, 64), (2, 2)),
    "ckn-3": _ckn((32, 64, 128), (2, 2, 2)),
    "lenet-untrained": lenet_untrained,
    "lenet": lenet,
    "resnet": resnet,
}
#: What `kernelconv stability` compares unless told otherwise: a ResNet takes minutes to train.
DEFAULT_MODELS = tuple(name for name in REPRESENTATIONS if name != "resnet")


def fit_rival(name: str, x: NDArray, y: NDArray, seed: int = 0) -> Rival:
    """Fit a representation and its head on training images `x` (n, h, w) and labels `y`.

    The head is the same for all: features centred, ridge whose penalty leave-one-out error chooses.
    """
    phi = REPRESENTATIONS[name](x, y, seed)
    represent = as_representation(phi)
    return Rival(phi, make_pipeline(*head_steps()).fit(as_rows(represent(x)), y))
