"""Ctrl-C while the command is still being imported: one line and status 130 instead of a traceback. A leaf."""

from __future__ import annotations

import os
import sys
from types import TracebackType


def quiet_in_the_command() -> None:
    """Shorten what an interrupt prints, in a process that is `kernelconv` or `python -m kernelconv`; else do nothing.

    It takes seconds to import NumPy, SciPy and scikit-learn, before `main` can look after interrupts.
    """
    if _is_command():
        sys.excepthook = _in_one_line


def _is_command() -> bool:
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    after = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if "-m" in sys.orig_argv else []
    return program.split(".")[0] == "kernelconv" or (program == "-m" and after[:1] == ["kernelconv"])


def _in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        return sys.__excepthook__(kind, error, trace)
    print("Interrupted before anything was run.", file=sys.stderr)
    raise SystemExit(130)
