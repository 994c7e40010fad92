"""The filters of a layer as pictures: wavelets, anchors, weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv.networks.inspection.resolve import as_network, up_to
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.networks.serial import Network
from kernelconv.operators import Convolution, Dense, Flatten, KernelMapping, Layer, Part, PatchExtraction
from kernelconv.operators.composite import Composite


def filters(network: Any, layer: str | int | None = None) -> NDArray:
    """Return pictures (k, h, w), of colour filters (k, h, w, 3), of a layer; None is the first that has some.

    Scattering: the real part of its wavelets at every other angle, coarse scales last. Kernel networks: anchors, where
    these are patches of more than one pixel. Convolutions: their weights, a picture a filter. A dense layer: the
    weights of each unit, as a map of its input. Three channels are colours, others are averaged.

    Parameters
    ----------
    network : Network, Part or estimator
        Built, or fitted with a ``network_``; of a pipeline the first step.
    layer : str, int or None
        A name of ``network.trace``, or the position of one.

    Raises
    ------
    TypeError
        If `network` is no network, part or estimator with one.
    ValueError
        If it is not built, has no such layer, or there is no filter to see.

    Examples
    --------
    >>> from kernelconv import ConvKernelNetwork, load_digits_images
    >>> X, y = load_digits_images()
    >>> filters(ConvKernelNetwork(n_anchors=(16, 32), random_state=0).fit(X[:300])).shape
    (16, 3, 3)
    """
    whole = as_network(network)
    parts = up_to(whole, layer).parts
    if layer is not None:
        parts = parts[-2:] if isinstance(parts[-2:][0], Flatten) else parts[-1:]
    for found in pictures_of_parts(parts):
        return found
    has = "No layer of {} has" if layer is None else f"Layer {layer!r} of {{}} has no"
    raise ValueError(
        f"{has.format(f'{whole!r:.200}')} filters to see: these are weights of Convolution and Dense, wavelets of "
        "scattering, and anchors of KernelMapping on patches of more than one pixel."
    )


def pictures_of_parts(parts: tuple[Part, ...] | list[Part]) -> Iterator[NDArray]:
    """Yield the pictures of every part that has filters, those inside composites in their order."""
    for before, part in zip((None, *parts), parts, strict=False):
        if isinstance(part, ScatteringTransform):
            yield _wavelets(part)
        elif isinstance(part, Convolution):
            yield _colours(np.moveaxis(part.params["weight"].reshape(*part.size, -1, part.n_filters), -1, 0))
        elif isinstance(part, Dense):
            shape = (before if isinstance(before, Flatten) else part).in_shape
            if max(shape[:2]) > 1:  # what reads one position is no picture
                yield _colours(np.moveaxis(part.params["weight"].reshape(*shape, -1), -1, 0))
        elif isinstance(part, Layer) and isinstance(part.mapping, KernelMapping):
            size = _patch_size(part.patches)
            if size is not None and max(size) > 1:
                anchors = part.mapping.params["anchors"]
                yield _colours(anchors.reshape(len(anchors), *size, -1))
        elif isinstance(part, Composite):
            yield from pictures_of_parts(list(part.named_parts.values()))


def _patch_size(patches: Part) -> Pair | None:
    """Return the size of the patches that P extracts, alone or before it centres or whitens them."""
    first = patches.parts[0] if isinstance(patches, Network) else patches
    return first.size if isinstance(first, PatchExtraction) else None  # type: ignore[return-value]  # a pair, once read


def _wavelets(scattering: ScatteringTransform) -> NDArray:
    psi = np.fft.fftshift(np.fft.ifft2(scattering.geometry.bank.psi).real, axes=(-2, -1))
    h, w = psi.shape[-2:]
    half = min(h, w, 24) // 2  # wavelets of J = 3 have died away 12 px from their centre
    middle = psi[:, ::2, h // 2 - half : h // 2 + half, w // 2 - half : w // 2 + half]
    return middle.reshape(-1, 2 * half, 2 * half)


def _colours(pictures: NDArray) -> NDArray:
    """Return filters (k, h, w, c) as pictures: three channels are colours, others are averaged."""
    return pictures if pictures.shape[-1] == 3 else pictures.mean(-1)
