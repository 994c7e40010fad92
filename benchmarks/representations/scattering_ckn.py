"""Scattering and a convolutional kernel network side by side, after Bruna & Mallat (2013) and Mairal et al. (2014).

The features of both, scaled to the same variance, under one Gaussian kernel: the product of the two kernels.
"""

from heads import GaussianRidge, UnitScale
from objective import Rival
from sklearn.pipeline import make_pipeline, make_union

from kernelconv import ConvKernelNetwork, Scattering2D
from kernelconv.comparison import SquareRoot
from representations.ckn_gradient import NETWORK
from representations.scattering_affine import SCATTERING


def build(size, seed):
    """Return the pipeline."""
    scattering = make_pipeline(Scattering2D(**SCATTERING), SquareRoot(), UnitScale(center=False))
    ckn = make_pipeline(ConvKernelNetwork(**NETWORK, random_state=seed), UnitScale(center=False))
    return make_pipeline(make_union(scattering, ckn), GaussianRidge(seed))


RIVAL = Rival("scattering_ckn", "both + Gaussian", "both", build)
