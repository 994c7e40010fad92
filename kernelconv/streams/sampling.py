"""Training patches from images that come in chunks, in unknown number: those of the smallest keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, Self

import numpy as np
from joblib import parallel_config
from joblib.parallel import get_active_backend
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_count, check_images
from kernelconv._numbers import shown
from kernelconv._parallel.workers import in_order
from kernelconv.operators.base import Part
from kernelconv.operators.patches.sampling import not_negligible

#: The largest key.
_LAST = np.iinfo(np.uint64).max


class PatchReservoir:
    r"""The `n_patches` patches of smallest key, each key a function of (seed, image, position) alone.

    Keys are the outputs of Philox, a counter-based generator, whose counter is the index of the image: whatever the
    order in which images come, however they are cut into chunks and whoever looks at them, the same patches are kept.
    Negligible patches are left out: those below 1e-3 of the largest norm of their image.

    Parameters
    ----------
    n_patches : int
        Patches wanted.
    seed : int
        Key of Philox, 0 <= seed < 2^128.

    Notes
    -----
    Every patch of all images that is not negligible is kept with the same probability. Of N images about
    n (1 + log(N / n)) are worth computing, where each has a position: the others hold no small key.

    References
    ----------
    Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3.

    Examples
    --------
    >>> maps = np.random.default_rng(0).normal(size=(6, 4, 4, 9))
    >>> whole = PatchReservoir(20, seed=1).add(maps, first=0)
    >>> front, back = PatchReservoir(20, seed=1).add(maps[:2], 0), PatchReservoir(20, seed=1).add(maps[2:], 2)
    >>> whole.patches().shape, bool(np.array_equal(whole.patches(), back.merge(front).patches()))
    ((20, 9), True)
    """

    def __init__(self, n_patches: int, seed: int) -> None:
        self.n_patches, self.seed = check_count(n_patches, "n_patches"), seed
        self.bound = int(_LAST)  # a patch of larger key is not among the smallest
        self._keys: list[NDArray] = []  # columns: key, image, position
        self._vectors: list[NDArray] = []
        self._count = 0

    def add(self, maps: NDArray, first: int) -> Self:
        """Look at all patches of maps (m, h, w, c), of images `first` and those after it; return the reservoir."""
        for i, x in enumerate(maps):
            vectors = x.reshape(-1, x.shape[-1])
            self.offer(first + i, len(vectors), partial(np.asarray, vectors))
        return self

    def offer(self, image: int, n_positions: int, vectors: Callable[[], NDArray]) -> None:
        """Look at the patches of one image; ``vectors()``, (n_positions, c), is called where a key is small enough."""
        keys = np.random.Philox(key=self.seed, counter=int(image) << 64).random_raw(n_positions)
        small = keys <= np.uint64(self.bound)
        if not small.any():
            return
        found = vectors()
        places = np.flatnonzero(small & not_negligible(found))
        images = np.full(len(places), image, np.uint64)
        self._keep(np.stack([keys[places], images, places.astype(np.uint64)], axis=1), found[places])

    def merge(self, other: PatchReservoir) -> Self:
        """Take in what another one of the same size and seed has found in other images; return the reservoir."""
        for keys, vectors in zip(other._keys, other._vectors, strict=True):
            self._keep(keys, vectors)
        return self

    def patches(self) -> NDArray:
        """Return the patches (m, c), m <= `n_patches`, smallest key first."""
        self._cut()
        return self._vectors[0] if self._vectors else np.empty((0, 0), np.float32)

    def _keep(self, keys: NDArray, vectors: NDArray) -> None:
        self._keys.append(keys)
        self._vectors.append(vectors)
        self._count += len(keys)
        if self._count > 2 * self.n_patches:
            self._cut()

    def _cut(self) -> None:
        """Keep the smallest alone, in order; images and positions decide between equal keys."""
        if not self._keys:
            return
        keys = np.concatenate(self._keys)
        order = np.lexsort(keys.T[::-1])[: self.n_patches]
        vectors = np.concatenate(self._vectors)[order]
        self._keys, self._vectors, self._count = [keys[order]], [vectors], len(order)
        if self._count == self.n_patches:
            self.bound = int(keys[order[-1], 0])


class ImageChunks:
    """Images of unknown number as training data: ``ConvKernelNetwork(...).fit(ImageChunks(chunks))``.

    A layer draws its patches in one pass over all images, those of smallest key (`PatchReservoir`): the anchors do not
    depend, bit for bit, on how the images are cut into chunks nor on which worker reads them.

    Parameters
    ----------
    chunks : iterable of arrays, or callable
        Arrays (m, h, w) or (m, h, w, c), of any m. Every layer iterates over them once more, so give something that can
        be iterated again: a list, an object with ``__iter__``, or a function that returns a new iterator.
    workers : int, optional
        Number of processes; None means the threads of ``fit``, or the cluster of joblib's Dask backend.
    client : dask.distributed.Client, optional
        Cluster that computes instead.

    Attributes
    ----------
    image_shape : tuple (h, w, c)
        Shape of the first image.
    dtype : dtype
        float64 if the first chunk is, else float32.

    Raises
    ------
    ValueError
        If `chunks` can be iterated only once, or holds no image. During a pass, if a chunk is not acceptable (see
        `check_images`) or its shape or dtype is not that of the first, or if the number of images is not that of the
        pass before.
    TypeError
        If `chunks` is neither iterable nor callable; and from parts that read training images by their index
        (`PatchCentering`, `OrbitPooling`, `Standardization`).

    Notes
    -----
    A whitened input takes a pass of its own. Images go through the layers one by one, and only those whose keys are
    small: of N images about n (1 + log(N / n)) for n patches. Memory: the patches, twice, and a chunk for each worker.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import ConvKernelNetwork, load_digits_images
    >>> from kernelconv.streams import ImageChunks
    >>> X, y = load_digits_images()
    >>> ckn = ConvKernelNetwork(n_anchors=(8, 16), n_patches=500, random_state=0)
    >>> z = ckn.fit(ImageChunks([X[:100], X[100:300]])).anchors_
    >>> again = ckn.fit(ImageChunks(lambda: iter([X[:250], X[250:300]]))).anchors_
    >>> [bool(np.array_equal(a, b)) for a, b in zip(z, again)]
    [True, True]
    """

    def __init__(
        self,
        chunks: Iterable[ArrayLike] | Callable[[], Iterable[ArrayLike]],
        *,
        workers: int | None = None,
        client: Any = None,
    ) -> None:
        if not callable(chunks) and not hasattr(chunks, "__iter__"):
            raise TypeError(f"chunks must be iterable, or a function that returns an iterator, got {shown(chunks)}.")
        if not callable(chunks) and iter(chunks) is chunks:
            raise ValueError(
                "chunks can be gone through once only, as a generator can, and every layer takes a pass: give a list, "
                "or the function that makes the generator."
            )
        self.chunks, self.workers, self.client = chunks, workers, client
        first = next(self._images(None), None)
        if first is None:
            raise ValueError("chunks holds no image: at least one is needed.")
        self.image_shape, self.dtype = first.shape[1:], first.dtype
        self.n_images: int | None = None  # known after a pass

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown(self.chunks)})"

    def __len__(self) -> int:
        _refuse()

    def __getitem__(self, index: Any) -> NDArray:
        _refuse()

    def in_one_pass(self, n_patches: int, rng: np.random.Generator, parts: Sequence[Part] = ()) -> NDArray:
        """Return `n_patches` vectors of the maps that `parts` make of all images, or as many as there are.

        Parameters
        ----------
        n_patches : int
            Vectors wanted.
        rng : numpy Generator
            Draws the seed of the keys.
        parts : sequence of Part
            Built parts; the maps that they make of an image hold a vector at each position.
        """
        found = PatchReservoir(n_patches, int(rng.integers(2**63)))
        shape = self.image_shape
        for part in parts:
            shape = part.out_shape(shape)
        look = partial(_look, tuple(parts), shape[0] * shape[1])
        with self._workers():
            results = in_order(look, self._tasks(found), workers=self.workers, client=self.client)
        for one in results:
            found.merge(one)
        return found.patches()

    def _workers(self) -> AbstractContextManager[Any]:
        """Return the setting in which `in_order` takes the threads of ``fit``, unless others are named."""
        named = self.workers is not None or self.client is not None or hasattr(get_active_backend()[0], "client")
        return nullcontext() if named else parallel_config("threading")

    def _tasks(self, found: PatchReservoir) -> Iterator[_Task]:
        first = 0
        for images in self._images(self.image_shape):
            yield _Task(images, first, found.n_patches, found.seed, found.bound)
            first += len(images)
        if self.n_images is not None and first != self.n_images:
            raise ValueError(f"chunks held {self.n_images:,} images in the pass before, and {first:,} in this one.")
        self.n_images = first

    def _images(self, image_shape: tuple[int, ...] | None) -> Iterator[NDArray]:
        """Yield each chunk as (m, h, w, c), checked."""
        for i, chunk in enumerate(self.chunks() if callable(self.chunks) else self.chunks):
            images, given = check_images(chunk, name=f"chunk {i}"), np.asarray(chunk).dtype
            if image_shape is None:
                self._given = given
            elif images.shape[1:] != image_shape or given != self._given:
                raise ValueError(
                    f"chunk {i} holds images of shape {images.shape[1:]}, {given}, but chunk 0 of {image_shape}, "
                    f"{self._given}."
                )
            # whoever yields a chunk may write the next one into it while this one waits for a worker
            yield images if isinstance(self.chunks, list | tuple) else images.copy()


def _refuse() -> NoReturn:
    raise TypeError(
        "ImageChunks has no length and no index, and this estimator or part (PatchCentering, OrbitPooling, "
        "Standardization) learns from images by their index: give an array, a memory map, or a dataset of zarr or h5py."
    )


@dataclass(frozen=True)
class _Task:
    """Images, the index of the first, and of a reservoir its size, seed and the largest key that it may still take."""

    images: NDArray
    first: int
    n_patches: int
    seed: int
    bound: int


def _look(parts: tuple[Part, ...], n_positions: int, task: _Task) -> PatchReservoir:
    """Return the patches of smallest key of a chunk."""
    found = PatchReservoir(task.n_patches, task.seed)
    found.bound = task.bound
    for i in range(len(task.images)):
        found.offer(task.first + i, n_positions, partial(_vectors, parts, task.images[i : i + 1]))
    return found


def _vectors(parts: tuple[Part, ...], image: NDArray) -> NDArray:
    """Return what `parts` make of an image (1, h, w, c), as rows.

    One at a time: among others its bits might depend on how many they are.
    """
    for part in parts:
        image = part.forward(image)
    return image.reshape(-1, image.shape[-1])
