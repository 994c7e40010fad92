"""The example of a public name's docstring holds when it is pasted alone into a fresh interpreter."""

import inspect
import sys

import pytest


def pytest_collection_modifyitems(items):
    """Run the examples of public names without the names of the modules that hold them."""
    examples = [item for item in items if isinstance(item, pytest.DoctestItem)]
    public = public_names() if examples else set()
    for item in examples:
        if item.dtest.name in public:
            item.dtest.globs = {"__name__": "__main__"}


def public_names():
    """Return where what `kernelconv` exports is written: packages, what their `__all__` names, and its methods."""
    rooms = {name: m for name, m in sys.modules.items() if name.startswith("kernelconv") and hasattr(m, "__all__")}
    exported = [getattr(room, name) for room in rooms.values() for name in room.__all__]
    classes = [one for one in exported if inspect.isclass(one)]
    members = [v for one in classes for name, v in inspect.getmembers_static(one) if not name.startswith("_")]
    # a class method holds its function as __func__, a property as fget, a cached one as func
    functions = [getattr(v, "__func__", getattr(v, "fget", getattr(v, "func", v))) for v in members]
    written = [one for one in exported + functions if inspect.isfunction(one) or inspect.isclass(one)]
    return {*rooms, *(f"{one.__module__}.{one.__qualname__}" for one in written)}
