"""Runs a pure function over cache-sized blocks of samples on threads, one BLAS thread each.

A leaf of the import graph. Block borders depend on shapes alone and results keep block order, so the bits do
not depend on the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any, TypeVar

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from numpy.typing import NDArray

from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._types.arrays import Indexed

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
        If `n_jobs`, or what joblib is configured with, is 0 or not an int.
    """
    _check_n_jobs(n_jobs)
    if getattr(_thread, "busy", False):
        return 1
    if n_jobs is None:
        backend, configured = get_active_backend()
        if backend.nesting_level:
            return 1
        _check_n_jobs(configured)
        n_jobs = -1 if configured is None else configured
    # the cores are counted, from the limits of the process, only where they decide: small calls would feel it
    return int(n_jobs) if n_jobs > 0 else max(1, joblib.cpu_count() + 1 + int(n_jobs))


def _check_n_jobs(n_jobs: Any) -> None:
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer) or n_jobs == 0):
        raise ValueError(f"n_jobs must be None or a non-zero int, got {n_jobs!r}.")


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
    threads = 1
    if len(slices) > 1:
        threads = min(n_threads(n_jobs), len(slices))
    else:
        _check_n_jobs(n_jobs)
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
    helpers = [pool.submit(as_worker, work) for _ in range(threads - 1)]
    try:
        as_worker(work)
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


def apply_blocks(function: Callable[[NDArray], NDArray], x: Indexed, block: int, n_jobs: int | None = None) -> NDArray:
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


def as_worker(function: Callable[..., T], *arguments: Any) -> T:
    before = getattr(_thread, "busy", False)
    _thread.busy = True
    try:
        return function(*arguments)
    finally:
        _thread.busy = before
