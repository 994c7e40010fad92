"""Operators against naive loops, textbook examples and theory; the contract of a part; their errors.

The laws (adjoint, gradient, Lipschitz constant, ...) are in test_laws.py.
"""

import inspect
import itertools
import pickle

import numpy as np
import pytest
import reference
import registry
import scipy.linalg

from kernelconv.networks.serial import serial
from kernelconv.operators import (
    ArcCosine,
    AveragePooling,
    BatchNorm,
    Concat,
    ConvexSum,
    Convolution,
    Dense,
    Dropout,
    Exponential,
    FilterBank,
    FilterBank1D,
    Flatten,
    GaussianPooling,
    GlobalPooling,
    ImageGradient,
    KernelMapping,
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
    Sigmoid,
    Softplus,
    Square,
    Standardization,
    Tanh,
    TransposedConvolution,
    Vovk,
    WaveletTransform,
    extract_patches,
    extract_patches_adjoint,
    inverse_sqrt,
    sample_patches,
    spherical_kmeans,
)
from kernelconv.operators.base import Part
from kernelconv.operators.fast.correlation.products import Correlation
from kernelconv.operators.fast.extraction import patch_norms, window_sums
from kernelconv.operators.fast.layers import FusedByTiles, FusedLayer, FusedOnPlanes
from kernelconv.operators.fast.separable import separable, separable_adjoint, window_bands
from kernelconv.operators.mappings.kernels import as_kernel
from kernelconv.operators.patches.borders import PADDINGS, border_index, pad, pad_adjoint
from kernelconv.operators.pooling.gaussian import gaussian_matrix, gaussian_radius
from kernelconv.operators.wavelets.filtering import Bank
from kernelconv.operators.wavelets.morlet import crop, morlet
from kernelconv.testing import check_lipschitz

RNG = np.random.default_rng


def relative(a, b):
    assert a.shape == b.shape
    assert np.linalg.norm(b) > 0
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def column(values):
    """A map of one image and one channel."""
    return np.asarray(values, float)[None, :, :, None]


# P

SIZES = [(1, 1), (2, 2), (3, 3), (2, 3), (5, 1), (4, 4)]
STRIDES = [(1, 1), (2, 2), (3, 1)]
DILATIONS = [(1, 1), (2, 1), (2, 3)]


