"""Samplers of which the answer is known: Ising lattices, coloured trees, a quadratic rule."""

import itertools
import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from kernelconv.datasets import ising_energy, make_hierarchical, make_orthogonal_quadratic, sample_ising

CRITICAL = math.log(1 + math.sqrt(2)) / 2


def energies(spins):
    return -(spins * (np.roll(spins, 1, axis=1) + np.roll(spins, 1, axis=2))).mean(axis=(1, 2))


# -- the Ising lattice ------------------------------------------------------------------------------------------------


def energy_by_transfer(height, width, beta, h=1e-5):
    """Minus the derivative of log Z = log tr T^width a spin, T between the columns of a lattice."""
    columns = np.array(list(itertools.product([-1, 1], repeat=height)))
    inside = (columns * np.roll(columns, 1, axis=1)).sum(axis=1)

    def log_z(b):
        exponents = b * (columns @ columns.T + (inside[:, None] + inside) / 2)
        top = exponents.max()
        return width * top + np.log(np.trace(np.linalg.matrix_power(np.exp(exponents - top), width)))

    return -(log_z(beta + h) - log_z(beta - h)) / (2 * h * height * width)


@pytest.mark.parametrize("beta", [0.1, 0.4, CRITICAL, 0.6, 1.5])
@pytest.mark.parametrize("shape", [(4, 4), (4, 6), (6, 4), (8, 10)])
def test_the_exact_energy_is_that_of_the_transfer_matrix(shape, beta):
    assert ising_energy(shape, beta=beta) == pytest.approx(energy_by_transfer(*shape, beta), rel=1e-7)


def test_the_exact_energy_where_it_is_known():
    assert ising_energy((10, 10), beta=0.4) == pytest.approx(-1.18510, abs=5e-6)
    assert ising_energy(10, beta=0.5) == pytest.approx(-1.74543, abs=5e-6)
    assert ising_energy((256, 256), beta=CRITICAL) == pytest.approx(-math.sqrt(2), abs=3e-3)  # of the endless lattice
    assert ising_energy(beta=0) == pytest.approx(0, abs=1e-14)
    assert ising_energy(beta=1e-9) == pytest.approx(-2e-9, rel=1e-6)
    assert ising_energy(beta=100) == pytest.approx(-2, abs=1e-14)


@pytest.mark.parametrize(("shape", "beta"), [((10, 10), 0.4), ((10, 10), 0.5), ((4, 8), 0.2)])
def test_the_energy_of_samples_is_the_exact_one(shape, beta):
    found = energies(sample_ising(3000, shape, beta=beta, n_sweeps=100, random_state=0))
    error = found.std() / math.sqrt(3000)
    assert error < 0.01
    assert abs(found.mean() - ising_energy(shape, beta=beta)) < 3 * error


def test_samples_are_spins_of_both_signs_and_of_their_seed():
    spins = sample_ising(400, (4, 6), beta=0.6, n_sweeps=50, random_state=3)
    assert spins.shape == (400, 4, 6)
    assert spins.dtype == np.float32
    assert set(np.unique(spins)) == {-1, 1}
    up = (spins.mean(axis=(1, 2)) > 0).mean()
    assert 0.4 < up < 0.6
    assert np.array_equal(spins, sample_ising(400, [4, 6], beta=0.6, n_sweeps=50, random_state=3))
    assert not np.array_equal(spins, sample_ising(400, (4, 6), beta=0.6, n_sweeps=50, random_state=4))
    assert np.abs(sample_ising(5, 4, beta=100, n_sweeps=3, random_state=0).mean(axis=(1, 2))).tolist() == [1] * 5


