"""measure_stability, compare_stability, measure_layers: the same images, fields and noise for every representation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from kernelconv._numbers import shown
from kernelconv._types.parameters import Border, RandomState
from kernelconv.deformations import Deformation
from kernelconv.deformations.warp import Order
from kernelconv.stability.plan import Plan
from kernelconv.stability.report import StabilityReport
from kernelconv.stability.representation import Head, Phi, Traces, layers, one, several


def measure_stability(
    phi: Phi,
    X: ArrayLike,
    deformation: Deformation,
    strengths: Sequence[float] = (0.1, 0.2, 0.4),
    *,
    n_draws: int = 1,
    measures: Sequence[str] | None = None,
    head: Head | None = None,
    y: ArrayLike | None = None,
    random_state: RandomState = None,
    n_jobs: int | None = None,
    order: Order = 3,
    padding: Border = "zero",
) -> StabilityReport:
    r"""Measure how much a representation Phi changes when images are deformed.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        Images in, features (n, ...) out. A fitted transformer is used through ``transform``, a network through
        ``forward``. It is given images of the shape of `X`; wrap a model that needs rows or tensors in a function. A
        module is given tensors as described in `as_representation`, which also sets its batch size and device.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        At least two images, NumPy's. With ``padding="zero"`` values outside are 0: pad images whose content would
        move out.
    deformation : Deformation
        The family, for example ``SmoothDeformation(cutoff=3)``.
    strengths : sequence of float
        Jacobian norms (pixels for translations), each > 0 and below the family's limit.
    n_draws : int
        Fields drawn for each image and strength. Prefer many images with one field each to few images with many.
    measures : sequence of str, optional
        Any of ``"relative_change"``, ``"lipschitz_ratio"``, ``"cosine_distance"``, ``"deformation_sensitivity"`` (D),
        ``"noise_sensitivity"`` (G), ``"relative_stability"`` (R = D / G), ``"spectrum_sensitivity"`` and
        ``"relative_stability_spectrum"`` (G and R with noise of the deformation's own spectrum),
        ``"accuracy"`` and ``"flip_rate"`` of the head on deformed images. By default the first two, R, and those that
        the head and labels given allow: features that carry no information have a small change, too.
    head : object with ``predict``, or callable, optional
        A fixed classifier of the features, from rows (n, d) to labels.
    y : array-like, shape (n,), optional
        Labels of `X`, for the accuracy.
    random_state : None, int or numpy Generator
        The fields and the noise depend on it, the family, the order of the strengths and the shape of `X`, but not on
        `phi`: with the same int, every representation is given the same deformations.
    n_jobs : int, optional
        Threads for fields and warp; `phi` is called with all images at once and sets its own number of threads.
    order, padding
        As in `warp`.

    Returns
    -------
    StabilityReport
        One row per strength and measure, with a 95 % bootstrap interval over images.

    Raises
    ------
    ValueError
        If `X` is not images or holds fewer than two; a strength, a measure or `phi` is not one of those above; Phi
        returns another number of rows, or non-finite or complex features; Phi(x) = 0 for an image and a relative
        measure is requested; Phi is constant; a measure needs a head or labels that are not given; what R is divided
        by is 0 for so many images (constant ones, which move by nothing) that a resample of the bootstrap has no other.
    TypeError
        If `X` is an array of another library than NumPy.

    Notes
    -----
    .. math:: D = \frac{\mathrm{mean}\, |\Phi(L_\tau x) - \Phi(x)|^2}{\mathrm{mean}\, |\Phi(x) - \Phi(x')|^2},
              \qquad R = D / G

    with means over images and over pairs of them; G is D with x + noise of the norm of L_tau x - x in place of L_tau x.
    Calls `phi` 1 + len(strengths) * n_draws times on n images, and once more per draw for each kind of noise that a
    measure needs. Memory: the features of 2 to 4 n images.

    References
    ----------
    Bietti and Mairal, "Group Invariance, Stability to Deformations, and Complexity of Deep Convolutional
    Representations", 2019, section 3; Petrini et al., "Relative stability toward diffeomorphisms indicates
    performance in deep nets", 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import SmoothDeformation, measure_stability
    >>> rows, columns = np.indices((16, 16)) - 7.5
    >>> X = np.exp(-(rows**2 + columns**2) / np.array([8.0, 12.0, 18.0])[:, None, None])
    >>> report = measure_stability(lambda x: x, X, SmoothDeformation(cutoff=3), random_state=0)
    >>> [(row.strength, round(row.mean, 6)) for row in report.select("relative_stability")]
    [(0.1, 1.0), (0.2, 1.0), (0.4, 1.0)]
    """
    plan = Plan(deformation, strengths, n_draws, measures, random_state, n_jobs, order, padding, {"": head}, y)
    return plan.run(one(phi), X)


def compare_stability(
    phis: Mapping[str, Phi],
    X: ArrayLike,
    deformation: Deformation,
    strengths: Sequence[float] = (0.1, 0.2, 0.4),
    *,
    heads: Mapping[str, Head] | None = None,
    n_draws: int = 1,
    measures: Sequence[str] | None = None,
    y: ArrayLike | None = None,
    random_state: RandomState = None,
    n_jobs: int | None = None,
    order: Order = 3,
    padding: Border = "zero",
) -> StabilityReport:
    r"""Measure several representations on the same images, fields and noise.

    Every value is what `measure_stability` gives with the same `random_state`.
    ``report.difference("a", "b", measure)`` gives paired differences, whose intervals are much narrower than those of
    two separate values.

    Parameters
    ----------
    phis : dict of str to callable, object with ``transform`` or ``forward``, or torch.nn.Module
        The representations by name.
    heads : dict, optional
        For each name an object with ``predict``, or a callable, from features (n, d) to labels.
    X, deformation, strengths, n_draws, measures, y, random_state, n_jobs, order, padding
        As in `measure_stability`.

    Returns
    -------
    StabilityReport
        Each row has the name of its representation.

    Raises
    ------
    ValueError
        As `measure_stability`; if `phis` is empty, or `heads` has another set of names than `phis`.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import SmoothDeformation
    >>> from kernelconv.stability import compare_stability
    >>> rows, columns = np.indices((16, 16)) - 7.5
    >>> X = np.exp(-(rows**2 + columns**2) / np.array([8.0, 12.0, 18.0])[:, None, None])
    >>> phis = {"pixels": lambda x: x, "modulus": lambda x: abs(np.fft.fft2(x))}
    >>> report = compare_stability(phis, X, SmoothDeformation(cutoff=3), [0.3], random_state=0)
    >>> [(row.name, row.measure) for row in report.select("relative_change")]
    [('pixels', 'relative_change'), ('modulus', 'relative_change')]
    >>> (row,) = report.difference("modulus", "pixels", "relative_change")
    >>> row.high < 0
    True
    """
    if not isinstance(phis, Mapping) or not phis:
        raise ValueError(f"phis must be a non-empty dict from names to representations, got {phis!r}.")
    given = dict.fromkeys(phis) if heads is None else heads
    if not isinstance(given, Mapping):
        raise ValueError(f"heads must be a dict from the names of phis to heads, got {shown(given)}.")
    if set(given) != set(phis):
        raise ValueError(f"heads has the names {sorted(given)}, phis {sorted(phis)}: give each rival its head.")
    plan = Plan(deformation, strengths, n_draws, measures, random_state, n_jobs, order, padding, given, y)
    return plan.run(several(phis), X)


def measure_layers(
    network: Traces,
    X: ArrayLike,
    deformation: Deformation,
    strengths: Sequence[float] = (0.1, 0.2, 0.4),
    *,
    n_draws: int = 1,
    measures: Sequence[str] | None = None,
    random_state: RandomState = None,
    n_jobs: int | None = None,
    order: Order = 3,
    padding: Border = "zero",
) -> StabilityReport:
    r"""Measure the stability of every layer of a network.

    Parameters
    ----------
    network : object with ``trace``
        ``trace(x)`` returns a dict from names to maps of images (n, h, w, c); a `Network`, such as ``model.network_``.
    X, deformation, strengths, n_draws, measures, random_state, n_jobs, order, padding
        As in `measure_stability`; measures that need a head are not available.

    Returns
    -------
    StabilityReport
        Each row has the name of its layer.

    Raises
    ------
    ValueError
        As `measure_stability`, and if `network` has no ``trace``.
    """
    plan = Plan(deformation, strengths, n_draws, measures, random_state, n_jobs, order, padding, None, None)
    return plan.run(layers(network), X)
