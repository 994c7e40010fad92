"""What must be set before scikit-learn and JAX are imported; which tests a row of CI runs; examples of docstrings."""

import gc
import inspect
import os
import sys
from importlib.metadata import version

import pytest

if version("scikit-learn").startswith("1.6."):
    # with array-api-compat installed, the test module of scikit-learn 1.6 refuses to be imported without this
    os.environ.setdefault("SCIPY_ARRAY_API", "1")

# JAX compiles every law's function once: what its compiler's optimisations take is not worth what they save
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

#: The rows of CI.
ROWS = ("newest", "oldest")
#: Scripts, which `test_first_hours` runs; collecting doctests would import them.
collect_ignore_glob = ["first_hours/*.py"]


def pytest_collection_modifyitems(items):
    """Leave out what another row of CI runs, and give examples of public names nothing but what they import.

    A row of CI sets KERNELCONV_ROW=newest or oldest. An example is what a reader pastes into a fresh interpreter.
    """
    row = os.environ.get("KERNELCONV_ROW")
    if row not in (None, *ROWS):
        raise pytest.UsageError(f"KERNELCONV_ROW must be one of {', '.join(ROWS)}, got {row!r}.")
    for item in items:
        once = item.get_closest_marker("once")
        if once and (len(once.args) != 1 or once.args[0] not in ROWS):  # it would run in no row
            raise pytest.UsageError(f"{item.nodeid}: once names one row, {' or '.join(ROWS)}, got {once.args}.")
        if once and row and row not in once.args:
            item.add_marker(pytest.mark.skip(reason=f"runs in another row of CI: KERNELCONV_ROW={row}"))
    examples = [item for item in items if isinstance(item, pytest.DoctestItem)]
    public = public_names() if examples else set()
    for item in examples:
        if item.dtest.name in public:
            item.dtest.globs = {"__name__": "__main__"}


def pytest_collection_finish():
    """Leave what is there before the first test, a million objects, out of each later search for garbage."""
    gc.collect()
    gc.freeze()


def public_names():
    """Return where what `kernelconv` exports is written: packages, what their `__all__` names, and its methods."""
    packages = {name: m for name, m in sys.modules.items() if name.startswith("kernelconv") and hasattr(m, "__all__")}
    exported = [getattr(package, name) for package in packages.values() for name in package.__all__]
    classes = [one for one in exported if inspect.isclass(one)]
    members = [v for one in classes for name, v in inspect.getmembers_static(one) if not name.startswith("_")]
    # a class method holds its function as __func__, a property as fget, a cached one as func
    functions = [getattr(v, "__func__", getattr(v, "fget", getattr(v, "func", v))) for v in members]
    written = [one for one in exported + functions if inspect.isfunction(one) or inspect.isclass(one)]
    return {*packages, *(f"{one.__module__}.{one.__qualname__}" for one in written)}
