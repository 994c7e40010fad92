"""Checks of the laws that parts satisfy: shapes, adjoint, gradient, Lipschitz constant, equivariance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.base import Part
from kernelconv.testing.numbers import norm, require


def _noise(rng: np.random.Generator, y: NDArray) -> NDArray:
    """Return standard normal values of `y`'s shape, complex if it is."""
    noise = rng.standard_normal(y.shape)
    return noise + 1j * rng.standard_normal(y.shape) if np.iscomplexobj(y) else noise


def check_shapes(part: Part, x: NDArray) -> tuple[int, ...]:
    """Check that F(x) has the shape that ``out_shape`` states, for all images and for one; return that shape.

    Parameters
    ----------
    part : Part
        Built.
    x : ndarray (n, h, w, c)
        Maps of the shape that `part` is built for, float64.

    Returns
    -------
    tuple (h', w', c')

    Raises
    ------
    AssertionError
        If a shape differs, or F(x) of one image differs from that image's part of F(x) by more than 1e-12 of the norm.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import AveragePooling
    >>> from kernelconv.testing import check_shapes
    >>> check_shapes(AveragePooling(2).build((6, 8, 3)), np.ones((2, 6, 8, 3)))
    (3, 4, 3)
    """
    stated = part.out_shape(x.shape[1:])
    together = part.forward(x)
    for y, n in ((together, len(x)), (part.forward(x[:1]), 1)):
        wanted = n, *stated
        require(y.shape == wanted, f"F(x) of {n} images has shape {y.shape}, out_shape states {wanted}.")
    error = norm(y - together[:1]) / (norm(together[:1]) or 1.0)
    require(error <= 1e-12, f"F(x) of one image differs by {error:.2g} of the norm when it is computed with others.")
    return stated


def dot_test(part: Part, rng: np.random.Generator, *, n: int = 2, tol: float = 1e-10) -> float:
    r"""Check abs(<A x, y> - <x, A* y>) <= tol norm(A x) norm(y) on random maps, and return the error.

    Parameters
    ----------
    part : Part
        Built and linear. If A x is complex the inner product is Re <., .>, over real and imaginary parts as values.
    rng : numpy Generator
        Draws x and y.
    n : int
        Images in x.
    tol : float
        Relative tolerance. Keep it small: an adjoint that is wrong by 0.1 % gives an error of only about 1e-5.

    Raises
    ------
    AssertionError
        If the two products disagree, or if A x or A* y is zero.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import GaussianPooling
    >>> from kernelconv.testing import dot_test
    >>> dot_test(GaussianPooling(2).build((6, 6, 2)), np.random.default_rng(0)) < 1e-10
    True
    """
    x = rng.standard_normal((n, *part.in_shape))
    ax = part.forward(x)
    y = _noise(rng, ax)
    ay = part.adjoint(y)
    require(norm(ax) > 0 and norm(ay) > 0, "A x or A* y is zero: the comparison would say nothing.")
    left, right = float(np.vdot(ax, y).real), float(np.vdot(x, ay).real)
    error = abs(left - right) / max(norm(ax) * norm(y), norm(x) * norm(ay))
    require(error <= tol, f"<Ax, y> = {left:.12g} but <x, A*y> = {right:.12g}: relative error {error:.2g} > {tol:g}.")
    return error


def check_vjp(
    part: Part,
    x: NDArray,
    rng: np.random.Generator,
    *,
    h: float = 1e-6,
    tol: float = 1e-7,
    params: bool = True,
    train_seed: int | None = None,
) -> float:
    r"""Check <g, JVP(t)> = <VJP(g), t> by central differences, in the input and each parameter; return the worst error.

    Parameters
    ----------
    part : Part
        Built, with float64 parameters.
    x : ndarray (n, h, w, c)
        Float64, in general position (no ties, no kinks within h).
    rng : numpy Generator
        Draws directions t and cotangents g.
    h : float
        Step of the differences.
    tol : float
        Tolerance relative to norm(g) norm(JVP(t)) or norm(VJP(g)) norm(t), whichever is larger.
    params : bool
        Check the parameters as well; ``part.constrain`` is applied after each step.
    train_seed : int, optional
        Check training mode, in which every evaluation draws its masks from this seed.

    Raises
    ------
    AssertionError
        If a gradient disagrees, is zero, is missing or has another shape than its parameter, or if ``pullback`` returns
        other values than ``forward``.
    """

    def run(p: Part, z: NDArray) -> Any:
        generator = None if train_seed is None else np.random.default_rng(train_seed)
        return p.pullback(z, train=train_seed is not None, rng=generator)

    y, pullback, _ = run(part, x)
    if train_seed is None:
        values = part.forward(x)
        require(
            y.shape == values.shape and bool(np.allclose(y, values, rtol=1e-6, atol=1e-6 * np.abs(values).max())),
            "pullback returns other values than forward: it must compute the part, and keep what its gradient needs.",
        )
    g = _noise(rng, y)
    grad_x, grads = pullback(g)
    missing = sorted(part.params.keys() - grads.keys()) if params else []
    require(not missing, f"pullback returns no gradient of {', '.join(missing)}.")
    for name, grad, value in [("x", grad_x, x), *((k, grads[k], part.params[k]) for k in part.params if params)]:
        require(
            np.shape(grad) == np.shape(value),
            f"The gradient in {name} has shape {np.shape(grad)}, and {name} has {np.shape(value)}.",
        )
    t = _noise(rng, x)
    jvp = (run(part, x + h * t)[0] - run(part, x - h * t)[0]) / (2 * h)
    worst = _compare("x", g, jvp, grad_x, t, tol)
    for name in part.params if params else ():
        direction = rng.standard_normal(part.params[name].shape)
        plus, minus = (part.constrain({**part.params, name: part.params[name] + s * h * direction}) for s in (1, -1))
        jvp = (run(part.replace(plus), x)[0] - run(part.replace(minus), x)[0]) / (2 * h)
        step = (plus[name] - minus[name]) / (2 * h)
        worst = max(worst, _compare(name, g, jvp, grads[name], step, tol))
    return worst


