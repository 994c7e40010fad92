"""JointTimeFrequencyScattering: a loop over paths, what theory says of it, kymatio's development version, errors."""

import json

import numpy as np
import peer_joint_scattering
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import JointTimeFrequencyScattering
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.networks.scattering.signals.joint import JointGeometry, JointMaps, JointPath

CIRCULAR = {"padding": "circular"}


def fitted(n, **parameters):
    return JointTimeFrequencyScattering(**parameters).fit(np.zeros((1, n)))


def energies(joint, x):
    """Energy of the maps of each spin."""
    spins = np.array([path.spin for path in joint.paths_])
    energy = (joint.maps(x[None]) ** 2).sum((0, 1))
    return {spin: energy[spins == spin].sum() for spin in (-1, 0, 1)}


def chirp(n, start, end):
    """A tone whose frequency (periods) goes from one to another, rising and falling in strength."""
    t = np.arange(n) / n
    return np.cos(2 * np.pi * (start * t + (end - start) * t * t / 2)) * np.exp(-(((t - 0.5) / 0.2) ** 2))


def by_loops(joint, x):
    """Every map of one signal, circular: one path after the other, on the finest grids, subsampled at the end."""
    geometry, n, T = joint._maps.geometry, len(x), joint._maps.time.stride
    scale = geometry.time.padded // n  # the padded signal is periodic: every scale-th of its frequencies is there

    def convolved(u, f):
        return np.fft.ifft(np.fft.fft(u) * f[::scale])

    first, second = (geometry.time.bank_of(order) for order in (1, 2))
    low = first.low_pass()
    psi = [np.concatenate([b.wavelets(j) for j in sorted({w.j for w in b.members})]) for b in (first, second)]
    scalogram = [np.abs(convolved(x, f)) for f in psi[0]]
    found = []
    for path in geometry.paths:
        if path.n1 is None:
            found.append(convolved(x, low).real[::T])
            continue
        bins = geometry.below(path.n2) if path.order == 2 else len(scalogram)
        f2 = low if path.n2 is None else psi[1][path.n2]
        plane = np.zeros((geometry.n_bins, n), complex)
        plane[:bins] = [convolved(u, f2) for u in scalogram[:bins]]
        kernel, u = np.fft.ifft(geometry.filter(path.band)), np.zeros(plane.shape)
        for k in range(geometry.n_bins):
            u[k] = np.abs(sum(kernel[(k - i) % geometry.n_bins] * plane[i] for i in range(bins)))
        if path.order == 2:
            u = np.stack([convolved(row, low).real for row in u])
        if path.band and geometry.averages:
            kernel = np.fft.ifft(geometry.average.low_pass()).real
            u = np.stack([sum(kernel[(k - i) % len(u)] * u[i] for i in range(len(u))) for k in range(len(u))])
        found.append(u[path.n1, ::T])
    return np.array(found)


@pytest.mark.parametrize("F", [None, 0])
def test_maps_are_those_of_loops_over_paths(F):
    x = np.random.default_rng(0).standard_normal(128)
    joint = fitted(128, J=5, Q=3, J_fr=2, F=F, **CIRCULAR)
    ours, theirs = joint.maps(x[None])[0].T, by_loops(joint, x)
    assert ours.shape == theirs.shape
    # moduli are sampled as finely as their wavelets need to 1 %: what the loops do without
    assert np.abs(ours - theirs).max() < 0.01 * np.abs(theirs).max()


@pytest.mark.parametrize(
    "case", json.loads(peer_joint_scattering.VALUES.read_text()), ids=lambda c: str(c["parameters"])
)
def test_kymatios_development_version(case):
    names = {key: tuple(v) if isinstance(v, list) else v for key, v in case["parameters"].items()}
    joint = fitted(case["n"], **names)
    found = joint.maps(peer_joint_scattering.signal(case["n"])[None])[0].T
    meta = joint.meta()
    assert [list(key) for key in meta["key"]] == case["keys"]
    for name, values in case["meta"].items():
        np.testing.assert_allclose(meta[name], np.array(values, float), rtol=1e-9, err_msg=name)
    top = np.abs(found).max()
    for ours, theirs in zip(found, case["values"], strict=True):
        np.testing.assert_allclose(ours[::4], theirs, atol=1e-5 * top)


def test_reversal_in_time_exchanges_the_spins():
    x = np.random.default_rng(0).standard_normal(512)
    joint = fitted(512, J=6, Q=4, J_fr=2, **CIRCULAR)
    at = {path: i for i, path in enumerate(joint.paths_)}
    swapped = [at[path._replace(band=-path.band)] if path.spin else i for path, i in at.items()]
    forwards, backwards = (joint.maps(v[None])[0] for v in (x, x[-np.arange(512)]))
    there = -np.arange(len(forwards))
    np.testing.assert_allclose(backwards[there], forwards[:, swapped], atol=1e-12 * np.abs(forwards).max())
    assert np.abs(backwards[there] - forwards).max() > 1e-3 * np.abs(forwards).max()