@pytest.mark.parametrize("padding", [*PADDINGS, (1, 1), (0, 3), (5, 4)], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_patches_are_the_loops(size, padding):
    tried = 0
    for shape, stride, dilation in itertools.product([(5, 7, 2), (6, 4, 1), (1, 5, 3)], STRIDES, DILATIONS):
        part = PatchExtraction(size, stride, padding, dilation)
        sides = [m + sum(border) for m, border in zip(shape, part.borders(), strict=False)]
        if any(e > m for e, m in zip(part.extent, sides, strict=True)):
            assert padding in ("valid", (1, 1), (0, 3))
            with pytest.raises(ValueError, match="larger than the padded image"):
                part.out_shape(shape)
            continue
        x = RNG(0).standard_normal((2, *shape))
        expected = reference.patches(x, size, stride, padding, dilation)
        assert np.array_equal(part.forward(x), expected)
        assert part.out_shape(shape) == expected.shape[1:]
        assert np.array_equal(extract_patches(x, size, stride, padding, dilation), expected)
        y = expected + RNG(1).standard_normal(expected.shape)
        back = extract_patches_adjoint(y, shape, size, stride, padding, dilation)
        assert np.vdot(back, x) == pytest.approx(np.vdot(y, expected), rel=1e-10)
        tried += 1
    assert tried >= 6


def test_a_patch_as_large_as_the_image_is_the_image():
    x = RNG(0).standard_normal((3, 4, 5, 2))
    assert np.array_equal(PatchExtraction((4, 5)).forward(x), x.reshape(3, 1, 1, 40))


@pytest.mark.parametrize("size", [2, (1, 3), (3, 1), 4])
def test_patches_of_images_with_a_new_axis(size):
    """numpy gives the axis that x[..., None] adds the stride 0, and calls the result contiguous."""
    x = RNG(0).standard_normal((3, 5, 6))
    assert np.array_equal(
        PatchExtraction(size).forward(x[..., None]), PatchExtraction(size).forward(x.reshape(3, 5, 6, 1))
    )
    line = x[0]
    for new_axis in (line[:, None, :, None], line[:, :, None, None]):
        part = PatchExtraction((1, 3) if new_axis.shape[1] == 1 else (3, 1))
        assert np.array_equal(part.forward(new_axis), part.forward(new_axis.copy()))
    assert np.array_equal(
        PatchExtraction(size).forward(x[0, None, ..., None]), PatchExtraction(size).forward(x[:1, ..., None])
    )


def test_patches_of_strided_views_are_those_of_copies():
    x = RNG(0).standard_normal((4, 9, 8, 6))[::2, ::-1, 1::2, ::3]
    for padding in PADDINGS:
        part = PatchExtraction((3, 2), padding=padding)
        assert np.array_equal(part.forward(x), part.forward(x.copy()))


@pytest.mark.parametrize("n", [5, 6, 28])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_output_size_is_the_formula(n, size, stride):
    """floor((n - k + 2 P) / S) + 1; ceil(n / S) with borders."""
    assert PatchExtraction(size, stride).out_shape((n, n, 1))[0] == (n - size) // stride + 1
    if size % 2:
        border = (size - 1) // 2
        shape = PatchExtraction(size, stride, "zero").out_shape((n, n, 1))
        assert shape[0] == (n - size + 2 * border) // stride + 1 == -(-n // stride)


@pytest.mark.parametrize("padding", PADDINGS[1:])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_borders_are_the_definition(n, padding):
    expected = [reference.border(i, n, padding) for i in range(-6, n + 5)]
    assert border_index(n, 6, 5, padding).tolist() == [-1 if i is None else i for i in expected]
    x = RNG(0).standard_normal((2, n, 3, 1))
    padded = pad(x, (6, 5), (0, 0), padding)
    assert np.array_equal(padded[:, 6 : 6 + n], x)
    y = RNG(1).standard_normal(padded.shape)
    assert np.vdot(padded, y) == pytest.approx(np.vdot(x, pad_adjoint(y, (6, 5), (0, 0), padding)), rel=1e-12)


def test_padding_in_pixels():
    """One px is what "zero" adds to 3x3 patches; a number is the pair of it; 0 is "valid"."""
    x = RNG(0).standard_normal((2, 5, 4, 3))
    for make in (PatchExtraction, AveragePooling):
        assert make(3, 1, 1) == make(3, 1, (1, np.int64(1)))
        assert make(3, 1, 1).padding == (1, 1)
        assert np.array_equal(make(3, 2, 1).forward(x), make(3, 2, "zero").forward(x))
        assert np.array_equal(make(2, 1, 0).forward(x), make(2, 1).forward(x))
    one, other = (Convolution(2, 3, 2, p).build((5, 4, 3), RNG(1)) for p in (1, "zero"))
    assert np.array_equal(one.forward(x), other.forward(x))
    assert repr(one) == "Convolution(2, size=3, stride=2, padding=1)"
    assert not PatchExtraction(3, padding=1).equivariant


def test_a_patch_larger_than_the_padded_image_is_refused():
    with pytest.raises(
        ValueError, match=r"extent \(5, 3\) px, image \(4, 9\) px, padded height 4 px with padding='valid'"
    ):
        PatchExtraction((3, 3), dilation=(2, 1)).build((4, 9, 1))
    with pytest.raises(ValueError, match="padded width 2 px"):
        PatchExtraction(3).forward(np.ones((1, 4, 2, 1)))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: PatchExtraction(0), "size must be an int >= 1"),
        (lambda: PatchExtraction(3, stride=0), "stride must be an int >= 1"),
        (lambda: PatchExtraction(3, dilation=(1, 0)), "dilation must be an int >= 1"),
        (lambda: PatchExtraction(3, padding="same"), "padding must be one of 'valid', 'zero', .* got 'same'"),
        (lambda: PatchExtraction(3, padding=-1), "or px of zeros on each side, an int >= 0 or a .* got -1"),
        (lambda: Convolution(2, 3, padding=(1, 2, 3)), r"padding must be one of .* got \(1, 2, 3\)"),
        (lambda: AveragePooling(2, padding=1.5), "padding must be one of .* got 1.5"),
        (lambda: AveragePooling(2, padding=None), "padding must be one of .* got None"),
        (lambda: GaussianPooling(0), "subsampling must be an int >= 1"),
        (lambda: GaussianPooling(2, scale=0), "scale must be > 0 and finite, got 0"),
        (lambda: GaussianPooling(2, padding="valid"), "padding must be one of 'zero', .* got 'valid'"),
        (lambda: AveragePooling(2, padding="same"), "padding must be one of"),
        (lambda: AveragePooling(1.5), "size must be an int"),
        (lambda: MaxPooling(2, stride=-1), "stride must be an int"),
        (lambda: GlobalPooling("sum"), "kind must be one of 'average', 'max', got 'sum'"),
        (lambda: Convolution(0, 3), "n_filters must be an int >= 1, got 0"),
        (lambda: Convolution(2, (3,)), "size must be an int"),
        (lambda: LocallyConnected(2, 3, padding="same"), "padding must be one of 'valid', .* got 'same'"),
        (lambda: LocallyConnected(2.5, 3), "n_filters must be an int >= 1, got 2.5"),
        (lambda: TransposedConvolution(2, 3, 2, output_padding=2), r"must be below the stride \(2, 2\), got 2"),
        (lambda: TransposedConvolution(2, 3, output_padding=-1), "output_padding must be an int >= 0"),
        (lambda: TransposedConvolution(0, 3), "n_filters must be an int >= 1, got 0"),
        (lambda: Dense(2.0), "n_units must be an int >= 1, got 2.0"),
        (lambda: KernelMapping(0), "n_anchors must be an int >= 1"),
        (lambda: KernelMapping(3, n_patches=0), "n_patches must be an int >= 1"),
        (lambda: KernelMapping(3, regularization=-1), "regularization must be >= 0 and finite"),
        (lambda: KernelMapping(3, "gaussian"), "kernel must be one of 'exponential', .* got 'gaussian'"),
        (lambda: Exponential(0), "sigma must be > 0"),
        (lambda: Exponential(1e-300), r"sigma must be from 0\.01 to 1e\+100, got 1e-300: narrower kernels hang on"),
        (lambda: Exponential(0.009), r"sigma must be from 0\.01 to 1e\+100"),
        (lambda: Exponential(1e200), r"sigma must be from 0\.01 to 1e\+100"),
        (lambda: Exponential(10**400), "sigma must be > 0 and finite, got 1000"),
        (lambda: Exponential(1j), "sigma must be a number, got 1j"),
        (lambda: GaussianPooling(2, scale=1e-300), r"scale must be from 0\.001 to 10000 px, got 1e-300"),
        (lambda: GaussianPooling(2, scale=1e300), r"scale must be from 0\.001 to 10000 px, got 1e\+300"),
        (lambda: GaussianPooling((1, 10**6)), r"scale must be from 0\.001 to 10000 px, got 707107"),
        (lambda: Polynomial(0), "degree must be an int >= 1"),
        (lambda: Polynomial(101), r"degree must be at most 100, got 101: take its limit, Exponential\(1\)"),
        (lambda: ArcCosine(3), "degree must be 0, 1 or 2, got 3"),
        (lambda: Exponential(1.01e100), r"sigma must be from 0\.01 to 1e\+100, got 1\.01e\+100"),
        (lambda: GaussianPooling(1, scale=0.99e-3), r"scale must be from 0\.001 to 10000 px, got 0\.00099"),
        (lambda: GaussianPooling(1, scale=1.01e4), r"scale must be from 0\.001 to 10000 px, got 10100"),
        (lambda: ImageGradient("valid"), "padding must be one of 'zero', .* got 'valid'"),
        (lambda: Pad(1, 1, "valid"), "padding must be one of 'zero', .* got 'valid'"),
        (lambda: PatchCentering(0), "size must be an int >= 1"),
        (lambda: PatchWhitening(0), "size must be an int >= 1"),
        (lambda: PatchWhitening(3, epsilon=0), "epsilon must be > 0"),
        (lambda: OrbitPooling(ReLU(), "shifts"), "group must be one of 'rotations', .* got 'shifts'"),
        (lambda: BatchNorm(epsilon=0), "epsilon must be > 0"),
    ],
)
def test_values_out_of_range_are_refused_by_the_constructor(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_the_ends_of_the_ranges_are_in_them():
    u = np.float32([-1, 0, 1])
    assert np.array_equal(Exponential(10**30)(u), [1, 1, 1])  # an int beyond 64 bits, of which nothing is left
    np.testing.assert_allclose(Exponential(0.01)(u), [0, 0, 1], atol=1e-30)
    np.testing.assert_allclose(Polynomial(100)(u), (0.99 + u.astype(float) / 100) ** 100, rtol=1e-5)
    x = np.random.default_rng(0).standard_normal((1, 4, 5, 1))
    assert np.array_equal(GaussianPooling(1, scale=1e-3).forward(x), x)
    np.testing.assert_allclose(GaussianPooling(1, scale=1e4, padding="circular").forward(x), x.mean(), atol=1e-3)


def defaults(function):
    parameters = inspect.signature(function).parameters.items()
    return {name: p.default for name, p in parameters if p.default is not p.empty}


OF_PATCHES = {"stride": 1, "padding": "valid", "dilation": 1}
OF_FILTERS = {**OF_PATCHES, "bias": True, "initialization": "torch_default"}


@pytest.mark.parametrize(("function", "expected"), [
    (PatchExtraction, OF_PATCHES),
    (extract_patches, OF_PATCHES),
    (extract_patches_adjoint, OF_PATCHES),
    (sample_patches, {"block": 64}),
    (ImageGradient, {"padding": "symmetric"}),
    (PatchCentering, {"size": 3}),
    (PatchWhitening, {"size": 3, "epsilon": 0.1}),
    (Pad, {"padding": "zero"}),
    (FilterBank, {"L": 8, "kind": "morlet"}),
    (FilterBank1D, {"Q": 1, "T": None, "decimating": False}),
    (morlet, {"slant": 0.5}),
    (crop, {"axes": (-2, -1), "symmetric": False}),
    (WaveletTransform, {"stride": 1, "bank": None, "L": 8}),
    (LowPass, {"stride": 1}),
    (Exponential, {"sigma": 0.6}),
    (as_kernel, {"sigma": 0.6}),
    (Polynomial, {"degree": 2}),
    (ArcCosine, {"degree": 1}),
    (ConvexSum, {"weights": None}),
    (inverse_sqrt, {"regularization": 1e-3}),
    (spherical_kmeans, {"n_iter": 20, "tol": 1e-4, "n_jobs": None}),
    (KernelMapping, {
        "n_anchors": 64, "kernel": Exponential(0.6), "regularization": 1e-3, "n_patches": 20_000, "anchors": None
    }),
    (GaussianPooling, {"subsampling": 2, "scale": None, "padding": "symmetric"}),
    (AveragePooling, {"size": 2, "stride": None, "padding": "valid"}),
    (MaxPooling, {"size": 2, "stride": None}),
    (GlobalPooling, {"kind": "average"}),
    (OrbitPooling, {"group": "rotations"}),
    (Convolution, OF_FILTERS),
    (LocallyConnected, OF_FILTERS),
    (TransposedConvolution, {**OF_FILTERS, "output_padding": 0}),
    (Dense, {"bias": True, "initialization": "torch_default"}),
    (BatchNorm, {"momentum": 0.1, "epsilon": 1e-5}),
    (Dropout, {"rate": 0.5}),
    (Residual, {"shortcut": None}),
    *((bank.wavelets, {"sampling": 1}) for bank in (Bank, FilterBank, FilterBank1D)),
    *((bank.low_pass, {"sampling": 1}) for bank in (Bank, FilterBank, FilterBank1D)),
], ids=lambda v: getattr(v, "__qualname__", ""))  # fmt: skip
def test_what_is_not_named_is_part_of_the_interface(function, expected):
    """Another default would change the results of those who name nothing."""
    assert defaults(function) == expected


@pytest.mark.parametrize("part", [Convolution, LocallyConnected, TransposedConvolution, Dense])
def test_the_start_of_weights_is_given_by_name(part):
    assert inspect.signature(part).parameters["initialization"].kind is inspect.Parameter.KEYWORD_ONLY


# Convolution and Dense


@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 3)])
def test_convolution_is_the_formula(size, stride, dilation):
    rng = RNG(0)
    x, bias = rng.standard_normal((2, 6, 7, 2)), rng.standard_normal(3)
    kernel = rng.standard_normal((*size, 2, 3))
    part = Convolution(3, size, stride, dilation=dilation).build(x.shape[1:], rng)
    part = part.replace({"weight": kernel.reshape(-1, 3), "bias": bias})
    assert relative(part.forward(x), reference.convolution(x, kernel, bias, stride, dilation)) < 1e-13


