"""Images of two bright pixels, labelled by whether they are closer than a scale."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, as_pair, check_choice, check_count, check_memory, check_positive, check_rng
from kernelconv._numbers import shown
from kernelconv._types.parameters import RandomState, Size

#: What the label says of two pixels.
ScaleTask = Literal["distance", "blocks"]


def make_scale_detection(
    n_samples: int,
    shape: Size = (32, 32),
    *,
    scale: int = 8,
    task: ScaleTask = "distance",
    gap: float = 0,
    random_state: RandomState = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    r"""Draw images of two bright pixels, labelled by whether these are closer than a scale xi.

    .. math:: y = \begin{cases} 1 & d(u, v) < \xi - g \\ -1 & d(u, v) \ge \xi + g \end{cases}
              \quad\text{or}\quad
              y = \begin{cases} 1 & \lfloor u / \xi \rfloor = \lfloor v / \xi \rfloor \\ -1 & \text{else}\end{cases}

    Parameters
    ----------
    n_samples : int
        Number of images.
    shape : int or pair of int
        Height and width; (1, width) is a line.
    scale : int
        Xi, px, at least 2.
    task : {"distance", "blocks"}
        "distance" is the first rule, with the Euclidean distance for circular borders. "blocks" is the second: whether
        both pixels are in one block of scale x scale px; the blocks tile the image from the corner.
    gap : float
        g, px, for "distance" only: pairs with xi - g <= d(u, v) < xi + g are left out.
    random_state : None, int, numpy Generator or RandomState
        An int gives the same images at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, height, width), float32
        1 at two different pixels, else 0.
    y : ndarray of shape (n_samples,), int64
        Labels -1 and 1, each with probability 1/2; given the label, all pairs of pixels are equally likely.

    Raises
    ------
    ValueError
        If an integer argument is not an int or too small; `gap` is not a number >= 0, or is given for "blocks"; no
        pair of pixels has one of the labels; for "blocks", a side is neither 1 nor a multiple of `scale`; or the images
        take more memory than the machine has.

    Notes
    -----
    Under both labels every pixel is bright equally often, so that no linear function of the pixels is better than
    chance. Pooling at the scale determines the label. "blocks": the squared sums over the blocks add up to 4 or to 2.
    "distance", on a line of at least 2 xi px: those over all circular windows of xi px add up to
    2 xi + 2 max(0, xi - d). Any circular translation keeps the label of "distance"; a deformation of Jacobian norm s
    changes a distance d to one between d / (1 + s) and d / (1 - s), and keeps the label if s <= g / xi. On a line,
    blocks of d^h px are the leaves below a node h levels above the leaves of `make_hierarchical` with d children.

    The rules are those of the authors' code, which is for one dimension and multiplies the images by a constant; here
    also for a rectangle, with Euclidean distance. Cost: O(n_samples height width).

    References
    ----------
    U. M. Tomasini, L. Petrini, F. Cagnetta, M. Wyart, "How deep convolutional neural networks lose spatial information
    with training", arXiv:2210.01506, 2022 (scale-detection tasks 1 and 2).

    Examples
    --------
    >>> from kernelconv.datasets import make_scale_detection
    >>> X, y = make_scale_detection(4, (1, 12), scale=4, random_state=0)
    >>> [row.nonzero()[0].tolist() for row in X[:, 0]], y.tolist()  # 0 and 10 are 2 px apart, over the border
    ([[3, 5], [0, 10], [0, 9], [0, 7]], [1, 1, 1, -1])
    """
    n, (h, w), xi = check_count(n_samples, "n_samples"), as_pair(shape, "shape"), check_count(scale, "scale", 2)
    check_choice(task, "task", ("distance", "blocks"))
    g = check_positive(gap, "gap", zero=True)
    if g and task == "blocks":
        raise ValueError(f"gap is a distance to the scale: of task='blocks' it must be 0, got {shown(gap)}.")
    check_memory(4.0 * n * h * w + 64 * (h * w + n), f"{n} images of {h} x {w} pixels")
    rng = check_rng(random_state)
    y = 2 * rng.integers(2, size=n) - 1
    first = rng.integers(h * w, size=n)
    if task == "distance":
        second = _at_distance(first, y == 1, (h, w), xi, g, rng)
    else:
        second = _in_blocks(first, y == 1, (h, w), xi, rng)
    X = np.zeros((n, h * w), np.float32)
    X[np.arange(n), first] = X[np.arange(n), second] = 1
    return X.reshape(n, h, w), y


def _at_distance(
    first: NDArray, near: NDArray, shape: Pair, xi: int, gap: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return a pixel for each of `first`, uniform among those at the distance that its label says."""
    (h, w), n = shape, len(first)
    rows, columns = (np.minimum(np.arange(side), side - np.arange(side)) for side in shape)
    distance = np.hypot(rows[:, None], columns).ravel()  # from the corner to each pixel, over the borders
    inside, outside = np.flatnonzero((distance > 0) & (distance < xi - gap)), np.flatnonzero(distance >= xi + gap)
    for pixels, wanted in ((inside, f"closer than {xi - gap:g}"), (outside, f"at least {xi + gap:g}")):
        if not len(pixels):
            raise ValueError(
                f"No two pixels of {h} x {w}, whose borders are circular, are {wanted} px apart: scale={xi} and "
                f"gap={gap:g} leave one label without an image."
            )
    moved = np.where(near, rng.choice(inside, n), rng.choice(outside, n))
    return (first // w + moved // w) % h * w + (first % w + moved % w) % w


def _in_blocks(first: NDArray, near: NDArray, shape: Pair, xi: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return a pixel for each of `first`, uniform among the others of its block, or among those of other blocks."""
    (h, w), n = shape, len(first)
    if any(side != 1 and side % xi for side in shape):
        raise ValueError(f"For task='blocks' height and width must be 1 or multiples of scale={xi}, got {h} x {w}.")
    tall, wide = min(h, xi), min(w, xi)
    grid = np.arange(h * w).reshape(h // tall, tall, w // wide, wide)
    pixels = grid.transpose(0, 2, 1, 3).reshape(-1, tall * wide)  # of each block
    n_blocks, size = pixels.shape
    if n_blocks < 2:
        raise ValueError(f"For task='blocks' there must be two blocks: {h} x {w} pixels are one of scale={xi}.")
    block, place = np.divmod(np.argsort(pixels, axis=None)[first], size)
    other = (block + rng.integers(1, n_blocks, n)) % n_blocks
    return np.where(
        near, pixels[block, (place + rng.integers(1, size, n)) % size], pixels[other, rng.integers(size, size=n)]
    )
