"""Odd arrays of ordinary values: dtypes, memory layouts and containers, each with what is promised for it.

A generator takes a plain float64 array, the specification of its input, and a random generator; it returns a `Draw`.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from fuzzing.promises import ACCEPTED, EITHER, Draw, Promise, refused

try:
    import pandas
except ImportError:
    pandas = None
try:
    import torch
except ImportError:
    torch = None

#: Generators that are left out here, and why.
SKIPPED = {
    name: f"{name} is not installed" for name, module in (("pandas", pandas), ("torch", torch)) if module is None
}


NO_COMPLEX = refused("complex")
NO_NAN = refused("nan|infinit|finite")
NOT_EMPTY = refused("empty|0 sample|0 feature|at least|minimum|no |shape|positive")


@dataclass(frozen=True)
class InputSpec:
    """How an argument is read: what is promised at it where inputs differ.

    Attributes
    ----------
    name : str
        What error messages may call the array, as a pattern.
    axes : tuple of int
        Numbers of axes that are accepted.
    complex : Promise
        For complex numbers.
    nonfinite : Promise
        For NaN and infinities.
    empty : Promise
        For no values at all.
    tensors : bool
        A tensor comes out as one.
    lists : Promise
        For nested lists of numbers.
    single : bool
        What is not float64 is read as float32; else everything as float64.
    channels_last : bool
        What looks like channels first is refused.
    optional : bool
        None stands for no array.
    draw : callable, optional
        Makes the odd arguments of this spec alone, in place of the arrays of every kind.
    """

    name: str
    axes: tuple[int, ...]
    complex: Promise = NO_COMPLEX
    nonfinite: Promise = NO_NAN
    empty: Promise = NOT_EMPTY
    tensors: bool = False
    lists: Promise = ACCEPTED
    single: bool = True
    channels_last: bool = False
    optional: bool = False
    draw: Any = None

    def floats(self, x: Any) -> np.ndarray:
        """Return `x` as the float array that it is promised to be read as."""
        kept = np.asarray(x).dtype.type is np.float64 or not self.single
        return np.asarray(x, np.float64 if kept else np.float32)


Generator = Callable[[np.ndarray, InputSpec, np.random.Generator], Draw]
GENERATORS: dict[str, Generator] = {}
NOT_NUMBERS = "number|numeric|dtype|string|float|convert|real"


def generator(function: Generator) -> Generator:
    """Register a generator under its own name."""
    GENERATORS[function.__name__.replace("_", " ")] = function
    return function


def _pick(rng: np.random.Generator, *choices: Any) -> Any:
    return choices[rng.integers(len(choices))]


@generator
def float_dtype(plain, spec, rng):
    """Promise: float32 and float64 are kept, float16, longdouble and float64 of the other byte order are read."""
    dtype = _pick(rng, "f4", "f8", "f2", "g", ">f4", ">f8")
    x = plain.astype(dtype)
    return Draw(f"dtype {dtype}", x, ACCEPTED, spec.floats(x))


@generator
def integers(plain, spec, rng):
    """Promise: the same as the float array of the same values; truth values may be constant, and refused."""
    dtype = _pick(rng, "?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">u2")
    x = (plain >= plain.mean() if dtype == "?" else abs(plain) if "u" in dtype else plain).astype(dtype)
    return Draw(f"dtype {dtype}", x, EITHER if dtype == "?" else ACCEPTED, spec.floats(x))


@generator
def layout(plain, spec, rng):
    """Promise: memory order, strides and alignment change nothing."""
    dtype = _pick(rng, np.float32, np.float64, np.uint8)
    x = plain.astype(dtype)
    name = _pick(rng, "fortran", "negative strides", "every second value", "unaligned", "transposed", "broadcast")
    if name == "fortran":
        x = np.asfortranarray(x)
    elif name == "negative strides":
        x = np.flip(np.flip(x).copy())
    elif name == "every second value":
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), dtype)
        wide[..., ::2] = x
        x = wide[..., ::2]
    elif name == "unaligned":
        raw = np.zeros(x.nbytes + 1, np.uint8)
        raw[1:] = np.frombuffer(x.tobytes(), np.uint8)
        x = raw[1:].view(dtype).reshape(x.shape)
    elif name == "transposed":
        x = np.ascontiguousarray(x.T).T
    else:
        x = np.broadcast_to(x[..., -1:], x.shape)
    promise = EITHER if name == "broadcast" else ACCEPTED  # flat along an axis
    return Draw(f"{name}, {np.dtype(dtype)}", x, promise, spec.floats(x.copy()))


@generator
def read_only(plain, spec, rng):
    """Promise: the same, and nothing is written into it."""
    x = plain.astype(_pick(rng, np.float32, np.float64, np.int16))
    x.flags.writeable = False
    return Draw(f"read-only, {x.dtype}", x, ACCEPTED, spec.floats(x))


@generator
def memory_mapped(plain, spec, rng):
    """Promise: the same as the array in memory."""
    x = plain.astype(_pick(rng, np.float32, np.float64, np.uint8))
    path = Path(tempfile.mkdtemp(dir=".")) / "x.npy"
    np.save(path, x)
    return Draw(f"memmap, {x.dtype}", np.load(path, mmap_mode="r"), ACCEPTED, spec.floats(x))


@generator
def subclass(plain, spec, rng):
    """Promise: a subclass of ndarray that adds nothing is the array that it is."""

    class Named(np.ndarray):
        pass

    return Draw("subclass of ndarray", plain.view(Named), ACCEPTED, plain)


@generator
def nested_lists(plain, spec, rng):
    """Promise: the same as the array NumPy makes of them."""
    dtype = _pick(rng, float, int)
    x = plain.astype(dtype).tolist()
    return Draw(f"lists of {dtype.__name__}", x, spec.lists, spec.floats(np.asarray(x)))


@generator
def array_interface(plain, spec, rng):
    """Promise: what says how it becomes an array is that array, or refused."""

    class Holder:
        def __array__(self, dtype=None, copy=None):
            return plain.copy() if dtype is None else plain.astype(dtype)

    return Draw("object with __array__", Holder(), EITHER, plain)


@generator
def objects(plain, spec, rng):
    """Promise: arrays of Python objects are their numbers or refused; of other objects, refused."""
    x = plain.astype(object)
    if rng.random() < 0.5:
        return Draw("objects that are floats", x, EITHER, spec.floats(x))
    x.flat[-1] = _pick(rng, None, "a", {}, object())
    return Draw(f"objects, one {x.flat[-1]!r:.9}", x, refused(f"{NOT_NUMBERS}|NoneType|dict|NaN"))


@generator
def masked(plain, spec, rng):
    """Promise: refused, since the masked values would be read as if they were there; with nothing masked, either."""
    mask = np.zeros(plain.shape, bool)
    if rng.random() < 0.3:
        return Draw("masked array, none masked", np.ma.array(plain, mask=mask), EITHER, plain)
    mask.flat[rng.integers(mask.size)] = True
    return Draw("masked array", np.ma.array(plain, mask=mask), refused("mask"))


@generator
def complex_numbers(plain, spec, rng):
    """Promise: the spec's own."""
    x = (plain + 1j * np.roll(plain, 1)).astype(_pick(rng, np.complex64, np.complex128))
    return Draw(f"dtype {x.dtype}", x, spec.complex)


