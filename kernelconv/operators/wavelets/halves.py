"""Both halves of the spectrum of complex signals, for wavelets of positive frequencies alone; the real part of maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import as_complex, is_complex, namespace
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Shape3


@dataclass(frozen=True, repr=False)
class Halves(Part):
    r"""Each channel beside i times its conjugate, :math:`x \mapsto (x, i \bar x)`, (n, h, w, c) -> (n, h, w, 2 c).

    .. math:: |i \bar x * \psi| = |x * \bar\psi|, \qquad \operatorname{Re}(i \bar x) = \operatorname{Im} x

    so that wavelets of positive frequencies see the negative ones of x in the second channel, whose real part is the
    imaginary part of x. Channel k becomes channels 2 k and 2 k + 1.

    Notes
    -----
    Linear over the real numbers alone, so it is not declared linear and has no adjoint. Lipschitz constant: sqrt(2).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators.wavelets.halves import Halves
    >>> Halves().forward(np.array([3 + 4j]).reshape(1, 1, 1, 1)).ravel()
    array([3.+4.j, 4.+3.j])
    """

    homogeneous = True
    equivariant = True
    differentiable = False

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return *in_shape[:2], 2 * in_shape[2]

    def _lipschitz(self, in_shape: Shape3) -> float:
        return float(np.sqrt(2))

    def definition(self, x: Array) -> Any:
        """Return x and i times its conjugate, by turns."""
        xp = namespace(x)
        x = as_complex(x)
        return xp.reshape(xp.stack([x, 1j * xp.conj(x)], axis=-1), (*x.shape[:-1], -1))


@dataclass(frozen=True, repr=False)
class RealPart(Part):
    r"""The real part of complex maps, :math:`x \mapsto \operatorname{Re} x`; real ones stay what they are.

    Notes
    -----
    Adjoint for the real inner product: the maps, as they are. Lipschitz constant: 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators.wavelets.halves import RealPart
    >>> RealPart().forward(np.array([3 + 4j]).reshape(1, 1, 1, 1)).ravel()
    array([3.])
    """

    linear = True
    homogeneous = True
    equivariant = True
    channelwise = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return in_shape

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def definition(self, x: Array) -> Any:
        """Return the real part."""
        return namespace(x).real(x) if is_complex(x) else x

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return y
