"""Arrays of any library that follows the array API standard: its namespace, its device, the way from and to NumPy.

A leaf of the import graph. Definitions take their functions from here, so that NumPy, PyTorch and JAX arrays go
through the same formulas and come out as they came in.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import array_api_compat
import array_api_compat.numpy
import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_float, check_finite
from kernelconv._numbers import as_array, as_real
from kernelconv._types.arrays import Indexed

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
    known = _NAMESPACES.get(type(x))
    if known is None:
        known = array_api_compat.array_namespace(x) if hasattr(x, "shape") else array_api_compat.numpy
        _NAMESPACES[type(x)] = known
    return known


#: The namespaces of the types seen: PyTorch's compiler follows a dictionary, and not how a library is found out.
_NAMESPACES: dict[type, Any] = {np.ndarray: array_api_compat.numpy}
_IS_FOREIGN: dict[type, bool] = {np.ndarray: False}


def is_foreign(x: Any) -> bool:
    """Return whether `x` is an array of another library than NumPy."""
    known = _IS_FOREIGN.get(type(x))
    if known is None:
        known = not isinstance(x, np.ndarray | np.generic) and bool(array_api_compat.is_array_api_obj(x))
        _IS_FOREIGN[type(x)] = known
    return known


def is_traced(x: Any) -> bool:
    """Return whether `x` stands for an array while JAX transforms a function, and so may have no values to look at."""
    return array_api_compat.is_jax_array(x) and isinstance(x, sys.modules["jax"].core.Tracer)


def is_on_cpu(x: Any) -> bool:
    """Return whether the array `x` of any library is known to lie in the CPU's memory."""
    return "cpu" in str(array_api_compat.device(x)).lower()


def is_acceptable(x: Any) -> bool:
    """Return whether the array `x` of any library is real and, where it has values, finite."""
    if is_complex(x) or is_traced(x):
        return not is_complex(x)
    xp = namespace(x)
    return not xp.isdtype(x.dtype, "real floating") or bool(xp.all(xp.isfinite(x)))


def numpy_dtype(x: Any) -> np.dtype[Any]:
    """Return the dtype that parts compute the real array `x` in, float64 or float32, as NumPy's."""
    return np.dtype(np.float64 if x.dtype == namespace(x).float64 else np.float32)


def modulus(x: Any) -> Any:
    """Return abs(x), whose derivative at 0 is 0 in every library: JAX takes 1 for abs of real numbers."""
    xp = namespace(x)
    return x * xp.sign(x) if is_foreign(x) and not is_complex(x) else xp.abs(x)


def is_complex(x: Any) -> bool:
    """Return whether the array `x` of any library is complex."""
    return x.dtype.kind == "c" if isinstance(x, np.ndarray) else namespace(x).isdtype(x.dtype, "complex floating")


def like(values: Any, x: Any) -> Any:
    """Return `values`, as a rule a part's NumPy params, as an array of `x`'s library and device, of its real dtype."""
    if isinstance(x, np.ndarray):
        return np.asarray(values).astype(x.real.dtype, copy=False)
    xp = namespace(x)
    dtype = xp.real(x).dtype if xp.isdtype(x.dtype, "complex floating") else x.dtype
    if array_api_compat.is_array_api_obj(values) and not isinstance(values, np.ndarray):
        return xp.astype(values, dtype, copy=False)
    values = np.asarray(values)
    if not values.flags.writeable:  # PyTorch shares the memory of what it is given, and warns where it must not
        values = values.copy()
    return xp.asarray(values, dtype=dtype, device=array_api_compat.device(x))


def zeros_like_one(x: Any) -> Any:
    """Return zeros of the shape of one of `x` (n, ...), (1, ...), of its dtype, library and device."""
    return namespace(x).zeros((1, *x.shape[1:]), dtype=x.dtype, device=array_api_compat.device(x))


def indices(values: NDArray, x: Any) -> Any:
    """Return positions `values` as an integer array of `x`'s library and device, for ``take``."""
    if isinstance(x, np.ndarray):
        return values
    return namespace(x).asarray(np.array(values), device=array_api_compat.device(x))


def taken(x: Any, index: NDArray) -> Any:
    """Return ``x[index]`` for positions along the first axis, of an array of any library or what is indexed alike."""
    return namespace(x).take(x, indices(index, x), axis=0) if is_foreign(x) else x[index]


class Taken:
    """Maps of another library than NumPy with ``len`` and indexing by an array of integers, which they may lack."""

    def __init__(self, x: Any) -> None:
        self.x, self.shape = x, tuple(x.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: NDArray) -> Any:
        return taken(self.x, index)


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


