"""Targets: the estimators, fitted and asked for everything they give."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec
from fuzzing.labels import Y_LABELS, Y_TARGETS
from fuzzing.target import IMAGES, ROWS, Target
from kernelconv import networks as n
from kernelconv import operators as ops
from kernelconv.networks.cnn.presets import ARCHITECTURES

N = 9  # images of a fit
OF_THE_FIT = "the images of the fit"
SIZE = p.pair()
IMAGE_SHAPE = p.ANYTHING
COMMON = {"image_shape": IMAGE_SHAPE, "random_state": p.SEED, "verbose": p.ANYTHING, "n_jobs": p.JOBS}
PADDING = p.choice("valid", "zero", "reflect", "symmetric", "circular")
BORDER = p.choice("zero", "reflect", "symmetric", "circular")
VOLUMES = InputSpec("X|x|volumes?", (4, 5))
LAYERS = {
    "n_anchors": p.by_layer(p.count()),
    "patch_size": p.by_layer(SIZE),
    "subsampling": p.by_layer(SIZE),
    "pooling_scale": p.one_of(p.NONE, p.by_layer(p.number())),
    "kernel": p.by_layer(p.one_of(p.a(ops.DotProductKernel), p.choice("exponential", "arccosine", "linear"))),
    "sigma": p.by_layer(p.number()),
    "padding": p.one_of(PADDING, p.pair(0)),
}
CKN = {
    **LAYERS,
    "regularization": p.number(zero=True),
    "input": p.one_of(p.choice("raw", "gradient", "centered", "whitened", "auto"), p.a(ops.Part)),
    "pooling": p.by_layer(p.one_of(p.choice("gaussian", "average", "max"), p.a(ops.Part))),
    "n_patches": p.count(),
    **COMMON,
}
TRAINING = {
    "epochs": p.count(repeats=True),
    "batch_size": p.count(),
    "learning_rate": p.number(),
    "momentum": p.number(zero=True, below=1),
    "image_shape": IMAGE_SHAPE,
    "random_state": p.SEED,
    "verbose": p.ANYTHING,
    "n_jobs": p.JOBS,
}
CNN = {
    **TRAINING,
    "architecture": p.one_of(p.choice(*ARCHITECTURES), p.a(ops.Part)),
    "schedule": p.choice("constant", "cosine", "step", "one_cycle"),
    "optimizer": p.choice("adam", "sgd", "lbfgs"),
    "weight_decay": p.number(zero=True),
    "loss": p.ANYTHING,
    "frozen": p.ANYTHING,
    "augmentation": p.one_of(p.NONE, p.a(n.Augmentation, n.PhotoAugmentation, n.AugmentationChain)),
    "early_stopping": p.FLAG,
    "validation_fraction": p.ANYTHING,
    "patience": p.ANYTHING,
    "warm_start": p.FLAG,
    "checkpoint": p.ANYTHING,
}
SCATTERING = {
    "J": p.count(),
    "L": p.count(),
    "max_order": p.count(0),
    "image_shape": IMAGE_SHAPE,
    "padding": BORDER,
    "oversampling": p.count(0),
    "n_jobs": p.JOBS,
}
SEPARABLE = {name: SCATTERING[name] for name in ("J", "max_order", "image_shape", "padding", "n_jobs")}
SCATTERING_2D = {
    **SCATTERING,
    "grid": p.choice("centred", "kymatio"),
    "engine": p.choice("native", "kymatio"),
    "bank": p.choice("morlet", "tight"),
    "paths": p.choice("decreasing", "all"),
    "normalized": p.FLAG,
    "log": p.FLAG,
    "epsilon": p.ANYTHING,
    "energy": p.one_of(p.NONE, p.number(below=1 + 1e-9)),
}
SCATTERING_1D = {
    **{name: SCATTERING[name] for name in ("J", "max_order", "padding", "oversampling", "n_jobs")},
    "Q": p.one_of(p.count(), p.Kind(lambda value: None if isinstance(value, tuple | list) else False)),
    "T": p.one_of(p.NONE, p.number(zero=True), p.choice("global")),
    "scaling": p.choice("exact", "kymatio"),
    "frequencies": p.choice("positive", "both"),
}
SCATTERING_3D = {
    "J": p.count(0),
    "L": p.count(0),
    "sigma_0": p.number(),
    "max_order": p.count(0),
    "rotation_covariant": p.FLAG,
    "method": p.choice("integral", "local"),
    "integral_powers": p.ANYTHING,
    "bank": p.choice("harmonic", "morlet"),
    "n_directions": p.ANYTHING,
    "volume_shape": p.ANYTHING,
    "n_jobs": p.JOBS,
}

JOINT = {
    **{name: SCATTERING_1D[name] for name in ("J", "Q", "padding", "n_jobs")},
    "J_fr": p.count(),
    "Q_fr": p.count(),
    "T": p.one_of(p.NONE, p.number(), p.choice("global")),
    "F": p.one_of(p.NONE, p.number(zero=True), p.choice("global")),
}


def _images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 7, (N, 8, 9)).astype(np.float64)


def _volumes(rng: np.random.Generator) -> np.ndarray:
    return _images(rng).reshape(N, 4, 6, 3)


def _unsupervised(cls: Any) -> Callable[..., Any]:
    """Return the call that fits a transformer, and asks for the features of these images and of others."""

    def call(X: Any, new: Any, **parameters: Any) -> Any:
        fitted = cls(**parameters).fit(X)
        features = fitted.transform(X if new is OF_THE_FIT else new)
        assert len(fitted.get_feature_names_out()) == features.shape[1], "as many names as features"
        return features

    return call


def _supervised(cls: Any) -> Callable[..., Any]:
    """Return the call that fits a classifier or a regressor and asks for everything."""

    def call(X: Any, y: Any, new: Any, **parameters: Any) -> Any:
        fitted = cls(**parameters).fit(X, y)
        new = X if new is OF_THE_FIT else new
        found = {}
        for method in ("transform", "decision_function", "predict_proba"):
            if hasattr(fitted, method):
                found[method] = getattr(fitted, method)(new)
        found["predict" if not hasattr(fitted, "classes_") else "labels"] = fitted.predict(new)
        return found

    return call


def _classes(rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.arange(N) % 3)


def _estimator(
    name: str, plain: dict[str, Any], kinds: dict[str, p.Kind], y: Any = None, spec: InputSpec = IMAGES, weight: int = 5
) -> list[Target]:
    """Return the targets of an estimator: odd images, labels and parameters in fit; odd images after it."""
    cls = getattr(n, name)
    learn = {} if y is None else {"y": y}
    call = _unsupervised(cls) if y is None else _supervised(cls)
    make = _images if spec is IMAGES else _volumes if spec is VOLUMES else lambda rng: _images(rng)[:, 0]

    def fit(rng: np.random.Generator) -> dict[str, Any]:
        return {"X": make(rng), "new": OF_THE_FIT, **{k: v(rng) for k, v in learn.items()}, **plain}

    def after(rng: np.random.Generator) -> dict[str, Any]:
        return {**fit(rng), "new": make(rng)}

    inputs: dict[str, InputSpec] = {"X": spec}
    if y is not None:
        inputs["y"] = Y_LABELS if y is _classes else Y_TARGETS
    degree = {} if y is not None else {"X": 1.0}
    keeps = spec is not ROWS  # squared distances are of float64 where float32 has no room for them
    return [
        Target(f"kernelconv.{name}", call, fit, inputs, kinds, keeps_dtype=keeps, degree=degree, weight=weight),
        Target(f"kernelconv.{name}: after fit", call, after, {"new": spec}, weight=2),
    ]


_CKN = {"n_anchors": (3, 4), "patch_size": 2, "subsampling": 2, "n_patches": 200, "random_state": 0, "n_jobs": 1} | {
    name: default
    for name, default in {
        "pooling_scale": None,
        "kernel": "exponential",
        "sigma": 0.6,
        "regularization": 1e-3,
        "padding": "zero",
        "input": "raw",
        "pooling": "gaussian",
        "image_shape": None,
        "verbose": False,
    }.items()
}
_TRAINING = {"epochs": 1, "batch_size": 4, "learning_rate": 0.01, "momentum": 0.9}
_CNN = _TRAINING | {
    "architecture": "mlp",
    "schedule": "cosine",
    "optimizer": "sgd",
    "weight_decay": 0.01,
    "frozen": (),
    "augmentation": None,
    "early_stopping": False,
    "validation_fraction": 0.3,
    "patience": 5,
    "warm_start": False,
    "checkpoint": None,
    "image_shape": None,
    "random_state": 0,
    "verbose": False,
    "n_jobs": 1,
}
_SCATTERING = {
    "J": 1,
    "L": 2,
    "max_order": 2,
    "image_shape": None,
    "padding": "reflect",
    "oversampling": 0,
    "n_jobs": 1,
}
_SEPARABLE = {"J": 1, "max_order": 2, "image_shape": None, "padding": "symmetric", "n_jobs": 1}
_SCATTERING_2D = _SCATTERING | {
    "grid": "centred",
    "engine": "native",
    "bank": "morlet",
    "paths": "decreasing",
    "normalized": False,
    "log": False,
    "epsilon": 0.01,
    "energy": None,
}
_SCATTERING_1D = {"J": 1, "Q": 1, "T": None, "max_order": 2, "padding": "reflect", "oversampling": 0} | {
    "scaling": "exact",
    "frequencies": "positive",
    "n_jobs": 1,
}
_SCATTERING_3D = {"J": 1, "L": 1, "sigma_0": 0.5, "max_order": 2, "rotation_covariant": True} | {
    "method": "integral",
    "integral_powers": (1.0,),
    "bank": "harmonic",
    "n_directions": 3,
    "volume_shape": None,
    "n_jobs": 1,
}
_JOINT = {"J": 2, "Q": 2, "J_fr": 1, "Q_fr": 1, "T": 1.0, "F": None, "padding": "zero", "n_jobs": 1}
_AFFINE = {"n_components": 1, "cv": 3, "max_components": 4, "random_state": None, "n_jobs": 1}
AFFINE = {
    "n_components": p.one_of(p.count(0), p.choice("cv")),
    "cv": p.ANYTHING,
    "max_components": p.count(0),
    "random_state": p.SEED,
    "n_jobs": p.JOBS,
}
_LAYERWISE = {"n_centroids": (3, 4), "patch_size": 2, "subsampling": 2, "n_filters": 3, "stride": 1} | {
    "pooling": "max",
    "padding": "zero",
    "input": "raw",
    "n_patches": 100,
    "loss": "log_loss",
    "epochs": 1,
    "batch_size": 4,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "dropout": 0.5,
    "image_shape": None,
    "random_state": 0,
    "verbose": False,
    "n_jobs": 1,
}
LAYERWISE = {
    **{name: kind for name, kind in TRAINING.items() if name != "momentum"},
    **{name: p.by_layer(p.count()) for name in ("n_centroids", "n_filters")},
    **{name: p.by_layer(SIZE) for name in ("patch_size", "subsampling", "stride")},
    "pooling": p.by_layer(p.choice("max", "average")),
    "padding": p.one_of(PADDING, p.pair(0)),
    "input": p.choice("raw", "centered", "whitened"),
    "n_patches": p.count(),
    "loss": p.ANYTHING,
    "weight_decay": p.number(zero=True),
    "dropout": p.number(zero=True, below=1),
}
_CAPSULES = {"n_filters": 2, "n_capsules": 2, "capsule_size": 2, "class_capsule_size": 3, "filter_size": 3} | {
    "routings": 2,
    **{name: value for name, value in _CNN.items() if name != "architecture"},
}
CAPSULES = {
    **{name: p.count() for name in ("n_filters", "n_capsules", "capsule_size", "class_capsule_size", "filter_size")},
    "routings": p.count(repeats=True),
    **{name: kind for name, kind in CNN.items() if name not in ("architecture", "loss")},
}
_NETWORK = n.serial(ops.Convolution(2, 3), ops.Modulus(), ops.AveragePooling(2))
_WIDE = {"image_shape": None, "random_state": 0, "verbose": False, "n_jobs": 1}


def _real(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-4, 5, N).astype(np.float64)


TARGETS = [
    *_estimator(
        "ConvKernelNetwork",
        {**_CKN, "group": None, "anchors": None},
        {**CKN, "group": p.choice(None, "rotations", "flips"), "anchors": p.ANYTHING},
    ),
    *_estimator(
        "ConvKernelClassifier",
        {**_CKN, **_TRAINING, "alpha": 0.01, "loss": "squared_hinge"},
        {
            **CKN,
            **TRAINING,
            "epochs": p.count(0, repeats=True),
            "alpha": p.number(zero=True),
            "loss": p.choice("squared_hinge", "log_loss", "margin_loss"),
        },
        _classes,
    ),
    *_estimator("ConvNetClassifier", {**_CNN, "loss": "log_loss"}, CNN, _classes, weight=6),
    *_estimator("ConvNetRegressor", {**_CNN, "loss": "squared_error"}, CNN, _real),
    *_estimator("CapsNetClassifier", _CAPSULES, CAPSULES, _classes, weight=4),
    *_estimator("LayerwiseConvNet", _LAYERWISE, LAYERWISE, _classes, weight=4),
    *_estimator("NetworkTransformer", {"network": _NETWORK, **_WIDE}, {"network": p.a(n.Network), **COMMON}, weight=3),
    *_estimator("Scattering2D", _SCATTERING_2D, SCATTERING_2D, weight=6),
    *_estimator("Scattering1D", _SCATTERING_1D, SCATTERING_1D, spec=InputSpec("X|x|signals?", (2, 3))),
    *_estimator("Scattering3D", _SCATTERING_3D, SCATTERING_3D, spec=VOLUMES, weight=4),
    *_estimator("JointTimeFrequencyScattering", _JOINT, JOINT, spec=InputSpec("X|x|signals?", (2, 3)), weight=3),
    *_estimator("RotoTranslationScattering2D", _SCATTERING, SCATTERING, weight=3),
    *_estimator("SeparableScattering2D", _SEPARABLE, SEPARABLE, weight=3),
    *_estimator("AffineSubspaceClassifier", _AFFINE, AFFINE, _classes, spec=ROWS, weight=4),
]
