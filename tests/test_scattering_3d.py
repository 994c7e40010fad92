"""Scattering3D: its laws, the naive loops, kymatio's recorded values, and scikit-learn's contract."""

import itertools
import json
import pickle
import tracemalloc

import numpy as np
import peer_scattering_3d as peer
import pytest
import reference
from scipy.spatial.transform import Rotation
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import Scattering3D
from kernelconv.networks.scattering.fast import volumes as engine
from kernelconv.networks.scattering.volumes.definition import scattered
from kernelconv.networks.scattering.volumes.geometry import VolumePath
from kernelconv.operators import FilterBank3D
from kernelconv.operators.wavelets.morlet_3d import morlet_3d
from kernelconv.operators.wavelets.solid_harmonics import solid_harmonic


@parametrize_with_checks([Scattering3D(J=0, volume_shape=(1, 1, -1))])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# -- wavelets ---------------------------------------------------------------------------------------------------------

SHAPE = (9, 7, 11)
Z, Y, X = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in SHAPE), indexing="ij")
R2 = X**2 + Y**2 + Z**2
#: sqrt(4 pi) r^l Y_l^m for m = 0, ..., l
POLYNOMIALS = {
    0: [np.ones(SHAPE)],
    1: [np.sqrt(3) * Z, -np.sqrt(3 / 2) * (X + 1j * Y)],
    2: [
        np.sqrt(5) / 2 * (3 * Z**2 - R2),
        -np.sqrt(15 / 2) * Z * (X + 1j * Y),
        np.sqrt(15 / 8) * (X + 1j * Y) ** 2,
    ],
}
#: integral of r^(l + 2) exp(-r^2 / 2) over r > 0
RADIAL = {0: np.sqrt(np.pi / 2), 1: 2.0, 2: 3 * np.sqrt(np.pi / 2)}


@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("sigma", [0.8, 1.7])
def test_solid_harmonics_are_their_polynomials(degree, sigma):
    gauss = (2 * np.pi) ** 1.5 * (-1j * sigma) ** degree * np.exp(-(sigma**2) * R2 / 2)
    gauss = gauss / RADIAL[degree] / np.sqrt(2 * degree + 1) / (4 * np.pi)
    for m, polynomial in enumerate(POLYNOMIALS[degree]):
        expected = gauss * polynomial
        assert np.abs(expected).max() > 0.01
        np.testing.assert_allclose(solid_harmonic(SHAPE, sigma, degree, m), expected, atol=1e-14)
        mirrored = gauss * (-1) ** m * np.conj(polynomial)
        np.testing.assert_allclose(solid_harmonic(SHAPE, sigma, degree, -m), mirrored, atol=1e-14)


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_solid_harmonics_of_a_degree_have_one_unit_of_modulus(degree):
    waves = [np.fft.ifftn(solid_harmonic((24,) * 3, 1.8, degree, m)) for m in range(-degree, degree + 1)]
    modulus = np.sqrt(sum(abs(wave) ** 2 for wave in waves))
    assert modulus.sum() == pytest.approx(1, abs=2e-3)
    if degree:
        assert abs(modulus[0, 0, 0]) < 1e-5
        assert max(abs(wave.sum()) for wave in waves) < 1e-15


def test_wavelets_of_even_sizes_are_those_of_the_interpolation():
    shape = (4, 3, 2)
    for degree, m in ((0, 0), (1, -1), (2, 1), (3, 3)):
        wave = np.fft.ifftn(solid_harmonic(shape, 0.7, degree, m))
        np.testing.assert_allclose(wave, reference.solid_harmonic_wave(shape, degree, m, 0.7), atol=1e-15)
        assert np.abs(wave).max() > 1e-3


