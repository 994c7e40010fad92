"""ckn_layers: the one description of a convolutional kernel network, parameters per layer in, a network out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, Literal, TypeAlias, get_args

from numpy.typing import ArrayLike, NDArray

from kernelconv._check import as_pair, check_choice, check_positive
from kernelconv._numbers import shown
from kernelconv._types.parameters import Padding, PerLayer, Size
from kernelconv.networks.parameters import per_layer
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import (
    AveragePooling,
    GaussianPooling,
    ImageGradient,
    KernelMapping,
    Layer,
    MaxPooling,
    OrbitPooling,
    Part,
    PatchCentering,
    PatchExtraction,
    PatchWhitening,
)
from kernelconv.operators.mappings.anchors import Anchors, as_anchors, read_only
from kernelconv.operators.mappings.kernels import DotProductKernel, KernelName, as_kernel
from kernelconv.operators.pooling.orbit import Group

Kernels: TypeAlias = PerLayer[DotProductKernel | KernelName]
Input = Literal["auto", "raw", "gradient", "centered", "whitened"]
Pooling = Literal["gaussian", "average", "max"]
#: What the first layer reads, by name, from its patch size
INPUTS: dict[str, Callable[[Any], Part | None]] = {
    "raw": lambda size: None,
    "gradient": lambda size: ImageGradient(),
    "centered": PatchCentering,
    "whitened": PatchWhitening,
}
#: What input="auto" reads of colour images: benchmarks/colour_input.py
COLOUR = "whitened"
#: Poolings but the Gaussian, by name, from their subsampling
WINDOWS: dict[str, Callable[[Any], Part]] = {
    "average": lambda subsampling: AveragePooling(subsampling, padding="symmetric"),
    "max": MaxPooling,
}


def ckn_layers(
    n_anchors: PerLayer[int] = (64, 128),
    patch_size: PerLayer[Size] = 3,
    subsampling: PerLayer[Size] = 2,
    *,
    pooling_scale: PerLayer[float] | None = None,
    kernel: Kernels = "exponential",
    sigma: PerLayer[float] = 0.6,
    regularization: float = 1e-3,
    padding: Padding = "zero",
    input: Input | Part = "auto",
    pooling: PerLayer[Pooling | Part] = "gaussian",
    group: Group | None = None,
    n_patches: int = 20_000,
    anchors: Sequence[ArrayLike | None] | None = None,
    colour: bool = False,
) -> Network:
    """Return the layers of a convolutional kernel network, not yet built.

    Parameters are those of `ConvKernelNetwork`; `colour` says whether its images are, for ``input="auto"``. Tuples are
    per layer, a single value holds for every layer. The number of layers is the length of `n_anchors`; where that is an
    int, the length of the other tuples, or 1. Where `anchors` gives those of every layer, `n_anchors` is not read.

    Raises
    ------
    ValueError
        If tuples have different lengths, or a value is out of range.

    Examples
    --------
    >>> ckn_layers((64, 32), patch_size=(5, 3), pooling=("gaussian", AveragePooling(3))).parts[1]
    AveragePooling(3, stride=3) ∘ KernelMapping(32) ∘ PatchExtraction(3, padding='zero')
    """
    given = _given(anchors)
    each = per_layer(
        "n_anchors",
        n_anchors=given if given and None not in given else n_anchors,
        anchors=given,
        patch_size=patch_size,
        subsampling=subsampling,
        pooling_scale=pooling_scale,
        kernel=kernel,
        sigma=sigma,
        pooling=pooling,
    )
    for v in each:  # the parts name their own parameters
        as_pair(v["patch_size"], "patch_size")
        if v["pooling_scale"] is not None:
            check_positive(v["pooling_scale"], "pooling_scale")
    reads = _input(input, each[0]["patch_size"], colour)
    patches: list[Part] = [PatchExtraction(v["patch_size"], padding=padding) for v in each]
    if reads is not None and reads.of_patches:
        patches[0] = serial(patches[0], reads)
    kernels = [as_kernel(v["kernel"], v["sigma"]) for v in each]
    mappings = [
        KernelMapping(
            v["n_anchors"] if v["anchors"] is None else len(v["anchors"].values),
            kernel,
            regularization,
            n_patches,
            v["anchors"],
        )
        for v, kernel in zip(each, kernels, strict=True)
    ]
    poolings = [_pooling(v["pooling"], v["subsampling"], v["pooling_scale"]) for v in each]
    layers: list[Part] = [Layer(*pma) for pma in zip(patches, mappings, poolings, strict=True)]
    names = [f"layer_{i}" for i in range(1, len(layers) + 1)]
    if reads is not None and not reads.of_patches:
        layers, names = [reads, *layers], ["gradient" if input == "gradient" else "input", *names]
    network = serial(*layers, names=names)
    return network if group is None else serial(OrbitPooling(network, group), names=["group"])


def anchors_of(network: Network) -> list[NDArray]:
    """Return the anchors of each layer of a built `network`, (n_anchors, patch values), as read-only views."""
    return [read_only(v) for k, v in network.params.items() if k.endswith(".anchors")]


def _given(anchors: Any) -> tuple[Anchors | None, ...] | None:
    """Return anchors as one entry a layer, None where they are to be learned; None if all are."""
    if anchors is None:
        return None
    if not isinstance(anchors, tuple | list):
        raise ValueError(f"anchors must be a list, an array (or None: to be learned) a layer, got {shown(anchors)}.")
    return tuple(None if z is None else as_anchors(z) for z in anchors)


def layers_of(estimator: Any) -> Network:
    """Return `ckn_layers` of the parameters that `estimator` has of it, and of the images that it is fitted on."""
    names = (name for name in signature(ckn_layers).parameters if hasattr(estimator, name))
    h, w, c = getattr(estimator, "image_shape_", (1, 1, 1))
    colour = c == 3 and min(h, w) > 1  # three channels of one line are a signal
    return ckn_layers(**{name: getattr(estimator, name) for name in names}, colour=colour)


def _input(input: Any, patch_size: Any, colour: bool) -> Part | None:
    if isinstance(input, Part):
        return input
    choice = check_choice(input, "input", get_args(Input))
    if choice == "auto":  # a patch of one pixel has nothing but its mean
        choice = COLOUR if colour and max(as_pair(patch_size, "patch_size")) > 1 else "raw"
    return INPUTS[choice](patch_size)


def _pooling(pooling: Any, subsampling: Any, pooling_scale: float | None) -> Part:
    if not isinstance(pooling, Part):
        check_choice(pooling, "pooling", get_args(Pooling))
    if pooling == "gaussian":
        return GaussianPooling(subsampling, pooling_scale)
    if pooling_scale is not None:
        raise ValueError(
            f'pooling_scale belongs to pooling="gaussian", got {pooling_scale!r} with pooling={pooling!r}.'
        )
    return pooling if isinstance(pooling, Part) else WINDOWS[pooling](subsampling)
