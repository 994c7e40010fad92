"""Networks: composition by `serial`, and the ready-made estimators."""

# ruff: noqa: I001, RUF022  by package, in the order in which one reads them

# Composition, and its use in scikit-learn
from kernelconv.networks.serial import serial, Network
from kernelconv.networks.transformer import NetworkTransformer

# Wavelet scattering
from kernelconv.networks.scattering.definition import scattering_tree
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.networks.scattering.signals.transform_1d import ScatteringTransform1D
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.networks.scattering.signals.scattering_1d import Scattering1D
from kernelconv.networks.scattering.separable.separable_2d import SeparableScattering2D
from kernelconv.networks.scattering.volumes.scattering_3d import Scattering3D
from kernelconv.networks.scattering.signals.joint_time_frequency import JointTimeFrequencyScattering
from kernelconv.networks.scattering.roto_translation import RotoTranslationScattering2D

# Convolutional kernel networks
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.kernel.classifier import ConvKernelClassifier
from kernelconv.networks.kernel.exact import ConvKernel

# Classic CNNs
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.cnn.regressor import ConvNetRegressor
from kernelconv.networks.cnn.capsules import CapsNetClassifier
from kernelconv.networks.cnn.layerwise import LayerwiseConvNet
from kernelconv.networks.cnn.presets import preset
from kernelconv.networks.training.augmentation import Augmentation
from kernelconv.networks.training.photographs import PhotoAugmentation
from kernelconv.networks.training.changes import AugmentationChain

# Wavelet networks (scales and positions learned)
from kernelconv.networks.wavelet_network import WaveletNetworkRegressor

# Inspection: filters and the patches that excite them
from kernelconv.networks.inspection.patches import strongest_patches, StrongestPatches

# A classifier for any features
from kernelconv.networks.affine_subspace import AffineSubspaceClassifier

__all__ = [
    # Composition, and its use in scikit-learn
    "serial",
    "Network",
    "NetworkTransformer",
    # Wavelet scattering
    "scattering_tree",
    "ScatteringTransform",
    "ScatteringTransform1D",
    "Scattering2D",
    "Scattering1D",
    "Scattering3D",
    "JointTimeFrequencyScattering",
    "SeparableScattering2D",
    "RotoTranslationScattering2D",
    # Convolutional kernel networks
    "ConvKernelNetwork",
    "ConvKernelClassifier",
    "ConvKernel",
    # Classic CNNs
    "ConvNetClassifier",
    "ConvNetRegressor",
    "CapsNetClassifier",
    "LayerwiseConvNet",
    "preset",
    "Augmentation",
    "PhotoAugmentation",
    "AugmentationChain",
    # Wavelet networks (scales and positions learned)
    "WaveletNetworkRegressor",
    # Inspection: filters and the patches that excite them
    "strongest_patches",
    "StrongestPatches",
    # A classifier for any features
    "AffineSubspaceClassifier",
]
