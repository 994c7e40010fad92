"""Blocks that exchange values while they compute: the statistics of a mini-batch that is cut into blocks."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._parallel.blocks import as_worker, block_slices, map_blocks, n_threads
from kernelconv._parallel.clock import add_seconds

T = TypeVar("T")

_block = threading.local()  # .exchange is set in the threads of `map_coupled`, which end with it


def _results(futures: list[Future[T]]) -> list[T]:
    """Return the results in order; the first error, or an interrupt, stops what has not begun and is raised here."""
    try:
        return [f.result() for f in futures]
    except BaseException:
        for f in futures:
            f.cancel()
        raise  # the pool waits for the others


def map_coupled(function: Callable[[slice], T], n: int, block: int, n_jobs: int | None = None) -> list[T]:
    """Return what `map_blocks` returns, for a function whose blocks exchange values through `all_gather`.

    Every block has a thread of its own, so that all can reach the exchange; at most as many compute at a time as
    `map_blocks` would use. A block that fails releases the others, and its error is raised here.
    """
    slices = block_slices(n, block)
    if len(slices) == 1:
        return map_blocks(function, n, block, n_jobs)
    group = _Group(len(slices), min(n_threads(n_jobs), len(slices)))
    # a pool of its own: in a shared one the blocks of two callers could wait for each other's threads
    with single_threaded_blas(), ThreadPoolExecutor(len(slices), thread_name_prefix="kernelconv") as pool:
        values = _results([pool.submit(_as_member, function, s, group, i) for i, s in enumerate(slices)])
    add_seconds(sum(group.seconds))
    if group.error is not None:
        raise group.error
    return values  # type: ignore[return-value]  # None only where there was an error


def all_gather(value: T) -> list[T]:
    """Return the `value` of every block of the mini-batch, in block order; ``[value]`` outside `map_coupled`.

    Each block of `map_coupled` must call it the same number of times, in the same order.
    """
    exchange = getattr(_block, "exchange", None)
    return [value] if exchange is None else exchange(value)


class _Group:
    """The blocks of one `map_coupled`, which exchange values, and wait while others compute."""

    def __init__(self, n_blocks: int, threads: int) -> None:
        self.barrier = threading.Barrier(n_blocks)
        self.slots = threading.Semaphore(threads)
        # two tables in turn: a block that is at the next exchange has read the last one
        self.tables: tuple[list[Any], list[Any]] = ([None] * n_blocks, [None] * n_blocks)
        self.error: BaseException | None = None
        self.seconds = [0.0] * n_blocks  # of each block's thread, which does nothing else

    def fail(self, error: BaseException) -> None:
        """Keep the first error and release those who wait."""
        if self.error is None:
            self.error = error
        self.barrier.abort()

    def all_gather(self, index: int) -> Callable[[Any], list[Any]]:
        """Return `all_gather` for block `index`."""
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


def _as_member(function: Callable[[slice], T], s: slice, group: _Group, index: int) -> T | None:
    _block.exchange = group.all_gather(index)
    try:
        with group.slots:
            return as_worker(function, s)
    except threading.BrokenBarrierError:
        return None  # another block has failed
    except BaseException as error:
        group.fail(error)
        return None
    finally:
        group.seconds[index] = time.thread_time()
