"""ConvKernelNetwork: a convolutional kernel network whose anchors are learned layer by layer, without labels."""

from __future__ import annotations

from numpy.typing import ArrayLike, NDArray

from kernelconv._check import Shape
from kernelconv._types.parameters import Padding, PerLayer, RandomState, Size
from kernelconv.networks.kernel.layers import Input, Kernels, Pooling, anchors_of, layers_of
from kernelconv.networks.serial import Network
from kernelconv.networks.transformer import NetworkTransformer
from kernelconv.operators import Part
from kernelconv.operators.pooling.orbit import Group


class ConvKernelNetwork(NetworkTransformer):
    r"""Unsupervised convolutional kernel network, :math:`x_n = A_n M_n P_n \dots A_1 M_1 P_1 x_0`.

    Each layer extracts patches (P), maps them by the Nyström features of a dot-product kernel (M) whose anchors are
    spherical k-means centroids of training patches, and pools with a Gaussian (A). A parameter that is a tuple is per
    layer; a single value holds for every layer. The number of layers is the length of `n_anchors`, and where that is an
    int, of the other tuples: a pair (height, width) of one layer is written ((3, 5),).

    Parameters
    ----------
    n_anchors : tuple of int, or int
        Anchors (output channels) of each layer. A layer whose sample holds fewer distinct patches gets as many anchors
        as there are, with a warning.
    patch_size : tuple of (int or (int, int)), or int
        Patch size (px) of each layer, on the map that it reads.
    subsampling : tuple of (int or (int, int)), or int
        Step (px) between pooled positions. A step of 1 keeps every position and blurs all the same, by weights .21,
        .58, .21 along each axis; with ``pooling_scale=0.5`` or ``pooling="average"`` it does not blur.
    pooling_scale : tuple of float, or float, optional
        Gaussian scale (px); by default subsampling / sqrt(2).
    kernel : tuple of (DotProductKernel or str), DotProductKernel or str
        Dot-product kernel on patches, or its name.
    sigma : tuple of float, or float
        Bandwidth of the kernels named "exponential".
    regularization : float
        epsilon of (kappa(Z Z') + epsilon I)^(-1/2).
    padding : {"zero", "valid", "reflect", "symmetric", "circular"}
        How a map is continued beyond its edge when patches are taken.
    input : {"auto", "raw", "gradient", "centered", "whitened"} or Part
        What the first layer reads: the pixels; their gradient, two channels (`ImageGradient`: take patch_size 1 there,
        so that a patch is an orientation); patches without their mean (`PatchCentering`); or these decorrelated
        (`PatchWhitening`: for natural images). Or any part that acts on images or on patches. "auto" is "whitened" for
        colour images (three channels, more than one line, patches of more than one pixel), else "raw": see Notes.
    pooling : {"gaussian", "average", "max"} or Part, or tuple of these
        Pooling of each layer; "average" and "max" act on windows of `subsampling` px. A part has its own step in place
        of `subsampling`.
    group : {None, "rotations", "flips", "rotations and flips"}
        Average the representation over these symmetries of the image, which makes it exactly invariant to them
        (`OrbitPooling`), at 4, 2 or 8 times the cost.
    n_patches : int
        Training patches sampled per layer for the k-means; at least as many as anchors.
    anchors : list of (array (n_anchors, patch values) or None), optional
        The anchors themselves, one entry per layer, in place of learned ones; None for a layer whose anchors are
        learned. Rows are divided by their norms. `n_anchors` is read only where there is a None.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows of a 2-D X are read as images.
    random_state : int, Generator, RandomState or None
        Samples patches and starts the k-means.
    verbose : bool
        Print one line per layer while fitting, with the seconds since the start.
    n_jobs : int, optional
        Threads; the result does not depend on it.

    Attributes
    ----------
    network_ : Network
        The built network: ``network_.trace(X)`` gives each layer's maps, ``network_.vjp`` gradients.
    anchors_ : list of ndarray (n_anchors, patch values)
        Unit anchors of each layer, read-only; NumPy arrays, even if ``fit`` was on arrays of another library.
    maps_shape_ : tuple (h, w, c)
        Shape of the output map; ``transform`` returns it raveled.
    n_features_in_ : int
        h w c of the images seen in ``fit``.
    image_shape_ : tuple (h, w, c)
        Their shape.

    Raises
    ------
    ValueError
        From ``fit`` if tuples have different lengths, a value is out of range, a patch is larger than the padded map,
        every sampled patch is zero, `anchors` do not fit the patches, X is empty, a value is no finite real
        number, or X has two axes and `image_shape` is None.

    Notes
    -----
    Arrays of PyTorch, JAX and others are fitted and transformed on their device: see `NetworkTransformer`.
    ``fit`` holds the sampled patches of one layer and a few blocks of maps; of images in a file (a memory map, a
    dataset of zarr or h5py) it reads only those that it draws. ``transform`` holds its output and a few blocks.
    Cost per image and layer: h w n_anchors (patch values) multiply-adds for the kernel values, n_anchors^2 per pooled
    position for the whitening.

    The choice of ``input="auto"`` is based on validation errors (%) of raw, centered, whitened patches and gradient,
    means of three draws: 2,000 CIFAR-10 images 51.0, 45.5, 42.7, 44.1; 600 crops of two photographs 59.3, 54.0, 49.1,
    53.3 (``benchmarks/colour_input.py``).

    Heads: ``RidgeClassifierCV(np.logspace(-4, 1, 6))`` has 0.7 % validation error with 1,000 digits (the penalties of
    ``RidgeClassifierCV()``: 1.8 %) and 2.8 % with 1,000 MNIST images, `AffineSubspaceClassifier` 1.2 and 2.7 %,
    ``LogisticRegression`` 5.4 and 4.3 %.

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, section 3.
    Bietti & Mairal (2019), Group invariance, stability to deformations, and complexity of deep convolutional
    representations, for the stability of the representation.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import ConvKernelNetwork, load_digits_images
    >>> X, y = load_digits_images()
    >>> ckn = ConvKernelNetwork(n_anchors=(16, 32), patch_size=3, subsampling=2, random_state=0).fit(X[:500])
    >>> ckn.transform(X[500:503]).shape
    (3, 128)
    >>> ckn.maps_shape_
    (2, 2, 32)

    Anchors of a CKN in PyTorch, (o, c, kh, kw), are those of this class with the channels last
    (of colour images with ``input="raw"``, since by default their patches are whitened first):

    >>> theirs = np.random.default_rng(0).standard_normal((16, 1, 3, 3))
    >>> z = theirs.transpose(0, 2, 3, 1).reshape(16, -1)
    >>> loaded = ConvKernelNetwork(anchors=[z], patch_size=3).fit(X[:1])
    >>> bool(np.allclose(loaded.anchors_[0][5].reshape(3, 3), theirs[5, 0] / np.linalg.norm(theirs[5])))
    True
    """

    def __init__(
        self,
        n_anchors: PerLayer[int] = (64, 128),
        patch_size: PerLayer[Size] = 3,
        subsampling: PerLayer[Size] = 2,
        *,
        pooling_scale: PerLayer[float] | None = None,
        kernel: Kernels = "exponential",
        sigma: PerLayer[float] = 0.6,
        regularization: float = 1e-3,
        padding: Padding = "zero",
        input: Input | Part = "auto",
        pooling: PerLayer[Pooling | Part] = "gaussian",
        group: Group | None = None,
        n_patches: int = 20_000,
        anchors: list[ArrayLike | None] | tuple[ArrayLike | None, ...] | None = None,
        image_shape: Shape | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.n_anchors = n_anchors
        self.patch_size = patch_size
        self.subsampling = subsampling
        self.pooling_scale = pooling_scale
        self.kernel = kernel
        self.sigma = sigma
        self.regularization = regularization
        self.padding = padding
        self.input = input
        self.pooling = pooling
        self.group = group
        self.n_patches = n_patches
        self.anchors = anchors
        self.image_shape = image_shape
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    def specification(self) -> Network:
        """Return the network that the parameters describe, not yet built.

        Examples
        --------
        >>> from kernelconv import ConvKernelNetwork
        >>> ConvKernelNetwork(n_anchors=64, patch_size=5, subsampling=2).specification()
        Network: (GaussianPooling(2) ∘ KernelMapping(64) ∘ PatchExtraction(5, padding='zero'))
        """
        return layers_of(self)

    @property
    def anchors_(self) -> list[NDArray]:
        """Unit anchors of each layer, (n_anchors, patch values), read-only."""
        return anchors_of(self.network_)
