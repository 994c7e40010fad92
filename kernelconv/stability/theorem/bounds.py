"""The stability theorem for a convolutional kernel network: its right-hand side, and its constants from data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.stats import binom

from kernelconv._check import check_count, check_finite, check_positive
from kernelconv._numbers import as_double, shown
from kernelconv.stability.theorem.architecture import Architecture, check_architecture
from kernelconv.stability.theorem.observations import Observations

#: Above this correlation of the two regressors their constants cannot be told apart.
MAX_CORRELATION = 0.9
#: With which the constants cover the share of fields that they are stated for.
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class StabilityBound:
    r"""The theorem's bound with its constants: |Phi(L_tau x) - Phi(x)| <= (C_1 (1 + n) s + C_2 / sigma_n |tau|) |x|.

    Parameters
    ----------
    n_layers : int
        n.
    scale : float
        sigma_n, the last pooling scale in pixels of the image.
    c1, c2 : float
        Constants; from data by `fit_bound`.
    level : float
        Share of fields that the constants are meant to cover; 1 for all observed ones.

    References
    ----------
    Bietti and Mairal, "Group Invariance, Stability to Deformations, and Complexity of Deep Convolutional
    Representations", 2019, theorem 7.

    Examples
    --------
    >>> from kernelconv.stability import StabilityBound
    >>> bound = StabilityBound(n_layers=2, scale=5.0, c1=0.5, c2=1.0)
    >>> round(bound.right_hand_side(jacobian_norm=0.2, sup_norm=1.5), 12)
    0.6
    """

    n_layers: int
    scale: float
    c1: float
    c2: float
    level: float = 1.0

    def __post_init__(self) -> None:
        check_count(self.n_layers, "n_layers")
        check_positive(self.scale, "scale")
        for name in ("c1", "c2"):
            check_positive(getattr(self, name), name, zero=True)
        _check_level(self.level)

    def right_hand_side(
        self, jacobian_norm: float | NDArray, sup_norm: float | NDArray, image_norm: float | NDArray = 1.0
    ) -> Any:
        """Return the bound for fields of given norms (no unit; px) and images of given norm."""
        jacobian_norm = _sizes(jacobian_norm, "jacobian_norm")
        sup_norm, image_norm = _sizes(sup_norm, "sup_norm"), _sizes(image_norm, "image_norm")
        shapes = [np.shape(v) for v in (jacobian_norm, sup_norm, image_norm)]
        if len({*shapes} - {()}) > 1:
            raise ValueError(f"jacobian_norm, sup_norm and image_norm must be numbers or of one shape, got {shapes}.")
        deformation = self.c1 * (1 + self.n_layers) * jacobian_norm
        return (deformation + self.c2 / self.scale * sup_norm) * image_norm

    def violations(self, seen: Observations) -> float:
        """Return the share of observations above the bound (beyond rounding)."""
        _check_seen(seen, "seen")
        bound = self.right_hand_side(seen.jacobian_norm, seen.sup_norm)
        return float(np.mean(seen.change > bound * (1 + 1e-9) + 1e-12))


def fit_bound(
    architecture: Architecture, translations: Observations, deformations: Observations, *, level: float = 0.95
) -> StabilityBound:
    r"""Estimate the theorem's constants: C_2 from pure translations, then C_1 as an envelope of deformations.

    The result is a fitted envelope of the observations, not a guarantee: for guarantees see `certify_change` and
    `lipschitz_guarantee`. C_2 is the `level` quantile of change * sigma_n / |tau| over translations, where the theorem
    has no other term. C_1 is the `level` quantile of change - C_2 |tau| / sigma_n, divided by (1 + n) s; at level 1 it
    is the smallest constant that no observation exceeds. Quantiles are upper tolerance limits: the smallest of the m
    ordered values below which, with 95 % confidence, a share `level` of all images and fields of the same kind lies
    (the largest value if m is too small).

    Parameters
    ----------
    architecture : Architecture
        Gives n and sigma_n.
    translations : Observations
        Observations of fields of Jacobian norm 0.
    deformations : Observations
        Observations of positive Jacobian norms. The level holds for fields of the same kind: fit constants for the
        fields of `worst_case` on such fields alone, not on a mixture in which they are few.
    level : float
        In (0, 1].

    Raises
    ------
    ValueError
        If a translation has a Jacobian norm > 0 or length 0, a deformation has Jacobian norm 0, there are no
        observations, or `level` is out of range.

    References
    ----------
    Wilks, "Determination of sample sizes for setting tolerance limits", 1941, for the quantiles.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import Architecture, LayerShape, Observations, fit_bound
    >>> net = Architecture((LayerShape(patch_size=3, stride=1, subsampling=2, scale=1.4),))
    >>> shifts = Observations(np.zeros(2), np.array([1.0, 2.0]), np.array([0.1, 0.3]))
    >>> smooth = Observations(np.array([0.1, 0.2]), np.array([0.5, 1.0]), np.array([0.2, 0.4]))
    >>> bound = fit_bound(net, shifts, smooth, level=1.0)
    >>> round(bound.c2, 6), round(bound.c1, 6)
    (0.21, 0.625)
    """
    level = _check_level(level)
    check_architecture(architecture)
    _check_seen(translations, "translations")
    _check_seen(deformations, "deformations")
    if np.any(translations.jacobian_norm) or not np.all(translations.sup_norm > 0):
        raise ValueError("translations must be shifts: Jacobian norm 0 and a length > 0.")
    if not np.all(deformations.jacobian_norm > 0):
        raise ValueError("deformations must have Jacobian norms > 0.")
    n, scale = architecture.n_layers, architecture.scale
    c2 = _quantile(translations.change * scale / translations.sup_norm, level)
    left = deformations.change - c2 / scale * deformations.sup_norm
    c1 = _quantile(np.maximum(left, 0) / ((1 + n) * deformations.jacobian_norm), level)
    return StabilityBound(n, scale, c1, c2, level)


def regressor_correlation(seen: Observations) -> float:
    """Return the correlation of Jacobian norms and displacements over the observations; 1 where one is constant."""
    if np.ptp(seen.jacobian_norm) == 0 or np.ptp(seen.sup_norm) == 0:
        return 1.0
    return float(np.corrcoef(seen.jacobian_norm, seen.sup_norm)[0, 1])


def fit_envelope(architecture: Architecture, seen: Observations, *, level: float = 1.0) -> StabilityBound:
    r"""Estimate both constants from the same fields: the lowest plane above all of them, by a linear programme.

    At level 1: minimise the sum of the bounds, subject to every observation being at most its bound. At lower levels:
    the quantile regression plane, by the linear programme of Koenker and Bassett. Both constants are >= 0.

    Parameters
    ----------
    architecture : Architecture
        Gives n and sigma_n.
    seen : Observations
        Of fields whose Jacobian norm and displacement vary independently, such as those of `CombinedDeformation`.
    level : float
        In (0, 1].

    Raises
    ------
    ValueError
        If the correlation of the two regressors is above 0.9, since the two constants are then not determined (use
        `fit_bound`, which takes C_2 from translations); or if `level` is out of range.

    References
    ----------
    Koenker and Bassett, "Regression quantiles", 1978, equation 3.3.
    """
    level = _check_level(level)
    check_architecture(architecture)
    _check_seen(seen, "seen")
    correlation = regressor_correlation(seen)
    if correlation > MAX_CORRELATION:
        raise ValueError(
            f"Jacobian norm and displacement are correlated by {correlation:.2f} over these fields, above "
            f"{MAX_CORRELATION}: C_1 and C_2 cannot be told apart. Vary them apart (CombinedDeformation), or take C_2 "
            "from translations (fit_bound)."
        )
    n, scale = architecture.n_layers, architecture.scale
    plane = np.stack([(1 + n) * seen.jacobian_norm, seen.sup_norm / scale], 1)
    # the solver's tolerances are absolute: all columns of size 1, which the constants are multiplied back for
    units, unit = _largest(plane), _largest(seen.change)
    plane, change = plane / units, seen.change / unit
    if level == 1:
        found = linprog(plane.sum(0), A_ub=-plane, b_ub=-change, bounds=(0, None))
    else:  # the dual: a variable for each observation, a constraint for each constant, which is its multiplier
        found = linprog(-change, A_ub=plane.T, b_ub=np.zeros(2), bounds=(level - 1, level))
    if not found.success:
        raise RuntimeError(f"The linear programme was not solved: {found.message}")
    constants = found.x if level == 1 else -found.ineqlin.marginals
    c1, c2 = (float(c) for c in constants * (unit / units))
    return StabilityBound(n, scale, c1, c2, level)


def _largest(values: NDArray) -> NDArray:
    """Return the largest value of each column, 1 where it is 0."""
    largest = np.abs(values).max(axis=0)
    return np.where(largest > 0, largest, 1.0)


def _quantile(values: NDArray, level: float) -> float:
    ranked = np.sort(check_finite(values, "change"))
    rank = int(binom.ppf(_CONFIDENCE, len(ranked), level))  # of 0 .. m - 1: so many values may lie below
    return float(ranked[min(rank, len(ranked) - 1)])


def _sizes(values: Any, name: str) -> Any:
    """Return a number as it is and all else as an array; raise ValueError unless they are finite and >= 0."""
    array = check_finite(as_double(values, name), name)
    if (array < 0).any():
        raise ValueError(f"{name} must be >= 0, got {shown(values)}.")
    return values if isinstance(values, int | float) else array


def _check_seen(seen: Any, name: str) -> None:
    if not isinstance(seen, Observations) or not len(seen):
        raise ValueError(f"{name} must be Observations, at least one (see observe), got {shown(seen)}.")


def _check_level(level: float) -> float:
    level = check_positive(level, "level")
    if level > 1:
        raise ValueError(f"level must be in (0, 1], got {level}.")
    return level
