"""One layer: x -> A M P x. Patch extraction P, mappings M, poolings A, and what they are built from."""

# ruff: noqa: I001, RUF022  by package, in the order in which one reads them

# One layer
from kernelconv.operators.base import Part
from kernelconv.operators.layer import Layer

# P: patches, and what is done to the image and to patches before the mapping
from kernelconv.operators.patches.extraction import (
    PatchExtraction,
    extract_patches,
    extract_patches_adjoint,
)
from kernelconv.operators.patches.sampling import sample_patches
from kernelconv.operators.patches.image_gradient import ImageGradient
from kernelconv.operators.patches.whitening import PatchCentering, PatchWhitening
from kernelconv.operators.patches.padding import Pad, Crop

# P of scattering: wavelets
from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.filter_bank_1d import FilterBank1D
from kernelconv.operators.wavelets.filter_bank_3d import FilterBank3D
from kernelconv.operators.wavelets.wavelet_transform import WaveletTransform, LowPass

# M: mappings
from kernelconv.operators.mappings.kernel_mapping import KernelMapping
from kernelconv.operators.mappings.dot_product import DotProductKernel
from kernelconv.operators.mappings.kernels import (
    Exponential,
    ArcCosine,
    InversePolynomial,
    Polynomial,
    Vovk,
)
from kernelconv.operators.mappings.kernel_algebra import ConvexSum, KernelProduct
from kernelconv.operators.mappings.nystrom import spherical_kmeans, inverse_sqrt
from kernelconv.operators.mappings.nonlinearities import Modulus, ReLU, Square, Softplus, Tanh, Sigmoid
from kernelconv.operators.mappings.capsules import Squash, CapsuleLength

# A: pooling
from kernelconv.operators.pooling.gaussian import GaussianPooling
from kernelconv.operators.pooling.pooling import AveragePooling, MaxPooling
from kernelconv.operators.pooling.global_pooling import GlobalPooling
from kernelconv.operators.pooling.orbit import OrbitPooling

# Learned maps, and what joins or normalises maps
from kernelconv.operators.learned.convolution import Convolution
from kernelconv.operators.learned.transposed_convolution import TransposedConvolution
from kernelconv.operators.learned.locally_connected import LocallyConnected
from kernelconv.operators.learned.dense import Dense, Flatten
from kernelconv.operators.learned.routed_dense import RoutedDense
from kernelconv.operators.learned.normalization import BatchNorm, Standardization
from kernelconv.operators.learned.dropout import Dropout
from kernelconv.operators.learned.residual import Residual
from kernelconv.operators.learned.concat import Concat
from kernelconv.operators.learned.identity import Identity

# Filters made by hand, for Convolution.from_weights
from kernelconv.operators.hand_made import HAND_MADE

# Engines
from kernelconv.operators.fast.choice import name_engines
from kernelconv.operators.fast.engines import ENGINES

name_engines(ENGINES)  # which of them computes which part

__all__ = [
    # One layer
    "Part",
    "Layer",
    # P: patches, and what is done to the image and to patches before the mapping
    "PatchExtraction",
    "extract_patches",
    "extract_patches_adjoint",
    "sample_patches",
    "ImageGradient",
    "PatchCentering",
    "PatchWhitening",
    "Pad",
    "Crop",
    # P of scattering: wavelets
    "FilterBank",
    "FilterBank1D",
    "FilterBank3D",
    "WaveletTransform",
    "LowPass",
    # M: mappings
    "KernelMapping",
    "DotProductKernel",
    "Exponential",
    "ArcCosine",
    "InversePolynomial",
    "Polynomial",
    "Vovk",
    "ConvexSum",
    "KernelProduct",
    "spherical_kmeans",
    "inverse_sqrt",
    "Modulus",
    "ReLU",
    "Square",
    "Softplus",
    "Tanh",
    "Sigmoid",
    "Squash",
    "CapsuleLength",
    # A: pooling
    "GaussianPooling",
    "AveragePooling",
    "MaxPooling",
    "GlobalPooling",
    "OrbitPooling",
    # Learned maps, and what joins or normalises maps
    "Convolution",
    "TransposedConvolution",
    "LocallyConnected",
    "Dense",
    "Flatten",
    "RoutedDense",
    "BatchNorm",
    "Standardization",
    "Dropout",
    "Residual",
    "Concat",
    "Identity",
    # Filters made by hand, for Convolution.from_weights
    "HAND_MADE",
]
