"""Tiny built instances of every part, for the laws. Adding a part here gives it every law its traits declare."""

import numpy as np

from kernelconv.networks.scattering.path_parts import ChannelOrder, LogCompression, PathSelection, ScatteringPath
from kernelconv.networks.scattering.signals.transform_1d import ScatteringTransform1D
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.networks.serial import serial
from kernelconv.operators import (
    ArcCosine,
    AveragePooling,
    BatchNorm,
    CapsuleLength,
    Concat,
    ConvexSum,
    Convolution,
    Crop,
    Dense,
    Dropout,
    Exponential,
    Flatten,
    GaussianPooling,
    GlobalPooling,
    Identity,
    ImageGradient,
    InversePolynomial,
    KernelMapping,
    KernelProduct,
    Layer,
    LocallyConnected,
    LowPass,
    MaxPooling,
    Modulus,
    OrbitPooling,
    Pad,
    PatchCentering,
    PatchExtraction,
    PatchWhitening,
    Polynomial,
    ReLU,
    Residual,
    RoutedDense,
    Sigmoid,
    Softplus,
    Square,
    Squash,
    Standardization,
    Tanh,
    TransposedConvolution,
    Vovk,
    WaveletTransform,
)
from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.filter_bank_1d import FilterBank1D
from kernelconv.operators.wavelets.halves import Halves, RealPart

SHAPE = (6, 8, 2)
KERNELS = [
    Exponential(0.6),
    Exponential(1.5),
    InversePolynomial(),
    Polynomial(3),
    Polynomial(1),
    Vovk(),
    ArcCosine(1),
    ArcCosine(0),
    ArcCosine(2),
    ConvexSum((Exponential(0.6), ArcCosine(1)), (0.3, 0.7)),
    KernelProduct((Exponential(1.5), Vovk())),
]

PATHS = (ScatteringPath((), ()), ScatteringPath((0,), (0,)))

