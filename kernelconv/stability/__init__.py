"""How much any representation, a function from images to features, changes when images are deformed."""

from kernelconv.stability.adapters.classifier import as_classifier
from kernelconv.stability.bootstrap import bootstrap_difference, bootstrap_interval
from kernelconv.stability.card import stability_card
from kernelconv.stability.corruption import measure_corruptions
from kernelconv.stability.equivariance.lie import lie_error
from kernelconv.stability.equivariance.translation import equivariance_error, translation_error
from kernelconv.stability.measures import (
    cosine_distance,
    deformation_sensitivity,
    lipschitz_ratio,
    noise_sensitivity,
    relative_change,
    relative_stability,
)
from kernelconv.stability.protocol import compare_stability, measure_layers, measure_stability
from kernelconv.stability.report import StabilityReport, StabilityRow
from kernelconv.stability.representation import as_representation
from kernelconv.stability.search.inversion import Inversion, invert
from kernelconv.stability.search.worst_case import WorstCase, measure_worst_case, worst_case
from kernelconv.stability.smoothing.certificate import Certificate, certify
from kernelconv.stability.smoothing.change import ChangeCertificate, certify_change, lipschitz_guarantee
from kernelconv.stability.smoothing.flips import SmallestFlip, smallest_flip
from kernelconv.stability.theorem.architecture import (
    Architecture,
    LayerShape,
    Recommendation,
    check_recommendations,
)
from kernelconv.stability.theorem.bounds import StabilityBound, fit_bound, fit_envelope
from kernelconv.stability.theorem.observations import Observations, observe

__all__ = [
    "Architecture",
    "Certificate",
    "ChangeCertificate",
    "Inversion",
    "LayerShape",
    "Observations",
    "Recommendation",
    "SmallestFlip",
    "StabilityBound",
    "StabilityReport",
    "StabilityRow",
    "WorstCase",
    "as_classifier",
    "as_representation",
    "bootstrap_difference",
    "bootstrap_interval",
    "certify",
    "certify_change",
    "check_recommendations",
    "compare_stability",
    "cosine_distance",
    "deformation_sensitivity",
    "equivariance_error",
    "fit_bound",
    "fit_envelope",
    "invert",
    "lie_error",
    "lipschitz_guarantee",
    "lipschitz_ratio",
    "measure_corruptions",
    "measure_layers",
    "measure_stability",
    "measure_worst_case",
    "noise_sensitivity",
    "observe",
    "relative_change",
    "relative_stability",
    "smallest_flip",
    "stability_card",
    "translation_error",
    "worst_case",
]
