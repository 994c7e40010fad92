"""Input transforms of patches: mean removal, contrast normalisation, whitening."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import as_data, as_precise, like, namespace, to_numpy
from kernelconv._check import as_float, as_pair, check_positive, check_shape
from kernelconv._scales import largest, scales
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.base import Part, Shape3
from kernelconv.operators.mappings.nystrom import inverse_sqrt
from kernelconv.operators.patches.sampling import sample_patches

#: Patches from which the covariance is estimated.
N_COVARIANCE = 20_000

#: Images that are looked at in search of a patch that is not flat.
BLOCK = 64

#: What is wrong with images of which all patches are constant, and what to do.
FLAT = "every sampled one is constant, up to rounding. Give images with contrast, or take their pixels (input='raw')."


@dataclass(frozen=True, repr=False)
class PatchCentering(Part):
    r"""Subtract the mean of every patch, per colour: :math:`(C p)[k, c] = p[k, c] - \frac1K \sum_l p[l, c]`.

    Between patch extraction and the kernel mapping it makes the representation invariant to brightness. The mapping's
    division by the norm is then a contrast normalisation, and the norm, which the mapping keeps, is the contrast.

    Parameters
    ----------
    size : int or (int, int)
        Patch height and width (px), as the patch extraction before it has.

    Raises
    ------
    ValueError
        From ``out_shape`` and ``build`` if the channels are not a multiple of the patch's pixels; from ``build`` if the
        patches of `data` are all flat, so that only rounding errors would be left.

    Notes
    -----
    An orthogonal projection: it is its own adjoint, and its Lipschitz constant is 1.

    References
    ----------
    Mairal et al. (2014), Convolutional kernel networks, section 3.1: the patch map.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import PatchCentering
    >>> PatchCentering((1, 2)).forward(np.array([3.0, 1.0]).reshape(1, 1, 1, 2)).ravel()
    array([ 1., -1.])
    """

    size: object = 3

    linear = True
    homogeneous = True
    equivariant = True
    of_patches = True

    def __post_init__(self) -> None:
        """Read the size as a pair."""
        object.__setattr__(self, "size", as_pair(self.size, "size"))

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return _check_channels(self, in_shape)

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def build(
        self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None
    ) -> PatchCentering:
        """Return a copy for maps of `in_shape`; reads one block of `data`, and further ones while all are flat."""
        built = self._built(in_shape, {}, {})
        if data is None:
            return built
        maps = as_data(data, built.in_shape)
        n = len(maps)
        blocks = (as_float(to_numpy(maps[np.arange(lo, min(lo + BLOCK, n))])) for lo in range(0, n, BLOCK))
        if all(_are_flat(block, self.size) for block in blocks):
            raise ValueError("PatchCentering leaves nothing of flat patches: " + FLAT)
        return built

    def _at(self, in_shape: tuple[int, ...]) -> PatchCentering:
        return self._built(check_shape(in_shape, "x.shape[1:]"), {}, {})

    def definition(self, x: Array) -> Any:
        """Return the centred patches: (n, h, w, K c) -> the same shape."""
        return _centred(x, self.size)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return _centred(y, self.size)


@dataclass(frozen=True, repr=False)
class PatchWhitening(Part):
    r"""Decorrelate centred patches (ZCA): :math:`W C p`, :math:`W = (\Sigma + \epsilon \bar\sigma I)^{-1/2}`.

    C subtracts the mean of every patch, per colour (`PatchCentering`); :math:`\Sigma` is the second moment of centred
    training patches, and :math:`\bar\sigma` its mean eigenvalue. A flat patch becomes zero, up to rounding.

    Parameters
    ----------
    size : int or (int, int)
        Patch height and width (px), as the patch extraction before it has.
    epsilon : float
        Relative regularization, > 0: directions of less variance than this share of the mean are not amplified fully.

    Raises
    ------
    ValueError
        From ``out_shape`` and ``build`` if the channels are not a multiple of the patch's pixels; from ``build`` with
        `data` but no `rng`, or if every sampled patch is flat up to rounding (all-zero images among them).

    Notes
    -----
    ``state``: "matrix" (k, k), which training does not change; without `data` it is the identity. Linear; its Lipschitz
    constant is the largest eigenvalue of W C, below :math:`1 / \sqrt{\epsilon \bar\sigma}`.

    References
    ----------
    Mairal et al. (2014), Convolutional kernel networks, section 3.1; Coates & Ng (2012), Learning feature
    representations with k-means, for ZCA of patches.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import PatchExtraction, PatchWhitening
    >>> x = np.random.default_rng(0).standard_normal((50, 6, 6, 1)).cumsum(axis=1).cumsum(axis=2)
    >>> patches = PatchExtraction(3).forward(x)
    >>> part = PatchWhitening(3, 1e-6).build((4, 4, 9), np.random.default_rng(0), patches)
    >>> z = part.forward(patches).reshape(-1, 9)
    >>> np.abs(np.linalg.eigvalsh(z.T @ z / len(z))).round(2)  # one direction, the mean, is gone
    array([0., 1., 1., 1., 1., 1., 1., 1., 1.])
    """

    size: object = 3
    epsilon: float = 0.1

    linear = True
    homogeneous = True
    equivariant = True
    of_patches = True
    _derived_names = ("_engine", "_placed", "matrix")

    def __post_init__(self) -> None:
        """Read the size as a pair, check epsilon."""
        object.__setattr__(self, "size", as_pair(self.size, "size"))
        check_positive(self.epsilon, "epsilon")

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return _check_channels(self, in_shape)

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return norm(W C) of a built part, else None."""
        return None if self.in_shape is None else float(np.linalg.norm(self.matrix, 2))

    def build(
        self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None
    ) -> PatchWhitening:
        """Return a copy whose matrix whitens a sample of `data`'s patches, or is the identity without `data`."""
        in_shape = check_shape(in_shape)
        self._out_shape(in_shape)
        matrix = np.eye(in_shape[2])
        if data is not None:
            data = as_data(data, in_shape)
            if rng is None:
                raise ValueError(
                    "PatchWhitening.build needs a numpy Generator: pass rng=numpy.random.default_rng(seed)."
                )
            matrix = self._learned(sample_patches(data, N_COVARIANCE, rng))
        return self._built(in_shape, {}, {"matrix": matrix})

    def _learned(self, patches: Any) -> NDArray:
        """Return W, learned from patches (m, K c): their moment where they are, its root in NumPy."""
        if _are_flat(patches, self.size):
            raise ValueError("PatchWhitening cannot learn from flat patches: " + FLAT)
        patches = as_precise(_centred(patches, self.size))
        by = scales(to_numpy(_tops(patches))[None])  # squares may overflow, or vanish
        unit = 1.0 if by is None else float(by[0, 0])
        patches = patches * unit
        moment = to_numpy(patches.T @ patches) / patches.shape[0]
        scale = np.trace(moment) / len(moment)
        return inverse_sqrt(moment, self.epsilon * scale).matrix * unit

    @cached_property
    def matrix(self) -> NDArray:
        """(W C)' of a built part, float64: the matrix that multiplies patches as rows."""
        self._check_built()
        return _centred(as_precise(self.state["matrix"]), self.size).T

    def definition(self, x: Array) -> Any:
        """Return the whitened patches: (n, h, w, K c) -> the same shape."""
        return x @ like(self.matrix, x)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return y @ self.matrix.astype(y.dtype).T


