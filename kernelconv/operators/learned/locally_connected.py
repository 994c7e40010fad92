"""LocallyConnected: a convolution with different filters at each position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import like, namespace
from kernelconv.operators.base import Shape3
from kernelconv.operators.learned.affine import PatchwiseAffine


@dataclass(frozen=True, repr=False)
class LocallyConnected(PatchwiseAffine):
    r"""A convolution without weight sharing: every position has filters of its own.

    .. math:: y[i, j, m] = \sum_{k, l, c} x'[s i + d k, s j + d l, c] \, W_{ij}[(k, l, c), m] + b_{ijm}

    Parameters
    ----------
    n_filters : int
        Channels of the output.
    size : int or (int, int)
        Filter height and width (px).
    stride : int or (int, int)
        Step (px).
    padding : {"valid", "zero", "reflect", "symmetric", "circular"}, int or (int, int)
        As `PatchExtraction`.
    dilation : int or (int, int)
        Step inside a filter (px).
    bias : bool
        Add b; without it the part is linear and has an adjoint and a matrix.
    initialization : str
        Initial weights: "torch_default", U(-1, 1) / sqrt(fan_in), or "he_normal", "he_uniform", "glorot_normal",
        "glorot_uniform", "lecun_normal", "lecun_uniform" (see `start_weight`).

    Raises
    ------
    ValueError
        From the constructor for values out of range; from ``build`` without `rng`, or if a filter is larger than the
        padded image; from ``forward`` for maps of another size than it was built for.

    Notes
    -----
    ``params``: "weight" (h', w', k_h k_w c, n_filters), drawn with fan_in = k_h k_w c and fan_out = k_h k_w
    n_filters; "bias" (h', w', n_filters), zeros. Cost: h' w' k_h k_w c n_filters multiply-adds, as a convolution,
    with h' w' times its weights. Adjoint: P*(g_ij W_ij'). Gradient in W_ij: p_ij' g_ij, with no sum over positions.
    Lipschitz constant: at most norm(P) times the largest norm(W_ij), since the W_ij form a block-diagonal matrix.

    References
    ----------
    LeCun (1989), Generalization and network design strategies, section 4.3: local connections without shared weights.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import LocallyConnected
    >>> part = LocallyConnected(2, 3, stride=2).build((7, 9, 1), np.random.default_rng(0))
    >>> part.forward(np.zeros((5, 7, 9, 1))).shape, part.params["weight"].shape
    ((5, 3, 4, 2), (3, 4, 9, 2))
    """

    def _param_shapes(self, in_shape: Shape3, fan_in: int) -> dict[str, tuple[int, ...]]:
        h, w, m = self._out_shape(in_shape)
        return {"weight": (h, w, fan_in, m), "bias": (h, w, m)}

    def _prepare(self) -> None:
        """Refuse maps of another size, which broadcasting might take."""
        weights, grid = self.params["weight"].shape[:2], self._shapes[-1][:2]
        if weights != grid:
            raise ValueError(
                f"LocallyConnected has weights for {weights[0]} x {weights[1]} positions, maps of shape "
                f"{self._in_shape} have {grid[0]} x {grid[1]}: it takes maps of one size, build it for these."
            )

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return norm(P) times the largest norm(W_ij) of a built part, else None."""
        if self.in_shape is None:
            return None
        norms = np.linalg.norm(self.params["weight"], 2, axis=(2, 3))
        return self.patches._lipschitz(in_shape) * float(norms.max())

    def _product(self, x: Any, weight: Any) -> Any:
        """Return p_ij W_ij, a matrix product of all images at each position."""
        xp = namespace(x)
        rows = xp.permute_dims(self._rows(x), (1, 2, 0, 3))
        return xp.permute_dims(rows @ weight, (2, 0, 1, 3))

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        rows = y.transpose(1, 2, 0, 3) @ like(self.params["weight"], y).transpose(0, 1, 3, 2)
        return self._rows_adjoint(rows.transpose(2, 0, 1, 3), shape)

    def _weight_gradient(self, x: NDArray, g: NDArray) -> NDArray:
        return self._rows(x).transpose(1, 2, 3, 0) @ g.transpose(1, 2, 0, 3)
