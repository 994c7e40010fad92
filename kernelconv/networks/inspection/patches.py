"""The patches of given images that excite each channel of a layer most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from kernelconv._check import check_count, check_images
from kernelconv.networks.inspection.fields import windows
from kernelconv.networks.inspection.resolve import as_network, first_step, up_to
from kernelconv.operators import Part


@dataclass(frozen=True, repr=False)
class StrongestPatches:
    """The result of `strongest_patches`: for each channel n patches, the strongest first.

    Attributes
    ----------
    patches : ndarray (n_channels, n, height, width, c)
        The patches that the channel sees; zero beyond the edge of an image.
    answers : ndarray (n_channels, n)
        The output of the channel for each patch.
    images : ndarray of int (n_channels, n)
        The indices of their images in X.
    corners : ndarray of int (n_channels, n, 2)
        Row and column where each patch begins, below 0 in a border.
    """

    patches: NDArray
    answers: NDArray
    images: NDArray
    corners: NDArray

    def __repr__(self) -> str:
        n_channels, n, h, w, _ = self.patches.shape
        return f"StrongestPatches({n_channels} channels, {n} patches of {h} x {w} px each)"


def strongest_patches(
    network: Part | BaseEstimator, layer: str | int | None, X: ArrayLike, n: int = 9
) -> StrongestPatches:
    r"""Return, for each channel k of a layer, the n patches of images that excite it most.

    .. math:: \arg\max_{u} \Phi_k(x)[u] \quad \text{for each image } x, \text{ then the } n \text{ largest over images}

    An image contributes one patch, that of its strongest position: the neighbours of a strong position are strong as
    well, and the n patches would otherwise be nearly the same.

    Parameters
    ----------
    network : Network, Part or estimator
        Built, or fitted with a ``network_``.
    layer : str, int or None
        A name of ``network.trace``, or the position of one; None is the last.
    X : array-like, shape (n_images, h, w) or (n_images, h, w, c)
        Images; rows for an estimator that has an `image_shape`.
    n : int
        Patches per channel, at most as many as images.

    Returns
    -------
    StrongestPatches

    Raises
    ------
    TypeError
        If `network` is no network, part or estimator with one.
    ValueError
        If `network` is not built or has no such layer, `X` is not finite images of its shape, or `n` is not an int from
        1 to the number of images.

    Notes
    -----
    Cost: one pass through the layers, block by block on threads. Complex maps are compared by their modulus. In a tie
    the first image is taken, and in it the first position in row-major order.

    References
    ----------
    Zeiler & Fergus (2014), Visualizing and understanding convolutional networks, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks import serial, strongest_patches
    >>> from kernelconv.operators import Convolution
    >>> edge = serial(Convolution.from_weights(np.array([[[[-1.0]], [[1.0]]]]), padding="valid")).build((3, 4, 1))
    >>> x = np.zeros((2, 3, 4))
    >>> x[1, 2, 3] = 5
    >>> found = strongest_patches(edge, 0, x, n=1)
    >>> found.patches[0, 0, :, :, 0], found.images[0], found.corners[0]
    (array([[0., 5.]]), array([1]), array([[2, 2]]))
    """
    asked = up_to(as_network(network), layer)
    images = check_images(
        X, image_shape=getattr(first_step(network), "image_shape", None), name="X", channels_last=False
    )
    if check_count(n, "n") > len(images):
        raise ValueError(f"n must be at most the number of images, since each gives one patch: {len(images)}, got {n}.")
    answers, places = np.moveaxis(asked.map_forward(_strongest_of_image, images), 1, 0)
    order = np.argsort(-answers, axis=0, kind="stable")[:n].T  # (n_channels, n)
    size, rows, columns = windows(asked)
    row, column = np.divmod(np.take_along_axis(places.T, order, axis=1).astype(int), len(columns))
    corners = np.stack([rows[row], columns[column]], axis=-1)
    patches = _cut(images, order, corners, size)
    return StrongestPatches(patches, np.take_along_axis(answers.T, order, axis=1), order, corners)


def _strongest_of_image(maps: NDArray) -> NDArray:
    """Return, of maps (n, h, w, c), each channel's largest value and its position in row-major order, (n, 2, c)."""
    lines = (np.abs(maps) if np.iscomplexobj(maps) else maps).reshape(len(maps), -1, maps.shape[-1])
    places = lines.argmax(axis=1)[:, None]
    return np.concatenate([np.take_along_axis(lines, places, axis=1), places], axis=1, dtype=np.float64)


def _cut(images: NDArray, order: NDArray, corners: NDArray, size: tuple[int, ...]) -> NDArray:
    """Return the windows of a `size` at `corners` (k, n, 2) of the images numbered `order` (k, n), zero outside."""
    out = np.zeros((*order.shape, *size, images.shape[3]), images.dtype)
    for at in np.ndindex(*order.shape):
        ends = zip(corners[at], size, images.shape[1:3], strict=True)
        inside = [(max(first, 0), min(first + s, side), first) for first, s, side in ends]
        (r0, r1, top), (c0, c1, left) = inside
        if r0 < r1 and c0 < c1:  # else all of it lies beyond the edge
            out[at][r0 - top : r1 - top, c0 - left : c1 - left] = images[order[at], r0:r1, c0:c1]
    return out
