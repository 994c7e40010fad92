"""ConvKernelClassifier: a convolutional kernel network trained end to end."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import Shape, check_count, check_flag, check_positive, check_rng
from kernelconv._scales import rms_norm
from kernelconv._types.parameters import Padding, PerLayer, RandomState, Size
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.estimator import ImageClassifier
from kernelconv.networks.kernel.last_layer import SphereSteps, inverse_covariance, solve_last_layer
from kernelconv.networks.kernel.layers import Input, Kernels, Pooling, anchors_of, layers_of
from kernelconv.networks.serial import Network, serial
from kernelconv.networks.training.loop import loss_gradient
from kernelconv.networks.training.losses import CLASS_LOSSES, ClassLoss, Loss, as_loss
from kernelconv.networks.training.optimizers import learning_rates
from kernelconv.networks.transformer import NetworkTransformer
from kernelconv.operators import Dense, Flatten, Part, sample_patches
from kernelconv.operators.maps import Maps

#: Patches a layer from which the preconditioner's covariance is estimated.
N_COVARIANCE = 10_000


class ConvKernelClassifier(ImageClassifier):
    r"""Convolutional kernel network whose anchors are learned end to end, with labels.

    Training starts from the anchors of `ConvKernelNetwork`. Each epoch moves them on the sphere by stochastic gradient
    steps, with the exact gradient of :math:`\kappa(Z Z')^{-1/2}`, and then solves the last layer, a convex problem,
    again. Parameters that are tuples are per layer.

    Parameters
    ----------
    n_anchors, patch_size, subsampling, pooling_scale, kernel, sigma, regularization, padding, input, pooling, n_patches
        As `ConvKernelNetwork`; the kernel must have a finite slope.
    alpha : float
        Weight of the last layer's penalty alpha / 2 norm(W)^2, on features centred and of mean squared norm one.
    loss : {"squared_hinge", "log_loss", "margin_loss"} or callable
        Loss of the scores, one against the rest or softmax (then there is ``predict_proba``); or a convex function
        (scores, class indices) -> (sum over the images, gradient in the scores).
    epochs : int
        Passes over the images; 0 keeps the unsupervised anchors and solves the last layer alone.
    batch_size : int
        Images per step.
    learning_rate : float
        Angle (rad) by which an anchor turns in the first steps; it falls along half a cosine.
    momentum : float
        Decay of the velocity, in [0, 1).
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows of a 2-D X are read as images.
    random_state : int, Generator, RandomState or None
        Samples patches, starts the k-means and shuffles the images.
    verbose : bool
        Print one line per epoch.
    n_jobs : int, optional
        Threads; the result does not depend on it, bit for bit.

    Attributes
    ----------
    network_ : Network
        The trained network, images to scores.
    anchors_ : list of ndarray (n_anchors, patch values)
        Unit anchors of each layer.
    classes_ : ndarray (n_classes,)
        Labels in the order of the scores.
    history_ : list of dict
        The objective with the last layer solved: before the first epoch and after each ("epoch", "objective").
    maps_shape_, n_features_in_, image_shape_ : tuple, int, tuple
        As `ConvKernelNetwork`.

    Raises
    ------
    ValueError
        From ``fit`` if there is a single class, a value is out of range, a kernel has an infinite slope, X is
        empty, a value is no finite real number, or X has two axes and `image_shape` is None.
    TypeError
        From ``fit`` for arrays of another library than NumPy; ``transform`` and ``predict`` accept these.

    Notes
    -----
    An epoch that increases the objective is undone, and the angle is halved from then on, so the objective never
    rises. Cost: an epoch takes about four times as long as ``transform`` of the training images; their features are
    held in memory. There is no ``partial_fit``: the last layer is solved on the whole training set at once.

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, section 3.

    Examples
    --------
    >>> from kernelconv import ConvKernelClassifier, load_digits_images
    >>> X, y = load_digits_images()
    >>> clf = ConvKernelClassifier(n_anchors=(8, 16), epochs=2, random_state=0).fit(X[:300], y[:300])
    >>> clf.predict(X[300:303]).shape, clf.transform(X[300:303]).shape
    ((3,), (3, 64))
    >>> clf.history_[-1]["objective"] < clf.history_[0]["objective"]
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
        n_patches: int = 20_000,
        alpha: float = 1e-4,
        loss: ClassLoss | Loss = "squared_hinge",
        epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float = 0.02,
        momentum: float = 0.9,
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
        self.n_patches = n_patches
        self.alpha = alpha
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.image_shape = image_shape
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on images `X` (n, h, w), (n, h, w, c) or rows, and labels `y` (n,)."""
        images = self._read_images(X, reset=True)
        labels = self._read_labels(y, images)
        check_count(self.epochs, "epochs", minimum=0)
        check_count(self.batch_size, "batch_size")
        check_positive(self.alpha, "alpha")  # before anything that takes its time
        learning_rates(self.learning_rate, "cosine", 1), SphereSteps({}, self.momentum)
        as_loss(self.loss, CLASS_LOSSES)
        rng = check_rng(self.random_state)
        base = NetworkTransformer(layers_of(self), random_state=rng, n_jobs=self.n_jobs).fit(images).network_
        if not base.differentiable:
            raise ValueError("Anchors cannot be trained through a kernel of infinite slope: use ArcCosine(1).")
        self.maps_shape_ = base.out_shape(self.image_shape_)
        network, objective = self._with_last_layer(base, images, labels, None)
        self.history_: list[dict[str, float]] = []
        self._record(0, objective)
        self.network_ = self._train(network, objective, images, labels, rng)
        return self

    def _train(
        self, network: Network, objective: float, images: NDArray, labels: NDArray, rng: np.random.Generator
    ) -> Network:
        """Alternate epochs of anchor steps with exact solutions of the last layer."""
        epochs, batch_size = int(self.epochs), int(self.batch_size)  # NumPy's small ints overflow
        if epochs == 0:
            return network
        preconditioners = _preconditioners(network, images, rng)
        starts = range(0, len(images), batch_size)
        rates = learning_rates(self.learning_rate, "cosine", epochs * len(starts)).reshape(epochs, -1)
        seed, shrink = int(rng.integers(2**63)), 1.0
        loss, steps = as_loss(self.loss, CLASS_LOSSES), SphereSteps(preconditioners, self.momentum)
        for epoch in range(epochs):
            order = rng.permutation(len(images))
            moved = network
            for i, lo in enumerate(starts):
                batch = order[lo : lo + batch_size]
                grads = loss_gradient(moved, images[batch], labels[batch], loss, (seed, epoch, i), self.n_jobs)[2]
                moved = _moved(moved, grads, steps, shrink * float(rates[epoch, i]))
            moved, value = self._with_last_layer(_without_last_layer(moved), images, labels, network)
            if value <= objective:
                network, objective = moved, value
            else:
                shrink, steps = shrink / 2, SphereSteps(preconditioners, self.momentum)
            self._record(epoch + 1, objective)
        return network

    def _with_last_layer(
        self, base: Network, images: NDArray, labels: NDArray, before: Network | None
    ) -> tuple[Network, float]:
        """Return `base` followed by its exact last layer, centring and scale absorbed in it; and the objective."""
        x = base.forward(images, self.n_jobs).reshape(len(images), -1)
        mean = x.mean(axis=0, dtype=np.float64)
        x -= mean.astype(x.dtype)
        scale = rms_norm(x) or 1.0
        x /= x.dtype.type(scale)
        start = None
        if before is not None:  # the last weights, seen through the new centring and scale
            w, b = before.params["scores.weight"], before.params["scores.bias"]
            start = np.concatenate([w * scale, (b + mean @ w)[None]]).astype(np.float64)
        w, value = solve_last_layer(
            x, labels, len(self.classes_), alpha=self.alpha, loss=self.loss, start=start, n_jobs=self.n_jobs
        )
        weight = w[:-1] / scale
        flat = base.out_shape(base.in_shape)
        dense = Dense(len(self.classes_)).build((1, 1, int(np.prod(flat))), np.random.default_rng(0))
        dense = dense.replace({"weight": weight, "bias": w[-1] - mean @ weight})
        parts = [*base.parts, Flatten().build(flat), dense.astype(x.dtype)]
        return serial(*parts, names=[*base.names, "flatten", "scores"]), value

    def _record(self, epoch: int, objective: float) -> None:
        self.history_.append({"epoch": epoch, "objective": objective})
        if check_flag(self.verbose, "verbose", levels=True):
            print(f"epoch {epoch:3d}  objective {objective:.5f}", flush=True)

    @property
    def anchors_(self) -> list[NDArray]:
        """Unit anchors of each layer, (n_anchors, patch values), read-only."""
        return anchors_of(self.network_)

    @property
    def representation_(self) -> Network:
        """The network without its last layer."""
        return _without_last_layer(self.network_)


def _without_last_layer(network: Network) -> Network:
    return serial(*network.parts[:-2], names=network.names[:-2])


def _moved(network: Network, grads: dict[str, NDArray], steps: SphereSteps, rate: float) -> Network:
    params = {
        k: steps.step(k, v, grads[k], rate) if k in steps.preconditioners else v for k, v in network.params.items()
    }
    return network.replace(params)


def _preconditioners(network: Network, images: NDArray, rng: np.random.Generator) -> dict[str, NDArray]:
    """Return the inverse covariance of each layer's patches, by the name of its anchors."""
    out: dict[str, NDArray] = {}
    before: list[Any] = []
    for name, part in network.named_parts.items():
        if "M.anchors" in part.params:
            maps = Maps(images, (*before, part.patches))  # type: ignore[attr-defined]
            q = inverse_covariance(sample_patches(maps, N_COVARIANCE, rng))
            out[f"{name}.M.anchors"] = q.astype(part.params["M.anchors"].dtype)
        before.append(part)
    return out
