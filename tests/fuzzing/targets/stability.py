"""Targets: protocols on images, and the theorem's constants."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.target import ANY_IMAGES, IMAGES, Target
from fuzzing.targets.deformations import OPTIONS, ORDER
from fuzzing.targets.functions import _network
from kernelconv import ConvKernelNetwork
from kernelconv import stability as s
from kernelconv.deformations import Deformation, LinearDeformation, SmoothDeformation, Translation

FAMILY, LINEAR_FAMILY = p.a(Deformation), p.a(LinearDeformation)
BORDER = p.choice("zero", "reflect", "symmetric", "circular")
NET = s.Architecture((s.LayerShape(3, 1, 2, 1.4),))


def _images(rng: np.random.Generator) -> np.ndarray:
    return 1 + rng.integers(0, 7, (4, 6, 7)).astype(np.float64)


def _black_and_white(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2, (4, 6, 7)).astype(np.float64)


def _pixels(x: np.ndarray) -> np.ndarray:
    return x


def _bright(rows: Any) -> np.ndarray:
    return (np.asarray(rows).mean(1) > 2).astype(int)


def _bright_images(x: Any) -> np.ndarray:
    return x.mean(axis=tuple(range(1, x.ndim))) > 4


PHI = p.ANYTHING
PROTOCOL = {
    "deformation": FAMILY,
    "strengths": p.ANYTHING,
    "n_draws": p.count(repeats=True),
    "measures": p.ANYTHING,
    "random_state": p.SEED,
    **OPTIONS,
}
_PROTOCOL = {
    "deformation": SmoothDeformation(1),
    "strengths": (0.2,),
    "n_draws": 1,
    "measures": None,
    "random_state": 0,
}
_OPTIONS = {"order": 1, "padding": "zero", "n_jobs": 1}


def _compare(phi: Any, X: Any, **options: Any) -> Any:
    return s.compare_stability({"one": phi, "two": np.abs}, X, **options)


def _layers(X: Any, **options: Any) -> Any:
    return s.measure_layers(_network(), X, **options)


def _reported(report: Any) -> Any:
    return [(r.mean, r.low, r.high) for r in report]


def _protocol(
    name: str, call: Callable[..., Any], more: dict[str, Any], kinds: dict[str, p.Kind], **options: Any
) -> Target:
    images = options.pop("images", _images)
    return Target(
        f"stability.{name}",
        lambda **a: _reported(call(**a)),
        lambda rng: {"X": images(rng), **more},
        {"X": ANY_IMAGES},
        kinds,
        **options,
    )


PROTOCOLS = [
    _protocol(
        "measure_stability",
        s.measure_stability,
        {"phi": _pixels, **_PROTOCOL, **_OPTIONS, "head": None, "y": None},
        {"phi": PHI, **PROTOCOL, "head": p.ANYTHING, "y": p.ANYTHING},
        degree={"X": 0},
        weight=4,
    ),
    _protocol(
        "compare_stability",
        _compare,
        {"phi": _pixels, **_PROTOCOL, **_OPTIONS, "heads": None, "y": None},
        {"phi": PHI, **PROTOCOL, "heads": p.ANYTHING, "y": p.ANYTHING},
        weight=2,
    ),
    _protocol("measure_layers", _layers, {**_PROTOCOL, **_OPTIONS}, PROTOCOL),
    _protocol(
        "measure_corruptions",
        lambda X, **a: s.measure_corruptions(X=X, y=[0, 1, 0, 1], head=_bright, **a),
        {"phi": np.cos, "corruptions": ("inverse",), "severities": (1,), "random_state": 0},
        {"phi": PHI, "corruptions": p.ANYTHING, "severities": p.ANYTHING, "random_state": p.SEED},
        images=_black_and_white,
    ),
    _protocol(
        "measure_worst_case",
        s.measure_worst_case,
        {
            "phi": _pixels,
            "deformation": SmoothDeformation(1),
            "strengths": (0.2,),
            "random_state": 0,
            "n_evaluations": 8,
        },
        {"phi": PHI, "deformation": LINEAR_FAMILY, "strengths": p.ANYTHING, "random_state": p.SEED}
        | {"n_evaluations": p.count(8, repeats=True)},
    ),
]
#: As many of the budget as one likes, half of it by default.
OF_THE_BUDGET = p.Kind(lambda value: True if value is None else None if p.count(1).right(value) else False)
WORST = Target(
    "stability.worst_case",
    lambda **a: s.worst_case(**a),
    lambda rng: (
        {"phi": _pixels, "X": _images(rng), "deformation": SmoothDeformation(1), "strength": 0.2}
        | {"method": "auto", "n_evaluations": 10, "n_random": None, "random_state": 0}
        | _OPTIONS
    ),
    {"X": ANY_IMAGES},
    {"phi": PHI, "deformation": LINEAR_FAMILY, "strength": p.number(), "random_state": p.SEED, **OPTIONS}
    | {
        "method": p.choice("auto", "gradient", "evolution"),
        "n_evaluations": p.count(8, repeats=True),
        "n_random": p.one_of(p.NONE, p.count()),
    },
    weight=2,
)
SHIFT = p.Kind(lambda value: None if isinstance(value, tuple | list | np.ndarray) else False)
PLACE = p.one_of(p.NONE, p.number(zero=True, sign=True), SHIFT)
PLACES = {"stride": p.one_of(p.NONE, p.number(), SHIFT), "origin": PLACE}
SHIFTS = [
    Target(
        f"stability.{name}",
        getattr(s, name),
        lambda rng, places=places: {
            "phi": lambda x: x[..., None],
            "X": _images(rng),
            "shift": (1, 0),
            "order": 1,
            "padding": "circular",
            **places,
        },
        {"X": ANY_IMAGES},
        {"phi": PHI, "shift": SHIFT, "order": ORDER, "padding": BORDER} | {name: PLACES[name] for name in places},
        degree={"X": 0},
    )
    for name, places in (("translation_error", {}), ("equivariance_error", {"stride": 1.0, "origin": (0, 0.0)}))
]

GENERATOR = p.Kind(lambda value: None if isinstance(value, tuple | list | np.ndarray) else False)
LIE = Target(
    "stability.lie_error",
    s.lie_error,
    lambda rng: {
        "phi": lambda x: x[..., None],
        "X": _images(rng),
        "generator": "rotation",
        "output": "equivariant",
        "order": 3,
        "padding": "circular",
        "step": 1e-3,
        "stride": 1.0,
        "origin": (0, 0.0),
    },
    {"X": ANY_IMAGES},
    {"phi": PHI, "generator": GENERATOR, "output": p.choice("equivariant", "invariant"), "padding": BORDER}
    | {"order": p.choice(3, "fourier"), "step": p.one_of(p.NONE, p.number()), **PLACES},
    degree={"X": 0},
)


def _observed(fields: Any = None, **a: Any) -> Any:
    fields = Translation().sample((6, 7), 1.0, 0, 4) if fields is None else fields
    return s.observe(fields=fields, architecture=NET, **a)


def _seen(deformation: Any, rng: np.random.Generator) -> Any:
    x = _images(rng)
    return s.observe(_pixels, x, deformation.sample(x.shape[1:], 0.3, rng, len(x)), NET)


def _combined(rng: np.random.Generator) -> Any:
    """Return observations whose Jacobian norms and displacements vary apart."""
    norms = rng.permutation(np.linspace(0.1, 0.4, 12))
    return s.Observations(norms, np.linspace(0.5, 3, 12)[np.argsort(norms * 7 % 1)], rng.random(12))


OBSERVATIONS = p.a(s.Observations)
ARCHITECTURE = p.a(s.Architecture)
PHIS = [
    Target(
        "stability.as_representation",
        lambda **a: s.as_representation(**a)(np.ones((2, 6, 7))),
        lambda rng: {"phi": _pixels, "batch_size": None, "device": None},
        {},
        {"phi": PHI, "batch_size": p.NONE, "device": p.NONE},
    ),
    Target(
        "stability.as_classifier",
        lambda X, **a: s.as_classifier(**a)(X),
        lambda rng: {"model": _bright_images, "batch_size": None, "device": None, "X": _images(rng)},
        {"X": IMAGES},
        {"model": PHI, "batch_size": p.one_of(p.NONE, p.count()), "device": p.NONE},
        weight=2,
    ),
]
THEOREM = [
    Target(
        "stability.observe",
        _observed,
        lambda rng: {"phi": _pixels, "X": _images(rng), "fields": None, **_OPTIONS},
        {"X": ANY_IMAGES},
        {"phi": PHI, "fields": p.ANYTHING, **OPTIONS},
        degree={"X": 0},
    ),
    Target(
        "stability.fit_bound",
        s.fit_bound,
        lambda rng: (
            {"architecture": NET, "translations": _seen(Translation(), rng), "level": 0.9}
            | {"deformations": _seen(SmoothDeformation(1), rng)}
        ),
        {},
        {
            "architecture": ARCHITECTURE,
            "translations": OBSERVATIONS,
            "deformations": OBSERVATIONS,
            "level": p.number(below=1 + 1e-9),
        },
    ),
    Target(
        "stability.fit_envelope",
        s.fit_envelope,
        lambda rng: {"architecture": NET, "seen": _combined(rng), "level": 1.0},
        {},
        {"architecture": ARCHITECTURE, "seen": OBSERVATIONS, "level": p.number(below=1 + 1e-9)},
    ),
    Target(
        "stability.check_recommendations",
        s.check_recommendations,
        lambda rng: {"architecture": NET, "invariance": 4.0},
        {},
        {"architecture": ARCHITECTURE, "invariance": p.one_of(p.NONE, p.number())},
    ),
    Target(
        "stability.LayerShape",
        s.LayerShape,
        lambda rng: {"patch_size": 3, "stride": 1, "subsampling": 2, "scale": 1.4, "slope": 1.0},
        {},
        dict.fromkeys(("patch_size", "stride", "subsampling", "scale", "slope"), p.number()),
    ),
    Target(
        "stability.Architecture: of",
        s.Architecture.of,
        lambda rng: {"network": _ckn()},
        {},
        {"network": p.one_of(p.NONE, p.ANYTHING)},
    ),
    Target(
        "stability.StabilityBound: right_hand_side",
        lambda **a: s.StabilityBound(2, 5.0, 0.5, 1.0).right_hand_side(**a),
        lambda rng: {"jacobian_norm": 0.2, "sup_norm": 1.5, "image_norm": 1.0},
        {},
        dict.fromkeys(("jacobian_norm", "sup_norm", "image_norm"), p.ANYTHING),
    ),
    Target(
        "stability.StabilityReport: from_dict",
        lambda data: str(s.StabilityReport.from_dict(data)),
        lambda rng: {"data": _report().to_dict()},
        {},
        {"data": p.Kind(lambda value: False)},
    ),
    Target(
        "stability.StabilityReport: select",
        lambda **a: len(_report().select(**a)),
        lambda rng: {"measure": "relative_change", "name": None},
        {},
        {"measure": p.choice("relative_change"), "name": p.one_of(p.NONE, p.choice(""))},
    ),
]


def _ckn() -> Any:
    images = np.random.default_rng(0).random((4, 6, 6))
    return ConvKernelNetwork((2,), 2, n_patches=50, random_state=0).fit(images).network_


def _report() -> Any:
    row = s.StabilityRow("Rotation()", 0.1, "", "relative_change", 0.12, 0.11, 0.13, 100, 1, True)
    return s.StabilityReport((row,))


TARGETS = [*PROTOCOLS, WORST, *SHIFTS, LIE, *PHIS, *THEOREM]
