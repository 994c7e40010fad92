"""Pixel graphs: counts against a loop, the lattice that spins tell of, the fives of MNIST."""

import os

import numpy as np
import pytest

from kernelconv.datasets import load_mnist, mnist_folders, pixel_graph, sample_ising
from kernelconv.datasets.mnist import MNIST

DRAWN = np.random.default_rng(0).integers(-1, 3, (9, 3, 2)).astype(np.float64)


def lattice(height, width):
    """The edges of a periodic lattice, each once, as a set of pairs in order."""
    sites = np.arange(height * width).reshape(height, width)
    steps = [np.stack([sites, np.roll(sites, -1, axis)]).reshape(2, -1).T for axis in (0, 1)]
    return {tuple(sorted(map(int, edge))) for edge in np.concatenate(steps)}


@pytest.mark.parametrize("threshold", [0.0, 1.0])
@pytest.mark.parametrize("states", ["active", "equal"])
def test_weights_are_counts_of_a_loop(states, threshold):
    rows = DRAWN.reshape(9, 6) > threshold
    wanted = np.zeros((6, 6))
    for row in rows:
        for u in range(6):
            for v in range(6):
                wanted[u, v] += row[u] == row[v] if states == "equal" else row[u] and row[v]
    graph = pixel_graph(DRAWN, threshold=threshold, states=states)
    assert np.array_equal(graph.weights, wanted)
    assert graph.weights.dtype == np.float64
    assert np.array_equal(pixel_graph(DRAWN.reshape(9, 6), threshold=threshold, states=states).weights, wanted)
    squares = pixel_graph(DRAWN[..., None], threshold=threshold, states=states, squared=True)
    assert np.array_equal(squares.weights, wanted**2)


def test_shares_and_strongest_pairs_are_those_of_a_loop():
    graph = pixel_graph(DRAWN)
    for level in (0, 0.4, 0.8):
        assert graph.share(level) == sum(w > level * graph.weights.max() for w in graph.weights.flat) / 36
    assert graph.share(1) == 0
    pairs = sorted(((u, v) for u in range(6) for v in range(u + 1, 6)), key=lambda p: (-graph.weights[p], p))
    assert graph.strongest_pairs(7).tolist() == [list(p) for p in pairs[:7]]
    assert len(graph.strongest_pairs(15)) == 15


def test_the_walk_is_stationary_where_it_is_said_to_be():
    graph = pixel_graph([[1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0]])
    assert graph.transition.sum(axis=1) == pytest.approx(1)
    assert graph.transition[3].tolist() == [0, 0, 0, 1]  # never active
    assert graph.transition[0].tolist() == [0.5, 0.5, 0, 0]
    assert graph.transition.T @ graph.stationary == pytest.approx(graph.stationary, abs=1e-15)
    assert graph.stationary.sum() == pytest.approx(1)
    assert graph.stationary[1] == 5 / 9


@pytest.mark.parametrize("beta", [0.3, 0.4])
def test_the_strongest_pairs_of_warm_spins_are_the_edges_of_the_lattice(beta):
    graph = pixel_graph(sample_ising(2000, (10, 10), beta=beta, n_sweeps=100, random_state=0), states="equal")
    assert set(map(tuple, graph.strongest_pairs(200).tolist())) == lattice(10, 10)


def test_few_cold_spins_do_not_tell_the_lattice():
    graph = pixel_graph(sample_ising(200, (10, 10), beta=0.5, random_state=0), states="equal")
    assert len(set(map(tuple, graph.strongest_pairs(200).tolist())) & lattice(10, 10)) < 80


def test_the_fives_of_mnist():
    if not os.environ.get("KERNELCONV_DATA") or all(MNIST._find(place).missing for place in mnist_folders()):
        pytest.skip("MNIST not found: set KERNELCONV_DATA")
    X, y, _, _ = load_mnist()
    fives = X[y == 5][:200]
    counts, squares = pixel_graph(fives), pixel_graph(fives, squared=True)
    assert [100 * counts.share(t) for t in (0, 0.1, 0.35)] == pytest.approx([30.69, 13.71, 4.25], abs=0.01)
    assert [100 * squares.share(t) for t in (0, 0.1, 0.35)] == pytest.approx([30.69, 4.99, 0.69], abs=0.01)
    assert counts.transition.T @ counts.stationary == pytest.approx(counts.stationary, abs=1e-15)
    with_mean = np.corrcoef(counts.stationary, fives.mean(axis=0).ravel())[0, 1]
    others = [np.corrcoef(counts.stationary, X[y == k].mean(axis=0).ravel())[0, 1] for k in range(10) if k != 5]
    assert with_mean == pytest.approx(0.991, abs=5e-4)
    assert max(others) == pytest.approx(0.863, abs=5e-4)


@pytest.mark.parametrize(
    ("x", "arguments", "text"),
    [
        (DRAWN[0, 0], {}, r"X must be images \(n, h, w\) or \(n, h, w, c\) or rows \(n, n_pixels\), got shape \(2,\)"),
        (DRAWN[:0], {}, r"X must be images .* got shape \(0, 3, 2\)"),
        (DRAWN * np.nan, {}, "X holds 54 non-finite values"),
        (DRAWN, {"threshold": 5}, "No pixel of X is above threshold=5: take a lower one"),
        (DRAWN, {"threshold": -1}, "threshold must be >= 0 and finite, got -1"),
        (DRAWN, {"states": "both"}, "states must be one of 'active', 'equal', got 'both'"),
        (DRAWN, {"squared": "yes"}, "squared must be True or False, got 'yes'"),
        (np.broadcast_to(0.0, (2, 10**7)), {}, "The graph of 10000000 pixels in 2 images would need .* GiB"),
    ],
)
def test_what_makes_no_graph_is_refused(x, arguments, text):
    with pytest.raises(ValueError, match=text):
        pixel_graph(x, **arguments)


def test_what_no_graph_has_is_refused():
    graph = pixel_graph(DRAWN)
    with pytest.raises(ValueError, match="n=16 is more than the 15 pairs of 6 pixels"):
        graph.strongest_pairs(16)
    with pytest.raises(ValueError, match="n must be an int >= 1, got 0"):
        graph.strongest_pairs(0)
    with pytest.raises(ValueError, match="level must be >= 0 and finite, got -1"):
        graph.share(-1)