def test_morlet_wavelets():
    psi = morlet_3d((15, 15, 15), 1.5, (0, 3, 4), 1.2)
    lines = 2 * np.pi * np.fft.fftfreq(15)
    z, y, x = np.meshgrid(lines, lines, lines, indexing="ij")
    low = np.exp(-(1.5**2) / 2 * (x**2 + y**2 + z**2))
    expected = np.exp(-(1.5**2) / 2 * (z**2 + (y - 0.72) ** 2 + (x - 0.96) ** 2))
    np.testing.assert_allclose(psi, expected - expected[0, 0, 0] / low[0, 0, 0] * low, atol=1e-15)
    assert psi[0, 0, 0] == 0


def test_the_bank():
    bank = FilterBank3D((8, 9, 10), J=1, L=3, sigma_0=1.2)
    assert [bank.index(degree, m) for degree in range(4) for m in range(-degree, degree + 1)] == list(range(16))
    for degree, m in ((0, 0), (2, -1), (3, 3)):
        psi = bank.wavelet(1, bank.index(degree, m))
        np.testing.assert_array_equal(psi, solid_harmonic((8, 9, 10), 2.4, degree, m))
        assert bank.conjugate(bank.index(degree, m)) == bank.index(degree, -m)
    np.testing.assert_array_equal(bank.wavelets(0, bank.of_degree(1))[2], bank.wavelet(0, 3))
    assert bank.low_pass()[0, 0, 0] == pytest.approx(1, abs=1e-6)
    total = sum(np.abs(bank.wavelets(j)) ** 2 for j in (0, 1)).sum(axis=0)
    assert bank.littlewood_paley()[2, 3, 1] == pytest.approx((total[2, 3, 1] + total[-2, -3, -1]) / 2)
    for n in (3, 7, 13):
        directions = FilterBank3D((8, 8, 8), 0, kind="morlet", n_directions=n).directions
        assert directions.shape == (n, 3)
        both = {tuple(np.round(e, 9) + 0.0) for e in [*directions, *-directions]}
        assert len(both) == 2 * n
        assert {tuple(np.round(turn @ e, 9) + 0.0) for e in directions for turn in cube()} == both
    assert pickle.loads(pickle.dumps(bank)) == bank


# -- laws -------------------------------------------------------------------------------------------------------------


def cube():
    """The 24 rotations of the cube, as matrices."""
    signed = [np.diag(s) for s in itertools.product((1.0, -1.0), repeat=3)]
    every = [s[:, list(p)] for s in signed for p in itertools.permutations(range(3))]
    return [m for m in every if np.linalg.det(m) > 0]


def turned(x, matrix):
    """A periodic volume turned about its voxel 0 by a rotation of the cube: y[M u] = x[u]."""
    places = np.stack(np.meshgrid(*map(np.arange, x.shape), indexing="ij")).reshape(3, -1)
    shape = tuple(np.abs(matrix).astype(int) @ x.shape)
    y = np.empty(shape)
    y[tuple(np.mod((matrix @ places).astype(int), np.reshape(shape, (3, 1))))] = x.ravel()
    return y


@pytest.mark.parametrize("options", [{"J": 1, "L": 3}, {"J": 1, "bank": "morlet", "n_directions": 7}], ids=str)
@pytest.mark.parametrize("shape", [(7, 7, 7), (6, 6, 6), (7, 6, 9)], ids=str)
def test_integrals_do_not_change_under_the_rotations_of_the_cube(options, shape):
    x = noise(*shape)
    expected = Scattering3D(**options).fit_transform(x[None])
    assert len(cube()) == 24
    for matrix in cube():
        y = turned(x, matrix)
        found = Scattering3D(**options).fit_transform(y[None])
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    one = Scattering3D(**(options | {"rotation_covariant": False}))  # a wavelet alone sees the turn
    assert relative(one.fit_transform(np.rot90(x, axes=(0, 1))[None]), one.fit_transform(x[None])) > 1e-4


def density(centres, side, width=1.5):
    """Gaussian blobs of weights 1, 2, ... at `centres` (voxels, from the middle of the volume)."""
    lines = np.arange(side) - side // 2
    total = 0
    for weight, centre in enumerate(centres, start=1):
        z, y, x = (np.exp(-((lines - c) ** 2) / 2 / width**2) for c in centre)
        total = total + weight * np.einsum("i,j,k->ijk", z, y, x)
    return total


