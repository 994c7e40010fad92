"""transform_store: features of more images than the memory holds, chunk by chunk into a file, going on after a kill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from kernelconv._check import check_count
from kernelconv._numbers import as_real, shown
from kernelconv._parallel.workers import in_order
from kernelconv.streams.identity import fitted_digest
from kernelconv.streams.on_disk.rows import Rows
from kernelconv.streams.on_disk.unfinished import Mark, Store
from kernelconv.streams.progress import counted
from kernelconv.streams.sources import Chunk, Source, SourceLike, as_source, digest_of


def transform_store(
    estimator: BaseEstimator,
    source: SourceLike | Source,
    target: str | Path,
    *,
    chunk: int,
    workers: int | None = None,
    client: Any = None,
    progress: bool = False,
) -> Any:
    r"""Write the features :math:`\Phi(x_i)` of all images of a source, chunk by chunk, to a file; resume after a kill.

    Parameters
    ----------
    estimator : fitted estimator
        Anything whose ``transform`` returns rows (m, d), each from one image alone: a pipeline, for example.
    source : array-like, dataset of zarr or h5py, `ImageFolder`, or path
        The images, n of them; see `as_source`.
    target : str or path
        Where the features (n, d) are written: an .npy file, or the folder of a zarr array, by its ending, ".npy" or
        ".zarr". On a cluster, it must be in a folder that all workers can access.
    chunk : int
        Images that are read, transformed and written together: the unit of work.
    workers : int, optional
        Number of processes; None means the setting of ``joblib.parallel_config``, or without one this process alone.
    client : dask.distributed.Client, optional
        Cluster that computes instead.
    progress : bool
        Show a progress bar.

    Returns
    -------
    memory map or zarr array, shape (n, d)
        The features, read-only.

    Raises
    ------
    ValueError
        If `target` has another ending or no folder, or exists and was not made by this function; if it, finished or
        not, was made by another estimator, from other images or with another chunk size; if a chunk of images is not
        acceptable to the estimator, or the output is not rows of numbers of one length and dtype.
    TypeError
        If `estimator` has no ``transform``, or holds an object that cannot be compared by value (a lambda, say).
    OSError
        If a file cannot be written; the message names the file, and finished chunks are kept.

    Notes
    -----
    Until all chunks are done the rows are in the folder ``<target>.unfinished``, with a line for each finished chunk:
    the digests (SHA-256) of its images and its rows. After an interrupt or a kill the same call resumes: finished
    chunks are compared with their digests, so that other images raise an error and damaged rows are computed again; a
    finished target is only compared. The lines are kept beside it as ``<target>.chunks.json``. One run at a time may
    write a target.

    With the same chunks the rows have the same bits for any number of workers; with other chunks they agree to
    rounding. Memory: a chunk of images and one of features for each worker, and a few blocks.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from kernelconv import Scattering2D, load_digits_images
    >>> from kernelconv.streams import transform_store
    >>> X, y = load_digits_images()
    >>> scattering = Scattering2D(J=2).fit(X[:1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     features = transform_store(scattering, X[:100], f"{folder}/features.npy", chunk=32)
    ...     features.shape, bool(np.allclose(features, scattering.transform(X[:100])))
    ((100, 324), True)
    """
    chunk = check_count(chunk, "chunk")
    if not hasattr(estimator, "transform"):
        raise TypeError(f"estimator must have a transform, got {shown(estimator)}.")
    given = as_source(source)
    wanted = {"estimator": fitted_digest(estimator), "source": [*given.shape, given.dtype.str], "chunk": chunk}
    store = Store(target, wanted)
    if store.rows is None:
        one = _features(estimator, given[:1], "image 0")
        store.begin((len(given), one.shape[1]), one.dtype.str)
    assert store.rows is not None
    work = partial(_done, None if store.finished else estimator, store.rows)
    tasks = _tasks(given, chunk, store.marks)
    with counted("features", len(given), progress) as advance:
        for i, mark in enumerate(in_order(work, tasks, workers=workers, client=client)):
            check_mark(store, i, mark, len(given), "images")
            store.mark(i, mark)
            advance(min(chunk, len(given) - i * chunk))
    if not store.finished:
        store.finish()
    return store.rows.open()


@dataclass(frozen=True)
class _Task:
    """Images `first` to `last` (exclusive), with their mark where they are done."""

    images: Chunk
    first: int
    last: int
    mark: Mark | None


def _tasks(source: Source, size: int, marks: Sequence[Mark]) -> Iterator[_Task]:
    known = dict(enumerate(marks))  # as they are now: more come while tasks are taken
    for i, images in enumerate(source.chunks(size)):
        yield _Task(images, i * size, min((i + 1) * size, len(source)), known.get(i))


def _done(estimator: BaseEstimator | None, rows: Rows, task: _Task) -> Mark:
    """Return the mark of a chunk, with its rows written where they are not; without an estimator, as they are."""
    if task.mark is not None:
        found = Mark(task.images.digest(), digest_of_rows(rows, task.first, task.last))
        if estimator is None or found == task.mark or found.source != task.mark.source:
            return found
    images, digest = task.images.read()
    words = f"images {task.first:,} to {task.last - 1:,}"
    features = _features(estimator, images, words)
    if (features.shape[1], features.dtype.str) != (rows.shape[1], rows.dtype):
        raise ValueError(
            f"{type(estimator).__name__} made rows of {features.shape[1]} {features.dtype} of {words}, and of "
            f"{rows.shape[1]} {np.dtype(rows.dtype)} of image 0: they must be alike."
        )
    rows.write(task.first, features)
    return Mark(digest, digest_of(features))


def digest_of_rows(rows: Rows, first: int, last: int) -> str:
    """Return the digest of rows that are there, or "" where they cannot be read."""
    try:
        return digest_of(np.asarray(rows.open()[first:last]))
    except (OSError, ValueError, RuntimeError):
        return ""


def _features(estimator: Any, images: NDArray, words: str) -> NDArray:
    """Return the rows that `estimator` makes of `images`, which messages call `words`."""
    try:
        features = as_real(estimator.transform(images), "the features")
    except ValueError as error:
        raise ValueError(f"{words} of the source: {error}") from error
    if features.ndim != 2 or len(features) != len(images):
        raise ValueError(
            f"{type(estimator).__name__}.transform must return one row for each image, got shape {features.shape} of "
            f"{len(images)} images."
        )
    return features


def check_mark(store: Store, i: int, mark: Mark, total: int, noun: str) -> None:
    """Raise ValueError if the source, of `total` images or samples, is not that of the mark, or rows are damaged."""
    if i >= len(store.marks):
        return
    size, known = store.wanted["chunk"], store.marks[i]
    words = f"{i * size:,} to {min((i + 1) * size, total) - 1:,}"
    place = store.target if store.finished else store.folder
    if mark.source != known.source:
        raise ValueError(
            f"{place} holds features of a source of other {noun}: {noun} {words} are not those that it was made of. "
            "Call with these again, name another target, or delete it."
        )
    if store.finished and mark.rows != known.rows:
        raise ValueError(
            f"target={str(place)!r} is damaged: rows of {noun} {words} are not those that were written. Delete it."
        )
