"""Targets: the warp and its kin, families of fields, fields, corruptions."""

from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec
from fuzzing.promises import UNCHECKED
from fuzzing.target import GREY_IMAGES, Target
from kernelconv import deformations as d

TAU = InputSpec("tau", (3, 4), single=False)
OFFSET = InputSpec("offset|z", (1, 2), single=False)
COEFFICIENTS = InputSpec("coefficients|matrix|offset|z|points", (3, 4), single=False)
MATRICES = InputSpec("matrix", (2, 3), single=False)
#: Positions are computed with, wherever they lie.
POINTS = InputSpec("points", (2, 3, 4, 5, 6), nonfinite=UNCHECKED, empty=UNCHECKED, single=False)
PARAMETERS = InputSpec("z|parameters", (2,), single=False)
ORDER = p.choice(0, 1, 3, "fourier")
BORDER = p.choice("zero", "reflect", "symmetric", "circular")
OPTIONS = {"order": ORDER, "padding": BORDER, "n_jobs": p.JOBS}


def _images(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 7, shape or (3, 5, 6)).astype(np.float64)


def _warped(name: str, order: Any = 3) -> Target:
    argument = "y" if name == "warp_adjoint" else "x"

    def shape(tau: Any, **rest: Any) -> tuple[int | None, ...]:
        got = np.shape(rest[argument])
        return (*got, 2) if name == "warp_derivative" else got

    def plain(rng: np.random.Generator) -> dict[str, Any]:
        tau = rng.integers(0, 3, (5, 6, 2) if rng.random() < 0.5 else (3, 5, 6, 2)).astype(np.float64)
        return {argument: _images(rng), "tau": tau, "order": order, "padding": "zero", "n_jobs": 1}

    return Target(
        f"deformations.{name}" + ("" if order == 3 else ": Fourier"),
        getattr(d, name),
        plain,
        {argument: GREY_IMAGES, "tau": TAU},
        OPTIONS,
        shape=shape,
        keeps_dtype=True,
        degree={argument: 1},
        weight=3 if order == 3 else 1,
    )


FAMILIES: dict[str, tuple[dict[str, Any], dict[str, p.Kind]]] = {
    "Translation": ({}, {}),
    "Rotation": ({}, {}),
    "Dilation": ({}, {}),
    "Shear": ({}, {}),
    "AffineDeformation": ({}, {}),
    "SmoothDeformation": ({"cutoff": 2}, {"cutoff": p.count()}),
    "ElasticDeformation": ({"sigma": 4.0}, {"sigma": p.number(above=1, zero=True)}),
    "HolderDeformation": (
        {"exponent": 0.7, "cutoff": 2},
        {"exponent": p.number(below=2), "cutoff": p.count(repeats=True)},
    ),
    "CombinedDeformation": (
        {"base": d.SmoothDeformation(2), "translation": 1.0},
        {"base": p.a(d.SmoothDeformation, d.ElasticDeformation), "translation": p.number()},
    ),
}
SAMPLE = {
    "shape": p.pair(),
    "strength": p.one_of(p.number(), p.NONE),
    "rng": p.SEED,
    "size": p.one_of(p.NONE, p.count()),
    "displacement": p.one_of(p.number(), p.NONE),
    "allow_folding": p.FLAG,
}
_SAMPLE = {"shape": (6, 7), "strength": 0.3, "rng": 0, "size": 2, "displacement": None, "allow_folding": False}


def _sampled(name: str) -> Any:
    def call(shape: Any, strength: Any, rng: Any, size: Any, displacement: Any, allow_folding: Any, **fields: Any):
        family = getattr(d, name)(**fields)
        more = {"displacement": displacement, "allow_folding": allow_folding}
        field = family.sample(shape, strength, rng, size, **more)
        return {"field": field, "norms": [field.sup_norm, field.jacobian_sup_norm, field.min_det, field.rms_norm]}

    return call


def _family(name: str) -> list[Target]:
    fields, kinds = FAMILIES[name]
    found = [
        Target(
            f"deformations.{name}: sample", _sampled(name), lambda rng: {**_SAMPLE, **fields}, {}, {**SAMPLE, **kinds}
        )
    ]
    family = getattr(d, name)(**fields)
    if isinstance(family, d.LinearDeformation):
        n = family.n_parameters((6, 7))
        found.append(
            Target(
                f"deformations.{name}: from_parameters",
                lambda z, shape, strength: family.from_parameters(shape, z, strength),
                lambda rng: {"z": 1 + _images(rng, 2, n), "shape": (6, 7), "strength": 0.3},
                {"z": PARAMETERS},
                {"shape": p.pair(), "strength": p.number()},
            )
        )
    return found


