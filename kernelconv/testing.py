"""Public checks of the laws that parts and estimators satisfy: adjoint, gradient, Lipschitz constant, equivariance.

Each raises AssertionError with the numbers that disagree, also if the law would hold only because all values are zero.
"""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from kernelconv.operators.base import Part


def _norm(x: NDArray) -> float:
    return float(np.linalg.norm(np.ravel(x)))


def _noise(rng: np.random.Generator, y: NDArray) -> NDArray:
    """Return standard normal values of `y`'s shape, complex if it is."""
    noise = rng.standard_normal(y.shape)
    return noise + 1j * rng.standard_normal(y.shape) if np.iscomplexobj(y) else noise


def _require(ok: bool, message: str) -> None:
    if not ok:
        raise AssertionError(message)


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
    >>> dot_test(GaussianPooling(2).build((6, 6, 2)), np.random.default_rng(0)) < 1e-10
    True
    """
    x = rng.standard_normal((n, *part.in_shape))
    ax = part.forward(x)
    y = _noise(rng, ax)
    ay = part.adjoint(y)
    _require(_norm(ax) > 0 and _norm(ay) > 0, "A x or A* y is zero: the comparison would say nothing.")
    left, right = float(np.vdot(ax, y).real), float(np.vdot(x, ay).real)
    error = abs(left - right) / max(_norm(ax) * _norm(y), _norm(x) * _norm(ay))
    _require(error <= tol, f"<Ax, y> = {left:.12g} but <x, A*y> = {right:.12g}: relative error {error:.2g} > {tol:g}.")
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
        If a gradient disagrees, or is zero.
    """

    def run(p: Part, z: NDArray) -> Any:
        generator = None if train_seed is None else np.random.default_rng(train_seed)
        return p.pullback(z, train=train_seed is not None, rng=generator)

    y, pullback, _ = run(part, x)
    g = _noise(rng, y)
    grad_x, grads = pullback(g)
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
    scale = max(_norm(g) * _norm(jvp), _norm(vjp) * _norm(t))
    _require(scale > 0, f"The gradient in {name} is zero: the comparison would say nothing.")
    error = abs(left - right) / scale
    _require(
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
        step *= 10.0 ** rng.uniform(-2, 0) / max(_norm(step), 1e-300)
        if not step.any():
            continue
        worst = max(worst, _norm(part.forward(start + step) - part.forward(start)) / _norm(step))
    _require(worst > 0, "F did not move on any pair: the comparison would say nothing.")
    _require(worst <= constant * (1 + slack), f"Ratio {worst:.9g} exceeds the declared constant {constant:.9g}.")
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
        _require(_norm(expected - y) > 0, "A shift does not change F(x): the comparison would say nothing.")
        error = _norm(part.forward(np.roll(x, stride[axis - 1], axis=axis)) - expected) / _norm(y)
        worst = max(worst, error)
    _require(worst <= tol, f"A shift by the stride {stride} does not commute: relative error {worst:.2g} > {tol:g}.")
    return worst


def check_image_estimator(estimator: Any, images: NDArray, y: NDArray | None = None) -> None:
    """Check an estimator on images, which scikit-learn's own suite, with rows only, does not cover.

    Layouts agree (rows with `image_shape`, three axes, four axes), one batch equals batches of one, input may be
    read-only and is not changed, dtype is kept, pickle and deepcopy give the same bits, ``set_params`` then ``fit``
    equals a fresh object, and channels-first, empty, non-finite and wrongly shaped input raises ValueError.

    Parameters
    ----------
    estimator : estimator
        With ``image_shape=None``, and with a fixed seed if it is random.
    images : ndarray (n, h, w)
        At least 8 float64 images.
    y : ndarray (n,), optional
        Labels, for classifiers.

    Raises
    ------
    AssertionError
        If one of these does not hold; the message says which.
    """
    images = np.array(images, dtype=np.float64, order="C")  # a copy: the caller's own stays writeable
    images.flags.writeable = False
    before = images.copy()
    fitted = clone(estimator).fit(images, y)
    out = _output(fitted, images)
    _require(_norm(out - out.mean(axis=0)) > 0, "The output does not depend on the image.")
    _require(np.array_equal(images, before), "The input was changed.")
    _check_layouts(estimator, images, y, out)
    _check_batches(fitted, images, out)
    _check_copies(estimator, fitted, images, y, out)
    _check_refusals(fitted, images, y)


def _output(estimator: Any, x: NDArray) -> NDArray:
    for method in ("transform", "predict_proba", "decision_function"):
        if hasattr(estimator, method):
            return np.asarray(getattr(estimator, method)(x))
    raise AssertionError(f"{type(estimator).__name__} has neither transform, predict_proba nor decision_function.")


def _check_layouts(estimator: Any, images: NDArray, y: NDArray | None, out: NDArray) -> None:
    four = images[..., None]
    _require(np.array_equal(_output(clone(estimator).fit(four, y), four), out), "(n, h, w, 1) differs from (n, h, w).")
    rows = images.reshape(len(images), -1)
    reader = clone(estimator).set_params(image_shape=images.shape[1:]).fit(rows, y)
    _require(np.array_equal(_output(reader, rows), out), "Rows with image_shape differ from images.")
    single = clone(estimator).fit(images.astype(np.float32), y)
    _require(_output(single, images.astype(np.float32)).dtype == np.float32, "float32 input gave another dtype.")
    _require(out.dtype == np.float64, "float64 input gave another dtype.")


def _check_batches(fitted: Any, images: NDArray, out: NDArray) -> None:
    one_by_one = np.concatenate([_output(fitted, images[[i]]) for i in range(len(images))])
    error = _norm(one_by_one - out) / _norm(out)
    _require(error <= 1e-12, f"A batch differs from batches of one by {error:.2g} of the norm.")


def _check_copies(estimator: Any, fitted: Any, images: NDArray, y: NDArray | None, out: NDArray) -> None:
    for name, other in (("pickle", pickle.loads(pickle.dumps(fitted))), ("deepcopy", copy.deepcopy(fitted))):
        _require(np.array_equal(_output(other, images), out), f"{name} changed the output.")
    # from the defaults: an estimator that builds in __init__ would not notice set_params
    params = inspect.signature(type(estimator)).parameters.values()
    required = {
        p.name: getattr(estimator, p.name) for p in params if p.default is p.empty and p.kind < p.VAR_POSITIONAL
    }
    again = type(estimator)(**required).set_params(**estimator.get_params(deep=False))
    again.fit(images[::-1], None if y is None else y[::-1])
    again.fit(images, y)
    _require(np.array_equal(_output(again, images), out), "set_params, or fitting twice, differs from a fresh object.")


def _check_refusals(fitted: Any, images: NDArray, y: NDArray | None) -> None:
    wide = np.zeros((len(images), 1, 8, 8))
    bad: Sequence[tuple[NDArray, str]] = [
        (wide, "channels first"),
        (images[:0], "empty"),
        (np.where(np.arange(images.size).reshape(images.shape) == 3, np.nan, images), "non-finite"),
        (images[0], "image_shape"),
    ]
    for x, word in bad:
        try:
            clone(fitted).fit(x, None if y is None else y[: len(x)])
        except ValueError as error:
            _require(word in str(error), f"Expected an error about {word!r}, got: {error}")
        else:
            raise AssertionError(f"Input that is {word} was accepted by fit.")
    try:
        _output(fitted, images[:, 1:])
    except ValueError as error:
        _require("shape" in str(error), f"Expected an error about the shape, got: {error}")
    else:
        raise AssertionError("Images of another shape than in fit were accepted.")
