"""Every complaint about input is born here: images, sizes, dtypes, random states.

A leaf of the import graph. Messages say what was got, what was wanted and what to do.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._numbers import as_real, cast, shown

Shape = tuple[int, ...]
Pair = tuple[int, ...]  # (height, width)

_LARGEST = 2**63 - 1  # ints beyond it are no sizes: NumPy counts in 64 bits


def _as_int(value: Any) -> int | None:
    """Return `value` as a Python int, None if it is none: no truth value, no span of time, no array."""
    if isinstance(value, bool | np.timedelta64) or not isinstance(value, int | np.integer):
        return None
    return int(value) if abs(int(value)) <= _LARGEST else None


def _is_listed(value: Any) -> bool:
    """Return whether `value` is a tuple, a list, or an array of one axis."""
    return isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim == 1)


def check_shape(shape: Any, name: str = "in_shape") -> tuple[int, int, int]:
    """Return `shape` as (height, width, channels); raise ValueError unless it is three positive ints."""
    if isinstance(shape, tuple | list) and len(shape) == 3:
        # plain ints, the common case, are not looked at one by one
        h, w, c = shape if {*map(type, shape)} == {int} else map(_as_int, shape)
        if h is not None and w is not None and c is not None and 0 < min(h, w, c) and max(h, w, c) <= _LARGEST:
            return h, w, c
    raise ValueError(f"{name} must be (height, width, channels), three positive ints, got {shown(shape)}.")


def as_float(x: Any, name: str = "x") -> NDArray:
    """Return `x` as a float array: float64 stays float64, every other real dtype becomes float32.

    Raises
    ------
    ValueError
        As `as_real`, and if a number of `x` is beyond the range of float32.
    """
    if not (type(x) is np.ndarray and x.dtype in (np.float32, np.float64)):
        x = as_real(x, name)
        x = x if x.dtype in (np.float32, np.float64) else cast(x, np.float32, name)
    return x


def check_finite(x: Any, name: str = "x") -> NDArray:
    """Return the real array `x`; raise ValueError if it holds NaN or an infinity, saying how many, the first where."""
    if not (type(x) is np.ndarray and x.dtype.kind == "f"):
        x = as_real(x, name)
        x = as_float(x, name) if x.dtype == object else x
    # one pass and no temporary in the common case: the sum is finite only if every entry is
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(x.sum(dtype=np.float64)):
            return x
    bad = ~np.isfinite(x)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} holds {int(bad.sum())} non-finite values (NaN or infinity), the first at index {first}. "
            "Remove or replace them first."
        )
    return x


def check_channels_last(shape: Shape, name: str = "x") -> None:
    """Raise ValueError if a 4-D `shape` looks like channels first: few channels, then what might be a picture's sides.

    Few are 1 and 3 before sides above 4 px, and less than half of either side where the last is above 4 px.
    """
    if len(shape) != 4:
        return
    _, c, h, w = shape
    if (c in (1, 3) and min(h, w) > 4) or (2 * c < min(h, w) and w > 4):
        raise ValueError(
            f"{name} has shape {shape}, which looks like channels first. Images are (n_images, height, width, "
            f"n_channels): use numpy.moveaxis({name}, 1, -1). If these really are images of {c} x {h} pixels with "
            f"{w} channels: estimators take image_shape=({c}, {h}, {w})."
        )


def check_samples_first(shape: Shape, name: str = "x") -> None:
    """Raise ValueError if signals of `shape` (n, t, c) look like channels first: far more channels than samples."""
    _, t, c = shape
    if t < c / 2 and c > 4:
        raise ValueError(
            f"{name} has shape {shape}, which looks like channels first. Signals are (n_signals, n_samples, "
            f"n_channels): use numpy.moveaxis({name}, 1, -1). If these really are signals of {t} samples with {c} "
            f"channels, pass each channel as a signal: numpy.moveaxis({name}, -1, 1).reshape(-1, {t})."
        )


def check_images(x: Any, *, image_shape: Shape | None = None, name: str = "x", channels_last: bool = True) -> NDArray:
    """Return `x` as (n_images, height, width, n_channels), float32 or float64, finite and not empty.

    Parameters
    ----------
    x : array-like, shape (n, h, w), (n, h, w, c) or, with `image_shape`, rows (n, h * w * c)
        Images; three axes mean one channel.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows are read, as numpy.reshape reads it; one entry may be -1.
    name : str
        What the error messages call the array.
    channels_last : bool
        Refuse what looks like channels first (never done when `image_shape` is given).

    Raises
    ------
    ValueError
        If `x` has no image, no pixel, a wrong number of axes, non-finite or complex values, looks like channels
        first, or does not fit `image_shape`.
    """
    x = as_float(x, name)
    if x.ndim == 2:
        x = rows_as_images(x, image_shape, name)
    check_images_shape(x.shape, image_shape, name, channels_last)
    return check_finite(x if x.ndim == 4 else x[..., None], name)


def check_images_shape(shape: Shape, image_shape: Shape | None, name: str, channels_last: bool) -> Shape:
    """Return the `shape` of images as (n, h, w, c); raise ValueError, as `check_images`, if it is none of images."""
    if len(shape) not in (3, 4):
        raise ValueError(
            f"{name} must be (n_images, height, width) or (n_images, height, width, n_channels), got shape {shape}."
        )
    shape = shape if len(shape) == 4 else (*shape, 1)
    if image_shape is not None:
        check_image_shape(shape[1:], image_shape, name)
    elif channels_last:
        check_channels_last(shape, name)
    if 0 in shape:
        raise ValueError(f"{name} is empty: shape {shape}. At least one image of at least one pixel is needed.")
    return shape


def rows_as_images(x: NDArray, image_shape: Shape | None, name: str = "x") -> NDArray:
    """Read rows (n, d) as images (n, h, w, c) the way numpy.reshape reads `image_shape`."""
    if image_shape is None:
        raise ValueError(
            f"{name} has two axes, shape {x.shape}: rows need image_shape=(h, w) or (h, w, c) to be read as images. "
            f"If it is a single image, add an axis in front: {name}[None]."
        )
    return x.reshape(len(x), *resolve_image_shape(image_shape, x.shape[1]))


def resolve_image_shape(image_shape: Any, n_features: int, kind: str = "image") -> Shape:
    """Return (h, w, c) for rows of `n_features` values; fills in one -1 and a missing channel axis.

    Of ``kind="volume"`` (d, h, w, c).
    """
    shape = _announced_shape(image_shape, kind)
    known = math.prod(s for s in shape if s != -1)
    if shape.count(-1) == 1 and n_features % known == 0:
        shape = tuple(n_features // known if s == -1 else s for s in shape)
    if shape.count(-1) or math.prod(shape) != n_features:
        raise ValueError(f"Rows of {n_features} values cannot be read as {kind}s of {kind}_shape={shown(image_shape)}.")
    return shape


def _announced_shape(image_shape: Any, kind: str = "image") -> Shape:
    """Return `image_shape` as (h, w, c), or a volume's as (d, h, w, c), entries -1 kept."""
    axes = {"image": "h, w", "volume": "d, h, w"}[kind]
    shape = [_as_int(s) for s in image_shape] if _is_listed(image_shape) else []
    known = tuple(s for s in shape if s is not None and (s > 0 or s == -1))
    plain = len(axes.split())
    if len(shape) not in (plain, plain + 1) or len(known) != len(shape):
        wanted = f"({axes}) or ({axes}, c) of positive ints (one may be -1)"
        raise ValueError(f"{kind}_shape must be {wanted}, got {shown(image_shape)}.")
    return (*known, 1) if len(known) == plain else known


