"""Roto-translation scattering: rotation laws, a naive reference, and scikit-learn's contract."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv.networks.scattering.roto_translation import (
    RotoTranslationPath,
    RotoTranslationScattering2D,
    angular_filters,
)
from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.morlet import morlet


@parametrize_with_checks([RotoTranslationScattering2D(J=1, L=4, padding="zero", image_shape=(1, -1))])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def quarter_turn(x):
    """Rotate maps (n, h, h, c) by a quarter turn about entry (0, 0) of the periodic grid."""
    return np.roll(np.rot90(x, axes=(1, 2)), 1, axis=1)


@pytest.mark.parametrize(("J", "L", "oversampling"), [(2, 4, 0), (3, 6, 0), (2, 8, 1)])
def test_a_quarter_turn_turns_the_maps(J, L, oversampling):
    x = images(2, 32, 32, 1)
    scattering = RotoTranslationScattering2D(J, L, padding="circular", oversampling=oversampling).fit(x)
    maps, turned = scattering.maps(x), scattering.maps(quarter_turn(x))
    np.testing.assert_allclose(turned, quarter_turn(maps), atol=1e-12)
    means = maps.mean(axis=(1, 2))
    np.testing.assert_allclose(turned.mean(axis=(1, 2)), means, atol=1e-12)
    order = np.array([path.order for path in scattering.paths_])
    for m in (1, 2):
        assert np.abs(turned - maps)[..., order == m].max() > 1e-4
        assert means[:, order == m].min() > 0


def test_maps_move_with_the_image():
    x = images(1, 32, 32, 1)
    scattering = RotoTranslationScattering2D(2, 4, padding="circular").fit(x)
    maps = scattering.maps(x)
    shifted = scattering.maps(np.roll(x, (4, -8), axis=(1, 2)))
    np.testing.assert_allclose(shifted, np.roll(maps, (1, -2), axis=(1, 2)), atol=1e-12)
    assert np.abs(shifted - maps).max() > 1e-3


def test_other_rotations_change_it_less_than_plain_scattering():
    from kernelconv import Scattering2D, warp

    grid = np.stack(np.meshgrid(*2 * [np.arange(64) - 31.5], indexing="ij"))
    rng = np.random.default_rng(0)
    window = np.exp(-(grid**2).sum(axis=0) / (2 * 12**2))
    x = window * np.stack([sum(np.cos(k @ grid.reshape(2, -1)).reshape(64, 64) for k in rng.normal(size=(6, 2)) * 0.6)])
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    field = np.moveaxis(grid - np.einsum("ij,jhw->ihw", turn, grid), 0, -1)
    turned = warp(x, field, order=3)
    change = {}
    for name, scattering in (("plain", Scattering2D(3, 8)), ("roto", RotoTranslationScattering2D(3, 8))):
        a, b = (scattering.fit(x).maps(v).mean(axis=(1, 2))[0, 1:] for v in (x, turned))
        change[name] = np.linalg.norm(a - b) / np.linalg.norm(a)
    assert 0 < change["roto"] < change["plain"] / 3


def naive(x, J, L):
    """The definition at full resolution on a circular image, one angle at a time over the full turn."""
    bank, filters = FilterBank(x.shape, J, L), np.fft.ifft(angular_filters(L))
    xi, n = bank.xi, 2 * L

    def convolve(u, filter_hat):
        return np.fft.ifft2(np.fft.fft2(u) * filter_hat)

    def psi(j, index):
        return morlet(x.shape, 0.8 * 2**j, (int(L / 2 - 1) - index) * np.pi / L, xi[j], 4 / L)

    out = {((), None, None): convolve(x, bank.phi).real}
    for j1 in range(J):
        u1 = [np.abs(convolve(x, psi(j1, t))) for t in range(n)]
        for k, f in enumerate(filters):
            z = [np.abs(sum(f[(t - s) % n] * u1[s] for s in range(n))) for t in range(n)]
            out[(j1,), None, k] = convolve(np.mean(z, axis=0), bank.phi).real
        for j2 in range(j1 + 1, J):
            for beta in range(L):
                waves = [convolve(u1[s], psi(j2, s + beta)) for s in range(n)]
                for k, f in enumerate(filters):
                    z = [np.abs(sum(f[(t - s) % n] * waves[s] for s in range(n))) for t in range(n)]
                    out[(j1, j2), beta, k] = convolve(np.mean(z, axis=0), bank.phi).real
    return out


@pytest.mark.parametrize("max_order", [1, 2])
def test_naive_sums(max_order):
    x = images(1, 12, 16)
    expected = naive(x[0], 2, 3)
    scattering = RotoTranslationScattering2D(2, 3, max_order, padding="circular", oversampling=2).fit(x)
    maps = scattering.maps(x)[0]
    assert len(scattering.paths_) == (1 + 3 * 2 if max_order == 1 else len(expected))
    for i, path in enumerate(scattering.paths_):
        np.testing.assert_allclose(maps[..., i], expected[tuple(path)], atol=1e-12)
        assert np.abs(expected[tuple(path)]).max() > 1e-5


def test_angular_filters():
    filters = angular_filters(8)
    np.testing.assert_array_equal(filters[0], np.eye(1, 16)[0])
    np.testing.assert_allclose(filters[1:, 0], 0, atol=1e-15)
    np.testing.assert_allclose(np.fft.ifft(filters[1]), np.fft.ifft(filters[2]).conj(), atol=1e-15)
    assert [int(f.argmax()) for f in filters[1::2]] == [6, 3, 2]


def test_estimator():
    x = images(5, 16, 20, 2)
    scattering = RotoTranslationScattering2D(2, 4).fit(x)
    rows = scattering.transform(x)
    h, w, channels = scattering.maps_shape_
    n_paths = len(scattering.paths_)
    assert (h, w, channels) == (4, 5, 2 * n_paths)
    each = np.concatenate([RotoTranslationScattering2D(2, 4).fit_transform(x[..., k]) for k in range(2)], axis=1)
    np.testing.assert_allclose(rows, each, atol=1e-13)
    one_by_one = np.concatenate([scattering.transform(image[None]) for image in x])
    np.testing.assert_allclose(one_by_one, rows, atol=1e-13)
    assert np.array_equal(clone(scattering).set_params(n_jobs=2).fit_transform(x), rows)
    assert np.array_equal(pickle.loads(pickle.dumps(scattering)).transform(x), rows)
    single = scattering.transform(x.astype(np.float32))
    assert single.dtype == np.float32
    assert np.linalg.norm(single - rows) < 1e-5 * np.linalg.norm(rows)
    names = scattering.get_feature_names_out()
    assert len(set(names)) == rows.shape[1]
    at = scattering.paths_.index(RotoTranslationPath((0, 1), 2, 1))
    assert names[at * h * w] == "rototranslation_c0_j0_j1_t2_k1_0_0"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_order": 3}, "max_order must be 1 or 2, got 3"),
        ({"max_order": 0}, "max_order must be an int >= 1, got 0"),
        ({"L": 0}, "L must be an int >= 1, got 0"),
        ({"J": 5}, "more than the image of 16 x 16"),
        ({"padding": "edge"}, "padding must be one of"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        RotoTranslationScattering2D(**parameters).fit(images(1, 16, 16))
