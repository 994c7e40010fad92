"""fit_stream: a head learned from features that are computed chunk by chunk and never stored, resumed after a kill."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from kernelconv._check import check_count
from kernelconv._identity import described
from kernelconv._numbers import as_array, shown
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._parallel.workers import in_order
from kernelconv.networks.class_moments import NoStreamError
from kernelconv.streams.identity import UNSEEN, fitted_digest
from kernelconv.streams.incremental import IncrementalHead
from kernelconv.streams.labelled import is_stream, labelled_chunks
from kernelconv.streams.on_disk.sums import Progress, SumsOnDisk
from kernelconv.streams.progress import counted
from kernelconv.streams.sources import Chunk, Source, SourceLike, digest_of


def fit_stream(
    pipeline: Pipeline,
    source: SourceLike | Source | Iterable[NDArray],
    labels: ArrayLike | Iterable[ArrayLike],
    *,
    chunk: int,
    classes: ArrayLike | None = None,
    checkpoint: str | Path | None = None,
    workers: int | None = None,
    client: Any = None,
    progress: bool = False,
) -> Pipeline:
    r"""Return `pipeline` with its head learned from the features :math:`\Phi(x_i)` of a stream; resume after a kill.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted transformers that act on each image alone, then a head that learns by ``partial_fit``, such as
        `IncrementalRidgeClassifier`. The pipeline is not changed.
    source : array-like, dataset of zarr or h5py, `ImageFolder`, path, or iterable of arrays
        The images; see `as_source`. An iterable of arrays (m, h, w), (m, h, w, c) or rows (m, d), of any m, is a stream
        of unknown length; a list or tuple is read as one array of images: pass ``iter(a_list)`` of such arrays.
    labels : array-like, shape (n,) or (n, k), or iterable of arrays
        Labels or targets of the images, in their order; the arrays of an iterable may be of any lengths.
    chunk : int
        Images that are read, transformed and added together: the unit of work.
    classes : array-like, shape (k,), optional
        All labels there may be, for a head that is a classifier: scikit-learn's want them where `labels` is an
        iterable, which cannot be searched for them beforehand.
    checkpoint : path, optional
        File that keeps the sums: after an interrupt or a kill the same call resumes from it, with the same bits; after
        the end of the stream it returns at once. Writing it takes at most a twentieth of the run.
    workers : int, optional
        Number of processes; None means the setting of ``joblib.parallel_config``, or without one this process alone.
    client : dask.distributed.Client, optional
        Cluster that computes the features instead.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Pipeline
        The same transformers, and a new head that has learned from all images.

    Raises
    ------
    ValueError
        If a source and its labels differ in length, a stream has no image or its arrays are not alike, a classifier of
        scikit-learn needs `classes` that are not given, or they are given for a regressor, `checkpoint` is
        damaged or of other transformers, another head, chunk size or other images, or transformers or head raise it for
        a chunk.
    TypeError
        If `pipeline` is not a Pipeline, its head has no ``partial_fit``, or with `checkpoint` no ``state`` and
        ``load_state``.
    NotFittedError
        If a transformer is not fitted.

    Notes
    -----
    Chunks are added in their order, with one BLAS thread: with the same chunks the head has the same bits for any
    number of workers, threads, processes or machines, and however often the run was stopped; with other chunks sums
    agree to rounding. A resumed call reads the images already added once more and compares their digest: for other
    images it raises an error. If the source has grown, the call adds the new images, provided that the old ones ended
    at the end of a chunk.

    Memory: the sums of the head, and the images and features of two chunks per worker. One process adds: for d
    features, about 2 d^2 operations per image. Where that takes longer than the features do, learn from parts of the
    stream in parallel and ``merge`` the heads.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from kernelconv import Scattering2D, load_digits_images
    >>> from kernelconv.streams import IncrementalRidgeClassifier, fit_stream
    >>> X, y = load_digits_images()
    >>> pipeline = make_pipeline(Scattering2D(J=1).fit(X[:1]), IncrementalRidgeClassifier(alphas=0.01, cv=None))
    >>> model = fit_stream(pipeline, X[:1000], y[:1000], chunk=250)
    >>> model.score(X[1000:], y[1000:]) > 0.95
    True
    """
    chunk = check_count(chunk, "chunk")
    steps, head = _steps(pipeline, kept=checkpoint is not None)
    told = {} if classes is None else {"classes": np.unique(as_array(classes, "classes")).tolist()}
    decisive = {
        **told,
        "transformers": [fitted_digest(step) for step in steps],
        "head": _settings(head),
        "chunk size": chunk,
    }
    sums = SumsOnDisk(checkpoint, decisive)
    before = sums.resume(head)
    stream, n_images = labelled_chunks(source, labels, chunk)
    learn = _learn(head, labels, classes)
    done = Progress()
    tasks = (_Task(i * chunk, images, y, i < before.chunks) for i, (images, y) in enumerate(stream))
    results = in_order(partial(_features, steps), tasks, workers=workers, client=client)
    with closing(results), counted("images", n_images, progress) as advance:
        for digest, features, y in results:
            done = _further(done, digest, y)
            if done.chunks == before.chunks:
                _check_same(done, before, checkpoint)
            if features is not None:
                with single_threaded_blas():
                    learn(features, y)
                sums.keep(head, done)
            advance(len(y))
    _check_end(done, before, checkpoint)
    sums.keep(head, done, now=True)
    return _with_head(pipeline, head)


# -- the pipeline ------------------------------------------------------------------------------------------------------


def _steps(pipeline: Any, kept: bool) -> tuple[list[BaseEstimator], Any]:
    """Return the fitted transformers, and a head that has learned nothing."""
    if not isinstance(pipeline, Pipeline):
        raise TypeError(f"pipeline must be a scikit-learn Pipeline of transformers and a head, got {shown(pipeline)}.")
    *steps, head = [step for _, step in pipeline.steps]
    steps = [step for step in steps if step not in (None, "passthrough")]
    for step in steps:
        words = "%(name)s has learned nothing yet: fit it before the head, on the source, a part of it or other images."
        check_is_fitted(step, msg=words)
    head = clone(head) if hasattr(head, "get_params") else head
    needed = ("partial_fit", "state", "load_state") if kept else ("partial_fit",)
    if missing := [name for name in needed if not _has(head, name)]:
        raise TypeError(
            f"The last step, {type(head).__name__}, has no {' and no '.join(missing)}: take IncrementalRidgeClassifier "
            f"or IncrementalRidge{', or no checkpoint' if missing[0] != 'partial_fit' else ''}."
        )
    return steps, head


def _has(head: Any, name: str) -> bool:
    """Return whether a head has a method; raise NoStreamError, which says why, where its parameters forbid it."""
    try:
        getattr(head, name)
    except NoStreamError:
        raise
    except AttributeError:
        return False
    return True


def _learn(head: Any, labels: Any, classes: Any) -> Callable[[NDArray, NDArray], Any]:
    """Return ``head.partial_fit``; scikit-learn's classifiers are told all classes, which they ask for at once."""
    if classes is not None:
        if not is_classifier(head):
            raise ValueError(f"classes are for classifiers, and the head is a {type(head).__name__}.")
        return partial(head.partial_fit, classes=np.unique(as_array(classes, "classes")))
    if isinstance(head, IncrementalHead) or not is_classifier(head):
        return head.partial_fit  # type: ignore[no-any-return]
    if is_stream(labels):
        raise ValueError(f"{type(head).__name__} must know all classes before it learns: pass classes=.")
    return partial(head.partial_fit, classes=np.unique(np.asarray(labels)))


