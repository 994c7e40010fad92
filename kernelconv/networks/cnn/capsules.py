"""CapsNetClassifier: a small network of capsules with routing by agreement."""

from __future__ import annotations

from pathlib import Path

from kernelconv._check import Shape
from kernelconv._types.parameters import RandomState
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.cnn.presets.capsnet import capsnet
from kernelconv.networks.serial import Network
from kernelconv.networks.training.changes import Augment
from kernelconv.networks.training.optimizers import OptimizerKind, Schedule


class CapsNetClassifier(ConvNetClassifier):
    r"""A capsule network: two convolutions, then one capsule per class, whose length is the score of the class.

    The channels of the second convolution are read as capsules, vectors whose length expresses the presence of an
    object and whose direction its pose. Each votes for the capsules of the classes, and votes that agree with the
    others get larger weights (`RoutedDense`). The lengths are trained by the margin loss.

    Parameters
    ----------
    n_filters : int
        Filters of the first convolution.
    n_capsules : int
        Capsules that the second convolution makes at each position.
    capsule_size, class_capsule_size : int
        Channels of each of these capsules, and of each capsule of a class.
    filter_size : int
        Height and width (px) of the filters of both convolutions; the second one has a stride of 2 px.
    routings : int
        Rounds of the routing; with 1, every capsule couples equally to all classes.
    epochs, batch_size, learning_rate, schedule, optimizer, momentum, weight_decay, frozen, augmentation
        As `ConvNetClassifier`.
    early_stopping, validation_fraction, patience, warm_start, checkpoint, image_shape, random_state, verbose, n_jobs
        As `ConvNetClassifier`.

    Attributes
    ----------
    network_, classes_, history_, n_features_in_, image_shape_
        As `ConvNetClassifier`; ``transform`` returns the capsules of the classes, class by class.

    Raises
    ------
    ValueError
        From ``fit`` if a value is out of range, and as `ConvNetClassifier`.

    Notes
    -----
    The paper's network has 256 filters and 32 capsules per position. It also has a decoder, which reconstructs the
    image from the capsule of its class and adds the error to the loss; there is none here. Trained on 2,000 images of
    MNIST, the defaults have an error of about 3 % on other images of the training set.

    References
    ----------
    Sabour, Frosst & Hinton (2017), Dynamic routing between capsules.

    Examples
    --------
    >>> from kernelconv.datasets import load_digits_images
    >>> from kernelconv.networks import CapsNetClassifier
    >>> X, y = load_digits_images()
    >>> clf = CapsNetClassifier(16, 4, filter_size=3, epochs=1, random_state=0).fit(X[:300], y[:300])
    >>> clf.decision_function(X[300:303]).shape, clf.transform(X[300:303]).shape
    ((3, 10), (3, 160))
    """

    loss = "margin_loss"

    def __init__(
        self,
        n_filters: int = 16,
        n_capsules: int = 4,
        *,
        capsule_size: int = 8,
        class_capsule_size: int = 16,
        filter_size: int = 9,
        routings: int = 3,
        epochs: int = 10,
        batch_size: int = 32,
        learning_rate: float = 5e-3,
        schedule: Schedule = "cosine",
        optimizer: OptimizerKind = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.01,
        frozen: str | tuple[str, ...] = (),
        augmentation: Augment | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 5,
        warm_start: bool = False,
        checkpoint: str | Path | None = None,
        image_shape: Shape | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.n_filters = n_filters
        self.n_capsules = n_capsules
        self.capsule_size = capsule_size
        self.class_capsule_size = class_capsule_size
        self.filter_size = filter_size
        self.routings = routings
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.optimizer = optimizer
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.frozen = frozen
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

    def _specification(self) -> Network:
        names = ("n_filters", "n_capsules", "capsule_size", "class_capsule_size", "filter_size", "routings")
        options = {name: getattr(self, name) for name in names}
        return capsnet(self.image_shape_, self._n_outputs, **options)
