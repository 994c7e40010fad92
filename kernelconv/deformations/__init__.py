"""Deformations L_tau x(u) = x(u - tau(u)): displacement fields, families that draw them, and the warp."""

from kernelconv.deformations.families import Deformation, Dilation, Rotation, SmoothDeformation, Translation
from kernelconv.deformations.fields import AffineField, DisplacementField
from kernelconv.deformations.sine import SineField
from kernelconv.deformations.warp import warp

__all__ = [
    "AffineField",
    "Deformation",
    "Dilation",
    "DisplacementField",
    "Rotation",
    "SineField",
    "SmoothDeformation",
    "Translation",
    "warp",
]