@pytest.mark.parametrize(("start", "end", "spin"), [(80, 900, 1), (900, 80, -1)])
def test_a_chirp_has_one_spin(start, end, spin):
    energy = energies(fitted(4096, J=8, Q=8, **CIRCULAR), chirp(4096, start, end))
    assert energy[spin] > 10 * energy[-spin]


def test_a_transposed_sound_is_shifted_along_log_frequency():
    n, Q = 4096, 8
    joint = fitted(n, J=8, Q=Q, J_fr=2, F=0, **CIRCULAR)
    t = np.arange(n) / n
    xi = [w.xi for w in joint.wavelets_[0]]
    tones = [(1 + np.cos(2 * np.pi * 8 * t)) * np.cos(2 * np.pi * round(n * xi[k]) * t) for k in (6, 10)]
    first, moved = (joint.maps(x[None])[0].mean(0) for x in tones)
    at = {path: i for i, path in enumerate(joint.paths_)}
    pairs = [(i, at.get(path._replace(n1=path.n1 + 4))) for path, i in at.items() if path.order == 2 and path.n1 < 14]
    one, other = (np.array(v) for v in zip(*[pair for pair in pairs if pair[1] is not None], strict=True))
    assert len(one) > 30
    assert np.linalg.norm(moved[other] - first[one]) < 0.02 * np.linalg.norm(first[one])
    assert np.linalg.norm(moved[one] - first[one]) > 0.5 * np.linalg.norm(first[one])


def test_energy_is_bounded_by_that_of_the_filters():
    joint = fitted(1024, J=6, Q=4, J_fr=2, F=0, **CIRCULAR)
    geometry = joint._maps.geometry

    def littlewood_paley(bank, signs):
        psi = np.concatenate([bank.wavelets(j) for j in {w.j for w in bank.members}])
        energy = bank.low_pass() ** 2 + (psi**2).sum(0)
        return (energy + (np.roll(psi[:, ::-1], 1, axis=1) ** 2).sum(0) if signs else energy).max()

    time = [littlewood_paley(geometry.time.bank_of(order), signs=False) for order in (1, 2)]
    bound = max(1, time[0]) * max(1, time[1]) * littlewood_paley(geometry.bank, signs=True)
    for x in np.random.default_rng(0).standard_normal((4, 1024)):
        maps = joint.maps(x[None])[0] ** 2
        strides = [1 if path.band is None else geometry.stride(path.band) for path in joint.paths_]
        energy = (maps.sum(0) * np.array(strides)).sum() * geometry.time.stride
        assert 0.1 * (x**2).sum() < energy <= bound * (x**2).sum()


def test_means_over_all_are_means_of_what_is_not_averaged():
    x = np.random.default_rng(0).standard_normal((2, 300, 1))
    alone, whole = (fitted(300, J=5, Q=4, J_fr=2, F=F) for F in (0, "global"))
    maps, means = alone.maps(x[..., 0]), whole.maps(x[..., 0])
    for path, mean in zip(whole.paths_, np.moveaxis(means, -1, 0), strict=True):
        same = [i for i, p in enumerate(alone.paths_) if p[1:] == path[1:]]
        if path.band:
            np.testing.assert_allclose(mean, maps[..., same].mean(-1), atol=1e-14)
    everywhere = fitted(512, J=5, Q=4, J_fr=2, T="global", **CIRCULAR)
    y = np.random.default_rng(0).standard_normal((1, 512))
    found = everywhere.maps(y)
    assert found.shape == (1, 1, len(everywhere.paths_))
    np.testing.assert_allclose(everywhere.maps(np.roll(y, 64, axis=1)), found, atol=1e-10)


@pytest.mark.parametrize("F", [1, 4, 16])
def test_what_is_not_averaged_over_bins_does_not_depend_on_their_average(F):
    """A tone at the highest frequency: what wraps around at the edges of log-frequency would be seen."""
    tone = np.cos(2 * np.pi * 0.42 * np.arange(512))[None]
    found, wanted = (fitted(512, J=6, Q=4, J_fr=5, T="global", F=f) for f in (F, 0))
    k = wanted.paths_.index(next(p for p in wanted.paths_ if p.order == 1 and p.band == 0))
    assert found.paths_[k] == wanted.paths_[k]
    ours, theirs = found.maps(tone)[0, 0, k], wanted.maps(tone)[0, 0, k]
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize(("J_fr", "F"), [(1, 5.5), (1, 20), (2, 8), (2, 16), (3, 15)])
def test_an_average_longer_than_the_filters_does_not_wrap_around(J_fr, F):
    """Ever more zeros beyond the lowest frequency change nothing."""
    x = np.random.default_rng(0).standard_normal((2, 512))
    joint = fitted(512, J=4, Q=4, J_fr=J_fr, F=F)
    geometry = joint._maps.geometry
    longer = JointGeometry(geometry.time, J_fr, 1, F)
    longer.__dict__["n_bins"] = 8 * geometry.n_bins
    assert longer.paths == geometry.paths
    padded = np.pad(x, geometry.time.borders, "symmetric")
    wanted, found = (JointMaps(g)(padded) for g in (longer, geometry))
    np.testing.assert_allclose(found, wanted, atol=1e-6 * np.abs(wanted[:, 1:]).max())


