"""M: the kernel mapping, forward and gradient side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import as_data, as_precise, is_foreign, like, namespace, to_numpy
from kernelconv._check import check_count, check_generator, check_memory, check_positive, check_shape
from kernelconv._scales import scales
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.base import Part, Pullback, Shape3, State
from kernelconv.operators.fast.kernels import kappa, kappa_derivative
from kernelconv.operators.fast.layouts import on_channels
from kernelconv.operators.mappings.anchors import Anchors, as_anchors, check_unit_rows, read_only
from kernelconv.operators.mappings.dot_product import safe
from kernelconv.operators.mappings.kernels import Exponential, as_kernel
from kernelconv.operators.mappings.nystrom import Whitening, inverse_sqrt, spherical_kmeans, whitening_matrix
from kernelconv.operators.patches.sampling import sample_patches

#: Matrices of n_anchors x n_anchors float64 that are held at a time while one is whitened.
MATRICES = 8


@dataclass(frozen=True, repr=False)
class KernelMapping(Part):
    r"""M: the Nyström feature map of a dot-product kernel, psi(x) = norm(x) A kappa(Z x / norm(x)).

    .. math:: \psi(x) = |x| \, A \, \kappa(Z x / |x|), \quad A = (\kappa(Z Z') + \epsilon I)^{-1/2}, \quad \psi(0) = 0

    so that <psi(x), psi(y)> approximates K(x, y) = norm(x) norm(y) kappa(cos(x, y)), exactly where x or y is an anchor
    and epsilon = 0. It acts on the channels at each position: put patch extraction before it.

    Parameters
    ----------
    n_anchors : int
        Rows of Z, and channels of the output. If the sample holds fewer distinct patches, the built part has as many
        anchors as there are, with a warning.
    kernel : DotProductKernel or str
        kappa; a name takes that kernel's default parameters.
    regularization : float
        epsilon >= 0, absolute since kappa(1) = 1. 0 is the pseudo-inverse, for float64.
    n_patches : int
        Training patches sampled for the k-means that finds Z; at least `n_anchors`.
    anchors : Anchors or array-like (n_anchors, c), optional
        Z itself, in place of one that is learned; rows are divided by their norms.

    Raises
    ------
    ValueError
        From the constructor for values out of range, or `anchors` that are not `n_anchors` directions; from ``build``
        without `rng`, with more anchors than `n_patches` or so many that their matrices exceed the memory, with given
        anchors of another length than the patches, or when every sampled patch is zero; from ``replace`` for anchors
        that are not of norm 1; from ``pullback`` for a kernel of infinite slope.

    Notes
    -----
    ``params`` holds "anchors", (n_anchors, c) unit rows, read-only. Without `data`, ``build`` draws random directions.
    Cost: n h w c n_anchors multiply-adds, as many values of kappa, and n h w n_anchors^2 for A (divided by the
    squared subsampling inside a `Layer`, which pools first). Lipschitz constant: max(1, sqrt(kappa'(1))).

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, eq. (4).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import KernelMapping
    >>> rng = np.random.default_rng(0)
    >>> m = KernelMapping(16).build((4, 4, 9), rng, data=rng.normal(size=(5, 4, 4, 9)))
    >>> m.forward(np.zeros((1, 4, 4, 9))).shape
    (1, 4, 4, 16)
    """

    n_anchors: int = 64
    kernel: Any = Exponential()  # noqa: RUF009  immutable
    regularization: float = 1e-3
    n_patches: int = 20_000
    anchors: Anchors | ArrayLike | None = None

    homogeneous = True
    equivariant = True
    splits = True
    real_only = True
    _derived = None  # (Z Z', its Whitening), set by build; not of another library's anchors
    _matrix = None  # A, if it is given

    def __post_init__(self) -> None:
        """Check every field and read the kernel's name."""
        for name in ("n_anchors", "n_patches"):  # as Python's ints: an uint8 would overflow
            object.__setattr__(self, name, check_count(getattr(self, name), name))
        check_positive(self.regularization, "regularization", zero=True)
        object.__setattr__(self, "kernel", as_kernel(self.kernel))
        if self.anchors is not None:
            object.__setattr__(self, "anchors", as_anchors(self.anchors))
            if len(self._given) != self.n_anchors:
                got = len(self._given)
                raise ValueError(f"anchors must be n_anchors={self.n_anchors} rows, got {got}: pass n_anchors={got}.")

    @property
    def _given(self) -> NDArray:
        return self.anchors.values  # type: ignore[union-attr]  # asked for where there are some

    @property
    def differentiable(self) -> bool:
        """False for a kernel of infinite slope."""
        return self.kernel.differentiable

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        if self.anchors is not None and self._given.shape[1] != in_shape[2]:
            raise ValueError(
                f"anchors hold {self._given.shape[1]} values a row, but a patch has {in_shape[2]} here: they must be "
                "of the same patch size and number of channels."
            )
        return (*in_shape[:2], self.n_anchors)

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return max(1, sqrt(kappa'(1))), or None where the slope is infinite."""
        return self.kernel.lipschitz()

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h w n_anchors (c + n_anchors)."""
        h, w, c = in_shape
        return h * w * self.n_anchors * (c + self.n_anchors)

    def build(
        self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None
    ) -> KernelMapping:
        """Return a copy with the given anchors, else k-means centroids of the vectors of `data`, else random ones."""
        in_shape = check_shape(in_shape)
        if self.anchors is None and data is not None and self.n_anchors > self.n_patches:
            raise ValueError(
                f"n_anchors={self.n_anchors} is more than n_patches={self.n_patches}, the patches they are learned "
                "from: ask for fewer anchors or more patches."
            )
        check_memory(MATRICES * 8 * self.n_anchors**2, f"A kernel mapping of {self.n_anchors} anchors")
        anchors = self._given if self.anchors is not None else self._found(in_shape, rng, data)
        # of fewer distinct patches there are fewer anchors
        part = self if len(anchors) == self.n_anchors else replace(self, n_anchors=len(anchors))
        return part._built(in_shape, {"anchors": anchors}, {})

    def _found(self, in_shape: Shape3, rng: np.random.Generator | None, data: Any) -> NDArray:
        rng = check_generator(rng, "KernelMapping.build")
        if data is None:
            anchors = rng.standard_normal((self.n_anchors, in_shape[2]))
            return anchors / np.linalg.norm(anchors, axis=1, keepdims=True)
        data = as_data(data, in_shape)
        return to_numpy(spherical_kmeans(sample_patches(data, self.n_patches, rng), self.n_anchors, rng))

    def replace(self, params: Mapping[str, NDArray], state: State | None = None) -> KernelMapping:
        """Return a copy that holds other anchors of norm 1, of the same shape as now.

        The norms of arrays of another library than NumPy are not checked: under JAX's ``jit`` they have no values.
        """
        if isinstance(params, Mapping) and "anchors" in params and not is_foreign(params["anchors"]):
            check_unit_rows(params["anchors"])
        return super().replace(params, state)

    def _prepare(self) -> None:
        object.__setattr__(self, "_matrix", None)
        if is_foreign(self.params["anchors"]):  # whitened as they are used: a gradient may go through
            object.__setattr__(self, "_derived", None)
            return
        self.params["anchors"] = read_only(np.asarray(self.params["anchors"]))  # the whitening is of these
        z = np.asarray(self.params["anchors"], np.float64)
        gram = z @ z.T
        object.__setattr__(self, "_derived", (gram, inverse_sqrt(self.kernel(gram), self.regularization)))

    def _cached(self) -> tuple[NDArray, Whitening]:
        self._check_built()
        if self._derived is None:
            raise TypeError(
                f"The anchors are {type(self.params['anchors'])}: matrix() whitens those of other libraries."
            )
        return self._derived

    @property
    def whitening(self) -> Whitening:
        """A = (kappa(Z Z') + eps I)^(-1/2) of a built part, in float64, with its eigen-decomposition."""
        return self._cached()[1]

    def matrix(self) -> Any:
        """Return A as an array of the anchors' library, differentiable in the anchors where that library is."""
        if self._derived is not None:
            return self._derived[1].matrix
        if self._matrix is not None:
            return self._matrix
        z = as_precise(self.params["anchors"])
        return whitening_matrix(self.kernel(z @ z.T), self.regularization)

    def with_matrix(self, matrix: Array) -> KernelMapping:
        """Return a copy that uses `matrix`, an array of the anchors' library, as A, without an eigendecomposition."""
        return self._with(_matrix=matrix)

    def _beside(self, x: Any) -> KernelMapping:
        return super()._beside(x).with_matrix(like(self.matrix(), x))

    def constrain(self, params: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """Return `params` with anchors of norm one."""
        z = params["anchors"]
        return {"anchors": z / safe(namespace(z).linalg.vector_norm(z, axis=1))[:, None]}

    def definition(self, x: Array) -> Any:
        """Return psi(x): (n, h, w, c) -> (n, h, w, n_anchors)."""
        z, matrix = like(self.params["anchors"], x), like(self.matrix(), x)
        norms = channel_norms(x)
        return norms * self.kernel((x @ z.T) / safe(norms)) @ matrix

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (psi(x), pullback, state); the gradient in the anchors goes through embedding and whitening."""
        m, pull_embed = self.embed_pullback(x)
        y, pull_whiten = self.whiten_pullback(m)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            gm, dz_whiten = pull_whiten(g)
            gx, dz_embed = pull_embed(gm)
            return gx, {"anchors": dz_embed + dz_whiten}

        return y, pullback, self.state

    # The two halves, between which a Layer pools.

    def embed_pullback(self, x: NDArray) -> tuple[NDArray, Any]:
        """Return (m, pullback) with pullback(g) -> (gradient in x, gradient in the anchors)."""
        self._check_built()
        norms = np.sqrt(np.einsum("nhwc,nhwc->nhw", x, x))[..., None]
        by = scales(x, norms.max(axis=(1, 2, 3)))
        if by is not None:  # squares overflow, or vanish
            return self._rescaled_pullback(x, by)
        z = self.params["anchors"].astype(x.dtype, copy=False)
        cosines = on_channels(x, z.T)
        cosines *= 1 / safe(norms)
        slope = kappa_derivative(self.kernel, cosines)
        value = kappa(self.kernel, cosines)
        value[norms[..., 0] == 0] = slope[norms[..., 0] == 0] = 0  # psi has no derivative at 0: it is taken as 0

        def pullback(g: NDArray) -> tuple[NDArray, NDArray]:
            b = slope * g
            unit = x / safe(norms)
            bz = on_channels(b, z)
            radial = (g * value).sum(-1, keepdims=True) - (unit * bz).sum(-1, keepdims=True)
            return bz + unit * radial, b.reshape(-1, len(z)).T @ x.reshape(-1, x.shape[-1])

        return norms * value, pullback

    def _rescaled_pullback(self, x: NDArray, by: NDArray) -> tuple[NDArray, Any]:
        """Return ``embed_pullback`` by way of ``x * by``: m and the gradient in the anchors grow with x."""
        m, pull = self.embed_pullback(x * by)

        def pullback(g: NDArray) -> tuple[NDArray, NDArray]:
            gx, dz = pull(g / by)
            return gx * by, dz

        return m / by, pullback

    def whiten_pullback(self, m: NDArray) -> tuple[NDArray, Any]:
        """Return (A m, pullback) with pullback(g) -> (gradient in m, gradient in the anchors through A)."""
        matrix = self.whitening.matrix.astype(m.dtype)

        def pullback(g: NDArray) -> tuple[NDArray, NDArray]:
            k = len(matrix)
            g_matrix = m.reshape(-1, k).T.astype(np.float64) @ g.reshape(-1, k)
            g_kernel = self.kernel.derivative(self._cached()[0]) * self.whitening.gradient(g_matrix)
            return on_channels(g, matrix), (2 * g_kernel @ self.params["anchors"]).astype(m.dtype)

        return on_channels(m, matrix), pullback


def channel_norms(x: Any) -> Any:
    """Return the norm at each position, (n, h, w, c) -> (n, h, w, 1), with a derivative of 0 where it is 0.

    Squared is x over the power of two below its largest modulus, so that no square overflows or vanishes.
    """
    xp = namespace(x)
    top = xp.max(xp.abs(x), axis=-1, keepdims=True)
    some = ~(top <= float(xp.finfo(x.dtype).smallest_normal))  # NaN is something
    highest = math.frexp(float(xp.finfo(x.dtype).max))[1] - 1  # log2 of the largest numbers rounds to one more
    unit = 2.0 ** xp.clip(xp.floor(xp.log2(xp.where(some, top, xp.ones_like(top)))), max=highest)
    squares = xp.sum((x / unit) ** 2, axis=-1, keepdims=True)
    return xp.where(some, unit * xp.sqrt(xp.where(some, squares, xp.ones_like(squares))), xp.zeros_like(squares))
