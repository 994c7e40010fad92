"""Representations that learn nothing: pixels, Fourier modulus, wavelet scattering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.networks.serial import serial
from kernelconv.networks.transformer import NetworkTransformer
from kernelconv.operators import OrbitPooling
from kernelconv.studies.estimators.transformers import FourierModulus, Pixels, SquareRoot
from kernelconv.studies.models import Build, Representation, Shape


def _largest(shape: Shape) -> int:
    return max(1, min(3, int(np.log2(min(shape[:2]))) - 1))


def scattering(shape: Shape, size: int, seed: int) -> Any:
    """Return square roots of scattering coefficients, J = 3 or what fits into the images."""
    return make_pipeline(Scattering2D(J=_largest(shape), padding="zero"), SquareRoot())


def _averaged(transform: ScatteringTransform, seed: int) -> Any:
    network = serial(OrbitPooling(transform, "flips"))
    return make_pipeline(NetworkTransformer(network, random_state=seed), SquareRoot())


def scattering_flips(shape: Shape, size: int, seed: int, J: int = 2) -> Any:
    """Return square roots of scattering coefficients, averaged over the image and its mirror image."""
    return _averaged(ScatteringTransform(J=J), seed)


def scattering_zero_flips(shape: Shape, size: int, seed: int) -> Any:
    """Return what `scattering` returns, averaged over the image and its mirror image before the square roots."""
    return _averaged(ScatteringTransform(J=_largest(shape), padding="zero"), seed)


def _plain_scattering(J: int) -> Representation:
    def build(shape: Shape, size: int, seed: int) -> Any:
        return Scattering2D(J=J)

    source = f"Wavelet scattering (Mallat 2012), order 2, 8 angles: averages over {2**J} px."
    return Representation(f"scattering-{J}", f"scattering, J = {J}", "scattering", build, source, colour=3.0)


def _fixed(estimator: Callable[[], Any]) -> Build:
    def build(shape: Shape, size: int, seed: int) -> Any:
        return estimator()

    return build


_SCATTERING = (
    "Wavelet scattering, J = 3 (or what fits), order 2 (Bruna & Mallat 2013, Invariant scattering networks); square "
    "roots of the coefficients, and images continued by zeros: both chosen on training images held out."
)

FIXED = [
    Representation(
        "pixels",
        "pixels",
        "pixels",
        _fixed(Pixels),
        "Pixels as they are.",
        milliseconds=(0.01, 0.01),
        colour=3.0,
    ),
    Representation(
        "fourier",
        "Fourier modulus",
        "pixels",
        _fixed(FourierModulus),
        "Modulus of the Fourier transform: invariant to circular shifts, unstable at high frequencies.",
        milliseconds=(0.05, 0.05),
        colour=3.0,
    ),
    Representation(
        "scattering", "scattering", "scattering", scattering, _SCATTERING, milliseconds=(0.7, 0.7), colour=3.0
    ),
    Representation(
        "scattering-flips",
        "scattering, flips",
        "scattering",
        scattering_flips,
        "Wavelet scattering, J = 2, order 2 (Bruna & Mallat 2013), averaged over the image and its mirror image, an "
        "invariance of the representation; square roots. Chosen on training images of CIFAR-10.",
        milliseconds=(0.8, 0.8),
        colour=3.0,
    ),
    _plain_scattering(2),
    _plain_scattering(3),
]