def test_borders_are_those_of_fit():
    x = np.random.default_rng(0).standard_normal((2, 128))
    joint = fitted(128, J=4, Q=4, J_fr=2)
    before = joint.transform(x)
    np.testing.assert_array_equal(joint.set_params(padding="zero").transform(x), before)


def test_a_short_average_over_bins_needs_no_fewer_of_them():
    joint = fitted(512, J=8, Q=2, J_fr=4, F=1)
    assert np.isfinite(joint.maps(np.random.default_rng(0).standard_normal((1, 512)))).all()


def test_channels_types_and_names():
    x = np.random.default_rng(0).standard_normal((3, 100, 2))
    joint = JointTimeFrequencyScattering(4, 3, 1).fit(x)
    n_paths = len(joint.paths_)
    maps = joint.maps(x)
    assert maps.shape == (3, *joint.maps_shape_) == (3, 7, 2 * n_paths)
    single = JointTimeFrequencyScattering(4, 3, 1, n_jobs=2).fit(x[..., 0])
    for k in range(2):
        np.testing.assert_allclose(single.maps(x[..., k]), maps[..., k * n_paths : (k + 1) * n_paths], atol=1e-14)
    assert joint.transform(x.astype(np.float32)).dtype == np.float32
    names = joint.get_feature_names_out()
    assert len(names) == joint.transform(x).shape[1]
    assert names[0] == "jointtimefrequencyscattering_c0_mean_0"
    assert JointPath(3, 1, -2).name == "n3_n1_f-2"
    assert [JointPath(*p).spin for p in ((3, 1, -2), (3, None, 2), (3, 1, 0), (None, None, None))] == [-1, 0, 0, 0]
    np.testing.assert_allclose(single.maps(x[0, :, 0]), single.maps(x[..., 0])[0], atol=1e-14)
    meta = single.meta()
    assert meta["n"].shape == meta["xi"].shape == (n_paths, 2)
    for path, xi, n in zip(single.paths_, meta["xi"], meta["n"], strict=True):
        wanted = [bank[k].xi for bank, k in zip(single.wavelets_, path[:2], strict=False) if k is not None]
        np.testing.assert_array_equal(xi[: path.order], wanted)
        assert np.isnan(xi[path.order :]).all()
        assert n[: path.order].tolist() == [k for k in path[:2] if k is not None]
    far = single.transform(x[..., 0] * 1e200) / 1e200
    np.testing.assert_allclose(far, single.transform(x[..., 0]), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"J_fr": 0}, "J_fr must be an int >= 1, got 0"),
        ({"J_fr": 21}, "J_fr must be at most 20, got 21"),
        ({"Q_fr": 0}, "Q_fr must be an int >= 1, got 0"),
        ({"T": 0}, r"T must be None, at least 1 sample or 'global', got 0: maps of one length are needed"),
        ({"F": 0.5}, r"F must be 0, 'global' or from 1 to 20 \(\(J \+ 1\) Q\) wavelets of order 1, got 0\.5"),
        ({"F": 21}, "wavelets of order 1, got 21"),
        ({"F": "all"}, "F must be a number of wavelets of order 1, 0 or 'global', got 'all'"),
        ({"J": 8}, "averages over T=256 samples .* more than the 128 of the signal"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        fitted(128, **{"J": 4, "Q": 4, "J_fr": 2, **parameters})


def test_signals_of_another_length_are_refused():
    with pytest.raises(ValueError, match="but JointTimeFrequencyScattering was fitted on signals of shape"):
        fitted(128, J=4, Q=4, J_fr=2).transform(np.zeros((1, 100, 1)))


def test_geometry_of_a_signal():
    geometry = JointGeometry(Geometry1D(256, 5, (4, 1), 32.0, 2), 2, 1, 4.0)
    assert geometry.n_bins % 4 == 0
    assert geometry.n_bins >= 24 + 4 * 4
    np.testing.assert_allclose(geometry.filter(-1)[1:], geometry.filter(1)[:0:-1], atol=1e-15)


SUITE = parametrize_with_checks([JointTimeFrequencyScattering(J=1, Q=4, J_fr=1, T=1, padding="zero")])


# a list, where scikit-learn 1.6 gives a generator: pytest wants to count its cases
@pytest.mark.parametrize(SUITE.args[0], list(SUITE.args[1]), **SUITE.kwargs)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_maps_are_arrays_whatever_the_output():
    pytest.importorskip("pandas", reason="set_output(transform='pandas') needs pandas")
    x = np.random.default_rng(0).standard_normal((2, 64))
    joint = JointTimeFrequencyScattering(J=3, Q=2).fit(x)
    expected = joint.maps(x)
    np.testing.assert_array_equal(joint.set_output(transform="pandas").maps(x), expected)
