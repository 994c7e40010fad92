"""Samplers of which the answer is known: Ising lattices, coloured trees, rules, a scale, a quadratic rule."""

import itertools
import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from kernelconv.datasets import (
    RandomHierarchy,
    ising_energy,
    make_hierarchical,
    make_orthogonal_quadratic,
    make_scale_detection,
    sample_ising,
)

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


# -- production rules -------------------------------------------------------------------------------------------------


def every_string(rules, symbol, level=0):
    """All strings that a symbol of a level is written as, by a naive recursion."""
    if level == len(rules):
        return [(symbol,)]
    found = []
    for synonym in rules[level][symbol]:
        parts = [every_string(rules, int(child), level + 1) for child in synonym]
        found += [sum(string, ()) for string in itertools.product(*parts)]
    return found


@pytest.mark.parametrize(
    ("depth", "s", "v", "m", "classes"),
    [(2, 2, 3, 2, None), (1, 3, 2, 2, 4), (3, 2, 2, 1, 3), (2, 2, 2, 2, 2), (1, 2, 2, 4, 1)],
)
def test_strings_are_those_of_a_naive_recursion(depth, s, v, m, classes):
    hierarchy = RandomHierarchy.draw(
        depth, n_children=s, n_colours=v, n_synonyms=m, n_classes=classes, random_state=depth
    )
    classes = v if classes is None else classes
    assert [r.shape for r in hierarchy.rules] == [(classes, m, s)] + [(v, m, s)] * (depth - 1)
    written = {a: every_string(hierarchy.rules, a) for a in range(classes)}
    label = {string: a for a, strings in written.items() for string in strings}
    # m synonyms at each of (s^L - 1) / (s - 1) nodes, and no string twice, of one class or of two
    assert sum(map(len, written.values())) == len(label) == classes * m ** ((s**depth - 1) // (s - 1))
    assert hierarchy.n_strings == len(label)
    strings = np.array(sorted(label))
    assert hierarchy.labels(strings).tolist() == [label[tuple(map(int, x))] for x in strings]
    X, y = hierarchy.sample(40 * len(label), random_state=0)
    assert (X.shape, X.dtype, y.dtype) == ((40 * len(label), s**depth), np.int64, np.int64)
    assert [label[tuple(map(int, x))] for x in X] == y.tolist()
    drawn = np.unique(X, axis=0, return_counts=True)[1]
    assert len(drawn) == len(label)
    assert ((drawn - 40) ** 2 / 40).sum() < len(label) + 5 * math.sqrt(2 * len(label))  # all equally likely
    assert np.array_equal(X, hierarchy.sample(40 * len(label), random_state=0)[0])


def test_an_exchange_of_synonyms_leaves_the_label():
    hierarchy = RandomHierarchy.draw(3, n_colours=6, n_synonyms=3, random_state=1)
    X, y = hierarchy.sample(200, random_state=0)
    for height in (1, 2, 3):
        other = hierarchy.exchange(X, height, random_state=0)
        assert np.array_equal(hierarchy.labels(other), y)
        tuples = (other != X).reshape(200, -1, 2**height).any(axis=2)
        assert tuples.all(), "each tuple is another synonym"
        once = [hierarchy.exchange(X[:1], height, seed) for seed in range(40)]
        assert len({x.tobytes() for x in once}) == min(40, 2 ** (8 >> height)) or height == 1
    # what is above the exchange is as before: leaves are read as the same parents
    rule = hierarchy.rules[-1]
    parent = {tuple(t): a for a in range(6) for t in rule[a].tolist()}
    above, after = ([parent[tuple(t)] for t in x.reshape(-1, 2).tolist()] for x in (X, hierarchy.exchange(X, 1, 0)))
    assert above == after
    wrong = X.copy()
    wrong[:, 0] = (wrong[:, 0] + 1) % 6
    kept = []
    for x, label in zip(wrong, y, strict=True):
        try:
            kept.append(hierarchy.labels(x[None])[0] == label)
        except ValueError:
            kept.append(False)
    assert np.mean(kept) < 0.5, "another colour is not another synonym"


def covariances(hierarchy, h, v):
    """Covariances of the colours of the first leaf and of one that meets it h levels above, by transfer matrices."""
    rules, m = hierarchy.rules, hierarchy.rules[0].shape[1]
    depth = len(rules)
    of_first = [np.array([[(r[a, :, 0] == b).mean() for b in range(v)] for a in range(len(r))]) for r in rules]
    p = np.full(len(rules[0]), 1 / len(rules[0]))
    for t in of_first[: depth - h]:
        p = p @ t
    joint = np.zeros((v, v))
    for a, synonyms in enumerate(rules[depth - h]):
        for t in synonyms:
            joint[t[0], t[1]] += p[a] / m
    for t in of_first[depth - h + 1 :]:
        joint = t.T @ joint @ t
    return joint - np.outer(joint.sum(axis=1), joint.sum(axis=0))


def test_correlations_of_leaves_fall_by_the_synonyms_a_level():
    v, m = 8, 3
    drawn = [RandomHierarchy.draw(3, n_colours=v, n_synonyms=m, random_state=seed) for seed in range(60)]
    for h in (1, 2):
        found = math.sqrt(np.mean([covariances(one, h, v) ** 2 for one in drawn]))
        assert found == pytest.approx(math.sqrt((1 - m / v) / (v**3 * m ** (2 * h - 1))), rel=0.15)
    X, _ = drawn[0].sample(60_000, random_state=0)
    for h, leaf in ((1, 1), (2, 2), (3, 4)):
        joint = np.histogram2d(X[:, 0], X[:, leaf], bins=range(v + 1))[0] / len(X)
        seen = joint - np.outer(joint.sum(axis=1), joint.sum(axis=0))
        exact = covariances(drawn[0], h, v)
        assert np.abs(seen - exact).max() < 4 * math.sqrt(joint.max() / len(X))
        if h < 3:
            assert np.corrcoef(seen.ravel(), exact.ravel())[0, 1] > 0.95
    every = RandomHierarchy.draw(2, n_colours=4, n_synonyms=4, random_state=0)
    assert np.abs([covariances(every, h, 4) for h in (1, 2)]).max() < 1e-15
    assert every.n_strings == 4**4


def test_rules_of_ones_own():
    rules = ([[[0, 1], [1, 0]], [[0, 0], [1, 1]]], [[[5, 6]], [[7, 7]]])
    hierarchy = RandomHierarchy(rules)
    assert hierarchy.labels([[5, 6, 7, 7], [7, 7, 7, 7], [7, 7, 5, 6]]).tolist() == [0, 1, 0]
    assert hierarchy.exchange([[5, 6, 7, 7], [7, 7, 7, 7]], 2).tolist() == [[7, 7, 5, 6], [5, 6, 5, 6]]
    assert hierarchy.n_strings == 4
    with pytest.raises(ValueError, match="read-only"):
        hierarchy.rules[0][0] = 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"depth": 0}, "depth must be an int >= 1, got 0"),
        ({"depth": 62}, "depth=62 levels of n_children=2 with n_colours=8 are more leaves or tuples than can be"),
        ({"n_children": 1}, "n_children must be an int >= 2, got 1"),
        ({"n_children": 30}, "n_children=30 with n_colours=8 are more leaves or tuples than can be counted"),
        ({"n_colours": 1}, "n_colours must be an int >= 2, got 1"),
        ({"n_synonyms": 9}, "n_synonyms=9 of 8 classes or colours are more than the 64 tuples that there are"),
        ({"n_classes": 17}, "n_synonyms=4 of 17 classes or colours are more than the 64 tuples"),
        ({"n_classes": 0}, "n_classes must be an int >= 1, got 0"),
        ({"n_children": 10, "n_colours": 60, "n_synonyms": 10**15}, "3 levels of rules would need .* GiB"),
        ({"random_state": -1}, "random_state must be None, an int >= 0"),
    ],
)
def test_what_draws_no_rules_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        RandomHierarchy.draw(**arguments)


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ((), r"rules must be a tuple of arrays, one a level, got \(\)"),
        (np.zeros((1, 1, 2), int), "rules must be a tuple of arrays, one a level"),
        (([[1, 2]],), r"rules\[0\] must be tuples \(n_parents, n_synonyms, n_children\) of ints >= 0, got int64 of"),
        (([[[0.5, 1]]],), r"rules\[0\] must be tuples .* got float64"),
        (([[[-1, 1]]],), r"rules\[0\] must be tuples"),
        ((np.zeros((0, 1, 2), int),), r"rules\[0\] must be tuples .* of shape \(0, 1, 2\)"),
        (([[[0], [1]]],), r"rules\[0\] has tuples of one entry"),
        (([[[0, 1]], [[0, 1]]],), r"rules\[0\] has two equal tuples"),
        (([[[0, 2]]], [[[0, 1]], [[1, 1]]]), r"makes the colour 2, and rules\[1\] has rules of 2 colours"),
        (([[[0, 1], [0]]],), r"rules\[0\] is a ragged list"),
    ],
)
def test_what_are_no_rules_is_refused(rules, text):
    with pytest.raises(ValueError, match=text):
        RandomHierarchy(rules)