@pytest.mark.parametrize("padding", PADDINGS[1:])
def test_convolution_with_borders_is_that_of_the_padded_image(padding):
    x = RNG(0).standard_normal((2, 5, 4, 2))
    part = Convolution(3, (3, 2), 2, padding).build((5, 4, 2), RNG(1))
    padded = reference.patches(x, (3, 2), (2, 2), padding, (1, 1)) @ part.params["weight"]
    assert relative(part.forward(x), padded) < 1e-13


def test_the_worked_example():
    x = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 2, 1, 0], [1, 0, 2, 2]]
    part = Convolution(1, 2, bias=False).build((4, 4, 1), RNG(0)).replace({"weight": np.c_[[1.0, -1, 0, 1]]})
    assert part.forward(column(x))[0, :, :, 0].tolist() == [[0, 5, 0], [1, -1, 2], [0, 3, 3]]


def hand_made(kernel, image):
    kernel = np.array(kernel, float)
    part = Convolution(1, kernel.shape, bias=False).build((*np.shape(image), 1), RNG(0))
    return part.replace({"weight": kernel.reshape(-1, 1)}).forward(column(image))[0, :, :, 0]


def test_hand_made_kernels_do_what_their_names_say():
    rows = np.arange(6.0)[:, None] * np.ones((6, 5))
    step = (np.arange(6) >= 3) * np.ones((5, 1))  # a vertical edge
    vertical = [[1, 0, -1]] * 3
    assert hand_made(vertical, step).tolist() == [[0, -3, -3, 0]] * 3
    assert hand_made(np.transpose(vertical), rows).tolist() == [[-6] * 3] * 4
    flat = np.full((4, 4), 7.0)
    for edges in (
        [[1, 0, -1], [0, 0, 0], [-1, 0, 1]],
        [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
        [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    ):
        assert not hand_made(edges, flat).any()
        assert not hand_made(edges, rows).any()  # second derivatives
    dot = np.zeros((5, 5))
    dot[2, 2] = 1
    blur = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    assert np.array_equal(hand_made(blur, dot), blur)
    assert np.allclose(hand_made(np.ones((3, 3)) / 9, rows), rows[1:-1, 1:-1], rtol=1e-14)
    assert np.array_equal(hand_made([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], rows), rows[1:-1, 1:-1])


def test_parameter_counts():
    assert Dense(100).build((28, 28, 1), RNG(0)).n_params() == 78_500
    assert Convolution(100, 5).build((28, 28, 1), RNG(0)).n_params() == 2_600
    assert Convolution(100, 5, bias=False).build((28, 28, 3), RNG(0)).n_params() == 7_500
    assert KernelMapping(10).build((5, 5, 9), RNG(0)).n_params() == 90


@pytest.mark.parametrize(("part", "in_shape", "shape"), [
    (Convolution(400, 5), (9, 9, 4), (100, 400)),
    (Dense(400), (5, 5, 4), (100, 400)),
    (LocallyConnected(16, 5), (9, 9, 4), (5, 5, 100, 16)),
    (TransposedConvolution(40, 10, stride=(2, 5)), (3, 3, 10), (4000, 10)),
], ids=repr)  # fmt: skip
def test_start_weights_are_uniform_by_fan_in(part, in_shape, shape):
    """Each output reads 100 values."""
    params = part.build(in_shape, RNG(0)).params
    assert params["weight"].shape == shape
    assert 0.0999 < np.abs(params["weight"]).max() <= 0.1
    assert params["weight"].std() == pytest.approx(0.1 / np.sqrt(3), rel=0.01)
    assert not params["bias"].any()


def test_an_output_of_a_transposed_convolution_sums_at_least_one_value():
    """Of 1x1 filters two pixels apart three outputs in four read nothing, and the fourth reads one value."""
    weight = TransposedConvolution(2000, 1, stride=2).build((3, 3, 1), RNG(0)).params["weight"]
    assert 0.99 < np.abs(weight).max() <= 1


def test_dense_is_a_matrix_of_the_raveled_image():
    x = RNG(0).standard_normal((3, 4, 5, 2))
    part = Dense(6).build((4, 5, 2), RNG(1)).replace({"weight": RNG(2).random((40, 6)), "bias": np.arange(6.0)})
    expected = x.reshape(3, 40) @ part.params["weight"] + np.arange(6)
    assert relative(part.forward(x), expected[:, None, None]) < 1e-14
    assert np.array_equal(Flatten().forward(x), x.reshape(3, 1, 1, 40))


@pytest.mark.parametrize("shape", [(1, 9), (9, 1)])
def test_convolution_of_a_line_is_a_banded_toeplitz_matrix(shape):
    size = (1, 3) if shape[0] == 1 else (3, 1)
    part = Convolution(1, size, bias=False).build((*shape, 1), RNG(0))
    matrix = part.as_matrix()
    weight = part.params["weight"][:, 0]
    assert matrix.shape == (7, 9)
    assert np.array_equal(matrix, scipy.linalg.toeplitz(np.r_[weight[0], np.zeros(6)], np.r_[weight, np.zeros(6)]))


def test_convolution_with_circular_borders_is_a_circulant_matrix():
    part = Convolution(1, (1, 3), bias=False, padding="circular").build((1, 8, 1), RNG(0))
    matrix = part.as_matrix()
    assert np.array_equal(matrix, scipy.linalg.circulant(matrix[:, 0]))
    assert np.count_nonzero(matrix) == 24
    other = Convolution(1, (1, 5), bias=False, padding="circular").build((1, 8, 1), RNG(1)).as_matrix()
    for product in (matrix @ other, np.linalg.inv(matrix)):  # circulants are closed under both
        assert np.allclose(product, scipy.linalg.circulant(product[:, 0]), rtol=0, atol=1e-12)


def test_convolution_of_images_is_block_toeplitz():
    matrix = Convolution(1, 2, bias=False).build((4, 5, 1), RNG(0)).as_matrix().reshape(3, 4, 4, 5)
    for i, j in itertools.product(range(2), range(3)):
        assert np.array_equal(matrix[i + 1, j + 1, 1:, 1:], matrix[i, j, :-1, :-1])
    assert np.count_nonzero(matrix) == 12 * 4


# M


def test_modulus_and_relu_and_their_derivatives_at_zero():
    x = np.array([-2.0, 0, 3]).reshape(1, 1, 1, 3)
    assert Modulus().forward(x).ravel().tolist() == [2, 0, 3]
    assert ReLU().forward(x).ravel().tolist() == [0, 0, 3]
    assert Modulus().vjp(x, np.ones(x.shape))[0].ravel().tolist() == [-1, 0, 1]
    assert ReLU().vjp(x, np.ones(x.shape))[0].ravel().tolist() == [0, 0, 1]


def test_smooth_nonlinearities_and_their_slopes_at_zero():
    x, g = np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1, 1))
    for part, value, slope in (
        (Square(), 0, 0), (Softplus(), np.log(2), 0.5), (Tanh(), 0, 1), (Sigmoid(), 0.5, 0.25),
    ):  # fmt: skip
        assert part.forward(x) == value
        assert part.vjp(x, g)[0] == slope
        assert part.lipschitz((1, 1, 1)) == {Square: None, Softplus: 1, Tanh: 1, Sigmoid: 0.25}[type(part)]
        assert not part.homogeneous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softplus_and_sigmoid_of_large_values(dtype):
    """Neither overflows, and where exp(x) is tiny both are exp(x), to the last digits."""
    largest = np.finfo(dtype).max
    x = np.array([-largest, -1e4, -60, 60, 1e4, largest], dtype).reshape(1, 1, 1, 6)
    tiny = np.exp(x.ravel()[2])
    assert tiny > 0
    values = {part: part.forward(x).ravel() for part in (Softplus(), Sigmoid())}
    slopes = {part: part.vjp(x, np.ones_like(x))[0].ravel() for part in (Softplus(), Sigmoid())}
    close = {"rtol": 4 * np.finfo(dtype).eps, "atol": 0}
    assert np.allclose(values[Softplus()], [0, 0, tiny, 60, 1e4, largest], **close)
    assert np.allclose(values[Sigmoid()], [0, 0, tiny, 1, 1, 1], **close)
    assert np.allclose(slopes[Softplus()], values[Sigmoid()], **close)
    assert np.allclose(slopes[Sigmoid()], [0, 0, tiny, 0, 0, 0], **close)


