"""What a result was made with: versions, cores, BLAS, and a digest of the code."""

from __future__ import annotations

import ast
import hashlib
import inspect
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
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


def provenance() -> dict[str, Any]:
    """Return what a cell is made with: `environment`, the BLAS kernels of this processor, and the digest of the code.

    It is written into every cell and compared on request, but never determines whether a cell is read.
    """
    kernels = {str(i.get("architecture")) for i in threadpool_info() if i["user_api"] == "blas"}
    return {**environment(), "blas_kernels": ", ".join(sorted(kernels)), "code": code_digest()}


@cache
def code_digest() -> str:
    """Return a digest of the package's syntax trees without docstrings: comments, prose and layout do not change it."""
    sha, root = hashlib.sha256(), Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        sha.update(f"{path.relative_to(root).as_posix()}\n{syntax(path.read_text(encoding='utf-8'))}\n".encode())
    return sha.hexdigest()[:16]


def module_digest(module: ModuleType) -> str:
    """Return a digest of a module's syntax and of what it imports from its own folder, prose left out; "" without code.

    A user's own models have no results version, and their results may depend on other files in their folder. Of
    installed packages, which have versions, only the module itself is read.
    """
    home, sources, waiting = _home(module), {}, [module]
    while waiting:
        one = waiting.pop()
        try:
            sources[one.__name__] = syntax(source := inspect.getsource(one))
        except (OSError, TypeError):
            continue
        loaded = [m for name in _imports(source, one.__package__ or "") if (m := sys.modules.get(name))]
        waiting += [m for m in loaded if m.__name__ not in sources and home and _inside(m, home)]
    whole = sources.pop(module.__name__, "") + "".join(f"\n{name}\n{sources[name]}" for name in sorted(sources))
    return hashlib.sha256(whole.encode()).hexdigest()[:16] if whole else ""


def _home(module: ModuleType) -> Path | None:
    """Return the folder of a module's file; None where it has none, is installed or is kernelconv's."""
    file = getattr(module, "__file__", None)
    if not file or module.__name__.split(".")[0] == "kernelconv":
        return None
    installed = any(Path(file).is_relative_to(prefix) for prefix in (sys.prefix, sys.base_prefix))
    return None if installed else Path(file).parent


def _inside(module: ModuleType, home: Path) -> bool:
    found = _home(module)
    return found is not None and found.is_relative_to(home)


def _imports(source: str, package: str) -> set[str]:
    """Return the full names of what Python code imports; a name that is imported from a module may be a module too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def syntax(source: str) -> str:
    r"""Return the syntax tree of Python code as text, docstrings left out.

    Examples
    --------
    >>> syntax('def f():  # one\n    "Say one."\n    return 1') == syntax('def f(): return 1')
    True
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = body[1:]
    return ast.dump(tree)
