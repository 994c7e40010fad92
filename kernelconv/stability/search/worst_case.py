"""The field of a family, at an exact strength, that changes a representation most: a search with a stated budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, Unpack, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_choice, check_count, check_rng, check_sequence
from kernelconv._numbers import shown
from kernelconv._types.parameters import Border, RandomState
from kernelconv.deformations import DisplacementField, LinearDeformation
from kernelconv.deformations.warp import Order
from kernelconv.stability.bootstrap import bootstrap_interval
from kernelconv.stability.plan import check_inputs
from kernelconv.stability.report import StabilityReport, StabilityRow
from kernelconv.stability.representation import Phi, as_gradient, as_representation
from kernelconv.stability.search.methods import ascend, evolve, random_fields
from kernelconv.stability.search.objective import Objective

Method = Literal["auto", "gradient", "evolution"]


class SearchOptions(TypedDict, total=False):
    """What `measure_worst_case` hands to `worst_case` as it is."""

    method: Method
    n_evaluations: int
    n_random: int | None
    order: Order
    padding: Border
    n_jobs: int | None


#: First step of the evolution that goes on where a gradient ascent has arrived.
_AFTER_ASCENT = 0.2


@dataclass(frozen=True, eq=False, repr=False)
class WorstCase:
    """Result of `worst_case`.

    Attributes
    ----------
    fields : DisplacementField
        One field per image, of exactly the requested strength.
    change : ndarray (n,)
        |Phi(L_tau x) - Phi(x)| / |Phi(x)| of each image under its field.
    random_change : ndarray (n,)
        Mean of the change over the random fields that the search began with.
    random_best : ndarray (n,)
        Largest change among these random fields.
    method : {"gradient", "evolution"}
        Search method.
    n_evaluations : int
        Evaluations of Phi for each image, random fields included; a gradient counts as three.
    """

    fields: DisplacementField
    change: NDArray
    random_change: NDArray
    random_best: NDArray
    method: Literal["gradient", "evolution"]
    n_evaluations: int

    def __repr__(self) -> str:
        means = ", ".join(f"{name} {getattr(self, name).mean():.4g}" for name in ("change", "random_change"))
        searched = f"{len(self.change)} images, {self.method}, {self.n_evaluations} evaluations each"
        return f"WorstCase({searched}: mean {means})"


def worst_case(
    phi: Phi,
    X: ArrayLike,
    deformation: LinearDeformation,
    strength: float,
    *,
    method: Method = "auto",
    n_evaluations: int = 256,
    n_random: int | None = None,
    random_state: RandomState = None,
    order: Order = 3,
    padding: Border = "zero",
    n_jobs: int | None = None,
) -> WorstCase:
    r"""Search, for each image, for the field of a family that changes Phi most at an exact strength.

    The parameters z of the family (the coefficients of its modes) move on a sphere, starting from the best of some
    random fields. Every field is rescaled to the strength before it is tried, and the best one tried is kept, so that
    no random field that was tried is better than the result.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        As in `measure_stability`; called with some of the images at a time. The ``transform`` of a fitted estimator has
        no gradient, so that it is searched by evolution; its ``network_`` (a classifier's ``representation_``), which
        computes the same features, has one: ``worst_case(ckn.network_, X, ...)``.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        At least two images.
    deformation : LinearDeformation
        A family whose directions are linear in parameters: all but `Rotation`, `Dilation` and `Shear`, in whose place
        `AffineDeformation` holds all three.
    strength : float
        Jacobian norm (pixels for translations).
    method : {"auto", "gradient", "evolution"}
        Gradient ascent, which needs ``phi.vjp(x, g)`` or a module, followed by evolution for the rest of the budget
        once it has converged; or a (1 + 1) evolution strategy with the one-fifth rule. "auto" uses the gradient if
        there is one.
    n_evaluations : int
        The budget: evaluations of Phi for each image, at least 8. A gradient counts as three, Phi and its ``vjp``, so
        that all methods have about the same cost.
    n_random : int, optional
        How many of these are random fields, at least 1; by default half. If all are, the search is random.
    random_state : None, int or numpy Generator
        Source of the random fields and of the mutations.
    order, padding, n_jobs
        As in `warp`.

    Returns
    -------
    WorstCase

    Raises
    ------
    ValueError
        As `measure_stability`; if the family is not linear; if the gradient is asked for and `phi` has no ``vjp``, or
        its ``vjp`` does not return a finite array of the images' shape; if `n_random` is above the budget.

    Notes
    -----
    The change found is a lower bound of the supremum: report it with the budget. Fields cost about 0.4 ms per
    evaluation.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import SmoothDeformation
    >>> from kernelconv.stability import worst_case
    >>> rows, columns = np.indices((16, 16)) - 7.5
    >>> X = np.exp(-(rows**2 + columns**2) / np.array([8.0, 12.0])[:, None, None])
    >>> found = worst_case(lambda x: x, X, SmoothDeformation(cutoff=2), 0.3, n_evaluations=40, random_state=0)
    >>> bool((found.change >= found.random_best).all()), found.method, found.n_evaluations
    (True, 'evolution', 40)
    """
    if not isinstance(deformation, LinearDeformation):
        raise ValueError(
            f"The worst field is searched for in families that are linear in parameters, such as SmoothDeformation, "
            f"got {shown(deformation)}. For rotations, dilations and shears take AffineDeformation, which is linear "
            "and holds all three."
        )
    x = check_inputs(X, deformation, (strength,), ("relative_change",))
    budget, n_fields = _check_budget(n_evaluations, n_random)
    gradient = as_gradient(phi)
    if check_choice(method, "method", get_args(Method)) == "gradient" and gradient is None:
        raise ValueError(
            "The gradient search needs phi.vjp(x, g): pass a network (of a fitted estimator, its network_), or use "
            "method='evolution'."
        )
    climbs = gradient is not None and method != "evolution"
    represent, rng = as_representation(phi), check_rng(random_state)
    objective = Objective(represent, gradient, x, deformation, float(strength), order, padding, n_jobs)
    state, tried = random_fields(objective, budget, n_fields, rng)
    random = tried.mean(0), tried.max(0)
    if climbs:
        ascend(objective, state)
    evolve(objective, state, rng, *([_AFTER_ASCENT] if climbs else []))
    return WorstCase(objective.fields(state.z), state.change, *random, "gradient" if climbs else "evolution", budget)


def _check_budget(n_evaluations: Any, n_random: Any) -> tuple[int, int]:
    budget = check_count(n_evaluations, "n_evaluations", 8)
    n_fields = budget // 2 if n_random is None else check_count(n_random, "n_random")
    if n_fields > budget:
        raise ValueError(f"n_random must be at most n_evaluations={budget}, of which it is a part, got {n_random}.")
    return budget, n_fields


def measure_worst_case(
    phi: Phi,
    X: ArrayLike,
    deformation: LinearDeformation,
    strengths: Sequence[float] = (0.1, 0.3, 0.5),
    *,
    random_state: RandomState = None,
    **options: Unpack[SearchOptions],
) -> StabilityReport:
    """Measure how much the worst fields found in a family change Phi, and compare with random fields.

    Parameters
    ----------
    phi, X, deformation
        As in `worst_case`.
    strengths : sequence of float
        Jacobian norms (pixels for translations).
    random_state : None, int or numpy Generator
        The same int gives every representation the same starting fields.
    **options
        ``method``, ``n_evaluations``, ``n_random``, ``order``, ``padding``, ``n_jobs`` of `worst_case`.

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
