"""The small Fourier transforms of scattering, by matrix products and by FFT, against NumPy's."""

import numpy as np
import pytest

from kernelconv.networks.scattering.fast import by_frequency
from kernelconv.networks.scattering.fast.scratch import ALIGNMENT, Scratch
from kernelconv.networks.scattering.scattering_2d import Scattering2D

SIZES = [(2, 4), (10, 6), (12, 18), (36, 36), (40, 20)]


@pytest.fixture(params=["products", "FFT"])
def longest(request, monkeypatch):
    monkeypatch.setattr(by_frequency, "LONGEST_PRODUCT", 40 if request.param == "products" else 0)


def noise(*shape, dtype=np.float64):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.usefixtures("longest")
def test_half_spectra_are_numpys(size):
    u = noise(*size, 5)
    table = by_frequency._HalfSpectra(*size, np.dtype(float))(u, Scratch(), 0)
    expected = np.fft.rfft2(u, axes=(0, 1)).reshape(-1, 5)
    np.testing.assert_allclose(table[0] + 1j * table[1], expected, atol=1e-12 * u.size)


@pytest.mark.parametrize("coarser", [0, 1])
@pytest.mark.parametrize("size", SIZES[1:], ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-6)])
@pytest.mark.usefixtures("longest")
def test_moduli_are_those_of_numpys_waves(size, coarser, dtype, tolerance):
    step = 2**coarser
    if any((n // step) % 2 for n in size):
        size = tuple(2 * n for n in size)
    psi, u, angles = noise(3, *size), noise(*size, 5, dtype=dtype), slice(1, 3)
    wavelets = by_frequency._Wavelets(psi, 0, coarser, np.dtype(dtype))
    scratch = Scratch()
    table = by_frequency._HalfSpectra(*size, np.dtype(dtype))(u, scratch, 0)
    maps = wavelets.modulus(wavelets.gather(table, scratch, 0), angles, scratch, 0)
    waves = np.fft.ifft2(
        np.fft.fft2(u, axes=(0, 1))[:, :, None] * psi[angles].transpose(1, 2, 0)[..., None], axes=(0, 1)
    )
    expected = np.abs(waves[::step, ::step]).reshape(*wavelets.shape, -1)
    assert maps.dtype == dtype
    np.testing.assert_allclose(maps, expected, atol=tolerance * np.abs(psi).max() * np.abs(u).max() * u.size)
    assert expected.mean() > 0.3


def test_axes_switch_to_fft_beyond_the_longest_product(monkeypatch):
    x = noise(2, 44, 20)  # padded to 56 x 32: the finest grid by FFT, all others by products
    rows = [Scattering2D(2, 4).fit_transform(x)]
    for longest in (0, 100):
        monkeypatch.setattr(by_frequency, "LONGEST_PRODUCT", longest)
        rows.append(Scattering2D(2, 4).fit_transform(x))
    assert 0 < np.abs(rows[0] - rows[1]).max() < 1e-13
    assert 0 < np.abs(rows[0] - rows[2]).max() < 1e-13


def test_maps_come_back_in_the_order_of_the_paths():
    out = by_frequency._Output((1, 2), 5, 3, np.dtype(float))
    for positions in ([2], [4, 0], [1, 3]):
        values = np.repeat(positions, 3) + np.tile([0.0, 10.0, 20.0], len(positions))
        out.next(np.array(positions))[:] = values
    expected = np.arange(5.0)[:, None, None] + np.array([0.0, 10.0, 20.0])[:, None, None, None]
    np.testing.assert_array_equal(out.by_path(), np.broadcast_to(expected, (3, 5, 1, 2)))


def test_scratch_is_aligned_and_used_again():
    scratch = Scratch()
    for n in (7, 5, 1000):
        a = scratch.array(("a", 0), (n,), np.dtype(np.float32))
        assert a.ctypes.data % ALIGNMENT == 0
        assert a.shape == (n,)
    assert scratch.array(("a", 0), (10,), np.dtype(float)).ctypes.data == a.ctypes.data