@pytest.mark.parametrize("kernel", registry.KERNELS)
@pytest.mark.parametrize("regularization", [1e-3, 0.1])
def test_kernel_mapping_is_the_formula(kernel, regularization):
    x = RNG(0).standard_normal((2, 3, 2, 4))
    x[1, 2, 1] = 0
    part = KernelMapping(6, kernel, regularization).build((3, 2, 4), RNG(1))
    expected = reference.kernel_mapping(x, part.params["anchors"], reference.KAPPA[repr(kernel)], regularization)
    assert relative(part.forward(x), expected) < (1e-10 if kernel.differentiable else 1e-6)
    assert not part.forward(x)[1, 2, 1].any()


def test_a_zero_vector_maps_to_zero_with_gradient_zero():
    part = KernelMapping(6).build((1, 2, 4), RNG(0))
    x = np.zeros((1, 1, 2, 4))
    x[0, 0, 1] = 1
    y, pullback, _ = part.pullback(x)
    gx, grads = pullback(np.ones(y.shape))
    assert not y[0, 0, 0].any()
    assert not gx[0, 0, 0].any()
    assert y[0, 0, 1].any()
    assert gx[0, 0, 1].any()
    alone = part.vjp(x[:, :, 1:], np.ones((1, 1, 1, 6)))[1]["anchors"]
    assert np.allclose(grads["anchors"], alone, rtol=1e-12)


