"""Chunks of images with their labels, of arrays or of streams whose batches have any lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._numbers import check_labels
from kernelconv.streams.sources import Chunk, as_source


def labelled_chunks(source: Any, labels: Any, size: int) -> tuple[Iterator[tuple[Chunk, NDArray]], int | None]:
    """Return the chunks of images with their labels, and how many images there are, None where nobody knows."""
    if is_stream(labels):
        pieces = _pieces(map(_checked_labels, labels), size, "labels")
    else:
        pieces = _cut(_as_labels(labels), size)
    if is_stream(source):
        chunks = ((as_source(images).chunk(0, len(images)), len(images)) for images in _pieces(source, size, "source"))
        return _together(chunks, pieces), None
    hint = " A list is read as one array: pass iter(a_list) of arrays." if isinstance(source, list | tuple) else ""
    try:
        images = as_source(source)
    except ValueError as error:
        raise ValueError(f"{error}{hint}") from error
    if not is_stream(labels) and len(labels) != len(images):
        counts = f"source holds {len(images):,} images and labels {len(labels):,}"
        raise ValueError(f"{counts}: one for each is needed.{hint}")
    n = len(images)
    lengths = (min(size, n - lo) for lo in range(0, n, size))
    return _together(zip(images.chunks(size), lengths, strict=True), pieces), n


def is_stream(values: Any) -> bool:
    """Return whether values come one after the other alone: no array, nothing that can become one, no path."""
    known = ("shape", "__getitem__", "__array__", "__fspath__")
    return hasattr(values, "__iter__") and not any(hasattr(values, name) for name in known)


def _checked_labels(labels: Any) -> Any:
    """Return labels of one kind, as ``partial_fit`` wants them: NumPy would make text of a mixture."""
    check_labels(labels, "labels")
    return labels


def _as_labels(labels: Any) -> NDArray:
    found = np.asarray(_checked_labels(labels))
    if found.ndim not in (1, 2) or not len(found):
        raise ValueError(f"labels must be (n,) or (n, k), one of each image, got shape {found.shape}.")
    return found


def _cut(values: NDArray, size: int) -> Iterator[NDArray]:
    for lo in range(0, len(values), size):
        yield values[lo : lo + size]


def _pieces(batches: Iterable[Any], size: int, name: str) -> Iterator[NDArray]:
    """Yield arrays of `size` of what comes in arrays of any length; the last may be shorter."""
    held: list[NDArray] = []
    first: NDArray | None = None
    for batch in batches:
        rest = np.atleast_1d(np.asarray(batch))
        first = rest if first is None else first
        texts = rest.dtype.kind == first.dtype.kind == "U"  # NumPy's dtype has their length
        if rest.shape[1:] != first.shape[1:] or (rest.dtype != first.dtype and not texts):
            raise ValueError(
                f"The arrays of {name} must be alike: one is {rest.dtype} {rest.shape}, the first was {first.dtype} "
                f"{first.shape}."
            )
        while len(rest):
            held.append(rest[: size - sum(map(len, held))])
            rest = rest[len(held[-1]) :]
            if sum(map(len, held)) == size:
                yield np.concatenate(held)
                held = []
        if held:
            held[-1] = held[-1].copy()  # whoever yields a batch may write the next one into it
    if held:
        yield np.concatenate(held)


def _together(chunks: Iterable[tuple[Chunk, int]], labels: Iterable[NDArray]) -> Iterator[tuple[Chunk, NDArray]]:
    """Yield chunks with their labels; raise ValueError where one of both ends before the other."""
    n_images = n_labels = 0
    for pair in zip_longest(chunks, labels):
        (images, n), y = pair[0] or (None, 0), pair[1]
        n_images, n_labels = n_images + n, n_labels + (0 if y is None else len(y))
        if images is None or y is None or n != len(y):
            less, more = ("labels", "images") if n_labels < n_images else ("images", "labels")
            raise ValueError(f"There are {min(n_images, n_labels):,} {less}, and more {more}: one for each is needed.")
        yield images, y
