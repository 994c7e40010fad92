"""Kinds of parameters: each says of any value at all whether it is right, and so what is promised for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.arrays import _pick
from fuzzing.promises import ACCEPTED, EITHER, Draw, refused

#: Values of every type and size, put to every parameter.
ODD: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "'abc'": lambda: "abc",
    "''": lambda: "",
    "b'abc'": lambda: b"abc",
    "-1": lambda: -1,
    "0": lambda: 0,
    "2": lambda: 2,
    "3": lambda: 3,
    "1.5": lambda: 1.5,
    "2.0": lambda: 2.0,
    "-0.5": lambda: -0.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "1j": lambda: 1j,
    "1e308": lambda: 1e308,
    "1e-308": lambda: 1e-308,
    "10**30": lambda: 10**30,
    "-10**30": lambda: -(10**30),
    "2**63": lambda: 2**63,
    "Fraction(1, 2)": lambda: Fraction(1, 2),
    "float32(2)": lambda: np.float32(2),
    "int64(2)": lambda: np.int64(2),
    "NaT": lambda: np.datetime64("NaT"),
    "[]": list,
    "()": tuple,
    "(2, 2)": lambda: (2, 2),
    "[2, 2]": lambda: [2, 2],
    "(1, 2, 3)": lambda: (1, 2, 3),
    "(2.0, 2)": lambda: (2.0, 2),
    "(0, 2)": lambda: (0, 2),
    "('a', 'b')": lambda: ("a", "b"),
    "{}": dict,
    "{1: 2}": lambda: {1: 2},
    "array([1, 2])": lambda: np.array([1, 2]),
    "array(2)": lambda: np.array(2),
    "array(['a'])": lambda: np.array(["a"]),
    "array of nan": lambda: np.full((2, 2), np.nan),
    "object()": object,
    "int": lambda: int,
    "len": lambda: len,
    "Path": lambda: Path("no such place"),
}
HUGE = {"10**30", "2**63", "1e308"}
#: What texts may call a parameter, where it is handed on to something that calls it by another name.
ALIASES = {
    "rng": "rng random_state",
    "pooling_scale": "pooling_scale scale",
    "patch_size": "patch_size size",
    "strength": "strength jacobian_norm sup_norm",
    "n_anchors": "n_anchors",
}


@dataclass(frozen=True)
class Kind:
    """A kind of parameter.

    Attributes
    ----------
    right : callable
        Of a value: True where it is right (finite or refused, as others have it), False where it is promised to be
        refused, None where either is well.
    equals : callable
        Other values that mean the same as a given one.
    left_out : set of str
        What is not tried: it would be right, and take for ever.
    """

    right: Callable[[Any], bool | None]
    equals: Callable[[Any], list[Any]] = lambda value: []
    left_out: frozenset[str] = frozenset()


def odd_parameter(name: str, kind: Kind, plain: Any, rng: np.random.Generator) -> Draw:
    """Return an odd value of a parameter, or one that means the same as the plain one."""
    equals = kind.equals(plain)
    if equals and rng.random() < 0.2:
        value = equals[rng.integers(len(equals))]
        return Draw(f"{value!r:.40}", value, ACCEPTED, plain)
    word = _pick(rng, *(w for w in ODD if w not in kind.left_out))
    value = ODD[word]()
    right = kind.right(value)
    words = [
        *(rf"\b{word}\b" for word in ALIASES.get(name, name).split()),
        re.escape(" ".join(repr(value).split())[:30]),
    ]
    return Draw(word, value, refused("|".join(words)) if right is False else EITHER)


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def count(minimum: int = 1, *, repeats: bool = False) -> Kind:
    """Return the kind of an int of at least `minimum`; `repeats`: work is done so many times."""

    def same(value: Any) -> list[Any]:
        return [np.int64(value), np.uint8(value), np.int16(value)] if _is_int(value) and value >= 0 else []

    left_out = frozenset(HUGE) if repeats else frozenset()
    return Kind(lambda value: _is_int(value) and value >= minimum, same, left_out)


def number(*, zero: bool = False, above: float = 0.0, below: float = float("inf"), sign: bool = False) -> Kind:
    """Return the kind of a finite number > `above` (>= with `zero`; any with `sign`) and < `below`."""

    def right(value: Any) -> bool | None:
        if isinstance(value, Fraction) or (isinstance(value, np.ndarray) and value.ndim == 0):
            return None
        if not _is_number(value) or not np.isfinite(float(value)):
            return False
        return bool(sign or value > above or (zero and value == above)) and value < below

    return Kind(right, _same_number)


def _same_number(value: Any) -> list[Any]:
    if not _is_number(value):
        return []
    return [np.float64(value), *([np.float32(value)] if float(np.float32(value)) == value else [])]


def choice(*names: Any) -> Kind:
    """Return the kind of one of some values."""

    def right(value: Any) -> bool:
        return any(type(value) is type(name) and value == name for name in names)

    return Kind(right, lambda value: [np.str_(value)] if isinstance(value, str) else [])


def pair(minimum: int = 1) -> Kind:
    """Return the kind of an int, or of two."""

    def right(value: Any) -> bool | None:
        if isinstance(value, np.ndarray):
            return None if value.shape == (2,) and value.dtype.kind in "iu" else False
        ints = list(value) if isinstance(value, tuple | list) else [value, value]
        return len(ints) == 2 and all(_is_int(v) and v >= minimum for v in ints)

    def same(value: Any) -> list[Any]:
        both = value if isinstance(value, tuple) else (value, value)
        return [both, list(both), tuple(map(np.int64, both))] if all(map(_is_int, both)) else []

    return Kind(right, same)


def one_of(*kinds: Kind) -> Kind:
    """Return the kind of a value that is right for any of `kinds`."""

    def right(value: Any) -> bool | None:
        found = [kind.right(value) for kind in kinds]
        return True if True in found else None if None in found else False

    left_out = frozenset().union(*(kind.left_out for kind in kinds))
    return Kind(right, lambda value: [v for kind in kinds if kind.right(value) for v in kind.equals(value)], left_out)


def by_layer(kind: Kind, n: int = 1) -> Kind:
    """Return the kind of one value for all of `n` layers, or a tuple of one a layer; lengths are seen elsewhere."""

    def right(value: Any) -> bool | None:
        if isinstance(value, tuple | list | np.ndarray) and kind.right(value) is False:
            values = list(value) if np.ndim(value) else [value]
            return None if values and all(kind.right(v) is not False for v in values) else False
        return kind.right(value)

    return Kind(right, kind.equals, kind.left_out)


def a(*types: type) -> Kind:
    """Return the kind of an instance of some types."""
    return Kind(lambda value: isinstance(value, types))


def shape3() -> Kind:
    """Return the kind of (height, width, channels)."""

    def right(value: Any) -> bool | None:
        return isinstance(value, tuple | list) and len(value) == 3 and all(_is_int(v) and v > 0 for v in value)

    def same(value: Any) -> list[Any]:
        return [list(value), tuple(map(np.int64, value))]

    return Kind(right, same)


NONE = choice(None)
#: True and False; others are taken by their truth, or refused.
FLAG = Kind(lambda value: True if isinstance(value, bool | np.bool_) else None)
ANYTHING = Kind(lambda value: None)


def _seed(value: Any) -> bool | None:
    if value is None or isinstance(value, np.random.Generator | np.random.RandomState):
        return True
    if isinstance(value, bool | dict | tuple | list) or (isinstance(value, np.ndarray) and value.dtype.kind in "iu"):
        return None
    return _is_int(value) and value >= 0


SEED = Kind(_seed)
JOBS = one_of(NONE, Kind(lambda value: _is_int(value) and value != 0, lambda value: [None, 2, np.int64(1), -1]))
GENERATOR = Kind(_seed)
