"""Where tasks of `in_order` are computed: here, on threads, on processes of joblib, on a Dask cluster."""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from typing import Any, TypeVar

from joblib import wrap_non_picklable_objects

from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._parallel.blocks import as_worker

S = TypeVar("S")
T = TypeVar("T")
Pending = deque[tuple[Any, Any]]  # tasks, each with the future of its result

#: Seconds after which a process without work ends.
IDLE = 60
#: A process takes one core: its BLAS makes no threads, which would cost memory.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def killed() -> ChildProcessError:
    """Return the error of tasks that were given to workers often enough."""
    return ChildProcessError(
        "Workers were killed again and again at the same tasks, perhaps for want of memory: take smaller chunks or "
        "fewer workers."
    )


class Here:
    """The process itself, one task after the other, when its result is asked for."""

    count = 1

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def submit(self, task: Any) -> Any:
        """Return the future of a result."""
        return task

    def result(self, future: Any) -> Any:
        """Return a result, or raise what its task raised; raise BrokenProcessPool if its worker was killed."""
        with single_threaded_blas():
            return self.function(future)

    def again(self, pending: Pending) -> Pending:
        """Return the futures of the same tasks, after a worker was killed."""
        return pending

    def close(self, unfinished: list[Any]) -> None:
        """Let the workers go; nobody waits for the `unfinished` futures any more."""


class OneThread(Here):
    """The same, on one thread."""

    def result(self, future: Any) -> Any:
        return _alone(self.function, future)


class Threads(Here):
    """Threads of this process."""

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


class Processes(Threads):
    """Processes of loky, joblib's own: functions of the main module can be sent to them."""

    def __init__(self, count: int, function: Callable[[Any], Any]) -> None:
        self.count, self.packed = count, _packed(function)
        self.executor = _processes(count)

    def submit(self, task: Any) -> Any:
        try:
            return self.executor.submit(_in_folder, _folder(), self.packed, task)
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


class Cluster(Here):
    """The workers of a Dask scheduler, which sees to it that tasks of lost ones are done by others."""

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
            raise killed() from error

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


def _folder() -> str | None:
    """Return the working directory, None where it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _in_folder(folder: str | None, packed: bytes, task: Any) -> Any:
    """Return the result of a task in the working directory of who gives it: processes are kept, and it may change."""
    if folder is not None and folder != _folder():
        os.chdir(folder)
    return _of_packed(packed, task)


def _of_packed(packed: bytes, task: Any) -> Any:
    return _alone(_unpacked(packed), task)


@lru_cache(maxsize=2)
def _unpacked(packed: bytes) -> Callable[[Any], Any]:
    """Return the function, read once for all the tasks that a worker is given."""
    return pickle.loads(packed)