def test_anchors_are_unit_and_learned_from_the_data():
    data = RNG(0).standard_normal((3, 4, 4, 5)) * [1, 0, 2, 0, 0]
    part = KernelMapping(4).build((4, 4, 5), RNG(1), data)
    assert np.allclose(np.linalg.norm(part.params["anchors"], axis=1), 1, rtol=1e-12)
    assert not part.params["anchors"][:, [1, 3, 4]].any()
    assert KernelMapping(4).build((4, 4, 5), RNG(1)).params["anchors"].all()  # without data: any direction


def test_constrain_puts_anchors_back_on_the_sphere():
    part = KernelMapping(3).build((1, 1, 4), RNG(0))
    moved = part.constrain({"anchors": 3 * part.params["anchors"]})["anchors"]
    assert np.allclose(moved, part.params["anchors"], rtol=1e-14)
    assert not part.constrain({"anchors": np.zeros((3, 4))})["anchors"].any()


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_kernel_mapping_of_tiny_and_huge_vectors(scale):
    part = KernelMapping(4).build((1, 1, 3), RNG(0))
    x = RNG(1).standard_normal((2, 1, 1, 3))
    assert relative(part.forward(scale * x) / scale, part.forward(x)) < 1e-12


# A


@pytest.mark.parametrize("padding", PADDINGS[1:])
@pytest.mark.parametrize("subsampling", [(1, 1), (2, 2), (3, 2), (1, 4)])
def test_gaussian_pooling_is_the_loops(subsampling, padding):
    for scale, shape in itertools.product([None, 0.4, 1.7], [(5, 7, 2), (1, 6, 1), (2, 2, 1)]):
        x = RNG(0).standard_normal((2, *shape))
        part = GaussianPooling(subsampling, scale, padding)
        each = [s / np.sqrt(2) if scale is None else scale for s in subsampling]
        expected = reference.gaussian_pooling(x, subsampling, each, padding)
        assert relative(part.forward(x), expected) < 1e-13
        assert part.out_shape(shape) == expected.shape[1:]


def test_gaussian_pooling_keeps_constants_and_is_centred():
    for n, s in itertools.product([4, 5, 6, 9], [2, 3]):
        part = GaussianPooling(s)
        assert np.allclose(part.forward(np.full((1, n, n, 1), 3.0)), 3, rtol=1e-14)
        ramp = np.broadcast_to(np.arange(float(n))[None, None, :, None], (1, n, n, 1))
        centres = GaussianPooling(s, scale=1e-3).forward(ramp)[0, 0, :, 0]  # so narrow that it only subsamples
        assert abs(centres.mean() - (n - 1) / 2) <= 0.5
        assert np.allclose(np.diff(centres), s)


def test_gaussian_radius():
    assert [gaussian_radius(s, s / 2**0.5) for s in range(1, 50)] == list(range(1, 50))
    assert gaussian_radius(1, 0.5) == 0  # no subsampling, a window of one pixel
    assert gaussian_radius(2, 0.1) == 1
    rounding = [gaussian_radius(1, (3 - missing) / np.sqrt(2)) for missing in (0.95e-6, 1.05e-6)]
    assert rounding == [3, 2]  # a millionth is missing, or more


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 2), (5, 4)])
@pytest.mark.parametrize("stride", [None, (1, 1), (2, 3)])
def test_average_and_max_pooling_are_the_loops(size, stride):
    x = RNG(0).standard_normal((2, 5, 4, 3))
    step = size if stride is None else stride
    for part, function in ((AveragePooling(size, stride), np.mean), (MaxPooling(size, stride), np.max)):
        assert relative(part.forward(x), reference.windows(x, size, step, function)) < 1e-14
    for padding in PADDINGS[1:]:
        windows = reference.patches(x, size, step, padding, (1, 1)).reshape(2, -1, np.prod(size), 3)
        got = AveragePooling(size, stride, padding).forward(x)
        assert relative(got.reshape(2, -1, 3), windows.mean(axis=2)) < 1e-14


def test_the_max_pooling_example():
    x = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
    assert MaxPooling(2).forward(column(x))[0, :, :, 0].tolist() == [[6, 8], [3, 4]]
    assert AveragePooling(2).forward(column(x))[0, :, :, 0].tolist() == [[3.25, 5.25], [2, 2]]


def test_ties_go_to_the_first_in_row_major_order():
    g = MaxPooling(2).vjp(np.ones((1, 2, 4, 1)), np.array([1.0, 2]).reshape(1, 1, 2, 1))[0]
    assert g[0, :, :, 0].tolist() == [[1, 0, 2, 0], [0, 0, 0, 0]]
    g = GlobalPooling("max").vjp(np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1)))[0]
    assert g.ravel().tolist() == [1, 0, 0, 0]


def test_max_pooling_of_single_pixels_does_not_share_its_input():
    x = RNG(0).standard_normal((2, 4, 5, 3))
    for part in (MaxPooling(1), MaxPooling(1, stride=2), MaxPooling((1, 2)), MaxPooling((2, 1))):
        y = part.forward(x)
        assert np.array_equal(y, reference.windows(x, part.size, part.stride, np.max))
        assert not np.shares_memory(x, y)


def test_global_pooling():
    x = RNG(0).standard_normal((2, 3, 4, 5))
    assert np.allclose(GlobalPooling().forward(x)[:, 0, 0], x.reshape(2, 12, 5).mean(axis=1), rtol=1e-13)
    assert np.array_equal(GlobalPooling("max").forward(x)[:, 0, 0], x.reshape(2, 12, 5).max(axis=1))


# Normalisation


def test_standardization_is_that_of_all_pixels():
    x = RNG(0).standard_normal((300, 2, 3, 2)) * [3, 1e-3] + [1e4, -7]  # more than one block of images
    y = Standardization().build((2, 3, 2), data=x).forward(x)
    assert np.abs(y.mean(axis=(0, 1, 2))).max() < 1e-9
    assert np.allclose(y.std(axis=(0, 1, 2)), 1, rtol=1e-7)
    assert np.array_equal(Standardization().build((2, 3, 2)).forward(x), x)  # no data: the identity


def test_standardization_centres_a_constant_channel_and_does_not_scale_it():
    x = np.full((5, 2, 2, 1), 0.1)
    part = Standardization().build((2, 2, 1), data=x)
    assert np.abs(part.forward(x)).max() < 1e-15
    assert part.state["deviation"].tolist() == [1]


def test_standardization_before_build_is_refused():
    with pytest.raises(ValueError, match=r"Standardization is not built: call build\(in_shape, rng, data\) first"):
        Standardization().forward(np.ones((1, 2, 2, 1)))
    assert Standardization().lipschitz((2, 2, 1)) is None


# The contract of a part


