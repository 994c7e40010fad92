"""What scattering promises: energy, gradients, options; against theory, central differences and plain formulas."""

import pickle
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from kernelconv import testing
from kernelconv.networks.scattering import scattering_2d
from kernelconv.networks.scattering.fast import cascades, signals
from kernelconv.networks.scattering.geometry import Geometry
from kernelconv.networks.scattering.path_parts import LogCompression, ParentNormalization, PathSelection
from kernelconv.networks.scattering.paths import ScatteringPath, check_paths
from kernelconv.networks.scattering.roto_translation import RotoTranslationScattering2D
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.networks.scattering.signals.transform_1d import ScatteringTransform1D
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.operators.wavelets.filter_bank import FilterBank


def images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


# -- the tight bank ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "J", "L"), [((32, 32), 3, 8), ((24, 40), 2, 6), ((16, 16), 1, 4), ((7, 9), 1, 3)])
def test_tight_bank_covers_every_frequency_equally(shape, J, L):
    bank = FilterBank(shape, J, L)
    tight = bank.tight()
    assert abs(np.array(bank.frame_bounds()) - 1).max() > 1e-2
    np.testing.assert_allclose(tight.littlewood_paley(), 1, atol=1e-12)
    # the same wavelets up to one positive factor a frequency, the same low-pass up to its mean
    energy = [np.einsum("jkhw,jkhw->hw", b.psi, b.psi) for b in (bank, tight)]
    factor = np.sqrt(energy[1] / np.where(energy[0] > 0, energy[0], 1))
    np.testing.assert_allclose(tight.psi, factor * bank.psi, atol=1e-12)
    assert 0.5 < factor.ravel()[1:].min() < factor.max() < 5
    np.testing.assert_allclose(tight.phi, bank.phi, rtol=3e-4)
    assert pickle.loads(pickle.dumps(tight)) == tight != bank


@pytest.mark.parametrize("max_order", [0, 1, 2])
@pytest.mark.parametrize(("size", "J", "L"), [((16, 24), 2, 3), ((32, 32), 3, 2), ((28, 28), 3, 2), ((9, 13), 2, 3)])
def test_energy_is_conserved(size, J, L, max_order):
    x = images(2, *size) - 0.3
    scattering = Scattering2D(
        J, L, max_order, padding="circular", oversampling=J, bank="tight", paths="all"
    ).fit(x)  # fmt: skip
    total = (x**2).sum() / len(x)
    energies, residual = scattering.energies(x), scattering.residual_energy(x)
    assert abs(energies.sum() + residual - total) < 1e-10 * total
    assert residual > 1e-4 * total
    morlet = Scattering2D(J, L, max_order, padding="circular", oversampling=J, paths="all").fit(x)
    assert abs(morlet.energies(x).sum() + morlet.residual_energy(x) - total) > 1e-3 * total


@pytest.mark.parametrize(("size", "shift"), [((9, 13), (1, 4)), ((10, 15), (3, 0))])
def test_circular_images_of_any_size_need_no_border_where_nothing_is_subsampled(size, shift):
    x = images(2, *size) - 0.3
    scattering = Scattering2D(2, 3, padding="circular", oversampling=2).fit(x)
    maps = scattering.maps(x)
    assert maps.shape == (2, *size, 16)
    np.testing.assert_allclose(
        scattering.maps(np.roll(x, shift, axis=(1, 2))), np.roll(maps, shift, axis=(1, 2)), atol=1e-14
    )
    part = scattering.network_.parts[0]
    np.testing.assert_allclose(maps, part.definition(x[..., None]), atol=1e-14)
    testing.check_vjp(part, x[..., None], np.random.default_rng(1))
    testing.check_lipschitz(part, x[..., None], np.random.default_rng(2))
    # an axis that is subsampled still has a border
    assert Scattering2D(2, 3, padding="circular", oversampling=1).fit(x).filter_bank_.shape != size


def test_residual_energy_falls_with_the_order():
    x = images(2, 32, 32) - 0.5
    residual = [
        Scattering2D(2, 2, m, padding="circular", oversampling=2, bank="tight", paths="all").fit(x).residual_energy(x)
        for m in range(4)
    ]
    assert residual[0] > 1.5 * residual[1] > 2 * residual[2] > 2.5 * residual[3] > 0


