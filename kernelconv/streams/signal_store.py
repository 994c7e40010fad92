"""transform_signal: the scattering of a signal longer than the memory, block by block into a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_count
from kernelconv._numbers import shown
from kernelconv.networks.scattering.fast.blocks_1d import SignalBlocks
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.networks.scattering.signals.scattering_1d import Scattering1D
from kernelconv.streams.identity import fitted_digest
from kernelconv.streams.on_disk.signals import Signal
from kernelconv.streams.on_disk.unfinished import Mark, Store
from kernelconv.streams.progress import counted
from kernelconv.streams.sources import SourceLike, digest_of
from kernelconv.streams.store import check_mark, digest_of_rows

#: Bytes of a window of several blocks with its coefficients, and the most blocks of a window.
WINDOW_BYTES, MOST_BLOCKS = 2**25, 16


def transform_signal(
    scattering: Scattering1D,
    source: SourceLike | Iterable[ArrayLike],
    target: str | Path,
    *,
    length: int | None = None,
    block: int | None = None,
    progress: bool = False,
) -> Any:
    r"""Write the scattering of one long signal to a file, block by block (overlap-save); resume after a kill.

    Each block reads additional samples on either side, as far as the filters reach, and keeps the positions in between:
    the coefficients are those of the whole signal, :math:`S x` of `Scattering1D`, at its positions, to 1e-10 of their
    norm in float64 and 1e-6 in float32, at the borders of blocks too.

    Parameters
    ----------
    scattering : Scattering1D
        Its parameters are used; it need not be fitted, as nothing is learned.
    source : array-like, shape (t,) or (t, c), dataset of zarr or h5py, path, or iterable of chunks
        The signal. Objects with a shape, such as a memory map, are read by slices. A path names an .npy file or a zarr
        array. An iterable yields chunks (m,) or (m, c), of any lengths, in order.
    target : str or path
        Where the maps (t', c * n_paths) are written: an .npy file, or the folder of a zarr array, by its ending.
    length : int, optional
        t, needed with an iterable.
    block : int, optional
        Samples from one block to the next. By default, a block with the samples read on either side has as length a
        power of two, at least 2^15 and 4 times the reach, and at least 16 times the reach where this is at most 2^21.
    progress : bool
        Show a progress bar.

    Returns
    -------
    memory map or zarr array, shape (t', c * n_paths)
        What ``Scattering1D(...).fit(x[None]).maps(x[None])[0]`` would be, read-only: float64 for float64 signals, else
        float32. Channel ``k * n_paths + p`` is path p of channel k of the signal.

    Raises
    ------
    ValueError
        If a parameter of `scattering` is out of its range, T is 0 or "global", or frequencies "both"; if the signal is
        not longer than the filters' reach, is not finite, or its length is not `length`; if the padding is "circular"
        and the source an iterable, whose end is not known at its beginning; if `target` has another ending or no
        folder, or exists and was not made by this function; or if it, finished or not, was made from another signal or
        with other settings.
    TypeError
        If `scattering` is not a `Scattering1D`.
    OSError
        If a file cannot be written; the message names the file, and finished blocks are kept.

    Notes
    -----
    The reach is the distance beyond which 1e-12 (float32: 1e-8) is left of the envelope
    :math:`|\psi_{n_1}| * |\psi_{n_2}| * |\phi_T|` of the path that reaches farthest. It is measured
    (`reach` of ``networks.scattering.fast.blocks_1d``): 18 * 2^J samples (float32: 14.5 * 2^J) for T = 2^J, order 2.
    Blocks begin at output positions, on all inner grids. Beyond its ends the signal is continued according to
    `padding`. The padding of the whole transform may be shorter than the reach; its two ends then influence each other,
    by less than 0.1 % of the low-pass.

    Cost: that of a whole transform, times 8 / 7 since a block of 16 reaches keeps 14. Memory: a few windows of up to 16
    blocks, whatever t. There is one block per thread, with as many threads as `n_jobs` of `scattering`.

    Until all blocks are done the maps are in the folder ``<target>.unfinished``, with the digests of each window and of
    its coefficients. After an interrupt or a kill the same call resumes; a finished target is only compared.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from kernelconv import Scattering1D
    >>> from kernelconv.streams import transform_signal
    >>> x = np.random.default_rng(0).standard_normal(2**14)
    >>> scattering = Scattering1D(J=4, Q=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     maps = transform_signal(scattering, x, f"{folder}/maps.npy", block=2**11)
    ...     whole = scattering.fit(x[None]).maps(x[None])[0]
    ...     maps.shape, bool(np.linalg.norm(maps - whole) < 1e-10 * np.linalg.norm(whole))
    ((1024, 20), True)
    """
    if not isinstance(scattering, Scattering1D):
        raise TypeError(f"scattering must be a Scattering1D, got {shown(scattering)}.")
    signal = Signal(source, length)
    if signal.streamed and scattering.padding == "circular":
        raise ValueError("padding='circular' reads the signal's end at its beginning: the source must be an array.")
    work = _Windows(scattering, signal, None if block is None else check_count(block, "block"))
    wanted = {"estimator": _settings(scattering), "source": [*signal.shape, signal.dtype.str], "chunk": work.advance}
    store = Store(target, wanted, noun="samples")
    if store.rows is None:
        store.begin((work.blocks.n_out, signal.shape[1] * len(work.geometry.paths)), signal.dtype.str)
    assert store.rows is not None
    size = work.rows
    with counted("samples", signal.shape[0], progress) as advance:
        for i, window in enumerate(work):
            last = min((i + 1) * size, work.blocks.n_out)
            digest = digest_of(window)
            found = Mark(digest, digest_of_rows(store.rows, i * size, last)) if i < len(store.marks) else None
            if found is None or (not store.finished and found != store.marks[i] and digest == store.marks[i].source):
                maps = work.maps(window)[: last - i * size]
                store.rows.write(i * size, maps)
                found = Mark(digest, digest_of(maps))
            check_mark(store, i, found, signal.shape[0], "samples")
            store.mark(i, found)
            advance(min(work.advance, signal.shape[0] - i * work.advance))
    signal.close()
    if not store.finished:
        store.finish()
    return store.rows.open()


def _settings(scattering: Scattering1D) -> str:
    """Return the digest of the parameters: a fit adds nothing."""
    return hashlib.sha256(fitted_digest(type(scattering)(**scattering.get_params())).encode()).hexdigest()


class _Windows:
    """The windows of a signal, each of several blocks, padded at the signal's ends; and what they become."""

    def __init__(self, scattering: Scattering1D, signal: Signal, block: int | None) -> None:
        self.scattering, self.signal = scattering, signal
        self.geometry = _geometry(scattering, signal.shape)
        self.blocks = blocks = SignalBlocks(self.geometry, signal.dtype, block)
        made = signal.shape[1] * len(self.geometry.paths) / blocks.stride
        each = blocks.step * (signal.shape[1] + made) * signal.dtype.itemsize
        self.n_blocks = int(np.clip(WINDOW_BYTES // each, 1, MOST_BLOCKS))
        self.advance = self.n_blocks * blocks.step
        self.rows = self.advance // blocks.stride

    def __iter__(self) -> Iterator[NDArray]:
        """Yield the windows (advance + 2 halo, c), beginning a halo before their first output positions."""
        n_rows, blocks = self.blocks.n_out, self.blocks
        last = blocks.first + (n_rows - 1) * blocks.stride + blocks.halo + 1  # what is beyond is not seen
        for row in range(0, n_rows, self.rows):
            lo = blocks.first + row * blocks.stride - blocks.halo
            yield self._window(lo, lo + self.advance + 2 * blocks.halo, last)

    def _window(self, lo: int, hi: int, last: int) -> NDArray:
        t, c = self.signal.shape
        out = np.zeros((hi - lo, c), self.signal.dtype)
        inner = self.signal.read(max(lo, 0), min(hi, t))
        at = max(lo, 0) - lo
        out[at : at + len(inner)] = inner
        for start, stop in ((lo, 0), (max(t, lo), min(hi, last))):
            if start >= stop or self.geometry.padding == "zero":
                continue
            beyond = np.arange(start, stop)
            if self.geometry.padding == "circular":
                first = int(beyond[0]) % t
                found = self.signal.read(first, first + len(beyond))
            else:
                edge = self.geometry.padding == "symmetric"
                mirrored = -beyond - edge if start < 0 else 2 * (t - 1) + edge - beyond
                found = inner[mirrored - max(lo, 0)]
            out[start - lo : stop - lo] = found
        return out

    def maps(self, window: NDArray) -> NDArray:
        """Return the maps (rows, c n_paths) of a window."""
        blocks, c = self.blocks, window.shape[1]
        views = np.lib.stride_tricks.sliding_window_view(window, blocks.length, axis=0)[:: blocks.step]
        found = blocks(views.reshape(-1, blocks.length), self.scattering.n_jobs)
        found = found.reshape(len(views), c, -1, found.shape[-1])
        return np.moveaxis(found, -1, 1).reshape(-1, c * found.shape[2])


def _geometry(scattering: Scattering1D, shape: tuple[int, int]) -> Geometry1D:
    """Return the geometry of the whole signal."""
    geometry = scattering._transform().build((1, *shape)).geometry
    if not geometry.averages:
        raise ValueError(
            f"T={scattering.T!r} needs the whole signal: a long one is averaged every so many samples. Give T >= 1, or "
            "None."
        )
    if scattering.frequencies != "positive":
        raise ValueError("frequencies='both' is computed of whole signals alone: use 'positive'.")
    return geometry
