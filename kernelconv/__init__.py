"""Convolutional representations whose behaviour is understood: x_n = A_n M_n P_n ... A_1 M_1 P_1 x_0.

images    (n, h, w, c)                     `load_mnist`, `load_digits_images`, `load_images`
operators patches P, mappings M, poolings A, each with its adjoint or gradient   (`kernelconv.operators`)
networks  `serial` of layers, in scikit-learn as `NetworkTransformer`; ready-made: `Scattering2D`, `ConvKernelNetwork`,
          `ConvNetClassifier`, `ConvNetRegressor`; exact: `ConvKernel`; end to end: `ConvKernelClassifier`
features  (n, d)                           into any scikit-learn classifier, or `AffineSubspaceClassifier`
stability Phi(L_tau x) against Phi(x)      `SmoothDeformation`, `warp`, `measure_stability`
compared  `kernelconv compare`             accuracy, stability and time in one table
"""

from kernelconv._version import __version__
from kernelconv.datasets import balanced_subset, load_digits_images, load_images, load_mnist
from kernelconv.deformations import Dilation, Rotation, SmoothDeformation, Translation, warp
from kernelconv.networks import (
    AffineSubspaceClassifier,
    Augmentation,
    ConvKernel,
    ConvKernelClassifier,
    ConvKernelNetwork,
    ConvNetClassifier,
    ConvNetRegressor,
    Network,
    NetworkTransformer,
    RotoTranslationScattering2D,
    Scattering1D,
    Scattering2D,
    serial,
)
from kernelconv.operators import (
    Exponential,
    GaussianPooling,
    KernelMapping,
    Layer,
    PatchExtraction,
)
from kernelconv.stability import StabilityReport, measure_stability

__all__ = [
    "AffineSubspaceClassifier",
    "Augmentation",
    "ConvKernel",
    "ConvKernelClassifier",
    "ConvKernelNetwork",
    "ConvNetClassifier",
    "ConvNetRegressor",
    "Dilation",
    "Exponential",
    "GaussianPooling",
    "KernelMapping",
    "Layer",
    "Network",
    "NetworkTransformer",
    "PatchExtraction",
    "Rotation",
    "RotoTranslationScattering2D",
    "Scattering1D",
    "Scattering2D",
    "SmoothDeformation",
    "StabilityReport",
    "Translation",
    "__version__",
    "balanced_subset",
    "load_digits_images",
    "load_images",
    "load_mnist",
    "measure_stability",
    "serial",
    "warp",
]
