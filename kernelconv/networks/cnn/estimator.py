"""ConvNet: what the classifier and the regressor share, a network of a preset or of one's own and its training."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from kernelconv._check import Shape, check_choice, check_count, check_flag, check_positive, check_rng
from kernelconv._identity import described
from kernelconv._types.parameters import RandomState
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.cnn.presets import ARCHITECTURES, Preset
from kernelconv.networks.estimator import ImagePredictor
from kernelconv.networks.serial import Network, serial
from kernelconv.networks.training.changes import Augment
from kernelconv.networks.training.loop import Record, train
from kernelconv.networks.training.losses import ClassLoss, Loss, TargetLoss, as_loss
from kernelconv.networks.training.optimizers import Optimizer, OptimizerKind, Schedule
from kernelconv.operators import Flatten


class ConvNet(ImagePredictor):
    """A convolutional network trained by stochastic gradient descent; subclasses say what its outputs stand for.

    They give ``named_losses`` and ``outputs_are``, read what they learn from in ``_learn_targets``, and what goes on
    from there in ``_more_targets``; ``_task`` tells one thing to learn from another.
    """

    named_losses: ClassVar[Mapping[Any, Loss]]
    outputs_are: ClassVar[str]  # "classes"

    history_: list[Record]
    loss: ClassLoss | TargetLoss | Loss
    _built_from: Network  # what the network was specified as
    _rng_state: dict[str, Any]  # the generator's; pickles of a Generator are bound to a version of NumPy
    _memory: dict[str, Any]  # the optimiser's, between partial fits

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
        loss: ClassLoss | Loss = "log_loss",
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
        self.architecture = architecture
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.optimizer = optimizer
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.loss = loss
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

    # -- what the outputs stand for --------------------------------------------------------------------------------

    @property
    def _n_outputs(self) -> int:
        """Channels at the network's end."""
        raise NotImplementedError

    def _task(self) -> tuple[Any, ...]:
        """Return what a network was trained for: images of which shape, which outputs."""
        raise NotImplementedError

    def _learn_targets(self, y: Any, images: NDArray | None = None) -> NDArray:
        """Learn from `y` what the outputs stand for; return class indices (n,) or targets (n, outputs) of `images`."""
        raise NotImplementedError

    def _more_targets(self, y: Any, images: NDArray) -> NDArray:
        """Return class indices or targets of a `y` that has to fit what was learned."""
        raise NotImplementedError

    def _held_out(self, targets: NDArray, rng: np.random.Generator) -> NDArray:
        """Return which images validate, at least one and not all."""
        raise NotImplementedError

    # -- training --------------------------------------------------------------------------------------------------

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on images `X` (n, h, w), (n, h, w, c) or rows, and labels or targets `y`."""
        if self.checkpoint is not None and not isinstance(self.random_state, int | np.integer):
            raise ValueError("checkpoint needs an int random_state, so that a later fit is the same training.")
        warm = check_flag(self.warm_start, "warm_start") and hasattr(self, "network_")
        before = (self._task(), described(self._built_from)) if warm else None
        images = self._read_images(X, reset=True)
        targets = self._learn_targets(y, images)
        rng = check_rng(self.random_state)
        (images, targets), validation = self._split(images, targets, rng)
        specification = self._specification()
        if warm and before == (self._task(), described(specification)):
            network = self.network_
        else:
            network = specification.build(self.image_shape_, rng, images)
        self.network_, self.history_ = self._train(
            network,
            images,
            targets,
            rng=rng,
            epochs=self.epochs,
            schedule=self.schedule,
            progress=_EpochPrinter() if check_flag(self.verbose, "verbose", levels=True) else None,
            validation=validation,
            patience=None if validation is None else check_count(self.patience, "patience"),
            checkpoint=self.checkpoint,
        )
        self._rng_state, self._memory, self._built_from = dict(rng.bit_generator.state), {}, specification
        self.maps_shape_ = self.representation_.out_shape(self.image_shape_)
        return self

    @all_or_nothing
    def _go_on(self, X: Any, y: Any, all_of_y: Any) -> Self:
        """Train for one epoch; the first call learns from `all_of_y` what the outputs stand for."""
        if check_flag(self.early_stopping, "early_stopping"):
            raise ValueError("partial_fit holds no images out: set early_stopping=False, or use fit.")
        first = not hasattr(self, "network_")
        images = self._read_images(X, reset=first)
        if first:
            self._learn_targets(all_of_y)
            rng, self._memory, self.history_ = check_rng(self.random_state), {}, []
            specification = self._specification()
            self.network_, self._built_from = specification.build(self.image_shape_, rng, images), specification
        else:
            rng = _generator(self._rng_state)
        targets = self._more_targets(y, images)
        network = self.network_.astype(images.dtype)
        optimizer, memory = self._optimizer(), deepcopy(self._memory)  # steps change it in place
        memory = memory if optimizer.goes_on(memory) else optimizer.start(network.params)
        self.network_, record = self._train(
            network, images, targets, rng=rng, epochs=1, schedule="constant", memory=memory
        )
        self._rng_state, self._memory = dict(rng.bit_generator.state), memory
        self.history_ = [*self.history_, {**record[0], "epoch": len(self.history_) + 1}]
        self.maps_shape_ = self.representation_.out_shape(self.image_shape_)
        return self

    def _train(self, *data: Any, **values: Any) -> tuple[Network, list[Record]]:
        """Call `train` with what ``fit`` and ``partial_fit`` have in common."""
        as_loss(self.loss, self.named_losses)
        return train(
            *data,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimizer=self._optimizer(),
            loss=self.loss,
            frozen=self.frozen,
            n_jobs=self.n_jobs,
            augmentation=self.augmentation,
            **values,
        )

    def _optimizer(self) -> Optimizer:
        return Optimizer(self.optimizer, self.momentum, self.weight_decay)

    def _split(
        self, images: NDArray, targets: NDArray, rng: np.random.Generator
    ) -> tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray] | None]:
        """Return what is trained on and what validates; None without early stopping."""
        if not check_flag(self.early_stopping, "early_stopping"):
            return (images, targets), None
        if not check_positive(self.validation_fraction, "validation_fraction") < 1:
            raise ValueError(f"validation_fraction must be in (0, 1), got {self.validation_fraction!r}.")
        held_out = self._held_out(targets, rng)
        return (images[~held_out], targets[~held_out]), (images[held_out], targets[held_out])

    def _n_held_out(self, n: int) -> int:
        """Return how many of `n` images validate: the share asked for, at least one and not all."""
        return min(max(round(self.validation_fraction * n), 1), n - 1)

    # -- the network -----------------------------------------------------------------------------------------------

    def _specification(self) -> Network:
        n_outputs = self._n_outputs
        if not isinstance(self.architecture, Network):
            return ARCHITECTURES[check_choice(self.architecture, "architecture", get_args(Preset))](
                self.image_shape_, n_outputs
            )
        if self.architecture.in_shape is not None:
            raise ValueError(
                "architecture is a built network, whose weights fit would draw anew. Pass one that is not built; to go "
                "on from weights take warm_start or partial_fit, or parts that hold them (Convolution.from_weights)."
            )
        shape = self.architecture.out_shape(self.image_shape_)
        if shape != (1, 1, n_outputs):
            raise ValueError(
                f"The network's output has shape {shape} for images of shape {self.image_shape_}; {n_outputs} "
                f"{self.outputs_are} need (1, 1, {n_outputs}): end it with Dense({n_outputs})."
            )
        return self.architecture

    @property
    def representation_(self) -> Network:
        """The network without its last part; for a network of one part, the pixels themselves."""
        parts = self.network_.parts[:-1]
        if not parts:
            return serial(Flatten()).build(self.image_shape_)
        return serial(*parts, names=self.network_.names[:-1])

    def summary(self) -> str:
        """Return the fitted network's table of shapes, receptive fields, params and multiply-adds.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        check_is_fitted(self)
        return self.network_.summary()


def _generator(state: Mapping[str, Any]) -> np.random.Generator:
    """Return a generator that goes on from the state of one of NumPy's."""
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)


class _EpochPrinter:
    """Prints each epoch's record with the seconds since the start."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def __call__(self, record: Record) -> None:
        values = "  ".join(f"{k.replace('_', ' ')} {v:.4f}" for k, v in record.items() if k != "epoch")
        print(f"epoch {record['epoch']:3.0f}  {values}  {time.perf_counter() - self.start:.0f} s", flush=True)
