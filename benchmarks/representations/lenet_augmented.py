"""LeNet-5 trained on images shifted, turned and deformed anew at every step: the column with augmentation.

Deformations for augmentation after Simard, Steinkraus & Platt (2003); settings were fixed on training images.
"""

from objective import Rival
from training import settings

from kernelconv import Augmentation, ConvNetClassifier

AUGMENTATION = Augmentation(shift=2, rotation=10, deformation=0.25)
RIVAL = Rival(
    "lenet_augmented",
    "LeNet-5, augmented",
    "CNN",
    lambda size, seed: ConvNetClassifier("lenet5", **settings(size), augmentation=AUGMENTATION, random_state=seed),
    augmented=True,
    draws=3,
)
