"""Scattering1D: against kymatio, the definition in full resolution, and scikit-learn's contract."""

import pickle
import warnings

import numpy as np
import pytest
from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv.networks.scattering.fast import filters_1d
from kernelconv.networks.scattering.fast import signals as signals_module
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.networks.scattering.signals.scattering_1d import Scattering1D
from kernelconv.operators.wavelets.filter_bank_1d import low_pass_1d, morlet_1d, wavelets_1d


@parametrize_with_checks([Scattering1D(J=1, padding="zero")])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def signals(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


CASES = [
    (1024, 5, 4, None, 2, 0),
    (4096, 8, 8, None, 2, 0),
    (1000, 6, (8, 2), 32, 2, 0),
    (777, 3, 1, None, 2, 0),
    (512, 5, 4, None, 1, 0),
    (512, 5, 4, 100, 2, 1),
    (600, 4, 12, 50.5, 2, 0),
    (512, 5, 2, 16, 2, 7),
    (64, 5, 8, None, 2, 0),
    (128, 1, 2, 1, 2, 0),
]


@pytest.mark.parametrize(("size", "J", "Q", "T", "max_order", "oversampling"), CASES)
def test_kymatios_array(size, J, Q, T, max_order, oversampling):
    x = signals(2, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kymatio finds some supports too small
        theirs = ScatteringNumPy1D(J, size, Q, T, max_order, oversampling=oversampling)
    expected = theirs(x)
    ours = Scattering1D(J, Q, T, max_order, oversampling=oversampling, scaling="kymatio").fit(x)
    rows = ours.transform(x).reshape(expected.shape)
    assert relative(rows, expected) < 1e-10
    assert relative(rows[:, 1:], expected[:, 1:]) < 1e-10
    assert [path.wavelets for path in ours.paths_] == theirs.meta()["key"]
    scales = [tuple(int(j) for j in row if not np.isnan(j)) for row in theirs.meta()["j"]]
    assert [path.scales for path in ours.paths_] == scales
    single = ours.transform(x.astype(np.float32))
    assert single.dtype == np.float32
    assert relative(single.reshape(rows.shape), rows) < 5e-6


KEPT = [(1024, 5, 4, 2, 0), (777, 3, (2, 2), 2, 0), (512, 5, (4,), 1, 1), (600, 4, (6, 2), 2, 9), (64, 5, 8, 2, 0)]


@pytest.mark.parametrize(("size", "J", "Q", "max_order", "oversampling"), KEPT)
def test_kymatios_moduli_and_their_means(size, J, Q, max_order, oversampling):
    """T=0 is kymatio's list; the mean of each of its entries, of which kymatio 0.3.0 has no word, is T="global"."""
    x = signals(2, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ScatteringNumPy1D(J, size, Q, 0, max_order, oversampling=oversampling, out_type="list")
    expected = [entry["coef"] for entry in theirs(x)]
    options = {"max_order": max_order, "oversampling": oversampling, "scaling": "kymatio"}
    kept = Scattering1D(J, Q, 0, **options).fit(x)
    maps = kept.maps(x)
    assert [m.shape for m in maps] == [(2, *shape) for shape in kept.maps_shape_] == [(*e.shape, 1) for e in expected]
    assert max(relative(m[..., 0], e) for m, e in zip(maps, expected, strict=True)) < 1e-10
    assert np.array_equal(kept.transform(x), np.concatenate([m[..., 0] for m in maps], axis=1))
    means = Scattering1D(J, Q, "global", **options).fit(x)
    assert means.maps_shape_ == (1, len(expected))
    assert relative(means.transform(x), np.stack([e.mean(axis=1) for e in expected], axis=1)) < 1e-10
    single = kept.transform(x.astype(np.float32))
    assert single.dtype == np.float32
    assert relative(single, kept.transform(x)) < 5e-6


def test_moduli_of_channels_have_names_and_follow_the_fit():
    x = signals(2, 70, 3)
    scattering = Scattering1D(3, 2, 0).fit(x)
    rows, maps, names = scattering.transform(x), scattering.maps(x), scattering.get_feature_names_out()
    assert rows.shape == (2, len(names)) == (2, 3 * sum(t for t, _ in scattering.maps_shape_))
    p = 5
    column = list(names).index(f"scattering1d_c2_{scattering.paths_[p].name}_4")
    np.testing.assert_array_equal(rows[:, column], maps[p][:, 4, 2])
    np.testing.assert_array_equal(maps[0], x)  # order 0 is the signal
    scattering.set_params(T="global")  # without another fit
    assert [m.shape for m in scattering.maps(x)] == [m.shape for m in maps]


def test_means_of_circular_signals_do_not_move():
    """Nothing being subsampled, a shift of any length moves U alone."""
    x = signals(1, 256)
    scattering = Scattering1D(5, 4, "global", padding="circular", oversampling=9).fit(x)
    rows = scattering.transform(x)
    assert relative(scattering.transform(np.roll(x, 37, axis=1)), rows) < 1e-13
    assert relative(scattering.transform(np.roll(x, 37, axis=1)[:, ::-1].copy()), rows) < 1e-13  # nor turned round
    assert relative(scattering.transform(x**2), rows) > 0.1


def complex_signals(*shape, seed=0):
    return signals(*shape, seed=seed) + 1j * signals(*shape, seed=seed + 1)


def by_half(scattering, x):
    """Maps (n, t', c, half, n_paths)."""
    maps = scattering.maps(x)
    return maps.reshape(*maps.shape[:2], scattering.signal_shape_[1], 2, -1)


@pytest.mark.parametrize(
    "options", [{}, {"oversampling": 9, "max_order": 3}, {"T": "global"}, {"max_order": 0}], ids=str
)
def test_halves_of_complex_signals(options):
    """Equal for real signals, swapped by conjugation; order 0 averages the real and the imaginary part."""
    x = complex_signals(3, 200, 2)
    both = Scattering1D(4, (3, 1), frequencies="both", **options).fit(x)
    real = Scattering1D(4, (3, 1), **options).fit(x.real)
    n = len(real.paths_)
    assert both.paths_[:n] == real.paths_
    assert both.paths_[n:] == tuple(path._replace(half=-1) for path in real.paths_)
    maps, mirrored, of_real = by_half(both, x), by_half(both, x.conj()), by_half(both, x.real)
    one, other = real.maps(x.real), real.maps(x.imag)
    np.testing.assert_allclose(mirrored[..., ::-1, 1:], maps[..., 1:], atol=1e-14)
    np.testing.assert_allclose(of_real[..., 0, :], one.reshape(*one.shape[:2], 2, n), atol=1e-14)
    np.testing.assert_allclose(of_real[..., 1, 1:], of_real[..., 0, 1:], atol=1e-14)
    np.testing.assert_array_equal(by_half(both, x.real.astype(complex)), of_real)
    order_0 = np.stack([one[..., [0, n]], other[..., [0, n]]], axis=-1)
    np.testing.assert_allclose(maps[..., 0], order_0, atol=1e-14)
    if n > 1:
        assert relative(maps[..., 1, 1:], maps[..., 0, 1:]) > 0.01
    single = both.maps(x.astype(np.complex64))
    assert single.dtype == np.float32
    assert relative(single, both.maps(x)) < 5e-6
    assert np.array_equal(clone(both).set_params(n_jobs=3).fit(x).transform(x), both.transform(x))


@pytest.mark.parametrize("T", [None, 0, "global"])
def test_the_tree_of_both_halves(T):
    x = complex_signals(2, 75, 2)
    scattering = Scattering1D(3, (2, 1), T, frequencies="both").fit(x)
    part, rows = scattering.network_.parts[0], scattering.transform(x)
    maps = part.tree.definition(x[:, None])
    np.testing.assert_allclose(np.moveaxis(maps, -1, 1).reshape(2, -1), rows, atol=1e-14)
    names = list(scattering.get_feature_names_out())
    assert len(set(names)) == rows.shape[1]
    assert "scattering1d_c1_neg_n0_0" in names
    with pytest.raises(NotImplementedError, match="frequencies='both' has no gradient"):
        part.vjp(x[:, None], np.ones(maps.shape))


def test_complex_scattering_is_that_of_conjugate_wavelets():
    """Against the definition in full resolution, with the mirror images of the first wavelets."""
    x = complex_signals(1, 256)[0]
    ours = Scattering1D(4, (3, 2), 16, padding="circular", oversampling=9, frequencies="both").fit(x[None])
    padded, before = (getattr(ours.network_.parts[0].geometry, name) for name in ("padded", "before"))
    line = np.pad(x, (before, padded - 256 - before), mode="wrap")
    halves = by_half(ours, x[None])[0, :, 0]
    for half, turned in enumerate((line, line[::-1])):  # a signal turned round has its frequencies negated
        expected = np.stack(list(definition(turned, 4, (3, 2), 16, 2, padded).values()), axis=-1)[:: 1 - 2 * half]
        np.testing.assert_allclose(halves[:, half, 1:], expected[before : before + 256, 1:], atol=1e-13)


@pytest.mark.parametrize("sign", [1, -1])
def test_analytic_signals_have_one_half(sign):
    n, J = 1024, 5
    f = np.fft.fftfreq(n)
    spectrum = np.where((sign * f >= 2.0**-J) & (sign * f <= 0.45), np.fft.fft(signals(n)), 0)
    x = np.fft.ifft(spectrum)[None]
    scattering = Scattering1D(J, (3, 1), padding="circular", frequencies="both").fit(x)
    maps = by_half(scattering, x)[..., 1:]
    there, other = (np.linalg.norm(maps[..., half, :]) for half in ((0, 1) if sign > 0 else (1, 0)))
    assert other < 1e-4 * there
    assert there > 1


def test_many_positions_are_averaged_by_fourier_transforms(monkeypatch):
    x = signals(2, 700)
    expected = Scattering1D(4, 3, 5.5, max_order=3).fit_transform(x)
    monkeypatch.setattr(filters_1d, "MOST_POSITIONS", 0)
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-6)):
        assert relative(Scattering1D(4, 3, 5.5, max_order=3).fit_transform(x.astype(dtype)), expected) < tolerance


def definition(x, J, Q, T, max_order, padded):
    """Full resolution, circular: nothing is subsampled before the end."""
    banks = [[morlet_1d(padded, w.xi, w.sigma) for w in wavelets_1d(J, q)] for q in Q]
    scales = [[w.j for w in wavelets_1d(J, q)] for q in Q]
    low = low_pass_1d(padded, 0.1 / T)

    def convolve(u, filter_hat):
        return np.fft.ifft(np.fft.fft(u) * filter_hat)

    averages = {}

    def visit(path, last, u):
        averages[path] = convolve(u, low).real
        if len(path) < max_order:
            order = min(len(path), 1)
            for n, psi in enumerate(banks[order]):
                if not path or scales[order][n] > last:
                    visit((*path, n), scales[order][n], np.abs(convolve(u, psi)))

    visit((), -1, x)
    return {p: averages[p] for p in sorted(averages, key=lambda p: (len(p), p))}


@pytest.mark.parametrize("max_order", [0, 1, 2, 3])
def test_any_order_without_subsampling_is_the_definition(max_order):
    x = signals(256)
    ours = Scattering1D(4, (3, 2), 16, max_order, padding="circular", oversampling=9).fit(x[None])
    geometry = ours.network_.parts[0].geometry
    padded, before = geometry.padded, geometry.before
    expected = definition(np.pad(x, (before, padded - 256 - before), mode="wrap"), 4, (3, 2), 16, max_order, padded)
    assert [path.wavelets for path in ours.paths_] == list(expected)
    maps = ours.transform(x[None]).reshape(len(expected), -1)
    every = np.stack(list(expected.values()))[:, before : before + 256]
    np.testing.assert_allclose(maps, every, atol=1e-13)
    assert max(path.order for path in ours.paths_) == max_order
    assert np.abs(every[-1]).max() > 1e-3


def test_exact_scaling_does_not_depend_on_the_subsampling():
    x = signals(2, 1024)
    exact, released = (
        [
            Scattering1D(6, 4, scaling=scaling, oversampling=k).fit(x).maps(x)[:, :: 2**k].mean(axis=(0, 1))
            for k in (0, 6)
        ]
        for scaling in ("exact", "kymatio")
    )
    assert relative(exact[0], exact[1]) < 2e-2
    np.testing.assert_allclose(exact[0][1:], exact[1][1:], rtol=0.1)
    assert np.max(released[1][1:] / released[0][1:]) > 100  # by 2^-j a grid


def test_transform_of_a_tone_is_its_place():
    t = np.arange(2048)
    scattering = Scattering1D(6, 8).fit(t[None])
    first = [path.order == 1 for path in scattering.paths_]
    centres = np.array([w.xi for w in scattering.wavelets_[0]])
    for f in (0.05, 0.11, 0.3):
        maps = scattering.maps(np.cos(2 * np.pi * f * t)[None])[0].mean(axis=0)[first]
        assert np.abs(centres - f).argmin() == maps.argmax()
        assert 0.3 < maps.max() <= 0.5 + 1e-6  # half the amplitude: the wavelet is analytic, of gain 1


@pytest.mark.parametrize("chunk_bytes", [2**8, 2**16, 2**24])
def test_chunks_change_nothing(chunk_bytes, monkeypatch):
    x = signals(3, 512)
    expected = Scattering1D(5, 4).fit_transform(x)
    monkeypatch.setattr(signals_module, "CHUNK_BYTES", chunk_bytes)
    np.testing.assert_allclose(Scattering1D(5, 4).fit_transform(x), expected, atol=1e-14)


def test_channels_batches_threads_and_pickles():
    x = signals(40, 300, 2)
    scattering = Scattering1D(4, 3).fit(x)
    rows = scattering.transform(x)
    each = [Scattering1D(4, 3).fit_transform(x[..., k]) for k in range(2)]
    np.testing.assert_allclose(rows, np.concatenate(each, axis=1), atol=1e-14)
    maps = scattering.maps(x)
    n_paths = len(scattering.paths_)
    assert maps.shape == (40, *scattering.maps_shape_)
    np.testing.assert_array_equal(maps[3, :, n_paths + 2], rows.reshape(40, 2, n_paths, -1)[3, 1, 2])
    one_by_one = np.concatenate([scattering.transform(s[None]) for s in x])
    assert relative(one_by_one, rows) < 1e-12
    for n_jobs in (1, 2, 3):
        assert np.array_equal(clone(scattering).set_params(n_jobs=n_jobs).fit_transform(x), rows)
    assert np.array_equal(pickle.loads(pickle.dumps(scattering)).transform(x), rows)
    assert len(pickle.dumps(scattering)) < 40_000
    changed = scattering.set_params(J=3, Q=2).fit(x)
    assert np.array_equal(changed.transform(x), Scattering1D(3, 2).fit_transform(x))


@pytest.mark.parametrize("T", [None, 0, "global"])
@pytest.mark.parametrize("channels", [1, 3])
def test_maps_take_any_leading_axes(T, channels):
    x = signals(2, 3, 4, 70, channels)
    scattering = Scattering1D(3, 2, T).fit(x[0, 0])
    expected = scattering.maps(x.reshape(24, 70, channels))

    def check(given, leading):
        found = scattering.maps(given)
        for one, wanted in zip(*([maps] if T != 0 else maps for maps in (found, expected)), strict=True):
            assert one.shape == (*leading, *wanted.shape[1:])
            np.testing.assert_allclose(
                one.reshape(-1, *wanted.shape[1:]), wanted[: np.prod(leading, dtype=int)], atol=1e-14
            )

    check(x, (2, 3, 4))
    check(x[0], (3, 4))
    check(x[0, 0], (4,))
    check(x[0, 0, 0], ())
    if channels == 1:
        check(x[..., 0], (2, 3, 4))
        check(x[0, 0, :, :, 0], (4,))
        check(x[0, 0, 0, :, 0], ())
    with pytest.raises(
        ValueError, match=r"\(2, 3, 4, 70, .\): fit and transform take signals \(n, t\) or \(n, t, c\).* maps"
    ):
        scattering.transform(x)
    with pytest.raises(ValueError, match=r"fitted on signals of shape \(70, .\)|take signals|features"):
        scattering.maps(x[..., :69, :])


@pytest.mark.parametrize(("J", "Q", "max_order"), [(5, 4, 2), (4, (3, 2), 2), (4, (3,), 1)])
def test_meta_is_kymatios(J, Q, max_order):
    theirs = ScatteringNumPy1D(J, 1024, Q, max_order=max_order).meta()
    scattering = Scattering1D(J, Q, max_order=max_order).fit(signals(1, 1024))
    ours = scattering.meta()
    assert ours.keys() == theirs.keys()
    assert ours.pop("key") == theirs.pop("key")
    for name, values in ours.items():
        assert values.shape == theirs[name].shape
        np.testing.assert_allclose(values, theirs[name], rtol=1e-12)
    both = Scattering1D(J, Q, max_order=max_order, frequencies="both").fit(signals(1, 1024)).meta()
    np.testing.assert_array_equal(both["half"], np.repeat([1, -1], len(ours["order"])))
    np.testing.assert_array_equal(both["xi"], np.concatenate([ours["xi"]] * 2))


def test_feature_names_and_pandas():
    x = signals(2, 64, 2)
    scattering = Scattering1D(3, 2).set_output(transform="pandas").fit(x)
    frame = scattering.transform(x)
    names = scattering.get_feature_names_out()
    assert list(frame.columns) == list(names)
    assert len(set(names)) == frame.shape[1]
    assert names[0] == "scattering1d_c0_mean_0"
    at = [path.order for path in scattering.paths_].index(2)
    name = scattering.paths_[at].name
    assert name == f"n{scattering.paths_[at].wavelets[0]}_n{scattering.paths_[at].wavelets[1]}"
    n_paths = len(scattering.paths_)
    np.testing.assert_array_equal(frame[f"scattering1d_c1_{name}_3"], scattering.maps(x)[:, 3, n_paths + at])


def test_wavelets_have_zero_mean_and_unit_gain():
    for J, Q in ((3, 1), (6, 8)):
        for w in wavelets_1d(J, Q):
            psi = morlet_1d(1024, w.xi, w.sigma)
            assert psi[0] == 0
            assert np.abs(np.fft.ifft(psi)).sum() == pytest.approx(1)
            assert abs(psi.argmax() / 1024 - w.xi) < w.sigma
            assert w.xi + 5 * w.sigma <= 2.0 ** -(w.j + 1) or w.j == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"J": 0}, "J must be an int >= 1, got 0"),
        ({"Q": 0}, "Q must be an int >= 1, got 0"),
        ({"Q": (1, 2, 3)}, r"Q must be an int >= 1 or a pair of them, got \(1, 2, 3\)"),
        ({"Q": ()}, r"Q must be an int >= 1 or a pair of them, got \(\)"),
        ({"Q": 10**9}, "Q must be at most 1024 wavelets an octave, got 1000000000"),
        ({"Q": 64}, "Q=64 wavelets an octave are as many as the signals have samples. The arguments are J, Q and T"),
        ({"J": 12, "T": 1, "Q": (16, 16), "max_order": 4}, "scattering paths up to order . alone, more than 1,000,000"),
        ({"T": 2**63}, r"averages over T=9\.22337e\+18 samples .* more than the 64 of the signal"),
        ({"T": 2**63, "padding": "zero"}, r"J=3 with T=9\.22337e\+18 spans more than 64 times the 64 samples"),
        ({"T": 10**400}, "T must be >= 0 and finite, got 1000"),
        ({"J": 20_000, "T": "global"}, r"The wavelets span 2\*\*J samples, more than the 64 of the signal"),
        ({"J": 2000, "padding": "zero"}, r"J=2000 with T=2\*\*J spans more than 64 times"),
        ({"J": 13, "T": 4}, "J=13 with T=4 spans more than 64 times the 64 samples of the signal"),
        ({"T": 0.5}, "T must be at least 1 sample, got 0.5; 'global' averages the whole signal"),
        ({"T": "all"}, "T must be a number of samples, 0 or 'global', got 'all'"),
        ({"T": False}, "T must be a number, got False"),
        ({"T": 0, "J": 7}, r"The wavelets span 2\*\*J=128 samples, more than the 64 of the signal"),
        ({"T": "global", "J": 13, "padding": "zero"}, "spans more than 64 times the 64 samples of the signal"),
        ({"T": 65}, "averages over T=65 samples .* more than the 64 of the signal"),
        ({"J": 7}, "averages over T=128 samples"),
        ({"max_order": -1}, "max_order must be an int >= 0, got -1"),
        ({"oversampling": 1.0}, "oversampling must be an int >= 0, got 1.0"),
        ({"padding": "edge"}, "padding must be one of"),
        ({"frequencies": "all"}, "frequencies must be one of 'positive', 'both', got 'all'"),
        ({"scaling": "right"}, "scaling must be one of 'exact', 'kymatio', got 'right'"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        Scattering1D(**{"J": 3, **parameters}).fit(signals(2, 64))


def test_paths_are_counted_before_they_are_made():
    counts = list(Geometry1D(64, 6, (3, 2), 1.0, 3)._path_counts())
    assert counts == list(np.bincount([path.order for path in Geometry1D(64, 6, (3, 2), 1.0, 3).paths]))
    assert len(counts) == 4
    assert len(list(Geometry1D(64, 3, (2, 1), 1.0, 10**9)._path_counts())) < 5
    assert Geometry1D(64, 3, (2, 1), 1.0, 10**9).paths == Geometry1D(64, 3, (2, 1), 1.0, 4).paths


def test_an_int_and_one_alone_have_one_wavelet_an_octave_above():
    x = signals(2, 64)
    pair = Scattering1D(3, (4, 1)).fit_transform(x)
    for Q in (4, (4,), [4], [4, 1]):
        assert np.array_equal(Scattering1D(3, Q).fit_transform(x), pair)
    assert not np.array_equal(pair, Scattering1D(3, (4, 4)).fit_transform(x)[:, : pair.shape[1]])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 17])
