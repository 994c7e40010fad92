"""Residual network, three blocks (He, Zhang, Ren & Sun 2016); settings were fixed on training images."""

from objective import Rival
from training import settings

from kernelconv import ConvNetClassifier

RIVAL = Rival(
    "resnet",
    "ResNet",
    "CNN",
    lambda size, seed: ConvNetClassifier("resnet", **settings(size, learning_rate=1e-2), random_state=seed),
    draws=3,
)
