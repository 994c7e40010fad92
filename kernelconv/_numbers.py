"""What stands for numbers, and for labels: what a caller gives becomes an array, or is refused in words.

A leaf of the import graph. Nothing is read as a number that does not say it is one: text, times, masks and records
are refused, since NumPy would convert them without a word.
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray
from scipy import sparse


class ForeignObjectError(TypeError, ValueError):
    """An object among numbers or labels that is none: scikit-learn expects a TypeError, all else here a ValueError."""


def shown(value: Any, width: int = 100) -> str:
    """Return ``repr(value)`` on one line of at most `width` characters; a value without one gives its type's name.

    Examples
    --------
    >>> shown(np.arange(4).reshape(2, 2))
    'array([[0, 1], [2, 3]])'
    >>> shown(10**5000)  # Python refuses to print it
    '<int>'
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # whatever a foreign __repr__ raises: it stands in a message about something else
        text = f"<{type(value).__name__}>"
    return text if len(text) <= width else f"{text[: width - 3]}..."


def is_number(value: Any) -> bool:
    """Return whether `value` is one real number: Python's, NumPy's, a Fraction or a Decimal, truth values included."""
    return isinstance(value, Real | Decimal | np.bool_) and not isinstance(value, np.timedelta64)


def as_array(x: Any, name: str = "x") -> NDArray:
    """Return `x` as a plain NumPy array in the machine's byte order, whatever it holds.

    Raises
    ------
    ValueError
        If `x` is masked, sparse, a ragged list, or nothing that can be an array.
    ForeignObjectError
        If it is an array of another library, of those that Dask computes none: NumPy would read it without a word.
    """
    if type(x) is np.ndarray and x.dtype.isnative:
        return x
    if array_api_compat.is_array_api_obj(x) and not (
        isinstance(x, np.ndarray | np.generic) or array_api_compat.is_dask_array(x)
    ):
        raise ForeignObjectError(
            f"{name} must be a NumPy array, got a {type(x)}. Pass it as NumPy: {name}.detach().cpu().numpy() of "
            f"PyTorch's, numpy.asarray({name})."
        )
    if isinstance(x, np.ma.MaskedArray) or (
        isinstance(x, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in x)
    ):
        raise ValueError(
            f"{name} is masked, and masks are not read: pass {name}.filled(value), or leave masked rows out."
        )
    if sparse.issparse(x):
        raise ValueError(f"Sparse data was passed for {name}, but dense data is required: pass {name}.toarray().")
    try:
        array = np.asarray(x)
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    except Exception as error:  # what NumPy says of a list, or a foreign library of its own
        raise ValueError(_why_no_array(x, name, error)) from None


def _why_no_array(x: Any, name: str, error: Exception) -> str:
    if isinstance(x, list | tuple) and isinstance(error, ValueError):
        return f"{name} is a ragged list: all its rows must have one length, and all its images one shape."
    return f"{name} cannot be read as an array of numbers: {error}"


def check_numbers(x: NDArray, name: str = "x") -> None:
    """Raise unless the array `x` holds numbers, real or complex.

    Raises
    ------
    ValueError
        If its dtype is one of text, times or records.
    ForeignObjectError
        If it is an array of objects that are not all real numbers.
    """
    if x.dtype.kind in "biufc" or (x.dtype.kind == "V" and x.dtype.type is not np.void):  # V: bfloat16 and its kin
        return
    if x.dtype != object:
        raise ValueError(
            f"{name} must hold numbers, got dtype {x.dtype}: text and times are not read as such, convert them."
        )
    for i, value in enumerate(x.flat):
        if not is_number(value):
            place = f" at index {tuple(map(int, np.unravel_index(i, x.shape)))}" if x.ndim else ""
            raise ForeignObjectError(  # in words that scikit-learn's checks look for
                f"{name} must hold numbers, got dtype object with {shown(value)}{place}: an argument must be no string "
                "or other object, but a number."
            )


