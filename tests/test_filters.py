"""Filters: against spatial sums, kymatio's bank, and the Littlewood-Paley bounds."""

import pickle
from itertools import product

import numpy as np
import pytest
from kymatio.scattering2d.filter_bank import filter_bank

from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.filter_bank_1d import FilterBank1D, low_pass_1d, low_pass_reach
from kernelconv.operators.wavelets.morlet import crop, gaussian, gaussian_1d, morlet


def spatial_gabor(shape, sigma, theta, xi, slant, periods=3):
    """Sum of the translates of a sampled Gabor function of unit integral: the definition, in loops over periods."""
    h, w = shape
    cos, sin = np.cos(theta), np.sin(theta)
    total = np.zeros(shape, complex)
    for p in range(-periods, periods + 1):
        for q in range(-periods, periods + 1):
            r, c = np.mgrid[p * h : (p + 1) * h, q * w : (q + 1) * w]
            along, across = cos * r + sin * c, cos * c - sin * r
            envelope = np.exp(-(along**2 + (slant * across) ** 2) / (2 * sigma**2))
            total += envelope * np.exp(1j * xi * along)
    return total * slant / (2 * np.pi * sigma**2)


def spatial_morlet(shape, sigma, theta, xi, slant):
    wave = spatial_gabor(shape, sigma, theta, xi, slant)
    envelope = spatial_gabor(shape, sigma, theta, 0, slant)
    return wave - wave.sum() / envelope.sum() * envelope


@pytest.mark.parametrize("shape", [(16, 16), (12, 20), (15, 9)])
@pytest.mark.parametrize("theta", [0.0, 0.7, -np.pi / 2])
def test_morlet_is_the_transform_of_its_definition(shape, theta):
    psi = morlet(shape, 1.6, theta, 3 * np.pi / 8, 0.5)
    expected = np.fft.fft2(spatial_morlet(shape, 1.6, theta, 3 * np.pi / 8, 0.5))
    np.testing.assert_allclose(psi, expected, atol=1e-13)
    assert np.abs(expected).max() > 0.5


def test_gaussian_is_the_transform_of_its_definition():
    low_pass = gaussian((10, 14), 1.6)
    np.testing.assert_allclose(low_pass, np.fft.fft2(spatial_gabor((10, 14), 1.6, 0, 0, 1)), atol=1e-13)
    np.testing.assert_allclose(low_pass[:, 0], gaussian_1d(10, 1.6) * gaussian_1d(14, 1.6)[0])


@pytest.mark.parametrize(("shape", "J", "L"), [((16, 16), 1, 8), ((36, 36), 2, 8), ((40, 24), 3, 6), ((48, 48), 4, 4)])
def test_bank_is_kymatios(shape, J, L):
    bank, theirs = FilterBank(shape, J, L), filter_bank(*shape, J, L)
    for psi in theirs["psi"]:
        np.testing.assert_allclose(bank.psi[psi["j"], psi["theta"]], psi["levels"][0], atol=4e-5)
        for level in range(1, len(psi["levels"])):
            coarse = crop(bank.psi[psi["j"], psi["theta"]], 2**level)
            np.testing.assert_allclose(coarse, psi["levels"][level], atol=4e-5)
    np.testing.assert_allclose(bank.phi, theirs["phi"]["levels"][0], atol=4e-5)
    np.testing.assert_allclose(bank.psi.max(axis=(2, 3)), 1, atol=0.35)


@pytest.mark.parametrize(("J", "L"), [(1, 8), (2, 4), (2, 6), (3, 8), (4, 8)])
def test_littlewood_paley_sum_is_bounded(J, L):
    bank = FilterBank((48, 64), J, L)
    total = bank.littlewood_paley()
    lower, upper = bank.frame_bounds()
    assert total.shape == (48, 64)
    assert (lower, upper) == (total.min(), total.max())
    assert upper <= 1.1
    assert lower > 0.04


def test_littlewood_paley_sum_is_the_energy_of_real_images():
    bank = FilterBank((12, 16), 2, 6)
    x = np.fft.fft2(np.random.default_rng(0).standard_normal((12, 16)))
    energy = (np.abs(x * bank.phi) ** 2).sum() + (np.abs(x * bank.psi) ** 2).sum()
    assert energy == pytest.approx((bank.littlewood_paley() * np.abs(x) ** 2).sum(), rel=1e-12)


def test_wavelets_have_zero_mean_and_point_where_the_bank_says():
    bank = FilterBank((64, 64), J=3, L=8)
    assert np.all(bank.psi[..., 0, 0] == 0)
    frequencies = 2 * np.pi * np.fft.fftfreq(64)
    for j in range(1, 3):
        for k in range(8):
            r, c = np.unravel_index(bank.psi[j, k].argmax(), (64, 64))
            centre = bank.xi[j] * np.array([np.cos(bank.theta[k]), np.sin(bank.theta[k])])
            np.testing.assert_allclose([frequencies[r], frequencies[c]], centre, atol=0.12)


