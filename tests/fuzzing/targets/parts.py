"""Targets: every operator, forward, its gradient and its adjoint; and what is built from data."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec
from fuzzing.promises import UNCHECKED
from fuzzing.target import COTANGENTS, LINEAR_MAPS, MAPS, Target
from kernelconv import operators as ops

PADDING = p.choice("valid", "zero", "reflect", "symmetric", "circular")
BORDER = p.choice("zero", "reflect", "symmetric", "circular")
IN_PIXELS = p.one_of(PADDING, p.pair(0))
BANK = ops.FilterBank((5, 6), 1, 2)
KERNEL = p.one_of(p.a(ops.DotProductKernel), p.choice("exponential", "arccosine", "vocal"))
INITIALIZATION = p.ANYTHING
PART = p.a(ops.Part)
WINDOW = {"size": p.pair(), "stride": p.pair(), "padding": IN_PIXELS, "dilation": p.pair()}
LEARNED = {**WINDOW, "bias": p.FLAG, "initialization": INITIALIZATION}
_WINDOW = {"size": 2, "stride": 1, "padding": "zero", "dilation": 1}
_LEARNED = {**_WINDOW, "bias": True, "initialization": "torch_default"}

#: By name: ordinary arguments of the constructor, and their kinds.
PARTS: dict[str, tuple[dict[str, Any], dict[str, p.Kind]]] = {
    "PatchExtraction": (_WINDOW, WINDOW),
    "ImageGradient": ({"padding": "symmetric"}, {"padding": BORDER}),
    "PatchCentering": ({"size": (1, 2)}, {"size": p.pair()}),
    "PatchWhitening": ({"size": (1, 2), "epsilon": 0.1}, {"size": p.pair(), "epsilon": p.number(zero=True)}),
    "Pad": ({"rows": 1, "columns": 2, "padding": "zero"}, {"rows": p.pair(0), "columns": p.pair(0), "padding": BORDER}),
    "Crop": ({"rows": 1, "columns": 0}, {"rows": p.pair(0), "columns": p.pair(0)}),
    "WaveletTransform": (
        {"scale": 0, "stride": 1, "bank": None, "L": 2},
        {"scale": p.count(0), "stride": p.count(), "L": p.count(), "bank": p.one_of(p.NONE, p.a(ops.FilterBank))},
    ),
    "LowPass": ({"bank": BANK, "stride": 1}, {"bank": p.a(ops.FilterBank), "stride": p.count()}),
    "KernelMapping": (
        {"n_anchors": 3, "kernel": ops.Exponential(), "regularization": 1e-3, "n_patches": 30},
        {"n_anchors": p.count(), "kernel": KERNEL, "regularization": p.number(zero=True), "n_patches": p.count()},
    ),
    **{name: ({}, {}) for name in ("Modulus", "ReLU", "Square", "Softplus", "Tanh", "Sigmoid", "Flatten", "Identity")},
    "GaussianPooling": (
        {"subsampling": 2, "scale": None, "padding": "symmetric"},
        {"subsampling": p.pair(), "scale": p.one_of(p.NONE, p.number()), "padding": BORDER},
    ),
    "AveragePooling": (
        {"size": 2, "stride": None, "padding": "zero"},
        {"size": p.pair(), "stride": p.one_of(p.NONE, p.pair()), "padding": IN_PIXELS},
    ),
    "MaxPooling": ({"size": 2, "stride": None}, {"size": p.pair(), "stride": p.one_of(p.NONE, p.pair())}),
    "GlobalPooling": ({"kind": "average"}, {"kind": p.choice("average", "max")}),
    "OrbitPooling": (
        {"part": ops.ReLU(), "group": "flips"},
        {"part": PART, "group": p.choice("rotations", "flips", "rotations and flips")},
    ),
    "Convolution": ({"n_filters": 2, **_LEARNED}, {"n_filters": p.count(), **LEARNED}),
    "TransposedConvolution": (
        {"n_filters": 2, **_LEARNED, "padding": "valid", "output_padding": 0},
        {"n_filters": p.count(), **LEARNED, "output_padding": p.pair(0)},
    ),
    "LocallyConnected": ({"n_filters": 2, **_LEARNED}, {"n_filters": p.count(), **LEARNED}),
    "Dense": (
        {"n_units": 3, "bias": True, "initialization": "torch_default"},
        {"n_units": p.count(), "bias": p.FLAG, "initialization": INITIALIZATION},
    ),
    "Squash": ({"size": 2}, {"size": p.count()}),
    "CapsuleLength": ({"size": 2}, {"size": p.count()}),
    "RoutedDense": (
        {"n_capsules": 2, "size": 3, "in_size": 2, "routings": 3, "initialization": "torch_default"},
        {name: p.count() for name in ("n_capsules", "size", "in_size")}
        | {"routings": p.count(repeats=True), "initialization": INITIALIZATION},
    ),
    "BatchNorm": ({"momentum": 0.1, "epsilon": 1e-5}, {"momentum": p.number(zero=True), "epsilon": p.number()}),
    "Standardization": ({}, {}),
    "Dropout": ({"rate": 0.3}, {"rate": p.number(zero=True, below=1)}),
    "Residual": (
        {"branch": ops.ReLU(), "shortcut": None},
        {"branch": PART, "shortcut": p.one_of(p.NONE, PART)},
    ),
    "Layer": (
        {"patches": ops.PatchExtraction(2), "mapping": ops.KernelMapping(3), "pooling": ops.GaussianPooling(2)},
        {"patches": PART, "mapping": PART, "pooling": PART},
    ),
    "Concat": ({"branches": (ops.ReLU(), ops.Convolution(2, 1))}, {"branches": p.ANYTHING}),
}
IN_SHAPE = (5, 6, 2)
#: What is defined for complex maps too.
ANALYTIC = ("Modulus", "Convolution", "TransposedConvolution", "LocallyConnected", "Dense")
#: What is learned from data, so that it can be put to odd data.
LEARNING = ("KernelMapping", "PatchWhitening", "Standardization", "Layer")
DATA = InputSpec("data|x|X|maps?|patches|images?", (4,), UNCHECKED, UNCHECKED, UNCHECKED, optional=True)


def _make(name: str, arguments: Mapping[str, Any]) -> Any:
    cls = getattr(ops, name)
    branches = arguments.get("branches")
    return cls(**arguments) if name != "Concat" else cls(*(branches if isinstance(branches, tuple) else (branches,)))


def _maps(rng: np.random.Generator, n: int = 3) -> np.ndarray:
    return rng.integers(-3, 7, (n, *IN_SHAPE)).astype(np.float64)


def _build(name: str, in_shape: Any, fields: Mapping[str, Any], data: Any = None) -> Any:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 5, (6, *IN_SHAPE)).astype(np.float64) if data is None else data
    return _make(name, fields).build(in_shape, rng, data)


def _forward(name: str) -> Callable[..., Any]:
    return lambda x, in_shape, **fields: _build(name, in_shape, fields).forward(x)


def _gradient(name: str) -> Callable[..., Any]:
    return lambda x, g, in_shape, **fields: _build(name, in_shape, fields).vjp(x, g)


def _adjoint(name: str) -> Callable[..., Any]:
    return lambda y, in_shape, **fields: _build(name, in_shape, fields).adjoint(y)


def _from_data(name: str) -> Callable[..., Any]:
    return lambda data, x, in_shape, **fields: _build(name, in_shape, fields, data).forward(x)


def _targets(name: str) -> list[Target]:
    fields, kinds = PARTS[name]
    part = _build(name, IN_SHAPE, fields)
    out = part.out_shape(IN_SHAPE)
    spec = LINEAR_MAPS if (part.linear or name in ANALYTIC) and name != "LowPass" else MAPS
    same = {"in_shape": IN_SHAPE, **fields}
    kinds = {"in_shape": p.shape3(), **kinds}
    degree = {"x": 1.0} if part.homogeneous else {"x": 2.0} if name == "Square" else {}

    def maps_shape(x: Any, **rest: Any) -> tuple[int | None, ...]:
        fits = tuple(x.shape[1:]) == IN_SHAPE if hasattr(x, "shape") else False
        return (x.shape[0], *out) if fits else (None,) * 4

    found = [
        Target(
            f"operators.{name}: forward",
            _forward(name),
            lambda rng: {"x": _maps(rng), **same},
            {"x": spec},
            kinds,
            shape=maps_shape,
            keeps_dtype=True,
            degree=degree,
        )
    ]
    complex_maps = name == "WaveletTransform"
    if part.differentiable:
        cotangent = _cotangent(out, complex_maps)
        plain = lambda rng: {"x": _maps(rng), "g": cotangent(rng), **same}  # noqa: E731
        inputs = {"g": COTANGENTS}
        found.append(Target(f"operators.{name}: vjp", _gradient(name), plain, inputs, degree={"g": 1.0}))
    if part.linear:
        cotangent = _cotangent(out, complex_maps)
        plain = lambda rng: {"y": cotangent(rng), **same}  # noqa: E731
        inputs = {"y": COTANGENTS}
        found.append(Target(f"operators.{name}: adjoint", _adjoint(name), plain, inputs, degree={"y": 1.0}))
    if name in LEARNING:
        plain = lambda rng: {"data": _maps(rng, 6), "x": _maps(rng), **same}  # noqa: E731
        found.append(Target(f"operators.{name}: build", _from_data(name), plain, {"data": DATA}))
    return found


def _cotangent(out: tuple[int, ...], complex_maps: bool) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.integers(-3, 4, (3, *out)).astype(np.float64)


ANCHORS = Target(
    "operators.KernelMapping: anchors",
    lambda anchors, x: ops.KernelMapping(3, anchors=anchors).build(IN_SHAPE, np.random.default_rng(0)).forward(x),
    lambda rng: {"anchors": rng.permutation(np.arange(1.0, 7.0)).reshape(3, 2), "x": _maps(rng)},
    {"anchors": InputSpec("anchors", (2,), optional=True)},
    degree={"anchors": 0},
    weight=2,
)
GIVEN = Target(
    "operators.Convolution: from weights",
    lambda weights, bias, x, **fields: ops.Convolution.from_weights(weights, bias, **fields).forward(x),
    lambda rng: (
        {"weights": rng.permutation(np.arange(-5.0, 7.0)).reshape(3, 2, 2), "bias": 0.5, "x": _maps(rng)}
        | {"stride": 1, "padding": "zero", "dilation": 1, "flip": True}
    ),
    {"weights": InputSpec("weights?|channels", (2, 3, 4))},
    {**{name: kind for name, kind in WINDOW.items() if name != "size"}, "bias": p.ANYTHING, "flip": p.FLAG},
    weight=2,
)
TARGETS = [*(target for name in PARTS for target in _targets(name)), ANCHORS, GIVEN]
