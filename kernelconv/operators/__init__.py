"""One layer: x -> A M P x. Patch extraction P, mappings M, poolings A, and what they are built from."""

from kernelconv.operators.base import Part
from kernelconv.operators.contrast import PatchCentering, PatchWhitening
from kernelconv.operators.convolution import Convolution
from kernelconv.operators.dense import Dense, Flatten
from kernelconv.operators.gaussian import GaussianPooling
from kernelconv.operators.gradient import GradientMap
from kernelconv.operators.kernel_algebra import ConvexSum, KernelProduct
from kernelconv.operators.kernels import (
    ArcCosine,
    DotProductKernel,
    Exponential,
    InversePolynomial,
    Polynomial,
    Vovk,
)
from kernelconv.operators.layer import Layer
from kernelconv.operators.mapping import KernelMapping, Modulus, ReLU
from kernelconv.operators.normalization import BatchNorm, Standardization
from kernelconv.operators.nystrom import inverse_sqrt, spherical_kmeans
from kernelconv.operators.orbit import OrbitPooling
from kernelconv.operators.patches import (
    PatchExtraction,
    extract_patches,
    extract_patches_adjoint,
    sample_patches,
)
from kernelconv.operators.pooling import AveragePooling, GlobalPooling, MaxPooling
from kernelconv.operators.regularization import Dropout
from kernelconv.operators.residual import Residual

__all__ = [
    "ArcCosine",
    "AveragePooling",
    "BatchNorm",
    "ConvexSum",
    "Convolution",
    "Dense",
    "DotProductKernel",
    "Dropout",
    "Exponential",
    "Flatten",
    "GaussianPooling",
    "GlobalPooling",
    "GradientMap",
    "InversePolynomial",
    "KernelMapping",
    "KernelProduct",
    "Layer",
    "MaxPooling",
    "Modulus",
    "OrbitPooling",
    "Part",
    "PatchCentering",
    "PatchExtraction",
    "PatchWhitening",
    "Polynomial",
    "ReLU",
    "Residual",
    "Standardization",
    "Vovk",
    "extract_patches",
    "extract_patches_adjoint",
    "inverse_sqrt",
    "sample_patches",
    "spherical_kmeans",
]
