"""Heads: classifiers of features, each of which chooses its parameters inside the training set."""

from __future__ import annotations

from collections.abc import Mapping

from kernelconv.studies.estimators.least_squares import N_DOUBLE, GaussianRidge, LinearRidge
from kernelconv.studies.estimators.subspaces import AffineSubspaces
from kernelconv.studies.estimators.svm import GaussianSVM
from kernelconv.studies.models import Head, read_only

HEADS: Mapping[str, Head] = read_only(
    [
        Head("linear", "linear", LinearRidge, (0.3, 1, 45, 50, 60)),
        Head("gaussian", "Gaussian", GaussianRidge, (0.1, 1, 37, 50, 350), above=(N_DOUBLE, 2)),
        Head("affine", "affine", AffineSubspaces, (0.1, 0.7, 7, 10, 70)),
        Head("svm", "SVM", GaussianSVM, (0.3, 2, 20, 28, 256)),
    ]
)