def test_parts_that_draw_need_a_generator():
    for part in (Convolution(2, 3), Dense(2), KernelMapping(2), LocallyConnected(2, 3), TransposedConvolution(2, 3)):
        with pytest.raises(ValueError, match=rf"{type(part).__name__}\.build needs a numpy Generator"):
            part.build((4, 4, 1))


def test_unbuilt_parts_say_so():
    for part in (Convolution(2, 3), Dense(2), KernelMapping(2), LocallyConnected(2, 3), TransposedConvolution(2, 3)):
        with pytest.raises(ValueError, match=rf"{type(part).__name__} is not built: call build"):
            part.forward(np.ones((1, 4, 4, 1)))
    for call in (
        lambda p: p.adjoint(np.ones((1, 2, 2, 9))),
        lambda p: p.as_matrix(),
        lambda p: p.replace({}),
        lambda p: p.astype(np.float32),
    ):
        with pytest.raises(ValueError, match="PatchExtraction is not built"):
            call(PatchExtraction(3))
    assert Convolution(2, 3).lipschitz((4, 4, 1)) is None
    for name, ask in (
        ("KernelMapping", lambda: KernelMapping(3).whitening),
        ("KernelMapping", lambda: KernelMapping(3).embed_pullback(np.ones((1, 1, 1, 4)))),
        ("PatchWhitening", lambda: PatchWhitening(1).matrix),
        ("AveragePooling", AveragePooling(2).as_linear_operator),
    ):
        with pytest.raises(ValueError, match=f"{name} is not built: call build"):
            ask()


def test_arrays_that_are_kept_for_the_next_call_cannot_be_written():
    for kept in (border_index(5, 2, 1, "reflect"), gaussian_matrix(5, 2, 1.5, "zero")):
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 0


@pytest.mark.parametrize("part", [ReLU(), MaxPooling(2), Convolution(2, 3)])
def test_what_is_not_linear_has_no_adjoint_and_no_matrix(part):
    part = part.build((4, 4, 1), RNG(0))
    for call in (lambda: part.adjoint(np.ones((1, 4, 4, 1))), part.as_matrix, part.as_linear_operator):
        with pytest.raises(ValueError, match="is not linear, so it has no adjoint and no matrix"):
            call()


def test_replace_wants_the_same_names_and_shapes():
    part = Convolution(2, 3).build((4, 4, 1), RNG(0))
    with pytest.raises(ValueError, match=r"Convolution\.replace wants params .*'weight': \(9, 2\).* got .*\(8, 2\)"):
        part.replace({"weight": np.ones((8, 2)), "bias": np.ones(2)})
    with pytest.raises(ValueError, match=r"Convolution\.replace wants params"):
        part.replace({"weight": np.ones((9, 2))})
    scaled = Standardization().build((4, 4, 1))
    with pytest.raises(ValueError, match=r"Standardization\.replace wants state"):
        scaled.replace({}, {"mean": np.ones(1)})
    assert scaled.replace({}, {"mean": np.ones(1), "deviation": np.ones(1)}).forward(np.ones((1, 4, 4, 1))).sum() == 0


@pytest.mark.parametrize("params", [None, 3, [1], "ab"])
def test_replace_wants_a_dict(params):
    layer = Layer(PatchExtraction(1), KernelMapping(3), GaussianPooling(1))
    parts = [ReLU(), Dense(2), layer, serial(ReLU()), serial(Standardization(), Dense(2))]
    for part in parts:
        built = part.build((4, 4, 1), RNG(0))
        with pytest.raises(TypeError, match=r"params must be a dict of arrays by name, as \.params is, got"):
            built.replace(params)
        if params is not None:
            with pytest.raises(TypeError, match="state must be a dict of arrays by name"):
                built.replace(built.params, params)


def test_a_part_without_gradient_says_so():
    class Rounding(Part):
        def _out_shape(self, in_shape):
            return in_shape

        def definition(self, x):
            return np.round(x)

    with pytest.raises(NotImplementedError, match="Rounding has no gradient"):
        Rounding().vjp(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)))


