"""Significance of differences of test errors: standard errors, paired intervals, McNemar's test, Holm's correction.

Arrays `wrong` are boolean, (n_draws, n_test): the test images that a model gets wrong, one row per training set drawn.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, stdtr, stdtrit

from kernelconv._check import check_count, check_finite, check_positive, check_rng

#: Weights drawn at a time.
_CHUNK = 2**20


class Difference(NamedTuple):
    """A difference of two mean test errors and its interval, in percentage points, and the p-value of no difference."""

    mean: float
    low: float
    high: float
    p: float


def draws_standard_error(wrong: Any) -> float:
    r"""Return the standard error over draws of the mean test error, a share; NaN of one draw.

    With the errors :math:`e_1 \dots e_D` of D draws it is :math:`\sqrt{\sum_d (e_d - \bar e)^2 / (D - 1) / D}`: what
    other training sets would change, on these test images.

    Parameters
    ----------
    wrong : array-like of bool, shape (n_draws, n_test)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `wrong` is not two-dimensional, is empty or holds other values than 0 and 1.

    Examples
    --------
    >>> wrong = np.array([[1, 0, 0, 0], [1, 1, 0, 0]])  # errors of 1/4 and 1/2
    >>> draws_standard_error(wrong)
    0.125
    """
    errors = _checked(wrong, "wrong").mean(axis=1)
    return float(errors.std(ddof=1) / len(errors) ** 0.5) if len(errors) > 1 else float("nan")


def images_standard_error(wrong: Any) -> float:
    r"""Return the standard error over test images of the mean test error, a share.

    With :math:`l_i` the share of draws that get image i wrong it is :math:`\sqrt{\sum_i (l_i - \bar l)^2} / n`: what
    other test images would change, with these training sets. Of one draw it is the binomial
    :math:`\sqrt{e (1 - e) / n}`.

    Parameters
    ----------
    wrong : array-like of bool, shape (n_draws, n_test)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As `draws_standard_error`.

    Examples
    --------
    >>> images_standard_error(np.array([[1, 0, 0, 0]])) == (0.25 * 0.75 / 4) ** 0.5
    True
    >>> images_standard_error(np.array([[1, 0, 0, 0], [0, 1, 0, 0]]))  # the draws' mistakes are others: they even out
    0.125
    """
    losses = _checked(wrong, "wrong").mean(axis=0)
    return float(losses.std() / len(losses) ** 0.5)


def paired_difference(
    wrong_a: Any, wrong_b: Any, random_state: Any = None, *, level: float = 0.95, n_resamples: int = 10_000
) -> Difference:
    r"""Return the difference of the mean test errors of two models, a - b: by bootstrap and by t, the more careful.

    With :math:`\delta_{di} \in \{-1, 0, 1\}` the difference on image i in draw d, a resample is
    :math:`t^* = \sum_{di} v_d w_i \delta_{di} / (D n)`, v and w independent multinomial counts of D draws and of n
    images: a draw is drawn with all its images and an image with all its draws, for both models at once.

    Of a few draws the bootstrap alone is too sure, so of several there is a t interval too. With A and B the sample
    variances of the means of draws and of images over D and over n, and R that of the residuals over D n, the variance
    of the mean is :math:`V = \max(A + B - R, A, B)`, with :math:`V^2 / (A^2 / (D - 1) + B^2 / (n - 1))` degrees of
    freedom. What is returned is the interval that spans both and the larger p.

    Parameters
    ----------
    wrong_a, wrong_b : array-like of bool, shape (n_draws, n_test)
        The same draws of the training set and the same test images for both.
    random_state : None, int or numpy Generator
        Source of the resampling.
    level : float
        Coverage of the interval, between 0 and 1.
    n_resamples : int
        Number B of bootstrap samples.

    Returns
    -------
    Difference
        ``mean``, ``low``, ``high`` in percentage points; ``p``, two-sided, the larger of that of t and
        :math:`(1 + \#\{|t^* - t| \ge |t|\}) / (B + 1)`.

    Raises
    ------
    ValueError
        As `draws_standard_error`; if the shapes differ or `level` is not in (0, 1).

    Notes
    -----
    Of one draw the images alone are resampled: what other training sets would change is not in that interval. Of
    several draws the variance between them comes out of the bootstrap as (D - 1) / D of itself, and what is of neither
    a draw nor an image alone as 3 - 2 / D times itself (Owen 2007). Where draws differ much, percentiles of 2 and of 3
    draws cover the truth in only 70 to 80 and 80 to 90 of 100 cases instead of 95; with t it is about 90 and 95. Where
    images decide, intervals are rather too wide.
    Cost: B times the number of different columns of :math:`\delta`; images on which the models always agree cost
    nothing.

    References
    ----------
    Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007;
    Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 4.4 (the p-value);
    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2, 1946.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> hard = rng.random((5, 10_000)) < 0.01  # what both get wrong
    >>> found = paired_difference(hard | (rng.random((5, 10_000)) < 0.005), hard, random_state=0)
    >>> print(f"{found.mean:.2f} points, from {found.low:.2f} to {found.high:.2f}, p = {found.p:.4f}")
    0.43 points, from 0.35 to 0.52, p = 0.0001
    """
    a, b = _pair(wrong_a, wrong_b)
    if check_positive(level, "level") >= 1:
        raise ValueError(f"level must be between 0 and 1, got {level}.")
    delta = a.astype(np.int8) - b.astype(np.int8)
    found = [_bootstrap(delta, check_rng(random_state), level, n_resamples)]
    if min(delta.shape) > 1:
        found.append(_student(delta, level))
    return Difference(found[0].mean, min(d.low for d in found), max(d.high for d in found), max(d.p for d in found))


def _bootstrap(delta: NDArray[np.int8], rng: np.random.Generator, level: float, n_resamples: int) -> Difference:
    """Return the difference with percentiles of resampled sums."""
    total, sums = delta.sum(dtype=np.int64), _resampled_sums(delta, rng, n_resamples)
    # sums of integers are exact, so that no tie is decided by rounding
    p = (1 + np.count_nonzero(np.abs(sums - total) >= abs(total))) / (1 + len(sums))
    low, high = np.quantile(sums, [(1 - level) / 2, (1 + level) / 2])
    mean, low, high = (100 * float(value) / delta.size for value in (total, low, high))
    return Difference(mean, low, high, float(p))


def _student(delta: NDArray[np.int8], level: float) -> Difference:
    """Return the difference with a t interval, its variance that of draws and images as two crossed samples."""
    mean, low, high, p = crossed_mean(delta, level)
    return Difference(100 * mean, 100 * low, 100 * high, p)


def crossed_mean(values: NDArray, level: float) -> tuple[float, float, float, float]:
    """Return the mean of two crossed samples, (n_draws, n_images) >= 2 each: mean, t interval, p that it is 0.

    The variance and its degrees of freedom are those of `paired_difference`.
    """
    n_draws, n = values.shape
    mean, of_draws, of_images = float(values.mean()), values.mean(axis=1), values.mean(axis=0)
    residuals = values - of_draws[:, None] - of_images + mean
    draws, images = of_draws.var(ddof=1) / n_draws, of_images.var(ddof=1) / n
    variance = max(draws + images - (residuals**2).sum() / ((n_draws - 1) * (n - 1)) / values.size, draws, images)
    if variance == 0:
        return mean, mean, mean, float(mean == 0)
    freedom = variance**2 / (draws**2 / (n_draws - 1) + images**2 / (n - 1))
    half = float(stdtrit(freedom, (1 + level) / 2) * variance**0.5)
    return mean, mean - half, mean + half, float(2 * stdtr(freedom, -abs(mean) / variance**0.5))


def _resampled_sums(delta: NDArray[np.int8], rng: np.random.Generator, n_resamples: int) -> NDArray[np.float64]:
    """Return sums of `delta` (n_draws, n) with its lines and its columns resampled, (n_resamples,)."""
    n_draws, n = delta.shape
    columns, counts = np.unique(delta, axis=1, return_counts=True)  # images whose columns are equal are one category
    sums = np.empty(check_count(n_resamples, "n_resamples"))
    step = max(1, _CHUNK // len(counts))
    for start in range(0, len(sums), step):
        size = min(step, len(sums) - start)
        images = rng.multinomial(n, counts / n, size=size).astype(np.float64)
        draws = rng.multinomial(n_draws, np.full(n_draws, 1 / n_draws), size=size)
        sums[start : start + size] = ((images @ columns.T) * draws).sum(axis=1)
    return sums


def mcnemar(wrong_a: Any, wrong_b: Any) -> float:
    r"""Return the two-sided p-value of McNemar's exact test that two models of one draw have the same error.

    With b images that only the first gets wrong and c that only the second does, b is binomial(b + c, 1/2) where the
    errors are the same: :math:`p = \min(1, 2 P(B \le \min(b, c)))`. Without a differing image it is 1.

    Parameters
    ----------
    wrong_a, wrong_b : array-like of bool, shape (n_test,) or (1, n_test)
        The same test images for both.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there is more than one draw, the shapes differ or there are other values than 0 and 1.

    References
    ----------
    McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, 1947; Dietterich, "Approximate statistical tests for comparing supervised classification learning
    algorithms", Neural Computation 10, 1998.

    Examples
    --------
    >>> round(mcnemar([1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1]), 6)  # five against one: 2 (1 + 6) / 2^6
    0.21875
    """
    a, b = _pair(np.atleast_2d(np.asarray(wrong_a)), np.atleast_2d(np.asarray(wrong_b)))
    if len(a) != 1:
        raise ValueError(f"McNemar's test is of one draw, got {len(a)}: paired_difference takes several.")
    only_a, only_b = np.count_nonzero(a & ~b), np.count_nonzero(b & ~a)
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def holm(p_values: Any) -> NDArray[np.float64]:
    r"""Return Holm's adjusted p-values: rejecting those up to alpha rejects any true hypothesis with probability alpha.

    With :math:`p_{(1)} \le \dots \le p_{(m)}` it is :math:`\max_{j \le i} \min(1, (m - j + 1) p_{(j)})`.

    Parameters
    ----------
    p_values : array-like, shape (m,)

    Returns
    -------
    ndarray, shape (m,)
        In the order of `p_values`.

    Raises
    ------
    ValueError
        If a value is not between 0 and 1.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = check_finite(np.asarray(p_values, np.float64), "p_values")
    if p.ndim != 1 or (p < 0).any() or (p > 1).any():
        raise ValueError(f"p_values must be a list of numbers between 0 and 1, got {p_values!r}.")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1, p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def _pair(wrong_a: Any, wrong_b: Any) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    a, b = _checked(wrong_a, "wrong_a"), _checked(wrong_b, "wrong_b")
    if a.shape != b.shape:
        raise ValueError(f"Both models need the same draws and test images: got shapes {a.shape} and {b.shape}.")
    return a, b


def _checked(wrong: Any, name: str) -> NDArray[np.bool_]:
    array = np.asarray(wrong)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must be (n_draws, n_test) and not empty, got shape {array.shape}.")
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name} must say of each image whether it is wrong: True or False, got {array.dtype} values.")
    return array.astype(bool)