def as_cotangent(g: Any, shape: tuple[int, ...], name: str = "g") -> NDArray:
    """Return `g`, which goes back through a part, as a NumPy array of floating dtype and `shape`, (n,) h', w', c'.

    Raises
    ------
    ValueError, TypeError
        As `as_floating`; if `g` is an array of another library; if it is of another shape, which NumPy might
        broadcast without a word.
    """
    g = as_floating(g, name)
    if not isinstance(g, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array, as what it goes back to is, got a {type(g)}.")
    if len(shape) == 3 and (g.ndim != 4 or g.shape[1:] != shape):
        raise ValueError(f"{name} must be maps of the output's shape {shape}, got {g.shape[1:]}.")
    if len(shape) == 4 and g.shape != shape:
        raise ValueError(f"{name} must have the shape of the output, {shape}, got {g.shape}.")
    return g


def as_data(data: Any, in_shape: tuple[int, ...] | None = None, name: str = "data") -> Indexed:
    """Return training maps, of `in_shape` (h, w, c) if that is given, with ``len`` and indexing by an integer array.

    Maps that lie in a file, or are computed as they are asked for, are taken as they are; those of another library
    stay where they are, and are indexed there.

    Raises
    ------
    ValueError, TypeError
        As `as_real`; if there is no map, or maps have another shape.
    """
    of_a_library = not isinstance(data, np.ndarray) and array_api_compat.is_array_api_obj(data)
    if of_a_library and not array_api_compat.is_dask_array(data) and not is_complex(data):
        data = Taken(as_floating(data, name))
    indexed = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    if not indexed or isinstance(data, list | tuple | dict | str | bytes) or array_api_compat.is_array_api_obj(data):
        data = as_real(data, name)
    if not hasattr(data, "shape"):  # it has shown it when it was made, or will when it is asked for maps
        return data
    shape = tuple(data.shape)
    if len(shape) != 4 or shape[1:] != (shape[1:] if in_shape is None else in_shape):
        wanted = "h, w, c" if in_shape is None else ", ".join(map(str, in_shape))
        raise ValueError(f"{name} must be maps (n, {wanted}), got shape {shape}.")
    if 0 in shape:
        raise ValueError(f"{name} is empty, shape {shape}: there is no map to learn from.")
    return data


def as_complex(x: Any) -> Any:
    """Return `x`, an array of floating dtype, as a complex one of its precision: what the standard's FFTs take."""
    xp = namespace(x)
    if xp.isdtype(x.dtype, "complex floating"):
        return x
    return xp.astype(x, xp.complex64 if x.dtype == xp.float32 else xp.complex128)


def as_precise(x: Any) -> Any:
    """Return real `x` in float64: what eigenvalues are computed in.

    Where the library has none (JAX unless ``jax_enable_x64`` is set) it stays in float32, as JAX itself would compute.
    """
    if isinstance(x, np.ndarray):
        return x.astype(np.float64, copy=False)
    xp = namespace(x)
    if array_api_compat.is_jax_array(x) and xp.asarray(0.0).dtype != xp.float64:
        return x
    return xp.astype(x, xp.float64)


def to_numpy(x: Any) -> NDArray:
    """Return `x` as a NumPy array, copied from another device where it must be."""
    if isinstance(x, np.ndarray):
        return x
    if array_api_compat.is_array_api_obj(x):
        x = x.detach() if hasattr(x, "detach") else x
        if array_api_compat.is_torch_array(x) or array_api_compat.is_cupy_array(x):
            x = array_api_compat.to_device(x, "cpu")
        elif hasattr(namespace(x), "Device"):  # array_api_strict names its devices by objects
            x = array_api_compat.to_device(x, namespace(x).Device("CPU_DEVICE"))
    return np.asarray(x)


# -- what can be said in words of arrays of other libraries ------------------------------------------------------------


def check_numpy(x: Any, name: str = "x", instead: str = "") -> None:
    """Raise TypeError, saying what to do `instead`, if `x` is an array of another library than NumPy."""
    if is_foreign(x):
        instead = instead or f"Pass it as NumPy: {name}.detach().cpu().numpy() of PyTorch's, numpy.asarray({name})."
        raise TypeError(f"{name} must be a NumPy array, got a {type(x)}. {instead}")


def holds(condition: Any) -> bool | None:
    """Return whether a condition, an array of no axes, is true; None where a library traces it and nobody knows yet."""
    try:
        return bool(condition)
    except (TypeError, RuntimeError):  # what JAX's and PyTorch's tracers raise
        return None


def check_finite_array(x: Any, name: str = "x") -> Any:
    """Return the real array `x` of any library; raise ValueError if it holds NaN or an infinity and that is known."""
    if not is_foreign(x):
        return check_finite(x, name)
    xp = namespace(x)
    bad = ~xp.isfinite(x)
    if holds(xp.any(bad)):
        count = int(xp.sum(xp.astype(bad, xp.int32)))
        raise ValueError(f"{name} holds {count} non-finite values (NaN or infinity). Remove or replace them first.")
    return x


def namespace_of(*arrays: Any) -> Any:
    """Return the namespace of several arrays; raise TypeError if they are of several libraries, or one is no array."""
    return array_api_compat.array_namespace(*arrays)


def as_one_library(*arrays: Any, names: Sequence[str]) -> list[Any]:
    """Return real `arrays` with a floating dtype: NumPy's, or if one is of another library, all of that library.

    NumPy arrays, lists and numbers among them come to the device and the dtype of the first that is of another.

    Raises
    ------
    TypeError
        If they are of two libraries, neither of them NumPy.
    ValueError
        As `as_float`, and if an array is complex.
    """
    foreign = [as_floating(a) for a in arrays if is_foreign(a)]
    if not foreign:
        return [as_float(a, name) for a, name in zip(arrays, names, strict=True)]
    try:
        namespace_of(*foreign)
    except TypeError:
        kinds = " and ".join(sorted({str(type(a)) for a in foreign}))
        raise TypeError(f"{' and '.join(names)} are arrays of several libraries, {kinds}: pass those of one.") from None
    for a, name in zip(arrays, names, strict=True):
        if is_foreign(a) and is_complex(a):
            raise ValueError(f"Complex data not supported: {name} has dtype {a.dtype}. Pass its real part or modulus.")
    given = zip(arrays, names, strict=True)
    return [as_floating(a) if is_foreign(a) else like(as_float(a, name), foreign[0]) for a, name in given]
