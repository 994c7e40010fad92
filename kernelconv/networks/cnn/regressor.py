"""ConvNetRegressor: the CNNs of the classifier, trained on numbers instead of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import Shape
from kernelconv._types.parameters import RandomState
from kernelconv.networks.cnn.estimator import ConvNet
from kernelconv.networks.cnn.presets import Preset
from kernelconv.networks.estimator import ImageRegressor
from kernelconv.networks.serial import Network
from kernelconv.networks.training.changes import Augment
from kernelconv.networks.training.losses import TARGET_LOSSES, Loss, TargetLoss
from kernelconv.networks.training.optimizers import OptimizerKind, Schedule


class ConvNetRegressor(ImageRegressor, ConvNet):
    r"""A convolutional network for regression, with one or several targets, trained by stochastic gradient descent.

    Parameters
    ----------
    architecture : str or Network
        A preset sized to the images, "lenet5", "wide_lenet", "alexnet", "small_alexnet", "zfnet", "vgg", "inception",
        "resnet", "fractalnet", "densenet" or "mlp"; or a network (not built) that ends in one position with a channel
        per target. `preset` makes presets with other initial weights and options.
    epochs, batch_size, learning_rate, schedule, optimizer, momentum, weight_decay, frozen, augmentation
        As `ConvNetClassifier`.
    loss : "squared_error" or callable
        Half the squared error summed over the targets; or a function (outputs, targets) -> (sum over the images,
        gradient in the outputs), both of shape (n, outputs).
    early_stopping : bool
        Hold out `validation_fraction` of the images, stop after `patience` epochs without a lower loss on them, and
        keep the network of the lowest loss.
    validation_fraction : float
        Share of the images held out, in (0, 1).
    patience, warm_start, checkpoint, image_shape, random_state, verbose, n_jobs
        As `ConvNetClassifier`.

    Attributes
    ----------
    network_ : Network
        The trained network, images to targets; ``network_.trace(X)`` gives each layer's maps.
    n_outputs_ : int
        Number of targets per image.
    history_ : list of dict
        Per epoch: epoch, loss, and with `early_stopping` validation_loss.
    n_features_in_, image_shape_ : int, tuple
        Number of pixel values and shape of the images seen in ``fit``.

    Raises
    ------
    ValueError
        From ``fit`` if `y` is not finite numbers, one row per image, a value is out of range, `frozen` names no param
        or all of them, the loss stops being finite, a network is built or does not fit the images or the targets,
        `checkpoint` is damaged or that of another training, X is empty, a value is no finite real number, or X has two
        axes and `image_shape` is None.
    OSError
        From ``fit`` if `checkpoint` cannot be written.

    Notes
    -----
    Targets are not scaled: where they are far from mean zero and variance one, wrap the regressor in scikit-learn's
    `TransformedTargetRegressor` with a `StandardScaler`. ``score`` is R^2. Gradients are
    summed over fixed blocks in order: the same seed gives the same bits for any number of threads.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import ConvNetRegressor, load_digits_images
    >>> X, _ = load_digits_images()
    >>> ink = X.mean(axis=(1, 2))
    >>> reg = ConvNetRegressor("mlp", epochs=10, random_state=0).fit(X[:500], (ink[:500] - ink.mean()) / ink.std())
    >>> bool(reg.score(X[500:], (ink[500:] - ink.mean()) / ink.std()) > 0.8)
    True
    """

    named_losses = TARGET_LOSSES
    outputs_are = "targets"

    def __init__(
        self,
        architecture: Preset | Network = "wide_lenet",
        *,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        schedule: Schedule = "cosine",
        optimizer: OptimizerKind = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.01,
        loss: TargetLoss | Loss = "squared_error",
        frozen: str | Sequence[str] = (),
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
        super().__init__(
            architecture,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            schedule=schedule,
            optimizer=optimizer,
            momentum=momentum,
            weight_decay=weight_decay,
            frozen=frozen,
            augmentation=augmentation,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            patience=patience,
            warm_start=warm_start,
            checkpoint=checkpoint,
            image_shape=image_shape,
            random_state=random_state,
            verbose=verbose,
            n_jobs=n_jobs,
        )
        self.loss = loss  # the default before it is a classifier's

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train for one epoch on images `X` and targets `y` at `learning_rate`, continuing from the current network.

        Raises
        ------
        ValueError
            If `y` holds another number of targets per image than before, `early_stopping` is set, which holds images
            out of ``fit`` alone, and as ``fit``.
        """
        return self._go_on(X, y, y)

    @property
    def _n_outputs(self) -> int:
        return self.n_outputs_

    def _task(self) -> tuple[Any, ...]:
        return self.image_shape_, self.n_outputs_

    def _learn_targets(self, y: Any, images: NDArray | None = None) -> NDArray:
        return self._read_targets(y, images, reset=True)

    def _more_targets(self, y: Any, images: NDArray) -> NDArray:
        return self._read_targets(y, images)

    def _held_out(self, targets: NDArray, rng: np.random.Generator) -> NDArray:
        """Return which images validate, drawn at random."""
        if len(targets) < 2:
            raise ValueError(f"early_stopping holds images out: at least 2 are needed, got {len(targets)}.")
        held_out = np.zeros(len(targets), bool)
        held_out[rng.permutation(len(targets))[: self._n_held_out(len(targets))]] = True
        return held_out