def test_the_abstract_part_and_kernel_do_nothing():
    from kernelconv.operators import DotProductKernel
    from kernelconv.operators.learned.affine import Affine
    from kernelconv.operators.mappings.nonlinearities import Pointwise

    part, kernel, x = Part(), DotProductKernel(), np.ones((1, 1, 1, 1))
    for call in (
        lambda: part.out_shape((1, 1, 1)),
        lambda: part.definition(x),
        lambda: part.forward(x),
        lambda: part._adjoint(x, x.shape),
        lambda: kernel.slope,
        lambda: kernel(x),
        lambda: kernel.derivative(x),
        lambda: Affine()._param_shapes((1, 1, 1), 1),
        lambda: Affine()._rows(x),
        lambda: Affine()._rows_adjoint(x, x.shape),
        lambda: Pointwise()._slope(x, x),
        lambda: Correlation(PatchExtraction(1), (1, 1, 1)).input_transform(x),
        lambda: Correlation(PatchExtraction(1), (1, 1, 1)).filter_transform(x),
        lambda: Correlation(PatchExtraction(1), (1, 1, 1)).output_transform_adjoint(x),
        lambda: Correlation(PatchExtraction(1), (1, 1, 1)).multiply(x, x),
        lambda: Correlation(PatchExtraction(1), (1, 1, 1)).weight_gradient(x, x),
        lambda: Correlation(PatchExtraction(1), (1, 1, 1)).input_gradient(x, x),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_reprs_are_constructor_calls():
    parts = [PatchExtraction(3), PatchExtraction((2, 3), padding="zero"), Convolution(8, 5, bias=False)]
    parts += [GaussianPooling((2, 1), scale=1.5), MaxPooling(2), AveragePooling(3, 1), ReLU(), KernelMapping(8, Vovk())]
    for part in parts:
        assert eval(repr(part)) == part
    assert repr(parts[1]) == "PatchExtraction((2, 3), padding='zero')"
    assert repr(parts[0]) == "PatchExtraction(3)"


def test_a_constant_that_is_not_known_is_none_and_cannot_be_checked():
    layer = Layer(PatchExtraction(2), KernelMapping(3, ArcCosine(0)), MaxPooling(2)).build((4, 4, 1), RNG(0))
    assert layer.lipschitz((4, 4, 1)) is None
    with pytest.raises(ValueError, match="declares no Lipschitz constant"):
        check_lipschitz(layer, np.ones((1, 4, 4, 1)), RNG(0))


def test_constants_of_composites_are_made_of_their_parts():
    shape, a, b = (6, 6, 1), AveragePooling(3, 1, "reflect"), GaussianPooling(2)
    one, two = a.lipschitz(shape), b.lipschitz(shape)
    assert min(abs(one - 1), abs(two - 1)) > 0.01
    assert serial(a, b).lipschitz(shape) == pytest.approx(one * two, rel=1e-12)
    assert Layer(a, ReLU(), b).lipschitz(shape) == pytest.approx(one * two, rel=1e-12)
    assert Concat(a, ReLU()).lipschitz(shape) == pytest.approx(np.hypot(one, 1), rel=1e-12)
    assert Residual(a).lipschitz(shape) == pytest.approx(one + 1, rel=1e-12)
    assert Residual(a, ReLU()).lipschitz(shape) == pytest.approx(one + 1, rel=1e-12)
    assert OrbitPooling(b).lipschitz(shape) == two
    for unknown in (serial(a, Square()), Concat(a, Square()), Residual(Square()), Residual(a, Square())):
        assert unknown.lipschitz(shape) is None
    assert GlobalPooling("max").lipschitz(shape) == MaxPooling(2).lipschitz(shape) == 1


def test_constants_of_normalisations_are_their_steepest_channel():
    x = RNG(0).standard_normal((40, 2, 2, 3)) * [1, 0.2, 5]
    norm = BatchNorm().build((2, 2, 3))
    norm = norm.replace(
        {"scale": np.array([2.0, -3, 1]), "shift": np.ones(3)}, {"mean": np.ones(3), "variance": np.r_[4, 2.0, 3]}
    )
    for part in (Standardization().build((2, 2, 3), data=x), norm):
        steps = np.eye(3)[:, None, None] * np.ones((1, 2, 2, 1))  # one channel at a time, all pixels
        change = part.forward(x[:3] + steps) - part.forward(x[:3])
        slopes = np.linalg.norm(change.reshape(3, -1), axis=1) / 2
        assert part.lipschitz((2, 2, 3)) == pytest.approx(slopes.max(), rel=1e-9)
        assert slopes.max() > 1.2 * np.median(slopes)


def test_the_bound_of_a_convolution_is_its_norm_where_patches_do_not_overlap():
    part = Convolution(3, 2, stride=2, bias=False).build((4, 6, 2), RNG(0))
    assert part.lipschitz((4, 6, 2)) == pytest.approx(np.linalg.norm(part.as_matrix(), 2), rel=1e-12)


# Layers


def test_a_layer_is_its_operators_in_a_row():
    x = RNG(0).standard_normal((2, 7, 6, 2))
    layer = Layer(PatchExtraction((3, 2), padding="zero"), KernelMapping(5, Vovk(), 0.01), GaussianPooling(2))
    layer = layer.build((7, 6, 2), RNG(1), x)
    p = reference.patches(x, (3, 2), (1, 1), "zero", (1, 1))
    m = reference.kernel_mapping(p, layer.params["M.anchors"], reference.KAPPA["Vovk()"], 0.01)
    expected = reference.gaussian_pooling(m, (2, 2), [np.sqrt(2)] * 2, "symmetric")
    assert relative(layer.forward(x), expected) < 1e-11


def test_only_linear_pooling_is_moved_before_the_whitening():
    patches, mapping = PatchExtraction(2), KernelMapping(3)
    assert Layer(patches, mapping, GaussianPooling(2)).fused
    assert not Layer(patches, mapping, MaxPooling(2)).fused
    assert not Layer(patches, Modulus(), GaussianPooling(2)).fused


def test_fusing_saves_multiply_adds():
    parts = PatchExtraction(3), KernelMapping(8), GaussianPooling(2)
    fused, unfused = Layer(*parts).multiply_adds((10, 10, 1)), serial(*parts).multiply_adds((10, 10, 1))
    assert unfused - fused == 8 * 8 * (64 - 16)
    assert fused == 64 * 9 * 8 + 64 * 8 + 8 * 8 * 4 * (8 + 4) - 64 * 8 + 16 * 64


def test_composites_say_which_part_does_not_fit():
    layer = Layer(PatchExtraction(3), KernelMapping(4), AveragePooling(5))
    with pytest.raises(ValueError, match=r"A \(AveragePooling\(5.*does not fit its input of shape \(4, 4, 4\): "):
        layer.out_shape((6, 6, 1))
    with pytest.raises(ValueError, match=r"P \(PatchExtraction\(3\)\) does not fit its input of shape \(2, 6, 1\)"):
        layer.build((2, 6, 1), RNG(0))


def test_composites_replace_by_name():
    layer = Layer(PatchExtraction(3), KernelMapping(4), GaussianPooling(2)).build((6, 6, 1), RNG(0))
    with pytest.raises(ValueError, match=r"replace wants params \['M.anchors'\], got \['anchors'\]"):
        layer.replace({"anchors": layer.params["M.anchors"]})
    other = layer.replace({"M.anchors": layer.params["M.anchors"][::-1]})
    x = RNG(1).standard_normal((1, 6, 6, 1))
    assert relative(other.forward(x), layer.forward(x)[..., ::-1]) < 1e-12


def test_whitening_makes_centred_patches_white_and_keeps_flat_ones_zero():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((60, 9, 9, 2)).cumsum(axis=1).cumsum(axis=2)
    patches = PatchExtraction(3).forward(images)
    white = PatchWhitening(3, 1e-9).build((7, 7, 18), np.random.default_rng(0), patches)
    rows = white.forward(patches).reshape(-1, 18)
    values = np.linalg.eigvalsh(rows.T @ rows / len(rows))
    assert np.abs(values[:2]).max() < 1e-9  # the mean of each colour is gone
    assert np.allclose(values[2:], 1, atol=0.2)
    before = patches - patches.reshape(*patches.shape[:3], 9, 2).mean(3, keepdims=True).repeat(9, 3).reshape(
        patches.shape
    )
    assert np.linalg.cond(np.cov(before.reshape(-1, 18).T)[:16, :16]) > 5
    assert np.abs(white.forward(np.ones((1, 1, 1, 18)))).max() < 1e-8
    one = white.forward(patches[:1, :1, :1])
    again = PatchWhitening(3, 1e-9).build((7, 7, 18), np.random.default_rng(0), patches)
    assert np.array_equal(again.forward(patches[:1, :1, :1]), one)


def test_whitening_without_data_is_centering():
    x = np.random.default_rng(0).standard_normal((2, 3, 3, 8))
    assert np.allclose(PatchWhitening(2).build((3, 3, 8)).forward(x), PatchCentering(2).forward(x))


def test_whitening_says_what_is_wrong():
    with pytest.raises(ValueError, match="epsilon must be"):
        PatchWhitening(3, 0)
    with pytest.raises(
        ValueError, match=r"PatchWhitening\(\(3, 3\)\) needs patches of 9 pixels, its input has 8 channels"
    ):
        PatchWhitening(3).build((4, 4, 8))
    with pytest.raises(ValueError, match=r"PatchWhitening\(\(3, 3\)\) needs patches of 9 pixels"):
        PatchWhitening(3).build((4, 4, 8), RNG(0), RNG(0).random((3, 4, 4, 8)))
    flat = np.ones((4, 3, 3, 9))
    with pytest.raises(ValueError, match="cannot learn from flat patches: every sampled one is constant"):
        PatchWhitening(3).build((3, 3, 9), np.random.default_rng(0), flat)
    with pytest.raises(ValueError, match=r"PatchWhitening\.build needs a numpy Generator"):
        PatchWhitening(3).build((3, 3, 9), None, flat)


def test_a_whitening_is_learned_from_as_many_patches_as_anchors_are(monkeypatch):
    asked = []

    def sample(maps, n_patches, rng):
        asked.append(n_patches)
        return sample_patches(maps, n_patches, rng)

    monkeypatch.setattr("kernelconv.operators.patches.whitening.sample_patches", sample)
    PatchWhitening(2).build((2, 2, 4), RNG(0), RNG(1).random((9, 2, 2, 4)))
    assert asked == [KernelMapping().n_patches]


@pytest.mark.parametrize(("channels", "engine"), [(1, FusedOnPlanes), (2, FusedOnPlanes), (6, FusedByTiles)])
@pytest.mark.parametrize("kernel", [Exponential(0.6), ArcCosine(1)], ids=str)
@pytest.mark.parametrize("padding", ["valid", "zero", "reflect"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_layer_that_makes_no_plain_patches_is_the_layer_of_patches(channels, engine, kernel, padding, dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 11, 10, channels)).astype(dtype)
    x[0] = 0
    x[1, :5] *= 1e-30  # faint beside strong: rounding is larger than the patch
    layer = Layer(PatchExtraction(3, padding=padding), KernelMapping(12, kernel), GaussianPooling(2))
    layer = layer.build((11, 10, channels), rng, x[2:].astype(np.float64)).astype(dtype)
    assert type(layer._engine) is engine
    y = layer.forward(x)
    plain = FusedLayer(layer).forward(x)
    assert y.dtype == dtype
    assert np.isfinite(y).all()
    assert not y[0].any()
    tolerance = 1e-12 if dtype is np.float64 else 1e-4
    assert np.abs(y - plain).max() < tolerance * np.abs(plain).max()
    assert np.abs(plain[1]).max() > 0.1


def test_filters_that_a_layer_keeps_are_those_of_its_anchors_and_dtype():
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 6))
    spec = Layer(PatchExtraction(3), KernelMapping(5), GaussianPooling(2))
    layer, other = (spec.build((8, 8, 6), np.random.default_rng(seed)) for seed in (0, 1))
    unused = pickle.dumps(layer)
    y, wanted = pickle.loads(unused).forward(x), other.forward(x)
    single = layer.forward(x.astype(np.float32))
    assert single.dtype == np.float32
    assert np.allclose(single, y, rtol=1e-3, atol=1e-4)
    assert np.array_equal(layer.forward(x), y)
    assert np.array_equal(layer.replace(other.params).forward(x), wanted)
    assert layer.forward(x[:, :7]).shape == (2, 3, 3, 5)  # maps of another shape
    assert np.array_equal(layer.forward(x), y)
    assert len(pickle.dumps(layer)) == len(unused)


