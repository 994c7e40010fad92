"""Input transforms of patches: mean removal and contrast normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_pair
from kernelconv.operators.base import Part, Shape3


@dataclass(frozen=True, repr=False)
class PatchCentering(Part):
    r"""Take from every patch its mean, colour by colour: :math:`(C p)[k, c] = p[k, c] - \frac1K \sum_l p[l, c]`.

    Between patch extraction and the kernel mapping it makes the representation blind to brightness; the mapping's
    division by the norm then is contrast normalisation, and the norm stays as the patch's contrast.

    Parameters
    ----------
    size : int or (int, int)
        Patch height and width (px), as the patch extraction before it has.

    Raises
    ------
    ValueError
        From ``out_shape`` and ``build`` if the channels are not a multiple of the patch's pixels.

    Notes
    -----
    An orthogonal projection: it is its own adjoint, and its Lipschitz constant is 1.

    References
    ----------
    Mairal et al. (2014), Convolutional kernel networks, section 3.1: the patch map.

    Examples
    --------
    >>> import numpy as np
    >>> PatchCentering((1, 2)).forward(np.array([3.0, 1.0]).reshape(1, 1, 1, 2)).ravel()
    array([ 1., -1.])
    """

    size: object = 3

    linear = True
    homogeneous = True
    equivariant = True

    def __post_init__(self) -> None:
        """Read the size as a pair."""
        object.__setattr__(self, "size", as_pair(self.size, "size"))

    @property
    def _pixels(self) -> int:
        return int(np.prod(as_pair(self.size, "size")))

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return `in_shape`."""
        if in_shape[2] % self._pixels:
            raise ValueError(
                f"PatchCentering({self.size}) needs patches of {self._pixels} pixels, its input has {in_shape[2]} "
                "channels."
            )
        return in_shape

    def lipschitz(self, in_shape: Shape3) -> float:
        """Return 1."""
        return 1.0

    def forward(self, x: NDArray) -> NDArray:
        """Return the centred patches: (n, h, w, K c) -> the same shape."""
        p = x.reshape(*x.shape[:3], self._pixels, -1)
        return (p - p.mean(axis=3, keepdims=True)).reshape(x.shape)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return self.forward(y)
