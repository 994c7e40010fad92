"""Concat(branches): several parts on the same maps, with their outputs side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import Pair
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State
from kernelconv.operators.composite import Composite, _definition, first_start, joined
from kernelconv.operators.wavelets.filtering import Spectra


@dataclass(frozen=True, repr=False, init=False)
class Concat(Composite):
    r"""Branches on the same maps, with outputs concatenated along channels, :math:`x \mapsto (F_1 x, \dots, F_m x)`.

    Parameters
    ----------
    *branches : Part
        Usually ``serial(...)``. Their outputs have the same height and width.

    Raises
    ------
    ValueError
        If there is no branch, or something is not a part; from ``out_shape`` and ``build`` if two branches give maps of
        different height or width.

    Notes
    -----
    ``params`` are named "branch_1.…", "branch_2.…". Gradient: the sum of the branches' pullbacks, each on its channels.
    Lipschitz constant: the root of the sum of the branches' squared ones. Linear, homogeneous, equivariant if all are.

    References
    ----------
    Szegedy et al. (2015), Going deeper with convolutions, CVPR, figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import AveragePooling, Concat, MaxPooling
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> Concat(AveragePooling(2), MaxPooling(2)).forward(x).ravel()
    array([1.5, 3. ])
    """

    branches: tuple[Part, ...]

    channelwise = False

    def __init__(self, *branches: Part) -> None:
        if not branches or not all(isinstance(branch, Part) for branch in branches):
            raise ValueError(f"Concat joins one or more parts, got {branches!r}.")
        object.__setattr__(self, "branches", branches)

    @property
    def named_parts(self) -> dict[str, Part]:
        """{"branch_1": ..., ...}."""
        return {f"branch_{i}": branch for i, branch in enumerate(self.branches, 1)}

    def _with_parts(self, parts: Sequence[Part]) -> Concat:
        return self._with(branches=tuple(parts))

    def _made_of(self, branches: Mapping[str, Part]) -> Concat:
        """Return one, not built, of other branches."""
        return Concat(*branches.values())

    def shapes(self, in_shape: Shape3) -> list[Shape3]:
        """Return the input shape, once per branch, then the output shape."""
        outputs = [branch.out_shape(in_shape) for branch in self.branches]
        if len({shape[:2] for shape in outputs}) > 1:
            raise ValueError(f"Branches give maps of shapes {outputs}: their heights and widths must be the same.")
        return [*[tuple(in_shape)] * len(outputs), (*outputs[0][:2], sum(shape[2] for shape in outputs))]

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        constants = [branch.lipschitz(in_shape) for branch in self.branches]
        known = [c for c in constants if c is not None]
        return float(np.linalg.norm(known)) if len(known) == len(constants) else None

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the largest field of the branches, and the stride of the first one."""
        fields, strides = zip(*(branch.receptive_field(in_shape) for branch in self.branches), strict=True)
        height, width = (max(f[a] for f in fields) for a in (0, 1))
        return (height, width), strides[0]

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return the smallest ``field_start`` of the branches along each axis, None if one of them is."""
        return first_start([part.field_start(in_shape) for part in self.branches])

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> Concat:
        """Return a copy with all branches built on the same maps."""
        self.out_shape(in_shape)
        return self._with_parts([branch.build(in_shape, rng, data) for branch in self.branches])

    def _through(self, x: Any, run: Callable[[Part, Any], Any]) -> Any:
        """Return what the branches make of x, joined along the channels."""
        outputs = [run(branch, x) for branch in self.branches]
        return namespace(outputs[0]).concat(outputs, axis=-1)

    @property
    def reads_spectra(self) -> bool:  # type: ignore[override]
        """Whether every branch begins with a filter: they then share one Fourier transform."""
        return all(branch.reads_spectra for branch in self.branches)

    def definition(self, x: Array | Spectra) -> Any:
        """Return the branches' outputs, concatenated: (n, h, w, c) -> (n, h', w', sum of c')."""
        return self._through(Spectra(x) if self.reads_spectra and not isinstance(x, Spectra) else x, _definition)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pull, state): the gradient in x is the sum over the branches."""
        ways = {name: branch.pullback(x, train=train, rng=rng) for name, branch in self.named_parts.items()}
        outputs = [y for y, _, _ in ways.values()]

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            # of a real branch beside a complex one only the real part counts
            parts = [p if np.iscomplexobj(y) else p.real for p, y in zip(self._split(g), outputs, strict=True)]
            pulled = {name: pull(p) for p, (name, (_, pull, _)) in zip(parts, ways.items(), strict=True)}
            total = reduce(np.add, [gx for gx, _ in pulled.values()])
            return total, joined({name: grads for name, (_, grads) in pulled.items()})

        return np.concatenate(outputs, axis=-1), pullback, joined({name: state for name, (_, _, state) in ways.items()})

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        ways = zip(self.branches, self._split(y), strict=True)
        back = [branch._transposed(part, shape) for branch, part in ways]
        if not all(map(np.iscomplexobj, back)):  # the maps are real, whatever a branch makes of them
            back = [x.real for x in back]
        return reduce(np.add, back)

    def _split(self, y: NDArray) -> list[NDArray]:
        ends = np.cumsum([branch._shapes[-1][2] for branch in self.branches])
        return np.split(y, ends[:-1], axis=-1)

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"Concat({', '.join(map(repr, self.branches))})"
