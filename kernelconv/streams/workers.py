"""Tasks side by side, their results in order: on threads, on processes of joblib, or on a Dask cluster."""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from itertools import islice
from typing import Any, TypeVar

from joblib import effective_n_jobs, wrap_non_picklable_objects
from joblib.parallel import get_active_backend

from kernelconv._check import check_count
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._parallel.blocks import as_worker

S = TypeVar("S")
T = TypeVar("T")
Pending = deque[tuple[Any, Any]]  # tasks, each with the future of its result

#: Tasks and results that wait, for each worker: one that it works on, one that it finds when it is done.
WAITING = 2
#: How often a task may lose its worker before it is thought to be what kills them: as often as Dask allows.
MOST_LOSSES = 3
#: Seconds after which a process without work ends.
IDLE = 60
#: A process takes one core: its BLAS makes no threads, which would cost memory.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def in_order(
    function: Callable[[S], T],
    tasks: Iterable[S],
    *,
    workers: int | None = None,
    client: Any = None,
    waiting: int | None = None,
) -> Generator[T]:
    """Yield ``function(task)`` for each task, in the order of the tasks, computed side by side.

    A task computes on one thread of its worker, and on one of BLAS, so that a result has the same bits wherever it is
    computed. Tasks are taken from `tasks` as they are needed: few wait, however many there are.

    Parameters
    ----------
    function : callable
        Of one task, without side effects: it may be called again where a worker was lost.
    tasks : iterable
        What `function` takes; sent to the worker.
    workers : int, optional
        Processes, or threads inside ``joblib.parallel_config(backend="threading")``; 1 is this process. ``None`` is as
        ``joblib.parallel_config`` says, Dask included (other clusters are taken for processes here); where it says
        nothing, one task after the other in this process, each on the threads that it takes by itself.
    client : dask.distributed.Client, optional
        Cluster that computes instead.
    waiting : int, optional
        Tasks that may be in work, or done and not yet yielded; twice the workers by default.

    Yields
    ------
    result
        Of each task. What a task raises is raised here when its turn comes, and no more tasks are begun.

    Raises
    ------
    ValueError
        If `workers` or `waiting` is not a count, or both `workers` and `client` are given.
    TypeError
        If `client` is not a (synchronous) Client of Dask.
    ChildProcessError
        If workers are killed again and again during the same tasks.

    Notes
    -----
    A worker that is killed costs the work it was at: its tasks are given to new processes twice, by a Dask scheduler to
    other workers three times (``distributed.scheduler.allowed-failures``). `function` is sent once to each worker of a
    cluster, and with each task to a process.

    Examples
    --------
    >>> list(in_order(abs, [-3, 1, -2], workers=1))
    [3, 1, 2]
    """
    if waiting is not None:
        check_count(waiting, "waiting")
    if workers is not None:
        check_count(workers, "workers")
    if client is not None:
        _check_client(client, workers)
    return _in_order(function, tasks, _chosen(workers, client), waiting)


def _check_client(client: Any, workers: int | None) -> None:
    if workers is not None:
        raise ValueError(f"workers={workers} and a client: the client's cluster has its own workers, give one of them.")
    if not all(hasattr(client, name) for name in ("submit", "cancel", "nthreads")) or client.asynchronous:
        raise TypeError(f"client must be a dask.distributed.Client that is not asynchronous, got {client!r}.")


def _chosen(workers: int | None, client: Any) -> Callable[[Callable[[Any], Any]], _Here]:
    """Return what makes the workers for a function: given ones, else those that joblib is configured with."""
    backend, _ = get_active_backend()
    client = getattr(backend, "client", None) if client is None and workers is None else client
    if client is not None:
        return partial(_Cluster, client)
    count = effective_n_jobs(None) if workers is None else workers
    if count == 1:
        return _OneThread if workers == 1 else _Here
    return partial(_Threads if getattr(backend, "supports_sharedmem", False) else _Processes, count)


def _in_order(
    function: Callable[[S], T],
    tasks: Iterable[S],
    make: Callable[[Callable[[S], T]], _Here],
    waiting: int | None,
) -> Generator[T]:
    todo, pool = iter(tasks), make(function)
    most = pool.count * WAITING if waiting is None else waiting
    pending: Pending = deque()
    losses = 0
    try:
        while True:
            pending.extend((task, pool.submit(task)) for task in islice(todo, most - len(pending)))
            if not pending:
                return
            try:
                value = pool.result(pending[0][1])
            except BrokenProcessPool as error:
                losses += 1
                if losses == MOST_LOSSES:
                    raise _killed() from error
                pending = pool.again(pending)
                continue
            pending.popleft()
            losses = 0
            yield value
    finally:
        pool.close([future for _, future in pending])


