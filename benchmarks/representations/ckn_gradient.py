"""Convolutional kernel network on gradients, two layers (Mairal, Koniusz, Harchaoui & Schmid 2014), Gaussian kernel.

Its parameters were fixed beforehand, on training images held out.
"""

from heads import GaussianRidge
from objective import Rival
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork

NETWORK = {
    "n_anchors": (16, 512),
    "patch_size": (1, 3),
    "subsampling": (2, 4),
    "sigma": (0.6, 0.5),
    "input": "gradient",
}
RIVAL = Rival(
    "ckn_gradient",
    "gradient CKN + Gaussian",
    "CKN",
    lambda size, seed: make_pipeline(ConvKernelNetwork(**NETWORK, random_state=seed), GaussianRidge(seed)),
)