def test_integrals_of_blobs_do_not_change_under_any_rotation():
    centres = np.array([[2.3, 0.4, -1.1], [-1.7, 2.2, 0.6], [0.5, -2.4, 1.9]])
    turns = Rotation.random(4, random_state=0).as_matrix()
    x = np.stack([density(centres @ matrix.T, 31) for matrix in [np.eye(3), *turns]])
    scattering = Scattering3D(J=1, L=3, sigma_0=1.5)
    rows = scattering.fit_transform(x)
    assert np.abs(rows[1:] / rows[0] - 1).max() < 1e-3
    one = clone(scattering).set_params(rotation_covariant=False).fit_transform(x)
    assert np.abs(one[1:] / one[0] - 1).max() > 0.1
    moved = density(centres * 1.1, 31)[None]
    assert np.abs(scattering.transform(moved) / rows[0] - 1).max() > 0.01


def test_integrals_do_not_change_under_shifts_and_averages_move_along():
    x = noise(1, 6, 8, 12)
    moved = np.roll(x, (3, 5, 1), axis=(1, 2, 3))
    for options in ({}, {"bank": "morlet", "n_directions": 3}, {"rotation_covariant": False}):
        scattering = Scattering3D(J=1, L=2, **options).fit(x)
        np.testing.assert_allclose(scattering.transform(moved), scattering.transform(x), rtol=1e-12)
    local = Scattering3D(J=1, L=2, method="local").fit(x)
    moved = np.roll(x, (2, 4, -2), axis=(1, 2, 3))
    np.testing.assert_allclose(local.maps(moved), np.roll(local.maps(x), (1, 2, -1), axis=(1, 2, 3)), atol=1e-13)
    assert local.maps(x).shape == (1, 3, 4, 6, len(local.paths_))


def test_local_averages_are_samples_of_the_convolution_with_the_low_pass():
    x = noise(2, 8, 9, 6)
    scattering = Scattering3D(1, 0, 0.9, method="local").fit(x)
    bank = scattering.filter_bank_
    away = np.minimum(np.arange(24), 24 - np.arange(24))
    square = away[:, None, None] ** 2 + away[:, None] ** 2 + away**2
    gauss = np.fft.ifftn(FilterBank3D((24,) * 3, 1, 0, 0.9).low_pass()).real
    np.testing.assert_allclose(gauss, np.exp(-square / 2 / 1.8**2) / (2 * np.pi * 1.8**2) ** 1.5, atol=1e-9)
    maps = scattering.maps(x)
    u = np.abs(np.fft.ifftn(np.fft.fftn(x, axes=(1, 2, 3)) * bank.wavelet(1, 0), axes=(1, 2, 3)))
    for path, values in ((0, x), (2, u)):
        smooth = np.fft.ifftn(np.fft.fftn(values, axes=(1, 2, 3)) * bank.low_pass(), axes=(1, 2, 3)).real
        np.testing.assert_allclose(maps[..., path], smooth[:, ::2, ::2, ::2], atol=1e-14)
    assert scattering.paths_[2].scales == (1,)


# -- the same by others -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 3, 4)], ids=str)
def test_naive_loops(shape):
    x, powers = noise(*shape), (0.5, 1, 2, 3)
    scattering = Scattering3D(1, 2, 0.9, integral_powers=powers).fit(x[None])
    found = scattering.transform(x[None]).reshape(-1, 4)
    expected = reference.scattering_3d(x, 1, 2, 0.9, powers)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-11)
    np.testing.assert_allclose(found[0], [(np.abs(x) ** q).sum() for q in powers], rtol=1e-13)
    alone = Scattering3D(1, 2, 0.9, integral_powers=powers, rotation_covariant=False).fit(x[None])
    of_l = [path.order > 0 and path.m == path.degree for path in alone.paths_]
    expected = reference.scattering_3d(x, 1, 2, 0.9, powers, covariant=False)
    np.testing.assert_allclose(alone.transform(x[None]).reshape(-1, 4)[of_l], expected, rtol=1e-11)


