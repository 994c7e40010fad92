"""Composition: parts in a row are again a part, with params named "part.param"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernelconv._arrays import as_data
from kernelconv._check import Pair, check_named, check_shape
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State
from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.maps import Maps


class Parts(Engine):
    """A composite's parts, each by its own engine."""

    def forward(self, x: NDArray) -> NDArray:
        """Return F(x)."""
        return self.part._through(x, _forward)


def _forward(part: Part, x: Any) -> Any:
    return part.forward(x)


def _definition(part: Part, x: Any) -> Any:
    return part.definition(x)


class Composite(Part):
    """A part made of others, run in the order of ``named_parts``: Layer and Network."""

    _own_engine: ClassVar[type[Engine]] = Parts

    def __init_subclass__(cls, **options: Any) -> None:
        """Give a composite with a definition of its own no engine that would run its parts instead."""
        super().__init_subclass__(**options)
        if "definition" in vars(cls) and "_own_engine" not in vars(cls):
            cls._own_engine = Engine

    _derived_names: ClassVar[tuple[str, ...]] = ("_engine", "_placed", "_in_shape", "_shapes")

    @property
    def named_parts(self) -> dict[str, Part]:
        """The parts by name, in the order the data flows."""
        raise NotImplementedError

    def _with_parts(self, parts: Sequence[Part]) -> Self:
        """Return a copy holding `parts` in place of its own."""
        raise NotImplementedError

    # -- traits follow from the parts ------------------------------------------------------------------------------

    @property
    def linear(self) -> bool:  # type: ignore[override]  # a property, where other parts have a class attribute
        """True if every part is."""
        return all(p.linear for p in self.named_parts.values())

    @property
    def homogeneous(self) -> bool:  # type: ignore[override]
        """True if every part is."""
        return all(p.homogeneous for p in self.named_parts.values())

    @property
    def equivariant(self) -> bool:  # type: ignore[override]
        """True if every part is."""
        return all(p.equivariant for p in self.named_parts.values())

    @property
    def channelwise(self) -> bool:  # type: ignore[override]
        """True if every part is."""
        return all(p.channelwise for p in self.named_parts.values())

    @property
    def couples_samples(self) -> bool:  # type: ignore[override]
        """True if any part does."""
        return True in [p.couples_samples for p in self.named_parts.values()]

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """True if every part is."""
        return all(p.differentiable for p in self.named_parts.values())

    def shapes(self, in_shape: Shape3) -> list[Shape3]:
        """Return the input shape of every part, then the output shape."""
        shapes: list[Shape3] = [check_shape(in_shape)]
        for name, part in self.named_parts.items():
            try:
                shapes.append(part._out_shape(shapes[-1]))
            except ValueError as error:
                raise ValueError(f"{name} ({part!r}) does not fit its input of shape {shapes[-1]}: {error}") from None
        return shapes

    def _inner_shapes(self, *, gradient: bool = False) -> list[Shape3]:
        return [s for part in self.named_parts.values() for s in part._inner_shapes(gradient=gradient)]

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return self.shapes(in_shape)[-1]

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return the product of the parts' constants, or None if one is unknown."""
        product = 1.0
        for part, shape in zip(self.named_parts.values(), self.shapes(in_shape), strict=False):
            constant = part.lipschitz(shape)
            if constant is None:
                return None
            product *= constant
        return product

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (receptive field, total stride): each window adds (k - 1) times the stride before it.

        Transposed convolutions have a stride below 1; for the parts after them the field may be overstated.
        """
        field, stride = [1, 1], [1, 1]
        for part, shape in zip(self.named_parts.values(), self.shapes(in_shape), strict=False):
            size, step = part.receptive_field(shape)
            field = [f + (k - 1) * s for f, k, s in zip(field, size, stride, strict=True)]
            stride = [s * t for s, t in zip(stride, step, strict=True)]
        return tuple(map(math.ceil, field)), tuple(int(s) if s == int(s) else s for s in stride)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return the sum of the parts' starts, each times the stride before it; None along an axis if one is None."""
        start: list[Any] = [0, 0]
        stride: tuple[Any, ...] = (1, 1)
        for part, shape in zip(self.named_parts.values(), self.shapes(in_shape), strict=False):
            own = part.field_start(shape)
            start = [None if None in (a, b) else a + b * s for a, b, s in zip(start, own, stride, strict=True)]
            stride = tuple(s * t for s, t in zip(stride, part.receptive_field(shape)[1], strict=True))
        return start[0], start[1]

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the sum over the parts."""
        shapes = self.shapes(in_shape)
        return sum(p.multiply_adds(s) for p, s in zip(self.named_parts.values(), shapes, strict=False))

    # -- params are the parts' -------------------------------------------------------------------------------------

    @property
    def params(self) -> Grads:
        """Every part's params, named "part.param"."""
        return joined({n: p.params for n, p in self.named_parts.items()})

    @property
    def state(self) -> Grads:
        """Every part's state, named "part.name"."""
        return joined({n: p.state for n, p in self.named_parts.items()})

    @cached_property
    def _in_shape(self) -> Any:  # type: ignore[override]  # what build sets on other parts
        return next(iter(self.named_parts.values()))._in_shape

    @cached_property
    def _shapes(self) -> tuple[Shape3, ...]:  # type: ignore[override]
        return tuple(self.shapes(self._in_shape))

    def _at(self, in_shape: tuple[int, ...]) -> Self:
        shapes = self.shapes(check_shape(in_shape, "x.shape[1:]"))
        return self._with_parts([p._at(s) for p, s in zip(self.named_parts.values(), shapes, strict=False)])

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> Self:
        """Return a copy with every part built, each on the maps that the parts before it compute from `data`."""
        return self._build(in_shape, rng, data)

    def _build(
        self,
        in_shape: Shape3,
        rng: np.random.Generator | None,
        data: Any,
        progress: Callable[[str, Part], None] | None = None,
    ) -> Self:
        """Build; call `progress` with the name of each part and the part, when it is built."""
        shapes = self.shapes(in_shape)  # everything fits, before anything is learned
        data = None if data is None else as_data(data, shapes[0])
        built: list[Part] = []
        for (name, part), planned, after in zip(self.named_parts.items(), shapes, shapes[1:], strict=False):
            shape = built[-1]._shapes[-1] if built else planned  # a part may have found less to learn than planned
            if type(part).build is Part.build and shape == planned:  # nothing is drawn or learned
                built.append(part._with(_in_shape=shape, _shapes=(shape, after), params={}, state={}))
            else:
                built.append(part.build(shape, rng, None if data is None else Maps(data, tuple(built))))
            if progress is not None:
                progress(name, built[-1])
        return self._with_parts(built)

    def replace(self, params: Mapping[str, NDArray], state: State | None = None) -> Self:
        """Return a copy that holds `params` (and `state`), named "part.param", of the same names and shapes."""
        self._check_built()
        known = self.params.keys()
        if known != check_named(params, "params").keys():
            raise ValueError(f"replace wants params {sorted(known)}, got {sorted(map(str, params))}.")
        if state is not None:
            check_named(state, "state")
        return self._with_parts(
            [
                part.replace(_inner(params, name), None if state is None else _inner(state, name))
                for name, part in self.named_parts.items()
            ]
        )

    def constrain(self, params: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """Return `params` projected back onto their constraint sets, part by part."""
        return joined({n: p.constrain(_inner(params, n)) for n, p in self.named_parts.items() if p.params})

    def _beside(self, x: Any) -> Self:
        return self._with_parts([part._beside(x) for part in self.named_parts.values()])

    def astype(self, dtype: DTypeLike) -> Self:
        """Return a copy whose params and state have `dtype`."""
        self._check_built()
        parts = self.named_parts.values()
        return self._with_parts([p.astype(dtype) if p.params or p.state else p for p in parts])

    # -- running ---------------------------------------------------------------------------------------------------

    def definition(self, x: Array) -> Any:
        """Return F(x) by the definitions of the parts: (n, h, w, c) -> (n, h', w', c')."""
        return self._through(x, _definition)

    def training_definition(self, x: Array, uniform: Callable[[tuple[int, ...]], Any]) -> tuple[Any, Mapping[str, Any]]:
        """Return (F(x), new state) in training mode; if a part is run several times, the state after its first run."""
        names = {id(part): name for name, part in self.named_parts.items()}
        states: dict[str, Any] = {}

        def run(part: Part, x: Any) -> Any:
            y, state = part.training_definition(x, uniform)
            states.setdefault(names[id(part)], state)
            return y

        y = self._through(x, run)
        return y, joined({name: states.get(name, part.state) for name, part in self.named_parts.items()})

    def _through(self, x: Any, run: Callable[[Part, Any], Any]) -> Any:
        """Return what the parts make of `x` together, each run by ``run(part, x)``: what is joined, written once."""
        for part in self.named_parts.values():
            x = run(part, x)
        return x

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pull, new state), by the chain rule over the parts."""
        pullbacks: list[tuple[str, Pullback]] = []
        states = {}
        for name, part in self.named_parts.items():
            x, pull, states[name] = part.pullback(x, train=train, rng=rng)
            pullbacks.append((name, pull))

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            grads = {}
            for name, pull in reversed(pullbacks):
                g, grads[name] = pull(g)
            return g, joined(grads)

        return x, pullback, joined(states)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        for part, in_shape in zip(reversed(self.named_parts.values()), reversed(self._shapes[:-1]), strict=True):
            y = part._transposed(y, (len(y), *in_shape))
        return y

    def __repr__(self) -> str:
        """Return the parts outermost first, as the formula is written: A ∘ M ∘ P."""
        return " ∘ ".join(
            f"({part!r})" if isinstance(part, Composite) else repr(part) for part in reversed(self.named_parts.values())
        )


def first_start(starts: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return the smallest of the branches' ``field_start`` along each axis, None if one of them is."""
    rows, columns = (None if None in axis else min(axis) for axis in zip(*starts, strict=True))
    return rows, columns


def joined(by_part: Mapping[str, Mapping[str, NDArray]]) -> Grads:
    """Return the arrays of all parts, named "part.name"."""
    return {f"{name}.{key}": value for name, inner in by_part.items() for key, value in inner.items()}


def _inner(joined: Mapping[str, NDArray], name: str) -> Grads:
    return {k[len(name) + 1 :]: v for k, v in joined.items() if k.startswith(f"{name}.")}


def sum_grads(blocks: Sequence[Grads]) -> Grads:
    """Return the sum of the blocks' gradients, added in block order."""
    total = {k: v.copy() for k, v in blocks[0].items()}
    for grads in blocks[1:]:
        for k, v in grads.items():
            total[k] += v
    return total
