"""Unsupervised convolutional kernel network and linear ridge (Mairal 2016, End-to-end kernel learning, section 3).

One layer: 200 anchors of 5 x 5, pooled by 4.
"""

from heads import LinearRidge
from objective import Rival
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork

NETWORK = {"n_anchors": (200,), "patch_size": 5, "subsampling": (4,)}
RIVAL = Rival(
    "ckn_1",
    "CKN-1 + linear",
    "CKN",
    lambda size, seed: make_pipeline(ConvKernelNetwork(**NETWORK, random_state=seed), LinearRidge(seed)),
)
