"""Class-balanced training sets, nested by size: the horizontal axis of a learning curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_count, check_rng
from kernelconv._types.parameters import RandomState


def balanced_subset(y: ArrayLike, n: int, random_state: RandomState = None) -> NDArray[np.intp]:
    """Draw `n` indices at random, without repetition, so that class counts differ by at most one.

    Every class is shuffled; round r takes the r-th sample of each class, with the classes in random order; the
    subset is the first `n` entries of this sequence. The sequence does not depend on `n`, so with the same seed
    a smaller subset is a prefix of a larger one.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Classes: ints or strings.
    n : int
        Size of the subset, at least the number of classes.
    random_state : None, int, numpy Generator or RandomState
        An int gives the same indices at every call, on every platform.

    Returns
    -------
    indices : ndarray of shape (n,), int
        Positions in `y`, shuffled: with k classes, every run of k indices that begins at a multiple of k has
        one index of each class.

    Raises
    ------
    ValueError
        If `y` is empty, not one-dimensional or holds NaN; if `n` is not an int, is smaller than the number of
        classes, or is larger than the classes with the fewest samples allow (the message names them).

    Notes
    -----
    Cost: sorts of len(y) numbers. Nested subsets make the points of a learning curve dependent, and the curve
    smoother than its error bars; use a different seed for each repetition.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.datasets import balanced_subset, load_digits_images
    >>> X, y = load_digits_images()
    >>> train = balanced_subset(y, 100, random_state=0)
    >>> np.bincount(y[train])
    array([10, 10, 10, 10, 10, 10, 10, 10, 10, 10])
    >>> bool((balanced_subset(y, 30, random_state=0) == train[:30]).all())
    True
    """
    classes, codes, counts = _classes(y)
    n = check_count(n, "n")
    if n < len(classes):
        raise ValueError(f"n={n} is fewer than the {len(classes)} classes: a balanced subset needs one of each.")
    _check_enough(n, classes, counts)
    rng = check_rng(random_state)
    shuffled = rng.permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    rounds = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return by_class[np.lexsort((rng.random(len(codes)), rounds))[:n]]


def labels(y: Any) -> NDArray:
    """Return the classes of samples as an array; raise ValueError unless they are one a sample, of one kind.

    Examples
    --------
    >>> labels(["cat", "dog"]).tolist(), labels([True, False]).dtype.name
    (['cat', 'dog'], 'bool')
    """
    if isinstance(y, np.ma.MaskedArray):
        raise ValueError(f"y is a masked array with {np.ma.count_masked(y)} masked labels: pass y.compressed().")
    try:
        found = np.asarray(y)
    except ValueError:  # NumPy's text on ragged lists speaks of sequences and elements
        raise ValueError(f"y must hold one class a sample, a word or a number, got {y!r:.80}.") from None
    if found.ndim != 1 or len(found) == 0:
        raise ValueError(f"y must hold one class a sample, shape (n_samples,) and not empty, got shape {found.shape}.")
    if found.dtype.kind == "O" or (found.dtype.kind == "U" and not isinstance(y, np.ndarray)):
        found = _of_one_kind(list(y))  # NumPy makes words of numbers that stand beside words
    if found.dtype.kind not in "biufUSO":
        raise ValueError(f"y must hold words or numbers, got {found.dtype}.")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise ValueError(f"y holds {int(np.isnan(found).sum())} NaN: every sample needs a class. Remove those without.")
    return found


def _of_one_kind(given: list[Any]) -> NDArray:
    for kind in (str, (int, float, np.number, np.bool_)):
        if all(isinstance(label, kind) for label in given):
            return np.array(given)
    kinds = sorted({type(label).__name__ for label in given})
    raise ValueError(f"y must hold words or numbers, all of one kind, got {', '.join(kinds)}: {given!r:.80}.")


def _classes(y: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Return the sorted classes, the code of every sample and the number of samples of each class."""
    return np.unique(labels(y), return_inverse=True, return_counts=True)


def _check_enough(n: int, classes: NDArray, counts: NDArray) -> None:
    fewest = counts.min()
    most = int(fewest * len(classes) + (counts > fewest).sum())
    if n > most:
        short = ", ".join(f"{c!r} ({k})" for c, k in zip(classes.tolist(), counts, strict=True) if k == fewest)
        raise ValueError(
            f"n={n} is too large for a balanced subset of {len(classes)} classes: the fewest samples are "
            f"those of {short}. Ask for at most {most}, or add samples of these classes."
        )
