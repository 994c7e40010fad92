"""Networks: composition by `serial`, and the ready-made estimators."""

from kernelconv.networks.ckn import ConvKernelNetwork
from kernelconv.networks.ckn_classifier import ConvKernelClassifier
from kernelconv.networks.classifiers import AffineSubspaceClassifier
from kernelconv.networks.cnn import ConvNetClassifier
from kernelconv.networks.exact import ConvKernel
from kernelconv.networks.scattering import Scattering2D
from kernelconv.networks.serial import Network, serial

__all__ = [
    "AffineSubspaceClassifier",
    "ConvKernel",
    "ConvKernelClassifier",
    "ConvKernelNetwork",
    "ConvNetClassifier",
    "Network",
    "Scattering2D",
    "serial",
]
