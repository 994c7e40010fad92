"""ONNX sessions as representations: NumPy images in, the rows of their first output out.

onnxruntime is never imported: a caller who passes a session has installed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Shape, as_float, check_count
from kernelconv._numbers import as_array
from kernelconv.stability.adapters.modules import BATCH
from kernelconv.stability.rows import check_batches, check_one_each

#: ONNX's names of dtypes, where NumPy has others; the rest are NumPy's own.
_NAMES = {"float": "float32", "double": "float64"}
_INSTEAD = "Pass a function of NumPy images: lambda X: session.run(None, {name: ...})[0]"


class Session(Protocol):
    """An onnxruntime.InferenceSession."""

    def run(self, output_names: Any, input_feed: Any, /) -> Sequence[Any]:
        """Return the outputs."""

    def get_inputs(self) -> Sequence[Any]:
        """Return name, type and shape of the inputs."""

    def get_outputs(self) -> Sequence[Any]:
        """Return name, type and shape of the outputs."""


def is_session(phi: Any) -> bool:
    """Return whether `phi` is an onnxruntime.InferenceSession, without importing onnxruntime."""
    return all(callable(getattr(phi, name, None)) for name in ("run", "get_inputs", "get_outputs"))


@dataclass(frozen=True)
class SessionRepresentation:
    """The first output of a session as a function from NumPy images to NumPy rows, by batches.

    Attributes
    ----------
    session : onnxruntime.InferenceSession
        Its only input is images, with axes (n, c, h, w), as PyTorch exports them; (n, h, w, c) if the sizes that
        the session declares allow nothing else; or (n, h, w).
    batch_size
        As in `as_representation`. A session with a fixed number of images is given that many: the last batch is
        padded with copies of its last image, whose outputs are left out.
    """

    session: Any
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            check_count(self.batch_size, "batch_size")
        fixed = _size(self._input().shape[0])
        if self.batch_size is not None and fixed not in (None, self.batch_size):
            raise ValueError(f"batch_size={self.batch_size}, and the session takes {fixed} images at a time: leave it.")

    def __call__(self, x: NDArray) -> NDArray:
        """Return the features (n, d) of images (n, h, w) or (n, h, w, c)."""
        found = as_float(self._outputs(x)[0], "phi(X)")
        return found.reshape(len(found), -1)

    def maps(self, x: NDArray) -> NDArray:
        """Return the first output, its maps channels last."""
        found, channels_first = self._outputs(x)
        return np.moveaxis(found, 1, -1) if found.ndim == 4 and channels_first else found

    def _outputs(self, x: Any) -> tuple[NDArray, bool]:
        """Return the first output, and whether the session reads images channels first."""
        x = x if hasattr(x, "shape") else as_array(x, "X")
        given = self._input()
        fixed = _size(given.shape[0])
        slices = check_batches(x, fixed or self.batch_size or BATCH)
        moves = _moves_channels(given, x.shape[1:])
        found = [self._run(given.name, _as_input(x[s], given, moves), fixed) for s in slices]
        return np.concatenate(found), moves

    def _input(self) -> Any:
        """Return what the session says of its input; raise ValueError unless it is one array of images."""
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(repr(one.name) for one in inputs)
            raise ValueError(f"The session must have one input, images, and has {len(inputs)}: {names}. {_INSTEAD}.")
        (given,) = inputs
        if len(given.shape) not in (3, 4) or _dtype(given.type) is None:
            raise ValueError(
                f"The session reads {given.name!r}, a {given.type} of shape {_shown(given.shape)}, and no images "
                f"(n, c, h, w) of numbers. {_INSTEAD}."
            )
        return given

    def _run(self, name: str, images: NDArray, fixed: int | None) -> NDArray:
        """Return the first output of a batch, one row per image; raise ValueError in words if there is none."""
        n = len(images)
        if fixed is not None and n < fixed:
            images = np.concatenate([images, np.repeat(images[-1:], fixed - n, axis=0)])
        output = self.session.get_outputs()[0].name
        try:
            (found,) = self.session.run([output], {name: images})
        except Exception as error:  # whatever a session raises that was made for other images
            raise ValueError(
                f"The session cannot read {name!r} of shape {images.shape}, {images.dtype}: {error}. {_INSTEAD}."
            ) from error
        if not isinstance(found, np.ndarray):
            raise ValueError(
                f"The session's first output, {output!r}, is a {type(found).__name__}, no array. {_INSTEAD}."
            )
        check_one_each(found.shape, len(images))
        return found[:n]


def _size(stated: Any) -> int | None:
    """Return a size that a session states, None where it is free."""
    return int(stated) if isinstance(stated, int | np.integer) and stated > 0 else None


def _shown(shape: Sequence[Any]) -> str:
    return f"({', '.join(str(s) if isinstance(s, int | str) else '?' for s in shape)})"


def _dtype(kind: str) -> np.dtype[Any] | None:
    """Return the dtype of a "tensor(...)" of real numbers; None if it is something else, or one that NumPy lacks."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    try:
        found = np.dtype(_NAMES.get(name, name))
    except (TypeError, ValueError):
        return None
    return found if found.kind in "iuf" else None


def _moves_channels(given: Any, image: Shape) -> bool:
    """Return whether images of shape (h, w) or (h, w, c) are handed over channels first.

    Raises
    ------
    ValueError
        If the session reads images of other sizes.
    """
    h, w, c = image if len(image) == 3 else (*image, 1)
    stated = [_size(s) for s in given.shape[1:]]
    orders: dict[bool, Shape] = {True: (c, h, w), False: (h, w, c)}
    if len(stated) == 2:
        orders = {False: (h, w)} if c == 1 else {}
    for moves, order in orders.items():
        if all(s in (None, size) for s, size in zip(stated, order, strict=True)):
            return moves
    raise ValueError(
        f"The session reads {given.name!r} of shape {_shown(given.shape)}, and X holds images of {h} x {w} pixels and "
        f"{c} channels. {_INSTEAD}."
    )


def _as_input(x: NDArray, given: Any, moves: bool) -> NDArray:
    """Return images in the order of axes and the dtype that a session reads; raise ValueError if those cannot hold."""
    planes = as_float(x, "X")
    planes = planes if planes.ndim == 4 else planes[..., None]
    planes = np.moveaxis(planes, -1, 1) if moves else planes
    planes = planes if len(given.shape) == 4 else planes[..., 0]
    dtype = np.dtype(_dtype(given.type))
    with np.errstate(over="ignore", invalid="ignore"):
        images = np.ascontiguousarray(planes, dtype=dtype)
    held = np.isfinite(images).all() if dtype.kind == "f" else np.array_equal(images, planes)
    if not held:
        raise ValueError(
            f"The session reads {given.name!r} in {dtype}, which does not hold the values of X, from "
            f"{planes.min():.3g} to {planes.max():.3g}. {_INSTEAD}, converted as the session was made for."
        )
    return images
