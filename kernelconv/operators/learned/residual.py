"""Residual(branch, shortcut): x -> branch(x) + shortcut(x)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv._types.arrays import Data
from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State
from kernelconv.operators.composite import Composite, first_start, joined


@dataclass(frozen=True, repr=False)
class Residual(Composite):
    r"""A branch with a shortcut connection, x -> branch(x) + shortcut(x).

    Parameters
    ----------
    branch : Part
        What is learned on top of the shortcut; usually ``serial(...)``.
    shortcut : Part, optional
        The identity by default; a 1x1 convolution where the branch changes the shape.

    Raises
    ------
    ValueError
        From ``out_shape`` and ``build`` if the two outputs have different shapes.

    Notes
    -----
    ``params`` are named "branch.…" and "shortcut.…". Gradient: the sum of both pullbacks. Lipschitz constant: the sum
    of both constants. Linear and homogeneous if both parts are.

    References
    ----------
    He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, eqs. (1) and (2).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Convolution, Residual
    >>> part = Residual(Convolution(3, 3, padding="zero"))
    >>> part.build((5, 5, 3), np.random.default_rng(0)).forward(np.ones((2, 5, 5, 3))).shape
    (2, 5, 5, 3)
    """

    branch: Part
    shortcut: Part | None = None

    def __post_init__(self) -> None:
        """Check that both are parts."""
        for name, part in (("branch", self.branch), ("shortcut", self.shortcut)):
            if not isinstance(part, Part) and (name == "branch" or part is not None):
                raise ValueError(f"{name} of a Residual must be a part, got {part!r}.")

    @property
    def named_parts(self) -> dict[str, Part]:
        """{"branch": ..., "shortcut": ...}, without the shortcut if it is the identity."""
        return {"branch": self.branch} | ({} if self.shortcut is None else {"shortcut": self.shortcut})

    def _with_parts(self, parts: Sequence[Part]) -> Residual:
        return self._with(branch=parts[0], shortcut=parts[1] if len(parts) > 1 else None)

    def shapes(self, in_shape: Shape3) -> list[Shape3]:
        """Return the shapes of the input, of the outputs of branch and shortcut, and of the sum."""
        outputs = [part.out_shape(in_shape) for part in self.named_parts.values()]
        if self.shortcut is None:
            outputs.append(tuple(in_shape))
        if outputs[0] != outputs[1]:
            raise ValueError(
                f"The branch gives maps of shape {outputs[0]}, the shortcut {outputs[1]}: give the shortcut a part "
                "that brings them together, as Convolution(channels, 1, stride)."
            )
        return [tuple(in_shape), *outputs, outputs[0]]

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return the sum of both constants, or None if one is unknown."""
        constants = [part.lipschitz(in_shape) for part in self.named_parts.values()]
        known = [c for c in constants if c is not None]
        return sum(known, float(self.shortcut is None)) if len(known) == len(constants) else None

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the larger of both fields, and the stride of the branch."""
        fields, strides = zip(*(part.receptive_field(in_shape) for part in self.named_parts.values()), strict=True)
        height, width = (max(f[a] for f in fields) for a in (0, 1))
        return (height, width), strides[0]

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return the smaller ``field_start`` along each axis, None if one of them is."""
        return first_start([part.field_start(in_shape) for part in self.named_parts.values()])

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the sum over branch and shortcut."""
        return sum(part.multiply_adds(in_shape) for part in self.named_parts.values())

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> Residual:
        """Return a copy with branch and shortcut built on the same maps."""
        self.out_shape(in_shape)
        return self._with_parts([part.build(in_shape, rng, data) for part in self.named_parts.values()])

    def _through(self, x: Any, run: Callable[[Part, Any], Any]) -> Any:
        """Return branch(x) + shortcut(x)."""
        return run(self.branch, x) + (x if self.shortcut is None else run(self.shortcut, x))

    def _pullback(
        self, x: NDArray, *, train: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state): the gradient in x is the sum over both ways."""
        ways = {name: part.pullback(x, train=train, rng=rng) for name, part in self.named_parts.items()}
        outputs = [y for y, _, _ in ways.values()]

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            pulled = {name: pull(g) for name, (_, pull, _) in ways.items()}
            gradients = [gx for gx, _ in pulled.values()]
            total = gradients[0] + (g if self.shortcut is None else gradients[1])
            return total, joined({name: grads for name, (_, grads) in pulled.items()})

        y = outputs[0] + (x if self.shortcut is None else outputs[1])
        return y, pullback, joined({name: state for name, (_, _, state) in ways.items()})

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        back = self.branch._transposed(y, shape)
        return back + (y if self.shortcut is None else self.shortcut._transposed(y, shape))

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"Residual({', '.join(map(repr, self.named_parts.values()))})"
