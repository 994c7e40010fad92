"""LeNet-5, trained end to end (LeCun, Bottou, Bengio & Haffner 1998); settings were fixed on training images."""

from objective import Rival
from training import settings

from kernelconv import ConvNetClassifier

RIVAL = Rival(
    "lenet", "LeNet-5", "CNN", lambda size, seed: ConvNetClassifier("lenet5", **settings(size), random_state=seed)
)
