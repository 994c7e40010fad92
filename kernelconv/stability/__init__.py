"""How much any representation, a function from images to features, changes when images are deformed."""

from kernelconv.stability.measures import (
    bootstrap_interval,
    deformation_sensitivity,
    lipschitz_ratio,
    noise_sensitivity,
    relative_change,
    relative_stability,
)
from kernelconv.stability.protocol import measure_stability
from kernelconv.stability.report import StabilityReport, StabilityRow

__all__ = [
    "StabilityReport",
    "StabilityRow",
    "bootstrap_interval",
    "deformation_sensitivity",
    "lipschitz_ratio",
    "measure_stability",
    "noise_sensitivity",
    "relative_change",
    "relative_stability",
]
