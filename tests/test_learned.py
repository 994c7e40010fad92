"""Parts with weights beside Convolution and Dense: weights of their own at each position, and the transpose.

The laws are in test_laws.py, the same numbers from PyTorch in test_cross.py.
"""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from kernelconv.networks.serial import serial
from kernelconv.operators import (
    AveragePooling,
    Concat,
    Convolution,
    Crop,
    FilterBank1D,
    LocallyConnected,
    Residual,
    TransposedConvolution,
    WaveletTransform,
)
from kernelconv.operators.patches.borders import PADDINGS

RNG = np.random.default_rng
SIZES = [(1, 1), (2, 3), (3, 3)]
STRIDES = [(1, 1), (2, 2), (3, 1)]
DILATIONS = [(1, 1), (2, 1), (2, 3)]


def relative(a, b):
    assert a.shape == b.shape
    assert np.linalg.norm(b) > 0
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("padding", [*PADDINGS, 1, (0, 2)], ids=str)
def test_transposed_convolution_is_the_adjoint_of_convolution(padding):
    """<Convolution(W) x, y> = <x, TransposedConvolution(W) y>, for x of every size that gives maps of y's."""
    maps, tried = (5, 6, 2), 0
    for size, stride, dilation, c in itertools.product(SIZES, STRIDES, DILATIONS, [2, 5]):
        settings = {"size": size, "stride": stride, "padding": padding, "dilation": dilation}
        for extra in itertools.product(*map(range, stride)):
            part = TransposedConvolution(c, **settings, bias=False, output_padding=extra).build(maps, RNG(0))
            convolution = Convolution(2, **settings, bias=False).build(part.out_shape(maps), RNG(1))
            convolution = convolution.replace(part.params)
            assert convolution.out_shape(convolution.in_shape) == maps
            x = RNG(2).standard_normal((2, *convolution.in_shape))
            y = convolution.forward(x) + RNG(3).standard_normal((2, *maps))
            assert np.vdot(convolution.forward(x), y) == pytest.approx(np.vdot(x, part.forward(y)), rel=1e-10)
            assert relative(part.forward(y), convolution.adjoint(y)) < 1e-12
            assert relative(part.adjoint(x), convolution.forward(x)) < 1e-12
            assert part.lipschitz(part.in_shape) == pytest.approx(convolution.lipschitz(convolution.in_shape))
            assert part.multiply_adds(part.in_shape) == convolution.multiply_adds(convolution.in_shape)
            tried += 1
    assert tried == 2 * len(SIZES) * len(DILATIONS) * (1 + 4 + 3)


def test_transposed_convolution_of_a_dot_is_its_filter():
    part = TransposedConvolution(1, 2, stride=2, bias=False).build((2, 2, 1), RNG(0))
    part = part.replace({"weight": np.c_[[1.0, 2, 3, 4]]})
    assert part.forward(np.array([[[[1.0], [0]], [[0], [-1]]]]))[0, :, :, 0].tolist() == [
        [1, 2, 0, 0], [3, 4, 0, 0], [0, 0, -1, -2], [0, 0, -3, -4]
    ]  # fmt: skip
    assert part.out_shape((14, 14, 1)) == (28, 28, 1)
    x = RNG(1).standard_normal((2, 3, 5, 1))  # of another size than it was built for
    assert part.forward(x).shape == (2, 6, 10, 1)


def test_transposed_convolution_that_leaves_no_pixel_is_refused():
    part = TransposedConvolution(1, 3, padding=2)
    with pytest.raises(
        ValueError, match=r"No pixel is left: maps of \(1, 2\) px become \(3, 4\) px, of which .* \(4, 4\)"
    ):
        part.build((1, 2, 1), RNG(0))
    assert part.out_shape((3, 3, 1)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("size", "stride", "dilation"), [((3, 2), (2, 3), (1, 1)), ((1, 4), (2, 2), (1, 1)), (3, 1, 2)]
)
def test_receptive_field_of_a_transposed_convolution(size, stride, dilation):
    """The widest that an output sees, and how far apart two outputs' fields are on average."""
    part = TransposedConvolution(1, size, stride, dilation=dilation, bias=False).build((12, 12, 1), RNG(0))
    matrix = part.as_matrix().reshape(*part.out_shape((12, 12, 1))[:2], 12, 12) != 0
    field, step = part.receptive_field((12, 12, 1))
    for axis in (0, 1):
        seen = [np.flatnonzero(v) for v in matrix.any(axis=(1 - axis, 3 - axis))]
        assert max(v[-1] - v[0] + 1 for v in seen if len(v)) == field[axis]
        firsts = [v[0] for v in seen[:: part.stride[axis]] if len(v)]
        assert firsts[-1] - firsts[-2] == part.stride[axis] * step[axis] == 1
    both = serial(part, Convolution(1, 3, stride)).receptive_field((12, 12, 1))
    assert both[1] == (1, 1)
    assert all(type(s) is int for s in both[1])


def test_receptive_fields_after_a_transposed_convolution():
    """Three outputs at half the step see one input more, two see half of one; the summary prints halves."""
    halved = serial(TransposedConvolution(1, 2, 2, bias=False), Convolution(1, 2, bias=False)).build((4, 4, 1), RNG(0))
    seen = halved.as_matrix().reshape(7, 7, 4, 4)[3].any(axis=(0, 2)).nonzero()[0]
    assert halved.receptive_field((4, 4, 1)) == ((2, 2), (Fraction(1, 2),) * 2)
    assert seen.tolist() == [1, 2]
    network = serial(
        Convolution(2, 3, 2), TransposedConvolution(2, 3, 2), Convolution(1, 3), TransposedConvolution(1, 2, 2)
    )
    assert network.receptive_field((15, 15, 1)) == ((7, 7), (Fraction(1, 2),) * 2)
    assert "7x7  1/2x1/2" in network.build((15, 15, 1), RNG(0)).summary()


