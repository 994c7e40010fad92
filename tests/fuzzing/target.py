"""A target: one call of the public API with ordinary arguments, which of them are arrays, and what comes of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fuzzing.arrays import InputSpec, _pick
from fuzzing.parameters import Kind, odd_parameter
from fuzzing.promises import UNCHECKED, Draw, Outcome, as_array, differs, finite, is_clear, numbers, observe, refused
from fuzzing.values import odd_array

NONLINEAR = refused("complex|real")
LINEAR = UNCHECKED

IMAGES = InputSpec("X|x|images?", (3, 4), channels_last=True)
GREY_IMAGES = InputSpec("X|x|y|images?", (3, 4), channels_last=True)
ANY_IMAGES = InputSpec("X|x|y|data|images?", (3, 4))
SIGNALS = InputSpec("X|x|signals?", (2, 3))
MAPS = InputSpec("x|X|maps?", (4,), NONLINEAR, UNCHECKED, UNCHECKED, tensors=True)
LINEAR_MAPS = InputSpec("x|X|maps?", (4,), LINEAR, UNCHECKED, UNCHECKED, tensors=True)
COTANGENTS = InputSpec("g|y", (4,), UNCHECKED, UNCHECKED, UNCHECKED)
FEATURES = InputSpec("features|phi", (2, 3, 4))
ROWS = InputSpec("X|x|rows", (2,))


@dataclass(frozen=True)
class Target:
    """One call with ordinary arguments.

    Attributes
    ----------
    name : str
        The public name that it stands for, after its package, and a word on what is called.
    call : callable
        Of the arguments by name.
    plain : callable
        Of a generator: ordinary arguments.
    inputs, kinds : mapping
        Which arguments are arrays, read in which way; which are parameters, of which kind.
    shape : callable, optional
        Of the arguments: the promised shape of the first array of the result, None where an axis is free.
    keeps_dtype : bool
        Floats of the result are float64 where the first array is, else float32.
    degree : mapping
        Of an argument: by which power of a factor the result scales when that is multiplied.
    weight : int
        How often the target is drawn.
    """

    name: str
    call: Callable[..., Any]
    plain: Callable[[np.random.Generator], dict[str, Any]]
    inputs: Mapping[str, InputSpec] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    shape: Callable[..., tuple[int | None, ...]] | None = None
    keeps_dtype: bool = False
    degree: Mapping[str, float] = field(default_factory=dict)
    weight: int = 1


@dataclass(frozen=True)
class Case:
    """One call of a target: its plain arguments, and the one that is odd."""

    target: Target
    plain: dict[str, Any]
    argument: str
    draw: Draw

    def __str__(self) -> str:
        return f"{self.target.name}({self.argument}={self.draw.what})"

    def arguments(self) -> dict[str, Any]:
        """Return the arguments with the odd one."""
        return {**self.plain, self.argument: self.draw.value}

    def reference(self) -> dict[str, Any]:
        """Return the arguments with the plain one that is promised to give the same."""
        return {**self.plain, self.argument: self.draw.same_as}

    @property
    def has_reference(self) -> bool:
        """Whether a plain call gives the same, as it is or by a known power of the factor."""
        scales = self.draw.factor == 1 or self.argument in self.target.degree
        return self.draw.same_as is not None and scales


def draw_case(target: Target, rng: np.random.Generator) -> Case:
    """Return one odd call of a target: six times in ten an array is odd, where there is one."""
    plain = target.plain(rng)
    arrays, parameters = sorted(target.inputs), sorted(target.kinds)
    if arrays and (not parameters or rng.random() < 0.6):
        name = _pick(rng, *arrays)
        odd = odd_array(plain[name], target.inputs[name], rng)
    else:
        name = _pick(rng, *parameters)
        odd = odd_parameter(name, target.kinds[name], plain[name], rng)
    return Case(target, plain, name, odd)


def judge(case: Case, outcome: Outcome, reference: Callable[[], Any]) -> str:
    """Return the verdict on an outcome: "same", "finite", "refused" or "unchecked"; or, after "FAILED", what failed.

    `reference` makes the plain call; it is asked only where there is something to compare with.
    """
    promise = case.draw.promise
    overflows = case.draw.factor != 1 and case.target.degree.get(case.argument, 0) > 1  # as it must
    if outcome.warned and not ((promise.kind == "unchecked" or overflows) and outcome.error is None):
        first = outcome.warned[0]
        return f"FAILED warning: {first.category.__name__}: {first.message}"
    if outcome.error is not None:
        return _judge_error(case, outcome.error)
    if promise.kind == "refused":
        return f"FAILED accepted: promised is an error whose words match {promise.words!r}"
    if words := _wrong_form(case, outcome.result):
        return f"FAILED {words}"
    if promise.kind == "unchecked":
        return "unchecked"
    if not overflows and (words := finite(outcome.result)):
        return f"FAILED not finite: {words}"
    return _compared(case, outcome.result, reference) if case.has_reference else "finite"


def _judge_error(case: Case, error: BaseException) -> str:
    promise, text = case.draw.promise, str(error)
    if words := is_clear(error):
        return f"FAILED bare error: {words}: {text:.200}"
    if promise.kind == "accepted":
        return f"FAILED refused though promised: {text:.200}"
    if promise.words and not re.search(promise.words, " ".join(text.split()), re.IGNORECASE):
        return f"FAILED unclear text: {text:.200} (wanted: {promise.words})"
    return "refused"


def _compared(case: Case, result: Any, reference: Callable[[], Any]) -> str:
    """Return the verdict on a result that a plain call should give too."""
    degree = case.target.degree.get(case.argument, 0.0)
    with np.errstate(over="ignore"):
        factor = float(np.float64(case.draw.factor) ** degree)
    plain = observe(reference)
    if plain.error is not None:
        return f"FAILED plain call: {plain.error}" if case.draw.promise.kind == "accepted" else "finite"
    if factor != 1 and not _representable(plain.result, factor):
        loose = case.target.inputs[case.argument].nonfinite is UNCHECKED
        return "unchecked" if loose else f"FAILED accepted: the result, times {factor:.1g}, is no number of its dtype"
    dtype = getattr(case.draw.value, "dtype", None)
    rounded = case.draw.factor != 1 and dtype == np.float32
    tensor = str(dtype).startswith("torch.") and str(dtype) != "torch.float64"  # its library computes in float32
    words = differs(result, plain.result, factor, single=rounded or tensor)
    return f"FAILED wrong value: {words}" if words else "same"


def _representable(result: Any, factor: float) -> bool:
    """Return whether the numbers of a result, multiplied by a factor, are normal numbers of their dtypes."""
    for _, value in numbers(result):
        array = as_array(value)
        if array is None or array.dtype.kind not in "fc" or not array.any():
            continue
        limits = np.finfo(array.dtype)
        with np.errstate(over="ignore", under="ignore"):
            sizes = np.abs(array[array != 0].astype(np.complex128)) * factor
        if sizes.max() > limits.max or sizes.max() < limits.tiny / limits.eps:
            return False
    return True


def _wrong_form(case: Case, result: Any) -> str:
    """Return "" if a result has the promised shape and dtype."""
    target = case.target
    arrays = [value for path, value in numbers(result) if as_array(value) is not None and "labels" not in path]
    if words := _wrong_library(case, arrays):
        return words
    if target.shape is not None and case.argument in target.inputs:
        wanted = target.shape(**case.arguments())
        got = tuple(arrays[0].shape) if arrays else None
        if got is None or len(got) != len(wanted) or any(w not in (None, g) for g, w in zip(got, wanted, strict=True)):
            return f"wrong shape: {got}, promised {wanted}"
    if target.keeps_dtype and target.inputs:
        return _wrong_dtype(case, arrays)
    return ""


def _wrong_library(case: Case, arrays: list[Any]) -> str:
    """Return "" unless a tensor became an array, or a number where maps come out.

    Only `build` may learn from tensors what it holds as arrays.
    """
    spec = case.target.inputs.get(case.argument)
    if spec is None or not hasattr(case.draw.value, "detach") or case.argument == "data":
        return ""
    became = [a for a in arrays if not hasattr(a, "detach") and (spec.tensors or isinstance(a, np.ndarray))]
    return "wrong library: a tensor became an array" if became or (spec.tensors and not arrays) else ""


def _wrong_dtype(case: Case, arrays: list[Any]) -> str:
    """Return "" if every float of a result is of the promised precision."""
    first = next(iter(case.target.inputs))
    read = case.draw.same_as if case.argument == first else case.plain[first]
    read = case.draw.value if read is None else read
    value = case.draw.value
    of_numbers = value.dtype.kind in "fciub" if isinstance(value, np.ndarray) else isinstance(value, list)
    if not isinstance(read, np.ndarray) or not of_numbers:
        return ""
    double = read.dtype.type in (np.float64, np.complex128)
    for array in arrays:
        if hasattr(array, "detach"):
            continue
        if array.dtype.kind in "fc" and (array.real.dtype == np.float64) != double:
            return f"wrong dtype: {array.dtype} from {read.dtype}"
    return ""