def test_what_is_no_string_is_refused():
    hierarchy = RandomHierarchy(([[[0, 1], [1, 0]], [[0, 0], [1, 1]]], [[[5, 6]], [[7, 7]]]))
    for X, text in (
        ([5, 6, 7, 7], r"X must be strings \(n, 4\), ints, got int64 of shape \(4,\)"),
        (np.zeros((2, 3), int), r"X must be strings \(n, 4\)"),
        (np.zeros((0, 4), int), r"of shape \(0, 4\)"),
        (np.full((1, 4), 7.0), "ints, got float64"),
        ([[7, 7, 7, 7], [5, 6, 7, 6]], r"X\[1\] has the tuple \(7, 6\), which no rule makes"),
    ):
        for call in (hierarchy.labels, lambda X: hierarchy.exchange(X, 2)):
            with pytest.raises(ValueError, match=text):
                call(X)
    with pytest.raises(ValueError, match="At height=1 a tuple has no other synonym"):
        hierarchy.exchange([[7, 7, 7, 7]], 1)
    with pytest.raises(ValueError, match="height must be at most the number of levels, 2, got 3"):
        hierarchy.exchange([[7, 7, 7, 7]], 3)
    with pytest.raises(ValueError, match="height must be an int >= 1, got 0"):
        hierarchy.exchange([[7, 7, 7, 7]], 0)
    with pytest.raises(ValueError, match="n_samples must be an int >= 1, got 0"):
        hierarchy.sample(0)
    with pytest.raises(ValueError, match=r"1000000000000000 strings would need .* GiB"):
        hierarchy.sample(10**15)


