"""Parts that act on scattering maps path by path: parent normalisation, logarithm, path selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import indices, namespace
from kernelconv._check import check_positive
from kernelconv._types.arrays import Array
from kernelconv.networks.scattering.paths import ScatteringPath
from kernelconv.operators.base import Part, Pullback, Shape3, State


@dataclass(frozen=True, repr=False)
class PathPart(Part):
    """Base of the parts that act on scattering maps (n, h, w, c n_paths), position by position.

    Parameters
    ----------
    paths : tuple of ScatteringPath
        The path of each map of one channel, by order, parents before their continuations.
    """

    paths: tuple[ScatteringPath, ...]

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        """Return `in_shape`; raise ValueError if its channels are no multiple of the paths."""
        if in_shape[2] % len(self.paths):
            raise ValueError(f"{len(self.paths)} paths do not divide the {in_shape[2]} channels of {in_shape}.")
        return in_shape

    def _by_path(self, x: Any) -> Any:
        return namespace(x).reshape(x, (*x.shape[:-1], -1, len(self.paths)))

    def __repr__(self) -> str:
        """Return the class name: the paths would fill a page."""
        return f"{type(self).__name__}({len(self.paths)} paths)"


@dataclass(frozen=True, repr=False)
class ParentNormalization(PathPart):
    r"""Divide each map of order 2 and more by that of its path less the last wavelet; keep orders 0 and 1.

    .. math:: \tilde S[\lambda_1, \dots, \lambda_m] = S[\lambda_1, \dots, \lambda_m] /
              (\max(S[\lambda_1, \dots, \lambda_{m-1}], 0) + \epsilon), \quad m \ge 2

    Parameters
    ----------
    paths : tuple of ScatteringPath
        The path of each map of one channel.
    epsilon : float
        > 0, in units of the coefficients.

    References
    ----------
    Andén & Mallat (2014), Deep scattering spectrum, IEEE Trans. Signal Processing 62(16), section IV.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.scattering.path_parts import ParentNormalization, ScatteringPath
    >>> paths = ScatteringPath((), ()), ScatteringPath((0,), (0,)), ScatteringPath((0, 1), (0, 0))
    >>> ParentNormalization(paths, 0.5).forward(np.array([5.0, 1.5, 1.0]).reshape(1, 1, 1, 3)).ravel()
    array([5. , 1.5, 0.5])
    """

    epsilon: float = 1e-2

    def __post_init__(self) -> None:
        """Check every field."""
        # a float of NumPy would make float32 maps float64
        object.__setattr__(self, "epsilon", float(check_positive(self.epsilon, "epsilon")))

    def _parents(self) -> tuple[NDArray, NDArray]:
        """Positions of the normalised maps, and of their parents."""
        position = {p: i for i, p in enumerate(self.paths)}
        at = [i for i, p in enumerate(self.paths) if p.order > 1]
        parents = [position[self.paths[i].parent] for i in at]
        return np.array(at, dtype=int), np.array(parents, dtype=int)

    def definition(self, x: Array) -> Any:
        """Return the normalised maps."""
        xp, (at, parents) = namespace(x), self._parents()
        s, of = self._by_path(x), np.arange(len(self.paths))
        of[at] = parents
        normalised = indices(np.isin(np.arange(len(of)), at), x)
        parent = xp.take(s, indices(of, x), axis=-1)
        s = s / xp.where(normalised, xp.where(parent > 0, parent, xp.zeros_like(s)) + self.epsilon, xp.ones_like(s))
        return xp.reshape(s, x.shape)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (normalised maps, pullback, state)."""
        at, parents = self._parents()
        s = self._by_path(x)
        scale = np.maximum(s[..., parents], 0) + x.dtype.type(self.epsilon)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            out = self._by_path(g).copy()
            inner = out[..., at] / scale
            out[..., at] = inner
            to_parent = -inner * s[..., at] / scale * (s[..., parents] > 0)
            for i, parent in enumerate(parents):
                out[..., parent] += to_parent[..., i]
            return out.reshape(x.shape), {}

        return self.definition(x), pullback, self.state


