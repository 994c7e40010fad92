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

_block = threading.local()  # .party is set in the threads of `map_coupled`, which end with it


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
    add_seconds(sum(meeting.seconds))
    if meeting.error is not None:
        raise meeting.error
    return values  # type: ignore[return-value]  # None only where there was an error


def all_gather(value: T) -> list[T]:
    """Return the `value` of every block of the mini-batch, in block order; ``[value]`` outside `map_coupled`.

    Each block of `map_coupled` must come here the same number of times, in the same order.
    """
    party = getattr(_block, "party", None)
    return [value] if party is None else party(value)


class _Meeting:
    """Where the blocks of one `map_coupled` exchange values, and wait while others compute."""

    def __init__(self, parties: int, threads: int) -> None:
        self.barrier = threading.Barrier(parties)
        self.slots = threading.Semaphore(threads)
        # two tables in turn: whoever is at the next meeting has read the last one
        self.tables: tuple[list[Any], list[Any]] = ([None] * parties, [None] * parties)
        self.error: BaseException | None = None
        self.seconds = [0.0] * parties  # of each block's thread, which does nothing else

    def fail(self, error: BaseException) -> None:
        """Keep the first error and release those who wait."""
        if self.error is None:
            self.error = error
        self.barrier.abort()

    def party(self, index: int) -> Callable[[Any], list[Any]]:
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


def _as_party(function: Callable[[slice], T], s: slice, meeting: _Meeting, index: int) -> T | None:
    _block.party = meeting.party(index)
    try:
        with meeting.slots:
            return as_worker(function, s)
    except threading.BrokenBarrierError:
        return None  # another block has failed
    except BaseException as error:
        meeting.fail(error)
        return None
    finally:
        meeting.seconds[index] = time.thread_time()
