"""Standard errors, paired bootstrap, McNemar and Holm against naive loops, enumeration, theory and SciPy."""

import itertools
import math
import statistics

import numpy as np
import pytest
from scipy.stats import binomtest, t

from kernelconv.studies import significance
from kernelconv.studies.significance import (
    _bootstrap,
    _resampled_sums,
    draws_standard_error,
    holm,
    images_standard_error,
    mcnemar,
    paired_difference,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_standard_errors_are_those_of_the_naive_loops(rng):
    wrong = rng.random((5, 40)) < rng.random(40)
    errors = [sum(map(int, line)) / 40 for line in wrong]
    losses = [sum(int(line[i]) for line in wrong) / 5 for i in range(40)]
    assert draws_standard_error(wrong) == pytest.approx(statistics.stdev(errors) / math.sqrt(5), rel=1e-12)
    assert images_standard_error(wrong) == pytest.approx(statistics.pstdev(losses) / math.sqrt(40), rel=1e-12)
    assert abs(draws_standard_error(wrong) - images_standard_error(wrong)) > 1e-3


def test_one_draw_has_the_binomial_error_and_none_over_draws(rng):
    wrong = rng.random((1, 200)) < 0.1
    e = wrong.mean()
    assert images_standard_error(wrong) == pytest.approx(math.sqrt(e * (1 - e) / 200), rel=1e-12)
    assert math.isnan(draws_standard_error(wrong))


def enumerated(delta):
    """The sums of every resample of lines and columns, each as likely as the others."""
    n_draws, n = delta.shape
    return np.array(
        [
            sum(int(delta[d, i]) for d in draws for i in images)
            for draws in itertools.product(range(n_draws), repeat=n_draws)
            for images in itertools.product(range(n), repeat=n)
        ]
    )


@pytest.mark.parametrize("n_draws", [1, 2, 3])
def test_the_bootstrap_is_that_of_all_resamples(rng, n_draws):
    a, b = rng.random((2, n_draws, 5)) < [[[0.7]], [[0.3]]]
    delta = a.astype(int) - b
    sums, total = enumerated(delta), delta.sum()
    assert total != 0
    found = _bootstrap(delta, np.random.default_rng(0), 0.95, 40_000)
    assert n_draws > 1 or found == paired_difference(a, b, 0, n_resamples=40_000)
    assert found.mean == pytest.approx(100 * total / delta.size, rel=1e-12)
    exact = (np.abs(sums - total) >= abs(total)).mean()
    assert 0 < exact < 1
    assert found.p == pytest.approx(exact, abs=0.015)
    for end, share in ((found.low, 0.025), (found.high, 0.975)):  # values are few: below and up to each lies the share
        end = round(end / 100 * delta.size)
        assert (sums < end).mean() <= share + 0.01
        assert (sums <= end).mean() >= share - 0.01


def test_of_several_draws_the_interval_and_p_are_those_of_t_where_it_is_more_careful(rng):
    a, b = rng.random((2, 3, 200)) < [[[0.2], [0.05], [0.02]], [[0.02], [0.02], [0.02]]]
    delta, (n_draws, n) = a.astype(int) - b, a.shape
    mean, rows, columns = delta.mean(), delta.mean(1), delta.mean(0)
    squares = sum((delta[d, i] - rows[d] - columns[i] + mean) ** 2 for d in range(n_draws) for i in range(n))
    draws, images = statistics.variance(rows) / n_draws, statistics.variance(columns) / n
    rest = squares / ((n_draws - 1) * (n - 1) * n_draws * n)
    v = draws + images - rest
    assert v > max(draws, images)
    scaled = t(v**2 / (draws**2 / (n_draws - 1) + images**2 / (n - 1)), mean, v**0.5)
    found = paired_difference(a, b, 0)
    assert [found.low, found.high] == pytest.approx([100 * end for end in scaled.interval(0.95)], rel=1e-9)
    assert found.p == pytest.approx(2 * scaled.cdf(0), rel=1e-9)
    alone = _bootstrap(delta.astype(np.int8), np.random.default_rng(0), 0.95, 2000)
    assert alone.p < found.p
    assert found.low < alone.low < alone.high < found.high


@pytest.mark.parametrize("n_draws", [2, 3])
def test_the_interval_covers_the_truth_of_a_few_draws_that_differ_much(n_draws):
    rng, covered, rejected, n_trials = np.random.default_rng(4), 0, 0, 200
    for _ in range(n_trials):
        a, b = (rng.random((n_draws, 400)) < 0.3 + 0.06 * rng.standard_normal((n_draws, 1)) for _ in range(2))
        found = paired_difference(a, b, rng, n_resamples=200)
        covered += found.low <= 0 <= found.high
        rejected += found.p <= 0.05
    assert covered >= 0.9 * n_trials  # the bootstrap alone covers about 0.81 and 0.89
    assert rejected <= 0.1 * n_trials


def test_of_one_draw_the_interval_has_the_width_of_the_theory(rng):
    a, b = rng.random((2, 1, 4000)) < [[[0.05]], [[0.04]]]
    found, delta = paired_difference(a, b, 0), a.astype(int) - b
    assert found.high - found.low == pytest.approx(2 * 1.96 * 100 * delta.std() / math.sqrt(4000), rel=0.05)
    assert found.low < found.mean < found.high


def test_the_interval_covers_the_truth_where_images_and_draws_both_differ():
    rng, covered, rejected, n_trials = np.random.default_rng(3), 0, 0, 120
    for _ in range(n_trials):
        difficulty = rng.beta(0.3, 3, 250)
        a, b = (rng.random((4, 250)) < difficulty + 0.02 * rng.standard_normal((4, 1)) for _ in range(2))
        found = paired_difference(a, b, rng, n_resamples=400)
        covered += found.low <= 0 <= found.high
        rejected += found.p <= 0.05
    assert 0.92 * n_trials <= covered < n_trials  # neither too narrow nor empty of meaning
    assert 0 < rejected <= 0.08 * n_trials


def test_images_that_draws_share_make_the_interval_wider_than_independent_counts(rng):
    hard_a, hard_b = rng.random((2, 1, 1000)) < 0.05
    same = paired_difference(np.repeat(hard_a, 5, 0), np.repeat(hard_b, 5, 0), 0)
    one = paired_difference(hard_a, hard_b, 0)
    assert same.high - same.low == pytest.approx(
        one.high - one.low, rel=0.1
    )  # five times the same is no more than once


def test_the_smallest_p_is_one_over_the_resamples_and_one_more(rng):
    right, wrong = np.zeros((3, 500), bool), np.ones((3, 500), bool)
    assert paired_difference(wrong, right, 0, n_resamples=199).p == pytest.approx(1 / 200)
    assert paired_difference(right, wrong, 0, n_resamples=199) == (-100, -100, -100, pytest.approx(1 / 200))
    assert paired_difference(right, right, 0, n_resamples=199) == (0, 0, 0, 1)


def test_by_default_ten_thousand_resamples_make_an_interval_of_95_percent(rng):
    a, b = rng.random((2, 3, 50)) < 0.3
    assert paired_difference(a, b, 0) == paired_difference(a, b, 0, level=0.95, n_resamples=10_000)
    wrong = np.ones((1, 20), bool)
    assert paired_difference(wrong, ~wrong, 0).p == pytest.approx(1 / 10_001)


@pytest.mark.parametrize("chunk", [1, 7, 30])
def test_resamples_drawn_a_few_at_a_time_are_as_good(rng, monkeypatch, chunk):
    monkeypatch.setattr(significance, "_CHUNK", chunk)
    delta = np.array([[1, 0, -1, 0, 0, 1, 0], [0, 0, 1, 0, 1, 1, 0]], np.int8)
    sums = _resampled_sums(delta, rng, 2001)
    assert (sums == sums.round()).all()
    assert np.abs(sums).max() <= delta.size
    assert sums.mean() == pytest.approx(delta.sum(), abs=4 * sums.std() / 2001**0.5)
    assert sums.var() == pytest.approx(enumerated_variance(delta), rel=0.15)


def test_ten_thousand_resamples_of_a_hundred_kinds_of_images_are_drawn_at_once(rng, monkeypatch):
    delta = rng.integers(-1, 2, (5, 400)).astype(np.int8)[:, :100]
    found = _resampled_sums(delta, np.random.default_rng(0), 10_000)
    monkeypatch.setattr(significance, "_CHUNK", 2**40)
    np.testing.assert_array_equal(found, _resampled_sums(delta, np.random.default_rng(0), 10_000))


def enumerated_variance(delta):
    """The variance of the sums of all resamples, v and w being multinomial counts: from their covariances."""
    n_draws, n = delta.shape
    v, w = np.eye(n_draws) - 1 / n_draws + 1, np.eye(n) - 1 / n + 1  # mean products of counts
    return float(np.einsum("de,ij,di,ej->", v, w, delta, delta) - delta.sum() ** 2)


def test_of_one_image_there_is_no_t(rng):
    found = paired_difference(np.ones((3, 1)), np.array([[1], [0], [0]]), 0, n_resamples=100)
    assert np.isfinite(found).all()
    assert found.mean == pytest.approx(200 / 3)


def test_the_same_seed_gives_the_same_difference_and_the_sign_turns_with_the_models(rng):
    a, b = rng.random((2, 8, 300)) < 0.1
    found, again, other = (paired_difference(a, b, seed, n_resamples=500) for seed in (0, 0, 1))
    assert found == again != other
    turned = paired_difference(b, a, 0)
    assert turned.mean == -found.mean != 0
    assert turned.p == pytest.approx(found.p, abs=0.05)


@pytest.mark.parametrize("only_a", [0, 1, 5, 12])
@pytest.mark.parametrize("only_b", [0, 3, 12, 40])
def test_mcnemar_is_the_binomial_test(only_a, only_b):
    a = np.array([1] * only_a + [0] * only_b + [1, 0, 0], bool)
    b = np.array([0] * only_a + [1] * only_b + [1, 0, 0], bool)
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert mcnemar(a, b) == pytest.approx(expected, rel=1e-12)
    assert mcnemar(b[None], a[None]) == mcnemar(a, b)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], rtol=1e-12)
    np.testing.assert_allclose(holm([0.5, 0.6]), [1, 1], rtol=1e-12)
    assert holm([0.2]).tolist() == [0.2]
    assert holm([]).size == 0
    assert holm([0.0, 1.0]).tolist() == [0, 1]


