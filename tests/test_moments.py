"""Moments of samples: against sums over the samples one by one, in one piece and in many."""

from fractions import Fraction

import numpy as np
import pytest

from kernelconv.networks.moments import Moments


def drawn(n=60, d=5, k=2, seed=0, far=0.0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    t = x[:, :k] ** 2 + rng.standard_normal((n, k))
    return x + far * np.arange(1, d + 1), t + far, rng.uniform(0.1, 2, n)


def naive(x, t, w):
    """The definition, in exact fractions."""
    rows = [[Fraction(v) for v in (*a, *b)] for a, b in zip(x.tolist(), t.tolist(), strict=True)]
    weights = [Fraction(v) for v in w.tolist()]
    total, width = sum(weights), len(rows[0])
    mean = [sum(v * r[j] for v, r in zip(weights, rows, strict=True)) / total for j in range(width)]
    rows = [[v - m for v, m in zip(r, mean, strict=True)] for r in rows]
    second = [
        [float(sum(v * r[i] * r[j] for v, r in zip(weights, rows, strict=True))) for j in range(width)]
        for i in range(width)
    ]
    return float(total), np.array([float(m) for m in mean]), np.array(second)


def added(x, t=None, w=None, cuts=()):
    moments = Moments.zeros(x.shape[1], 0 if t is None else t.shape[1])
    for s in np.split(np.arange(len(x)), cuts):
        moments.add(x[s], None if t is None else t[s], None if w is None else w[s])
    return moments


def assert_same(a, b, rtol):
    for name, one in a.arrays().items():
        other = b.arrays()[name]
        assert one.shape == other.shape
        assert np.abs(one - other).max(initial=0) <= rtol * np.abs(one).max(initial=0), name


@pytest.mark.parametrize("far", [0.0, 1e6])
@pytest.mark.parametrize("cuts", [(), (1, 7, 7, 40)], ids=["one piece", "pieces"])
def test_sums_are_those_of_exact_fractions(far, cuts):
    x, t, w = drawn(far=far)
    moments = added(x, t, w, cuts)
    weight, mean, second = naive(x, t, w)
    assert moments.n_samples == 60
    assert abs(moments.weight - weight) <= 1e-14 * weight
    np.testing.assert_allclose(moments.mean, mean[:5], rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(moments.target_mean, mean[5:], rtol=1e-14)
    # means are rounded to 1e-10 of the spread where they are far: raw second moments would have four digits left
    scale = np.abs(second).max() * (1e-9 if far else 1e-14)
    np.testing.assert_allclose(moments.gram, second[:5, :5], rtol=0, atol=scale)
    np.testing.assert_allclose(moments.cross, second[:5, 5:], rtol=0, atol=scale)
    np.testing.assert_allclose(moments.squares, np.diag(second)[5:], rtol=0, atol=scale)


def test_long_blocks_are_cut(monkeypatch):
    x, t, w = drawn(700)
    whole = added(x, t, w)
    monkeypatch.setattr("kernelconv.networks.moments.BLOCK_BYTES", 0)
    monkeypatch.setattr(Moments, "_add_block", lambda self, x, *rest, add=Moments._add_block: add(self, rows(x), *rest))
    seen = []

    def rows(x):
        seen.append(len(x))
        return x

    assert_same(added(x, t, w), whole, 1e-13)
    assert seen == [256, 256, 188]


def test_float32_is_summed_in_float64():
    x, t, _ = drawn(300)
    x = (x + 100).astype(np.float32)
    assert_same(added(x, t), added(x.astype(np.float64), t), 1e-15)


def test_weights_are_repetitions_and_zero_is_absence():
    x, t, _ = drawn()
    times = np.random.default_rng(1).integers(0, 4, 60)
    weighted, repeated = added(x, t, times.astype(float)), added(np.repeat(x, times, 0), np.repeat(t, times, 0))
    assert 0 in times
    assert (weighted.n_samples, repeated.n_samples) == (60, times.sum())
    weighted.n_samples = repeated.n_samples
    assert_same(weighted, repeated, 1e-13)


def test_samples_of_no_weight_change_nothing_but_their_number():
    x, t, _ = drawn()
    moments = added(x, t)
    before = {name: array.copy() for name, array in moments.arrays().items()}
    moments.add(1e90 * x, t, np.zeros(60))
    after = moments.arrays()
    assert after.pop("n_samples") == before.pop("n_samples") + 60
    assert all(np.array_equal(before[name], after[name]) for name in after)


def test_merging_is_commutative_and_associative():
    pieces = [drawn(n, seed=n, far=10.0 * n) for n in (30, 1, 50)]

    def merged(*order):
        total = added(*pieces[order[0]])
        for i in order[1:]:
            total.merge(added(*pieces[i]))
        return total

    left, nested = merged(0, 1, 2), added(*pieces[0])
    nested.merge(merged(1, 2))
    whole = added(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))
    for other in (merged(2, 1, 0), merged(1, 0, 2), nested, whole):
        assert_same(left, other, 1e-12)
    assert np.array_equal(left.gram, left.gram.T)


def test_moments_of_nothing_are_neutral():
    some, none = added(*drawn()), Moments.zeros(5, 2)
    before = {name: array.copy() for name, array in some.arrays().items()}
    some.merge(none)
    none.merge(some)
    for found in (some, none, Moments.total([some], 5, 2)):
        assert all(np.array_equal(before[name], array) for name, array in found.arrays().items())


def test_targets_that_were_constant_so_far_join():
    x, t, w = drawn()
    moments = added(x, t, w)
    moments.place_targets(np.array([2, 0]), 3, -1.0)
    assert_same(moments, added(x, np.stack([t[:, 1], np.full(60, -1.0), t[:, 0]], 1), w), 1e-14)


def test_arrays_hold_all_and_share_nothing():
    moments = added(*drawn())
    arrays = {name: array.copy() for name, array in moments.arrays().items()}
    again = Moments.from_arrays(arrays)
    assert_same(again, moments, 0)
    again.add(*drawn(seed=3))
    assert all(np.array_equal(arrays[name], array) for name, array in moments.arrays().items())
    assert isinstance(again.n_samples, int)
    assert isinstance(again.weight, float)
