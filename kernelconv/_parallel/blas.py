"""One BLAS thread inside a block, whoever else is inside one at the time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


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

    def after_fork(self) -> None:
        """Forget the threads of the parent process, none of which a forked one has, and what they asked for."""
        limiter = self.limiter
        self.__init__()  # type: ignore[misc]
        if limiter is not None:
            _free_blas()
            limiter.restore_original_limits()
            _free_blas()


_guard = _BlasGuard()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_guard.after_fork)


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Give BLAS one thread inside the block, whoever else is inside one at the time."""
    _guard.enter()
    try:
        yield
    finally:
        _guard.leave()
