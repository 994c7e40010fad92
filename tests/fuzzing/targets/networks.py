"""Targets: the exact kernel, augmentation, scattering as a part."""

from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec
from fuzzing.target import ANY_IMAGES, COTANGENTS, IMAGES, MAPS, Target
from fuzzing.targets.estimators import (
    _SCATTERING_1D,
    _SCATTERING_2D,
    IMAGE_SHAPE,
    LAYERS,
    SCATTERING_1D,
    SCATTERING_2D,
    _images,
)
from kernelconv import networks as n
from kernelconv.networks.cnn.presets import ARCHITECTURES


def _kernel(X: Any, Y: Any, **parameters: Any) -> Any:
    kernel = n.ConvKernel(**parameters)
    return {"gram": kernel(X, Y), "diag": kernel.diag(X), "distances": kernel.distances(X, Y)}


EXACT = Target(
    "kernelconv.ConvKernel",
    _kernel,
    lambda rng: (
        {"X": _images(rng)[:3], "Y": None, "patch_size": (2, 2), "subsampling": 2, "padding": "zero"}
        | {"kernel": "exponential", "sigma": 0.6, "pooling_scale": None, "tangent": False, "image_shape": None}
        | {"n_jobs": 1, "verbose": False, "checkpoint": None}
    ),
    {"X": IMAGES},
    {k: v for k, v in LAYERS.items() if k != "n_anchors"}
    | {"tangent": p.FLAG, "image_shape": IMAGE_SHAPE, "n_jobs": p.JOBS, "verbose": p.ANYTHING}
    | {"checkpoint": p.ANYTHING},
    weight=5,
)


def _augmented(images: Any, **fields: Any) -> Any:
    return n.Augmentation(**fields)(images, np.random.default_rng(0))


AUGMENTATION = Target(
    "kernelconv.Augmentation",
    _augmented,
    lambda rng: (
        {"images": _images(rng)[..., None], "shift": 1.0, "rotation": 10.0, "deformation": 0.1}
        | {"noise": 0.5, "cutout": 2, "flip": True}
    ),
    {"images": InputSpec("images?|x|X", (3, 4))},
    {name: p.number(zero=True) for name in ("shift", "rotation", "noise")}
    | {"deformation": p.number(zero=True, below=1), "cutout": p.count(0), "flip": p.FLAG},
    shape=lambda images, **rest: images.shape if hasattr(images, "shape") else np.shape(images),
    keeps_dtype=True,
    weight=3,
)


PHOTO_AUGMENTATION = Target(
    "kernelconv.PhotoAugmentation",
    lambda images, **fields: n.PhotoAugmentation(**fields)(images, np.random.default_rng(0)),
    lambda rng: (
        {"images": rng.integers(0, 7, (4, 8, 9, 3)).astype(np.float64), "scale": 0.2, "crop": 0.5}
        | {"jitter": 0.4, "drop": 0.2, "blur": 1.0}
    ),
    {"images": InputSpec("images?|x|X", (3, 4))},
    {"scale": p.number(zero=True), "crop": p.number(zero=True, below=1), "blur": p.number(zero=True)}
    | {name: p.number(zero=True, below=1 + 1e-9) for name in ("jitter", "drop")},
    shape=lambda images, **rest: images.shape if hasattr(images, "shape") else np.shape(images),
    keeps_dtype=True,
    degree={"images": 1},
    weight=3,
)


def _chained(images: Any, changes: Any) -> Any:
    return n.AugmentationChain(changes)(images, np.random.default_rng(0))


CHAIN = Target(
    "networks.AugmentationChain",
    _chained,
    lambda rng: {
        "images": _images(rng)[..., None],
        "changes": (n.Augmentation(flip=True), n.PhotoAugmentation(blur=1.0)),
    },
    {"images": InputSpec("images?|x|X", (3, 4))},
    {"changes": p.ANYTHING},
    shape=lambda images, **rest: images.shape if hasattr(images, "shape") else np.shape(images),
    keeps_dtype=True,
    degree={"images": 1},
)


def _preset(x: Any, **arguments: Any) -> Any:
    network = n.preset(**arguments)
    return network.build(arguments["in_shape"], np.random.default_rng(0)).forward(x)


PRESET = Target(
    "networks.preset",
    _preset,
    lambda rng: (
        {"x": _images(rng)[:2, :, :8, None], "name": "lenet5", "in_shape": (8, 8, 1), "n_outputs": 3}
        | {"initialization": "he_normal"}
    ),
    {"x": ANY_IMAGES},
    {"name": p.choice(*ARCHITECTURES), "in_shape": p.shape3(), "n_outputs": p.count(), "initialization": p.ANYTHING},
    keeps_dtype=True,
    weight=2,
)


def _part(name: str, plain: dict[str, Any], kinds: dict[str, p.Kind]) -> list[Target]:
    """Return the targets of scattering as a part: forward, and the gradient in the image."""
    cls = getattr(n, name)
    shape = (8, 9, 1) if name == "ScatteringTransform" else (1, 16, 1)
    kinds = {field: kind for field, kind in kinds.items() if field in plain}
    if name == "ScatteringTransform":
        kinds |= {"only": p.ANYTHING}
        plain = {**plain, "only": None}
    out = cls(**plain).build(shape).out_shape(shape)

    def maps(rng: np.random.Generator, size: Any = shape) -> np.ndarray:
        return rng.integers(1, 7, (3, *size)).astype(np.float64)

    return [
        Target(
            f"networks.{name}: forward",
            lambda x, **fields: cls(**fields).build(shape).forward(x),
            lambda rng: {"x": maps(rng), **plain},
            {"x": MAPS},
            kinds,
            keeps_dtype=True,
            degree={"x": 1},
            weight=2,
        ),
        Target(
            f"networks.{name}: vjp",
            lambda x, g: cls(**plain).build(shape).vjp(x, g),
            lambda rng: {"x": maps(rng), "g": maps(rng, out)},
            {"g": COTANGENTS},
            degree={"g": 1},
        ),
    ]


_FIELDS = (
    "J",
    "L",
    "Q",
    "T",
    "max_order",
    "padding",
    "oversampling",
    "grid",
    "bank",
    "paths",
    "engine",
    "scaling",
    "frequencies",
)


TARGETS = [
    EXACT,
    AUGMENTATION,
    PHOTO_AUGMENTATION,
    CHAIN,
    PRESET,
    *_part("ScatteringTransform", {k: v for k, v in _SCATTERING_2D.items() if k in _FIELDS}, SCATTERING_2D),
    *_part("ScatteringTransform1D", {k: v for k, v in _SCATTERING_1D.items() if k in _FIELDS}, SCATTERING_1D),
]
