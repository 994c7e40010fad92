"""Scattering is P, M, A: the tree of parts against both estimators; its parts against theory; broken trees caught."""

from dataclasses import fields

import numpy as np
import pytest

from kernelconv import Scattering1D, Scattering2D, testing
from kernelconv.networks import NetworkTransformer, serial
from kernelconv.networks.scattering import definition
from kernelconv.networks.scattering.definition import scattering_tree
from kernelconv.networks.scattering.path_parts import ChannelOrder
from kernelconv.networks.scattering.signals.transform_1d import ScatteringTransform1D
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.operators import Concat, Convolution, Crop, LowPass, MaxPooling, Modulus, Pad, WaveletTransform
from kernelconv.operators.wavelets import filtering
from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.filter_bank_1d import FilterBank1D


def noise(*shape, seed=0, mean=-0.7):
    return np.random.default_rng(seed).standard_normal(shape) + mean


def check_tree(estimator, x, maps_of=None):
    """The rows of an estimator are the tree's maps, path by path, to 1e-12; gradients as well."""
    part = estimator.fit(x).network_.parts[0]
    images = x if x.ndim == 4 else x[:, None]
    tree = part.tree if maps_of is None else maps_of(part)
    maps = tree.definition(images)
    rows = estimator.transform(x)
    expected = np.moveaxis(maps, -1, 1).reshape(len(x), -1)
    assert rows.shape == expected.shape
    assert rows.dtype == maps.dtype == np.float64
    order = np.array([path.order for path in estimator.paths_])
    if getattr(part.geometry, "T", None) == 0:  # an order a value: maps lie one after the other
        order = np.repeat(order, part.geometry.sizes)
    by_order = np.moveaxis(maps, -1, 0).reshape(images.shape[3], len(order), -1)
    assert all(np.abs(by_order[:, order == m]).max() > 1e-3 for m in set(order))
    assert np.linalg.norm(rows - expected) <= 1e-12 * np.linalg.norm(expected)
    for m in set(order):  # the higher orders weigh little
        a, b = (
            np.swapaxes(r.reshape(len(x), images.shape[3], len(order), -1), 0, 2)[order == m] for r in (rows, expected)
        )
        assert np.linalg.norm(a - b) <= 1e-12 * np.linalg.norm(b)
    g = noise(*maps.shape, seed=1)
    ours, own = estimator.network_.vjp(images, g)[0], tree.vjp(images, g)[0]
    assert np.linalg.norm(ours - own) <= 1e-12 * np.linalg.norm(own)


OPTIONS_2D = {
    "J=1": {"J": 1, "L": 3},
    "J=2": {"J": 2, "L": 4},
    "J=3": {"J": 3, "L": 2},
    "order 0": {"J": 2, "max_order": 0},
    "order 1": {"J": 3, "L": 3, "max_order": 1},
    "order 3": {"J": 3, "L": 2, "max_order": 3},
    "all paths": {"J": 2, "L": 2, "paths": "all"},
    "tight": {"J": 2, "L": 3, "bank": "tight"},
    "tight, all paths": {"J": 3, "L": 2, "bank": "tight", "paths": "all"},
    "kymatio's grid": {"J": 2, "L": 3, "grid": "kymatio"},
}


@pytest.mark.once("oldest")
@pytest.mark.parametrize("padding", ["reflect", "zero", "circular", "symmetric"])
@pytest.mark.parametrize("finest", [False, True], ids=["default sampling", "oversampling=J"])
@pytest.mark.parametrize("name", OPTIONS_2D)
def test_tree_is_scattering_2d(name, finest, padding):
    """Of sizes that 2^J does not divide, with a negative mean, two channels."""
    options = OPTIONS_2D[name]
    if finest:
        options = {**options, "oversampling": options["J"]}
    check_tree(Scattering2D(padding=padding, **options), noise(2, 13, 18, 2))


@pytest.mark.parametrize("oversampling", [0, 1, 2])
def test_tree_is_scattering_2d_where_circles_need_no_border(oversampling):
    x = noise(2, 16, 24, 1)
    scattering = Scattering2D(3, 3, padding="circular", oversampling=oversampling)
    check_tree(scattering, x)
    assert scattering.network_.parts[0].geometry.borders == ((0, 0), (0, 0))


def test_tree_is_scattering_2d_of_large_images():
    x = noise(1, 90, 70, 1)
    scattering = Scattering2D(3, 4)
    check_tree(scattering, x)
    assert np.prod(scattering.network_.parts[0].geometry.padded) > 80**2


def test_tree_of_some_paths():
    scattering = Scattering2D(3, 4, energy=0.997)
    check_tree(scattering, noise(3, 20, 21, 2))
    assert 13 < len(scattering.paths_) < 61


