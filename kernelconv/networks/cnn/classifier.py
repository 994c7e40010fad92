"""ConvNetClassifier: classic CNNs from the same parts, trained by gradient descent."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from kernelconv._check import check_choice, check_count, check_positive, check_rng
from kernelconv.networks.cnn.presets import ARCHITECTURES, lenet5, mlp, resnet, vgg
from kernelconv.networks.estimator import ImageTransformer
from kernelconv.networks.serial import Network, serial
from kernelconv.networks.training.augmentation import Augmentation
from kernelconv.networks.training.loop import Optimizer, log_softmax, train
from kernelconv.operators import Flatten

__all__ = ["ARCHITECTURES", "ConvNetClassifier", "lenet5", "mlp", "resnet", "vgg"]


class ConvNetClassifier(ClassifierMixin, ImageTransformer):
    r"""A convolutional network trained by stochastic gradient descent.

    Parameters
    ----------
    architecture : {"lenet5", "vgg", "resnet", "mlp"} or Network
        A preset sized to the images, or a network (not built) that ends in one position with a channel a class.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images a step.
    learning_rate : float
        The highest learning rate.
    schedule : {"cosine", "one_cycle", "step", "constant"}
        How it goes on; see `learning_rates`.
    optimizer : {"adam", "sgd"}
        Adam, or SGD with Nesterov momentum.
    momentum : float
        First-moment decay, in [0, 1).
    weight_decay : float
        Decoupled decay, on weights and not on biases.
    loss : {"softmax", "squared_hinge"}
        Training loss.
    augmentation : Augmentation, optional
        Random changes of the training images, new ones at every step.
    early_stopping : bool
        Hold `validation_fraction` of the images out, stop after `patience` epochs without a lower loss on them, and
        keep the network of the lowest.
    validation_fraction : float
        Share of the images of each class held out, in (0, 1).
    patience : int
        Epochs.
    warm_start : bool
        ``fit`` goes on from the network of the last ``fit`` on the same shape and classes.
    checkpoint : path, optional
        File that keeps where ``fit`` stands after each epoch: an interrupted ``fit`` called again goes on from there.
        Needs an int `random_state`.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows of a 2-D X are read as images.
    random_state : int, Generator, RandomState or None
        Draws the weights and shuffles the images.
    verbose : bool
        Print one line an epoch, with the seconds since the start.
    n_jobs : int, optional
        Threads; the bits do not depend on it.

    Attributes
    ----------
    network_ : Network
        The trained network, images to scores; ``network_.trace(X)`` gives each layer's maps.
    classes_ : ndarray (n_classes,)
        Labels in the order of the scores.
    history_ : list of dict
        Per epoch: epoch, loss, accuracy on the training images, and with `early_stopping` validation_loss and
        validation_accuracy.
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

    _rng: np.random.Generator
    _memory: dict[str, Any]  # the optimiser's, between partial fits

    def __init__(
        self,
        architecture: Any = "lenet5",
        *,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        schedule: str = "cosine",
        optimizer: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.01,
        loss: str = "softmax",
        augmentation: Augmentation | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 5,
        warm_start: bool = False,
        checkpoint: str | Path | None = None,
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
        self.augmentation = augmentation
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.image_shape = image_shape
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> Self:
        """Train on images `X` (n, h, w), (n, h, w, c) or rows, and labels `y` (n,)."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        if self.checkpoint is not None and not isinstance(self.random_state, int | np.integer):
            raise ValueError("checkpoint needs an int random_state, so that a later fit is the same training.")
        before = self._fitted_for() if self.warm_start else None
        images = self._read_images(X, reset=True)
        labels = self._read_labels(y, images)
        rng = check_rng(self.random_state)
        held_out = self._held_out(labels, rng)
        if held_out is None:
            validation = None
        else:
            validation = images[held_out], labels[held_out]
            images, labels = images[~held_out], labels[~held_out]
        if before is not None and before[:2] == (self.image_shape_, tuple(self.classes_)):
            network = before[2]
        else:
            network = self._specification().build(self.image_shape_, rng, images)
        self.network_, self.history_ = self._train(
            network,
            images,
            labels,
            rng=rng,
            epochs=self.epochs,
            schedule=self.schedule,
            progress=_EpochPrinter() if self.verbose else None,
            validation=validation,
            patience=None if validation is None else check_count(self.patience, "patience"),
            checkpoint=self.checkpoint,
        )
        self._rng, self._memory = rng, {}
        self.maps_shape_ = self._features().out_shape(self.image_shape_)
        return self

    def _train(self, *data: Any, **values: Any) -> tuple[Network, list[dict[str, float]]]:
        """Call `train` with what ``fit`` and ``partial_fit`` have in common."""
        return train(
            *data,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimizer=self._optimizer(),
            loss=self.loss,
            n_jobs=self.n_jobs,
            augmentation=self.augmentation,
            **values,
        )

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go once through images `X` and labels `y` at `learning_rate`, going on from what has been learned.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows
            Images.
        y : array-like (n,)
            Labels.
        classes : array-like, optional
            All labels there will be; needed by the first call if `y` does not hold them all.

        Raises
        ------
        ValueError
            If `y` holds a label that is not among the classes, and as ``fit``.
        """
        images = self._read_images(X, reset=not hasattr(self, "network_"))
        if not hasattr(self, "network_"):
            self._read_labels(y if classes is None else classes)
            self._rng, self._memory, self.history_ = check_rng(self.random_state), {}, []
            self.network_ = self._specification().build(self.image_shape_, self._rng, images)
        labels = self._encoded(y, images)
        network = self.network_.astype(images.dtype)
        self._memory = self._memory or self._optimizer().start(network.params)
        self.network_, record = self._train(
            network, images, labels, rng=self._rng, epochs=1, schedule="constant", memory=self._memory
        )
        self.history_ = [*self.history_, {**record[0], "epoch": len(self.history_) + 1}]
        self.maps_shape_ = self._features().out_shape(self.image_shape_)
        return self

    def _optimizer(self) -> Optimizer:
        return Optimizer(self.optimizer, self.momentum, self.weight_decay)

    def _fitted_for(self) -> tuple[Any, Any, Network] | None:
        """Return (image shape, classes, network) of the last fit, if there was one."""
        if not hasattr(self, "network_"):
            return None
        return self.image_shape_, tuple(self.classes_), self.network_

    def _held_out(self, labels: NDArray, rng: np.random.Generator) -> NDArray | None:
        """Return which images validate, the same share of every class; None without early stopping."""
        if not self.early_stopping:
            return None
        if not check_positive(self.validation_fraction, "validation_fraction") < 1:
            raise ValueError(f"validation_fraction must be in (0, 1), got {self.validation_fraction!r}.")
        held_out = np.zeros(len(labels), bool)
        for label in range(len(self.classes_)):
            of_class = rng.permutation(np.flatnonzero(labels == label))
            if len(of_class) < 2:
                raise ValueError(
                    f"early_stopping holds images of every class out; class {self.classes_[label]} has only "
                    f"{len(of_class)}, at least 2 are needed."
                )
            share = round(self.validation_fraction * len(of_class))
            held_out[of_class[: min(max(share, 1), len(of_class) - 1)]] = True
        return held_out

    def _read_labels(self, y: Any, images: NDArray | None = None) -> NDArray:
        """Learn ``classes_`` from `y` and return class indices."""
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        if images is not None:
            check_consistent_length(images, y)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        if len(encoder.classes_) < 2:
            raise ValueError(f"A classifier needs at least 2 classes, y holds one class only: {encoder.classes_[0]!r}.")
        self.classes_ = encoder.classes_
        return encoder.transform(y)

    def _encoded(self, y: Any, images: NDArray) -> NDArray:
        """Return class indices of labels `y`, which must be among ``classes_``."""
        y = column_or_1d(y, warn=True)
        check_consistent_length(images, y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds {unknown.tolist()}, not among the classes {self.classes_.tolist()}: pass all of them as "
                "classes to the first partial_fit."
            )
        return np.searchsorted(self.classes_, y)

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


class _EpochPrinter:
    """Prints each epoch's record with the seconds since the start."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def __call__(self, record: dict[str, float]) -> None:
        values = "  ".join(f"{k.replace('_', ' ')} {v:.4f}" for k, v in record.items() if k != "epoch")
        print(f"epoch {record['epoch']:3.0f}  {values}  {time.perf_counter() - self.start:.0f} s", flush=True)
