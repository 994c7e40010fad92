"""Base classes of families of deformations, which draw random fields of an exact given size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import Pair, as_pair, check_count, check_finite, check_flag, check_memory, check_rng
from kernelconv._numbers import as_double, shown
from kernelconv._types.parameters import RandomState
from kernelconv.deformations.fields import DisplacementField, check_drawn, check_size

#: What a field of the smallest family takes: a matrix and an offset, twice.
_BYTES_A_FIELD = 96


@dataclass(frozen=True)
class Deformation:
    r"""A family of displacement fields, sampled at an exact strength.

    The strength is the Jacobian norm s = sup over u of |D tau(u)|, without unit, except for `Translation`, whose
    strength is a length in pixels, and `HolderDeformation`, whose strength is a C^a norm in image sides. For s < 1 the
    map u -> u - tau(u) is one-to-one; the stability theorems are stated for s <= 1/2.

    To add a family, write a subclass that implements `draw`, and `draw_displaced` if its fields are not closed under
    scaling. If its fields are linear in parameters, derive it from `LinearDeformation`, which `worst_case` can search.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import Deformation, SineField
    >>> class Bulge(Deformation):
    ...     def draw(self, shape, strength, rng, n):
    ...         coefficients = np.zeros((n, 2, 1, 1))
    ...         coefficients[:, 0, 0, 0] = rng.choice([-1.0, 1.0], n)  # along the rows, up or down
    ...         return SineField(shape, coefficients).rescale_to(jacobian_norm=strength)
    >>> fields = Bulge().sample((28, 28), strength=0.3, rng=0, size=5)
    >>> fields.jacobian_sup_norm.round(6)
    array([0.3, 0.3, 0.3, 0.3, 0.3])
    """

    #: Unit of the strength: ``""`` for a Jacobian norm, ``"px"`` for a length, else that of a norm of its own.
    unit = ""
    #: Strengths must stay below this, unless folding is allowed.
    limit = 1.0

    @property
    def name(self) -> str:
        """The family's name in reports: its repr."""
        return repr(self)

    def sample(
        self,
        shape: Pair,
        strength: float | None = None,
        rng: RandomState = None,
        size: int | None = None,
        *,
        displacement: float | None = None,
        allow_folding: bool = False,
    ) -> DisplacementField:
        """Return one random field, or a batch of `size` independent ones, of exactly the given size.

        Parameters
        ----------
        shape : int or tuple (h, w)
            Pixels of the image.
        strength : float
            Jacobian norm (no unit), or a size in the family's `unit`; > 0. Give either this or `displacement`.
        rng : None, int or numpy Generator
            Source of the draw.
        size : int, optional
            Number of fields; None gives a single one.
        displacement : float
            Typical displacement of each field, its ``rms_norm``, in pixels; > 0.
        allow_folding : bool
            Accept a strength at which id - tau may no longer be one-to-one (a Jacobian norm of 1 or more).

        Raises
        ------
        ValueError
            If not exactly one of strength and displacement is given; if it is not > 0 and finite; if the strength, or
            the Jacobian norm that the displacement needs, is at or above the family's limit without `allow_folding`;
            if the image is too small for the family; if so many fields need more memory than there is; or if `draw` of
            the family returns fields of another strength.
        TypeError
            If `draw` or `draw_displaced` of the family returns anything but a batch of n fields on the image.
        """
        allow_folding = check_flag(allow_folding, "allow_folding")
        if (strength is None) == (displacement is None):
            raise ValueError("sample wants exactly one of strength and displacement.")
        n, pair = 1 if size is None else check_count(size, "size"), as_pair(shape, "shape")
        check_memory(_BYTES_A_FIELD * n, f"{n} fields")
        if strength is not None:
            strength = self.check_strength(strength, allow_folding=allow_folding)
            fields = check_drawn(self.draw(pair, strength, check_rng(rng), n), pair, n, f"{type(self).__name__}.draw")
            reached = np.asarray(self.strength_of(fields))
            if not np.allclose(reached, strength, rtol=1e-6, atol=0):
                farthest = float(reached[np.argmax(np.abs(reached - strength))])
                raise ValueError(
                    f"{type(self).__name__}.draw must return fields of exactly the strength {strength:g}, got one of "
                    f"{farthest:.6g}."
                )
        else:
            drawn = self.draw_displaced(pair, check_size(displacement, "displacement"), check_rng(rng), n)
            fields = check_drawn(drawn, pair, n, f"{type(self).__name__}.draw_displaced")
            norms = np.asarray(fields.jacobian_sup_norm)
            if (norms >= self.limit).any() and not allow_folding:
                raise ValueError(
                    f"displacement={displacement} px needs Jacobian norms up to {norms.max():.3g} here, not below "
                    f"{self.limit:g}: {int((norms >= self.limit).sum())} of {n} fields may fold. Ask for less, or "
                    "sample with allow_folding=True."
                )
        return fields[0] if size is None else fields

    def check_strength(self, strength: float, *, allow_folding: bool = False) -> float:
        """Return `strength` as a float; raise ValueError unless it is > 0 and, without `allow_folding`, < `limit`."""
        strength = check_size(strength, "strength")
        if strength >= self.limit and not allow_folding:
            raise ValueError(
                f"strength={strength} is not below {self.limit:g}: {type(self).__name__} fields of such a Jacobian "
                "norm may fold. Ask for less; only sample(..., allow_folding=True) draws them."
            )
        return strength

    def strength_of(self, fields: DisplacementField) -> NDArray:
        """Return the strength (n,) of each of a batch of fields: its Jacobian norm."""
        return np.asarray(fields.jacobian_sup_norm)

    # Families whose parameters z may be added, tau_(p + e) being a field of the family: `certify` adds noise to them.

    def n_parameters(self, shape: Pair) -> int:
        """Return p, the length of z, for images of `shape` (h, w)."""
        raise TypeError(f"{type(self).__name__} does not say how many parameters it has: write n_parameters(shape).")

    def directions(self, shape: Pair, z: NDArray) -> Any:
        """Return the batch of n fields with parameters `z` (n, p), not rescaled."""
        raise TypeError(f"{type(self).__name__} does not say what its fields are: write directions(shape, z).")

    def guaranteed_strength(self, shape: Pair, radius: ArrayLike) -> Any:
        """Return, per radius, a strength t such that all fields of strength at most t have norm(z) <= `radius`."""
        raise TypeError(
            f"{type(self).__name__} does not say which strengths its parameters reach: write "
            "guaranteed_strength(shape, radius), or take a LinearDeformation."
        )

    def draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> DisplacementField:
        """Return a batch of `n` fields on images of `shape` (h, w), each of exactly the given strength.

        Every family implements this method. `sample` has checked the arguments; n = 1 gives a batch, too. Fields are
        in closed form, an `AffineField`, `SineField`, `FourierField` or a `DisplacementField` of your own, so that
        ``fields.rescale_to(jacobian_norm=strength)`` sets their norms exactly. All random numbers come from `rng`.
        """
        raise TypeError(
            f"{type(self).__name__} does not say how its fields are drawn: write draw(shape, strength, rng, n)."
        )

    def draw_displaced(self, shape: Pair, displacement: float, rng: np.random.Generator, n: int) -> DisplacementField:
        """Return a batch of `n` fields, each of exactly the given ``rms_norm``, in pixels.

        This default draws fields and rescales them, which is correct for families that are closed under scaling.
        """
        drawn = check_drawn(self.draw(shape, 0.5, rng, n), shape, n, f"{type(self).__name__}.draw")
        return drawn.rescale_to(rms_norm=displacement)