OPTIONS_1D = {
    "default": {"J": 3, "Q": 2},
    "order 0": {"J": 2, "max_order": 0},
    "order 1": {"J": 4, "Q": 3, "max_order": 1},
    "order 3": {"J": 4, "Q": (2, 1), "max_order": 3},
    "short average": {"J": 4, "Q": (3, 2), "T": 5},
    "long average": {"J": 2, "Q": 2, "T": 23.5},
    "no average": {"J": 3, "Q": 1, "T": 1},
    "moduli": {"J": 3, "Q": (2, 1), "T": 0},
    "means": {"J": 3, "Q": (2, 1), "T": "global", "max_order": 3},
}


@pytest.mark.parametrize("padding", ["reflect", "zero", "circular", "symmetric"])
@pytest.mark.parametrize("oversampling", [0, 1, 5])
@pytest.mark.parametrize("name", OPTIONS_1D)
def test_tree_is_scattering_1d(name, oversampling, padding):
    """Of a length that 2^J does not divide, with a negative mean, two channels."""
    check_tree(Scattering1D(padding=padding, oversampling=oversampling, **OPTIONS_1D[name]), noise(2, 75, 2))


def test_tree_with_kymatios_scaling():
    check_tree(Scattering1D(4, 2, scaling="kymatio"), noise(2, 75, 1))


def test_gradient_of_signals():
    part = ScatteringTransform1D(3, 2).build((1, 40, 2))
    assert testing.check_vjp(part, noise(2, 1, 40, 2), np.random.default_rng(0)) < 1e-7
    x, g = noise(9, 40), noise(9, 1, 5, 16, seed=1)
    network = Scattering1D(3, 2).fit(x).network_
    gradients = [
        network.vjp(x[:, None, :, None], g[..., : network.out_shape((1, 40, 1))[2]], n_jobs=n)[0] for n in (1, 2)
    ]
    assert np.array_equal(*gradients)


def test_lines_are_signals():
    """Of maps of several lines, each line is a signal: as many one-line images give the same."""
    part, x = ScatteringTransform1D(3, 2), noise(3, 4, 40, 2)
    y = part.forward(x)
    lines = part.forward(x.reshape(12, 1, 40, 2))
    np.testing.assert_allclose(y, lines.reshape(y.shape), atol=1e-14)
    assert y.shape == (3, *part.out_shape((4, 40, 2)))
    assert np.abs(y).max() > 0.1


# -- broken trees --------------------------------------------------------------------------------------------------


def swapped_channels(part):
    order = part.tree.named_parts["order"].order
    return serial(*part.tree.parts[:-1], ChannelOrder((order[1], order[0], *order[2:]))).build(part.in_shape)


def shifted(part):
    (above, below), columns = part.geometry.margins
    crop = Crop((above - 1, below + 1), columns)
    return serial(*part.tree.parts[:2], crop, part.tree.parts[3]).build(part.in_shape)


def other_padding(part):
    pad = Pad(*part.geometry.borders, "symmetric")
    return serial(pad, *part.tree.parts[1:]).build(part.in_shape)


def modulus_at_order_0(part):
    average, *branches = part.tree.parts[1].branches
    tree = Concat(serial(Modulus(), average), *branches)
    return serial(part.tree.parts[0], tree, *part.tree.parts[2:]).build(part.in_shape)


def without_inner_strides(part):
    """Every scale on the finest grid, sampled at the end alone."""

    class Finest(type(part.geometry)):
        def target(self, resolution, j):
            return 0

    finest = Finest(**{f.name: getattr(part.geometry, f.name) for f in fields(part.geometry)})
    return scattering_tree(finest, part.in_shape[2]).build(part.in_shape)


@pytest.mark.parametrize(
    "broken", [swapped_channels, shifted, other_padding, modulus_at_order_0, without_inner_strides]
)
def test_broken_trees_are_caught(broken):
    x = noise(2, 13, 18, 2)
    with pytest.raises(AssertionError):
        check_tree(Scattering2D(2, 3), x, broken)


def test_a_missing_modulus_is_caught(monkeypatch):
    class Twice(Modulus):
        def definition(self, x):
            return 2 * super().definition(x)

    monkeypatch.setattr(definition, "Modulus", Twice)
    with pytest.raises(AssertionError):
        check_tree(Scattering2D(2, 3), noise(2, 13, 18, 2))


def test_a_wrong_gradient_is_caught(monkeypatch):
    class Slope(Modulus):
        def _slope(self, x, y):
            return 1.000001 * super()._slope(x, y)

    monkeypatch.setattr(definition, "Modulus", Slope)
    with pytest.raises(AssertionError):
        check_tree(Scattering2D(2, 3), noise(2, 13, 18, 2))


