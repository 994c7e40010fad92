"""Multi-layer perceptron, one hidden layer of 512 (Rumelhart, Hinton & Williams 1986)."""

from objective import Rival
from training import settings

from kernelconv import ConvNetClassifier

RIVAL = Rival(
    "mlp",
    "MLP",
    "CNN",
    lambda size, seed: ConvNetClassifier("mlp", **settings(size), random_state=seed),
)
