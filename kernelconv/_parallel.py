"""Runs a pure function over cache-sized blocks of samples on threads, one BLAS thread each.

A leaf of the import graph. Block borders depend on shapes alone and results keep block order, so the bits do
not depend on the number of threads.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

T = TypeVar("T")

#: Bytes one block may touch. Two of them fit the last-level cache of a small machine.
CACHE_BYTES = 4 * 2**20

_thread = threading.local()  # .busy is set inside a worker: nested calls run serially


def n_threads(n_jobs: int | None = None) -> int:
    """Return how many threads a call may use now.

    ``None`` means the cores this process may use, or what ``joblib.parallel_config(n_jobs=...)`` says; inside a
    joblib worker or one of our own blocks it means 1. Negative values count back from the number of cores, as in
    joblib.

    Raises
    ------
    ValueError
        If `n_jobs` is 0 or not an int.
    """
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer) or n_jobs == 0):
        raise ValueError(f"n_jobs must be None or a non-zero int, got {n_jobs!r}.")
    if getattr(_thread, "busy", False):
        return 1
    if n_jobs is None:
        backend, configured = get_active_backend()
        if backend.nesting_level:
            return 1
        n_jobs = -1 if configured is None else configured
    cores = joblib.cpu_count()
    return max(1, int(n_jobs) if n_jobs > 0 else cores + 1 + int(n_jobs))


def block_length(bytes_per_sample: float, maximum: int = 256) -> int:
    """Return how many samples make a block, from the bytes one of them touches. A function of shapes alone."""
    return int(np.clip(CACHE_BYTES // max(bytes_per_sample, 1), 1, maximum))


def block_slices(n: int, block: int) -> list[slice]:
    """Return the slices that cut `n` samples into blocks of `block` (the last may be shorter)."""
    return [slice(lo, min(lo + block, n)) for lo in range(0, n, block)]


def map_blocks(function: Callable[[slice], T], n: int, block: int, n_jobs: int | None = None) -> list[T]:
    """Return ``[function(s) for s in block_slices(n, block)]``, computed on threads.

    An error stops the blocks that have not begun; of several, the first in block order is raised.
    """
    slices = block_slices(n, block)
    threads = min(n_threads(n_jobs), len(slices))
    with single_threaded_blas():
        if threads <= 1:
            return [function(s) for s in slices]
        with ThreadPoolExecutor(threads) as pool:
            futures = [pool.submit(_as_worker, function, s) for s in slices]
            try:
                return [f.result() for f in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def apply_blocks(function: Callable[[NDArray], NDArray], x: NDArray, block: int, n_jobs: int | None = None) -> NDArray:
    """Return ``concatenate([function(x[s]) for each block s])``; needs the output and a few blocks of memory.

    `function` maps (m, ...) to (m, ...), sample by sample.
    """
    out: list[NDArray] = []  # its shape is known once a block is done: whoever is first makes it
    lock = threading.Lock()

    def fill(s: slice) -> None:
        y = function(x[s])
        with lock:
            if not out:
                out.append(np.empty((len(x), *y.shape[1:]), y.dtype))
        out[0][s] = y

    map_blocks(fill, len(x), block, n_jobs)
    return out[0]


def _as_worker(function: Callable[[Any], T], argument: Any) -> T:
    _thread.busy = True
    try:
        return function(argument)
    finally:
        _thread.busy = False


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  SciPy brings a BLAS of its own, which must be loaded to be limited

    return ThreadpoolController()


def _free_blas() -> None:
    """Let this thread set OpenBLAS: since 3.8 threadpoolctl ignores every thread but the first one that did."""
    for library in _controller().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


class _BlasGuard:
    """Counts who asked for one BLAS thread: the limit is process-wide, so the first sets it and the last lifts it."""

    def __init__(self) -> None:
        self.lock, self.users = threading.Lock(), 0
        self.limiter: Any = None

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                _free_blas()
                self.limiter = _controller().limit(limits=1, user_api="blas")
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                _free_blas()  # the last to leave need not be the first that came
                self.limiter.restore_original_limits()
                self.limiter = None
                _free_blas()


_guard = _BlasGuard()


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Give BLAS one thread inside the block, whoever else is inside one at the time."""
    _guard.enter()
    try:
        yield
    finally:
        _guard.leave()
