"""Volumes as an estimator reads them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from kernelconv._check import Shape, check_finite, check_image_shape


def as_volumes(X: NDArray, volume_shape: Any = None) -> NDArray:
    """Return `X`, (n, d, h, w) or (n, d, h, w, c) of floats, as (n, d, h, w, c).

    Raises
    ------
    ValueError
        If `X` has another number of axes, no value, NaN or infinities among them, looks like channels first, or does
        not fit `volume_shape`.
    """
    check_axes(X.shape, volume_shape)
    if 0 in X.shape:
        raise ValueError(f"X is empty: shape {X.shape}. At least one volume of at least one voxel is needed.")
    volumes = X if X.ndim == 5 else X[..., None]
    if volume_shape is not None:
        check_image_shape(volumes.shape[1:], volume_shape, "X", "volume")
    return check_finite(volumes, "X")


def check_axes(shape: Shape, volume_shape: Any) -> None:
    """Raise ValueError unless `shape` is one of volumes, channels last."""
    if len(shape) == 2:
        raise ValueError(
            f"X has two axes, shape {shape}: rows need volume_shape=(d, h, w) or (d, h, w, c) to be read as volumes."
        )
    if len(shape) not in (4, 5):
        one = " If it is a single volume, add an axis in front: X[None]." if len(shape) == 3 else ""
        raise ValueError(
            "X must be (n_volumes, depth, height, width) or (n_volumes, depth, height, width, n_channels), got shape "
            f"{shape}.{one}"
        )
    if len(shape) == 5 and volume_shape is None and 2 * shape[1] < min(shape[2:4]) and shape[4] > 4:
        raise ValueError(
            f"X has shape {shape}, which looks like channels first. Volumes are (n_volumes, depth, height, width, "
            f"n_channels): use numpy.moveaxis(X, 1, -1). If these really are volumes of {shape[1]} x {shape[2]} x "
            f"{shape[3]} voxels with {shape[4]} channels: pass volume_shape={tuple(shape[1:])}."
        )