def check_image_shape(got: Shape, image_shape: Shape, name: str = "x", kind: str = "image") -> None:
    """Raise ValueError unless images of shape `got` (h, w, c), or volumes, are what `image_shape` announces."""
    wanted = _announced_shape(image_shape, kind)
    if any(w not in (-1, g) for g, w in zip(got, wanted, strict=True)):
        raise ValueError(f"{name} holds {kind}s of shape {tuple(got)}, but {kind}_shape={tuple(image_shape)}.")


def as_pair(value: Any, name: str, minimum: int = 1) -> Pair:
    """Return `value`, an int or a (height, width) pair of ints, as a pair; every entry at least `minimum`."""
    listed = type(value) is tuple or (type(value) is not int and _is_listed(value))  # the common two without a look
    pair = value if listed and len(value) == 2 else (value, value)
    first, second = pair if {*map(type, pair)} == {int} else map(_as_int, pair)
    if first is None or second is None or min(first, second) < minimum or max(first, second) > _LARGEST:
        raise ValueError(f"{name} must be an int >= {minimum} or a (height, width) pair of them, got {shown(value)}.")
    return first, second


def as_padding(value: Any, choices: tuple[str, ...]) -> str | Pair:
    """Return `value`, one of `choices` or an int or a (rows, columns) pair of px of zeros, as a name or a pair."""
    if isinstance(value, str) and value in choices:
        return value
    try:
        return as_pair(value, "padding", 0)
    except ValueError:
        same = ': "zero" is what PyTorch and Keras call "same" (at stride 1)' if shown(value) == "'same'" else ""
        raise ValueError(
            f"padding must be one of {', '.join(map(repr, choices))}, or px of zeros on each side, an int >= 0 or a "
            f"(rows, columns) pair of them, got {shown(value)}{same}."
        ) from None


