"""Arrays of any library at an estimator's doors: what comes in is checked, rows, labels and probabilities go out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import indices, is_acceptable, is_foreign, is_traced, namespace, numpy_dtype, to_numpy
from kernelconv._parallel.blocks import block_slices
from kernelconv._types.stored import StoredImages
from kernelconv.networks.serial import Network
from kernelconv.networks.training.losses import log_softmax
from kernelconv.operators.base import Part
from kernelconv.operators.composite import Composite

#: Bytes of one part's maps that a block of images of another library than NumPy may make, on its device.
BLOCK_BYTES = 2**28


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
    """Return what a built `network` makes of images (n, h, w, c) as rows (n, d), in their library, block by block.

    While JAX traces, the images are one block: what it compiles need not be cut.
    """
    if not is_foreign(images):
        return network.map_forward(arranged, images, n_jobs)  # type: ignore[arg-type]  # images in a file too
    n = images.shape[0]
    size = n if is_traced(images) else definition_block(network, numpy_dtype(images).itemsize)
    made = [network.map_forward(arranged, images[s, ...]) for s in block_slices(n, size)]
    return made[0] if len(made) == 1 else namespace(images).concat(made, axis=0)


def definition_block(network: Network, itemsize: int) -> int:
    """Return how many images at a time the definition of a built `network` is given: those whose maps fit BLOCK_BYTES.

    A part holds its input, its output and twice as much, on the finer of their grids: what its formula makes on the
    way, complex values among it.
    """
    values = 1
    for part in _leaves(network):
        (h, w, c), (h2, w2, c2) = part._shapes[0], part._shapes[-1]
        values = max(values, 4 * max(h * w, h2 * w2) * (c + c2))
    return max(1, BLOCK_BYTES // (itemsize * values))


def _leaves(part: Any) -> Iterator[Part]:
    """Yield the parts that the definition of a built part runs, those of a scattering transform's tree too."""
    part = getattr(part, "tree", part)
    if not isinstance(part, Composite):
        yield part
        return
    for inner in part.named_parts.values():
        yield from _leaves(inner)


def label_of_highest(classes: NDArray, scores: Any) -> Any:
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
            f"The classes are {classes[:3].tolist()}..., and arrays of {namespace(scores).__name__} hold numbers alone: "
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
