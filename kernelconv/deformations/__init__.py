"""Deformations L_tau x(u) = x(u - tau(u)): displacement fields, families that draw them, and the warp.

`CORRUPTIONS` are other changes of an image, most of which have no tau.
"""

from kernelconv.deformations.affine import AffineDeformation, AffineField, Dilation, Rotation, Shear, Translation
from kernelconv.deformations.corruptions import CORRUPTIONS, corrupt
from kernelconv.deformations.families import Deformation, LinearDeformation
from kernelconv.deformations.fields import DisplacementField
from kernelconv.deformations.holder import HolderDeformation
from kernelconv.deformations.linearized import warp_adjoint, warp_derivative
from kernelconv.deformations.norms.holder import holder_norm
from kernelconv.deformations.series import FourierField, SineField
from kernelconv.deformations.shifted import ShiftedField
from kernelconv.deformations.smooth import CombinedDeformation, ElasticDeformation, SmoothDeformation
from kernelconv.deformations.warp import warp

__all__ = [
    "CORRUPTIONS",
    "AffineDeformation",
    "AffineField",
    "CombinedDeformation",
    "Deformation",
    "Dilation",
    "DisplacementField",
    "ElasticDeformation",
    "FourierField",
    "HolderDeformation",
    "LinearDeformation",
    "Rotation",
    "Shear",
    "ShiftedField",
    "SineField",
    "SmoothDeformation",
    "Translation",
    "corrupt",
    "holder_norm",
    "warp",
    "warp_adjoint",
    "warp_derivative",
]
