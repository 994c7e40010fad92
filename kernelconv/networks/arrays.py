"""Arrays of any library as estimators take and return them: input is checked, output is rows, labels, probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import (
    as_floating,
    as_precise,
    indices,
    is_acceptable,
    is_foreign,
    is_on_cpu,
    is_traced,
    namespace,
    numpy_dtype,
    to_numpy,
    zeros_like_one,
)
from kernelconv._numbers import shown
from kernelconv._parallel.blocks import block_slices
from kernelconv._scales import bounds, squarable
from kernelconv._types.stored import StoredImages, is_elsewhere
from kernelconv.networks.serial import Network
from kernelconv.networks.training.losses import log_softmax
from kernelconv.operators.base import Part
from kernelconv.operators.composite import Composite

#: Bytes of one part's maps that a block of images of another library than NumPy may make: on a device of its own, and
#: on the CPU, where maps that stay in its caches are worth more than long loops.
BLOCK_BYTES, CPU_BLOCK_BYTES = 2**28, 6 * 2**20


def read_elsewhere(X: Any, read: Callable[[Any], Any]) -> Any:
    """Return an array of another library in the shape that `read` gives a NumPy array of the shape of `X`.

    What is wrong with it is said in the words for NumPy arrays: `read` is given a stand-in of its shape, which takes no
    memory, and a copy of its values where they are not finite real numbers.
    """
    if not is_acceptable(X):
        read(to_numpy(X))
    n, stand_in = X.shape[0] if X.shape else 1, np.broadcast_to(np.float32(0), tuple(X.shape) or (1,))
    with suppress(ValueError):
        return namespace(X).reshape(X, (n, *read(stand_in[:1]).shape[1:]))
    return namespace(X).reshape(X, read(stand_in).shape)  # raises, and names the whole shape


def squarable_anywhere(x: Any, axis: tuple[int, ...]) -> Any:
    """Return ``squarable(x, axis)`` for an array of any library; one that JAX traces as it is."""
    if not is_foreign(x):
        return squarable(x, axis)
    if is_traced(x):
        return x
    xp, (low, high) = namespace(x), bounds(numpy_dtype(x))
    tops = xp.max(xp.abs(x), axis=axis)
    if bool(xp.all((tops == 0) | ((tops >= low) & (tops <= high)))):
        return x
    squarable(to_numpy(tops).reshape(-1, 1), 1)  # refuses what float64 cannot square either
    return as_precise(x)


def refuse_elsewhere(X: Any, owner: Any) -> None:
    """Raise TypeError if `X`, which the estimator `owner` learns from or measures, is of another library than NumPy."""
    if is_elsewhere(X):
        raise TypeError(
            f"{type(owner).__name__} learns from and measures NumPy arrays alone, got a {type(X)}: pass "
            "numpy.asarray of a copy on the CPU. What it returns after fit follows the library of its arrays, and "
            "kernelconv.torch.as_module trains a network where its images are."
        )


def leading_axes(X: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the axes of `X` before those of one image or signal of `shape`, whose one channel may be left out.

    None where `X` is no array that ends in them.
    """
    whole, k = tuple(getattr(X, "shape", ())), len(shape)
    ends = [shape, shape[:-1]] if shape[-1] == 1 else [shape]
    if len(whole) == k:  # (n, h, w) rather than one image of one channel, where it may be both
        ends.reverse()
    return next((whole[: len(whole) - len(end)] for end in ends if whole[len(whole) - len(end) :] == end), None)


def in_a_row(X: Any, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...] | None]:
    """Return `X` with one leading axis in place of several or of none, and those that it had, as `leading_axes`."""
    leading = leading_axes(X, shape)
    if leading is None or len(leading) == 1:
        return X, leading
    n = int(np.prod(leading, dtype=np.int64))
    return namespace(X).reshape(X, (n, *shape)), leading


def apart(maps: Any, leading: tuple[int, ...] | None) -> Any:
    """Return maps (n, ...) with the axes `leading` in place of the first."""
    if leading is None or len(leading) == 1:
        return maps
    return namespace(maps).reshape(maps, (*leading, *maps.shape[1:]))