def test_energies_do_not_depend_on_the_grids():
    x = images(2, 32, 32) - 0.5
    fine, coarse = (Scattering2D(4, 3, 1, padding="circular", oversampling=k).fit(x) for k in (4, 0))
    np.testing.assert_allclose(coarse.residual_energy(x), fine.residual_energy(x), rtol=0.1)
    np.testing.assert_allclose(coarse.energies(x).sum(), fine.energies(x).sum(), rtol=0.1)


def test_decreasing_paths_hold_most_of_the_energy():
    x = images(2, 32, 32) - 0.5
    given = {"padding": "circular", "oversampling": 3, "bank": "tight"}
    every = Scattering2D(3, 4, 2, paths="all", **given).fit(x)
    decreasing = Scattering2D(3, 4, 2, **given).fit(x)
    energies = dict(zip(every.paths_, every.energies(x), strict=True))
    kept = np.array([energies[path] for path in decreasing.paths_])
    np.testing.assert_allclose(kept, decreasing.energies(x), rtol=1e-10)
    second = np.array([path.order == 2 for path in decreasing.paths_])
    others = [v for p, v in energies.items() if p.order == 2 and p not in decreasing.paths_]
    assert kept[second].mean() > 1.5 * np.mean(others) > 0


def test_propagated_maps_average_to_the_coefficients():
    x = images(2, 16, 16, 2)
    scattering = Scattering2D(2, 3, padding="circular", oversampling=2).fit(x)
    path = ScatteringPath((0, 1), (2, 1))
    u = scattering.propagate(x, path)
    assert u.shape == (2, 16, 16, 2)
    phi = scattering.filter_bank_.phi[..., None]
    averaged = np.fft.ifft2(np.fft.fft2(u, axes=(1, 2)) * phi, axes=(1, 2)).real
    n_paths, at = len(scattering.paths_), scattering.paths_.index(path)
    np.testing.assert_allclose(averaged, scattering.maps(x)[..., [at, n_paths + at]], atol=1e-13)
    coarse = Scattering2D(3, 3).fit(x[..., 0]).propagate(x[..., 0], ScatteringPath((1, 2), (0, 0)))
    assert coarse.shape == (2, 8, 8, 1)
    with pytest.raises(ValueError, match=r"angles=\(9,\)\) is not among the 16 paths"):
        scattering.propagate(x, ScatteringPath((0,), (9,)))


# -- gradients -----------------------------------------------------------------------------------------------------

PARTS = {
    "reflect": (ScatteringTransform(2, 3), (12, 16, 2)),
    "order 3": (ScatteringTransform(3, 2, 3, padding="symmetric"), (10, 9, 1)),
    "zero": (ScatteringTransform(2, 3, padding="zero", grid="kymatio"), (9, 10, 1)),
    "circular oversampled": (ScatteringTransform(2, 3, padding="circular", oversampling=1), (8, 12, 1)),
    "tight all paths": (ScatteringTransform(2, 2, padding="circular", bank="tight", paths="all"), (8, 8, 1)),
    "order 0": (ScatteringTransform(1, 2, 0), (8, 8, 1)),
}


@pytest.mark.parametrize("name", PARTS)
def test_gradient(name):
    part, shape = PARTS[name]
    x = images(2, *shape)
    assert testing.check_vjp(part.build(shape), x, np.random.default_rng(1)) < 1e-7


def test_gradient_does_not_depend_on_the_chunks(monkeypatch):
    from kernelconv.networks.scattering.fast import by_map

    part, x = ScatteringTransform(3, 4).build((16, 16, 1)), images(3, 16, 16, 1)
    g = images(*part.forward(x).shape, seed=1)
    expected = part.vjp(x, g)[0]
    monkeypatch.setattr(by_map, "CHUNK_BYTES", 2**12)
    np.testing.assert_allclose(part.vjp(x, g)[0], expected, atol=1e-13)
    single = part.vjp(x.astype(np.float32), g)[0]
    assert single.dtype == np.float32
    assert np.linalg.norm(single - expected) < 1e-5 * np.linalg.norm(expected)
    assert np.abs(expected).max() > 1e-2


def test_gradient_of_a_black_image_is_that_of_the_average():
    part = ScatteringTransform(2, 3).build((8, 8, 1))
    x, g = np.zeros((1, 8, 8, 1)), np.ones((1, 2, 2, part.out_shape((8, 8, 1))[2]))
    g[..., 0] = 0
    assert np.array_equal(part.vjp(x, g)[0], x)
    g[..., 0] = 1
    assert part.vjp(x, g)[0].min() > 0