@generator
def no_numbers(plain, spec, rng):
    """Promise: text, bytes, times and records are refused, numeric or not."""
    name = _pick(rng, "text", "bytes", "datetime64", "timedelta64", "record", "void", "list of text")
    if name in ("text", "bytes"):
        x: Any = plain.astype("U8" if name == "text" else "S8")
    elif name in ("datetime64", "timedelta64"):
        x = plain.astype(np.int64).astype(f"{name}[s]")
    elif name == "record":
        x = np.zeros(plain.shape, [("a", "f8"), ("b", "f8")])
    elif name == "void":
        x = np.zeros(plain.shape, "V8")
    else:
        x = plain.astype("U8").tolist()
    return Draw(name, x, refused(f"{NOT_NUMBERS}|void|numpy"))


@generator
def no_array(plain, spec, rng):
    """Promise: what is no array at all is refused."""
    name = _pick(rng, "None", "text", "number", "dict", "set", "generator", "function", "object", "ragged", "bytes")
    things = {"None": None, "text": "abc", "number": 3.5, "dict": {"a": 1}, "set": {1, 2}, "function": len}
    things |= {"object": object(), "generator": (i for i in [1]), "bytes": b"abc"}
    x = [[1.0, 2.0], [3.0]] if name == "ragged" else things[name]
    if (name == "number" and not spec.axes) or (name == "None" and spec.optional):
        return Draw(name, x, EITHER)
    return Draw(name, x, refused(f"\\b({spec.name})\\b|array|shape|axes|dtype|2D|number|numeric|ragged|inhomog|None"))


@generator
def sparse_matrix(plain, spec, rng):
    """Promise: refused; nothing here reads sparse matrices."""
    make = _pick(rng, sparse.csr_matrix, sparse.coo_array, sparse.csr_array)
    return Draw(make.__name__, make(plain.reshape(len(plain), -1)), refused("sparse|dtype|shape"))


def frame(plain, spec, rng):
    """Promise: rows are read as the array of their values; what cannot be rows is refused."""
    x = pandas.DataFrame(plain.reshape(len(plain), -1).astype(_pick(rng, np.float64, np.float32, np.int64)))
    if 2 in spec.axes and plain.ndim == 2:
        return Draw("DataFrame", x, ACCEPTED, spec.floats(x.to_numpy()))
    return Draw("DataFrame", x, EITHER if 2 in spec.axes or not spec.axes else refused("shape|axes|dim"))


def tensor(plain, spec, rng):
    """Promise: a part returns a tensor; elsewhere what comes out is no array, or it is refused."""
    dtype = _pick(rng, "float32", "float64", "float32 with a gradient", "uint8", "int64", "bfloat16")
    name = dtype.split()[0]
    x = torch.as_tensor(plain.copy()).to(getattr(torch, name))
    same = spec.floats(x.to(torch.float64).numpy() if name == "float64" else x.to(torch.float32).numpy())
    x = x.requires_grad_("gradient" in dtype)
    return Draw(f"tensor of {dtype}", x, ACCEPTED if spec.tensors else EITHER, same)


if pandas is not None:
    generator(frame)
if torch is not None:
    generator(tensor)
