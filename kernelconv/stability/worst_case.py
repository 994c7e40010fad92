"""The field of a family, at an exact strength, that changes a representation most: a search of stated budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_choice, check_count, check_rng, check_sequence
from kernelconv.deformations import DisplacementField, LinearDeformation, warp, warp_derivative
from kernelconv.deformations.fields import spectral_norm
from kernelconv.stability.bootstrap import bootstrap_interval
from kernelconv.stability.measures import relative_change
from kernelconv.stability.plan import check_inputs
from kernelconv.stability.report import StabilityReport, StabilityRow
from kernelconv.stability.representation import as_gradient, as_representation, features

METHODS = ("auto", "gradient", "evolution")
#: Share of the budget that goes to random fields, the best of which starts the search.
_START = 1 / 8


@dataclass(frozen=True)
class WorstCase:
    """What `worst_case` found.

    Attributes
    ----------
    fields : DisplacementField
        One field an image, of exactly the strength asked for.
    change : ndarray (n,)
        |Phi(L_tau x) - Phi(x)| / |Phi(x)| of each image under its field.
    random_change : ndarray (n,)
        Its mean over the random fields that the search began with.
    random_best : ndarray (n,)
        Its largest value among them.
    method : {"gradient", "evolution"}
        How it was searched.
    n_evaluations : int
        Evaluations of Phi for each image; a gradient counts as two.
    """

    fields: DisplacementField
    change: NDArray
    random_change: NDArray
    random_best: NDArray
    method: str
    n_evaluations: int


def worst_case(
    phi: Any,
    X: Any,
    deformation: LinearDeformation,
    strength: float,
    *,
    method: str = "auto",
    n_evaluations: int = 256,
    random_state: Any = None,
    order: Any = 3,
    padding: str = "zero",
    n_jobs: int | None = None,
) -> WorstCase:
    r"""Search, for each image, the field of a family that changes Phi most at an exact strength.

    The parameters z of the family (its modes' coefficients) are moved on the sphere; every field is rescaled to the
    strength before it is tried, and the best one tried is kept. An eighth of the budget goes to random fields.

    Parameters
    ----------
    phi : callable, or object with ``transform`` or ``forward``
        As in `measure_stability`.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        At least two images.
    deformation : LinearDeformation
        A family whose directions are linear in parameters: all but `Rotation`, `Dilation` and `Shear`.
    strength : float
        Jacobian norm (pixels for translations).
    method : {"auto", "gradient", "evolution"}
        Gradient ascent, which needs ``phi.vjp(x, g)``; or a (1 + 1) evolution strategy with the one-fifth rule. "auto"
        takes the gradient where there is one.
    n_evaluations : int
        Evaluations of Phi for each image, at least 8; a gradient counts as two.
    random_state : None, int or numpy Generator
        Source of the starting fields and of the mutations.
    order, padding, n_jobs
        As in `warp`.

    Returns
    -------
    WorstCase

    Raises
    ------
    ValueError
        As `measure_stability`; if the family is not linear; if the gradient is asked for and `phi` has no ``vjp``.

    Notes
    -----
    What is found is a lower bound of the supremum: name the budget beside it.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import SmoothDeformation
    >>> rows, columns = np.indices((16, 16)) - 7.5
    >>> X = np.exp(-(rows**2 + columns**2) / np.array([8.0, 12.0])[:, None, None])
    >>> found = worst_case(lambda x: x, X, SmoothDeformation(cutoff=2), 0.3, n_evaluations=40, random_state=0)
    >>> bool((found.change >= found.random_best).all()), found.method, found.n_evaluations
    (True, 'evolution', 40)
    """
    if not isinstance(deformation, LinearDeformation):
        raise ValueError(
            f"The worst field is searched for in families that are linear in parameters, such as SmoothDeformation, "
            f"got {deformation!r}."
        )
    x = check_inputs(X, deformation, (strength,), ("relative_change",))
    budget = check_count(n_evaluations, "n_evaluations", 8)
    gradient = as_gradient(phi)
    if check_choice(method, "method", METHODS) == "gradient" and gradient is None:
        raise ValueError("The gradient search needs phi.vjp(x, g): pass a network, or use method='evolution'.")
    chosen = "evolution" if gradient is None or method == "evolution" else "gradient"
    search = _Search(as_representation(phi), gradient, x, deformation, float(strength), (order, padding, n_jobs))
    rng = check_rng(random_state)
    start = max(1, int(_START * budget))
    state = search.random(rng, start)
    random = np.mean(state.tried, axis=0), state.change.copy()
    if chosen == "gradient":
        used = search.ascend(state, budget - start)
    else:
        used = search.evolve(state, budget - start, rng)
    return WorstCase(search.fields(state.z), state.change, *random, chosen, start + used)


@dataclass
class _State:
    """The best parameters of each image so far, and what they change; what the random fields changed."""

    z: NDArray
    change: NDArray
    tried: list[NDArray]


@dataclass(frozen=True)
class _Search:
    represent: Callable[[NDArray], NDArray]
    gradient: Any
    x: NDArray
    family: LinearDeformation
    strength: float
    options: tuple[Any, str, int | None]

    @cached_property
    def phi_x(self) -> NDArray:
        return features(self.represent, self.x)

    def fields(self, z: NDArray) -> DisplacementField:
        return self.family.from_parameters(self.x.shape[1:3], z, self.strength)

    def _warped(self, fields: DisplacementField) -> NDArray:
        order, padding, n_jobs = self.options
        return warp(self.x, fields, order=order, padding=padding, n_jobs=n_jobs)

    def change(self, z: NDArray) -> NDArray:
        found = features(self.represent, self._warped(self.fields(z)), "phi(L_tau X)")
        return relative_change(self.phi_x, found)

    def random(self, rng: np.random.Generator, n: int) -> _State:
        p = self.family.n_parameters(self.x.shape[1:3])
        drawn = [_on_sphere(rng.standard_normal((len(self.x), p))) for _ in range(n)]
        tried = [self.change(z) for z in drawn]
        best = np.argmax(tried, axis=0)
        each = np.arange(len(self.x))
        return _State(np.array(drawn)[best, each], np.array(tried)[best, each], tried)

    def evolve(self, state: _State, budget: int, rng: np.random.Generator) -> int:
        """(1 + 1) evolution strategy: one mutation an evaluation, step sizes by the one-fifth rule."""
        step = np.full(len(self.x), 0.5)
        for _ in range(budget):
            child = _on_sphere(state.z + step[:, None] * rng.standard_normal(state.z.shape))
            better = self._keep(state, child)
            step *= np.where(better, 1.5, 1.5**-0.25)
        return budget

    def ascend(self, state: _State, budget: int) -> int:
        """Gradient ascent on the sphere: a step that does not raise the change is taken back and halved."""
        step, used = np.full(len(self.x), 0.3), 0
        slope = np.zeros_like(state.z)
        stale = np.ones(len(self.x), bool)
        while used + 3 <= budget:
            if stale.any():
                slope = self._slope(state.z)
                used += 2
            norm = np.linalg.norm(slope, axis=1, keepdims=True)
            ahead = slope * np.sqrt(slope.shape[1]) / np.where(norm > 0, norm, 1)
            stale = self._keep(state, _on_sphere(state.z + step[:, None] * ahead))
            used += 1
            step *= np.where(stale, 1.3, 0.5)
        return used

    def _keep(self, state: _State, z: NDArray) -> NDArray:
        change = self.change(z)
        better = change > state.change
        state.z = np.where(better[:, None], z, state.z)
        state.change = np.where(better, change, state.change)
        return better

    def _slope(self, z: NDArray) -> NDArray:
        """Return the gradient in z of |Phi(L_tau x) - Phi(x)|^2 at constant strength."""
        order, padding, n_jobs = self.options
        shape = self.x.shape[1:3]
        fields = self.fields(z)
        warped = self._warped(fields)
        found = np.asarray(self.represent(warped))
        cotangent = (found - self.phi_x.reshape(found.shape)).astype(warped.dtype)
        moved = warp_derivative(self.x, fields, order=order, padding=padding, n_jobs=n_jobs)
        in_field = (self.gradient(warped, cotangent)[..., None] * moved).reshape(len(z), *shape, -1, 2).sum(3)
        basis = self.family.directions(shape, np.eye(z.shape[1]))
        g = in_field.reshape(len(z), -1) @ basis.values.reshape(z.shape[1], -1).T
        # z / J(z) is what counts: along dJ the strength would grow, so that share of g is taken out
        outward = _norm_gradient(fields, basis, z)
        return g - (g * z).sum(1, keepdims=True) * outward / (outward * z).sum(1, keepdims=True)


def _norm_gradient(fields: DisplacementField, basis: DisplacementField, z: NDArray) -> NDArray:
    """Return the direction (n, p) in which the Jacobian norm grows, at the pixel where it is largest.

    Where there is no Jacobian (translations) the strength is the length of z.
    """
    jacobian = fields.jacobian.reshape(len(z), -1, 2, 2)
    norms = spectral_norm(jacobian)
    if not norms.any():
        return z
    at = norms.argmax(1)
    u, _, v = np.linalg.svd(jacobian[np.arange(len(z)), at])
    of_basis = basis.jacobian.reshape(z.shape[1], -1, 2, 2)[:, at]  # (p, n, 2, 2)
    return np.einsum("na,pnab,nb->np", u[:, :, 0], of_basis, v[:, 0])


def _on_sphere(z: NDArray) -> NDArray:
    """Return `z` (n, p) at norm sqrt(p), where normal parameters are: the fields depend on directions alone."""
    return z * np.sqrt(z.shape[1]) / np.linalg.norm(z, axis=1, keepdims=True)


def measure_worst_case(
    phi: Any,
    X: Any,
    deformation: LinearDeformation,
    strengths: Sequence[float] = (0.1, 0.3, 0.5),
    *,
    random_state: Any = None,
    **options: Any,
) -> StabilityReport:
    """Measure how much the worst fields of a family change Phi, beside its random ones.

    Parameters
    ----------
    phi, X, deformation
        As in `worst_case`.
    strengths : sequence of float
        Jacobian norms (pixels for translations).
    random_state : None, int or numpy Generator
        The same int gives every rival the same starting fields.
    **options
        ``method``, ``n_evaluations``, ``order``, ``padding``, ``n_jobs`` of `worst_case`.

    Returns
    -------
    StabilityReport
        Measures ``"worst_change"`` and ``"random_change"`` (means over images of the relative change), and
        ``"worst_over_random"``, the ratio of the two. The family's name states method and budget.

    Raises
    ------
    ValueError
        As `worst_case`.
    """
    rows = []
    check_sequence(strengths, "strengths")
    for strength, rng in zip(strengths, check_rng(random_state).spawn(len(strengths)), strict=True):
        search_rng, bootstrap_rng = rng.spawn(2)
        found = worst_case(phi, X, deformation, strength, random_state=search_rng, **options)
        ones = np.ones_like(found.change)
        pairs = {
            "worst_change": (found.change, ones),
            "random_change": (found.random_change, ones),
            "worst_over_random": (found.change, found.random_change),
        }
        budget = f"worst of {deformation.name}, {found.method}, {found.n_evaluations} evaluations"
        within = float(np.max(found.fields.jacobian_sup_norm)) <= 0.5 * (1 + 1e-6)
        for measure, (above, below) in pairs.items():
            low, high = bootstrap_interval(above, bootstrap_rng, over=below)
            mean = float(above.mean() / below.mean())
            same: dict[str, Any] = {"mean": mean, "low": low, "high": high, "samples": np.stack([above, below])}
            same |= {"n_images": len(above), "n_draws": 1, "within_theorem": within}
            rows.append(StabilityRow(budget, float(strength), deformation.unit, measure, **same))
    return StabilityReport(tuple(rows))