# -- a scale ----------------------------------------------------------------------------------------------------------


def pairs_by_loop(shape, scale, task, gap):
    """The labels of all pairs of pixels, ordered, by the definition; None for pairs that are left out."""
    h, w = shape
    pixels = list(itertools.product(range(h), range(w)))
    labels = {}
    for u, v in itertools.permutations(pixels, 2):
        dy, dx = (min(abs(a - b), side - abs(a - b)) for a, b, side in zip(u, v, shape, strict=True))
        d = math.sqrt(dy**2 + dx**2)
        if task == "blocks":
            labels[u, v] = 1 if all(a // scale == b // scale for a, b in zip(u, v, strict=True)) else -1
        else:
            labels[u, v] = 1 if d < scale - gap else -1 if d >= scale + gap else None
    return labels


@pytest.mark.parametrize(
    ("shape", "scale", "task", "gap"),
    [
        ((1, 12), 4, "distance", 0),
        ((5, 6), 2, "distance", 0),
        ((4, 5), 2, "distance", 0.5),
        ((16, 1), 5, "distance", 2),
        ((1, 12), 4, "blocks", 0),
        ((6, 4), 2, "blocks", 0),
        ((3, 6), 3, "blocks", 0),
    ],
)
def test_pairs_are_labelled_by_the_definition_and_equally_likely(shape, scale, task, gap):
    labels = pairs_by_loop(shape, scale, task, gap)
    n = 20 * len(labels)
    X, y = make_scale_detection(n, shape, scale=scale, task=task, gap=gap, random_state=0)
    assert (X.shape, X.dtype, y.shape, y.dtype) == ((n, *shape), np.float32, (n,), np.int64)
    assert np.array_equal(np.unique(X), [0, 1])
    bright = [tuple(tuple(map(int, p)) for p in np.argwhere(x)) for x in X]
    assert [labels[pair] for pair in bright] == y.tolist()
    assert abs(y.mean()) < 4 / math.sqrt(n)
    for label in (1, -1):
        pairs = [pair for pair, one in labels.items() if one == label and pair[0] < pair[1]]
        drawn = [pair for pair, one in zip(bright, y, strict=True) if one == label]
        expected = len(drawn) / len(pairs)
        chi_squared = sum((drawn.count(pair) - expected) ** 2 / expected for pair in pairs)
        assert chi_squared < len(pairs) + 5 * math.sqrt(2 * len(pairs))
    assert np.array_equal(X, make_scale_detection(n, shape, scale=scale, task=task, gap=gap, random_state=0)[0])


def test_pooling_at_the_scale_detects_it_and_no_pixel_does():
    X, y = make_scale_detection(3000, (1, 32), scale=8, random_state=0)
    around = np.concatenate([X, X[..., :7]], axis=2)[:, 0]
    windows = np.stack([around[:, i : i + 8].sum(axis=1) for i in range(32)], axis=1)
    bright = [np.flatnonzero(x) for x in X[:, 0]]
    d = np.array([min(b - a, 32 - (b - a)) for a, b in bright])
    squares = (windows**2).sum(axis=1)
    assert np.array_equal(squares, 2 * 8 + 2 * np.maximum(0, 8 - d))
    assert np.array_equal(np.where(squares > 16, 1, -1), y)
    X2, y2 = make_scale_detection(3000, (16, 16), scale=4, task="blocks", random_state=0)
    blocks = X2.reshape(-1, 4, 4, 4, 4).sum(axis=(2, 4))
    assert np.array_equal((blocks**2).sum(axis=(1, 2)), np.where(y2 == 1, 4, 2))
    for images, labels in ((X, y), (X2, y2)):
        rows = images.reshape(len(images), -1)
        score = LogisticRegression().fit(rows[:2000], labels[:2000]).score(rows[2000:], labels[2000:])
        assert score == pytest.approx(0.5, abs=0.06)


def test_blocks_of_a_line_are_nodes_of_the_tree_that_make_hierarchical_draws():
    leaves, _ = make_hierarchical(4000, 4, copy_probability=0.8, random_state=0)
    X, y = make_scale_detection(300, (1, 16), scale=4, task="blocks", random_state=0)
    a, b = np.array([np.flatnonzero(x) for x in X[:, 0]]).T
    correlation = np.corrcoef(leaves.T)[a, b]
    assert correlation[y == 1].min() > (0.8**4 + 0.8**6) / 2 > correlation[y == -1].max()  # met within 2 levels


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"scale": 1}, "scale must be an int >= 2, got 1"),
        ({"scale": 2.5}, r"scale must be an int >= 2, got 2\.5"),
        ({"task": "size"}, "task must be one of 'distance', 'blocks', got 'size'"),
        ({"gap": -1}, "gap must be >= 0 and finite, got -1"),
        ({"gap": 7.5}, r"No two pixels of 32 x 32, whose borders are circular, are closer than 0\.5 px apart"),
        ({"scale": 30}, "are at least 30 px apart: scale=30 and gap=0 leave one label without an image"),
        ({"task": "blocks", "gap": 1}, "gap is a distance to the scale: of task='blocks' it must be 0, got 1"),
        ({"task": "blocks", "scale": 5}, "height and width must be 1 or multiples of scale=5, got 32 x 32"),
        ({"task": "blocks", "scale": 32}, "there must be two blocks: 32 x 32 pixels are one of scale=32"),
        ({"shape": (1, 1)}, "No two pixels of 1 x 1"),
        ({"shape": 0}, "shape must be an int >= 1 or a"),
        ({"n_samples": 0}, "n_samples must be an int >= 1, got 0"),
        ({"n_samples": 10**12}, r"1000000000000 images of 32 x 32 pixels would need .* GiB"),
    ],
)
def test_what_is_no_scale_to_detect_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        make_scale_detection(**{"n_samples": 3, **arguments})


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