def _compare(name: str, g: NDArray, jvp: NDArray, vjp: NDArray, t: NDArray, tol: float) -> float:
    left, right = float(np.vdot(g, jvp).real), float(np.vdot(vjp, t).real)
    scale = max(norm(g) * norm(jvp), norm(vjp) * norm(t))
    require(scale > 0, f"The gradient in {name} is zero: the comparison would say nothing.")
    error = abs(left - right) / scale
    require(
        error <= tol,
        f"Gradient in {name}: <g, JVP t> = {left:.12g} but <VJP g, t> = {right:.12g}: "
        f"relative error {error:.2g} > {tol:g}.",
    )
    return error


def check_lipschitz(
    part: Part, x: NDArray, rng: np.random.Generator, *, n_pairs: int = 50, slack: float = 1e-6
) -> float:
    """Check norm(Fx - Fy) <= c norm(x - y) on pairs drawn 1e-2 to 1 apart; return the largest ratio over c.

    Parameters
    ----------
    part : Part
        Built, with ``part.lipschitz(part.in_shape)`` known.
    x : ndarray (n, h, w, c)
        Starting points, float64.
    rng : numpy Generator
        Draws the pairs, which differ everywhere or at a few places only.
    n_pairs : int
        Number of pairs.
    slack : float
        Relative excess allowed.

    Raises
    ------
    AssertionError
        If a pair exceeds the constant, or if F(x) does not change at all.
    ValueError
        If the part declares no Lipschitz constant.
    """
    constant = part.lipschitz(part.in_shape)
    if constant is None:
        raise ValueError(f"{part!r} declares no Lipschitz constant.")
    worst = 0.0
    for i in range(n_pairs):
        start = x[[i % len(x)]]
        step = rng.standard_normal(start.shape)
        if i % 2:  # a sparse step reaches the constant where few outputs share an input
            step *= rng.random(start.shape) < 0.05
        step *= 10.0 ** rng.uniform(-2, 0) / max(norm(step), 1e-300)
        if not step.any():
            continue
        worst = max(worst, norm(part.forward(start + step) - part.forward(start)) / norm(step))
    require(worst > 0, "F did not move on any pair: the comparison would say nothing.")
    require(worst <= constant * (1 + slack), f"Ratio {worst:.9g} exceeds the declared constant {constant:.9g}.")
    return worst / constant


def check_equivariance(part: Part, x: NDArray, *, tol: float = 1e-10) -> float:
    """Check that a shift of `x` by the total stride shifts F(x) by one pixel, rows and columns; return the error.

    Parameters
    ----------
    part : Part
        Built, with circular borders; the sides of `x` are multiples of the total stride.
    x : ndarray (n, h, w, c)
        Not constant.

    Raises
    ------
    AssertionError
        If shift and F do not commute, or if the shift does not change F(x).
    """
    stride = part.receptive_field(part.in_shape)[1]
    y = part.forward(x)
    worst = 0.0
    for axis in (1, 2):
        expected = np.roll(y, 1, axis=axis)
        require(norm(expected - y) > 0, "A shift does not change F(x): the comparison would say nothing.")
        error = norm(part.forward(np.roll(x, stride[axis - 1], axis=axis)) - expected) / norm(y)
        worst = max(worst, error)
    require(worst <= tol, f"A shift by the stride {stride} does not commute: relative error {worst:.2g} > {tol:g}.")
    return worst
