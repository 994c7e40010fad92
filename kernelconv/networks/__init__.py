"""Networks: composition by `serial`, and the ready-made estimators."""

from kernelconv.networks.augmentation import Augmentation
from kernelconv.networks.ckn import ConvKernelNetwork
from kernelconv.networks.classifiers import AffineSubspaceClassifier
from kernelconv.networks.cnn import ConvNetClassifier
from kernelconv.networks.roto_translation import RotoTranslationScattering2D
from kernelconv.networks.scattering import Scattering2D
from kernelconv.networks.scattering_1d import Scattering1D
from kernelconv.networks.serial import Network, serial

__all__ = [
    "AffineSubspaceClassifier",
    "Augmentation",
    "ConvKernelNetwork",
    "ConvNetClassifier",
    "Network",
    "RotoTranslationScattering2D",
    "Scattering1D",
    "Scattering2D",
    "serial",
]
