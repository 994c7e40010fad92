"""Arrays of any library that follows the array API standard: its namespace, its device, the way from and to NumPy.

A leaf of the import graph. Definitions take their functions from here, so that NumPy, PyTorch and JAX arrays go
through the same formulas and come out as they came in.
"""

from __future__ import annotations

from typing import Any

import array_api_compat
import array_api_compat.numpy
import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_float
from kernelconv._numbers import as_array

#: What parts compute in; every other real dtype becomes float32.
FLOATING = frozenset(np.dtype(t) for t in (np.float32, np.float64, np.complex64, np.complex128))


def namespace(x: Any) -> Any:
    """Return the array API namespace of the array `x`, whose functions give arrays of its library; NumPy's for numbers.

    Examples
    --------
    >>> x = np.ones((2, 3))
    >>> namespace(x).concat([x, x], axis=1).shape
    (2, 6)
    """
    return array_api_compat.array_namespace(x) if hasattr(x, "shape") else array_api_compat.numpy


def is_foreign(x: Any) -> bool:
    """Return whether `x` is an array of another library than NumPy."""
    return not isinstance(x, np.ndarray) and array_api_compat.is_array_api_obj(x)


def like(values: Any, x: Any) -> Any:
    """Return `values`, as a rule a part's NumPy params, as an array of `x`'s library and device, of its real dtype."""
    if isinstance(x, np.ndarray):
        return np.asarray(values).astype(x.real.dtype, copy=False)
    xp = namespace(x)
    dtype = xp.real(x).dtype if xp.isdtype(x.dtype, "complex floating") else x.dtype
    if array_api_compat.is_array_api_obj(values) and not isinstance(values, np.ndarray):
        return xp.astype(values, dtype)
    values = np.asarray(values)
    if not values.flags.writeable:  # PyTorch shares the memory of what it is given, and warns where it must not
        values = values.copy()
    return xp.asarray(values, dtype=dtype, device=array_api_compat.device(x))


def indices(values: NDArray, x: Any) -> Any:
    """Return positions `values` as an integer array of `x`'s library and device, for ``take``."""
    if isinstance(x, np.ndarray):
        return values
    return namespace(x).asarray(np.array(values), device=array_api_compat.device(x))


def as_floating(x: Any, name: str = "x") -> Any:
    """Return `x` as an array of floating dtype, of its own library (NumPy for lists).

    float64 and complex stay what they are, every other real dtype becomes float32.

    Raises
    ------
    ValueError
        If `x` does not hold numbers, is masked or sparse, or nothing that can be an array.
    """
    if isinstance(x, np.ndarray | np.generic) or not array_api_compat.is_array_api_obj(x):
        x = as_array(x, name)
        return x if x.dtype in FLOATING else as_float(x, name)
    xp = namespace(x)
    if xp.isdtype(x.dtype, "complex floating") or x.dtype in (xp.float32, xp.float64):
        return x
    return xp.astype(x, xp.float32)


def as_complex(x: Any) -> Any:
    """Return `x`, an array of floating dtype, as a complex one of its precision: what the standard's FFTs take."""
    xp = namespace(x)
    if xp.isdtype(x.dtype, "complex floating"):
        return x
    return xp.astype(x, xp.complex64 if x.dtype == xp.float32 else xp.complex128)


def to_numpy(x: Any) -> NDArray:
    """Return `x` as a NumPy array, copied from another device where it must be."""
    if isinstance(x, np.ndarray):
        return x
    if array_api_compat.is_array_api_obj(x):
        x = x.detach() if hasattr(x, "detach") else x
        x = array_api_compat.to_device(x, "cpu") if array_api_compat.is_torch_array(x) else x
    return np.asarray(x)
