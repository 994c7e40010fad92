"""The Lie derivative error: the error of invariance or equivariance per unit of a small displacement."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import as_float, check_choice, check_finite, check_positive
from kernelconv._numbers import shown
from kernelconv._types.parameters import Border
from kernelconv.deformations import AffineField, DisplacementField, warp
from kernelconv.deformations.fields import LARGEST
from kernelconv.deformations.warp import Order
from kernelconv.stability.equivariance.action import Motion, Pixels, Positions, as_field, kept_inside, restrict
from kernelconv.stability.plan import measured_images
from kernelconv.stability.representation import Phi, Representation, as_representation, features, maps
from kernelconv.stability.rows import as_pairs, norms_of, root, squared_norms

#: Generators about the centre by name: D tau, of spectral norm 1. Shear: rows slide over one another.
GENERATORS = {
    "rotation": ((0.0, 1.0), (-1.0, 0.0)),
    "dilation": ((1.0, 0.0), (0.0, 1.0)),
    "shear": ((0.0, 0.0), (1.0, 0.0)),
}
#: Pixels that the farthest pixel moves, either way: where Phi computes in float64, and where in float32.
_STEP, _SINGLE_STEP = 1e-4, 1e-2
#: Relative size below which the generator is 0 at a position.
_ROUNDING = 1e-12


def lie_error(
    phi: Phi,
    X: ArrayLike,
    generator: Motion | Literal["rotation", "dilation", "shear"],
    *,
    output: Literal["equivariant", "invariant"] = "equivariant",
    order: Literal[3, "fourier"] = "fourier",
    padding: Border = "zero",
    step: float | None = None,
    stride: Pixels = None,
    origin: Pixels = None,
) -> NDArray:
    r"""Return |d/dt rho(-t) Phi(L_(t v) x)| / |Phi(x)| at t = 0 for each image: the Lie derivative error.

    v is the generator, a displacement field, and rho(t) its action on the output: the warp of the maps by t v / s, s
    the stride, as in `equivariance_error`; or the identity, if Phi should be invariant. The error
    is the limit for t -> 0 of `equivariance_error` (`translation_error` for "invariant") under t v, divided by t.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        As in `measure_stability`; for "equivariant" it returns maps (n, h', w', k).
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images; `phi` is called with float64.
    generator : tuple (float, float), {"rotation", "dilation", "shear"} or DisplacementField
        v: a translation (row, column) in pixels; a motion about the centre whose Jacobian norm grows by 1 per unit of
        t (rotation: t is the angle; shear: rows slide over one another); or any field of the images' size, or a batch
        of n fields, one per image.
    output : {"equivariant", "invariant"}
        How the output should transform.
    order, padding
        As in `warp`, for images and maps; orders 0 and 1 have no derivative at the pixels.
    step : float, optional
        Largest displacement of the finite differences, in pixels, > 0. By default 1e-4; 1e-2 if `phi` returns float32.
    stride, origin : float or tuple (float, float), optional
        Where the maps lie in the image, as in `equivariance_error`; of no use for "invariant".

    Returns
    -------
    ndarray (n,)
        float64. Equivariance is measured over the positions of the map that v does not bring in from outside: without
        the border across which it points (over all positions for "circular").

    Raises
    ------
    ValueError
        As `equivariance_error`; if v is 0, or `output`, `order`, `padding` or `step` is not one of those above.

    Notes
    -----
    Central differences with two steps, h and h / 2, and Richardson's extrapolation: the error is of order h^4, and Phi
    is evaluated four times besides Phi(x). At a kink of Phi the derivative is the mean of both one-sided slopes.

    References
    ----------
    Gruver, Finzi, Goldblum and Wilson, "The Lie derivative for measuring learned equivariance", 2022, section 4 (there
    the mean over images of the squared derivative over the output's dimension, not divided by the norm of Phi).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import lie_error
    >>> x = np.cos(2 * np.pi * 3 * np.arange(16) / 16) * np.ones((1, 16, 1))  # three waves along the columns
    >>> pixels = lambda x: x[..., None]
    >>> error = lie_error(pixels, x, (0, 1), output="invariant", padding="circular")
    >>> round(float(error[0] / (2 * np.pi * 3 / 16)), 9)
    1.0
    >>> bool(lie_error(pixels, x, (0, 1), padding="circular").max() < 1e-9)
    True
    """
    check_choice(output, "output", ("equivariant", "invariant"))
    if not isinstance(order, int | np.integer | str) or order not in (3, "fourier"):
        raise ValueError(f"order must be 3 (cubic spline) or 'fourier', which have a derivative, got {shown(order)}.")
    x, represent = measured_images(X).astype(np.float64), as_representation(phi)
    field = as_generator(generator, x.shape)
    positions = Positions(phi, x.shape, stride, origin) if output == "equivariant" else None
    still, slope = lie_derivative(represent, x, field, positions, order, padding, step)
    if positions is not None and padding != "circular":
        tau = positions.of(field, still.shape)
        kept = kept_inside((np.abs(tau) > _ROUNDING * np.abs(tau).max()) / 2)  # half a pixel: as little as one likes
        still, slope = (restrict(a, kept, f"The generator {shown(generator)}") for a in (still, slope))
    norms = norms_of(as_pairs(still)[0], "Phi(x)")
    return root(squared_norms(slope.reshape(len(x), -1) / norms[:, None]))


def as_generator(generator: Any, images: tuple[int, ...]) -> DisplacementField:
    """Return the generator of images of shape (n, h, w, ...) as a field; raise ValueError if it is none, or 0."""
    if isinstance(generator, str):
        check_choice(generator, "generator", tuple(GENERATORS))
        field: Any = AffineField(tuple(images[1:3]), np.array(GENERATORS[generator]), np.zeros(2))
    else:
        field = as_field(generator, images, "generator")
    if np.max(field.sup_norm) < 1 / LARGEST:
        raise ValueError(f"The generator {shown(generator)} moves no pixel: pass a field or a translation that does.")
    return field


def lie_derivative(
    represent: Representation,
    x: NDArray,
    field: DisplacementField,
    positions: Positions | None,
    order: Order,
    padding: Border,
    step: float | None = None,
) -> tuple[NDArray, NDArray]:
    """Return Phi(x) and d/dt rho(-t) Phi(L_(t v) x) at t = 0.

    They are maps (n, h', w', k) at these positions; rows (n, d), and rho is none, without positions.
    """
    still = _outputs(represent, x, positions is not None)
    moves, back = field.values, None if positions is None else positions.of(field, still.shape)

    def at(t: NDArray) -> NDArray:
        y = _outputs(represent, warp(x, _each(t, moves) * moves, order=order, padding=padding), positions is not None)
        y = y.astype(np.float64)
        return y if back is None else warp(y, -_each(t, back) * back, order=order, padding=padding)

    def difference(t: NDArray) -> NDArray:
        found = at(t) - at(-t)
        return found / (2 * _each(t, found))

    pixels = (_SINGLE_STEP if still.dtype == np.float32 else _STEP) if step is None else check_positive(step, "step")
    most = np.asarray(field.sup_norm, np.float64)  # one, or one an image: each field takes its own step
    t = pixels / np.where(most < 1 / LARGEST, 1.0, most)
    return still, (4 * difference(t / 2) - difference(t)) / 3


def _each(t: NDArray, values: NDArray) -> NDArray:
    """Return a number, or one an image, so that it multiplies `values` (n, ...)."""
    return t.reshape(t.shape + (1,) * (values.ndim - 1)) if t.ndim else t


def _outputs(represent: Representation, x: NDArray, as_maps: bool) -> NDArray:
    """Return features as rows, or maps as they are, float32 or float64 and finite."""
    if not as_maps:
        return features(represent, x)
    return check_finite(as_float(maps(represent, x), "phi(X)"), "phi(X)")
