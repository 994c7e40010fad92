"""Architectures in the stability theorem: patches, pooling scales, slopes; and the theory's recommendations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from kernelconv._check import check_positive
from kernelconv._numbers import shown


@dataclass(frozen=True)
class LayerShape:
    """One layer A M P, by the quantities of the theorem.

    Attributes
    ----------
    patch_size : float
        Side of a patch, in pixels of the map it reads (geometric mean of height and width).
    stride : float
        Pixels of the image from one pixel of that map to the next.
    subsampling : float
        Step between pooled positions, in pixels of that map.
    scale : float
        Standard deviation of the pooling Gaussian, in pixels of that map.
    slope : float
        max(1, sqrt(kappa'(1))), the Lipschitz constant of M, times the norm of the linear parts that act on patches
        before M (1 for `PatchCentering`).

    Raises
    ------
    ValueError
        If one of them is not a positive, finite number.

    Examples
    --------
    >>> from kernelconv.stability import LayerShape
    >>> LayerShape(patch_size=3, stride=1, subsampling=2, scale=2**0.5)
    LayerShape(patch_size=3, stride=1, subsampling=2, scale=1.4142135623730951, slope=1.0)
    """

    patch_size: float
    stride: float
    subsampling: float
    scale: float
    slope: float = 1.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            check_positive(getattr(self, entry.name), entry.name)


class Parts(Protocol):
    """A network made of layers."""

    @property
    def parts(self) -> Sequence[Any]:
        """The layers, in the order the data flows."""


@dataclass(frozen=True, repr=False)
class Architecture:
    r"""The layers of a convolutional kernel network, x_n = A_n M_n P_n ... A_1 M_1 P_1 x_0.

    Examples
    --------
    >>> from kernelconv.stability import Architecture, LayerShape
    >>> net = Architecture((LayerShape(3, 1, 2, 2 / 2**0.5), LayerShape(3, 2, 2, 2 / 2**0.5)))
    >>> net.n_layers, round(net.scale, 3), round(net.normalization, 3)
    (2, 2.828, 0.444)
    """

    layers: tuple[LayerShape, ...]

    def __post_init__(self) -> None:
        layers = tuple(self.layers) if isinstance(self.layers, tuple | list) else ()
        if not layers or not all(isinstance(layer, LayerShape) for layer in layers):
            raise ValueError(f"layers must hold one LayerShape a layer, at least one, got {shown(self.layers)}.")
        object.__setattr__(self, "layers", layers)

    def __repr__(self) -> str:
        patches = ", ".join(f"{layer.patch_size:g}" for layer in self.layers)
        return f"Architecture({self.n_layers} layers: patches of {patches} px, last pooling scale {self.scale:.3g} px)"

    @classmethod
    def of(cls, network: Parts) -> Architecture:
        """Return the architecture of a network built from layers with ``patches``, ``mapping`` and a Gaussian pooling.

        Linear parts may act on patches before they are mapped, as for ``input="centered"`` and "whitened": a map of
        each patch alone commutes with a deformation, so that the theorem holds with the norm of the map as a factor.

        Parameters
        ----------
        network : Network
            ``model.network_`` of a fitted `ConvKernelNetwork`.

        Raises
        ------
        ValueError
            If a part is not such a layer, or not built; or its mapping has no Lipschitz constant (arc-cosine, order 0).
        """
        layers, stride = [], 1.0
        for part in getattr(network, "parts", (network,)):
            layer, step = _layer_shape(part, stride)
            layers.append(layer)
            stride *= step
        return cls(tuple(layers))

    @property
    def n_layers(self) -> int:
        """n, the number of layers."""
        return len(self.layers)

    @property
    def scale(self) -> float:
        """sigma_n, the last pooling scale, in pixels of the image."""
        return self.layers[-1].scale * self.layers[-1].stride

    @property
    def slope(self) -> float:
        """Product of the layers' slopes, a factor of the theorem's right-hand side where mappings expand.

        The bound is not multiplied by it: the constants of `fit_bound` and `StabilityBound` contain this factor.
        """
        return float(np.prod([layer.slope for layer in self.layers]))

    @property
    def normalization(self) -> float:
        """Factor from the features to those of the theorem.

        It is the stride of the last map, each of whose pixels represents that many pixels of the image along each
        axis, divided by the norms of the patch operators, which are isometries in the theorem.
        """
        last = self.layers[-1]
        return last.stride * last.subsampling / float(np.prod([layer.patch_size for layer in self.layers]))

    @property
    def patch_ratio(self) -> float:
        """kappa_0: the largest half width of a patch over the pooling scale before it.

        The first layer has no pooling before it; of a network of one layer this is 0.
        """
        ratios = [
            (layer.patch_size - 1) / 2 * layer.stride / (before.scale * before.stride)
            for before, layer in zip(self.layers[:-1], self.layers[1:], strict=True)
        ]
        return max(ratios, default=0.0)


@dataclass(frozen=True)
class Recommendation:
    """One of the theory's recommendations: whether an architecture follows it, and an explanation."""

    name: str
    kept: bool
    explanation: str


def check_recommendations(architecture: Architecture, invariance: float | None = None) -> tuple[Recommendation, ...]:
    r"""Check which of the theory's three recommendations an architecture follows.

    Parameters
    ----------
    architecture : Architecture
        Of a convolutional kernel network.
    invariance : float, optional
        Length of the translations to be invariant to, in pixels; without it the depth is reported and not judged.

    Returns
    -------
    tuple of Recommendation
        Small patches (C_1 grows like kappa_0^(d + 1), so 3 x 3 at most); subsampling below the patch size (else the
        signal cannot be recovered from the pooled map); depth up to the requested invariance.

    References
    ----------
    Bietti and Mairal, 2019, sections 3.1 and 3.2.

    Examples
    --------
    >>> from kernelconv.stability import Architecture, LayerShape, check_recommendations
    >>> wide = Architecture((LayerShape(7, 1, 8, 5.7),))
    >>> for r in check_recommendations(wide, invariance=4.0):
    ...     print(r.name, r.kept)
    small patches False
    subsampling below the patch size False
    depth up to the invariance True
    """
    check_architecture(architecture)
    layers = list(enumerate(architecture.layers, 1))
    large = [f"layer {k} has patches of {layer.patch_size:g} px" for k, layer in layers if layer.patch_size > 3]
    coarse = [
        f"layer {k} subsamples by {layer.subsampling:g} px with patches of {layer.patch_size:g} px"
        for k, layer in layers
        if layer.subsampling >= layer.patch_size
    ]
    patches = Recommendation(
        "small patches",
        not large,
        "every patch is at most 3 px wide"
        if not large
        else f"{'; '.join(large)}: C_1 grows with the cube of the patch over the scale before it. Stack 3 px layers.",
    )
    sampling = Recommendation(
        "subsampling below the patch size",
        not coarse,
        "every layer subsamples by less than its patch size"
        if not coarse
        else f"{'; '.join(coarse)}: pixels between the kept positions are lost. Subsample by less, in more layers.",
    )
    return patches, sampling, _depth(architecture, invariance)


def check_architecture(architecture: Any) -> None:
    """Raise ValueError unless `architecture` is one."""
    if not isinstance(architecture, Architecture):
        raise ValueError(f"architecture must be an Architecture (Architecture.of(network)), got {shown(architecture)}.")


def _depth(architecture: Architecture, invariance: float | None) -> Recommendation:
    reached = architecture.scale
    text = f"{architecture.n_layers} layers reach a pooling scale of {reached:.2g} px"
    if invariance is None:
        return Recommendation("depth up to the invariance", True, f"{text}; no invariance was asked for")
    wanted = check_positive(invariance, "invariance")
    if reached >= wanted:
        return Recommendation("depth up to the invariance", True, f"{text}, and {wanted:g} px were asked for")
    step = max(2.0, architecture.layers[-1].subsampling)
    more = int(np.ceil(np.log(wanted / reached) / np.log(step)))
    return Recommendation(
        "depth up to the invariance",
        False,
        f"{text}, below the {wanted:g} px asked for. Layers to add, subsampling by {step:g}: {more}.",
    )


def _layer_shape(part: Any, stride: float) -> tuple[LayerShape, float]:
    """Return what the theorem reads of one layer that begins at a `stride`, and its own step from map to map."""
    try:
        extraction, *more = getattr(part.patches, "parts", (part.patches,))
        linear = all(p.linear and p.of_patches for p in more)
        size, step, scale = extraction.size, _side(part.pooling.subsampling), part.pooling.scale
        stride_of_patches = _side(extraction.stride)
        constants = [p.lipschitz(p.in_shape) for p in (part.mapping, *more) if p.in_shape is not None]
    except AttributeError:
        linear = False
    if not linear:
        raise ValueError(
            f"The theorem speaks of layers A M P with Gaussian pooling; {shown(part, 300)} is not one. Pass the "
            "network_ of a ConvKernelNetwork."
        )
    if len(constants) <= len(more):
        raise ValueError(f"{shown(part, 300)} is not built: pass the network_ of a fitted estimator.")
    if None in constants:
        raise ValueError(f"{part.mapping!r} is not Lipschitz: the theorem does not hold for it.")
    slope = max(1.0, float(constants[0])) * math.prod(map(float, constants[1:]))
    scale = step / math.sqrt(2) if scale is None else float(scale)
    # pooling counts in steps of the patches, the theorem in pixels of the map that the layer reads
    step, scale = step * stride_of_patches, scale * stride_of_patches
    return LayerShape(_side(size), stride, step, scale, slope), step


def _side(pair: Any) -> float:
    return float(np.sqrt(np.prod(np.broadcast_to(pair, 2).astype(float))))