# -- its parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 2, 3, 6])
def test_wavelet_transform_is_numpys_fft(stride):
    x, bank = noise(2, 12, 18, 2), FilterBank((12, 18), 2, 3)
    y = WaveletTransform(1, stride, bank=bank).forward(x)
    spectra = np.fft.fft2(x, axes=(1, 2))
    for k in range(2):
        for a in range(3):
            wave = np.fft.ifft2(spectra[..., k] * bank.psi[1, a])
            np.testing.assert_allclose(y[..., 3 * k + a], wave[:, ::stride, ::stride], atol=1e-14)
    assert np.array_equal(WaveletTransform(1, stride, L=3).forward(x), y)
    assert np.abs(y.imag).max() > 0.01


def test_the_filters_of_a_map_share_its_fourier_transform(monkeypatch):
    transformed, as_complex = [], filtering.as_complex
    monkeypatch.setattr(filtering, "as_complex", lambda x: transformed.append(x.shape) or as_complex(x))
    part = ScatteringTransform(J=3, L=2, padding="circular").build((16, 16, 1))
    wanted = part.tree.forward(x := noise(1, 16, 16, 1))  # filter by filter
    del transformed[:]
    assert np.abs(part.definition(x) - wanted).max() < 1e-14
    assert len(transformed) == 1 + 3 + 3  # the image, the maps of three scales, those of three pairs of scales


def test_tight_wavelets_keep_all_energy():
    """norm(A x)^2 + sum over scales of norm(W x)^2 = norm(x)^2, of real maps."""
    x, bank = noise(2, 16, 24, 2), FilterBank((16, 24), 3, 4, "tight")
    whole = Concat(LowPass(bank), *[WaveletTransform(j, bank=bank) for j in range(3)])
    y = whole.forward(x)
    assert y.shape == (2, 16, 24, 2 * 13)
    assert abs(np.linalg.norm(y) - np.linalg.norm(x)) < 1e-12 * np.linalg.norm(x)
    for j in range(3):
        assert 0.8 < WaveletTransform(j, bank=bank).lipschitz((16, 24, 2)) <= 1 + 1e-12


def test_wavelets_vanish_on_constants_and_low_passes_keep_them():
    x = np.full((1, 8, 8, 1), -3.0)
    bank = FilterBank((8, 8), 2, 4, "tight")
    for j in range(2):
        assert np.abs(WaveletTransform(j, bank=bank).forward(x)).max() < 1e-14
    np.testing.assert_allclose(LowPass(bank, 4).forward(x), -3.0)


def test_modulus_of_complex_maps_has_a_gradient():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 4, 2)) + 1j * rng.standard_normal((2, 3, 4, 2))
    part = Modulus().build((3, 4, 2))
    assert testing.check_vjp(part, x, rng) < 1e-7
    x = np.array([0, 3 + 4j, -2j]).reshape(1, 1, 3, 1)
    gradient = part.vjp(x, np.ones((1, 1, 3, 1)))[0].ravel()
    np.testing.assert_allclose(gradient, [0, 0.6 + 0.8j, -1j])
    single = part.vjp(x.astype(np.complex64), np.ones((1, 1, 3, 1), np.float32))[0]
    assert single.dtype == np.complex64


def test_dot_test_sees_a_wrong_adjoint_of_complex_maps():
    class Unconjugated(WaveletTransform):
        def _adjoint(self, y, shape):
            return super()._adjoint(y.conj(), shape)

    testing.dot_test(WaveletTransform(0, L=3).build((8, 8, 1)), np.random.default_rng(0))
    with pytest.raises(AssertionError, match="relative error"):
        testing.dot_test(Unconjugated(0, L=3).build((8, 8, 1)), np.random.default_rng(0))


def test_banks_on_coarser_grids():
    """Where the filter ends below the coarse Nyquist frequency, a coarse map of samples gives the samples."""
    x = np.fft.ifft2(np.fft.fft2(noise(32, 32)) * (np.abs(FilterBank((32, 32), 3).phi) > 1e-3)).real[None, :, :, None]
    coarse, fine = x[:, ::2, ::2], LowPass(FilterBank((32, 32), 3), stride=4)
    np.testing.assert_allclose(LowPass(fine.bank, stride=2).forward(coarse), fine.forward(x), atol=1e-6)
    line = noise(1, 1, 256, 1)
    line = np.fft.ifft(np.fft.fft(line, axis=2) * (np.abs(np.fft.fftfreq(256)) < 0.2)[:, None], axis=2).real
    bank = FilterBank1D(256, 4, 2)
    for j in (2, 3):
        expected = WaveletTransform(j, 4, bank=bank).forward(line)
        # of samples every 2, a sum has half as many terms
        np.testing.assert_allclose(
            2 * WaveletTransform(j, 2, bank=bank).forward(line[:, :, ::2]) / 2, expected, atol=1e-3
        )
        assert np.abs(expected).max() > 0.05


