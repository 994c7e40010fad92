"""CPU seconds of a thread, those of the threads that worked for it included."""

import threading
import time

_helped = threading.local()


def thread_seconds() -> float:
    """Return the CPU seconds of this thread and of those whose seconds were added to it."""
    return time.thread_time() + getattr(_helped, "seconds", 0.0)


def add_seconds(seconds: float) -> None:
    """Count what other threads spent on this thread's work."""
    _helped.seconds = getattr(_helped, "seconds", 0.0) + seconds
