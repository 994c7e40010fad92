"""Wavelet scattering, J = 3, order 2, and least squares with a Gaussian kernel, after the SVM of Bruna & Mallat (2013).

Square roots of the coefficients; above 10,000 images the kernel system is solved exactly in single precision.
"""

from heads import GaussianRidge
from objective import Rival
from sklearn.pipeline import make_pipeline

from kernelconv import Scattering2D
from kernelconv.comparison import SquareRoot
from representations.scattering_affine import SCATTERING

RIVAL = Rival(
    "scattering_gaussian",
    "scattering + Gaussian",
    "scattering",
    lambda size, seed: make_pipeline(Scattering2D(**SCATTERING), SquareRoot(), GaussianRidge(seed)),
)
