"""Public checks of the laws of parts and estimators: shapes, adjoint, gradient, Lipschitz constant, equivariance.

Each raises AssertionError with the numbers that disagree, also if the law would hold only because all values are zero.
"""

from kernelconv.testing.estimators import check_image_estimator
from kernelconv.testing.parts import check_equivariance, check_lipschitz, check_shapes, check_vjp, dot_test

__all__ = ["check_equivariance", "check_image_estimator", "check_lipschitz", "check_shapes", "check_vjp", "dot_test"]
