"""The scattering transform of signals as a part of a network, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_choice, check_count, check_positive
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border
from kernelconv.networks.scattering.definition import scattering_tree
from kernelconv.networks.scattering.geometry import PADDINGS
from kernelconv.networks.scattering.paths import SignalPath
from kernelconv.networks.scattering.signals.geometry_1d import Average, Geometry1D
from kernelconv.networks.serial import Network
from kernelconv.operators.base import Pair, Part, Pullback, Shape3, State

#: Wavelets an octave at most; lengths of the signal that 2^J and T may have at most.
MOST_WAVELETS, LONGEST = 1024, 64
#: More wavelets an octave than anyone wants: as many as the signal has samples are kymatio's second argument.
MANY_WAVELETS = 64
_LENGTH = "The arguments are J, Q and T; the length of the signals is learned by fit."


Scaling = Literal["exact", "kymatio"]
Frequencies = Literal["positive", "both"]


def check_average(T: Any) -> None:
    """Raise ValueError unless `T` is None, 0, "global" or a finite number of at least 1."""
    if T is None or (isinstance(T, str) and T == "global"):
        return
    if isinstance(T, str):
        raise ValueError(f"T must be a number of samples, 0 or 'global', got {T!r}.")
    if 0 < check_positive(T, "T", zero=True) < 1:
        raise ValueError(f"T must be at least 1 sample, got {T!r}; 'global' averages the whole signal.")


@dataclass(frozen=True, repr=False)
class ScatteringTransform1D(Part):
    r"""S: the scattering of each line of each channel, (n, h, t, c) -> (n, h, t', c n_paths); a signal is one line.

    .. math:: S[n_1, \dots, n_m] x = (|\cdots ||x * \psi_{n_1}| * \psi_{n_2}| \cdots * \psi_{n_m}| * \phi_T)
              (2^{\lfloor \log_2 T \rfloor} \cdot)

    With T="global" the output is the means of the moduli, t' = 1. With T=0 it is the moduli themselves, of different
    lengths: the maps of a channel are concatenated as channels of one position, (n, h, 1, c N).

    Parameters
    ----------
    J, Q, T, max_order, padding, oversampling, scaling, frequencies
        As in `kernelconv.Scattering1D`.

    Raises
    ------
    ValueError
        If a parameter is out of its range; from ``out_shape`` and ``build`` if 2^J or T is larger than 64 times the
        length of a line, or, unless the padding is "zero", T larger than it; or if there are more than a million paths.
    NotImplementedError
        From ``pullback`` with frequencies="both".

    Notes
    -----
    The definition is a tree of wavelet transforms, moduli and low-passes, ``tree`` (`scattering_tree`). The gradient is
    that of the tree, which keeps all intermediate maps and costs about twenty times as much as ``forward``. No
    Lipschitz constant is known.

    References
    ----------
    Andén & Mallat (2014), Deep scattering spectrum, IEEE Trans. Signal Processing 62(16), equations 6 to 13.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks import ScatteringTransform1D
    >>> part = ScatteringTransform1D(J=3, Q=2).build((1, 128, 1))
    >>> x = np.random.default_rng(0).standard_normal((1, 1, 128, 1))
    >>> part.forward(x).shape, bool(np.abs(part.forward(x) - part.definition(x)).max() < 1e-14)
    ((1, 1, 16, 12), True)
    """

    J: int = 6
    Q: Any = 1  # an int or a pair; a pair once stored
    T: Average | None = None
    max_order: int = 2
    padding: Border = "reflect"
    oversampling: int = 0
    scaling: Scaling = "exact"
    frequencies: Frequencies = "positive"

    homogeneous = True
    _derived_names = ("_engine", "_placed", "geometry", "tree")

    def __post_init__(self) -> None:
        """Check every field."""
        Q = tuple(self.Q) if isinstance(self.Q, tuple | list) else (self.Q,)
        if len(Q) not in (1, 2):
            raise ValueError(f"Q must be an int >= 1 or a pair of them, got {self.Q!r}.")
        Q = tuple(check_count(q, "Q") for q in Q)
        for q in Q:
            if q > MOST_WAVELETS:
                raise ValueError(f"Q must be at most {MOST_WAVELETS} wavelets an octave, got {q}. {_LENGTH}")
        object.__setattr__(self, "Q", (*Q, 1)[:2])
        check_average(self.T)
        for name, least in (("J", 1), ("max_order", 0), ("oversampling", 0)):  # NumPy's small ints overflow
            object.__setattr__(self, name, check_count(getattr(self, name), name, least))
        check_choice(self.padding, "padding", tuple(PADDINGS))
        check_choice(self.scaling, "scaling", get_args(Scaling))
        check_choice(self.frequencies, "frequencies", get_args(Frequencies))

    @property
    def real_only(self) -> bool:  # type: ignore[override]
        """False with frequencies="both"; else no wavelet responds to the negative frequencies of a complex signal."""
        return self.frequencies == "positive"

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """False with frequencies="both", since the adjoints of the parts are those for real maps."""
        return self.frequencies == "positive"

    @property
    def paths(self) -> tuple[SignalPath, ...]:
        """The path of each map of one channel, once built; if there are two halves, positive frequencies come first."""
        paths = self.geometry.paths
        return paths if self.real_only else paths + tuple(path._replace(half=-1) for path in paths)

    @cached_property
    def geometry(self) -> Geometry1D:
        """Grids, paths and filters, once built."""
        self._check_built()
        return self._geometry(self.in_shape)

    @cached_property
    def tree(self) -> Network:
        """The definition, once built: a network of parts whose maps are those of this one."""
        return scattering_tree(self.geometry, self.in_shape[2], halves=not self.real_only).build(self.in_shape)

    def _geometry(self, in_shape: Shape3) -> Geometry1D:
        if in_shape == self._in_shape and "geometry" in self.__dict__:
            return self.geometry
        size, coarsest = in_shape[1], 2**self.J
        if self.Q[0] == size >= MANY_WAVELETS:
            raise ValueError(f"Q={size} wavelets an octave are as many as the signals have samples. {_LENGTH}")
        averages = self.T is None or self.T not in (0, "global")
        T = coarsest if self.T is None or not averages else float(self.T)
        said = "T=2**J" if T == coarsest and T > 1e300 else f"T={T:g}"  # an int may be beyond all floats
        span = f"2**J={coarsest}" if self.J < 64 else "2**J"
        if T > size and self.padding != "zero":
            what = f"The low-pass averages over {said} samples (2**J unless given)"
            what = what if averages else f"The wavelets span {span} samples"
            raise ValueError(
                f"{what}, more than the {size} of the signal. Use a smaller {'T or J' if averages else 'J'}, or "
                "padding='zero'."
            )
        if max(T, coarsest) > LONGEST * size:
            raise ValueError(
                f"J={self.J} with {said} spans more than {LONGEST} times the {size} samples of the signal. Use a "
                "smaller J or T."
            )
        kept: Average = float(T) if averages else self.T  # type: ignore[assignment]  # 0 or "global"
        return Geometry1D(
            size, self.J, self.Q, kept, self.max_order, self.padding, self.oversampling, self.scaling == "kymatio"
        )

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        geometry, channels = self._geometry(in_shape), in_shape[2] * (1 if self.real_only else 2)
        if geometry.averages:
            return in_shape[0], geometry.sizes[0], channels * len(geometry.paths)
        return in_shape[0], 1, channels * sum(geometry.sizes)

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (a whole line, the stride): wavelets have no border."""
        return (1, in_shape[1]), (1, self._geometry(in_shape).stride)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return None along the line."""
        return 0, None

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the multiply-adds of the FFTs, 2 n log2 n for n complex numbers, and of the filter products."""
        geometry, total = self._geometry(in_shape), 0.0
        for path in geometry.paths:
            before, after = (geometry.padded / 2 ** geometry.resolution(p) for p in (path.parent, path))
            total += 2 * after * np.log2(after) + 2 * before if path.order else 0
            total += after * np.log2(after)  # the half-spectrum FFT that its continuations share
        return int(in_shape[0] * in_shape[2] * total) * (1 if self.real_only else 2)

    def _beside(self, x: Any) -> ScatteringTransform1D:
        new = self._with()
        new.__dict__.update(geometry=self.geometry, tree=self.tree._beside(x))
        return new

    def definition(self, x: Array) -> Any:
        """Return the scattering maps by the tree, (n, h, t, c) -> (n, h, t', c n_paths)."""
        return self.tree.definition(x)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (S x, pull, state), by the tree."""
        if not self.differentiable:
            raise NotImplementedError("frequencies='both' has no gradient. Use frequencies='positive'.")
        y, pull, _ = self.tree.pullback(x)
        return y, pull, self.state
