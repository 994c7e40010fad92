"""Estimators in files of skops: the same bits from a file whose types are looked at before anything is made of it."""

import functools
import importlib

import numpy as np
import pytest
import registry
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

import kernelconv
from kernelconv import (
    TRUSTED_TYPES,
    AffineSubspaceClassifier,
    Augmentation,
    ConvKernel,
    ConvKernelClassifier,
    ConvKernelNetwork,
    ConvNetClassifier,
    ConvNetRegressor,
    GaussianPooling,
    IncrementalRidge,
    IncrementalRidgeClassifier,
    JointTimeFrequencyScattering,
    KernelMapping,
    Layer,
    NetworkTransformer,
    PatchExtraction,
    PhotoAugmentation,
    RotoTranslationScattering2D,
    Scattering1D,
    Scattering2D,
    Scattering3D,
    SeparableScattering2D,
    networks,
    serial,
    streams,
)

LAYER = Layer(PatchExtraction(3, padding="zero"), KernelMapping(4), GaussianPooling(2))
SHORT = {"epochs": 1, "random_state": 0}
ESTIMATORS = {
    "scattering": Scattering2D(J=1, L=2),
    "normalised scattering": Scattering2D(J=2, L=2, normalized=True),
    "scattering of chosen paths": Scattering2D(J=2, L=2, energy=0.9, log=True, bank="tight"),
    "scattering by kymatio": Scattering2D(J=1, L=2, engine="kymatio"),
    "scattering of signals": Scattering1D(J=2),
    "joint scattering": JointTimeFrequencyScattering(J=2, Q=2, J_fr=1),
    "scattering of volumes": Scattering3D(J=1, L=1, volume_shape=(4, 4, 4)),
    "separable scattering": SeparableScattering2D(J=1),
    "scattering of angles": RotoTranslationScattering2D(J=1, L=4),
    "kernel network": ConvKernelNetwork((3, 4), random_state=0),
    "invariant kernel network": ConvKernelNetwork(4, input="whitened", pooling="max", group="flips", random_state=0),
    "kernel classifier": ConvKernelClassifier((3, 4), loss="log_loss", **SHORT),
    "kernel network of given anchors": ConvKernelNetwork(anchors=[np.eye(9)[:4]], random_state=0),
    "network of parts": NetworkTransformer(serial(LAYER), random_state=0),
    "lenet": ConvNetClassifier(
        augmentation=PhotoAugmentation(crop=0.5) | Augmentation(shift=1), loss="log_loss", **SHORT
    ),
    "resnet": ConvNetClassifier("resnet", early_stopping=True, validation_fraction=0.3, **SHORT),
    "regressor": ConvNetRegressor("mlp", **SHORT),
    "capsules": networks.CapsNetClassifier(3, 2, filter_size=3, **SHORT),
    "stages": networks.LayerwiseConvNet((3, 4), 3, **SHORT),
    "wavelons": networks.WaveletNetworkRegressor(2, n_starts=1, max_iter=5, random_state=0),
    "subspaces": AffineSubspaceClassifier(n_components=2),
    "ridge": IncrementalRidge(cv=3),
    "classes by ridge": IncrementalRidgeClassifier((1.0, 10.0), random_state=1),
    "exact kernel": ConvKernel((3,), 2, image_shape=(8, 8)),
}
ROWS = {
    "scattering of signals",
    "joint scattering",
    "scattering of volumes",
    "wavelons",
    "subspaces",
    "ridge",
    "classes by ridge",
    "exact kernel",
}


def data(name):
    """Images, or rows for those that read rows, and classes."""
    x, y = np.random.default_rng(0).standard_normal((24, 8, 8)).astype(np.float32), np.arange(24) % 3
    return (x.reshape(24, 64) if name in ROWS else x), y


@functools.cache
def fitted(name):
    estimator = ESTIMATORS[name]
    return estimator.fit(*data(name)) if hasattr(estimator, "fit") else estimator


def outputs(name, estimator):
    """All that an estimator says of its data."""
    x, _ = data(name)
    if not hasattr(estimator, "fit"):
        return [estimator(x)]
    methods = ("transform", "decision_function", "predict_proba", "predict")
    return [getattr(estimator, method)(x) for method in methods if hasattr(estimator, method)]


@pytest.fixture(scope="module")
def parts():
    """Every part of the tests of the laws, built, with every kernel; and a file of them."""
    parts = {name: registry.built(name) for name in registry.SPECIFICATIONS}
    return parts, skops.io.dumps(parts)


def test_every_estimator_is_here():
    public = {getattr(package, name) for package in (networks, streams) for name in package.__all__}
    public = {thing for thing in public if isinstance(thing, type)}
    assert {e for e in public if hasattr(e, "get_params") and hasattr(e, "fit")} <= set(map(type, ESTIMATORS.values()))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_is_written_and_read_to_the_same_bits(tmp_path, name):
    estimator = fitted(name)
    skops.io.dump(estimator, tmp_path / "file")
    with pytest.raises(UntrustedTypesFoundException):
        skops.io.load(tmp_path / "file")
    read = skops.io.load(tmp_path / "file", trusted=TRUSTED_TYPES)
    expected, found = outputs(name, estimator), outputs(name, read)
    assert len(expected) == len(found) > 0
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(expected, found, strict=True))
    if hasattr(estimator, "partial_fit"):
        x, y = data(name)
        for e in (estimator, read):
            if "early_stopping" in e.get_params():
                e.set_params(early_stopping=False)  # of fit alone
        expected, found = (outputs(name, e.partial_fit(x, y)) for e in (estimator, read))
        assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_subspaces_of_a_stream_are_written_and_read():
    x, y = data("subspaces")
    clf = AffineSubspaceClassifier(n_components=2).partial_fit(x[:12], y[:12])
    read = skops.io.loads(skops.io.dumps(clf), trusted=TRUSTED_TYPES)
    assert np.array_equal(*(e.partial_fit(x[12:], y[12:]).decision_function(x) for e in (clf, read)))


def test_a_part_is_written_and_read_to_the_same_bits(parts):
    parts, file = parts
    read, x = skops.io.loads(file, trusted=TRUSTED_TYPES), registry.images()
    assert all(np.array_equal(part.forward(x), read[name].forward(x)) for name, part in parts.items())
    assert len(parts) > 100


def test_these_types_are_trusted_and_no_other(parts):
    files = [parts[1], *(skops.io.dumps(fitted(name)) for name in ESTIMATORS)]
    needed = set().union(*(skops.io.get_untrusted_types(data=file) for file in files))
    assert needed == set(TRUSTED_TYPES)
    assert list(TRUSTED_TYPES) == sorted(needed)


def test_what_is_trusted_are_classes_of_this_package():
    for name in TRUSTED_TYPES:
        module, _, cls = name.rpartition(".")
        found = getattr(importlib.import_module(module), cls)
        assert isinstance(found, type)
        assert found.__module__.startswith("kernelconv.")
    assert isinstance(TRUSTED_TYPES, tuple)
    assert "TRUSTED_TYPES" in kernelconv.__all__