@pytest.mark.parametrize("channels", [1, 6])
def test_no_images_give_no_features(channels):
    layer = Layer(PatchExtraction(3), KernelMapping(5), GaussianPooling(2)).build(
        (8, 8, channels), np.random.default_rng(0)
    )
    none = np.zeros((0, 8, 8, channels), np.float32)
    assert layer.forward(none).shape == (0, 3, 3, 5)
    assert layer.forward(none).dtype == np.float32
    waves = WaveletTransform(scale=1).build((8, 8, channels)).forward(none)
    assert (len(waves), waves.dtype) == (0, np.complex64)
    with pytest.raises(ValueError, match=r"x is empty, shape \(0, 8, 8, .\): a gradient is taken at one map or more"):
        layer.vjp(none, np.zeros((0, 3, 3, 5)))


# Pooling and norms as banded matrices


@pytest.mark.parametrize("padding", ["valid", "zero", "reflect", "symmetric", "circular"])
@pytest.mark.parametrize(
    "geometry", [{"size": 3}, {"size": (2, 5), "stride": (3, 1)}, {"size": 2, "dilation": 3}], ids=str
)
@pytest.mark.parametrize("channels", [1, 3])
def test_norms_of_patches_are_those_of_the_patches(channels, geometry, padding):
    x = np.random.default_rng(0).standard_normal((3, 9, 40, channels))
    x[0] = 0
    patches = PatchExtraction(padding=padding, **geometry)
    expected = np.linalg.norm(patches.forward(x), axis=3, keepdims=True)
    norms = patch_norms(x, window_sums(patches, x.shape[1:3], x.dtype))
    assert np.allclose(norms, expected, rtol=1e-13)
    assert not norms[0].any()


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
def test_bands_are_the_matrix(at_once):
    reads = np.array([[-1, 0, 1], [1, 2, 3], [3, 3, 4], [-1, -1, -1], [6, 5, 4]])
    weights = np.array([1.0, 10, 100])
    bands = window_bands(reads, weights, np.float64, at_once)
    expected = np.zeros((5, 8))
    for row, columns in enumerate(reads):
        for column, weight in zip(columns, weights, strict=True):
            expected[row, column] += weight if column >= 0 else 0
    matrix = np.zeros((5, 8))
    for rows, columns, block in bands:
        matrix[rows, columns] = block
    assert np.array_equal(matrix, expected)
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 3))
    for layout in (x, np.ascontiguousarray(x.transpose(1, 2, 0, 3)).transpose(2, 0, 1, 3)):
        y = separable(layout, bands, bands)
        assert np.allclose(y, np.einsum("ih,jw,nhwc->nijc", expected, expected, x), rtol=1e-13, atol=1e-10)
        back = separable_adjoint(y, bands, bands, x.shape)
        assert np.allclose(back, np.einsum("ih,jw,nijc->nhwc", expected, expected, y), rtol=1e-13, atol=1e-7)


def test_long_lines_have_few_bands():
    """The matrix of a long line would not fit the memory; neither do too many groups help."""
    line = GaussianPooling((1, 2)).build((1, 100_000, 1))
    x = np.random.default_rng(0).standard_normal((1, 1, 100_000, 1))
    y = line.forward(x)[0, 0, :, 0]
    weights = np.exp(-(np.arange(-2, 3.0) ** 2) / 4)
    weights /= weights.sum()
    assert np.allclose(y[1:-1], np.convolve(x[0, 0, :, 0], weights, "same")[2:-2:2], rtol=1e-12, atol=1e-13)
    assert len(line._engine._bands(x.dtype)[1]) < 1000
