"""Wavelet scattering, J = 3, order 2; affine subspaces (Bruna & Mallat 2013, Invariant scattering networks).

Square roots of the coefficients, as chosen on training images.
"""

from heads import AffineSubspaces, SquareRoot
from objective import Rival
from sklearn.pipeline import make_pipeline

from kernelconv import Scattering2D

RIVAL = Rival(
    "scattering_affine",
    "scattering + affine",
    "scattering",
    lambda size, seed: make_pipeline(Scattering2D(J=3), SquareRoot(), AffineSubspaces(seed)),
)
