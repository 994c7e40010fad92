"""serial(*parts) -> Network: composition in the order the data flows; a composite is again a part."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import as_cotangent, is_foreign
from kernelconv._check import check_shape
from kernelconv._numbers import shown
from kernelconv._parallel.blocks import apply_blocks, block_length, map_blocks
from kernelconv._tables import TextTable, as_html
from kernelconv._types.arrays import Array, Data
from kernelconv._types.stored import StoredImages, as_images, is_elsewhere
from kernelconv.networks.parameters import changed, nested
from kernelconv.operators.base import Grads, ParamPullback, Part, Shape3, State
from kernelconv.operators.composite import Composite, joined, sum_grads


@dataclass(frozen=True, repr=False)
class Network(Composite):
    r"""Parts composed in a row, :math:`\Phi(x) = A_n M_n P_n \dots A_1 M_1 P_1 x`. Made by `serial`.

    A network is a part: it builds, runs, differentiates and nests like one. Its ``forward`` and ``vjp`` cut the images
    into cache-sized blocks and run them on threads; the result does not depend on the number of threads.

    Parameters
    ----------
    parts : tuple of Part
        In the order the data flows.
    names : tuple of str
        One per part; they name the maps of ``trace`` and the params ("layer_1.M.anchors").
    """

    parts: tuple[Part, ...]
    names: tuple[str, ...]

    _derived_names: ClassVar[tuple[str, ...]] = (*Composite._derived_names, "_values", "_from_first_params")

    @property
    def named_parts(self) -> dict[str, Part]:
        """The parts by name."""
        return dict(zip(self.names, self.parts, strict=True))

    def _with_parts(self, parts: Sequence[Part]) -> Network:
        return self._with(parts=tuple(parts))

    @property
    def reads_spectra(self) -> bool:  # type: ignore[override]
        """Whether the first part takes the Fourier transform of its maps."""
        return bool(self.parts[0].reads_spectra)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parts by name; if `deep`, also the fields of each part and of the parts in it, as "part__field".

        Examples
        --------
        >>> from kernelconv import operators, serial
        >>> serial(operators.PatchCentering(3), names=["centred"]).get_params()
        {'centred': PatchCentering(3), 'centred__size': (3, 3)}
        """
        return nested(self.named_parts) if deep else self.named_parts

    def set_params(self, **values: Any) -> Network:
        """Return a network, not built, with `values` for the parts and fields that ``get_params`` names.

        This network does not change: unlike with an estimator, use the return value.

        Raises
        ------
        ValueError
            If a name is unknown, or a part refuses its value.

        Examples
        --------
        >>> from kernelconv import operators, serial
        >>> serial(operators.Dense(3), operators.ReLU(), names=["hidden", "relu"]).set_params(hidden__n_units=5)
        Network: ReLU() ∘ Dense(5)
        """
        return changed(self, values)

    def _made_of(self, parts: Mapping[str, Part]) -> Network:
        """Return a network, not built, of other parts by name."""
        return serial(*parts.values(), names=list(parts))

    def __sklearn_clone__(self) -> Network:
        """Return the network itself, since it never changes."""
        return self

    def build(
        self,
        in_shape: Shape3,
        rng: np.random.Generator | None = None,
        data: Data | None = None,
        progress: Callable[[str, Part], None] | None = None,
    ) -> Network:
        """Return a copy with every part built, each learning from the maps that the parts before it make of `data`.

        Parameters
        ----------
        in_shape : tuple (h, w, c) or (h, w)
            Shape of one image.
        rng : numpy Generator, optional
            Draws weights and samples patches.
        data : ndarray (n, h, w, c) or (n, h, w), optional
            Training images. Maps are computed block by block when a part reads them, never all at once.
        progress : callable, optional
            Called with the name of each part and the part, when it is built.
        """
        if isinstance(in_shape, tuple | list) and len(in_shape) == 2:
            in_shape = (*in_shape, 1)
        in_shape = check_shape(in_shape)
        if type(data) is np.ndarray or not (data is None or hasattr(data, "in_one_pass") or is_elsewhere(data)):
            data = self._check(data, in_shape, "data")  # neither maps nor images in chunks
        return self._build(in_shape, rng, data, progress)

    def forward(self, x: Array | ArrayLike, n_jobs: int | None = None) -> Any:
        """Return the features of images `x` (n, h, w, c) as maps (n, h', w', c'), on `n_jobs` threads.

        An array of another library than NumPy goes through the definition, not in blocks.
        """
        if is_foreign(x):
            return super().forward(x)
        images = self._check(x, self.in_shape)
        return apply_blocks(self._engine.forward, images, self.block(images.itemsize), n_jobs)

    def map_forward(self, function: Callable[[Any], Any], x: ArrayLike, n_jobs: int | None = None) -> Any:
        """Return ``function(forward(x))`` for a function that acts on each image alone, block by block on threads.

        Only what the function returns is kept, not the maps. For an array of another library there is one block.
        """
        if is_elsewhere(x):
            return function(super().forward(x))
        images, run = self._check(x, self.in_shape), self._engine.forward
        return apply_blocks(lambda block: function(run(block)), images, self.block(images.itemsize), n_jobs)

    def trace(self, x: Array, n_jobs: int | None = None) -> dict[str, Any]:
        """Return every part's output on images `x` (n, h, w, c), by name in the order the data flows."""

        def run(y: Any) -> list[Any]:
            return list(accumulate(self.parts, lambda y, part: part.forward(y), initial=y))[1:]

        if is_elsewhere(x):
            return dict(zip(self.names, run(x), strict=True))
        images = self._check(x, self.in_shape)
        blocks = map_blocks(lambda s: run(images[s]), len(images), self.block(images.itemsize), n_jobs)
        return {name: np.concatenate(maps) for name, maps in zip(self.names, zip(*blocks, strict=True), strict=True)}

    def vjp(self, x: NDArray, g: NDArray, n_jobs: int | None = None) -> tuple[NDArray, Grads]:
        """Return (gradient in x, gradients in params) of <g, F(x)>, in evaluation mode, on `n_jobs` threads."""
        images = self._check(self._ready_numpy(x)[1] if is_elsewhere(x) else x, self.in_shape)
        g = as_cotangent(g, (len(images), *self._shapes[-1]))

        def run(s: slice) -> tuple[NDArray, Grads]:
            return self._engine.pullback(images[s])[1](g[s])

        block = self.block(images.itemsize, gradient=True)
        gx, grads = zip(*map_blocks(run, len(images), block, n_jobs), strict=True)
        return np.concatenate(gx), sum_grads(grads)

    def pullback_params(
        self, x: NDArray, *, train: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[NDArray, ParamPullback, State]:
        """Return (y, pullback, new state); the pullback ends at the first part that has params."""
        first, after = self._from_first_params
        states = {}
        for name, part in zip(self.names[:first], self.parts[:first], strict=True):
            x, _, states[name] = part.pullback(x, train=train, rng=rng)
        x, pull_first, states[self.names[first]] = self.parts[first].pullback_params(x, train=train, rng=rng)
        y, pull_after, states_after = after._engine.pullback(x, train=train, rng=rng)

        def pullback(g: NDArray) -> Grads:
            g, grads = pull_after(g)
            return {**joined({self.names[first]: pull_first(g)}), **grads}

        return y, pullback, {**joined(states), **states_after}

    @cached_property
    def _from_first_params(self) -> tuple[int, Network]:
        """The position of the first part that has params, and the parts after it."""
        first = next((i for i, part in enumerate(self.parts) if part.params), len(self.parts) - 1)
        return first, self._with(parts=self.parts[first + 1 :], names=self.names[first + 1 :])

    def block(self, itemsize: int = 4, *, gradient: bool = False) -> int:
        """Return how many images make a block: as many as fit into the cache with what one image needs at a time.

        That is a map and the next one, unless an engine sets another number; for a `gradient`, all maps, as they are
        kept. Engines also set a least number, such that reading wide filters is worthwhile.
        """
        self._check_built()
        going, back, engines = self._values
        if gradient:
            return block_length(itemsize * back)
        particular = [n for engine in engines if (n := engine.block(itemsize)) is not None]
        least = [engine.least_block(itemsize) for engine in engines]
        return max([min([block_length(itemsize * going), *particular]), *least])

    @cached_property
    def _values(self) -> tuple[int, int, list[Any]]:
        """Values at a time of one image, going forward and with a gradient; the engines, which may know better."""
        back = sum(map(math.prod, (self._in_shape, *self._inner_shapes(gradient=True))))
        going, engines = 0, []
        for part, shape in zip(self.parts, self._shapes, strict=False):
            part = part if part._in_shape is not None else part._at(shape)  # weightless parts need no building
            engines.append(part._engine)
            if part._engine.block(4) is None:
                sizes = map(math.prod, (part._in_shape, *part._inner_shapes()))
                going = max(going, *(a + b for a, b in pairwise(sizes)))
        return going, back, engines

    def summary(self) -> str:
        """Return a table: per part its output shape, receptive field and stride (px), params and multiply-adds."""
        return self._table().text()

    def _table(self) -> TextTable:
        """Return what `summary` shows: one row for each part."""
        self._check_built()
        shapes = self._shapes
        rows = [("input", _x(shapes[0]), "1x1", "1x1", "0", "0")]
        for i, (name, part) in enumerate(self.named_parts.items()):
            field, stride = self._with(parts=self.parts[: i + 1], names=self.names[: i + 1]).receptive_field(shapes[0])
            cost = part.multiply_adds(shapes[i])
            rows.append((name, _x(shapes[i + 1]), _x(field), _x(stride), f"{part.n_params():,}", f"{cost:,}"))
        rows.append(("total", "", "", "", f"{self.n_params():,}", f"{self.multiply_adds(shapes[0]):,}"))
        return TextTable(("part", "output", "field", "stride", "params", "multiply-adds"), rows, "lrrrrr")

    def __repr__(self) -> str:
        """Return the formula, outermost part first."""
        return f"Network: {super().__repr__()}"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the table of `summary`, of a network that is not built its formula."""
        return as_html(repr(self)) if self.in_shape is None else self._table().html()

    def _check(self, x: Any, in_shape: Shape3 | None, name: str = "x") -> NDArray | StoredImages:
        if in_shape is None:
            self._check_built()
        x = as_images(x, name=name, channels_last=False)
        if x.shape[1:] != in_shape:
            raise ValueError(f"{name} holds images of shape {x.shape[1:]}, the network is built for {in_shape}.")
        return x


def _x(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def serial(*parts: Part, names: Sequence[str] | None = None) -> Network:
    r"""Compose parts in the order the data flows: serial(P, M, A) is x -> A M P x.

    Parameters
    ----------
    *parts : Part
        Operators, layers or networks (whose parts are kept together).
    names : sequence of str, optional
        One per part; by default the class name and the position, "layer_1".

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If a part is missing or none, or names are not one a part, equal, empty, with a dot, ``__`` or a last ``_``.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import GaussianPooling, KernelMapping, Layer, PatchExtraction, serial
    >>> layer = Layer(PatchExtraction(3), KernelMapping(8), GaussianPooling(2))
    >>> network = serial(layer).build((8, 8, 1), np.random.default_rng(0))
    >>> network
    Network: (GaussianPooling(2) ∘ KernelMapping(8) ∘ PatchExtraction(3))
    >>> print(network.summary())
    part     output  field  stride  params  multiply-adds
    input     8x8x1    1x1     1x1       0              0
    layer_1   3x3x8    7x7     2x2      72          4,464
    total                               72          4,464
    """
    if not parts:
        raise ValueError("serial needs at least one part.")
    for part in parts:
        if not isinstance(part, Part):
            raise ValueError(f"serial composes parts (operators, layers, networks), got {shown(part)}.")
    if names is None:
        names = [f"{type(p).__name__.lower()}_{i}" for i, p in enumerate(parts, 1)]
    elif not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names must be a list of strings, one a part, got {names!r}.")
    text = "_ ".join(names) + "_"  # <name>__<parameter> is set
    if len(names) != len(parts) or len(set(names)) != len(names) or "" in names or "." in text or "__" in text:
        raise ValueError(f"names must be {len(parts)} different words without '.', '__' or a last '_', got {names!r}.")
    return Network(tuple(parts), tuple(names))
