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
    """Leave out what another row of CI runs: KERNELCONV_SKIP_ONCE=1."""
    if os.environ.get("KERNELCONV_SKIP_ONCE") == "1":
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(pytest.mark.skip(reason="runs in another row of CI: KERNELCONV_SKIP_ONCE=1"))