@pytest.mark.parametrize("options", [{}, {"oversampling": 1}, {"J": 2, "T": 1}, {"J": 3, "T": 11.5}], ids=str)
def test_signals_shorter_than_the_average_have_an_output_position(size, options):
    x = signals(2, size)
    scattering = Scattering1D(padding="zero", **options).fit(x)
    part = scattering.network_.parts[0]
    geometry, maps = part.geometry, scattering.maps(x)
    assert 0 <= geometry.before <= geometry.padded - size
    assert len(geometry.at) == maps.shape[1] >= 1
    assert ((geometry.at >= geometry.before) & (geometry.at < geometry.before + size)).all()
    assert np.abs(maps[..., 0]).min() > 1e-6
    np.testing.assert_allclose(maps, part.definition(x[:, None, :, None])[:, 0], atol=1e-14)
    if size > geometry.stride:  # the signal lies in the middle wherever a position falls into it
        assert geometry.before == (geometry.padded - size) // 2


def test_bad_signals():
    scattering = Scattering1D(J=2).fit(signals(2, 64, 3))
    with pytest.raises(ValueError, match=r"signals of shape \(64, 2\), but Scattering1D was fitted on .* \(64, 3\)"):
        scattering.transform(signals(2, 64, 2))
    with pytest.raises(ValueError, match="non-finite"):
        scattering.transform(np.full((1, 64, 3), np.nan))
    with pytest.raises(
        ValueError, match=r"Complex data not supported with frequencies='positive'.* Use frequencies='both'"
    ):
        Scattering1D(J=2).fit(complex_signals(2, 64))
    x = complex_signals(2, 64)
    x[1, 3] = 1 + 1j * np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        Scattering1D(J=2, frequencies="both").fit(x)
    for padding in ("reflect", "zero"):
        with pytest.raises(ValueError, match=r"\(3, 2, 4096\), which looks like channels first.*moveaxis\(X, 1, -1\)"):
            Scattering1D(J=1, padding=padding).fit(np.ones((3, 2, 4096)))
    assert Scattering1D(J=2).fit(np.ones((3, 4, 8))).maps_shape_[0] == 1  # few samples, not far more channels
    with pytest.raises(ValueError, match="X is empty"):
        Scattering1D(J=2).fit(np.zeros((0, 64, 1)))