PEER = json.loads(peer.VALUES.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", PEER, ids=lambda case: f"{case['kind']} {case['parameters']}")
def test_kymatios_values(case):
    """Smooth volumes as they are; rough ones by the naive loops, with the frequencies that kymatio counts."""
    x, parameters = peer.volumes(case["kind"], case["shape"]), case["parameters"]
    powers = parameters.get("integral_powers", (0.5, 1, 2))
    expected = np.reshape(case["values"], (2, -1, len(powers)))
    scattering = Scattering3D(**parameters).fit(x)
    rows = scattering.transform(x).reshape(2, -1, len(powers))
    kept = [p.order > 0 and (p.m is None or p.m == p.degree) for p in scattering.paths_]
    if case["kind"] == "blobs":
        np.testing.assert_allclose(rows[:, kept], expected, rtol=3e-6)
        return
    J, L, covariant = parameters["J"], parameters["L"], parameters.get("rotation_covariant", True)
    options = {"covariant": covariant, "max_order": parameters.get("max_order", 2)}
    naive = [reference.scattering_3d(v, J, L, places=reference.as_kymatio_counts, **options) for v in x]
    np.testing.assert_allclose(naive, expected, rtol=1e-6)
    assert np.abs(rows[:, kept] / expected - 1).max() > 1e-3  # which is why


def test_the_peer_values_are_those_of_its_cases():
    assert [[c["kind"], tuple(c["shape"])] for c in PEER] == [[kind, shape] for kind, shape, _ in peer.CASES]
    wanted = json.loads(json.dumps([parameters for *_, parameters in peer.CASES]))
    assert [case["parameters"] for case in PEER] == wanted


OPTIONS = {
    "harmonic": {"J": 2, "L": 2},
    "wide": {"J": 2, "L": 1, "sigma_0": 1.9},
    "one m at a time": {"J": 1, "L": 2, "rotation_covariant": False},
    "morlet": {"J": 1, "bank": "morlet", "n_directions": 3},
    "directions": {"J": 1, "bank": "morlet", "n_directions": 3, "rotation_covariant": False},
    "local": {"J": 1, "L": 1, "method": "local"},
    "third order": {"J": 2, "L": 1, "sigma_0": 0.7, "max_order": 3, "integral_powers": (2.5, 2, 0.5)},
    "order 0": {"J": 1, "max_order": 0},
}


@pytest.mark.parametrize("by_matrix", [0, 40])
@pytest.mark.parametrize("name", OPTIONS)
def test_engine_is_the_definition(name, by_matrix, monkeypatch):
    monkeypatch.setattr(engine, "BY_MATRIX", by_matrix)
    for shape in ((8, 9, 20), (15, 8, 8), (16, 16, 9)):
        x = noise(3, *shape) - 0.2
        scattering = Scattering3D(**OPTIONS[name]).fit(x)
        expected = scattered(scattering._run.geometry, x).reshape(3, -1)
        assert relative(scattering.transform(x), expected) < 1e-12
        assert np.abs(expected).min() > 1e-12
        single = scattering.transform(x.astype(np.float32))
        assert single.dtype == np.float32
        assert relative(single, expected) < 1e-5
        each = np.abs(expected).max(axis=0)  # of every feature too, not of the largest alone
        assert (np.abs(single - expected) / each).max() < 1e-3


def test_wide_filters_leave_out_lines_of_zeros():
    scattering = Scattering3D(J=2, L=2).fit(noise(1, 32, 32, 32))
    for scale, fewest, most in ((0, 32, 32), (2, 12, 24)):
        group = engine.Group(scattering.filter_bank_, scale, tuple(range(4, 9)), np.dtype(np.float32))
        assert len(group.values) == 5
        assert all(fewest <= n <= most for n in group.kept[:2])


def test_filters_that_are_not_kept_change_nothing(monkeypatch):
    x = noise(2, 8, 8, 8)
    expected = Scattering3D(1, 2).fit_transform(x)
    monkeypatch.setattr(engine, "FILTER_BYTES", 1)
    scattering = Scattering3D(1, 2).fit(x)
    assert np.array_equal(scattering.transform(x), expected)
    assert len(scattering._run.cast(engine.CascadeOfVolumes, np.dtype(np.float64)).groups) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_is_within_the_formula(dtype):
    side, J, L = 32, 2, 3
    x = noise(4, side, side, side).astype(dtype)
    scattering = Scattering3D(J, L, n_jobs=1).fit(x)
    scattering.transform(x[:1])  # filters are made of complex ones in float64
    scattering._run.scratch.buffers.clear()
    tracemalloc.start()
    scattering.transform(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    block, volume = scattering._run.block(x.itemsize), x.itemsize * side**3
    groups = scattering._run.cast(engine.CascadeOfVolumes, x.dtype).groups.values()
    assert block == (4 if dtype == np.float32 else 2)
    assert 5 * block * volume < peak <= 11 * block * volume
    assert sum(group.values.nbytes for group in groups) <= 1.1 * (J + 1) * (L + 1) ** 2 * volume


# -- the estimator ----------------------------------------------------------------------------------------------------


def test_channels_batches_threads_and_pickles():
    x = noise(5, 6, 7, 8, 2)
    scattering = Scattering3D(1, 2).fit(x)
    rows = scattering.transform(x)
    n_paths = len(scattering.paths_)
    each = [Scattering3D(1, 2).fit_transform(x[..., k]) for k in range(2)]
    np.testing.assert_allclose(rows, np.concatenate(each, axis=1), rtol=1e-12)
    maps = scattering.maps(x)
    assert maps.shape == (5, *scattering.maps_shape_) == (5, 3, 2 * n_paths)
    np.testing.assert_array_equal(maps[3, 1, n_paths + 4], rows.reshape(5, 2, n_paths, 3)[3, 1, 4, 1])
    one_by_one = np.concatenate([scattering.transform(v[None]) for v in x])
    assert relative(one_by_one, rows) < 1e-12
    for n_jobs in (1, 2, 3):
        assert np.array_equal(clone(scattering).set_params(n_jobs=n_jobs).fit_transform(x), rows)
    assert np.array_equal(pickle.loads(pickle.dumps(scattering)).transform(x), rows)
    assert len(pickle.dumps(scattering)) < 10_000
    flat = clone(scattering).set_params(volume_shape=(6, 7, -1, 2))
    assert np.array_equal(flat.fit_transform(x.reshape(5, -1)), rows)
    assert np.array_equal(flat.fit_transform(x), rows)
    changed = scattering.set_params(J=0, L=1).fit(x)
    assert np.array_equal(changed.transform(x), Scattering3D(0, 1).fit_transform(x))


def test_paths_and_feature_names():
    x = noise(2, 8, 8, 8, 2)
    scattering = Scattering3D(1, 1, integral_powers=(0.5, 3)).set_output(transform="pandas").fit(x)
    frame, names = scattering.transform(x), scattering.get_feature_names_out()
    assert list(frame.columns) == list(names)
    assert len(set(names)) == frame.shape[1]
    assert [names[0], names[-1]] == ["scattering3d_c0_mean_q0.5", "scattering3d_c1_j0_j1_l1_q3"]
    assert scattering.paths_[-1] == VolumePath((0, 1), 1)
    assert scattering.paths_[-1].parent == VolumePath((0,), 1)
    assert scattering.paths_[1].parent == VolumePath(())
    np.testing.assert_array_equal(frame["scattering3d_c1_j0_j1_l1_q3"], scattering.maps(x)[:, 1, -1])
    close = Scattering3D(1, 1, integral_powers=(1.0, 1.0000001)).fit(x).get_feature_names_out()
    assert len(set(close)) == len(close)
    local = Scattering3D(1, 2, rotation_covariant=False, method="local").fit(x[..., 0])
    names = local.get_feature_names_out()
    assert [names[0], names[-1]] == ["scattering3d_mean_0_0_0", "scattering3d_j0_j1_l2m2_3_3_3"]
    assert len(names) == local.transform(x[..., 0]).shape[1]
    turns = Scattering3D(1, bank="morlet", n_directions=3, rotation_covariant=False).fit(x)
    assert len(turns.paths_) == 1 + 2 * 3 + 3 * 3
    assert turns.paths_[-1].name == "j0d2_j1d2"
    assert turns.paths_[-1].parent in turns.paths_
    assert Scattering3D(1, bank="morlet").fit(x).paths_[-1].name == "j0_j1"


@pytest.mark.parametrize(("dtype", "far"), [(np.float32, 2.0**60), (np.float64, 2.0**-900), (np.float32, 2.0**-100)])
def test_volumes_of_any_scale(dtype, far):
    x = noise(2, 6, 6, 6).astype(dtype)
    near, distant = x, x * dtype(far)
    for options in ({"integral_powers": (0.5, 1)}, {"method": "local"}):
        scattering = Scattering3D(1, 1, **options).fit(x)
        powers = np.tile([far**0.5, far], len(scattering.paths_)) if "method" not in options else far
        found, expected = scattering.transform(distant).astype(np.float64), scattering.transform(near)
        assert relative(found / powers, expected) < 1e-5
    if far > 1:
        with pytest.raises(ValueError, match=r"leave the range of float32.*Divide the volumes first"):
            Scattering3D(1, 1, integral_powers=(3,)).fit(x).transform(distant)
        with pytest.raises(ValueError, match=r"Values as large as \S+ leave no room for sums in float32"):
            Scattering3D(1, 1).fit(x).transform(x * np.float32(2.0**125))


def test_gradients_by_pytorch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = noise(1, 6, 6, 6)
    scattering = Scattering3D(1, 1).fit(x)
    tensor = torch.tensor(x, requires_grad=True)
    scattering.transform(tensor)[:, 3:].sum().backward()
    way, step = noise(1, 6, 6, 6, seed=1), 1e-6
    ends = [scattering.transform(x + s * step * way)[:, 3:].sum() for s in (1, -1)]
    assert float((tensor.grad.numpy() * way).sum()) == pytest.approx((ends[0] - ends[1]) / 2 / step, rel=1e-5)
    empty = torch.zeros((1, 6, 6, 6), requires_grad=True)
    scattering.transform(empty).sum().backward()
    assert float(empty.grad.abs().max()) == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"J": -1}, "J must be an int >= 0, got -1"),
        ({"J": 61}, "J must be at most 60, got 61"),
        ({"J": 4}, r"standard deviation of 2\*\*J \* sigma_0 = 16 voxels, more than the 8 of a side .* \(8, 9, 10\)"),
        ({"sigma_0": 2.5}, r"sigma_0 = 10 voxels, more than the 8"),
        ({"sigma_0": 0}, "sigma_0 must be > 0 and finite, got 0"),
        ({"sigma_0": 0.01}, "sigma_0 must be from 0.1 to 1e100 voxels, got 0.01"),
        ({"L": -1}, "L must be an int >= 0, got -1"),
        ({"L": 65}, "L must be at most 64, the largest degree of a harmonic, got 65"),
        ({"max_order": 1.5}, "max_order must be an int >= 0, got 1.5"),
        ({"rotation_covariant": "yes"}, "rotation_covariant must be True or False, got 'yes'"),
        ({"method": "standard"}, "method must be one of 'integral', 'local', got 'standard'"),
        ({"integral_powers": ()}, r"integral_powers must be a non-empty sequence, got \(\)"),
        ({"integral_powers": 2}, "integral_powers must be a non-empty sequence, got 2"),
        ({"integral_powers": (1, 0)}, "integral_powers must be > 0 and finite, got 0"),
        ({"integral_powers": [1] * 101}, "integral_powers must be at most 100 exponents, got 101"),
        ({"bank": "gabor"}, "bank must be one of 'harmonic', 'morlet', got 'gabor'"),
        ({"n_directions": 4}, r"n_directions must be one of \(3, 7, 13\), got 4"),
        ({"volume_shape": (8, 9)}, r"volume_shape must be \(d, h, w\) or \(d, h, w, c\) of positive ints"),
        ({"volume_shape": (8, 9, 11)}, r"X holds volumes of shape \(8, 9, 10, 1\), but volume_shape=\(8, 9, 11\)"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero int, got 0"),
        (
            {"bank": "morlet", "rotation_covariant": False, "J": 5, "sigma_0": 0.2, "max_order": 6},
            "scattering paths up to order 6 alone|scattering paths up to order 5 alone",
        ),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        Scattering3D(**parameters).fit(noise(2, 8, 9, 10))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((8, 8, 8)),
            r"X must be \(n_volumes, depth, height, width\).*got shape \(8, 8, 8\). If it is a single",
        ),
        (np.zeros((2, 512)), r"X has two axes, shape \(2, 512\): rows need volume_shape=\(d, h, w\)"),
        (
            np.zeros((1, 2, 8, 8, 8, 8)),
            r"X must be \(n_volumes, depth, height, width\).*got shape \(1, 2, 8, 8, 8, 8\)\.",
        ),
        (np.zeros((0, 8, 8, 8)), r"X is empty: shape \(0, 8, 8, 8\)"),
        (np.zeros((1, 8, 8, 8), complex), "Complex data not supported: X has dtype complex128"),
        (np.full((1, 8, 8, 8), np.nan), "X holds 512 non-finite values"),
        (np.zeros((2, 3, 8, 8, 8)), r"\(2, 3, 8, 8, 8\), which looks like channels first.*moveaxis\(X, 1, -1\)"),
    ],
)
def test_bad_volumes(x, message):
    with pytest.raises(ValueError, match=message):
        Scattering3D().fit(x)