def test_gradient_of_the_whole_network():
    x = images(2, 12, 12)
    scattering = Scattering2D(2, 3, normalized=True, log=True, energy=0.99).fit(x)
    assert len(scattering.network_.parts) == 3
    assert scattering.paths_ == scattering.network_.parts[0].only
    testing.check_vjp(scattering.network_, x[..., None], np.random.default_rng(1), h=1e-7, tol=1e-6)
    maps = scattering.network_.forward(x[..., None])
    np.testing.assert_allclose(maps, scattering.maps(x), atol=1e-13)
    np.testing.assert_allclose(list(scattering.network_.trace(x[..., None]).values())[-1], maps)


def test_gradient_of_parent_normalization():
    paths = ScatteringTransform(2, 2).build((8, 8, 1)).geometry.paths
    part = ParentNormalization(paths, 0.3).build((2, 3, 2 * len(paths)))
    assert testing.check_vjp(part, images(2, 2, 3, 2 * len(paths)) - 0.2, np.random.default_rng(0)) < 1e-7
    at, parents = part._parents()
    x = np.ones((1, 2, 3, 2 * len(paths)))
    x[..., parents], x[..., len(paths) + np.array(parents)] = (
        0,
        0,
    )  # where the denominator has a kink, it counts as flat
    g = part.pullback(x)[1](np.ones_like(x))[0]
    assert (g[..., parents] == 1).all()
    np.testing.assert_allclose(g[..., at], 1 / 0.3)


def test_lipschitz_constant_is_known_without_subsampling():
    tight = ScatteringTransform(2, 4, padding="circular", oversampling=2, bank="tight").build((8, 8, 1))
    assert tight.lipschitz((8, 8, 1)) == 1.0
    testing.check_lipschitz(tight, images(2, 8, 8, 1), np.random.default_rng(0))
    morlet = ScatteringTransform(2, 4, padding="circular", oversampling=2)
    assert 1.0 <= morlet.lipschitz((8, 8, 1)) < 1.5
    assert ScatteringTransform(2, 4).lipschitz((8, 8, 1)) is None


# -- options -------------------------------------------------------------------------------------------------------


def test_log_and_normalized_are_their_formulas():
    x = images(3, 16, 16, 2)
    plain = Scattering2D(2, 4).fit(x)
    h, w, _ = plain.maps_shape_
    s = plain.transform(x).reshape(3, 2, len(plain.paths_), h, w)
    normalized = s.copy()
    for i, path in enumerate(plain.paths_):
        if path.order == 2:
            parent = plain.paths_.index(ScatteringPath(path.scales[:1], path.angles[:1]))
            normalized[:, :, i] = s[:, :, i] / (s[:, :, parent] + 0.1)
    log = normalized.copy()
    log[:, :, 1:] = np.log1p(normalized[:, :, 1:] / 0.1)
    for options, expected in (({}, s), ({"normalized": True}, normalized), ({"normalized": True, "log": True}, log)):
        rows = Scattering2D(2, 4, epsilon=0.1, **options).fit_transform(x)
        np.testing.assert_allclose(rows.reshape(expected.shape), expected, atol=1e-12)
    assert np.abs(log - normalized).max() > 0.1 < np.abs(normalized - s).max()


def test_paths_are_kept_by_energy():
    x = images(4, 16, 16, 2)
    full = Scattering2D(2, 4).fit(x)
    energies = full.energies(x)
    h, w, _ = full.maps_shape_
    by_hand = (full.transform(x).reshape(4, 2, -1, h * w) ** 2).sum(axis=(0, 1, 3)) * 16 / 4
    np.testing.assert_allclose(energies, by_hand, rtol=1e-12)
    some = Scattering2D(2, 4, energy=0.999).fit(x)
    kept = [full.paths_.index(path) for path in some.paths_]
    assert 3 < len(kept) < len(full.paths_)
    assert kept == sorted(kept)
    assert energies[kept].sum() >= 0.999 * energies.sum()
    least = min(kept, key=lambda i: energies[i])
    assert energies[kept].sum() - energies[least] < 0.999 * energies.sum()
    assert energies[kept].min() >= np.delete(energies, kept).max()
    every = full.transform(x).reshape(4, 2, -1, h, w)
    np.testing.assert_allclose(some.transform(x).reshape(4, 2, -1, h, w), every[:, :, kept], rtol=1e-12)
    assert len(some.get_feature_names_out()) == some.transform(x).shape[1]
    assert Scattering2D(2, 4, energy=1.0).fit(x).paths_ == full.paths_


