"""Unsupervised convolutional kernel network and linear ridge (Mairal 2016, End-to-end kernel learning, section 3).

Two layers: 64 and 256 anchors of 3 x 3, pooled by 2 and 4.
"""

from heads import LinearRidge
from objective import Rival
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork

NETWORK = {"n_anchors": (64, 256), "patch_size": 3, "subsampling": (2, 4)}
RIVAL = Rival(
    "ckn_2",
    "CKN-2 + linear",
    "CKN",
    lambda size, seed: make_pipeline(ConvKernelNetwork(**NETWORK, random_state=seed), LinearRidge(seed)),
)
