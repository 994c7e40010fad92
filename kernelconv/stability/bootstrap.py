"""Bootstrap intervals clustered by image: of a mean, of a ratio of means, and of the difference of two of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import check_numpy
from kernelconv._check import check_count, check_finite, check_positive, check_rng
from kernelconv._numbers import as_double
from kernelconv._types.parameters import RandomState

#: Numbers drawn at a time.
_CHUNK = 2**20


def bootstrap_interval(
    values: ArrayLike,
    random_state: RandomState = None,
    *,
    over: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
) -> tuple[float, float]:
    r"""Return the percentile bootstrap interval of a mean, or of a ratio of means, clustered by image.

    Parameters
    ----------
    values : array-like, shape (n_images,) or (n_images, n_draws)
        One value per image and draw; images are resampled with all their draws.
    random_state : None, int or numpy Generator
        Source of the resampling.
    over : array-like of the same shape, optional
        The interval is that of mean(values) / mean(over), numerator and denominator resampled together.
    level : float
        Coverage, between 0 and 1.
    n_resamples : int
        Number of bootstrap samples.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        If there are fewer than two images, values are not finite, shapes differ or `level` is not in (0, 1); if a
        resample draws only images of which `over` is 0.

    Notes
    -----
    Cost n_images * n_resamples; memory 2^20 numbers.

    References
    ----------
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import bootstrap_interval
    >>> low, high = bootstrap_interval(np.arange(100.0), random_state=0)
    >>> low < 49.5 < high, round((high - low) / (2 * 1.96 * 2.9), 1)
    (True, 1.0)
    """
    above, below = _pair(values, over)
    sums = resampled_sums(np.stack([above, below], 1), random_state, n_resamples)
    return interval(ratios(sums[:, 0], sums[:, 1], "over"), level)


def bootstrap_difference(
    first: ArrayLike,
    second: ArrayLike,
    random_state: RandomState = None,
    *,
    over_first: ArrayLike | None = None,
    over_second: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
) -> tuple[float, float]:
    r"""Return the interval of a paired difference of means, mean(first) - mean(second), clustered by image.

    Parameters
    ----------
    first, second : array-like, shape (n_images,) or (n_images, n_draws)
        Values of two methods on the same images, which are resampled for both at once.
    random_state, level, n_resamples
        As in `bootstrap_interval`.
    over_first, over_second : array-like, optional
        Each mean is divided by the mean of these.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        As `bootstrap_interval`, and if the two hold different numbers of images.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import bootstrap_difference
    >>> images = np.random.default_rng(0).normal(5, 3, size=100)  # images differ much, the rivals by 0.1
    >>> low, high = bootstrap_difference(images + 0.1, images, random_state=0)
    >>> round(low, 6), round(high, 6)
    (0.1, 0.1)
    """
    a, below_a = _pair(first, over_first)
    b, below_b = _pair(second, over_second)
    if len(a) != len(b):
        raise ValueError(f"A paired difference needs the same images: first holds {len(a)}, second {len(b)}.")
    sums = resampled_sums(np.stack([a, below_a, b, below_b], 1), random_state, n_resamples)
    first_ratios = ratios(sums[:, 0], sums[:, 1], "over_first")
    return interval(first_ratios - ratios(sums[:, 2], sums[:, 3], "over_second"), level)


def resampled_sums(columns: NDArray, random_state: Any, n_resamples: int = 1000) -> NDArray:
    """Return the sums of `columns` (n, k) over n rows drawn with replacement, (n_resamples, k): rows stay together."""
    rng, n = check_rng(random_state), len(columns)
    sums = np.empty((check_count(n_resamples, "n_resamples"), columns.shape[1]))
    step = max(1, _CHUNK // n)
    for start in range(0, len(sums), step):
        chosen = rng.integers(n, size=(min(step, len(sums) - start), n))
        flat = chosen + n * np.arange(len(chosen))[:, None]
        counts = np.bincount(flat.ravel(), minlength=chosen.size).reshape(chosen.shape)
        sums[start : start + step] = counts.astype(np.float64) @ columns
    return sums


def interval(resampled: NDArray, level: float = 0.95) -> tuple[float, float]:
    """Return the central quantiles that hold `level` of the resampled estimates (n_resamples,)."""
    if check_positive(level, "level") >= 1:
        raise ValueError(f"level must be between 0 and 1, got {level}.")
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ratios(above: NDArray, below: NDArray, name: str) -> NDArray:
    """Return `above` over `below`, sums of the resamples; raise ValueError if a sum below is 0."""
    zero = int((below == 0).sum())
    if zero:
        raise ValueError(f"{name} has the mean 0 in {zero} of {len(below)} resamples: their ratio is undefined.")
    return above / below


def _pair(values: Any, over: Any) -> tuple[NDArray, NDArray]:
    above = _per_image(values, "values")
    below = np.ones_like(above) if over is None else _per_image(over, "over")
    if below.shape != above.shape:
        raise ValueError(f"over holds {len(below)} images, values {len(above)}.")
    return above, below


def _per_image(values: Any, name: str) -> NDArray:
    check_numpy(values, name)
    values = check_finite(as_double(values, name), name)
    if values.ndim not in (1, 2) or len(values) < 2 or 0 in values.shape:
        raise ValueError(
            f"{name} must be (n_images,) or (n_images, n_draws) with at least two images, got shape {values.shape}."
        )
    return values.reshape(len(values), -1).mean(1)
