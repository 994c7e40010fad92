"""NetworkTransformer: any network of parts inside scikit-learn."""

from __future__ import annotations

import time
from typing import Any, Protocol, Self

from joblib import parallel_config
from numpy.typing import ArrayLike

from kernelconv._arrays import is_foreign, numpy_dtype
from kernelconv._check import Shape, check_flag, check_image_shape, check_rng
from kernelconv._parallel.blocks import n_threads
from kernelconv._types.parameters import RandomState
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.arrays import rows
from kernelconv.networks.estimator import ImageTransformer
from kernelconv.networks.serial import Network
from kernelconv.operators import Part


class HasNetwork(Protocol):
    """A fitted estimator that computes by a network."""

    network_: Network


class NetworkTransformer(ImageTransformer):
    r"""Any network of parts, :math:`x_n = A_n M_n P_n \dots A_1 M_1 P_1 x_0`, as a scikit-learn transformer.

    ``fit`` builds the network on the images: anchors, whitenings and means are learned layer by layer, without labels;
    weights are drawn.

    Parameters
    ----------
    network : Network
        The parts, composed by `serial`. Parts inside it and their fields are parameters too, by name:
        "network__layer_1", "network__layer_1__mapping__n_anchors".
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows of a 2-D X are read as images.
    random_state : int, Generator, RandomState or None
        Samples patches, starts the k-means and draws weights.
    verbose : bool
        Print one line per part while fitting, with the seconds since the start.
    n_jobs : int, optional
        Threads; the result does not depend on it.

    Attributes
    ----------
    network_ : Network
        The built network: ``network_.trace(X)`` gives each part's maps, ``network_.vjp`` gradients.
    maps_shape_ : tuple (h, w, c)
        Shape of the output map; ``transform`` returns it raveled.
    n_features_in_ : int
        h w c of the images seen in ``fit``.
    image_shape_ : tuple (h, w, c)
        Their shape.

    Raises
    ------
    ValueError
        From ``fit`` if `network` is not a `Network`, a part does not fit its input or cannot learn from it, or the
        images are not acceptable (see `ImageEstimator`).

    Notes
    -----
    Arrays of another library than NumPy (PyTorch, JAX; CuPy is not tested) go through the definitions of the parts; the
    output is of the same library, device and precision. ``fit`` on them draws the same patches, and runs the products
    of the k-means and of second moments on their device; what is learned is kept as NumPy arrays, so that the estimator
    can be pickled and cloned, and serves all libraries. scikit-learn needs no setting for it.
    ``fit`` holds what one part samples and a few blocks of maps; ``transform`` its output and a few blocks. Integers,
    and images in a file (a memory map, a dataset of zarr or h5py), become floats a block at a time.

    Examples
    --------
    >>> from kernelconv import NetworkTransformer, load_digits_images, serial
    >>> from kernelconv.operators import GaussianPooling, KernelMapping, Layer, PatchExtraction
    >>> X, y = load_digits_images()
    >>> patches, pooling = PatchExtraction(3, padding="zero"), GaussianPooling(2)
    >>> network = serial(Layer(patches, KernelMapping(16), pooling), Layer(patches, KernelMapping(32), pooling))
    >>> phi = NetworkTransformer(network, random_state=0).fit(X[:500])
    >>> phi.transform(X[500:503]).shape
    (3, 128)
    >>> phi.set_params(network__layer_2__mapping__n_anchors=8).fit(X[:500]).maps_shape_
    (2, 2, 8)
    """

    def __init__(
        self,
        network: Network,
        *,
        image_shape: Shape | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.network = network
        self.image_shape = image_shape
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    def specification(self) -> Network:
        """Return the network that ``fit`` builds.

        Raises
        ------
        ValueError
            If `network` is not a `Network`.
        """
        if not isinstance(self.network, Network):
            raise ValueError(f"network must be a Network, as serial(*parts) makes it, got {self.network!r}.")
        return self.network

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Build the network on images `X` (n, h, w), (n, h, w, c) or rows; `y` is ignored.

        Of images in a file (a memory map, a dataset of zarr or h5py) only those drawn are read. If the number of
        images is not known, pass `kernelconv.streams.ImageChunks`.
        """
        images = self._images_to_learn(X)
        with parallel_config(n_jobs=n_threads(self.n_jobs)):  # the k-means inside asks joblib how many threads to use
            progress = _PartPrinter() if check_flag(self.verbose, "verbose", levels=True) else None
            network = self.specification().build(self.image_shape_, check_rng(self.random_state), images, progress)
        self.network_ = network.astype(numpy_dtype(images) if is_foreign(images) else images.dtype)
        self.maps_shape_ = self.network_.out_shape(self.image_shape_)
        return self

    def _images_to_learn(self, X: Any) -> Any:
        """Return `X` as images, or as what draws its own samples; learn their shape."""
        if not hasattr(X, "in_one_pass"):
            return self._stored_images(X, reset=True)
        if self.image_shape is not None:
            check_image_shape(X.image_shape, self.image_shape, "X")
        self._learn_shape(X.image_shape)
        return X

    @property
    def representation_(self) -> Network:
        """The built network: its output is what ``transform`` returns."""
        return self.network_

    def transform(self, X: ArrayLike) -> Any:
        """Return the features of images `X` as rows (n, h' w' c'), positions first, channels last.

        An array of another library than NumPy gives one of that library, on its device.
        """
        images = self._stored_images(X)
        return rows(self.network_, images, self.n_jobs)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: arrays of other libraries are welcome."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags


class _PartPrinter:
    """Prints a line when a part is built, with what it has learned and the seconds since the start."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def __call__(self, name: str, part: Part) -> None:
        anchors = [z for key, z in part.params.items() if key.rpartition(".")[2] == "anchors"]
        learned = ", ".join(f"{len(z)} anchors of {z.shape[1]} values" for z in anchors)
        print(
            f"{name.replace('_', ' ')}: {learned or repr(part)}  {time.perf_counter() - self.start:.0f} s", flush=True
        )
