"""One layer: x -> A M P x. Patch extraction P, mappings M, poolings A, and what they are built from."""

from kernelconv.operators.base import Part
from kernelconv.operators.fast.choice import name_engines
from kernelconv.operators.fast.engines import ENGINES
from kernelconv.operators.layer import Layer
from kernelconv.operators.learned.concat import Concat
from kernelconv.operators.learned.convolution import Convolution
from kernelconv.operators.learned.dense import Dense, Flatten
from kernelconv.operators.learned.dropout import Dropout
from kernelconv.operators.learned.locally_connected import LocallyConnected
from kernelconv.operators.learned.normalization import BatchNorm, Standardization
from kernelconv.operators.learned.residual import Residual
from kernelconv.operators.learned.transposed_convolution import TransposedConvolution
from kernelconv.operators.mappings.kernel_algebra import ConvexSum, KernelProduct
from kernelconv.operators.mappings.kernel_mapping import KernelMapping
from kernelconv.operators.mappings.kernels import (
    ArcCosine,
    DotProductKernel,
    Exponential,
    InversePolynomial,
    Polynomial,
    Vovk,
)
from kernelconv.operators.mappings.nonlinearities import Modulus, ReLU, Sigmoid, Softplus, Square, Tanh
from kernelconv.operators.mappings.nystrom import inverse_sqrt, spherical_kmeans
from kernelconv.operators.patches.extraction import (
    PatchExtraction,
    extract_patches,
    extract_patches_adjoint,
    sample_patches,
)
from kernelconv.operators.patches.image_gradient import ImageGradient
from kernelconv.operators.patches.padding import Crop, Pad
from kernelconv.operators.patches.whitening import PatchCentering, PatchWhitening
from kernelconv.operators.pooling.gaussian import GaussianPooling
from kernelconv.operators.pooling.orbit import OrbitPooling
from kernelconv.operators.pooling.pooling import AveragePooling, GlobalPooling, MaxPooling
from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.filter_bank_1d import FilterBank1D
from kernelconv.operators.wavelets.wavelet_transform import LowPass, WaveletTransform

name_engines(ENGINES)

__all__ = [
    "ArcCosine",
    "AveragePooling",
    "BatchNorm",
    "Concat",
    "ConvexSum",
    "Convolution",
    "Crop",
    "Dense",
    "DotProductKernel",
    "Dropout",
    "Exponential",
    "FilterBank",
    "FilterBank1D",
    "Flatten",
    "GaussianPooling",
    "GlobalPooling",
    "ImageGradient",
    "InversePolynomial",
    "KernelMapping",
    "KernelProduct",
    "Layer",
    "LocallyConnected",
    "LowPass",
    "MaxPooling",
    "Modulus",
    "OrbitPooling",
    "Pad",
    "Part",
    "PatchCentering",
    "PatchExtraction",
    "PatchWhitening",
    "Polynomial",
    "ReLU",
    "Residual",
    "Sigmoid",
    "Softplus",
    "Square",
    "Standardization",
    "Tanh",
    "TransposedConvolution",
    "Vovk",
    "WaveletTransform",
    "extract_patches",
    "extract_patches_adjoint",
    "inverse_sqrt",
    "sample_patches",
    "spherical_kmeans",
]