SPECIFICATIONS = {
    "patches": PatchExtraction(3),
    "patches even": PatchExtraction(2, padding="zero"),
    "patches rectangular strided": PatchExtraction((2, 3), stride=(2, 3), padding="reflect"),
    "patches dilated": PatchExtraction(2, dilation=(2, 3), padding="symmetric"),
    "patches in pixels": PatchExtraction(3, stride=2, padding=1),
    "patches far beyond the edge": PatchExtraction((2, 3), padding=(3, 4), dilation=(1, 2)),
    "patches circular": PatchExtraction(3, padding="circular"),
    "patches circular strided dilated": PatchExtraction((3, 2), stride=2, padding="circular", dilation=2),
    "patches wide reflect": PatchExtraction((7, 5), padding="reflect"),
    "patches centred": serial(PatchExtraction(3, padding="zero"), PatchCentering(3)),
    "patches whitened": serial(PatchExtraction((2, 3), padding="zero"), PatchWhitening((2, 3))),
    "gradient": ImageGradient(),
    "gradient zero": ImageGradient("zero"),
    "gradient reflect": ImageGradient("reflect"),
    "gradient circular": ImageGradient("circular"),
    "modulus": Modulus(),
    "relu": ReLU(),
    "square": Square(),
    "softplus": Softplus(),
    "tanh": Tanh(),
    "sigmoid": Sigmoid(),
    "standardization": Standardization(),
    "gaussian": GaussianPooling(2),
    "gaussian wide": GaussianPooling((3, 2), scale=2.5),
    "gaussian zero": GaussianPooling(2, padding="zero"),
    "gaussian reflect": GaussianPooling(2, padding="reflect"),
    "gaussian circular": GaussianPooling(2, padding="circular"),
    "average": AveragePooling(2),
    "average overlapping": AveragePooling(3, stride=2, padding="symmetric"),
    "average in pixels": AveragePooling(3, stride=2, padding=(0, 1)),
    "average circular": AveragePooling(2, padding="circular"),
    "max": MaxPooling(2),
    "max overlapping": MaxPooling((3, 2), stride=(2, 1)),
    "global average": GlobalPooling(),
    "global max": GlobalPooling("max"),
    "flatten": Flatten(),
    "convolution": Convolution(3, 3, padding="zero"),
    "convolution in pixels": Convolution(3, 3, stride=2, padding=1),
    "convolution linear": Convolution(3, (3, 2), stride=(2, 1), bias=False, padding="circular"),
    "convolution dilated": Convolution(2, 2, dilation=2, bias=False),
    "convolution of many": serial(Convolution(6, 1, bias=False), Convolution(3, 3, padding="zero", bias=False)),
    "convolution of many strided": serial(
        Convolution(5, 1), Convolution(4, (3, 2), stride=(2, 3), dilation=(1, 2), padding="zero")
    ),
    "convolution of many reflect": serial(
        Convolution(5, 1, bias=False), Convolution(2, (2, 3), stride=2, dilation=(2, 1), padding="reflect", bias=False)
    ),
    "convolution of many in pixels": serial(
        Convolution(5, 1, bias=False), Convolution(2, 3, padding=(3, 1), bias=False)
    ),
    "convolution of many circular": serial(
        Convolution(5, 1, bias=False), Convolution(2, 3, padding="circular", bias=False)
    ),
    "convolution given": Convolution.from_weights(
        np.arange(36.0).reshape(3, 2, 2, 3) % 7 - 3, [0.5, -1, 2], stride=(1, 2), padding="reflect", flip=True
    ),
    "convolution given linear": Convolution.from_weights(np.arange(8.0).reshape(2, 2, 2) % 3 - 1, padding="circular"),
    "locally connected": LocallyConnected(3, 3, padding="zero"),
    "locally connected linear": LocallyConnected(2, (3, 2), stride=(2, 1), padding="circular", bias=False),
    "locally connected in pixels": LocallyConnected(3, 2, 2, padding=(1, 0), dilation=(1, 2)),
    "transposed convolution": TransposedConvolution(3, 3, padding="zero"),
    "transposed convolution strided": TransposedConvolution(3, (3, 2), stride=(2, 3), output_padding=(1, 2)),
    "transposed convolution in pixels": TransposedConvolution(2, 3, 2, padding=1, output_padding=1),
    "transposed convolution with gaps": TransposedConvolution(2, (1, 2), 3, bias=False),
    "transposed convolution linear": TransposedConvolution(2, 2, 2, "symmetric", dilation=2, bias=False),
    "transposed convolution circular": TransposedConvolution(2, 3, padding="circular", bias=False),
    "transposed convolution to many": TransposedConvolution(6, 3, padding="zero", bias=False),
    "transposed convolution to many strided": TransposedConvolution(5, (4, 3), 2, "reflect", output_padding=(1, 0)),
    "batch normalization": BatchNorm(),
    "dropout": Dropout(0.3),
    "residual": Residual(serial(Convolution(2, 3, padding="zero"), BatchNorm(), ReLU())),
    "residual linear": Residual(
        Convolution(3, 3, stride=2, padding="zero", bias=False), Convolution(3, 1, stride=2, bias=False)
    ),
    "residual shortcut": Residual(
        serial(Convolution(3, 3, stride=2, padding="zero"), BatchNorm(), Modulus()),
        serial(Convolution(3, 1, stride=2), BatchNorm()),
    ),
    "dense": Dense(4),
    "dense linear": Dense(4, bias=False),
    "squash": Squash(2),
    "squash numbers": Squash(1),
    "capsule length": CapsuleLength(2),
    "routed dense": RoutedDense(3, 4, in_size=2),
    "routed dense once": RoutedDense(2, 3, in_size=1, routings=1),
    "routed dense often": RoutedDense(2, 3, in_size=2, routings=5),
    "capsules": serial(Convolution(6, 3, stride=2), Squash(3), RoutedDense(4, 3, in_size=3), CapsuleLength(3)),
    **{f"mapping {kernel}": KernelMapping(5, kernel) for kernel in KERNELS},
    "layer": Layer(PatchExtraction(3, padding="zero"), KernelMapping(6), GaussianPooling(2)),
    "layer in pixels": Layer(PatchExtraction(2, padding=(1, 0)), KernelMapping(6), GaussianPooling(2)),
    "layer circular": Layer(
        PatchExtraction(3, padding="circular"), KernelMapping(6, Vovk()), GaussianPooling(2, padding="circular")
    ),
    "layer average": Layer(PatchExtraction(2), KernelMapping(6, ArcCosine(1)), AveragePooling(2)),
    "layer max": Layer(PatchExtraction(2), KernelMapping(6), MaxPooling(2)),
    "layer relu": Layer(PatchExtraction(2), ReLU(), AveragePooling(2)),
    "flips": OrbitPooling(Layer(PatchExtraction(3), KernelMapping(5), GaussianPooling(2)), "flips"),
    "flips linear": OrbitPooling(Convolution(2, 2, bias=False), "flips"),
    "ckn": serial(
        Layer(PatchExtraction(3, padding="zero"), KernelMapping(5), GaussianPooling(2)),
        Layer(PatchExtraction(2, padding="zero"), KernelMapping(7, InversePolynomial()), GaussianPooling(2)),
    ),
    "cnn": serial(Convolution(3, 3), ReLU(), MaxPooling(2), Flatten(), Dense(4)),
    "scattering": ScatteringTransform(2, 3),
    "scattering circular": ScatteringTransform(1, 3, padding="circular"),
    "scattering tight": ScatteringTransform(1, 2, padding="circular", oversampling=1, bank="tight", paths="all"),
    "scattering of some paths": ScatteringTransform(
        2, 2, only=(ScatteringPath((1,), (1,)), ScatteringPath((0, 1), (1, 0)))
    ),
    "scattering of lines": ScatteringTransform1D(1, 2, padding="zero"),
    "scattering of lines, both halves": ScatteringTransform1D(1, 2, padding="zero", frequencies="both"),
    "scattering of lines, moduli": ScatteringTransform1D(2, 1, T=0, padding="zero"),
    "scattering of lines, means": ScatteringTransform1D(2, 1, T="global", padding="symmetric"),
    "scattering of lines, order 3": ScatteringTransform1D(3, (2, 1), T=4, max_order=3, padding="symmetric"),
    "halves of real maps": Halves(),
    "real part": RealPart(),
    "log": LogCompression(PATHS, 0.1),
    "path selection": PathSelection(PATHS, (1,)),
    "channel order": ChannelOrder((1, 0)),
    "channels again": ChannelOrder((1, 0, 1)),
    "pad zero": Pad(1, (2, 0)),
    "pad reflect": Pad((3, 2), (0, 7), "reflect"),
    "pad symmetric": Pad((0, 6), 1, "symmetric"),
    "pad circular": Pad(7, (0, 9), "circular"),
    "crop": Crop((1, 2), (0, 3)),
    "wavelets": WaveletTransform(0, L=3),
    "wavelets strided": WaveletTransform(1, stride=2, L=2),
    "wavelets on a coarser grid": WaveletTransform(1, stride=2, bank=FilterBank((12, 16), 2, 3)),
    "wavelets along lines": WaveletTransform(0, bank=FilterBank1D(8, 2, 2)),
    "wavelets along lines on a coarser grid": WaveletTransform(1, stride=2, bank=FilterBank1D(32, 3, 2)),
    "low-pass": LowPass(FilterBank((12, 16), 2, 2), stride=2),
    "low-pass along lines": LowPass(FilterBank1D(8, 1), stride=2),
    "wavelet modulus": serial(WaveletTransform(0, L=2), Modulus()),
    "concat": Concat(Convolution(2, 3, padding="zero"), serial(Convolution(1, 1), BatchNorm(), ReLU())),
    "identity": Identity(),
    "concat dense": Concat(Identity(), serial(BatchNorm(), ReLU(), Convolution(2, 3, padding="zero", bias=False))),
    "concat linear": Concat(Convolution(2, 3, stride=2, padding="zero", bias=False), AveragePooling(2)),
    "concat real and complex": Concat(Convolution(2, 1, bias=False), WaveletTransform(0, L=2)),
    "nested": serial(serial(Convolution(2, 2, bias=False), Modulus()), AveragePooling(2)),
}

#: those that hold filters of one size
ONE_SIZE = [name for name, part in SPECIFICATIONS.items() if "FilterBank" in repr(part)]


#: float32 tolerances of the objects that lose digits: whitenings
ILL_CONDITIONED = {
    name: 5e-5 for name, part in SPECIFICATIONS.items() if any(w in repr(part) for w in ("KernelMapping", "Whitening"))
}


def images(n=3, shape=SHAPE, seed=0):
    """Random maps, away from ties and kinks, read-only so that no test can poison another."""
    x = np.random.default_rng(seed).standard_normal((n, *shape))
    x.flags.writeable = False
    return x


def built(name):
    """The named part, built on data so that anchors lie where patches are."""
    return SPECIFICATIONS[name].build(SHAPE, np.random.default_rng(1), data=images(6, seed=2))


def having(trait):
    """Names of the parts that declare a trait."""
    return [name for name in SPECIFICATIONS if getattr(built(name), trait)]
