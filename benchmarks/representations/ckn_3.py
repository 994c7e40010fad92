"""Unsupervised convolutional kernel network and linear ridge (Mairal 2016, End-to-end kernel learning, section 3).

Three layers: 64, 128 and 256 anchors of 3 x 3, each pooled by 2.
"""

from heads import LinearRidge
from objective import Rival
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork

NETWORK = {"n_anchors": (64, 128, 256), "patch_size": 3, "subsampling": (2, 2, 2)}
RIVAL = Rival(
    "ckn_3",
    "CKN-3 + linear",
    "CKN",
    lambda size, seed: make_pipeline(ConvKernelNetwork(**NETWORK, random_state=seed), LinearRidge(seed)),
)
