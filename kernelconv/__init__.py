"""Convolutional representations whose behaviour is understood: x_n = A_n M_n P_n ... A_1 M_1 P_1 x_0.

images    (n, h, w, c)                     `load_mnist`, `load_fashion_mnist`, `load_cifar10`, `load_digits_images`,
                                           `load_images`, `load_split`
operators patches P, mappings M, poolings A, each with its adjoint or gradient   (`kernelconv.operators`)
networks  `serial` of layers, in scikit-learn as `NetworkTransformer`; ready-made: `Scattering2D`, `ConvKernelNetwork`,
          `ConvNetClassifier`, `ConvNetRegressor`; exact kernel: `ConvKernel`; end to end: `ConvKernelClassifier`
features  (n, d)                           for any scikit-learn classifier, or `AffineSubspaceClassifier`
streams   data in pieces, several machines `IncrementalRidge`, `IncrementalRidgeClassifier`
stability Phi(L_tau x) against Phi(x)      `SmoothDeformation`, `warp`, `measure_stability`
compare   `kernelconv compare`             accuracy, stability and time in one table
"""

# ruff: noqa: E402, I001, RUF022  by package, in the order in which one reads them

# First, since all that follows takes seconds
from kernelconv._interrupt import quiet_in_the_command

quiet_in_the_command()

# Images
from kernelconv.datasets import load_digits_images, load_mnist, load_fashion_mnist, load_cifar10
from kernelconv.datasets import load_images, load_split, Split, balanced_subset

# One layer x -> A M P x
from kernelconv.operators import PatchExtraction, KernelMapping, Exponential, GaussianPooling, Layer

# Layers composed
from kernelconv.networks import serial, Network, NetworkTransformer

# Ready-made networks
from kernelconv.networks import (
    Scattering2D,
    Scattering1D,
    Scattering3D,
    JointTimeFrequencyScattering,
    SeparableScattering2D,
    RotoTranslationScattering2D,
    ConvKernelNetwork,
    ConvKernelClassifier,
    ConvKernel,
    ConvNetClassifier,
    ConvNetRegressor,
    Augmentation,
    PhotoAugmentation,
    AffineSubspaceClassifier,
)

# Heads for data larger than memory
from kernelconv.streams import IncrementalRidge, IncrementalRidgeClassifier

# Deformations
from kernelconv.deformations import SmoothDeformation, Translation, Rotation, Dilation, warp

# Stability
from kernelconv.stability import measure_stability, StabilityReport

# Safe files: skops.io.load(path, trusted=TRUSTED_TYPES)
from kernelconv._trusted import TRUSTED_TYPES

# Version
from kernelconv._version import __version__

__all__ = [
    # Images
    "load_digits_images",
    "load_mnist",
    "load_fashion_mnist",
    "load_cifar10",
    "load_images",
    "load_split",
    "Split",
    "balanced_subset",
    # One layer x -> A M P x
    "PatchExtraction",
    "KernelMapping",
    "Exponential",
    "GaussianPooling",
    "Layer",
    # Layers composed
    "serial",
    "Network",
    "NetworkTransformer",
    # Ready-made networks
    "Scattering2D",
    "Scattering1D",
    "Scattering3D",
    "JointTimeFrequencyScattering",
    "SeparableScattering2D",
    "RotoTranslationScattering2D",
    "ConvKernelNetwork",
    "ConvKernelClassifier",
    "ConvKernel",
    "ConvNetClassifier",
    "ConvNetRegressor",
    "Augmentation",
    "PhotoAugmentation",
    "AffineSubspaceClassifier",
    # Heads for data larger than memory
    "IncrementalRidge",
    "IncrementalRidgeClassifier",
    # Deformations
    "SmoothDeformation",
    "Translation",
    "Rotation",
    "Dilation",
    "warp",
    # Stability
    "measure_stability",
    "StabilityReport",
    # Safe files
    "TRUSTED_TYPES",
    # Version
    "__version__",
]
