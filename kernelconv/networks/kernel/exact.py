"""ConvKernel: the exact kernel of a convolutional kernel network, without anchors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.gaussian_process.kernels import Kernel

from kernelconv._arrays import as_floating, as_precise, is_foreign, namespace, numpy_dtype
from kernelconv._check import Shape, check_flag, check_images
from kernelconv._parallel.blocks import map_blocks
from kernelconv._types.parameters import Padding, PerLayer, Size
from kernelconv._types.stored import is_elsewhere
from kernelconv.networks.arrays import read_elsewhere, refuse_elsewhere, squarable_anywhere
from kernelconv.networks.kernel.definition import gram, side
from kernelconv.networks.kernel.layers import Kernels, ckn_layers
from kernelconv.networks.kernel.recursion import SelfKernel, Step, plan, self_kernel
from kernelconv.networks.kernel.tiles import Cost, compute_tiles, progress_of
from kernelconv.networks.kernel.tiles_on_disk import Place, at, gram_digest, kept_tiles

#: Images a side of one tile of the Gram matrix. Fixed, so that the bits do not depend on the number of threads.
TILE = 16

ANNOUNCED = 10.0  # s: work expected to last longer is announced before it begins


class ConvKernel(Kernel):
    r"""Exact hierarchical kernel :math:`K(x, y) = \langle\Phi(x), \Phi(y)\rangle` of the layers :math:`A_k M_k P_k`.

    This is the kernel that `ConvKernelNetwork` with ``input="raw"``, its default for grey images, approximates with
    anchors, by the recursion on pairs of positions

    .. math:: P_k[u, v] = \sum_r K_{k-1}[u + r, v + r], \quad
              M_k[u, v] = |x_u| |y_v| \, \kappa(P_k[u, v] / |x_u| |y_v|), \quad
              K_k = (R \times C) M_k (R \times C)', \quad K(x, y) = \operatorname{tr} K_n

    from :math:`K_0[u, v] = \langle x(u), y(v)\rangle`. A parameter that is a tuple is per layer; a single value holds
    for every layer. It can be used wherever scikit-learn takes a kernel: ``SVC(kernel=ConvKernel(...))``, Gaussian
    processes, `KernelRidge`; images are rows there, so give `image_shape`.

    Parameters
    ----------
    patch_size : tuple of (int or (int, int)), or int
        Patch size (px) of each layer; its length is the number of layers.
    subsampling : tuple of (int or (int, int)), or int
        Step (px) between pooled positions.
    pooling_scale : tuple of float, or float, optional
        Gaussian scale (px); by default subsampling / sqrt(2).
    kernel : tuple of (DotProductKernel or str), DotProductKernel or str
        Dot-product kernel on patches, or its name.
    sigma : tuple of float, or float
        Bandwidth of the kernels named "exponential".
    padding : {"zero", "valid", "reflect", "symmetric", "circular"}
        How a map is continued beyond its edge when patches are taken.
    tangent : bool
        Return the neural tangent kernel of the same architecture instead, with
        :math:`T_k = (R \times C) [\kappa'(\cos) \, P(T_{k-1}) + M_k] (R \times C)'`; with kernel="arccosine" that of
        the infinitely wide ReLU network.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows are read as images.
    n_jobs : int, optional
        Threads; the result does not depend on it. Inside ``joblib.parallel_config("dask")`` None means that cluster.
    verbose : bool
        Announce work expected to last over ten seconds, with its cost, and show its progress (standard error).
    checkpoint : path, optional
        File that keeps the finished part of a matrix while it is computed: an interrupted call, made again, resumes
        from there, with the same bits. It is removed when the matrix is finished. One call at a time may use it.

    Raises
    ------
    ValueError
        From ``__call__``, ``diag``, ``distances`` and ``cost`` if a value is out of range, tuples have different
        lengths, `tangent` is True and the kernel has an infinite slope, the images are not acceptable, `Y` holds
        images of another shape than `X`, squares overflow or vanish in float64, or `checkpoint` is the file of
        another matrix (other images, parameters or version) or not such a file.

    Notes
    -----
    Cost per pair and layer: (h w)^2 values of kappa, and (h w)^2 times the pooled positions multiply-adds; positions
    whose patch is zero cost nothing in the first layer. Memory: the matrix and a tile of 16 x 16 images. Symmetric
    matrices are computed above the diagonal only. float32 images give a float32 matrix, exact to about 1e-6 of the
    norms, where the slope of a kernel is infinite (`tangent` with "arccosine", ``ArcCosine(0)``) to 1e-4 (use float64
    for distances between close images); values beyond 1e12, or all below 1e-12, give float64, since entries grow as
    squares. A checkpoint grows to the size of the computed part of the matrix; a kill loses the tiles in work; kernels
    are told apart by their ``repr``. `X` and `Y` of another library than NumPy give matrices of that
    library by the formula, without a checkpoint, at twice the cost if symmetric. No hyperparameter has a gradient.

    References
    ----------
    Bietti & Mairal (2019), Group invariance, stability to deformations, and complexity of deep convolutional
    representations, section 2. Arora et al. (2019), On exact computation with an infinitely wide neural net, for the
    tangent kernel.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from kernelconv import ConvKernel, load_digits_images
    >>> X, y = load_digits_images()
    >>> kernel = ConvKernel(patch_size=(3, 3), subsampling=2)
    >>> kernel(X[:3]).round(2).shape
    (3, 3)
    >>> rows = X.reshape(len(X), -1)
    >>> clf = SVC(kernel=ConvKernel((3, 3), 2, image_shape=(8, 8))).fit(rows[:100], y[:100])
    >>> bool(clf.score(rows[100:200], y[100:200]) > 0.8)
    True
    """

    def __init__(
        self,
        patch_size: PerLayer[Size] = (3, 3),
        subsampling: PerLayer[Size] = 2,
        *,
        pooling_scale: PerLayer[float] | None = None,
        kernel: Kernels = "exponential",
        sigma: PerLayer[float] = 0.6,
        padding: Padding = "zero",
        tangent: bool = False,
        image_shape: Shape | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
        checkpoint: str | Path | None = None,
    ) -> None:
        self.patch_size = patch_size
        self.subsampling = subsampling
        self.pooling_scale = pooling_scale
        self.kernel = kernel
        self.sigma = sigma
        self.padding = padding
        self.tangent = tangent
        self.image_shape = image_shape
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.checkpoint = checkpoint

    def __repr__(self) -> str:
        """Return the call that makes this kernel: parameters other than the defaults."""
        default = ConvKernel().get_params()
        other = {n: v for n, v in self.get_params().items() if n not in default or repr(v) != repr(default[n])}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in other.items())})"

    @property
    def requires_vector_input(self) -> bool:
        """False: images are taken as well as rows."""
        return False

    def is_stationary(self) -> bool:
        """Return False."""
        return False

    def __call__(self, X: ArrayLike, Y: ArrayLike | None = None, eval_gradient: bool = False) -> Any:
        """Return the Gram matrix (n, m) of images `X` (n, h, w), (n, h, w, c) or rows, and `Y`; `Y` = `X` by default.

        Parameters
        ----------
        X : array-like
            Images.
        Y : array-like, optional
            Images; ``None`` or `X` itself gives the symmetric matrix at half the cost.
        eval_gradient : bool
            Also return the gradient in the hyper-parameters, (n, n, 0): there are none.

        Raises
        ------
        ValueError
            As said of the class.
        """
        x, y, symmetric = self._pair(X, Y)
        steps = self._plan(x)
        values = gram(x, y, steps, self.tangent) if is_foreign(x) else None
        if values is None:
            with self._announced(x, y, symmetric) as advance:
                values = self._gram(x, y, steps, symmetric, advance, self.checkpoint)
        return (values, values[..., None][:, :, :0]) if eval_gradient else values

    def diag(self, X: ArrayLike) -> Any:
        """Return K(x, x) for each image, (n,)."""
        x = self._read(X)
        steps = self._plan(x)
        return side(x, steps, self.tangent).values if is_foreign(x) else _values(self._selves(x, steps), x.dtype)

    def distances(self, X: ArrayLike, Y: ArrayLike | None = None) -> Any:
        r"""Return the distances in the RKHS, :math:`\sqrt{K(x, x) + K(y, y) - 2 K(x, y)}`, as (n, m).

        Computed from float64 images whatever `X` holds: rounding in float32 would hide distances below about 1e-3
        of the norms.
        """
        x = as_precise(self._read(X))
        y = x if Y is None or Y is X else as_precise(self._read(Y, x))
        square = self.diag(x)[:, None] + self.diag(y) - 2 * self(x, y)
        xp = namespace(square)
        return xp.sqrt(xp.clip(square, min=0))

    def cost(self, X: ArrayLike, Y: ArrayLike | None = None) -> Cost:
        """Return the time and memory of the Gram matrix of `X` and `Y`, estimated by timing about 150 of its pairs."""
        refuse_elsewhere(X, self)
        return self._cost(*self._pair(X, Y))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _pair(self, X: Any, Y: Any) -> tuple[Any, Any, bool]:
        x = self._read(X)
        if Y is None or Y is X:
            return x, x, True
        y = self._read(Y, x)
        return namespace(x).astype(x, y.dtype, copy=False), y, False

    def _read(self, X: Any, like: Any = None) -> Any:
        read = partial(check_images, image_shape=self.image_shape, name="X" if like is None else "Y")
        if is_elsewhere(X) and self.checkpoint is not None:
            raise TypeError(f"A checkpoint keeps kernels of NumPy arrays, got a {type(X)}: use checkpoint=None.")
        x = squarable_anywhere(as_floating(read_elsewhere(X, read) if is_elsewhere(X) else read(X)), (1, 2, 3))
        if like is None:
            return x
        if namespace(x) is not namespace(like):
            raise TypeError(f"X and Y must be arrays of one library, got {type(like)} and {type(x)}.")
        if x.shape[1:] != like.shape[1:]:
            raise ValueError(f"Y holds images of shape {x.shape[1:]}, X of shape {like.shape[1:]}: they must agree.")
        xp = namespace(x)
        return xp.astype(x, xp.result_type(x, like), copy=False)

    def _plan(self, x: NDArray) -> list[Step]:
        layers = ckn_layers(  # it has no anchors, so their number plays no part
            1,
            self.patch_size,
            self.subsampling,
            pooling_scale=self.pooling_scale,
            kernel=self.kernel,
            sigma=self.sigma,
            padding=self.padding,
        ).parts
        steps = plan(layers, x.shape[1:], numpy_dtype(x))  # type: ignore[arg-type]
        if check_flag(self.tangent, "tangent") and not all(s.kernel.differentiable for s in steps):
            raise ValueError("The tangent kernel needs kernels of finite slope: use ArcCosine(1), not ArcCosine(0).")
        return steps

    def _selves(self, x: NDArray, steps: Sequence[Step]) -> list[SelfKernel]:
        def run(s: slice) -> list[SelfKernel]:
            return [self_kernel(image, steps, self.tangent) for image in x[s]]

        return [one for block in map_blocks(run, len(x), TILE, self.n_jobs) for one in block]

    def _gram(
        self,
        x: NDArray,
        y: NDArray,
        steps: Sequence[Step],
        symmetric: bool,
        advance: Callable[[float], Any],
        checkpoint: str | Path | None = None,
    ) -> NDArray:
        out = np.zeros((len(x), len(y)), x.dtype)  # zeros below the diagonal: whole tiles are kept
        starts = [(i, j) for i in range(0, len(x), TILE) for j in range(0, len(y), TILE) if not symmetric or j >= i]
        with kept_tiles(checkpoint, out, TILE, lambda: gram_digest(x, y, steps, self.tangent, symmetric)) as kept:
            done, keep = kept
            sx = self._selves(x, steps)
            sy = sx if symmetric else self._selves(y, steps)
            todo = [start for start in starts if start not in done]
            advance(len(done) / len(starts))

            def take(start: Place, values: NDArray) -> None:
                at(out, start, TILE)[...] = values
                keep(start)
                advance(1 / len(starts))

            compute_tiles(todo, TILE, (x, y), (sx, sy), (steps, self.tangent, symmetric), take, self.n_jobs)
        if symmetric:
            lower = np.tril_indices(len(x), -1)
            out[lower] = out.T[lower]
            np.fill_diagonal(out, _values(sx, x.dtype))
        return out

    def _cost(self, x: NDArray, y: NDArray, symmetric: bool) -> Cost:
        pairs = len(x) * (len(x) + 1) // 2 if symmetric else len(x) * len(y)
        a, b = (v[np.linspace(0, len(v) - 1, min(len(v), 12)).astype(int)] for v in (x, y))
        steps = self._plan(x)
        selves = [self._selves(v[:1], steps) for v in (a, b)]  # what a first call loads is not part of the rate
        assert all(selves)
        start = time.perf_counter()
        self._gram(a, b, steps, False, lambda _: None)
        rate = len(a) * len(b) / (time.perf_counter() - start)
        return Cost(pairs, rate, pairs / rate, len(x) * len(y) * x.itemsize)

    def _announced(self, x: NDArray, y: NDArray, symmetric: bool) -> AbstractContextManager[Any]:
        """Return a context that shows cost and progress of work that will last, and yields what takes the part done."""
        told = check_flag(self.verbose, "verbose", levels=True)
        if not told or len(x) * len(y) <= 2000 or (cost := self._cost(x, y, symmetric)).seconds < ANNOUNCED:
            return nullcontext(lambda part: None)
        return progress_of("ConvKernel", cost)


def _values(selves: Sequence[SelfKernel], dtype: np.dtype) -> NDArray:
    return np.array([s.value for s in selves], dtype)
