"""What must be set before scikit-learn and JAX are imported."""

import os
from importlib.metadata import version

import pytest

if version("scikit-learn").startswith("1.6."):
    # with array-api-compat installed, the test module of scikit-learn 1.6 refuses to be imported without this
    os.environ.setdefault("SCIPY_ARRAY_API", "1")

# JAX compiles every law's function once: what its compiler's optimisations take is not worth what they save
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

#: Scripts, which `test_first_hours` runs; collecting doctests would import them.
collect_ignore_glob = ["first_hours/*.py"]


def pytest_collection_modifyitems(items):
    """In a row of CI, KERNELCONV_ROW=newest or oldest, leave out what the other one runs."""
    row = os.environ.get("KERNELCONV_ROW")
    for item in items if row else ():
        once = item.get_closest_marker("once")
        if once and row not in once.args:
            item.add_marker(pytest.mark.skip(reason=f"runs in another row of CI: KERNELCONV_ROW={row}"))
