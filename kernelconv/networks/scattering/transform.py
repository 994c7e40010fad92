"""The scattering transform as a part of a network, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_choice, check_count
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border
from kernelconv.networks.scattering.definition import scattering_tree
from kernelconv.networks.scattering.geometry import PADDINGS, Geometry
from kernelconv.networks.scattering.paths import ScatteringPath, check_span
from kernelconv.networks.serial import Network
from kernelconv.operators.base import Pair, Part, Pullback, Shape3, State
from kernelconv.operators.wavelets.filter_bank import Bank

Grid = Literal["centred", "kymatio"]
Paths = Literal["decreasing", "all"]
Engine = Literal["native", "kymatio"]


@dataclass(frozen=True, repr=False)
class ScatteringTransform(Part):
    r"""S: the scattering maps of each channel, (n, h, w, c) -> (n, h', w', c n_paths), path by path in each channel.

    .. math:: S[p] x = (U[p] x * \phi_J)(2^J \cdot), \qquad
              U[\lambda_1, \dots, \lambda_m] x = |\cdots |x * \psi_{\lambda_1}| \cdots * \psi_{\lambda_m}|

    Parameters
    ----------
    J, L, max_order, padding, oversampling, grid, bank, paths, engine
        As in `kernelconv.Scattering2D`.
    only : tuple of ScatteringPath, optional
        Some of these paths, in order: the output has their maps alone, computed with those of the paths they continue.

    Raises
    ------
    ValueError
        If a parameter is out of its range; from ``out_shape`` and ``build`` if 2^J is larger than the image allows (see
        `Scattering2D`), or `only` does not hold some of the paths in their order; from ``build`` if `engine` is
        "kymatio" and kymatio does not support the other parameters.
    NotImplementedError
        From ``pullback`` if `engine` is "kymatio", which has no gradient.

    Notes
    -----
    The definition is a tree of wavelet transforms, moduli and low-passes, ``tree`` (`scattering_tree`); the engine
    computes it branch by branch.
    Gradient: for each modulus u -> abs(u * psi), the adjoint convolution of g times the phase of u * psi, which is 0
    where u * psi is 0. The pullback needs the memory of one branch, since it computes the moduli again; it costs about
    three times as much as ``forward``. Lipschitz constant: with circular borders and no subsampling (`oversampling` =
    J), max(1, B)^((max_order + 1) / 2), with B the upper frame bound, 1 for the tight bank; not known otherwise.

    References
    ----------
    Mallat (2012), Group invariant scattering, Comm. Pure Appl. Math. 65(10), equations 2.20 and 2.25.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks import ScatteringTransform
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
    padding: Border = "reflect"
    oversampling: int = 0
    grid: Grid = "centred"
    bank: Bank = "morlet"
    paths: Paths = "decreasing"
    engine: Engine = "native"
    only: tuple[ScatteringPath, ...] | None = None

    homogeneous = True
    _derived_names = ("_engine", "_placed", "geometry", "tree")

    real_only = True

    def __post_init__(self) -> None:
        """Check every field."""
        for name, least in (("J", 1), ("L", 1), ("max_order", 0), ("oversampling", 0)):  # NumPy's small ints overflow
            object.__setattr__(self, name, check_count(getattr(self, name), name, least))
        if self.only is not None and not isinstance(self.only, tuple):
            raise ValueError(f"only must be a tuple of paths, or None for all, got {self.only!r}.")
        check_choice(self.padding, "padding", tuple(PADDINGS))
        check_choice(self.grid, "grid", get_args(Grid))
        check_choice(self.bank, "bank", get_args(Bank))
        check_choice(self.paths, "paths", get_args(Paths))
        check_choice(self.engine, "engine", get_args(Engine))

    @property
    def equivariant(self) -> bool:  # type: ignore[override]
        """True for circular padding: a shift by 2^J px moves the maps, where 2^J divides the image."""
        return self.padding == "circular"

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """True for the native engine."""
        return self.engine == "native"

    @cached_property
    def geometry(self) -> Geometry:
        """Grids, paths and filters, once built."""
        self._check_built()
        return self._geometry(self.in_shape)

    @cached_property
    def tree(self) -> Network:
        """The definition, once built: a network of parts whose maps are those of this one."""
        return scattering_tree(self.geometry, self.in_shape[2]).build(self.in_shape)

    def with_paths(self, only: tuple[ScatteringPath, ...]) -> ScatteringTransform:
        """Return a copy of a built transform that computes the paths `only`; it shares the filters."""
        new = replace(self, only=only).build(self.in_shape)
        new.__dict__["geometry"] = self.geometry.with_paths(only, self.max_order)
        return new

    def _prepare(self) -> None:
        if self.engine == "kymatio":
            self._engine  # noqa: B018  refuses what kymatio cannot compute
        if self.bank == "tight" and self.L == 1:
            self.geometry.bank  # noqa: B018  refuses what one direction cannot cover

    def _geometry(self, in_shape: Shape3) -> Geometry:
        if in_shape == self._in_shape and "geometry" in self.__dict__:
            return self.geometry
        wide = self.padding == "zero" and self.grid == "centred"
        check_span(in_shape[:2], self.J, wide, "padding='zero' with grid='centred'")
        return Geometry(
            (in_shape[0], in_shape[1]), self.J, self.L, self.max_order, self.padding, self.grid, self.oversampling,
            self.bank, self.paths == "all", only=self.only,
        )  # fmt: skip

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        geometry = self._geometry(in_shape)
        return (*geometry.out_size, in_shape[2] * len(geometry.paths))

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (the whole image, the stride): wavelets have no border."""
        stride = self._geometry(in_shape).stride
        return (in_shape[0], in_shape[1]), (stride, stride)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return None along both axes."""
        return None, None

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return the constant where nothing is subsampled or padded, else None."""
        geometry = self._geometry(in_shape)
        if self.oversampling < self.J or geometry.padded != geometry.size:
            return None
        upper = 1.0 if self.bank == "tight" else max(1.0, geometry.bank.frame_bounds()[1])
        return float(upper ** ((self.max_order + 1) / 2))

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the multiply-adds of the FFTs, 2 n log2 n for n complex numbers, and of the filter products."""
        geometry = self._geometry(in_shape)
        area, total = geometry.padded[0] * geometry.padded[1], 0.0
        for path in geometry.computed:
            before, after = (area / 4 ** geometry.resolution(p) for p in (path.parent, path))
            total += 2 * after * np.log2(after) + 2 * before if path.order else 0
            total += after * np.log2(after)  # the half-spectrum FFT that its continuations share
        return int(in_shape[2] * total)

    def _beside(self, x: Any) -> ScatteringTransform:
        new = self._with()
        new.__dict__.update(geometry=self.geometry, tree=self.tree._beside(x))
        return new

    def definition(self, x: Array) -> Any:
        """Return the scattering maps by the tree, (n, h, w, c) -> (n, h', w', c n_paths)."""
        return self.tree.definition(x)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (S x, pull, state), by the tree."""
        y, pull, _ = self.tree.pullback(x)
        return y, pull, self.state

    def __repr__(self) -> str:
        """Return the constructor call; of `only`, how many paths."""
        if self.only is None:
            return super().__repr__()
        return f"{replace(self, only=None)!r}"[:-1] + f", only={len(self.only)} paths)"