SOME = {
    "order 1": [ScatteringPath((0,), (1,)), ScatteringPath((1,), (0,)), ScatteringPath((1,), (2,))],
    "order 2, and no parent": [ScatteringPath((0, 2), (1, 0)), ScatteringPath((0, 2), (1, 2))],
    "mixed": [
        ScatteringPath((), ()), ScatteringPath((2,), (2,)), ScatteringPath((0, 1), (0, 0)),
        ScatteringPath((0, 1), (1, 0)), ScatteringPath((0, 2), (1, 1)), ScatteringPath((1, 2), (2, 0)),
        ScatteringPath((0, 1, 2), (0, 0, 2)), ScatteringPath((0, 1, 2), (2, 1, 1)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("small", [0, 10**6], ids=["by map", "by frequency"])
@pytest.mark.parametrize("chunk_bytes", [2**10, 2**22])
@pytest.mark.parametrize("some", SOME)
def test_some_paths_are_those_of_the_whole_transform(some, chunk_bytes, small, monkeypatch):
    monkeypatch.setattr(cascades, "SMALL", small)
    for module in (cascades.CascadeByMap, cascades.CascadeByFrequency):
        monkeypatch.setattr(sys.modules[module.__module__], "CHUNK_BYTES", chunk_bytes)
    x, only = images(3, 17, 20, 2), tuple(SOME[some])
    whole = ScatteringTransform(3, 3, 3).build((17, 20, 2))
    part = ScatteringTransform(3, 3, 3, only=only).build((17, 20, 2))
    at = [whole.geometry.paths.index(path) for path in only]
    at += [len(whole.geometry.paths) + i for i in at]
    expected = whole.forward(x)[..., at]
    np.testing.assert_allclose(part.forward(x), expected, rtol=1e-12)
    assert part.out_shape((17, 20, 2)) == expected.shape[1:]
    assert np.abs(expected).max() > 1e-3
    g, into = images(*expected.shape, seed=1), np.zeros((3, *whole.out_shape((17, 20, 2))))
    into[..., at] = g
    gradient = whole.vjp(x, into)[0]
    np.testing.assert_allclose(part.vjp(x, g)[0], gradient, atol=1e-12 * np.abs(gradient).max())


def test_only_some_paths_are_computed():
    """What the cascade multiplies is known beforehand, and nothing else is averaged."""
    only = tuple(SOME["mixed"])
    whole = ScatteringTransform(3, 3, 3).build((17, 20, 1))
    part = whole.with_paths(only)
    assert part.geometry.bank is whole.geometry.bank
    parents = {path.parent for path in only} | {ScatteringPath((0,), (2,))}
    assert set(part.geometry.computed) == set(only) | parents
    assert len(parents - set(only)) == 5
    assert 1.9 * part.multiply_adds((17, 20, 1)) < whole.multiply_adds((17, 20, 1))
    visited = []
    cascade = part._engine.run.faster(np.float64)
    cascade._average = lambda u, resolution, out, positions: visited.extend(out.next(positions) is None or positions)
    part.forward(images(1, 17, 20, 1))
    assert sorted(visited) == list(range(13))


def test_multiply_adds_are_those_of_the_ffts_and_the_filters():
    """2 n log2 n of an FFT of n complex numbers, half of real ones; 2 n of a product with a filter."""

    def fft(n):
        return 2 * n * np.log2(n)

    root, fine = fft(128) / 2, fft(128) / 2 + 2 * 128 + fft(128)
    coarse = fft(32) / 2 + 2 * 128 + fft(32)  # on a grid of 2 px
    for max_order, L, total in ((0, 1, root), (1, 3, root + 3 * fine + 3 * coarse), (2, 1, root + fine + 2 * coarse)):
        part = ScatteringTransform(2, L, max_order, padding="circular")
        assert part.multiply_adds((8, 16, 20)) == 20 * total
    geometry = ScatteringTransform1D(3, max_order=1).build((1, 64, 1)).geometry
    n = geometry.padded
    lines = fft(n) / 2
    for path in geometry.paths[1:]:
        m = n / 2 ** path.scales[0]
        lines += fft(m) / 2 + 2 * n + fft(m)
    assert {path.scales for path in geometry.paths} > {(), (1,)}
    assert ScatteringTransform1D(3, max_order=1).multiply_adds((3, 64, 5)) == 15 * int(lines)


def test_scattering_sees_the_whole_image_and_moves_by_its_stride():
    for oversampling, stride in ((0, 4), (1, 2), (3, 1)):
        part = ScatteringTransform(2, 2, oversampling=oversampling)
        assert part.receptive_field((17, 20, 3)) == ((17, 20), (stride, stride))
        line = ScatteringTransform1D(2, oversampling=oversampling)
        assert line.receptive_field((3, 20, 2)) == ((1, 20), (1, stride))


def test_blocks_of_small_images_are_wide_and_of_large_ones_fit_the_cache():
    small = ScatteringTransform(2, 2).build((8, 8, 1)).geometry
    assert [cascades.block_length(small, 8, c) for c in (1, 3, 64, 100)] == [64, 21, 1, 1]
    assert cascades.block_length(small.with_paths((ScatteringPath((), ()),), 2), 8, 1) == 128
    for L, itemsize, channels in ((2, 4, 1), (3, 8, 1), (2, 4, 2)):
        geometry = Geometry((100, 60), 2, L, 2)
        h, w = geometry.padded
        assert h * w > cascades.SMALL
        one = 2 * itemsize * channels * h * w * L  # complex maps of all angles
        n = cascades.block_length(geometry, itemsize, channels)
        assert n * one <= cascades.CACHE_BYTES < (n + 1) * one
    assert cascades.block_length(Geometry((2000, 2000), 2, 2, 2), 8, 3) == 1
    assert cascades.block_length(Geometry((73, 72), 2, 2, 0, padding="circular", oversampling=2), 8, 1) == 64


@pytest.mark.parametrize("size", [79, 80, 81])
def test_images_up_to_80_px_are_computed_frequency_by_frequency(size):
    """As the estimator says: the side of a padded image."""
    geometry = Geometry((size, size), 1, 1, 1, padding="circular", oversampling=1)
    assert geometry.padded == (size, size)
    kind = cascades.CascadeByFrequency if size <= 80 else cascades.CascadeByMap
    assert type(cascades.Cascades(geometry).faster(np.float32)) is kind
    assert (cascades.block_length(geometry, 4, 1) == 64) == (size <= 80)


def test_blocks_of_signals_are_64_at_most_and_fit_their_bytes():
    for size, itemsize in ((64, 4), (5000, 4), (5000, 8), (10**6, 8)):
        geometry = Geometry1D(size, 3, (1, 1), 8.0, 1)
        n, one = signals.Signals(geometry).block(itemsize), 16 * itemsize * geometry.padded
        assert 1 <= n <= 64
        assert n == 1 or n * one <= signals.BLOCK_BYTES
        assert n == 64 or (n + 1) * one > signals.BLOCK_BYTES
    assert ScatteringTransform1D(2).build((3, 64, 5))._engine.block(4) == 64 // 15
    assert ScatteringTransform1D(2).build((30, 64, 5))._engine.block(4) == 1


def test_a_million_paths_are_as_many_as_there_may_be():
    check_paths([1, 10**6 - 1])
    with pytest.raises(ValueError, match="There are 1,000,001 scattering paths up to order 1 alone"):
        check_paths([1, 10**6, 1])


def test_images_as_large_as_the_average_are_scattered():
    assert ScatteringTransform(4, 1, 0).out_shape((16, 20, 1)) == (1, 2, 1)
    assert ScatteringTransform(5, 1, 0, padding="zero").out_shape((16, 9, 1)) == (1, 1, 1)
    for J, options, match in (
        (4, {}, "Use J <= 3, or padding"),
        (6, {"padding": "zero"}, "Use J <= 5"),
        (63, {}, rf"J=63 averages over 2\*\*J = {2**63} pixels"),
        (64, {}, r"J=64 averages over 2\*\*J pixels"),
    ):
        with pytest.raises(ValueError, match=match):
            ScatteringTransform(J, 1, 0, **options).out_shape((15, 31, 1))


def test_signals_as_long_as_the_average_are_scattered():
    part = ScatteringTransform1D(7, padding="zero", max_order=0)
    assert part.out_shape((1, 2, 1)) == (1, 1, 1)  # 64 lengths
    with pytest.raises(ValueError, match="spans more than 64 times the 1 samples"):
        part.out_shape((1, 1, 1))
    assert ScatteringTransform1D(3, T=8, max_order=0).out_shape((1, 8, 1)) == (1, 1, 1)
    assert ScatteringTransform1D(3, Q=1024, T=1).Q == (1024, 1)
    with pytest.raises(ValueError, match="Q must be at most 1024 wavelets an octave, got 1025"):
        ScatteringTransform1D(3, Q=1025)


@pytest.mark.parametrize("method", ["energies", "residual_energy", "maps", "get_feature_names_out"])
def test_a_scattering_that_is_not_fitted_says_so(method):
    for estimator in (Scattering2D(), RotoTranslationScattering2D()):
        if hasattr(estimator, method):
            with pytest.raises(NotFittedError, match="is not fitted yet"):
                getattr(estimator, method)(images(1, 16, 16))
    with pytest.raises(NotFittedError):
        Scattering2D().propagate(images(1, 16, 16), ScatteringPath((), ()))


def test_pickles_hold_no_buffers():
    part = ScatteringTransform(2, 4).build((16, 16, 1))
    before = len(pickle.dumps(part))
    x = images(20, 16, 16, 1)
    y = part.forward(x)
    assert part._engine.run.scratch.buffers
    assert len(pickle.dumps(part)) == before < 2_000
    again = pickle.loads(pickle.dumps(part))
    assert not again._engine.run.scratch.buffers
    assert np.array_equal(again.forward(x), y)


def test_a_path_is_normalised_by_its_parent_even_if_that_is_left_out(monkeypatch):
    x = images(3, 16, 16)
    options = {"normalized": True, "log": True, "epsilon": 0.1}
    whole = Scattering2D(2, 4, **options).fit(x)
    monkeypatch.setattr(scattering_2d, "strongest", lambda energies, share: [3, 12, 20])
    some = Scattering2D(2, 4, energy=0.9, **options).fit(x)
    assert some.paths_ == tuple(whole.paths_[i] for i in (3, 12, 20))
    assert [len(p) for p in (some.network_.parts[0].only, some.paths_)] == [5, 3]
    np.testing.assert_allclose(some.maps(x), whole.maps(x)[..., [3, 12, 20]], rtol=1e-12)
    testing.check_vjp(some.network_, x[..., None], np.random.default_rng(1))


def test_one_road():
    """The estimator's rows are the network's maps, of whichever engine."""
    x = images(70, 12, 13, 2).astype(np.float32)
    for options in ({}, {"engine": "kymatio"}, {"energy": 0.99, "log": True}, {"engine": "kymatio", "energy": 0.99}):
        scattering = Scattering2D(2, 3, **options).fit(x)
        maps = scattering.network_.forward(x)
        assert np.array_equal(np.moveaxis(maps, -1, 1).reshape(70, -1), scattering.transform(x))
        assert np.array_equal(maps, scattering.maps(x))
        assert maps.shape[1:] == scattering.maps_shape_
    native = Scattering2D(2, 3, energy=0.99).fit(x)
    assert native.paths_ == scattering.paths_
    assert len(native.paths_) < 20
    np.testing.assert_allclose(scattering.maps(x), native.maps(x), atol=1e-3)
    with pytest.raises(NotImplementedError, match=r"engine='kymatio' has no gradient\. Use engine='native'"):
        scattering.network_.vjp(x, maps)
    assert not scattering.network_.differentiable


def test_paths_out_of_order_are_refused():
    a, b = ScatteringPath((0,), (1,)), ScatteringPath((1,), (0,))
    assert ScatteringTransform(2, 2, only=(a, b)).out_shape((8, 8, 1)) == (2, 2, 2)
    for only in ((b, a), (a, a), (ScatteringPath((2,), (0,)),)):
        with pytest.raises(ValueError, match=r"hold some of the 9 paths in their order, got .*ScatteringPath"):
            ScatteringTransform(2, 2, only=only).build((8, 8, 1))
    assert repr(ScatteringTransform(2, only=(a, b))) == "ScatteringTransform(2, only=2 paths)"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bank": "haar"}, "bank must be one of 'morlet', 'tight', got 'haar'"),
        ({"paths": "some"}, "paths must be one of 'decreasing', 'all', got 'some'"),
        ({"energy": 1.5}, r"energy must be None or a share in \(0, 1\], got 1.5"),
        ({"energy": 0}, "energy must be > 0"),
        ({"log": True, "epsilon": 0}, "epsilon must be > 0"),
        ({"J": 2, "L": 1, "bank": "tight"}, "A tight bank needs wavelets that reach every frequency: those of L=1"),
        ({"engine": "kymatio", "bank": "tight"}, "engine='kymatio' computes Morlet wavelets .* got bank='tight'"),
        ({"engine": "kymatio", "paths": "all"}, "and paths='all'"),
    ],
)
def test_bad_options(parameters, message):
    with pytest.raises(ValueError, match=message):
        Scattering2D(**parameters).fit(images(1, 16, 16))


def test_a_tight_bank_of_one_direction_is_refused_as_it_is_built():
    with pytest.raises(ValueError, match="A tight bank needs wavelets that reach every frequency"):
        ScatteringTransform(2, 1, bank="tight").build((12, 12, 1))


@pytest.mark.parametrize("option", ["log", "normalized"])
def test_an_epsilon_of_numpy_keeps_float32(option):
    x = images(2, 16, 16).astype(np.float32)
    plain, of_numpy = (Scattering2D(2, **{option: True}, epsilon=t(0.25)).fit(x) for t in (float, np.float64))
    found = of_numpy.transform(x)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, plain.transform(x))


