"""ConvNetClassifier: classic CNNs from the same parts, trained by gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from kernelconv._check import check_choice, check_rng
from kernelconv.networks.estimator import ImageTransformer
from kernelconv.networks.serial import Network, serial
from kernelconv.networks.training import Optimizer, log_softmax, train
from kernelconv.operators import Convolution, Dense, Flatten, MaxPooling, ReLU, Standardization
from kernelconv.operators.base import Shape3


def lenet5(in_shape: Shape3, n_classes: int) -> Network:
    """Return LeNet-5's plan with today's widths: two 5x5 convolutions (32, 64), each pooled by 2, dense 128, classes.

    Zero padding keeps the size; an axis that has come down to one pixel is not pooled.

    Examples
    --------
    >>> lenet5((28, 28, 1), 10).out_shape((28, 28, 1))
    (1, 1, 10)
    """
    parts: list[Any] = [Standardization()]
    h, w, _ = in_shape
    for width in (32, 64):
        parts += [Convolution(width, 5, padding="zero"), ReLU(), MaxPooling((min(2, h), min(2, w)))]
        h, w = h // min(2, h), w // min(2, w)
    return serial(*parts, Flatten(), Dense(128), ReLU(), Dense(n_classes))


def mlp(in_shape: Shape3, n_classes: int) -> Network:
    """Return a fully connected network with one hidden layer of 512 units.

    Examples
    --------
    >>> mlp((28, 28, 1), 10)
    Network: Dense(10) ∘ ReLU() ∘ Dense(512) ∘ Standardization()
    """
    return serial(Standardization(), Dense(512), ReLU(), Dense(n_classes))


ARCHITECTURES: dict[str, Callable[[Shape3, int], Network]] = {"lenet5": lenet5, "mlp": mlp}


class ConvNetClassifier(ClassifierMixin, ImageTransformer):
    r"""A convolutional network trained by stochastic gradient descent.

    Parameters
    ----------
    architecture : {"lenet5", "mlp"} or Network
        A preset sized to the images, or a network (not built) that ends in one position with a channel a class.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images a step.
    learning_rate : float
        The highest learning rate.
    schedule : {"cosine", "constant"}
        How it goes on.
    optimizer : {"adam", "sgd"}
        Adam, or SGD with Nesterov momentum.
    momentum : float
        First-moment decay, in [0, 1).
    weight_decay : float
        Decoupled decay, on weights and not on biases.
    loss : {"softmax", "squared_hinge"}
        Training loss.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows of a 2-D X are read as images.
    random_state : int, Generator, RandomState or None
        Draws the weights and shuffles the images.
    verbose : bool
        Print one line an epoch.
    n_jobs : int, optional
        Threads; the bits do not depend on it.

    Attributes
    ----------
    network_ : Network
        The trained network, images to scores; ``network_.trace(X)`` gives each layer's maps.
    classes_ : ndarray (n_classes,)
        Labels in the order of the scores.
    history_ : list of dict
        Per epoch: epoch, loss, accuracy on the training images.
    n_features_in_, image_shape_ : int, tuple
        What ``fit`` has seen.

    Raises
    ------
    ValueError
        From ``fit`` if there is a single class, a value is out of range, the loss stops being finite, a network does
        not fit the images or the classes, or the images are not acceptable (see `ImageEstimator`).

    Notes
    -----
    Images are standardised by the presets' first part, so any pixel range will do. Gradients are summed over fixed
    blocks in order: the same seed gives the same bits for any number of threads.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.

    Examples
    --------
    >>> from kernelconv.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> clf = ConvNetClassifier("lenet5", epochs=3, random_state=0).fit(X[:500], y[:500])
    >>> clf.predict(X[500:503]).shape, clf.transform(X[500:503]).shape
    ((3,), (3, 128))
    """

    def __init__(
        self,
        architecture: Any = "lenet5",
        *,
        epochs: int = 20,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        schedule: str = "cosine",
        optimizer: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.01,
        loss: str = "softmax",
        image_shape: Any = None,
        random_state: Any = None,
        verbose: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.architecture = architecture
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.optimizer = optimizer
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.loss = loss
        self.image_shape = image_shape
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> Self:
        """Train on images `X` (n, h, w), (n, h, w, c) or rows, and labels `y` (n,)."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        images = self._read_images(X, reset=True)
        labels = self._read_labels(y, images)
        rng = check_rng(self.random_state)
        network = self._specification().build(self.image_shape_, rng, images)
        self.network_, self.history_ = train(
            network,
            images,
            labels,
            rng=rng,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            optimizer=Optimizer(self.optimizer, self.momentum, self.weight_decay),
            loss=self.loss,
            n_jobs=self.n_jobs,
            progress=_print_epoch if self.verbose else None,
        )
        self.maps_shape_ = self._features().out_shape(self.image_shape_)
        return self

    def _read_labels(self, y: Any, images: NDArray) -> NDArray:
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_consistent_length(images, y)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        if len(encoder.classes_) < 2:
            raise ValueError(f"A classifier needs at least 2 classes, y holds one class only: {encoder.classes_[0]!r}.")
        self.classes_ = encoder.classes_
        return encoder.transform(y)

    def _specification(self) -> Network:
        n_classes = len(self.classes_)
        if not isinstance(self.architecture, Network):
            return ARCHITECTURES[check_choice(self.architecture, "architecture", tuple(ARCHITECTURES))](
                self.image_shape_, n_classes
            )
        shape = self.architecture.out_shape(self.image_shape_)
        if shape != (1, 1, n_classes):
            raise ValueError(
                f"The network's output has shape {shape} for images of shape {self.image_shape_}; {n_classes} classes "
                f"need (1, 1, {n_classes}): end it with Dense({n_classes})."
            )
        return self.architecture

    def _features(self) -> Network:
        """Return the network without its last part; a network of one part reads the pixels themselves."""
        parts = self.network_.parts[:-1]
        if not parts:
            return serial(Flatten()).build(self.image_shape_)
        return serial(*parts, names=self.network_.names[:-1])

    def decision_function(self, X: Any) -> NDArray:
        """Return the scores (n, n_classes) of images `X`; for two classes the difference (n,)."""
        images = self._read_images(X)
        scores = self.network_.forward(images, self.n_jobs).reshape(len(images), -1)
        return scores if len(self.classes_) > 2 else scores[:, 1] - scores[:, 0]

    def predict_proba(self, X: Any) -> NDArray:
        """Return softmax probabilities (n, n_classes), classes in the order of ``classes_``."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        return np.exp(log_softmax(scores))

    def predict(self, X: Any) -> NDArray:
        """Return the label of the highest score for each image."""
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]

    def transform(self, X: Any) -> NDArray:
        """Return the features (n, d) that the last part reads: the penultimate layer."""
        images = self._read_images(X)
        return self._features().forward(images, self.n_jobs).reshape(len(images), -1)

    def summary(self) -> str:
        """Return the fitted network's table of shapes, receptive fields, params and multiply-adds."""
        return self.network_.summary()


def _print_epoch(record: dict[str, float]) -> None:
    print(f"epoch {record['epoch']:3.0f}  loss {record['loss']:.4f}  accuracy {record['accuracy']:.4f}", flush=True)