@dataclass(frozen=True, repr=False)
class LogCompression(PathPart):
    r"""Compress the maps of order 1 and more, :math:`\log(1 + \max(S, 0) / \epsilon)`; keep order 0.

    Parameters
    ----------
    paths : tuple of ScatteringPath
        The path of each map of one channel.
    epsilon : float
        > 0, in units of the coefficients: linear well below it, logarithmic well above.

    References
    ----------
    Andén & Mallat (2014), Deep scattering spectrum, IEEE Trans. Signal Processing 62(16), section IV.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.scattering.path_parts import LogCompression, ScatteringPath
    >>> paths = ScatteringPath((), ()), ScatteringPath((0,), (0,))
    >>> LogCompression(paths, 1.0).forward(np.array([5.0, np.e - 1]).reshape(1, 1, 1, 2)).ravel()
    array([5., 1.])
    """

    epsilon: float = 1e-2

    def __post_init__(self) -> None:
        """Check every field."""
        # a float of NumPy would make float32 maps float64
        object.__setattr__(self, "epsilon", float(check_positive(self.epsilon, "epsilon")))

    def _compressed(self) -> NDArray:
        return np.array([p.order > 0 for p in self.paths])

    def definition(self, x: Array) -> Any:
        """Return the compressed maps."""
        xp, s = namespace(x), self._by_path(x)
        logs = xp.log1p(xp.where(s > 0, s, xp.zeros_like(s)) / self.epsilon)
        return xp.reshape(xp.where(indices(self._compressed(), x), logs, s), x.shape)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (compressed maps, pullback, state)."""
        s = self._by_path(x)
        slope = (s > 0) / (np.maximum(s, 0) + x.dtype.type(self.epsilon))
        slope = np.where(self._compressed(), slope, 1).astype(x.dtype).reshape(x.shape)
        return self.definition(x), lambda g: (g * slope, {}), self.state


@dataclass(frozen=True, repr=False)
class PathSelection(PathPart):
    """Keep the maps of some paths in each channel.

    Parameters
    ----------
    paths : tuple of ScatteringPath
        The path of each map of one channel.
    kept : tuple of int
        Positions of the paths to keep, increasing.

    Raises
    ------
    ValueError
        If `kept` is no such tuple.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.scattering.path_parts import PathSelection, ScatteringPath
    >>> paths = ScatteringPath((), ()), ScatteringPath((0,), (0,))
    >>> PathSelection(paths, (1,)).forward(np.arange(4.0).reshape(1, 1, 1, 4)).ravel()  # two channels
    array([1., 3.])
    """

    kept: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check every field."""
        positions = range(len(self.paths))
        if not isinstance(self.kept, tuple) or list(self.kept) != [i for i in positions if i in self.kept]:
            raise ValueError(
                f"kept must be a tuple of increasing positions of the {len(positions)} paths, got {self.kept!r}."
            )

    linear = True
    homogeneous = True
    equivariant = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        h, w, channels = super()._out_shape(in_shape)
        return h, w, channels // len(self.paths) * len(self.kept)

    def _lipschitz(self, in_shape: Shape3) -> float:
        return 1.0

    def definition(self, x: Array) -> Any:
        """Return the kept maps."""
        xp = namespace(x)
        kept = xp.take(self._by_path(x), indices(np.array(self.kept), x), axis=-1)
        return xp.reshape(kept, (*x.shape[:-1], -1))

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        out = np.zeros(shape, y.dtype)
        self._by_path(out)[..., list(self.kept)] = y.reshape(*y.shape[:-1], -1, len(self.kept))
        return out


@dataclass(frozen=True, repr=False)
class ChannelOrder(Part):
    """Put channels in another order; some may be left out.

    Parameters
    ----------
    order : tuple of int
        Which channel of the input each channel of the output is.

    Raises
    ------
    ValueError
        From ``out_shape`` and ``build`` if the maps have not got one of these channels.

    Notes
    -----
    Adjoint: each channel goes back where it came from. Lipschitz constant: 1, or the root of how often one is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.scattering.path_parts import ChannelOrder
    >>> ChannelOrder((2, 0)).forward(np.arange(3.0).reshape(1, 1, 1, 3)).ravel()
    array([2., 0.])
    """

    order: tuple[int, ...]

    linear = True
    homogeneous = True
    equivariant = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        missing = [k for k in self.order if not 0 <= k < in_shape[2]]
        if missing:
            raise ValueError(f"order names channel {missing[0]}, but maps of shape {in_shape} have {in_shape[2]}.")
        return (*in_shape[:2], len(self.order))

    def _lipschitz(self, in_shape: Shape3) -> float:
        return float(np.sqrt(np.bincount(self.order).max()))

    def definition(self, x: Array) -> Any:
        """Return the channels in that order."""
        return namespace(x).take(x, indices(np.array(self.order), x), axis=-1)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        out = np.zeros(shape, y.dtype)
        np.add.at(np.moveaxis(out, -1, 0), list(self.order), np.moveaxis(y, -1, 0))
        return out

    def __repr__(self) -> str:
        """Return the class name and how many channels are kept."""
        return f"ChannelOrder({len(self.order)} channels)"
