"""Networks: composition by `serial`, and the ready-made estimators."""

from kernelconv.networks.augmentation import Augmentation
from kernelconv.networks.ckn import ConvKernelNetwork
from kernelconv.networks.ckn_classifier import ConvKernelClassifier
from kernelconv.networks.classifiers import AffineSubspaceClassifier
from kernelconv.networks.cnn import ConvNetClassifier
from kernelconv.networks.exact import ConvKernel
from kernelconv.networks.roto_translation import RotoTranslationScattering2D
from kernelconv.networks.scattering import Scattering2D
from kernelconv.networks.scattering_1d import Scattering1D
from kernelconv.networks.serial import Network, serial

__all__ = [
    "AffineSubspaceClassifier",
    "Augmentation",
    "ConvKernel",
    "ConvKernelClassifier",
    "ConvKernelNetwork",
    "ConvNetClassifier",
    "Network",
    "RotoTranslationScattering2D",
    "Scattering1D",
    "Scattering2D",
    "serial",
]
