"""Every complaint about input is born here: images, sizes, dtypes, random states.

A leaf of the import graph. Messages say what was got, what was wanted and what to do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Shape = tuple[int, ...]
Pair = tuple[int, ...]  # (height, width)

_INTS = (int, np.integer)


def check_shape(shape: Any, name: str = "in_shape") -> tuple[int, int, int]:
    """Return `shape` as (height, width, channels); raise ValueError unless it is three positive ints."""
    if isinstance(shape, tuple | list) and len(shape) == 3:
        h, w, c = shape
        ints = isinstance(h, _INTS) and isinstance(w, _INTS) and isinstance(c, _INTS)
        if ints and min(h, w, c) > 0 and bool not in (type(h), type(w), type(c)):
            return int(h), int(w), int(c)
    raise ValueError(f"{name} must be (height, width, channels), three positive ints, got {shape!r}.")


def as_float(x: Any, name: str = "x") -> NDArray:
    """Return `x` as a float array: float64 stays float64, every other real dtype becomes float32.

    Raises
    ------
    ValueError
        If `x` is complex or does not hold numbers.
    """
    x = np.asarray(x)
    if np.iscomplexobj(x):
        raise ValueError(f"Complex data not supported: {name} has dtype {x.dtype}. Pass its real part or modulus.")
    if x.dtype in (np.float32, np.float64):
        return x
    try:
        return x.astype(np.float32)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got dtype {x.dtype}.") from None


def check_finite(x: NDArray, name: str = "x") -> NDArray:
    """Return `x`; raise ValueError if it holds NaN or an infinity, saying how many and where the first is."""
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


def check_room(top: float, dtype: DTypeLike) -> None:
    """Raise ValueError if values of size `top` are so large that their norms and sums overflow in `dtype`."""
    most = float(np.finfo(dtype).max)
    if top > most / 2**16:
        other = " or pass float64" if np.dtype(dtype) == np.float32 else ""
        raise ValueError(
            f"Values as large as {top:.3g} leave no room for sums in {np.dtype(dtype)}, which ends at {most:.2g}. "
            f"Divide them first{other}."
        )


def check_channels_last(shape: Shape, name: str = "x") -> None:
    """Raise ValueError if a 4-D `shape` looks like channels first, (n, 1 or 3, h, w)."""
    if len(shape) == 4 and shape[1] in (1, 3) and shape[2] > 4 and shape[3] > 4:
        _, c, h, w = shape
        raise ValueError(
            f"{name} has shape {shape}, which looks like channels first. Images are (n_images, height, width, "
            f"n_channels): use numpy.moveaxis({name}, 1, -1). If these really are images of {c} x {h} pixels with "
            f"{w} channels, pass image_shape=({c}, {h}, {w})."
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
    elif x.ndim == 3:
        x = x[..., None]
    elif x.ndim != 4:
        raise ValueError(
            f"{name} must be (n_images, height, width) or (n_images, height, width, n_channels), got shape {x.shape}."
        )
    if image_shape is not None:
        check_image_shape(x.shape[1:], image_shape, name)
    elif channels_last:
        check_channels_last(x.shape, name)
    if 0 in x.shape:
        raise ValueError(f"{name} is empty: shape {x.shape}. At least one image of at least one pixel is needed.")
    return check_finite(x, name)


def rows_as_images(x: NDArray, image_shape: Shape | None, name: str = "x") -> NDArray:
    """Read rows (n, d) as images (n, h, w, c) the way numpy.reshape reads `image_shape`."""
    if image_shape is None:
        raise ValueError(
            f"{name} has two axes, shape {x.shape}: rows need image_shape=(h, w) or (h, w, c) to be read as images. "
            "If it is a single image, add an axis: numpy.expand_dims(x, 0)."
        )
    return x.reshape(len(x), *resolve_image_shape(image_shape, x.shape[1]))


def resolve_image_shape(image_shape: Shape, n_features: int) -> Shape:
    """Return (h, w, c) for rows of `n_features` values; fills in one -1 and a missing channel axis."""
    shape = _announced_shape(image_shape)
    known = int(np.prod([s for s in shape if s != -1]))
    if shape.count(-1) == 1 and n_features % known == 0:
        shape = tuple(n_features // known if s == -1 else int(s) for s in shape)
    if shape.count(-1) or int(np.prod(shape)) != n_features:
        raise ValueError(f"Rows of {n_features} values cannot be read as images of image_shape={image_shape}.")
    return shape


def _announced_shape(image_shape: Any) -> Shape:
    """Return `image_shape` as (h, w, c), entries -1 kept."""
    shape = tuple(image_shape) if isinstance(image_shape, tuple | list | np.ndarray) else ()
    if len(shape) not in (2, 3) or not all(isinstance(s, int | np.integer) and (s > 0 or s == -1) for s in shape):
        raise ValueError(
            f"image_shape must be (h, w) or (h, w, c) of positive ints (one may be -1), got {image_shape}."
        )
    return (*shape, 1) if len(shape) == 2 else shape


def check_image_shape(got: Shape, image_shape: Shape, name: str = "x") -> None:
    """Raise ValueError unless images of shape `got` (h, w, c) are what `image_shape` announces."""
    wanted = _announced_shape(image_shape)
    if any(w not in (-1, g) for g, w in zip(got, wanted, strict=True)):
        raise ValueError(f"{name} holds images of shape {tuple(got)}, but image_shape={tuple(image_shape)}.")


def as_pair(value: Any, name: str, minimum: int = 1) -> Pair:
    """Return `value`, an int or a (height, width) pair of ints, as a pair; every entry at least `minimum`."""
    pair = (value, value) if isinstance(value, _INTS) else value
    try:
        first, second = pair
    except (TypeError, ValueError):
        first = second = False
    ints = isinstance(first, _INTS) and isinstance(second, _INTS) and bool not in (type(first), type(second))
    if not ints or first < minimum or second < minimum:
        raise ValueError(f"{name} must be an int >= {minimum} or a (height, width) pair of them, got {value!r}.")
    return int(first), int(second)


def as_padding(value: Any, choices: tuple[str, ...]) -> str | Pair:
    """Return `value`, one of `choices` or an int or a (rows, columns) pair of px of zeros, as a name or a pair."""
    try:
        return check_choice(value, "padding", choices) if isinstance(value, str) else as_pair(value, "padding", 0)
    except ValueError:
        raise ValueError(
            f"padding must be one of {', '.join(map(repr, choices))}, or px of zeros on each side, an int >= 0 or a "
            f"(rows, columns) pair of them, got {value!r}."
        ) from None


def check_positive(value: Any, name: str, *, zero: bool = False) -> float:
    """Return `value` as a finite float > 0 (>= 0 with `zero`)."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"{name} must be a number, got {value!r}.")
    try:
        number = float(value)  # of an int beyond all floats: an OverflowError
    except OverflowError:
        number = np.inf
    if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(f"{name} must be {'>= 0' if zero else '> 0'} and finite, got {value!r}.")
    return number


def check_count(value: Any, name: str, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name} must be an int >= {minimum}, got {value!r}.")
    return int(value)


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}.")
    return value


def check_rng(random_state: Any = None) -> np.random.Generator:
    """Return a numpy Generator from None, an int, a SeedSequence, a RandomState or a Generator."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state must be None, an int >= 0, a numpy Generator or a RandomState, got {random_state!r}."
        ) from None
