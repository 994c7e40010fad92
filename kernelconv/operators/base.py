"""The contract of a part: an immutable specification that is built, run, differentiated and transposed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import FLOATING, as_cotangent, as_floating, is_complex, zeros_like_one
from kernelconv._check import Pair, check_shape
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.fast.choice import Engine, engine_for
from kernelconv.operators.matrix import Matrix
from kernelconv.operators.unwritten import unwritten
from kernelconv.operators.values import State, Values

Shape3 = tuple[int, ...]  # (height, width, channels)
Grads = dict[str, NDArray]
Pullback = Callable[[NDArray], tuple[NDArray, Grads]]
ParamPullback = Callable[[NDArray], Grads]


@dataclass(frozen=True, repr=False)
class Part(Values, Matrix):
    r"""One step of a network, from maps (n, h, w, c) to maps (n, h', w', c').

    A part is a specification: its fields never change. ``build`` returns a copy that has an input shape and
    holds ``params`` (a dict of arrays: anchors, weights) and ``state`` (arrays that training updates but no gradient
    reaches); ``replace`` returns a copy with other params. Parts hold no random state. Traits, known before any data:

    - ``linear``: F(x) = A x, so ``adjoint`` exists;
    - ``homogeneous``: F(c x) = c F(x) for c > 0;
    - ``equivariant``: a shift by the stride commutes with F when borders are circular;
    - ``channelwise``: F acts on every channel separately and in the same way; if linear, it commutes with any matrix
      on the channels;
    - ``of_patches``: its input consists of patches, so it must follow patch extraction;
    - ``couples_samples``: in training a sample's output depends on the others (BatchNorm);
    - ``differentiable``: ``pullback`` exists;
    - ``splits``: F ends in a matrix on the channels (KernelMapping);
    - ``real_only``: F is not defined for complex maps, and raises an error for them;
    - ``lipschitz(in_shape)``: a constant c with norm(Fx - Fy) <= c norm(x - y), or None where none is known.

    Subclasses implement ``definition``, the formula in array API code, ``_out_shape``, ``_lipschitz`` where a constant
    is known, and where differentiable ``_pullback``; linear ones implement ``_adjoint`` and get ``_pullback`` from it.
    Those that draw or learn something implement ``build``. Public methods are defined here, once: on a NumPy array
    ``forward`` uses the engine that ``operators/fast`` names for parts of this type, if any; else the definition.
    """

    # Class attributes where a trait is the same for all parts of a type, properties where it depends on the fields.
    linear: ClassVar[Any] = False
    homogeneous: ClassVar[Any] = False
    equivariant: ClassVar[Any] = False
    channelwise: ClassVar[Any] = False
    of_patches: ClassVar[Any] = False
    couples_samples: ClassVar[Any] = False
    differentiable: ClassVar[Any] = True
    splits: ClassVar[Any] = False
    real_only: ClassVar[Any] = False
    reads_spectra: ClassVar[Any] = False

    # Set on the copy that build returns; not fields: specifications are equal whatever was built from them.
    #: The arrays that a gradient reaches, by name.
    params: ClassVar[Any] = MappingProxyType({})
    #: The arrays that training updates without a gradient, by name.
    state: ClassVar[Any] = MappingProxyType({})
    #: Input shape, and the shapes on the way: input first, output last.
    _in_shape: ClassVar[Any] = None
    _shapes: ClassVar[Any] = None
    _own_engine: ClassVar[type[Engine]] = Engine
    #: True if a `build` of its own neither draws nor learns, so that a call can do it for the shape that it sees.
    _runs_unbuilt: ClassVar[bool] = False
    #: What a copy computes anew, since it may hold other params.
    _derived_names: ClassVar[tuple[str, ...]] = ("_engine", "_placed")

    @property
    def in_shape(self) -> Any:
        """(h, w, c) of one input map once built, else None."""
        return self._in_shape

    def __repr__(self) -> str:
        """Return the constructor call, defaults left out and square sizes as one number."""
        words = []
        for i, f in enumerate(fields(self)):
            value = getattr(self, f.name)
            short = value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
            if i == 0 or (short != f.default and value != f.default):
                words.append(f"{short!r}" if i == 0 else f"{f.name}={short!r}")
        return f"{type(self).__name__}({', '.join(words)})"

    # -- structure -------------------------------------------------------------------------------------------------

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return (h', w', c') for maps of shape `in_shape` = (h, w, c), known before any data.

        Raises
        ------
        ValueError
            If `in_shape` is not three positive ints, or such maps do not fit the part.
        """
        return self._out_shape(check_shape(in_shape))

    def lipschitz(self, in_shape: Shape3) -> float | None:
        """Return a Lipschitz constant for maps of `in_shape`, or None where none is known; raises as ``out_shape``."""
        return self._lipschitz(check_shape(in_shape))

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        raise unwritten(self, "Part", "_out_shape(self, in_shape)", "(h', w', c') for maps of in_shape = (h, w, c)")

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        return None

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return ((height, width) of the input seen by one output position, (row, column) stride)."""
        return (1, 1), (1, 1)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return the (row, column) where the field of output position (0, 0) begins, below 0 in a border.

        It is None along an axis where every position sees the whole map.
        """
        return 0, 0

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the multiply-adds of one image of shape `in_shape`."""
        return 0

    # -- building --------------------------------------------------------------------------------------------------

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> Self:
        """Return a copy for maps of shape `in_shape` with its params drawn from `rng` or learned from `data`.

        Parameters
        ----------
        in_shape : tuple (h, w, c)
            Shape of one input map.
        rng : numpy Generator, optional
            Needed by parts that draw weights or sample data.
        data : array-like (n, h, w, c), optional
            Training maps at this part's input; anything with ``len`` and indexing by an integer array.
        """
        return self._built(in_shape, {}, {})

    def _built(self, in_shape: Shape3, params: Mapping[str, NDArray], state: State) -> Self:
        """Return a copy for maps of `in_shape` that holds `params` and `state`."""
        in_shape = check_shape(in_shape)
        shapes = in_shape, self._out_shape(in_shape)
        return self._with(_in_shape=in_shape, _shapes=shapes, params=dict(params), state=dict(state))

    def _with(self, **values: Any) -> Self:
        """Return a copy with some values of its own, without what is derived from them."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__, **values)
        for name in self._derived_names:
            new.__dict__.pop(name, None)
        if "params" in values and type(self)._prepare is not Part._prepare:
            new._prepare()
        return new

    def _prepare(self) -> None:
        """Compute what follows from the params (a whitening, say). Called on every fresh copy."""

    def _check_built(self) -> None:
        if self._in_shape is None:
            raise ValueError(f"{type(self).__name__} is not built: call build(in_shape, rng, data) first.")

    def _inner_shapes(self, *, gradient: bool = False) -> list[Shape3]:
        """Return the shapes of the maps that a built part makes of one image, on the way to a `gradient` or without."""
        return [] if self._in_shape is None else [self._shapes[-1]]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is derived: a copy may hold other params, and a file need not hold it."""
        return {k: v for k, v in self.__dict__.items() if k not in self._derived_names}

    @cached_property
    def _engine(self) -> Engine:
        return engine_for(self)

    def _at(self, in_shape: tuple[int, ...]) -> Part:
        """Return this part for maps of another shape: its weights as they are, or none needed."""
        if self._in_shape is not None:
            in_shape = _shape_of_maps(in_shape)
            if in_shape[2] != self._in_shape[2] and (self.params or self.state):
                raise ValueError(
                    f"{type(self).__name__} was built for maps of shape {self._in_shape} and has weights for "
                    f"{self._in_shape[2]} channels, got maps of shape {in_shape}: build it for these."
                )
            return self._built(in_shape, self.params, self.state)
        if type(self).build is not Part.build and not self._runs_unbuilt:
            self._check_built()
        known = self.__dict__.get("_placed")  # for the shape that was seen last
        if known is None or known._in_shape != in_shape:
            known = self.build(_shape_of_maps(in_shape))
            self.__dict__["_placed"] = known
        return known

    def _ready(self, x: Any) -> tuple[Any, Any]:
        """Return the part that fits maps `x`, and `x` in a floating dtype."""
        if type(x) is not np.ndarray or x.dtype not in FLOATING:
            x = as_floating(x)
        if self.real_only and is_complex(x):
            raise ValueError(f"{type(self).__name__} takes real maps, got complex ones: take their Modulus() first.")
        return self if x.shape[1:] == self._in_shape else self._at(tuple(x.shape[1:])), x

    def _ready_numpy(self, x: Any) -> tuple[Any, NDArray]:
        part, x = self._ready(x)
        if not isinstance(x, np.ndarray):
            raise TypeError(f"pullback takes NumPy arrays, got a {type(x)}: its own library differentiates forward.")
        if not len(x):
            raise ValueError(f"x is empty, shape {x.shape}: a gradient is taken at one map or more.")
        return part, x

    # -- running ---------------------------------------------------------------------------------------------------

    def definition(self, x: Array) -> Any:
        """Return F(x) of a built part by its formula, for arrays of any library: (n, h, w, c) -> (n, h', w', c')."""
        raise unwritten(self, "Part", "definition(self, x)", "the maps (n, h', w', c') of maps x (n, h, w, c)")

    def training_definition(self, x: Array, uniform: Callable[[tuple[int, ...]], Any]) -> tuple[Any, Mapping[str, Any]]:
        """Return (F(x), new state) in training mode by formulas alone; ``uniform(shape)`` draws numbers in [0, 1)."""
        return self.definition(x), self.state

    def forward(self, x: Array | ArrayLike) -> Any:
        """Return F(x) in evaluation mode: (n, h, w, c) -> (n, h', w', c'), of the library of `x`; ints become float32.

        NumPy arrays go through the fastest engine, others through the definition. A NaN may spread to every output
        of its image.
        """
        part, maps = self._ready(x)
        if maps.shape[0] == 0:  # nothing of nothing: no engine need think of it
            return part.forward(zeros_like_one(maps))[:0]
        return part._engine.forward(maps) if isinstance(maps, np.ndarray) else part.definition(maps)

    def pullback(
        self, x: NDArray, *, train: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[NDArray, Pullback, State]:
        """Return (F(x), pull, new state); ``pull(g) -> (gradient in x, gradients in params)``, of NumPy arrays.

        Parameters
        ----------
        x : ndarray (n, h, w, c)
            Where the gradient is taken.
        train : bool
            Training mode: Dropout draws masks, BatchNorm takes the mini-batch's statistics and updates its state.
        rng : numpy Generator, optional
            Draws the masks.
        """
        part, x = self._ready_numpy(x)
        y, pull, state = part._engine.pullback(x, train=train, rng=rng)
        return y, lambda g: pull(as_cotangent(g, y.shape)), state

    def pullback_params(
        self, x: NDArray, *, train: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[NDArray, ParamPullback, State]:
        """Return (F(x), pull, new state); ``pull(g) -> gradients in params``, without the gradient in x."""
        part, x = self._ready_numpy(x)
        y, pull, state = part._engine.pullback_params(x, train=train, rng=rng)
        return y, lambda g: pull(as_cotangent(g, y.shape)), state

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        if not self.linear:
            raise NotImplementedError(
                f"{type(self).__name__} has no gradient. A part of your own gets one by _pullback(self, x, *, train, "
                "rng), which returns (y, pull, state), or, if linear, by linear = True and _adjoint(self, y, shape)."
            )
        shape = x.shape
        return self._engine.forward(x), lambda g: (self._engine.adjoint(g, shape), {}), self.state

    def vjp(self, x: NDArray, g: NDArray) -> tuple[NDArray, Grads]:
        """Return (gradient in x, gradients in params) of <g, F(x)> in evaluation mode."""
        return self.pullback(x)[1](g)


def _shape_of_maps(shape: tuple[int, ...]) -> Shape3:
    """Return the `shape` of one of the maps that a part is given; raise ValueError if it is none."""
    if len(shape) == 2:
        raise ValueError(
            f"A part reads maps (n, height, width, n_channels), got maps of shape {shape} without an axis of channels: "
            "add one, x[..., None]."
        )
    return check_shape(shape, "x.shape[1:]")
