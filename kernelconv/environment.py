"""What a result was made with: versions, cores, BLAS."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import joblib
from threadpoolctl import threadpool_info

from kernelconv._version import __version__

PACKAGES = ("numpy", "scipy", "scikit-learn", "kymatio", "joblib", "matplotlib", "pillow", "torch")


def environment() -> dict[str, Any]:
    """Return versions of Python and packages (None where absent), platform, usable cores and BLAS libraries.

    Examples
    --------
    >>> environment()["kernelconv"] == __version__
    True
    """
    import scipy.linalg  # noqa: F401  SciPy's BLAS shows once it is loaded

    blas = {f"{i['internal_api']} {i['version']}" for i in threadpool_info() if i["user_api"] == "blas"}
    return {
        "kernelconv": __version__,
        "python": platform.python_version(),
        **{name: installed(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": joblib.cpu_count(),
        "blas": ", ".join(sorted(blas)),
    }


def installed(package: str) -> str | None:
    """Return the installed version of `package`, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
