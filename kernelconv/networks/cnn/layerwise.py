"""LayerwiseConvNet: a CNN whose filters are centroids of patches, learned stage by stage."""

from __future__ import annotations

from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import Shape, as_pair, check_choice, check_count, check_flag, check_rng
from kernelconv._types.parameters import Padding, PerLayer, RandomState, Size
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.cnn.centroids import centroid_convolution
from kernelconv.networks.estimator import ImageClassifier
from kernelconv.networks.parameters import per_layer
from kernelconv.networks.serial import Network, serial
from kernelconv.networks.training.checkpoint import Record
from kernelconv.networks.training.loop import train
from kernelconv.networks.training.losses import CLASS_LOSSES, ClassLoss, Loss, as_loss
from kernelconv.networks.training.optimizers import Optimizer, learning_rates
from kernelconv.operators import (
    AveragePooling,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Identity,
    MaxPooling,
    Part,
    PatchCentering,
    PatchExtraction,
    PatchWhitening,
    ReLU,
    Standardization,
)
from kernelconv.operators.base import Shape3

WindowPooling = Literal["max", "average"]
PatchInput = Literal["centered", "whitened", "raw"]
#: What of its patches the first stage clusters, by name, from their size: linear parts.
PATCH_INPUTS: dict[str, Any] = {
    "centered": PatchCentering,
    "whitened": PatchWhitening,
    "raw": lambda size: Identity(),
}


