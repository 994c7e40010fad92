"""Runs a pure function over cache-sized blocks of samples on threads, one BLAS thread each.

A leaf of the import graph. Block borders depend on shapes alone and results keep block order, so the bits do
not depend on the number of threads.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
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

    The calling thread is one of them. An error, or an interrupt, stops the blocks that have not begun; of several
    errors, the first in block order is raised.
    """
    slices = block_slices(n, block)
    threads = min(n_threads(n_jobs), len(slices))
    with single_threaded_blas():
        if threads <= 1:
            return [function(s) for s in slices]
        return _shared(function, slices, threads)


def _shared(function: Callable[[slice], T], slices: list[slice], threads: int) -> list[T]:
    """Return the values of all slices; each thread takes the next slice when it is done with its last."""
    values: dict[int, T] = {}
    errors: dict[int, BaseException] = {}
    todo, lock = iter(enumerate(slices)), threading.Lock()

    def work() -> None:
        while not errors:
            with lock:
                i, s = next(todo, (len(slices), None))
            if s is None:
                return
            try:
                values[i] = function(s)
            except BaseException as error:
                errors[i] = error

    pool = _pool(threads - 1)
    helpers = [pool.submit(_as_worker, work) for _ in range(threads - 1)]
    try:
        _as_worker(work)
        _dismiss(helpers)
    except BaseException as interrupt:  # between two slices, or while others finish theirs
        errors[len(slices)] = interrupt
        _dismiss(helpers)
    if errors:
        raise errors[min(errors)]
    return [values[i] for i in range(len(slices))]


@lru_cache(maxsize=1)
def keep_memory() -> None:
    """Make the allocator keep what training frees at the end of each step, instead of handing it back to the system.

    The C library of Linux hands back what is larger than twice the largest chunk it has seen freed, up to 32 MiB, and
    every step would fault its pages in again: half the time of a small network. One large chunk, freed untouched,
    raises that limit; elsewhere this does nothing.
    """
    np.empty(31 * 2**20, np.uint8)


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return the pool of `threads` workers. It is kept: training comes here at every step."""
    return ThreadPoolExecutor(threads, thread_name_prefix="kernelconv")


if hasattr(os, "register_at_fork"):  # a forked process inherits the pools and none of their threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _dismiss(helpers: list[Future[None]]) -> None:
    """Wait for `helpers`, but not for those that have not begun, the pool being busy with another caller's."""
    wait([helper for helper in helpers if not helper.cancel()])


def _results(futures: list[Future[T]]) -> list[T]:
    """Return the results in order; the first error, or an interrupt, stops what has not begun and is raised here."""
    try:
        return [f.result() for f in futures]
    except BaseException:
        for f in futures:
            f.cancel()
        wait(futures)
        raise


def map_coupled(function: Callable[[slice], T], n: int, block: int, n_jobs: int | None = None) -> list[T]:
    """Return what `map_blocks` returns, for a function whose blocks exchange values through `gather`.

    Every block has a thread of its own, so that all can meet; at most as many compute at a time as `map_blocks`
    would use. A block that fails releases the others, and its error is raised here.
    """
    slices = block_slices(n, block)
    if len(slices) == 1:
        return map_blocks(function, n, block, n_jobs)
    meeting = _Meeting(len(slices), min(n_threads(n_jobs), len(slices)))
    # a pool of its own: in a shared one the blocks of two callers could wait for each other's threads
    with single_threaded_blas(), ThreadPoolExecutor(len(slices), thread_name_prefix="kernelconv") as pool:
        values = _results([pool.submit(_as_party, function, s, meeting, i) for i, s in enumerate(slices)])
    if meeting.error is not None:
        raise meeting.error
    return values  # type: ignore[return-value]  # None only where there was an error


def gather(value: T) -> list[T]:
    """Return the `value` of every block of the mini-batch, in block order; ``[value]`` outside `map_coupled`.

    Each block of `map_coupled` must come here the same number of times, in the same order.
    """
    party = getattr(_thread, "party", None)
    return [value] if party is None else party(value)


class _Meeting:
    """Where the blocks of one `map_coupled` exchange values, and wait while others compute."""

    def __init__(self, parties: int, threads: int) -> None:
        self.barrier = threading.Barrier(parties)
        self.slots = threading.Semaphore(threads)
        # two tables in turn: whoever is at the next meeting has read the last one
        self.tables: tuple[list[Any], list[Any]] = ([None] * parties, [None] * parties)
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Keep the first error and release those who wait."""
        if self.error is None:
            self.error = error
        self.barrier.abort()

    def party(self, index: int) -> Callable[[Any], list[Any]]:
        """Return `gather` for block `index`."""
        turns = itertools.cycle(self.tables)

        def exchange(value: Any) -> list[Any]:
            table = next(turns)
            table[index] = value
            self.slots.release()
            try:
                self.barrier.wait()
            finally:
                self.slots.acquire()
            return list(table)

        return exchange


def _as_party(function: Callable[[slice], T], s: slice, meeting: _Meeting, index: int) -> T | None:
    _thread.party = meeting.party(index)
    try:
        with meeting.slots:
            return _as_worker(function, s)
    except threading.BrokenBarrierError:
        return None  # another block has failed
    except BaseException as error:
        meeting.fail(error)
        return None
    finally:
        _thread.party = None


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


def _as_worker(function: Callable[..., T], *arguments: Any) -> T:
    _thread.busy = True
    try:
        return function(*arguments)
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
