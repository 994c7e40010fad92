"""Targets: functions on patches, kernels, k-means, whitening, filter banks, and networks of parts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import GENERATORS, InputSpec, _pick
from fuzzing.promises import EITHER, UNCHECKED, Draw
from fuzzing.target import ANY_IMAGES, LINEAR, Target
from fuzzing.targets.parts import IN_PIXELS, PART
from kernelconv import Network, serial
from kernelconv import operators as ops

VECTORS = InputSpec("x|y|vectors|rows", (2,), empty=EITHER)
MATRIX = InputSpec("k|K|matrix", (2,), single=False)


def _of_cosines(plain: np.ndarray, spec: InputSpec, rng: np.random.Generator) -> Draw:
    """Promise: that of arrays of every type; what lies outside [-1, 1] is no cosine, and is not tried."""
    return GENERATORS[_pick(rng, *GENERATORS)](plain, spec, rng)


COSINES = InputSpec("u", (), UNCHECKED, draw=_of_cosines)
#: What the functions of patches read: as parts do, and values are looked at.
PATCHED = InputSpec("x|maps?|images?", (3, 4), LINEAR, empty=UNCHECKED, tensors=True)
PATCHES = InputSpec("p|y|patches", (4,), LINEAR, empty=UNCHECKED)
POOL = InputSpec("maps?|x", (4,), empty=p.EITHER)
FRESH = "a generator made at the call"
WINDOW = {"size": p.pair(), "stride": p.pair(), "padding": IN_PIXELS, "dilation": p.pair()}


def _whole(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 7, shape).astype(np.float64)


def _window(**more: Any) -> dict[str, Any]:
    return {"size": 2, "stride": 1, "padding": "valid", "dilation": 1, **more}


FUNCTIONS = [
    Target(
        "operators.extract_patches",
        ops.extract_patches,
        lambda rng: _window(x=_whole(rng, 2, 5, 6, 2)),
        {"x": PATCHED},
        WINDOW,
        keeps_dtype=True,
        degree={"x": 1},
    ),
    Target(
        "operators.extract_patches_adjoint",
        ops.extract_patches_adjoint,
        lambda rng: _window(p=_whole(rng, 2, 4, 5, 8), shape=(5, 6, 2)),
        {"p": PATCHES},
        {**WINDOW, "shape": p.shape3()},
        keeps_dtype=True,
        degree={"p": 1},
    ),
    Target(
        "operators.sample_patches",
        lambda rng, **arguments: ops.sample_patches(rng=np.random.default_rng(rng), **arguments),
        lambda rng: {"maps": 1 + _whole(rng, 3, 2, 3, 4), "n_patches": 6, "rng": 0, "block": 64},
        {"maps": POOL},
        {"n_patches": p.count(), "block": p.count()},
        keeps_dtype=True,
        degree={"maps": 1},
    ),
    Target(
        "operators.spherical_kmeans",
        lambda rng, **a: ops.spherical_kmeans(rng=np.random.default_rng(0) if rng is FRESH else rng, **a),
        lambda rng: {
            "x": 1 + _whole(rng, 12, 3),
            "n_clusters": 3,
            "rng": FRESH,
            "n_iter": 20,
            "tol": 1e-4,
            "n_jobs": 1,
        },
        {"x": VECTORS},
        {"n_clusters": p.count(), "n_iter": p.count(), "tol": p.number(zero=True), "n_jobs": p.JOBS, "rng": p.ANYTHING},
        keeps_dtype=True,
    ),
    Target(
        "operators.inverse_sqrt",
        ops.inverse_sqrt,
        lambda rng: {"k": np.eye(4) * 9 + _symmetric(rng), "regularization": 1e-3},
        {"k": MATRIX},
        {"regularization": p.number(zero=True)},
    ),
]


def _symmetric(rng: np.random.Generator) -> np.ndarray:
    k = _whole(rng, 4, 4)
    return k + k.T


def _gram(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y, **fields: make(**fields).gram(x, y)


def _kappa(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda u, **fields: {"value": make(**fields)(u), "slope": make(**fields).derivative(u)}


def _taylor(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda n, **fields: make(**fields).taylor(n)


TWO = (ops.Exponential(), ops.Vovk())
KERNELS: dict[str, tuple[dict[str, Any], dict[str, p.Kind]]] = {
    "Exponential": ({"sigma": 0.5}, {"sigma": p.number()}),
    "ArcCosine": ({"degree": 1}, {"degree": p.count(0)}),
    "InversePolynomial": ({}, {}),
    "Polynomial": ({"degree": 2}, {"degree": p.count()}),
    "Vovk": ({}, {}),
    "ConvexSum": ({"kernels": TWO, "weights": None}, {"kernels": p.ANYTHING, "weights": p.ANYTHING}),
    "KernelProduct": ({"kernels": TWO}, {"kernels": p.ANYTHING}),
}


def _kernel(name: str) -> list[Target]:
    fields, kinds = KERNELS[name]
    make = getattr(ops, name)
    rows = lambda rng: {"x": _whole(rng, 4, 3), "y": _whole(rng, 2, 3), **fields}  # noqa: E731
    u = lambda rng: {"u": rng.integers(0, 2, (2, 3)).astype(np.float64), **fields}  # noqa: E731
    return [
        Target(
            f"operators.{name}: gram",
            _gram(make),
            rows,
            {"x": VECTORS, "y": replace(VECTORS, optional=True)},
            kinds,
            degree={"x": 1},
        ),
        Target(f"operators.{name}: call", _kappa(make), u, {"u": COSINES}, kinds),
        Target(
            f"operators.{name}: taylor", _taylor(make), lambda rng: {"n": 4, **fields}, {}, {"n": p.count(0), **kinds}
        ),
    ]


BANKS = [
    Target(
        "operators.FilterBank",
        lambda **a: ops.FilterBank(**a).psi,
        lambda rng: {"shape": (6, 8), "J": 1, "L": 2, "kind": "morlet"},
        {},
        {"shape": p.pair(), "J": p.count(), "L": p.count(), "kind": p.choice("morlet", "tight")},
    ),
    Target(
        "operators.FilterBank1D",
        lambda **a: [ops.FilterBank1D(**a).wavelets(0), ops.FilterBank1D(**a).low_pass()],
        lambda rng: {"length": 16, "J": 2, "Q": 1, "T": None, "decimating": False},
        {},
        {
            "length": p.count(),
            "J": p.count(),
            "Q": p.count(),
            "T": p.one_of(p.NONE, p.number()),
            "decimating": p.FLAG,
        },
    ),
    Target(
        "operators.FilterBank3D",
        lambda **a: [ops.FilterBank3D(**a).wavelet(0, 1), ops.FilterBank3D(**a).low_pass()],
        lambda rng: {"shape": (3, 4, 2), "J": 1, "L": 1, "sigma_0": 1.0, "kind": "harmonic", "n_directions": 3},
        {},
        {
            "shape": p.shape3(),
            "J": p.count(0),
            "L": p.count(0),
            "sigma_0": p.number(),
            "kind": p.choice("harmonic", "morlet"),
            "n_directions": p.ANYTHING,
        },
    ),
]


def _layers() -> tuple[Any, ...]:
    layer = ops.Layer(ops.PatchExtraction(2), ops.KernelMapping(3, n_patches=30), ops.GaussianPooling(2))
    return layer, ops.Convolution(2, 2)


def _network(in_shape: Any = (6, 7, 1), data: Any = None) -> Network:
    data = np.random.default_rng(1).integers(0, 6, (6, 6, 7, 1)) if data is None else data
    return serial(*_layers()).build(in_shape, np.random.default_rng(0), data)


def _serial(first: Any, second: Any, names: Any) -> Any:
    return serial(first, second, names=names).build((6, 7, 1), np.random.default_rng(0)).forward(np.ones((2, 6, 7, 1)))


NETWORKS = [
    Target(
        "kernelconv.serial",
        _serial,
        lambda rng: {"first": ops.ReLU(), "second": ops.Convolution(2, 2), "names": None},
        {},
        {"first": PART, "second": PART, "names": p.ANYTHING},
    ),
    Target(
        "kernelconv.Network: forward",
        lambda x, in_shape, n_jobs: _network(in_shape).forward(x, n_jobs),
        lambda rng: {"x": _whole(rng, 3, 6, 7, 1), "in_shape": (6, 7, 1), "n_jobs": 1},
        {"x": InputSpec("x|images?", (3, 4), tensors=True)},
        {"in_shape": p.ANYTHING, "n_jobs": p.JOBS},
        keeps_dtype=True,
        weight=3,
    ),
    Target(
        "kernelconv.Network: trace",
        lambda x: _network().trace(x),
        lambda rng: {"x": _whole(rng, 3, 6, 7)},
        {"x": ANY_IMAGES},
    ),
    Target(
        "kernelconv.Network: vjp",
        lambda x, g: _network().vjp(x, g),
        lambda rng: {"x": 1 + _whole(rng, 3, 6, 7, 1), "g": _whole(rng, 3, 2, 2, 2)},
        {"g": InputSpec("g|y", (4,), UNCHECKED, UNCHECKED)},
        degree={"g": 1},
        weight=2,
    ),
    Target(
        "kernelconv.Network: build",
        lambda data: _network(data=data).forward(np.ones((2, 6, 7, 1))),
        lambda rng: {"data": _whole(rng, 6, 6, 7)},
        {"data": replace(ANY_IMAGES, optional=True)},
        weight=2,
    ),
]

TARGETS = [*FUNCTIONS, *(target for name in KERNELS for target in _kernel(name)), *BANKS, *NETWORKS]