def test_a_sweep_is_that_of_a_loop():
    """Both colours, each spin by its own four neighbours, from the same uniform numbers."""
    rng, height, width, beta = np.random.default_rng(5), 4, 6, 0.3
    grids = np.ones((7, height, width))
    sites = [(i, j) for i in range(height) for j in range(width)]
    for _ in range(3):
        for colour in (0, 1):
            among = [(i, j) for i, j in sites if (i + j) % 2 == colour]
            draws = rng.random((len(among), 7), dtype=np.float32)
            for (i, j), row in zip(among, draws, strict=True):
                for s, u in zip(grids, row, strict=True):
                    field = s[i - 1, j] + s[(i + 1) % height, j] + s[i, j - 1] + s[i, (j + 1) % width]
                    s[i, j] = 1 if u < 1 / (1 + math.exp(-2 * beta * field)) else -1
    grids *= rng.choice(np.array([-1, 1], np.int8), 7)[:, None, None]
    assert np.array_equal(grids, sample_ising(7, (height, width), beta=beta, n_sweeps=3, random_state=5))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"shape": (4, 5)}, "shape must be even, so that a checkerboard closes over the borders, got 4 x 5: add a"),
        ({"shape": 2}, r"shape must be an int >= 4 or a \(height, width\) pair of them, got 2"),
        ({"beta": -0.1}, "beta must be >= 0 and finite, got -0.1"),
        ({"beta": 101}, "beta must be at most 100, where all spins are aligned, got 101"),
        ({"n_sweeps": 0}, "n_sweeps must be an int >= 1, got 0"),
        ({"n_samples": 2.0}, "n_samples must be an int >= 1, got 2.0"),
        ({"n_samples": 10**12}, r"1000000000000 samples of 10 x 10 spins would need .* GiB of memory"),
        ({"random_state": "a"}, "random_state must be None, an int"),
    ],
)
def test_what_is_no_lattice_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        sample_ising(**{"n_samples": 3, **arguments})
    if "beta" in arguments or "shape" in arguments:
        with pytest.raises(ValueError, match=text):
            ising_energy(**arguments)


# -- trees of colours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "q", "copied"), [(2, 2, 0.8), (3, 4, 0.6)])
def test_leaves_agree_by_the_height_at_which_they_meet(d, q, copied):
    X, y = make_hierarchical(6000, 3, n_children=d, n_colours=q, copy_probability=copied, random_state=0)
    assert X.shape == (6000, d**3)
    assert np.bincount(X.ravel(), minlength=q) / X.size == pytest.approx([1 / q] * q, abs=0.02)
    agree = (X[:, :, None] == X[:, None]).mean(axis=0)
    for a, b in itertools.combinations(range(d**3), 2):
        h = next(h for h in range(1, 4) if a // d**h == b // d**h)
        assert agree[a, b] == pytest.approx(1 / q + (1 - 1 / q) * copied ** (2 * h), abs=0.03)
    with_root = 1 / q + (1 - 1 / q) * copied**3
    assert (X == y[:, None]).mean() == pytest.approx(with_root, abs=0.02)


def test_correlations_of_leaves_fall_as_said():
    X, _ = make_hierarchical(20_000, 5, copy_probability=0.8, random_state=1)
    with_first = np.corrcoef(X.T)[0, [2**h for h in range(5)]]
    assert with_first == pytest.approx([0.64, 0.41, 0.262, 0.168, 0.107], abs=0.02)


def test_shuffled_siblings_are_found_again():
    X, _ = make_hierarchical(3000, 5, copy_probability=0.8, random_state=2)
    order = np.random.default_rng(0).permutation(32)
    alike = np.corrcoef(X[:, order].T) - 2 * np.eye(32)
    assert np.array_equal(order[alike.argmax(axis=1)] // 2, order // 2)


def majority_right(depth, copied):
    X, y = make_hierarchical(1500, depth, copy_probability=copied, random_state=depth)
    votes = (2 * X - 1).sum(axis=1) * (2 * y - 1)
    return (votes > 0).mean() + (votes == 0).mean() / 2


def test_majority_finds_the_root_above_the_threshold_only():
    above = [majority_right(depth, 0.8) for depth in (2, 6, 10)]  # d lambda^2 = 1.28
    assert above == pytest.approx([0.87, 0.84, 0.825], abs=0.03)
    below = [majority_right(depth, 0.6) for depth in (2, 6, 10)]  # .72
    assert below == pytest.approx([0.73, 0.62, 0.56], abs=0.03)
    assert majority_right(10, 0.5) == pytest.approx(0.52, abs=0.03)  # .5


def test_the_ends_of_copying():
    X, y = make_hierarchical(50, 3, copy_probability=1, random_state=0)
    assert (X == y[:, None]).all()
    X, y = make_hierarchical(4000, 1, copy_probability=0.0, random_state=0)
    assert (X == y[:, None]).mean() == pytest.approx(0.5, abs=0.03)
    again = make_hierarchical(4000, 1, copy_probability=0.0, random_state=0)
    assert np.array_equal(X, again[0])
    assert X.dtype == y.dtype == np.int64


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"depth": 0}, "depth must be an int >= 1, got 0"),
        ({"n_children": 1}, "n_children must be an int >= 2, got 1"),
        ({"n_colours": 1}, "n_colours must be an int >= 2, got 1"),
        ({"copy_probability": 1.5}, "copy_probability must be from 0 to 1, got 1.5"),
        ({"copy_probability": -0.5}, "copy_probability must be >= 0 and finite"),
        ({"depth": 62}, "depth=62 levels of n_children=2 are more leaves than can be counted"),
        ({"depth": 10**9, "n_children": 3}, "more leaves than can be counted"),
        ({"depth": 40}, "3 trees of 1099511627776 leaves would need .* GiB"),
    ],
)
def test_what_is_no_tree_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        make_hierarchical(3, **arguments)