@pytest.mark.parametrize("kept", [(0, 0), (1, 0), (3,), (-1,), [0]])
def test_kept_paths_are_increasing_positions(kept):
    paths = ScatteringTransform(1, 2).build((8, 8, 1)).geometry.paths
    with pytest.raises(ValueError, match="kept must be a tuple of increasing positions of the 3 paths, got"):
        PathSelection(paths, kept)


def test_parts_refuse_channels_that_are_no_paths():
    paths = ScatteringTransform(1, 2).build((8, 8, 1)).geometry.paths
    for part in (LogCompression(paths), ParentNormalization(paths), PathSelection(paths, (0,))):
        with pytest.raises(ValueError, match="3 paths do not divide the 4 channels"):
            part.build((4, 4, 4))


def test_filters_are_drawn():
    bank = FilterBank((16, 16), 2, 4)
    figure = bank.plot()
    assert len(figure.axes) == 9
    np.testing.assert_allclose(figure.axes[-1].images[0].get_array(), np.fft.fftshift(bank.littlewood_paley()))
    with pytest.raises(ValueError, match="draws J \\* L \\+ 1 = 9 panels, got 2 axes"):
        bank.plot(plt.subplots(1, 2)[1])
    plt.close("all")


def test_a_drawn_wavelet_is_its_real_part_in_space():
    bank = FilterBank((16, 12), 2, 3)
    figure = bank.plot()
    *waves, total = figure.axes
    for ax, (j, k) in zip(waves, np.ndindex(2, 3), strict=True):
        (image,) = ax.images
        drawn = np.asarray(image.get_array())
        in_space = np.fft.ifft2(bank.psi[j, k]).real
        np.testing.assert_array_equal(drawn, np.roll(in_space, (8, 6), axis=(0, 1)))  # its centre in the middle
        assert image.get_clim() == (-abs(drawn).max(), abs(drawn).max())  # zero is white
        assert image.get_cmap().name == "RdBu"
        cell = ax.get_subplotspec()
        assert (cell.rowspan.start, cell.colspan.start) == (j, k)
    (image,) = total.images
    assert image.get_clim() == (0, bank.littlewood_paley().max())
    assert image.get_cmap().name == "viridis"
    cell = total.get_subplotspec()
    assert (list(cell.rowspan), list(cell.colspan)) == ([0, 1], [3, 4])  # as high as all, two columns wide
    assert total.get_title() == "Littlewood-Paley sum"
    assert total.title.get_fontsize() == 8
    assert not any(len(ax.get_xticks()) or len(ax.get_yticks()) for ax in figure.axes)
    width, height = figure.get_size_inches() / (5, 2)
    assert 0.9 < width / height < 1  # a cell is square, with room for the title
    assert 1 < width < 1.2
    own = plt.subplots(7)[1]
    assert bank.plot(own) is own[0].figure
    assert len(own[0].images) == 1
    plt.close("all")
