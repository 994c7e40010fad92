"""Ordinary arrays of odd values, and arrays of odd shapes, each with what is promised for it."""

import numpy as np

from fuzzing.arrays import GENERATORS, Generator, InputSpec, _pick
from fuzzing.promises import EITHER, UNCHECKED, Draw, Promise, refused

VALUES: dict[str, Generator] = {}
SHAPES: dict[str, Generator] = {}


def value(function: Generator) -> Generator:
    """Register a generator of values under its own name."""
    VALUES[function.__name__.replace("_", " ")] = function
    return function


def shape(function: Generator) -> Generator:
    """Register a generator of shapes under its own name."""
    SHAPES[function.__name__.replace("_", " ")] = function
    return function


def _unless_unchecked(spec: InputSpec) -> Promise:
    """Return the promise for values that overflow in a sum or a square: parts compute with them as IEEE says."""
    return UNCHECKED if spec.nonfinite is UNCHECKED else EITHER


@value
def not_finite(plain, spec, rng):
    """Promise: refused by what reads data; parts compute with them as IEEE says."""
    bad = _pick(rng, np.nan, np.inf, -np.inf)
    x = plain.astype(_pick(rng, np.float32, np.float64))
    x[(rng.random(x.shape) < 0.1) if rng.random() < 0.3 else np.unravel_index(rng.integers(x.size), x.shape)] = bad
    if np.isfinite(x).all():
        x.flat[0] = bad
    return Draw(f"{bad} in {x.dtype}", x, spec.nonfinite)


@value
def scaled(plain, spec, rng):
    """Promise: finite, and what is homogeneous scales with its input; or refused."""
    dtype, factor = _pick(
        rng,
        (np.float32, 2.0**100),
        (np.float32, 2.0**-100),
        (np.float64, 2.0**100),
        (np.float64, 2.0**-100),
        (np.float64, 2.0**900),
        (np.float64, 2.0**-900),
    )
    same = plain.astype(dtype)
    x = same * dtype(factor)
    return Draw(f"times {factor:.1g}, {x.dtype}", x, EITHER, same, factor)


@value
def one_huge_value(plain, spec, rng):
    """Promise: finite or refused; nearer to the largest float32 a sum may overflow, as IEEE says."""
    x = plain.astype(_pick(rng, np.float32, np.float64))
    x.flat[rng.integers(x.size)] = _pick(rng, 1e30, -1e30, 1e33, 1e-45)
    top = x.flat[np.abs(x).argmax()]
    return Draw(f"one value {top:.3g} in {x.dtype}", x, _unless_unchecked(spec))


@value
def constant(plain, spec, rng):
    """Promise: finite or refused."""
    level = _pick(rng, 0.0, 1.0, -3.0, 0.1, 1e-40, 255.0)
    x = np.full(plain.shape, level, _pick(rng, np.float32, np.float64))
    return Draw(f"constant {level} of {x.dtype}", x, EITHER)


@value
def equal_samples(plain, spec, rng):
    """Promise: finite or refused."""
    x = np.repeat(plain[:1], len(plain), axis=0)
    return Draw("the same sample again and again", x, EITHER)


@value
def large_integers(plain, spec, rng):
    """Promise: the same as the float array of the same values, if that is read."""
    dtype = np.dtype(_pick(rng, np.int64, np.uint64, np.int32, np.int8))
    most, least = (dtype.type(limit) for limit in (np.iinfo(dtype).max, np.iinfo(dtype).min))
    x = np.where(plain > plain.mean(), most, least)
    return Draw(f"limits of {dtype}", x, _unless_unchecked(spec), spec.floats(x))


@shape
def number_of_axes(plain, spec, rng):
    """Promise: another number of axes than the spec reads is refused."""
    n = _pick(rng, *(k for k in range(7) if k not in spec.axes))
    size = (2, 5, 4, 3, 2, 2, 2)[:n]
    x = np.random.default_rng(0).integers(1, 6, size).astype(np.float64)
    words = f"shape|axes|dim|2D|1D|\\b({spec.name})\\b|length|scalar|array"
    return Draw(f"shape {x.shape}", x, refused(words))


@shape
def nothing(plain, spec, rng):
    """Promise: the spec's own."""
    size = list(plain.shape)
    size[_pick(rng, 0, 0, *range(plain.ndim))] = 0
    promise = spec.empty if spec.empty.kind != "refused" else refused(f"{spec.empty.words}|\\b({spec.name})\\b")
    return Draw(f"shape {tuple(size)}", np.zeros(size), promise)


@shape
def few_values(plain, spec, rng):
    """Promise: one image, one line, one pixel: finite or refused."""
    size = list(plain.shape)
    for axis in _pick(rng, [0], [1], [plain.ndim - 1], list(range(1, plain.ndim)), list(range(plain.ndim))):
        size[min(axis, plain.ndim - 1)] = 1
    return Draw(f"shape {tuple(size)}", np.ascontiguousarray(plain[tuple(slice(s) for s in size)]), EITHER)


@shape
def larger(plain, spec, rng):
    """Promise: finite or refused."""
    axis = rng.integers(plain.ndim)
    x = np.concatenate([plain, plain[(slice(None),) * axis + (slice(1),)]], axis=axis)
    return Draw(f"shape {x.shape}", x, EITHER)


@shape
def channels_first(plain, spec, rng):
    """Promise: refused where images are read; parts do not guess."""
    c = _pick(rng, 1, 3, 4)
    x = np.random.default_rng(0).integers(0, 6, (len(plain), c, 12, 12)).astype(np.float64)
    if spec.channels_last:
        return Draw(f"shape {x.shape}", x, refused("channels first|shape"))
    return Draw(f"shape {x.shape}", x, EITHER if 4 in spec.axes else refused("shape|axes|dim|length|array"))


def odd_array(plain: np.ndarray, spec: InputSpec, rng: np.random.Generator) -> Draw:
    """Return an odd argument for an input: half of them by dtype or container, the others by values or shape."""
    if spec.draw is not None:
        return spec.draw(plain, spec, rng)
    among = _pick(rng, GENERATORS, GENERATORS, VALUES, SHAPES)
    return among[_pick(rng, *among)](plain, spec, rng)