def _settings(head: Any) -> Any:
    """Return what decides the sums of a head, as JSON: its penalties and threads do not."""
    return {name: value for name, value in described(head).items() if name not in ("alphas", *UNSEEN)}


def _with_head(pipeline: Pipeline, head: Any) -> Pipeline:
    found = copy.copy(pipeline)
    found.steps = [*pipeline.steps[:-1], (pipeline.steps[-1][0], head)]
    return found


# -- the work ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Task:
    """A chunk that begins at image `first`, with its labels; `added` says that the sums hold it."""

    first: int
    images: Chunk
    labels: NDArray
    added: bool


def _features(steps: list[Any], task: _Task) -> tuple[str, NDArray | None, NDArray]:
    """Return the digest of a chunk, its features unless they are added already, and its labels."""
    if task.added:
        return task.images.digest(), None, task.labels
    x, digest = task.images.read()
    try:
        for step in steps:
            x = step.transform(x)
    except ValueError as error:
        n = len(task.labels)
        raise ValueError(f"Images {task.first:,} to {task.first + n - 1:,} of the stream: {error}") from error
    return digest, x, task.labels


def _further(done: Progress, digest: str, labels: NDArray) -> Progress:
    """Return the progress with one chunk more."""
    # texts by their letters: NumPy keeps them as wide as the longest that it was given with them
    of_labels = digest_of(labels) if labels.dtype.kind in "biuf" else repr(labels.tolist())
    chained = hashlib.sha256(f"{done.digest} {digest} {of_labels}".encode()).hexdigest()
    return replace(done, chunks=done.chunks + 1, images=done.images + len(labels), digest=chained)


def _check_same(done: Progress, before: Progress, checkpoint: Any) -> None:
    if done != before:
        raise ValueError(
            f"{checkpoint} holds the sums of {before.images:,} other images or labels than the first of this stream: "
            "give those again, name another checkpoint, or delete it."
        )


def _check_end(done: Progress, before: Progress, checkpoint: Any) -> None:
    if done.chunks < before.chunks:
        raise ValueError(
            f"{checkpoint} holds the sums of {before.images:,} images, and the stream has {done.images:,}: give all of "
            "them again, name another checkpoint, or delete it."
        )
    if not done.chunks:
        raise ValueError("source holds no image: at least one is needed.")
