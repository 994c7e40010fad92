"""The one table of which engine computes which part."""

from __future__ import annotations

from kernelconv.operators.fast.affine import convolution, dense, transposed_convolution
from kernelconv.operators.fast.choice import Maker
from kernelconv.operators.fast.extraction import Extraction
from kernelconv.operators.fast.layers import fused
from kernelconv.operators.fast.mapping import Mapping, Maximum
from kernelconv.operators.fast.normalization import ByLines
from kernelconv.operators.fast.pooling import AxisByAxis, BandedGaussian, EntryByEntry
from kernelconv.operators.layer import Layer
from kernelconv.operators.learned.convolution import Convolution, GivenConvolution
from kernelconv.operators.learned.dense import Dense
from kernelconv.operators.learned.normalization import BatchNorm
from kernelconv.operators.learned.transposed_convolution import TransposedConvolution
from kernelconv.operators.mappings.kernel_mapping import KernelMapping
from kernelconv.operators.mappings.nonlinearities import ReLU
from kernelconv.operators.patches.extraction import PatchExtraction
from kernelconv.operators.pooling.gaussian import GaussianPooling
from kernelconv.operators.pooling.pooling import AveragePooling, MaxPooling

ENGINES: dict[type, Maker] = {
    PatchExtraction: Extraction,
    KernelMapping: Mapping,
    ReLU: Maximum,
    GaussianPooling: BandedGaussian,
    AveragePooling: EntryByEntry,
    MaxPooling: AxisByAxis,
    Layer: fused,
    Convolution: convolution,
    GivenConvolution: convolution,
    TransposedConvolution: transposed_convolution,
    Dense: dense,
    BatchNorm: ByLines,
}
