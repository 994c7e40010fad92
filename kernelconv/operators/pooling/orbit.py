"""Group invariance: the mean of a representation over an image's quarter turns and flips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import check_choice
from kernelconv._types.arrays import Data
from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State
from kernelconv.operators.composite import Composite
from kernelconv.operators.maps import Maps

Group = Literal["rotations", "flips", "rotations and flips"]
GROUPS: dict[str, tuple[tuple[int, bool], ...]] = {
    "rotations": tuple((k, False) for k in range(4)),
    "flips": ((0, False), (0, True)),
    "rotations and flips": tuple((k, flip) for flip in (False, True) for k in range(4)),
}


def turned(x: Any, quarter_turns: int, flip: bool) -> Any:
    """Return `x` (n, h, w, c), of any array library, flipped left to right where asked, then turned."""
    xp = namespace(x)
    x = xp.flip(x, axis=2) if flip else x
    if quarter_turns % 2:
        x = xp.permute_dims(xp.flip(x, axis=2), (0, 2, 1, 3))
    return xp.flip(x, axis=(1, 2)) if quarter_turns >= 2 else x


def turned_back(x: NDArray, quarter_turns: int, flip: bool) -> NDArray:
    """Return the inverse (and adjoint) of `turned`."""
    x = np.rot90(x, -quarter_turns, axes=(1, 2))
    return x[:, :, ::-1] if flip else x


@dataclass(frozen=True, repr=False)
class OrbitPooling(Composite):
    r"""The mean of a part over the group acting on its input: :math:`\frac1{|G|} \sum_{g \in G} F(g x)`.

    It is exactly invariant, since the sums over g and over g h have the same terms. A part that learns from data sees
    each image transformed by one element of the group; images take the elements in turn.

    Parameters
    ----------
    part : Part
        F, a layer or a network.
    group : {"rotations", "flips", "rotations and flips"}
        Quarter turns, left-right flips, or both (the symmetries of the square).

    Raises
    ------
    ValueError
        From the constructor for another group; from ``out_shape`` and ``build`` for images that are not square with a
        group of rotations.

    Notes
    -----
    Cost: 2, 4 or 8 times that of F. The Lipschitz constant is that of F, since the group acts by isometries.

    References
    ----------
    Bietti & Mairal (2019), Group invariance, stability to deformations, and complexity of deep convolutional
    representations, section 4: pooling over the group.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Convolution, OrbitPooling
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> part = OrbitPooling(Convolution(1, 3)).build((3, 3, 1), np.random.default_rng(0))
    >>> bool(np.allclose(part.forward(x), part.forward(np.rot90(x, axes=(1, 2)))))
    True
    """

    part: Part
    group: Group = "rotations"

    def __post_init__(self) -> None:
        """Check the part and the group."""
        if not isinstance(self.part, Part):
            raise ValueError(f"part of an OrbitPooling must be a part, got {self.part!r}.")
        check_choice(self.group, "group", get_args(Group))

    @property
    def named_parts(self) -> dict[str, Part]:
        """{"orbit": part}."""
        return {"orbit": self.part}

    @property
    def equivariant(self) -> bool:
        """False: a turned image's shift is a shift in another direction."""
        return False

    @property
    def couples_samples(self) -> bool:
        """True if the part does."""
        return self.part.couples_samples

    def _with_parts(self, parts: Sequence[Part]) -> OrbitPooling:
        return self._with(part=parts[0])

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"OrbitPooling({self.part!r}, {self.group!r})"

    def shapes(self, in_shape: Shape3) -> list[Shape3]:
        """Return the input and output shape."""
        if "rotations" in self.group and in_shape[0] != in_shape[1]:
            raise ValueError(f"Quarter turns need square images, got {tuple(in_shape[:2])} px: use group='flips'.")
        return super().shapes(in_shape)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return None: a position sees the places to which the group brings its field."""
        return None, None

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the multiply-adds of the part times the number of elements of the group."""
        return len(GROUPS[self.group]) * super().multiply_adds(in_shape)

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> OrbitPooling:
        """Return a copy whose part is built on images that are each transformed by one element, in turn."""
        self.out_shape(in_shape)
        return self._with(part=self.part.build(in_shape, rng, None if data is None else _Orbit(data, self.group)))

    def _through(self, x: Any, run: Callable[[Part, Any], Any]) -> Any:
        """Return the mean over the group: (n, h, w, c) -> (n, h', w', c')."""
        elements = GROUPS[self.group]
        total = run(self.part, turned(x, *elements[0]))
        for element in elements[1:]:
            total = total + run(self.part, turned(x, *element))
        return total / len(elements)

    def _pullback(
        self, x: NDArray, *, train: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[NDArray, Pullback, State]:
        """Return (mean over the group, pullback, state)."""
        elements = GROUPS[self.group]
        runs = [self.part.pullback(turned(x, *e), train=train, rng=rng) for e in elements]

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            g = g / g.dtype.type(len(elements))
            pulled = [pull(g) for _, pull, _ in runs]
            gx = sum(turned_back(h, *e) for (h, _), e in zip(pulled, elements, strict=True))
            grads = {f"orbit.{k}": sum(own[k] for _, own in pulled) for k in pulled[0][1]}
            return np.asarray(gx), {k: np.asarray(v) for k, v in grads.items()}

        y = sum(run[0] for run in runs) / runs[0][0].dtype.type(len(elements))
        return np.asarray(y), pullback, {f"orbit.{k}": v for k, v in runs[0][2].items()}

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        elements = GROUPS[self.group]
        back = self.part._transposed(y, shape) / y.dtype.type(len(elements))
        return np.asarray(sum(turned_back(back, *e) for e in elements))


class _Orbit(Maps):
    """Images, each turned by the element that its index picks."""

    def __init__(self, data: Any, group: str) -> None:
        super().__init__(data, ())
        self.group = group

    def in_one_pass(self, n_patches: int, rng: np.random.Generator, parts: Sequence[Part] = ()) -> NDArray | None:
        """Return None: which element turns an image depends on what is drawn with it."""
        return None

    def __getitem__(self, index: NDArray) -> NDArray:
        x, elements = np.asarray(self.data[index]), GROUPS[self.group]
        return np.stack([turned(x[[i]], *elements[j % len(elements)])[0] for i, j in enumerate(index)])
