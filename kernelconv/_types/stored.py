"""Images that stay where they are, in a file or as integers, until a block of them is computed.

A leaf of the import graph.
"""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse

from kernelconv._arrays import is_foreign
from kernelconv._check import Shape, as_float, check_finite, check_images, check_images_shape
from kernelconv._numbers import shown


class StoredImages:
    """Images (n, h, w, c) by slicing and by arrays of integers; only what is asked for is read, and made a float.

    Parameters
    ----------
    data : array (n, h, w) or (n, h, w, c)
        Anything with ``shape``, ``dtype`` and slicing; see `is_stored`.
    image_shape : tuple (h, w, c)
        Shape of one image.
    name : str
        What messages call it.

    Raises
    ------
    ValueError
        From indexing, if what is read holds NaN or an infinity, is beyond the range of float32 or has another shape
        than announced.
    """

    def __init__(self, data: Any, image_shape: Shape, name: str) -> None:
        self.data, self.name = data, name
        self.shape = (int(data.shape[0]), *image_shape)
        native = data.dtype.newbyteorder("=")
        self.dtype = native if native == np.float64 else np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        """4."""
        return len(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of a value once it is read."""
        return self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | NDArray) -> NDArray:
        found = np.asarray(_taken(self.data, index))
        n = len(range(*index.indices(len(self)))) if isinstance(index, slice) else len(index)
        if found.size != n * int(np.prod(self.shape[1:])):
            raise ValueError(
                f"{self._called(index)} has shape {found.shape}, but {self.name} said that its images are of shape "
                f"{self.shape[1:]}."
            )
        block = as_float(found, self._called(index))
        if found.dtype.kind == "f":  # integers are finite
            check_finite(block, self._called(index))
        return block.reshape(n, *self.shape[1:])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def _called(self, index: slice | NDArray) -> str:
        """Return the name of a part of the images, whole ones by their own."""
        if not isinstance(index, slice):
            return f"{self.name}[{shown(np.asarray(index).tolist(), 40)}]"
        lo, hi, _ = index.indices(len(self))
        return self.name if (lo, hi) == (0, len(self)) else f"{self.name}[{lo}:{hi}]"


def _taken(data: Any, index: slice | NDArray) -> Any:
    """Return ``data[index]``, also where `data` has only slices: a slice for each run of neighbours."""
    if isinstance(index, slice) or isinstance(data, np.ndarray):
        return data[index]
    if hasattr(data, "oindex"):  # zarr reads each of its chunks once
        return data.oindex[np.asarray(index)]
    wanted, places = np.unique(index, return_inverse=True)
    runs = np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1)
    return np.concatenate([np.asarray(data[int(run[0]) : int(run[-1]) + 1]) for run in runs])[places]


def is_stored(x: Any) -> bool:
    """Return whether `x` is images that are read block by block: integers, or what lies in a file.

    That is an array of integers, a memory map, and what is no array but has ``shape`` of 3 or 4 axes, a NumPy
    ``dtype`` of real numbers and slicing: a dataset of h5py or zarr.
    """
    dtype, shape = getattr(x, "dtype", None), getattr(x, "shape", None)
    if not isinstance(dtype, np.dtype) or not isinstance(shape, tuple) or len(shape) not in (3, 4):
        return False
    if isinstance(x, np.ndarray):
        return type(x) in (np.ndarray, np.memmap) and dtype.kind in ("biuf" if type(x) is np.memmap else "biu")
    in_memory = array_api_compat.is_array_api_obj(x) and not array_api_compat.is_dask_array(x)
    return dtype.kind in "biuf" and hasattr(x, "__getitem__") and not in_memory and not sparse.issparse(x)


def is_elsewhere(x: Any) -> bool:
    """Return whether `x` is an array in memory of another library than NumPy, which is left there; not Dask's."""
    return is_foreign(x) and not array_api_compat.is_dask_array(x)


def as_images(
    x: Any, *, image_shape: Shape | None = None, name: str = "x", channels_last: bool = True
) -> NDArray | StoredImages:
    """Return `x` as `check_images` does, or where `is_stored` as `StoredImages`, of which no value has been read.

    Raises
    ------
    ValueError
        As `check_images`; of stored images, values are looked at when they are read.
    """
    if isinstance(x, StoredImages):
        return x
    if (type(x) is np.ndarray and x.dtype.kind == "f") or not is_stored(x):
        return check_images(x, image_shape=image_shape, name=name, channels_last=channels_last)
    shape = check_images_shape(tuple(map(int, x.shape)), image_shape, name, channels_last)
    return StoredImages(x, shape[1:], name)