def as_real(x: Any, name: str = "x") -> NDArray:
    """Return `x` as a plain NumPy array of real numbers, its dtype as it is.

    Raises
    ------
    ValueError
        As `as_array` and `check_numbers`, and if `x` is complex.
    """
    if type(x) is np.ndarray and x.dtype.kind in "biuf" and x.dtype.isnative:
        return x
    x = as_array(x, name)
    check_numbers(x, name)
    if x.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {x.dtype}. Pass its real part or modulus.")
    return x


def as_double(x: Any, name: str = "x") -> NDArray:
    """Return `x` as an array of float64; raises as `as_real` and `cast`."""
    x = as_real(x, name)
    return x if x.dtype == np.float64 else cast(x, np.float64, name)


def cast(x: NDArray, dtype: type[np.floating], name: str) -> NDArray:
    """Return the array of numbers `x` as `dtype`; raise ValueError if one is beyond its range."""
    if x.dtype.kind in "biu":
        return x.astype(dtype)
    try:
        exact = x.astype(np.float64) if x.dtype == object else x
        with np.errstate(over="ignore"):
            rounded = exact.astype(dtype)
        beyond = bool((np.isinf(rounded) & ~np.isinf(exact)).any())
    except (OverflowError, ValueError):  # an int that no float holds
        beyond = True
    if beyond:
        raise ValueError(
            f"{name} holds numbers beyond {np.finfo(dtype).max:.2g}, the largest of {dtype.__name__}: scale it."
        )
    return rounded


def as_table(X: Any, name: str = "X", dtype: type[np.floating] = np.float64) -> Any:
    """Return `X` for scikit-learn's own validation: an array of numbers, or the sparse matrix or table that it is.

    float64 and float32 stay what they are, every other real dtype becomes `dtype`.

    A table is looked into all the same: scikit-learn would read text and times in it as numbers.
    """
    if sparse.issparse(X):
        return X
    values = as_real(X, name)
    values = values if values.dtype in (np.float32, np.float64) else cast(values, dtype, name)
    return X if hasattr(X, "columns") else values


def check_labels(y: Any, name: str = "y") -> None:
    """Raise unless labels `y` are all numbers, all text or all bytes: of a mixture NumPy would make text.

    Raises
    ------
    ValueError
        If they are of several kinds, masked, ragged, or nothing that can be an array.
    ForeignObjectError
        If one is neither a number nor text.
    """
    array = as_array(y, name)
    if array.dtype.kind in "TV":
        raise ValueError(f"{name} must hold labels, numbers or strings, got dtype {array.dtype}: convert it first.")
    kinds: dict[str, Any] = {}
    given = isinstance(y, list | tuple) or array.dtype == object
    for label in np.asarray(y, object).ravel() if given and array.ndim else ():
        kinds.setdefault(_kind_of_label(label, name), label)
    if len(kinds) > 1:
        found = " and ".join(f"{kind} ({shown(label)})" for kind, label in kinds.items())
        raise ValueError(f"{name} mixes {found}: labels must be of one kind.")


def same_labels(predicted: Any, y: Any) -> NDArray:
    """Return where the labels `predicted` are those in `y`.

    Raises
    ------
    ValueError
        If they are not of one kind, numbers or text: no label would be right.
    """
    found, given = np.asarray(predicted), np.asarray(y)
    of_each = [*(a.ravel() if a.dtype == object else a.ravel()[:1] for a in (found, given))]
    check_labels([label for some in of_each for label in some.tolist()], "y beside the labels predicted")
    return found == given


def _kind_of_label(label: Any, name: str) -> str:
    if isinstance(label, str | bytes):
        return "strings" if isinstance(label, str) else "bytes"
    if not is_number(label):
        raise ForeignObjectError(f"{name} must hold labels, numbers or strings, got {shown(label)}.")
    return "numbers"
