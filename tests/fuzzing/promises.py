"""What is promised for an argument, what a call gave, and the verdict."""

import dis
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import NotFittedError

import kernelconv
from kernelconv.deformations import DisplacementField

#: Whose errors are clear if their words are: this library's, and those of scikit-learn's checks of input.
OWN_FOLDERS = (
    Path(kernelconv.__file__).parent,
    Path(sklearn.__file__).parent / "utils",
    Path(sklearn.__file__).parent / "base.py",
)
#: Warnings that are promised: more anchors than patches to learn from; small penalties; few evaluations;
#: scikit-learn's about labels.
PROMISED_WARNINGS = re.compile(
    r"distinct patches|leaves a condition number|column-vector y|least populated class|represented as bytes"
    r"|starts had not converged"
)


@dataclass(frozen=True)
class Promise:
    """What may come: "accepted", "refused", "either", or "unchecked" (values may be anything), and an error's words."""

    kind: str
    words: str = ""


ACCEPTED = Promise("accepted")
EITHER = Promise("either")
UNCHECKED = Promise("unchecked")


def refused(words: str) -> Promise:
    """Return the promise of an error whose text matches `words`."""
    return Promise("refused", words)


@dataclass(frozen=True)
class Draw:
    """One odd argument: the value, what is promised for it, and the plain value that gives the same result.

    If `factor` is not 1 the value is `factor` times `same_as`; a target of degree d then returns factor^d as much.
    """

    what: str
    value: Any
    promise: Promise
    same_as: Any = None
    factor: float = 1.0


@dataclass
class Outcome:
    """What a call gave: a result or an error, and the warnings on the way."""

    result: Any = None
    error: BaseException | None = None
    warned: list[Any] = field(default_factory=list)


def observe(call: Callable[[], Any]) -> Outcome:
    """Make a call and return what came of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = Outcome(result=call())
        except (KeyboardInterrupt, TimeoutError):
            raise
        except BaseException as error:
            found = Outcome(error=error)
    found.warned = [w for w in caught if "kymatio" not in w.filename and not PROMISED_WARNINGS.search(str(w.message))]
    return found


def is_clear(error: BaseException) -> str:
    """Return "" for an error that was raised on purpose by this library or scikit-learn's checks, else what it is.

    An error out of NumPy, SciPy or Python itself ends in a frame of theirs, or in a line of ours that raises nothing.
    """
    names_file = isinstance(error, OSError) and bool(error.filename)  # what cannot be written says so by name
    if not (isinstance(error, ValueError | TypeError | NotFittedError) or names_file):
        return f"a bare {type(error).__name__}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return f"a {type(error).__name__} from nowhere"
    code = trace.tb_frame.f_code
    inside = any(Path(code.co_filename).is_relative_to(folder) for folder in OWN_FOLDERS)
    raised = code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    where = f"{Path(code.co_filename).name}:{trace.tb_lineno}"
    return "" if inside and raised else f"a {type(error).__name__} that {where} did not raise itself"


def numbers(result: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what a result holds, arrays and single values, by where they lie in it."""
    if isinstance(result, Mapping):
        for key, value in result.items():
            yield from numbers(value, f"{path}.{key}")
    elif isinstance(result, list | tuple):
        for i, value in enumerate(result):
            yield from numbers(value, f"{path}[{i}]")
    elif isinstance(result, DisplacementField):
        yield f"{path}.values", result.values
    elif is_dataclass(result) and not isinstance(result, type) and not hasattr(result, "forward"):
        for f in fields(result):
            yield from numbers(getattr(result, f.name), f"{path}.{f.name}")
    else:
        yield path, result


def as_array(value: Any) -> np.ndarray | None:
    """Return the numbers in `value` as an array, None if it holds none."""
    if hasattr(value, "detach"):
        value = value.detach().numpy()
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | int | float | complex) else None
    return array if array is not None and array.dtype.kind in "fciub" else None


def finite(result: Any) -> str:
    """Return "" if every number in a result is finite, else where one is not."""
    for path, value in numbers(result):
        array = as_array(value)
        if array is not None and not np.isfinite(array).all():
            return f"{int((~np.isfinite(array)).sum())} of {array.size} values of result{path} are not finite"
    return ""


def differs(result: Any, reference: Any, factor: float = 1.0, *, single: bool = False) -> str:
    """Return "" if `result` is `factor` times `reference`, to rounding of its dtype, else what is not the same.

    `single` says that what the result was computed from had been rounded to float32.
    """
    got, wanted = dict(numbers(result)), dict(numbers(reference))
    if got.keys() != wanted.keys():
        return f"result holds {sorted(got)}, the plain call {sorted(wanted)}"
    for path in got:
        if "labels" in path:
            continue
        a, b = as_array(got[path]), as_array(wanted[path])
        if (a is None) != (b is None):
            return f"result{path} is {got[path]!r}, plain {wanted[path]!r}"
        if a is not None and b is not None and (words := _unlike(a, b, factor, single)):
            return f"result{path} {words}"
    return ""


def _unlike(a: np.ndarray, b: np.ndarray, factor: float, single: bool) -> str:
    """Return in which way two arrays are not the same, "" if they are."""
    if a.shape != b.shape:
        return f"has shape {a.shape}, of the plain array {b.shape}"
    single = single or bool({a.dtype, b.dtype} & {np.dtype(np.float32), np.dtype(np.complex64)})
    wide = np.complex128 if np.iscomplexobj(a) or np.iscomplexobj(b) else np.float64
    a, b = a.astype(wide), b.astype(wide)
    if not (np.isfinite(b).all() and np.isfinite(a).all()):
        return "" if np.array_equal(a, b * factor, equal_nan=True) else "is not finite where the plain array's is"
    b = b * factor
    size = max(np.abs(b).max(initial=0.0), np.finfo(float).tiny)
    error = np.abs(a - b).max(initial=0.0) / size
    return f"is off by {error:.2g} of its size" if error > (2e-4 if single else 1e-9) else ""