def test_bank_is_immutable_and_its_pickle_small():
    bank = FilterBank((32, 48), J=2, L=6)
    for array in (bank.psi, bank.phi, bank.theta, bank.xi, *bank.phi_lines):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError, match="cannot assign"):
        bank.J = 3
    data = pickle.dumps(bank)
    again = pickle.loads(data)
    assert len(data) < 500
    assert again == bank
    assert np.array_equal(again.psi, bank.psi)
    assert bank != FilterBank((32, 48), J=2, L=8)


def test_filters_of_a_bank_by_scale_and_grid():
    bank, square = FilterBank((16, 24), J=2, L=3), FilterBank(16, J=1, L=2)
    assert square.shape == (16, 16)
    assert np.array_equal(square.psi, FilterBank((16, 16), 1, 2).psi)
    assert np.array_equal(bank.wavelets(1), bank.psi[1])
    assert np.array_equal(bank.wavelets(1, 2), crop(bank.psi[1], 2))
    assert np.array_equal(bank.low_pass(), bank.phi)
    assert np.array_equal(bank.low_pass(2), crop(bank.phi, 2))
    assert np.array_equal(np.outer(*bank.phi_lines), bank.phi)
    for wrong in (-1, 2):
        with pytest.raises(ValueError, match=f"The bank has scales 0 to 1, got scale={wrong}"):
            bank.wavelets(wrong)
    line = FilterBank1D(32, 3, 2)
    with pytest.raises(ValueError, match=r"The bank has scales \[0, 1, 2\], got scale=3"):
        line.wavelets(3)


def test_crop_drops_the_high_frequencies():
    # a cosine of frequency 1 of 16 survives a crop by 4 as frequency 1 of 4; one of frequency 3 does not
    low, high = (np.fft.fft(np.cos(2 * np.pi * k * np.arange(16) / 16)) for k in (1, 3))
    np.testing.assert_allclose(np.fft.ifft(crop(low, 4, axes=(0,))) / 4, np.cos(np.pi * np.arange(4) / 2), atol=1e-14)
    np.testing.assert_allclose(crop(high, 4, axes=(0,)), 0, atol=1e-14)
    assert np.array_equal(crop(low, 1, axes=(0,)), low)
    # the coarse Nyquist frequency, 2 of 8, from its negative side or from both
    assert np.array_equal(crop(np.arange(8.0), 2, axes=(0,)), [0, 1, 6, 7])
    assert np.array_equal(crop(np.arange(8.0), 2, axes=(0,), symmetric=True), [0, 1, 4, 7])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FilterBank((8, 8), 0), "J must be an int >= 1, got 0"),
        (lambda: FilterBank((8, 8), 2000), "J must be at most 60, got 2000"),
        (lambda: FilterBank1D(8, 61), "J must be at most 60, got 61"),
        (lambda: FilterBank(2**20, 1, 2), "A bank of J=1 x L=2 wavelets of 1048576 x 1048576 px would need 16,384.0"),
        (lambda: FilterBank((8, 8), 1, 0), "L must be an int >= 1, got 0"),
        (lambda: FilterBank((8, 0), 1), r"shape must be an int >= 1 or a \(height, width\) pair"),
        (lambda: morlet((8, 8), -1, 0, 1), "sigma must be > 0 and finite, got -1"),
        (lambda: morlet((8, 8), 1, 0, 0), "xi must be > 0 and finite, got 0"),
        (lambda: morlet((8, 8), 1, 0, 1, 0), "slant must be > 0 and finite, got 0"),
        (lambda: gaussian_1d(0, 1), "n must be an int >= 1, got 0"),
        (lambda: gaussian((4, 4), np.inf), "sigma must be > 0 and finite, got inf"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("shape", "J"), [((16, 16), 1), ((64, 64), 2), ((9, 12), 1)])
def test_a_bank_of_one_direction_is_not_made_tight(shape, J):
    with pytest.raises(ValueError, match=r"those of L=1 direction do not, on \d+x\d+ px. Take L >= 2"):
        FilterBank(shape, J, 1).tight()
    low, high = FilterBank(shape, J, 2).tight().frame_bounds()
    assert 1 - 1e-12 < low <= high < 1 + 1e-12


@pytest.mark.parametrize("bank", [FilterBank((16, 12), 2, 4), FilterBank1D(32, 3, 2)])
def test_a_bank_shows_what_it_was_made_of_and_no_arrays(bank):
    assert "array" not in repr(bank)
    assert eval(repr(bank)) == bank


@pytest.mark.parametrize("T", [1e-3, 1e100])
def test_the_limits_of_the_low_pass_are_allowed(T):
    assert np.isfinite(FilterBank1D(8, 1, T=T).low_pass()).all()


def test_the_mean_of_a_wavelet_is_zero_to_the_last_bit():
    # here a - a / b * b leaves a rounding
    assert morlet((36, 30), 0.6013033825452239, -2.78019774374072, 1.8246509649192264, 1.254284557711262)[0, 0] == 0


def test_the_reach_of_a_low_pass_is_found_sample_by_sample():
    for n, sigma in product((16, 33), np.geomspace(0.01, 1, 40)):
        low = np.abs(np.fft.ifft(low_pass_1d(n, sigma)))
        reach = next((r for r in range(1, n // 2) if sum(low[r - 1 : n // 2]) <= 1e-3), n // 2)
        assert low_pass_reach(n, sigma) == reach