def _killed() -> ChildProcessError:
    return ChildProcessError(
        "Workers were killed again and again at the same tasks, perhaps for want of memory: take smaller chunks or "
        "fewer workers."
    )


# -- the workers -------------------------------------------------------------------------------------------------------


class _Here:
    """The process itself, one task after the other, when its result is asked for."""

    count = 1

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def submit(self, task: Any) -> Any:
        return task

    def result(self, future: Any) -> Any:
        with single_threaded_blas():
            return self.function(future)

    def again(self, pending: Pending) -> Pending:
        return pending

    def close(self, unfinished: list[Any]) -> None:
        pass


class _OneThread(_Here):
    def result(self, future: Any) -> Any:
        return _alone(self.function, future)


class _Threads(_Here):
    def __init__(self, count: int, function: Callable[[Any], Any]) -> None:
        super().__init__(function)
        self.count = count
        self.executor: Any = ThreadPoolExecutor(count, thread_name_prefix="kernelconv")

    def submit(self, task: Any) -> Any:
        return self.executor.submit(_alone, self.function, task)

    def result(self, future: Any) -> Any:
        return future.result()

    def close(self, unfinished: list[Any]) -> None:
        self.executor.shutdown(cancel_futures=True)


class _Processes(_Threads):
    """Processes of loky, joblib's own: functions of the main module can be sent to them."""

    def __init__(self, count: int, function: Callable[[Any], Any]) -> None:
        self.count, self.packed = count, _packed(function)
        self.executor = _processes(count)

    def submit(self, task: Any) -> Any:
        try:
            return self.executor.submit(_of_packed, self.packed, task)
        except BrokenProcessPool as error:  # a process has died since; whoever waits for the result is told
            lost: Future[Any] = Future()
            lost.set_exception(error)
            return lost

    def result(self, future: Any) -> Any:
        try:
            return future.result()
        except BrokenProcessPool:
            _processes.cache_clear()
            raise

    def again(self, pending: Pending) -> Pending:
        """Give the tasks that are not done to new processes."""
        self.executor = _processes(self.count)
        return deque((t, f if f.done() and not f.exception() else self.submit(t)) for t, f in pending)

    def close(self, unfinished: list[Any]) -> None:
        wait([future for future in unfinished if not future.cancel()])


@lru_cache(maxsize=1)
def _processes(count: int) -> Any:
    """Return an executor of loky, which lies in joblib, or beside it in some distributions of it.

    It is kept, for processes take seconds to start; they end when they have had nothing to do for a while.
    """
    try:
        from joblib.externals.loky import ProcessPoolExecutor
    except ImportError:
        from loky import ProcessPoolExecutor
    return ProcessPoolExecutor(count, timeout=IDLE, env=ENVIRONMENT)


if hasattr(os, "register_at_fork"):  # a forked process inherits the executor and none of its threads
    os.register_at_fork(after_in_child=_processes.cache_clear)


class _Cluster(_Here):
    def __init__(self, client: Any, function: Callable[[Any], Any]) -> None:
        self.client, self.count = client, max(1, sum(client.nthreads().values()))
        # The result of a task, not scattered data: it is made again where the workers that hold it are lost
        self.packed = client.submit(_itself, _packed(function), pure=False)

    def submit(self, task: Any) -> Any:
        return self.client.submit(_of_packed, self.packed, task, pure=False)

    def result(self, future: Any) -> Any:
        from distributed import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise _killed() from error

    def close(self, unfinished: list[Any]) -> None:
        self.client.cancel([*unfinished, self.packed])


def _alone(function: Callable[[S], T], task: S) -> T:
    """Return the result of a task, on one thread; what is sent to a worker."""
    with single_threaded_blas():
        return as_worker(function, task)


def _packed(function: Callable[[Any], Any]) -> bytes:
    """Return a function as bytes; one of the main module, or a lambda, by its code."""
    return pickle.dumps(wrap_non_picklable_objects(function))


def _itself(packed: bytes) -> bytes:
    return packed


def _of_packed(packed: bytes, task: Any) -> Any:
    return _alone(_unpacked(packed), task)


@lru_cache(maxsize=2)
def _unpacked(packed: bytes) -> Callable[[Any], Any]:
    """Return the function, read once for all the tasks that a worker is given."""
    return pickle.loads(packed)