@pytest.mark.parametrize(
    ("part", "shape", "message"),
    [
        (
            WaveletTransform(0, bank=FilterBank((8, 8), 1)),
            (8, 12, 1),
            r"of shape \(8, 8\), and maps of 8 x 12 are no grid",
        ),
        (WaveletTransform(0, bank=FilterBank1D(8, 1)), (3, 16, 1), r"of shape \(8,\), and maps of 3 x 16 are no grid"),
        (WaveletTransform(1, bank=FilterBank((8, 8), 1)), (8, 8, 1), "scales 0 to 0, got scale=1"),
        (WaveletTransform(7, bank=FilterBank1D(8, 2)), (1, 8, 1), r"has scales \[0.*, got scale=7"),
        (WaveletTransform(0, stride=3), (8, 9, 1), r"A stride of 3 does not divide circular maps of shape \(8, 9, 1\)"),
        (LowPass(FilterBank((8, 8), 1), 3), (8, 8, 1), "A stride of 3 does not divide"),
        (Concat(Modulus(), MaxPooling(2)), (4, 4, 2), r"shapes \[\(4, 4, 2\), \(2, 2, 2\)\]: their heights and widths"),
        (Crop(2, 1), (4, 4, 1), r"Crop\(2, columns=1\) leaves nothing of maps of 4 x 4 pixels"),
        (ChannelOrder((0, 2)), (4, 4, 2), r"order names channel 2, but maps of shape \(4, 4, 2\) have 2"),
    ],
)
def test_maps_that_do_not_fit(part, shape, message):
    for call in (part.out_shape, part.build):
        with pytest.raises(ValueError, match=message):
            call(shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WaveletTransform(-1), "scale must be an int >= 0, got -1"),
        (lambda: WaveletTransform(0, 0), "stride must be an int >= 1, got 0"),
        (lambda: WaveletTransform(0, L=0), "L must be an int >= 1, got 0"),
        (lambda: LowPass(FilterBank((8, 8), 1), 0.5), "stride must be an int >= 1, got 0.5"),
        (lambda: Pad(-1, 0), r"rows must be an int >= 0 or a \(height, width\) pair of them, got -1"),
        (lambda: Pad(0, 0, "edge"), "padding must be one of 'zero'"),
        (lambda: Crop(0, (1, 2, 3)), r"columns must be an int >= 0 .* got \(1, 2, 3\)"),
        (lambda: Concat(), r"Concat joins one or more parts, got \(\)"),
        (lambda: Concat(Modulus), r"Concat joins one or more parts, got \(<class"),
        (lambda: ScatteringTransform(engine="fast"), "engine must be one of 'native', 'kymatio', got 'fast'"),
        (lambda: FilterBank1D(0, 1), "length must be an int >= 1, got 0"),
    ],
)
def test_bad_fields(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_concat_inside_an_estimator():
    x = noise(6, 8, 8, 1)
    network = serial(Concat(WaveletTransform(0, L=2), Convolution(2, 1)), Modulus())
    rows = NetworkTransformer(network, random_state=0).fit_transform(x)
    built = network.build((8, 8, 1), np.random.default_rng(0))
    assert np.array_equal(rows, built.forward(x).reshape(6, -1))
    wider = network.set_params(concat_1__branch_2__n_filters=3)
    assert wider.parts[0] == Concat(WaveletTransform(0, L=2), Convolution(3, 1))


def test_concat_learns_like_a_part():
    part = Concat(Convolution(2, 3, padding="zero"), serial(Convolution(3, 1), Modulus()))
    built = part.build((5, 6, 2), np.random.default_rng(0))
    assert set(built.params) == {
        *(f"branch_1.{n}" for n in ("weight", "bias")), *(f"branch_2.convolution_1.{n}" for n in ("weight", "bias"))
    }  # fmt: skip
    assert built.out_shape((5, 6, 2)) == (5, 6, 5)
    assert built.receptive_field((5, 6, 2)) == ((3, 3), (1, 1))
    twice = built.replace({k: 2 * v for k, v in built.params.items()})
    x = noise(2, 5, 6, 2)
    np.testing.assert_allclose(twice.forward(x), 2 * built.forward(x))
    assert built.multiply_adds((5, 6, 2)) == sum(b.multiply_adds((5, 6, 2)) for b in built.branches)
    assert repr(part) == "Concat(Convolution(2, size=3, padding='zero'), Network: Modulus() ∘ Convolution(3, size=1))"
