"""The wide LeNet in PyTorch (Paszke et al. 2019), with the plan, optimiser, schedule and epochs of ours."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from kernelconv.studies.models import Representation
from kernelconv.studies.registry.schedules import epochs, schedule


class TorchLeNet(ClassifierMixin, BaseEstimator):
    """The wide LeNet of PyTorch's layers, AdamW, one cycle, on one thread."""

    learning_rate, weight_decay, dropout, width, longer = 2e-3, 0.05, 0.5, 1, 1  # as ours

    def __init__(self, size: int, seed: int = 0):
        self.size = size
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Train."""
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(self.seed)
        plan = schedule(self.size, self.learning_rate)
        n_epochs = self.longer * plan["epochs"]
        self.classes_, codes = np.unique(y, return_inverse=True)
        x, labels = self._images(X, fit=True), torch.from_numpy(codes)
        self.network_ = lenet(tuple(x.shape[1:]), len(self.classes_), self.width, self.dropout)
        steps = -(-len(x) // plan["batch_size"])
        optimizer = torch.optim.AdamW(
            self.network_.parameters(), lr=plan["learning_rate"], weight_decay=self.weight_decay
        )
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan["learning_rate"], total_steps=steps * n_epochs)
        rng = np.random.default_rng(self.seed)
        self.network_.train()
        for _ in range(n_epochs):
            for batch in np.array_split(rng.permutation(len(x)), steps):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(self.network_(x[batch]), labels[batch]).backward()
                optimizer.step()
                rate.step()
        self.network_.eval()
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the class of the highest score."""
        return self.classes_[self._run(self.network_, X).argmax(1)]

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the penultimate features."""
        return self._run(self.network_[:-2], X)

    def _run(self, network: Any, X: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            return np.concatenate([network(self._images(X[lo : lo + 500])).numpy() for lo in range(0, len(X), 500)])

    def _images(self, X: np.ndarray, fit: bool = False) -> Any:
        import torch

        X = np.asarray(X, np.float32)
        if fit:  # per channel, as ours
            channels = [X] if X.ndim == 3 else np.moveaxis(X, -1, 0)
            self.mean_, self.std_ = (np.array([f(c) for c in channels]) for f in (np.mean, np.std))
        x = torch.from_numpy((X - self.mean_) / self.std_)
        return x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()


class TunedTorchLeNet(TorchLeNet):
    """The same with settings of its own: `width` multiplies the channels and hidden units, `longer` the epochs."""

    def __init__(
        self,
        size: int,
        seed: int = 0,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.05,
        dropout: float = 0.5,
        width: int = 1,
        longer: int = 1,
    ):
        super().__init__(size, seed)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.width = width
        self.longer = longer


def lenet(shape: tuple[int, int, int], n_classes: int, width: int = 1, dropout: float = 0.5) -> Any:
    """Return the wide LeNet as our preset has it, maps of 10 pixels or more; dropout before both dense layers."""
    from torch import nn

    n_channels, *maps = shape
    maps = [n // 2 for n in maps]
    small = min(maps) < 10
    maps = [(n if small else n - 4) // 2 for n in maps]
    first, second, hidden = 32 * width, 64 * width, 128 * width
    return nn.Sequential(
        *(nn.Conv2d(n_channels, first, 5, padding=2), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(first, second, 5, padding=2 if small else 0), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(dropout), nn.Linear(second * maps[0] * maps[1], hidden), nn.ReLU()),
        *(nn.Dropout(dropout), nn.Linear(hidden, n_classes)),
    )


#: The setting of the lowest validation error of those that benchmarks/candidates.py tried, by the shape of the images.
TUNED = {(32, 32, 3): {"learning_rate": 1e-3, "longer": 2}, (28, 28): {"learning_rate": 2e-3, "longer": 2}}


def build(shape, size, seed):
    """Return the network, unfitted."""
    return TorchLeNet(size, seed)


def build_tuned(shape, size, seed):
    """Return the network with its own settings, unfitted."""
    return TunedTorchLeNet(size, seed, **TUNED.get(tuple(shape), {}))


RIVALS = [
    Representation(
        "torch-lenet",
        "PyTorch wide LeNet",
        "others",
        build,
        "The wide LeNet in PyTorch (Paszke et al. 2019), with the plan, optimiser, schedule and epochs of ours.",
        trained=True,
        milliseconds=(0.7, 0.4),
        epochs=epochs,
        colour=1.3,
        needs="torch",
    ),
    Representation(
        "torch-lenet-tuned",
        "PyTorch wide LeNet, tuned",
        "others",
        build_tuned,
        "The wide LeNet in PyTorch (Paszke et al. 2019), optimiser and kind of schedule as ours, with its own learning "
        "rate and twice the epochs: the best of the settings tried.",
        trained=True,
        milliseconds=(0.7, 0.4),
        epochs=lambda size: 2 * epochs(size),
        colour=1.3,
        needs="torch",
    ),
]