def test_locally_connected_with_the_same_weights_everywhere_is_a_convolution():
    x = RNG(0).standard_normal((3, 6, 5, 2))
    for settings in ({}, {"stride": 2, "padding": "zero"}, {"padding": (1, 2), "dilation": 2}):
        shared = Convolution(4, 2, **settings).build((6, 5, 2), RNG(1))
        shared = shared.replace({**shared.params, "bias": np.arange(4.0)})
        part = LocallyConnected(4, 2, **settings).build((6, 5, 2), RNG(2))
        part = part.replace({k: np.broadcast_to(shared.params[k], v.shape) for k, v in part.params.items()})
        assert relative(part.forward(x), shared.forward(x)) < 1e-13
        assert part.lipschitz((6, 5, 2)) == pytest.approx(shared.lipschitz((6, 5, 2)))
        assert part.multiply_adds((6, 5, 2)) == shared.multiply_adds((6, 5, 2))
        g = RNG(3).standard_normal((3, *part.out_shape((6, 5, 2))))
        ours, theirs = part.vjp(x, g), shared.vjp(x, g)
        assert relative(ours[0], theirs[0]) < 1e-13
        assert all(relative(v.sum(axis=(0, 1)), theirs[1][k]) < 1e-12 for k, v in ours[1].items())


def test_lipschitz_constant_of_locally_connected_is_the_norm_where_patches_do_not_overlap():
    part = LocallyConnected(3, 2, stride=2, bias=False).build((6, 4, 2), RNG(0))
    assert part.lipschitz((6, 4, 2)) == pytest.approx(np.linalg.norm(part.as_matrix(), 2), rel=1e-12)
    assert LocallyConnected(3, 2).lipschitz((6, 4, 2)) is None
    assert TransposedConvolution(3, 2).lipschitz((6, 4, 2)) is None


@pytest.mark.parametrize("other", [(5, 6, 1), (3, 4, 1)])
def test_locally_connected_takes_maps_of_one_size(other):
    """One position would broadcast."""
    part = LocallyConnected(2, 3).build((3, 3, 1), RNG(0))
    with pytest.raises(ValueError, match=r"weights for 1 x 1 positions, maps of shape .* it takes maps of one size"):
        part.forward(np.ones((1, *other)))


def test_one_pixel_is_enough():
    for part, shape in (
        (TransposedConvolution(2, 1), (1, 1, 3)),
        (TransposedConvolution(2, 3, padding=1), (1, 1, 3)),
        (Crop((2, 1), (1, 3)), (4, 5, 3)),
    ):
        assert part.build(shape, RNG(0)).forward(np.ones((2, *shape))).shape[1:3] == (1, 1)
    for part, shape in (
        (TransposedConvolution(2, 1, padding=(1, 0)), (2, 3, 3)),
        (TransposedConvolution(2, 1, padding=(0, 1)), (3, 2, 3)),
        (Crop((2, 2), 0), (4, 5, 3)),
        (Crop(0, (2, 3)), (4, 5, 3)),
    ):
        with pytest.raises(ValueError, match=r"No pixel is left|leaves nothing"):
            part.out_shape(shape)


def test_a_transposed_convolution_costs_what_its_convolution_does():
    part = TransposedConvolution(5, (3, 2), stride=(2, 3))
    out = part.out_shape((4, 6, 3))
    assert part.multiply_adds((4, 6, 3)) == Convolution(3, (3, 2), stride=(2, 3)).multiply_adds(out)
    assert LocallyConnected(5, (3, 2), 2).multiply_adds(out) == Convolution(5, (3, 2), 2).multiply_adds(out)


def test_parts_side_by_side_see_the_largest_field():
    tall, wide = Convolution(2, (3, 1), padding="zero"), AveragePooling((1, 5), 1, "zero")
    shape = (6, 8, 2)
    assert Concat(tall, wide).receptive_field(shape) == Residual(tall, wide).receptive_field(shape) == ((3, 5), (1, 1))
    assert Residual(wide).receptive_field(shape) == ((1, 5), (1, 1))


def test_wavelets_cost_their_transforms_and_see_whole_lines():
    """An FFT a channel and one a wavelet, 2 n log2 n each, and two products a value and wavelet: they are real."""
    images, lines = WaveletTransform(0, 2, L=3), WaveletTransform(0, 2, bank=FilterBank1D(8, 2, 2))
    n_lines = FilterBank1D(8, 2, 2).n_wavelets(0)
    for part, filters in ((images, 3), (lines, n_lines)):
        transforms = (1 + filters) * 2 * 64 * 6
        assert part.multiply_adds((8, 8, 5)) == 5 * (transforms + 2 * 64 * filters)
    assert images.receptive_field((8, 6, 5)) == ((8, 6), (2, 2))
    assert lines.receptive_field((3, 8, 5)) == ((1, 8), (1, 2))


def test_the_fan_in_of_a_transposed_filter_is_that_of_its_formula_whatever_the_stride():
    for size, stride, fan_in in ((3, 4, 36), (1, 2, 16), (5, 4, 100), (4, 2, 256)):
        part = TransposedConvolution(8, size, stride, initialization="torch_default")
        weight = part.build((4, 4, 64), np.random.default_rng(0)).params["weight"]
        assert 0.99 / np.sqrt(fan_in) < np.abs(weight).max() <= 1 / np.sqrt(fan_in)