def check_radius(radius: ArrayLike, name: str = "radius") -> Any:
    """Return a radius, or an array of them, as float64; raise ValueError unless they are >= 0 and no NaN."""
    values = as_double(radius, name)
    if not (values >= 0).all():
        raise ValueError(f"{name} must be >= 0, got {shown(radius)}.")
    return values if values.ndim else float(values)


@dataclass(frozen=True)
class LinearDeformation(Deformation):
    """A family whose fields, before they are rescaled, are linear in parameters z; `worst_case` searches such families.

    A random field has z ~ N(0, I), and every field is rescaled to the exact strength. A subclass implements
    `n_parameters` and `directions`.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import LinearDeformation, SineField
    >>> class Bulges(LinearDeformation):
    ...     def n_parameters(self, shape):
    ...         return 2  # one wave along the rows, one along the columns
    ...     def directions(self, shape, z):
    ...         return SineField(shape, np.reshape(z, (-1, 2, 1, 1)))
    >>> round(Bulges().sample((28, 28), strength=0.3, rng=0).jacobian_sup_norm, 6)
    0.3
    """

    def guaranteed_strength(self, shape: Pair, radius: ArrayLike) -> Any:
        r"""Return m `radius`, where m is a lower bound of the Jacobian norm of the fields with norm(z) = 1.

        .. math:: \sup_u |D \tau_z(u)|^2 \ge \tfrac12 \langle |D \tau_z(u)|_F^2 \rangle_u
                  \ge \tfrac12 \lambda_{\min} |z|^2 = m^2 |z|^2

        where lambda_min is the smallest eigenvalue of the mean over the image of D'D, D the map from z to D tau_z(u).
        It is 0 if some z is a translation of the whole image.
        """
        shape = as_pair(shape, "shape")
        p = check_count(self.n_parameters(shape), f"{type(self).__name__}.n_parameters(shape)")
        fields = self._directions(shape, np.eye(p))
        nodes, weights = np.polynomial.legendre.leggauss(16 + 4 * fields.half_waves)
        rows, columns = ((nodes + 1) / 2 * (n - 1) for n in shape)
        check_memory(40 * p * len(nodes) ** 2, f"The Jacobians of {p} parameters")
        root = np.sqrt(np.outer(weights, weights) / 4)[:, :, None, None]
        jacobians = (fields.jacobian_on_grid(rows, columns) * root).reshape(p, -1)
        smallest = max(float(np.linalg.eigvalsh(jacobians @ jacobians.T)[0]), 0.0)
        return np.sqrt(smallest / 2) * check_radius(radius)

    #: Whether the fields of parameters c z, c > 0, are multiples of those of z, and the strength with them.
    scales = True

    def from_parameters(self, shape: Pair, z: NDArray, strength: float) -> Any:
        """Return the fields of parameters `z` (n, p), each of exactly the given strength."""
        return self._directions(shape, z).rescale_to(jacobian_norm=strength)

    def _directions(self, shape: Pair, z: NDArray) -> Any:
        shape, z = as_pair(shape, "shape"), self._check_parameters(shape, z)
        return check_drawn(self.directions(shape, z), shape, len(z), f"{type(self).__name__}.directions")

    def _check_parameters(self, shape: Pair, z: Any) -> NDArray:
        """Return `z` as float64; raise ValueError unless it is (n, p)."""
        p = check_count(self.n_parameters(as_pair(shape, "shape")), f"{type(self).__name__}.n_parameters(shape)")
        z = check_finite(as_double(z, "z"), "z")
        if z.ndim != 2 or z.shape[1] != p or not len(z):
            raise ValueError(f"z must hold {p} parameters a field, (n, {p}), got shape {z.shape}.")
        return z

    def draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> Any:
        """Return a batch of `n` fields with normally distributed parameters, each of exactly the given strength."""
        return self.from_parameters(shape, self._random_parameters(shape, rng, n), strength)

    def _random_parameters(self, shape: Pair, rng: np.random.Generator, n: int) -> NDArray:
        p = check_count(self.n_parameters(shape), f"{type(self).__name__}.n_parameters(shape)")
        check_memory(8 * n * p, f"{n} fields of {p} parameters")
        return rng.standard_normal((n, p))
