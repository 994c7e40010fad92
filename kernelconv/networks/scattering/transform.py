"""The scattering transform as a part of a network, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_choice, check_count
from kernelconv.networks.scattering.fast.engine import Engine
from kernelconv.networks.scattering.paths import PADDINGS, Scratch, scattering_paths
from kernelconv.operators.base import Pair, Part, Pullback, Shape3, State


@dataclass(frozen=True, repr=False)
class ScatteringTransform(Part):
    r"""S: the scattering maps of each channel, (n, h, w, c) -> (n, h', w', c n_paths), path by path in each channel.

    .. math:: S[p] x = (U[p] x * \phi_J)(2^J \cdot), \qquad
              U[\lambda_1, \dots, \lambda_m] x = |\cdots |x * \psi_{\lambda_1}| \cdots * \psi_{\lambda_m}|

    Parameters
    ----------
    J, L, max_order, padding, oversampling, grid, bank, paths
        As in `kernelconv.Scattering2D`.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or 2^J is larger than the image allows (see `Scattering2D`).

    Notes
    -----
    Gradient: each modulus u -> abs(u * psi) goes back as the adjoint convolution of g times the phase of u * psi, 0
    where u * psi is 0. The pullback computes the moduli again, about three times the cost of ``forward``, so that it
    needs the memory of one branch. Lipschitz constant: with circular borders and no subsampling (`oversampling` = J),
    max(1, B)^((max_order + 1) / 2), B the upper frame bound, 1 for the tight bank; not known otherwise.

    References
    ----------
    Mallat (2012), Group invariant scattering, Comm. Pure Appl. Math. 65(10), equations 2.20 and 2.25.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.scattering.transform import ScatteringTransform
    >>> part = ScatteringTransform(J=2, L=4).build((16, 16, 1))
    >>> x = np.random.default_rng(0).random((1, 16, 16, 1))
    >>> part.forward(x).shape
    (1, 4, 4, 25)
    >>> gradient, _ = part.vjp(x, np.ones((1, 4, 4, 25)))
    >>> gradient.shape, round(float(gradient.mean()), 4)
    ((1, 16, 16, 1), 0.0625)
    """

    J: int = 2
    L: int = 8
    max_order: int = 2
    padding: str = "reflect"
    oversampling: int = 0
    grid: str = "centred"
    bank: str = "morlet"
    paths: str = "decreasing"

    homogeneous = True
    _cascades = None

    def __post_init__(self) -> None:
        """Check every field."""
        check_count(self.J, "J")
        check_count(self.L, "L")
        check_count(self.max_order, "max_order", 0)
        check_count(self.oversampling, "oversampling", 0)
        check_choice(self.padding, "padding", tuple(PADDINGS))
        check_choice(self.grid, "grid", ("centred", "kymatio"))
        check_choice(self.bank, "bank", ("morlet", "tight"))
        check_choice(self.paths, "paths", ("decreasing", "all"))

    @property
    def equivariant(self) -> bool:
        """True for circular padding: a shift by 2^J px moves the maps, where 2^J divides the image."""
        return self.padding == "circular"

    @property
    def stride(self) -> int:
        """Distance of two output positions (px)."""
        return 2 ** max(self.J - self.oversampling, 0)

    @property
    def engine(self) -> Engine:
        """What computes; known once built."""
        self._check_built()
        return self._cascades  # type: ignore[return-value]  # a built part has it

    def n_paths(self) -> int:
        """Return the number of maps of one channel."""
        return len(scattering_paths(self.J, self.L, self.max_order, every=self.paths == "all"))

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        self._check_size(in_shape[:2])
        if self._cascades is not None and self.in_shape == tuple(in_shape):
            size = self._cascades.out_size
        else:
            size = tuple(
                a.n_out for a in Engine.sampling(in_shape[:2], self.J, self.padding, self.grid, self.oversampling)
            )
        return (*size, in_shape[2] * self.n_paths())

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (the whole image, the stride): wavelets have no border."""
        return (in_shape[0], in_shape[1]), (self.stride, self.stride)

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return the constant where nothing is subsampled or padded, else None."""
        axes = Engine.sampling(in_shape[:2], self.J, self.padding, self.grid, self.oversampling)
        if self.oversampling < self.J or any(a.padded > a.size for a in axes):
            return None
        upper = 1.0 if self.bank == "tight" else max(1.0, self._new_engine(in_shape).bank.frame_bounds()[1])
        return float(upper ** ((self.max_order + 1) / 2))

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return those of the FFTs, 2 n log2 n of n complex numbers, and of the filters."""
        axes = Engine.sampling(in_shape[:2], self.J, self.padding, self.grid, self.oversampling)
        area, total = axes[0].padded * axes[1].padded, 0.0
        for path in scattering_paths(self.J, self.L, self.max_order, every=self.paths == "all"):
            r = [0, *(max(j - self.oversampling, 0) for j in path.scales)]
            before, after = (area / 4 ** max(s) for s in (r[:-1] or r, r))
            total += 2 * after * np.log2(after) + 2 * before if path.order else 0
            total += after * np.log2(after)  # the half-spectrum FFT that its continuations share
        return int(in_shape[2] * total)

    def _new_engine(self, in_shape: Shape3) -> Engine:
        every = self.paths == "all"
        return Engine(
            in_shape[:2], self.J, self.L, self.max_order, self.padding, self.grid, self.oversampling, self.bank, every
        )

    def _prepare(self) -> None:
        if self._cascades is None or self._cascades.size != tuple(self.in_shape[:2]):
            object.__setattr__(self, "_cascades", self._new_engine(self.in_shape))

    def definition(self, x: NDArray) -> NDArray:
        """Return the scattering maps, (n, h, w, c) -> (n, h', w', c n_paths)."""
        n, h, w, c = x.shape
        maps = self.engine(np.ascontiguousarray(np.moveaxis(x, -1, 1)).reshape(n * c, h, w), Scratch())
        return np.moveaxis(maps.reshape(n, -1, *maps.shape[2:]), 1, -1)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (S x, pullback, state)."""
        n, h, w, c = x.shape

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            gray = np.ascontiguousarray(np.moveaxis(x, -1, 1)).reshape(n * c, h, w)
            paths = np.moveaxis(g, -1, 1).reshape(n * c, -1, *g.shape[1:3])
            return np.moveaxis(self.engine.vjp(gray, paths).reshape(n, c, h, w), 1, -1), {}

        return self.definition(x), pullback, self.state

    def _check_size(self, size: tuple[int, ...]) -> None:
        J = self.J
        if self.padding == "zero" and self.grid == "centred":
            if 2**J > 2 * max(size):
                raise ValueError(
                    f"J={J} averages over 2**J = {2**J} pixels, more than twice the image of {size[0]} x {size[1]}. "
                    f"Use J <= {int(np.log2(2 * max(size)))}."
                )
        elif 2**J > min(size):
            raise ValueError(
                f"J={J} averages over 2**J = {2**J} pixels, more than the image of {size[0]} x {size[1]}. "
                f"Use J <= {int(np.log2(min(size)))}, or padding='zero' with grid='centred'."
            )