def _norms(field: Any) -> Any:
    norms = field.sup_norm, field.jacobian_sup_norm, field.min_det, field.rms_norm
    return {"values": field.values, "jacobian": field.jacobian, "norms": norms}


SIDES = p.pair()
FIELDS = [
    Target(
        "deformations.AffineField",
        lambda **a: _norms(d.AffineField(**a)),
        lambda rng: {"shape": (5, 6), "matrix": _images(rng, 2, 2), "offset": _images(rng, 2)},
        {"matrix": MATRICES, "offset": OFFSET},
        {"shape": SIDES},
    ),
    Target(
        "deformations.SineField",
        lambda **a: _norms(d.SineField(**a)),
        lambda rng: {"shape": (5, 6), "coefficients": 1 + _images(rng, 2, 2, 2)},
        {"coefficients": COEFFICIENTS},
        {"shape": SIDES},
    ),
    Target(
        "deformations.FourierField",
        lambda **a: _norms(d.FourierField(**a)),
        lambda rng: {"shape": (5, 6), "coefficients": 1 + _images(rng, 2, 1, 3), "period": (20.0, 20.0)},
        {"coefficients": COEFFICIENTS},
        {"shape": SIDES, "period": p.ANYTHING},
    ),
    Target(
        "deformations.ShiftedField",
        lambda **a: _norms(d.ShiftedField(**a)),
        lambda rng: {"shape": (5, 6), "offset": _images(rng, 2), "field": d.SineField((5, 6), np.ones((2, 2, 2)))},
        {"offset": OFFSET},
        {"shape": SIDES, "field": p.a(d.SineField, d.FourierField, d.ShiftedField)},
    ),
    Target(
        "deformations.AffineField: at",
        lambda points: _at(d.AffineField((5, 6), np.ones((2, 2)), np.ones(2)), points),
        lambda rng: {"points": _images(rng, 4, 2)},
        {"points": POINTS},
    ),
    Target(
        "deformations.SineField: rescale_to",
        lambda **a: d.SineField((5, 6), np.ones((2, 2, 2))).rescale_to(**a),
        lambda rng: {"jacobian_norm": 0.5, "sup_norm": None, "rms_norm": None},
        {},
        dict.fromkeys(("jacobian_norm", "sup_norm", "rms_norm"), p.one_of(p.NONE, p.number())),
    ),
]


def _at(field: Any, points: Any) -> Any:
    return field.at(points), field.jacobian_at(points)


HOLDER = Target(
    "deformations.holder_norm",
    d.holder_norm,
    lambda rng: {"field": d.SineField((5, 6), 1 + _images(rng, 2, 2, 2)), "exponent": 0.5},
    {},
    {"field": p.a(d.DisplacementField), "exponent": p.number(below=2)},
)
LIGHT = InputSpec("x|X|images?", (3, 4), channels_last=True)
CORRUPTED = [
    Target(
        "deformations.corrupt",
        d.corrupt,
        lambda rng: {
            "x": (_images(rng, 3, 8, 9) > 2).astype(np.float64),
            "corruption": sorted(d.CORRUPTIONS)[rng.integers(len(d.CORRUPTIONS))],
            "severity": int(rng.integers(1, 6)),
            "rng": 0,
        },
        {"x": LIGHT},
        {"corruption": p.choice(*d.CORRUPTIONS), "severity": p.count(), "rng": p.SEED},
        shape=lambda x, **rest: np.shape(x),
        keeps_dtype=True,
        weight=4,
    ),
]
TEMPERATURES = Target(
    "deformations.SmoothDeformation: sample_at_temperature",
    lambda shape, temperature, rng, size: d.SmoothDeformation(2).sample_at_temperature(shape, temperature, rng, size),
    lambda rng: {"shape": (6, 7), "temperature": 1e-3, "rng": 0, "size": 2},
    {},
    {"shape": p.pair(), "temperature": p.number(), "rng": p.SEED, "size": p.one_of(p.NONE, p.count())},
)
TARGETS = [
    *(_warped(name, order) for name in ("warp", "warp_adjoint", "warp_derivative") for order in (3, "fourier")),
    *(target for name in FAMILIES for target in _family(name)),
    *FIELDS,
    HOLDER,
    *CORRUPTED,
    TEMPERATURES,
]
