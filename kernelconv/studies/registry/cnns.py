"""Networks trained by gradient descent on labels, and one that is not trained."""

from __future__ import annotations

from typing import Any

from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.cnn.presets import Preset, wide_lenet
from kernelconv.networks.serial import serial
from kernelconv.networks.training.augmentation import Augmentation
from kernelconv.networks.transformer import NetworkTransformer
from kernelconv.studies.models import Build, Representation, Shape
from kernelconv.studies.registry.schedules import epochs, schedule


def _network(architecture: Preset, learning_rate: float = 2e-3, **options: Any) -> Build:
    def build(shape: Shape, size: int, seed: int) -> Any:
        return ConvNetClassifier(architecture, **schedule(size, learning_rate), **options, random_state=seed)

    return build


def _untrained_lenet(shape: Shape, size: int, seed: int) -> Any:
    network = wide_lenet((*shape, 1)[:3], 10)
    return NetworkTransformer(serial(*network.parts[:-1], names=network.names[:-1]), random_state=seed)


_FIXED_BEFOREHAND = "settings were fixed on training images."
_AUGMENTATION = Augmentation(shift=2, rotation=10, deformation=0.25)


CNNS = [
    Representation(
        "lenet",
        "wide LeNet",
        "CNN",
        _network("wide_lenet"),
        f"LeNet-5's plan (LeCun et al. 1998), 258,314 parameters on 28 x 28, four times its; {_FIXED_BEFOREHAND}",
        trained=True,
        milliseconds=(0.45, 0.1),
        colour=1.3,
        epochs=epochs,
    ),
    Representation(
        "lenet-untrained",
        "wide LeNet, untrained",
        "CNN",
        _untrained_lenet,
        "The wide LeNet as it is drawn, before training: its penultimate layer, 128 features.",
        milliseconds=(0.1, 0.1),
        colour=1.5,
    ),
    Representation(
        "mlp",
        "MLP",
        "CNN",
        _network("mlp"),
        f"Multi-layer perceptron, one hidden layer of 512 (Rumelhart, Hinton & Williams 1986); {_FIXED_BEFOREHAND}",
        trained=True,
        milliseconds=(0.08, 0.02),
        colour=3.0,
        epochs=epochs,
    ),
    Representation(
        "resnet",
        "ResNet",
        "CNN",
        _network("resnet", 1e-2),
        f"Residual network, three blocks (He, Zhang, Ren & Sun 2016); {_FIXED_BEFOREHAND}",
        trained=True,
        milliseconds=(1.5, 0.8),
        epochs=epochs,
        draws=3,
    ),
    Representation(
        "lenet-augmented",
        "wide LeNet, augmented",
        "CNN",
        _network("wide_lenet", augmentation=_AUGMENTATION),
        "The wide LeNet trained on images shifted, turned and deformed anew at every step (deformations for "
        f"augmentation after Simard, Steinkraus & Platt 2003); {_FIXED_BEFOREHAND}",
        trained=True,
        milliseconds=(0.55, 0.1),
        colour=1.3,
        epochs=epochs,
        draws=3,
        augmented=True,
    ),
]