def test_volumes_of_another_shape():
    scattering = Scattering3D(1).fit(noise(1, 6, 6, 6))
    with pytest.raises(
        ValueError, match=r"volumes of shape \(6, 6, 7, 1\), but Scattering3D was fitted on .* \(6, 6, 6, 1\)"
    ):
        scattering.transform(noise(1, 6, 6, 7))
    rows = Scattering3D(1, volume_shape=(6, 6, -1)).fit(noise(2, 216))
    with pytest.raises(ValueError, match="X has 180 features, but Scattering3D is expecting 216"):
        rows.transform(noise(2, 180))
    with pytest.raises(ValueError, match=r"Rows of 217 values cannot be read as volumes of volume_shape=\(6, 6, -1\)"):
        Scattering3D(1, volume_shape=(6, 6, -1)).fit(noise(2, 217))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: solid_harmonic((8, 8), 1.0, 1, 0), r"shape must be \(depth, height, width\), three positive ints"),
        (lambda: solid_harmonic((8, 8, 8), 1.0, 1, 2), "m must be an int from -1 to 1, got 2"),
        (lambda: solid_harmonic((8, 8, 8), 1.0, 99, 2), "degree must be at most 64"),
        (lambda: solid_harmonic((8, 8, 8), -1.0, 1, 0), "sigma must be > 0"),
        (
            lambda: morlet_3d((8, 8, 8), 1.0, (0, 0, 0), 1.0),
            "direction must be three finite numbers, not all of them 0",
        ),
        (lambda: morlet_3d((8, 8, 8), 1.0, (1, 0), 1.0), "direction must be three finite numbers"),
        (lambda: FilterBank3D((8, 8, 8), 1).wavelet(2, 0), "The bank has scales 0 to 1, got scale=2"),
        (lambda: FilterBank3D((8, 8, 8), 1).wavelet(1, 16), "The bank has wavelets 0 to 15 a scale, got index=16"),
    ],
)
def test_bad_filters(call, message):
    with pytest.raises(ValueError, match=message):
        call()
