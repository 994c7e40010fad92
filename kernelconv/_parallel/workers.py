"""Tasks side by side, their results in order: on threads, on processes of joblib, or on a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend

from kernelconv._check import check_count
from kernelconv._parallel.pools import Cluster, Here, OneThread, Pending, Processes, Threads, killed

S = TypeVar("S")
T = TypeVar("T")

#: Tasks and results that wait, for each worker: one that it works on, one that it finds when it is done.
WAITING = 2
#: How often a task may lose its worker before it is thought to be what kills them: as often as Dask allows.
MOST_LOSSES = 3


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


def _chosen(workers: int | None, client: Any) -> Callable[[Callable[[Any], Any]], Here]:
    """Return what makes the workers for a function: given ones, else those that joblib is configured with."""
    backend, _ = get_active_backend()
    client = cluster_of_joblib() if client is None and workers is None else client
    if client is not None:
        return partial(Cluster, client)
    count = workers or (1 if hasattr(backend, "client") else effective_n_jobs(None))
    if count == 1:
        return OneThread if workers == 1 else Here
    return partial(Threads if getattr(backend, "supports_sharedmem", False) else Processes, count)


def cluster_of_joblib() -> Any:
    """Return the client of the Dask cluster that joblib is configured with, None where it is not, or in a worker.

    A task that waits for others of its cluster would take the place that they need.
    """
    client = getattr(get_active_backend()[0], "client", None)
    if client is None:
        return None
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:  # this is no worker
        return client
    return None


def _in_order(
    function: Callable[[S], T],
    tasks: Iterable[S],
    make: Callable[[Callable[[S], T]], Here],
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
                    raise killed() from error
                pending = pool.again(pending)
                continue
            pending.popleft()
            losses = 0
            yield value
    finally:
        pool.close([future for _, future in pending])