def test_holm_is_the_naive_loop_and_lies_between_p_and_bonferroni(rng):
    p = np.concatenate([rng.random(12) ** 3, [0.01, 0.01]])
    found, largest = holm(p), 0.0
    for rank, k in enumerate(sorted(range(len(p)), key=lambda k: p[k])):
        largest = max(largest, min(1, (len(p) - rank) * p[k]))
        assert found[k] == pytest.approx(largest, rel=1e-12)
    assert (p <= found).all()
    assert (found <= np.minimum(1, len(p) * p) + 1e-15).all()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: images_standard_error([True, False]), r"wrong must be \(n_draws, n_test\) .* got shape \(2,\)"),
        (lambda: draws_standard_error(np.zeros((0, 3), bool)), r"not empty, got shape \(0, 3\)"),
        (lambda: draws_standard_error([[0.5, 1]]), "True or False, got float64 values"),
        (lambda: paired_difference(np.ones((2, 3)), np.ones((3, 3))), r"got shapes \(2, 3\) and \(3, 3\)"),
        (lambda: paired_difference(np.ones((2, 3)), np.ones((2, 3)), level=1.0), "level must be between 0 and 1"),
        (lambda: paired_difference(np.ones((2, 3)), np.ones((2, 3)), level=0), "level must be .* got 0"),
        (lambda: paired_difference(np.ones((2, 3)), np.ones((2, 3)), n_resamples=0), "n_resamples"),
        (lambda: paired_difference(np.ones((2, 3)), np.full((2, 3), 2)), "wrong_b must say .* got int64 values"),
        (lambda: holm([-0.1]), "between 0 and 1, got"),
        (lambda: holm([float("nan")]), "p_values"),
        (lambda: mcnemar(np.ones((2, 3)), np.ones((2, 3))), "one draw, got 2"),
        (lambda: mcnemar(np.ones(3), np.ones(4)), r"got shapes \(1, 3\) and \(1, 4\)"),
        (lambda: holm([0.1, 1.2]), "between 0 and 1, got"),
        (lambda: holm([[0.1]]), "must be a list"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