# -- a quadratic rule -------------------------------------------------------------------------------------------------


def test_labels_are_the_sign_of_the_rule():
    X, y = make_orthogonal_quadratic(4000, 6, random_state=0)
    assert (X.shape, X.dtype, y.shape, y.dtype) == ((4000, 6), np.float64, (4000,), np.int64)
    assert [1 if sum(x[:3] ** 2) > sum(x[3:] ** 2) else -1 for x in X] == y.tolist()
    assert abs(y.mean()) < 0.05
    assert np.abs(np.cov(X.T) - np.eye(6)).max() < 0.08
    assert np.array_equal(X, make_orthogonal_quadratic(4000, 6, random_state=0)[0])


def test_pooled_squares_need_few_samples_and_a_rotation_blind_learner_many():
    """A learner that only sees inner products against one that sees each half's sum, at d = 16."""
    pooled, blind = [], []
    for seed in range(3):
        X, y = make_orthogonal_quadratic(2100, 16, random_state=seed)
        halves = (X**2).reshape(-1, 2, 8).sum(axis=2)
        pooled.append(LogisticRegression(C=100).fit(halves[:60], y[:60]).score(halves[100:], y[100:]))
        blind.append(SVC(kernel="poly", degree=2, C=100).fit(X[:60], y[:60]).score(X[100:], y[100:]))
    assert np.mean(pooled) > 0.95
    assert np.mean(blind) < 0.75
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((16, 16)))[0]
    same = SVC(kernel="poly", degree=2, C=100).fit(X[:60] @ turned, y[:60]).score(X[100:] @ turned, y[100:])
    assert same == pytest.approx(blind[-1], abs=0.002)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n_features": 5}, "n_features must be even, so that a row has two halves, got 5"),
        ({"n_features": 0}, "n_features must be an int >= 2, got 0"),
        ({"n_samples": 0}, "n_samples must be an int >= 1, got 0"),
        ({"n_samples": 10**15}, "1000000000000000 rows of 16 features would need"),
    ],
)
def test_what_is_no_quadratic_rule_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        make_orthogonal_quadratic(**{"n_samples": 3, **arguments})
