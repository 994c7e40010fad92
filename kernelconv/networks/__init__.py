"""Networks: composition by `serial`, and the ready-made estimators."""

from kernelconv.networks.affine_subspace import AffineSubspaceClassifier
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.cnn.regressor import ConvNetRegressor
from kernelconv.networks.kernel.classifier import ConvKernelClassifier
from kernelconv.networks.kernel.exact import ConvKernel
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.scattering.definition import scattering_tree
from kernelconv.networks.scattering.roto_translation import RotoTranslationScattering2D
from kernelconv.networks.scattering.scattering_1d import Scattering1D
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.networks.scattering.transform_1d import ScatteringTransform1D
from kernelconv.networks.serial import Network, serial
from kernelconv.networks.training.augmentation import Augmentation
from kernelconv.networks.transformer import NetworkTransformer

__all__ = [
    "AffineSubspaceClassifier",
    "Augmentation",
    "ConvKernel",
    "ConvKernelClassifier",
    "ConvKernelNetwork",
    "ConvNetClassifier",
    "ConvNetRegressor",
    "Network",
    "NetworkTransformer",
    "RotoTranslationScattering2D",
    "Scattering1D",
    "Scattering2D",
    "ScatteringTransform",
    "ScatteringTransform1D",
    "scattering_tree",
    "serial",
]