class LayerwiseConvNet(ImageClassifier):
    r"""A convolutional network learned stage by stage, without a gradient through more than one stage.

    Each stage clusters the patches of its input maps (Euclidean k-means), convolves with the centroids z, applies ReLU
    and pools; a 1x1 convolution V and a linear layer W on the whole map are then trained by gradient to predict the
    classes. The linear layer is dropped, and the output of the 1x1 convolution is the input of the next stage:

    .. math:: x_s = V_s \, A_s \max(Z_s P_s x_{s-1}, 0), \quad \text{scores} = W_S \, \mathrm{vec}(x_S)

    Only the last stage keeps its linear layer, which is the classifier. Tuples are per stage; a single value holds for
    every stage. The number of stages is the length of `n_centroids`.

    Parameters
    ----------
    n_centroids : tuple of int, or int
        Filters of each stage. A stage whose sample holds fewer distinct patches gets as many filters as there are, with
        a warning.
    patch_size : tuple of (int or (int, int)), or int
        Patch size (px) of each stage, on the maps that it reads.
    subsampling : tuple of (int or (int, int)), or int
        Size of the pooling windows and step between them (px); an axis that is shorter is pooled as a whole.
    n_filters : tuple of int, or int
        Filters of the 1x1 convolution of each stage: channels of the next one.
    stride : tuple of (int or (int, int)), or int
        Step (px) between patches.
    pooling : tuple of str, or {"max", "average"}
        Pooling of each stage.
    padding : {"zero", "valid", "reflect", "symmetric", "circular"}
        How a map is continued beyond its edge when patches are taken.
    input : {"centered", "whitened", "raw"}
        What the first stage clusters: patches without their mean, which makes it invariant to brightness; these
        decorrelated (`PatchWhitening`: for natural images); or the patches themselves. The filters include this linear
        map.
    n_patches : int
        Training patches sampled per stage for the k-means; at least as many as centroids.
    loss : {"log_loss", "squared_hinge", "margin_loss"} or callable
        As `ConvNetClassifier`; with "log_loss" there is ``predict_proba``.
    epochs : int
        Passes over the images, of each stage.
    batch_size : int
        Images per step.
    learning_rate : float
        The highest learning rate, of Adam, which falls along half a cosine in each stage.
    weight_decay : float
        Decoupled decay, on weights and not on biases.
    dropout : float
        Share of the values dropped before the linear layer, in [0, 1).
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows of a 2-D X are read as images.
    random_state : int, Generator, RandomState or None
        Samples patches, starts the k-means, draws the weights and shuffles the images.
    verbose : bool
        Print one line per stage.
    n_jobs : int, optional
        Threads; the result does not depend on it, bit for bit.

    Attributes
    ----------
    network_ : Network
        Images to scores; ``network_.trace(X)`` gives each part's maps: in stage 1 "convolution_1", "relu_1",
        "pooling_1", "standardization_1" and "mixing_1", the 1x1 convolution.
    centroids_ : list of ndarray (n_centroids, patch values)
        Centroids of each stage, in the coordinates that it clusters.
    classes_ : ndarray (n_classes,)
        Labels in the order of the scores.
    history_ : list of dict
        Per epoch of each stage: stage, epoch, loss, accuracy on the training images.
    maps_shape_, n_features_in_, image_shape_ : tuple, int, tuple
        Shape of the last maps, and what ``fit`` has seen.

    Raises
    ------
    ValueError
        From ``fit`` if there is a single class, tuples have different lengths, a value is out of range, a patch is
        larger than the padded map, the images are flat, X is empty, a value is no finite real number, or X has two axes
        and `image_shape` is None.

    Notes
    -----
    Images, and the maps before each 1x1 convolution, are standardised channel by channel. With the same `random_state`,
    a network of fewer stages has the same first stages. ``fit`` holds the pooled maps of one stage, n h' w'
    n_centroids values. Cost per image and stage: h w n_centroids (patch values) multiply-adds once, and `epochs` times
    3 h' w' n_centroids n_filters for the gradient.

    On data of the paper's hierarchical generative model, in which a patch is one of few patterns at every level, the
    clusters are the patterns of each level. Trained on 2,000 images of MNIST, the defaults have an error of about 2.9 %
    on other images of the training set, the first stage alone 3.5 %.

    References
    ----------
    Malach & Shalev-Shwartz (2018), A provably correct algorithm for deep learning that actually works,
    arXiv:1803.09522. Coates & Ng (2012), Learning feature representations with k-means, for the input.

    Examples
    --------
    >>> from kernelconv.datasets import load_digits_images
    >>> from kernelconv.networks import LayerwiseConvNet
    >>> X, y = load_digits_images()
    >>> clf = LayerwiseConvNet((16, 32), 3, epochs=3, random_state=0).fit(X[:500], y[:500])
    >>> clf.maps_shape_, [z.shape for z in clf.centroids_]
    ((2, 2, 32), [(16, 9), (32, 288)])
    """

    centroids_: list[NDArray]
    history_: list[Record]

    def __init__(
        self,
        n_centroids: PerLayer[int] = (64, 256),
        patch_size: PerLayer[Size] = (5, 3),
        subsampling: PerLayer[Size] = 2,
        *,
        n_filters: PerLayer[int] = 32,
        stride: PerLayer[Size] = 1,
        pooling: PerLayer[WindowPooling] = "max",
        padding: Padding = "zero",
        input: PatchInput = "centered",
        n_patches: int = 10_000,
        loss: ClassLoss | Loss = "log_loss",
        epochs: int = 10,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        dropout: float = 0.5,
        image_shape: Shape | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.n_centroids = n_centroids
        self.patch_size = patch_size
        self.subsampling = subsampling
        self.n_filters = n_filters
        self.stride = stride
        self.pooling = pooling
        self.padding = padding
        self.input = input
        self.n_patches = n_patches
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.image_shape = image_shape
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the stages one by one from images `X` (n, h, w), (n, h, w, c) or rows, and labels `y` (n,)."""
        images = self._read_images(X, reset=True)
        labels = self._read_labels(y, images)
        stages, rng = self._stages(), check_rng(self.random_state)
        standardization, maps = _standardized(images)
        parts: dict[str, Part] = {"standardization": standardization}
        self.centroids_, self.history_ = [], []
        for number, stage in enumerate(stages, 1):
            learned, pooled = self._clustered(maps, number, stage, rng)
            head = self._trained(pooled, labels, number, stage["n_filters"], rng)
            learned["mixing"], *last = head.parts
            parts |= {f"{name}_{number}": part for name, part in learned.items()}
            maps = serial(learned["mixing"]).forward(pooled, self.n_jobs)
        parts |= dict(zip(("flatten", "dropout", "scores"), last, strict=True))
        self.network_ = serial(*parts.values(), names=list(parts))
        self.maps_shape_ = maps.shape[1:]
        return self

    def _stages(self) -> list[dict[str, Any]]:
        """Return the parameters of each stage; what would be refused only after centroids were learned is checked."""
        as_loss(self.loss, CLASS_LOSSES), Optimizer(weight_decay=self.weight_decay)
        check_count(self.epochs, "epochs"), check_count(self.batch_size, "batch_size")
        learning_rates(self.learning_rate, "cosine", 1)
        check_choice(self.input, "input", get_args(PatchInput))
        check_count(self.n_patches, "n_patches")
        names = ("n_centroids", "patch_size", "subsampling", "n_filters", "stride", "pooling")
        stages = per_layer("n_centroids", **{name: getattr(self, name) for name in names})
        for stage in stages:
            check_choice(stage["pooling"], "pooling", get_args(WindowPooling))
            for name in ("n_centroids", "n_filters"):  # as Python's ints: an uint8 would overflow
                stage[name] = check_count(stage[name], name)
            if stage["n_centroids"] > self.n_patches:
                raise ValueError(
                    f"n_centroids={stage['n_centroids']} is more than n_patches={self.n_patches}, the patches they are "
                    "learned from: ask for fewer centroids or more patches."
                )
        return stages

    def _clustered(
        self, maps: NDArray, number: int, stage: dict[str, Any], rng: np.random.Generator
    ) -> tuple[dict[str, Part], NDArray]:
        """Return the parts of a stage that learn without labels, and what they make of `maps`."""
        patches = PatchExtraction(stage["patch_size"], stage["stride"], self.padding)
        reads = PATCH_INPUTS[self.input](patches.size) if number == 1 else Identity()
        convolution, centroids = centroid_convolution(maps, stage["n_centroids"], patches, reads, self.n_patches, rng)
        self.centroids_.append(centroids)
        responses = convolution.out_shape(maps.shape[1:])
        relu, pooling = ReLU().build(responses), _pooling(stage, responses)
        pooled = serial(convolution, relu, pooling).forward(maps, self.n_jobs)
        standardization, pooled = _standardized(pooled)
        return {
            "convolution": convolution,
            "relu": relu,
            "pooling": pooling,
            "standardization": standardization,
        }, pooled

    def _trained(
        self, pooled: NDArray, labels: NDArray, number: int, n_filters: int, rng: np.random.Generator
    ) -> Network:
        """Return the 1x1 convolution of a stage, and the linear layer after it, trained to tell classes apart."""
        head = serial(Convolution(n_filters, 1), Flatten(), Dropout(self.dropout), Dense(len(self.classes_)))
        head, records = train(
            head.build(pooled.shape[1:], rng),
            pooled,
            labels,
            rng=rng,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimizer=Optimizer(weight_decay=self.weight_decay),
            loss=self.loss,
            n_jobs=self.n_jobs,
        )
        self.history_ += [{"stage": number, **record} for record in records]
        if check_flag(self.verbose, "verbose", levels=True):
            print(f"stage {number}  loss {records[-1]['loss']:.4f}  accuracy {records[-1]['accuracy']:.4f}", flush=True)
        return head

    @property
    def representation_(self) -> Network:
        """The network without its linear layer."""
        return serial(*self.network_.parts[:-1], names=self.network_.names[:-1])


def _standardized(maps: NDArray) -> tuple[Standardization, NDArray]:
    """Return a standardisation built on `maps`, and what it makes of them."""
    part = Standardization().build(maps.shape[1:], data=maps).astype(maps.dtype)
    return part, serial(part).forward(maps)


def _pooling(stage: dict[str, Any], shape: Shape3) -> Part:
    """Return the pooling of maps of `shape`; no window is longer than they are."""
    height, width = as_pair(stage["subsampling"], "subsampling")
    windows = min(height, shape[0]), min(width, shape[1])
    pooling = MaxPooling(windows) if stage["pooling"] == "max" else AveragePooling(windows)
    return pooling.build(shape)
