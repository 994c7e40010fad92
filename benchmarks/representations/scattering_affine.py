"""Wavelet scattering, J = 3, order 2; affine subspaces (Bruna & Mallat 2013, Invariant scattering networks).

Square roots of the coefficients, and images continued by zeros: both chosen on training images held out.
"""

from heads import AffineSubspaces
from objective import Rival
from sklearn.pipeline import make_pipeline

from kernelconv import Scattering2D
from kernelconv.comparison import SquareRoot

SCATTERING = {"J": 3, "padding": "zero"}
RIVAL = Rival(
    "scattering_affine",
    "scattering + affine",
    "scattering",
    lambda size, seed: make_pipeline(Scattering2D(**SCATTERING), SquareRoot(), AffineSubspaces(seed)),
)