def check_positive(value: Any, name: str, *, zero: bool = False) -> float:
    """Return `value`, an int or a float, as a finite float > 0 (>= 0 with `zero`)."""
    if isinstance(value, bool | np.timedelta64) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"{name} must be a number, got {shown(value)}: pass an int or a float.")
    try:
        number = float(value)
    except OverflowError:  # an int beyond all floats
        number = math.inf
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(f"{name} must be {'>= 0' if zero else '> 0'} and finite, got {shown(value)}.")
    return number


def check_count(value: Any, name: str, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`."""
    number = value if type(value) is int else _as_int(value)
    if number is None or not minimum <= number <= _LARGEST:
        raise ValueError(f"{name} must be an int >= {minimum}, got {shown(value)}.")
    return number


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {shown(value)}.")
    return value


def check_flag(value: Any, name: str, *, levels: bool = False) -> bool:
    """Return `value`, True or False, NumPy's, 0 or 1 (any int with `levels`), as a bool."""
    if not isinstance(value, bool | int | np.integer | np.bool_) or (value not in (0, 1) and not levels):
        raise ValueError(f"{name} must be True or False, got {shown(value)}.")
    return bool(value)


def check_sequence(values: Any, name: str) -> Any:
    """Return `values` if it is a tuple, a list or an array of one axis, and not empty."""
    if not _is_listed(values) or not len(values):
        raise ValueError(f"{name} must be a non-empty sequence, got {shown(values)}.")
    return values


def check_named(value: Any, name: str) -> Mapping[str, NDArray]:
    """Return `value` if it is a mapping from names to arrays, as params are."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict of arrays by name, as .{name} is, got {shown(value)}.")
    return value


def check_rng(random_state: Any = None) -> np.random.Generator:
    """Return a numpy Generator from None, an int or ints, a SeedSequence, a RandomState or a Generator."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    common = random_state is None or (type(random_state) is int and random_state >= 0)
    if common or isinstance(random_state, np.random.SeedSequence | np.random.BitGenerator):
        return np.random.default_rng(random_state)
    seeds = random_state if isinstance(random_state, tuple | list) else [random_state]
    ints = [s for s in seeds if isinstance(s, int | np.integer) and not isinstance(s, bool | np.timedelta64)]
    if seeds and len(ints) == len(seeds) and min(ints) >= 0:
        return np.random.default_rng(random_state)
    raise ValueError(
        f"random_state must be None, an int >= 0, a numpy Generator or a RandomState, got {shown(random_state)}."
    )


def check_generator(rng: Any, owner: str) -> np.random.Generator:
    """Return `rng`; raise ValueError, saying that `owner` needs one, unless it is a numpy Generator."""
    if not isinstance(rng, np.random.Generator):
        got = "" if rng is None else f", got {shown(rng)}"
        raise ValueError(f"{owner} needs a numpy Generator: pass rng=numpy.random.default_rng(seed){got}.")
    return rng


def check_memory(needed: float, what: str) -> None:
    """Raise ValueError if `what` takes `needed` bytes, and this machine is known to have fewer."""
    try:
        have = max(os.sysconf("SC_PAGE_SIZE"), 0) * max(os.sysconf("SC_PHYS_PAGES"), 0)
    except (AttributeError, ValueError, OSError):  # no POSIX: nobody knows
        return
    if 0 < have < needed:
        raise ValueError(
            f"{what} would need {needed / 2**30:,.1f} GiB of memory, and this machine has {have / 2**30:,.1f} GiB."
        )