def _check_channels(part: Any, in_shape: Shape3) -> Shape3:
    """Return `in_shape` if its channels are whole patches of the part's size."""
    pixels = int(np.prod(part.size))
    if in_shape[2] % pixels:
        name = f"{type(part).__name__}({part.size})"
        raise ValueError(f"{name} needs patches of {pixels} pixels, its input has {in_shape[2]} channels.")
    return in_shape


def _are_flat(patches: Any, size: Any) -> bool:
    """Return whether all of patches (..., K c) are flat: what is left without their means is no more than rounding."""
    if 0 in patches.shape:  # all-black images leave none
        return True
    xp = namespace(patches)
    rounding = float(np.prod(size)) * float(xp.finfo(patches.dtype).eps)
    return bool(xp.all(_tops(_centred(patches, size)) <= rounding * _tops(patches)))


def _tops(patches: Any) -> Any:
    """Return the largest modulus in each of patches (..., K c)."""
    return largest(patches, -1) if isinstance(patches, np.ndarray) else namespace(patches).max(abs(patches), axis=-1)


def _centred(patches: Any, size: Any) -> Any:
    """Return patches (..., K c) without their mean over the K pixels, colour by colour."""
    xp = namespace(patches)
    p = xp.reshape(patches, (*patches.shape[:-1], size[0] * size[1], -1))
    return xp.reshape(p - xp.mean(p, axis=-2, keepdims=True), patches.shape)