def by_position(maps: Any) -> Any:
    """Return maps (n, h, w, c) as rows, channels last."""
    return namespace(maps).reshape(maps, (maps.shape[0], -1))


def by_map(maps: Any) -> Any:
    """Return maps (n, h, w, c) as rows, map by map; those of scattering engines lie so already."""
    xp = namespace(maps)
    return xp.reshape(xp.moveaxis(maps, -1, 1), (maps.shape[0], -1))


def rows(
    network: Network,
    images: NDArray | StoredImages | Any,
    n_jobs: int | None = None,
    arranged: Callable[[Any], Any] = by_position,
) -> Any:
    """Return what a built `network` makes of images (n, h, w, c) as rows (n, d), in their library, block by block."""
    if not is_foreign(images):
        return network.map_forward(arranged, images, n_jobs)  # type: ignore[arg-type]  # images in a file too
    bytes_each = numpy_dtype(images).itemsize * definition_values(network)
    network = network._beside(as_floating(zeros_like_one(images)))
    return by_block(lambda x: network.map_forward(arranged, x), images, bytes_each)


def by_block(function: Callable[[Any], Any], x: Any, bytes_each: int) -> Any:
    """Return ``concat([function(block) for each block of x])``, `x` (n, ...) being of another library than NumPy."""
    most = CPU_BLOCK_BYTES if not is_traced(x) and is_on_cpu(x) else BLOCK_BYTES
    made = [function(x[s, ...]) for s in block_slices(x.shape[0], block_of(x, bytes_each, most))]
    return made[0] if len(made) == 1 else namespace(x).concat(made, axis=0)


def block_of(x: Any, bytes_each: int, most: int | None = None) -> int:
    """Return how many of `x` (n, ...), of `bytes_each`, make a block of `most` bytes, which are `BLOCK_BYTES` if None.

    All while JAX traces: it need not be cut.
    """
    return x.shape[0] if is_traced(x) else max(1, (most or BLOCK_BYTES) // max(bytes_each, 1))


def definition_values(part: Part) -> int:
    """Return how many values the definition of a built `part` holds at a time for one image.

    A part holds its input, its output and three times as much, on the finer of their grids: what its formula makes on
    the way, complex values among it.
    """
    values = 1
    for leaf in _leaves(part):
        (h, w, c), (h2, w2, c2) = leaf._shapes[0], leaf._shapes[-1]
        values = max(values, 4 * max(h * w, h2 * w2) * (c + c2))
    return values


def _leaves(part: Any) -> Iterator[Part]:
    """Yield the parts that the definition of a built part runs, those of a scattering transform's tree too."""
    part = getattr(part, "tree", part)
    if not isinstance(part, Composite):
        yield part
        return
    for inner in part.named_parts.values():
        yield from _leaves(inner)


def label_of_highest(scores: Any, classes: NDArray) -> Any:
    """Return the class of the highest of scores (n, n_classes), the first in a tie; by the sign of scores (n,).

    Raises
    ------
    TypeError
        If `scores` are of another library than NumPy and `classes` no numbers, which alone its arrays hold.
    """
    if not is_foreign(scores):
        return classes[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]
    if classes.dtype.kind not in "biuf":
        raise TypeError(
            f"The classes are {shown(classes, 60)}, but arrays of {namespace(scores).__name__} hold numbers alone: "
            "take decision_function(X), whose columns are in the order of classes_, or pass X as a NumPy array."
        )
    xp = namespace(scores)
    each = scores if scores.ndim == 2 else xp.stack([xp.zeros_like(scores), scores], axis=1)
    return xp.take(indices(classes, scores), xp.argmax(each, axis=1), axis=0)


def probabilities(scores: Any) -> Any:
    """Return the softmax (n, n_classes) of scores (n, n_classes), or of (0, s) for scores (n,)."""
    xp = namespace(scores)
    if scores.ndim == 1:
        scores = xp.stack([xp.zeros_like(scores), scores], axis=1)
    if not is_foreign(scores):
        return np.exp(log_softmax(scores))
    powers = xp.exp(scores - xp.max(scores, axis=1, keepdims=True))
    return powers / xp.sum(powers, axis=1, keepdims=True)
